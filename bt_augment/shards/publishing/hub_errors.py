"""What the Hub's client raises, sorted: what may pass by waiting, and what to tell the user."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from traceback import walk_tb
from typing import TypeVar

from bt_augment.errors import PublishError

logger = logging.getLogger(__name__)

T = TypeVar("T")

WAITS = (1.0, 2.0, 4.0, 8.0)  # seconds between attempts, unless the Hub names a time
LONGEST_WAIT = 300.0  # seconds; the Hub's rate limits are counted in windows of five minutes
OFFLINE = "the client is set to stay offline; unset HF_HUB_OFFLINE to publish"
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_HIDDEN = "[token]"
_KEPT = "What was uploaded is kept: run the same command again to go on"


class Changed(Exception):  # noqa: N818 - no error: the plan is made anew
    """Somebody else has committed since the repository was looked at."""


def patiently(step: Callable[[], T], what: str, *, sleep: Callable[[float], None]) -> T:
    """Return what ``step`` gives, tried again while the Hub is busy or the connection breaks.

    Args:
        step: may be run any number of times.
        what: names it in log messages.
        sleep: takes seconds.

    Raises:
        Exception: what ``step`` raised, at the last attempt, for a reason that stays, or where
            the Hub asks to wait for longer than ``LONGEST_WAIT``.
    """
    for wait in WAITS:
        try:
            return step()
        except Exception as error:
            seconds = _named_wait(error) or wait
            if not may_pass(error) or seconds > LONGEST_WAIT:  # trying earlier would be refused
                raise
            logger.warning("%s: %s; trying again in %g s", what, _short(root_of(error)), seconds)
            sleep(seconds)
    return step()


def may_pass(error: BaseException) -> bool:
    """Tell whether waiting may help."""
    root = root_of(error)
    status = status_of(root)
    if status is not None:
        return status in _PASSING
    if isinstance(root, _offline()):
        return False
    # A busy Hub, or a proxy before it, answers in HTML where the client reads JSON.
    return isinstance(root, (*_broken_connection(), Changed, json.JSONDecodeError))


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that the Hub answered with, if it did."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def root_of(error: BaseException) -> BaseException:
    """Return what the client wrapped: it raises a bare RuntimeError when an upload fails."""
    wrapped = error.__cause__
    return wrapped if type(error) is RuntimeError and wrapped is not None else error


def explained(error: Exception, repo: str, token: str) -> PublishError:
    """Return what to tell the user."""
    root = root_of(error)
    said = redacted(_short(root), token)
    status = status_of(root)
    asked = _named_wait(root) or 0
    if asked > LONGEST_WAIT:
        advice = f"the Hub asks to wait for {asked:,.0f} s ({status}). {_KEPT} then"
    elif status == 401:
        advice = (
            "the Hub does not accept the token (401). Make one with write access under "
            "https://huggingface.co/settings/tokens, then log in with 'hf auth login' or set "
            "HF_TOKEN"
        )
    elif status == 403:
        advice = (
            f"the token may not write there (403): {said}. Use one with write access to it, or "
            "another NAMESPACE"
        )
    elif status == 404:
        advice = (
            f"the Hub does not find it (404): {said}. Check the name and --revision, and that the "
            "token may see it"
        )
    elif status == 429:
        advice = f"the Hub's rate limit is reached (429). {_KEPT}, a few minutes from now"
    elif status is not None and status >= 500:
        advice = f"the Hub fails ({status}): {said}. {_KEPT} later"
    elif status is not None:
        advice = f"the Hub refuses this ({status}): {said}"
    elif isinstance(root, _offline()):
        advice = OFFLINE
    elif isinstance(root, _broken_connection()):
        advice = f"the Hub cannot be reached ({said}). Check the connection. {_KEPT}"
    elif _is_no_answer(root):
        advice = (
            f"what answers is not the Hub, or fails ({type(root).__name__}: {said}). Check "
            f"HF_ENDPOINT and the proxy, if there is one. {_KEPT}"
        )
    elif isinstance(root, Changed):
        advice = f"others keep committing to it. {_KEPT}"
    else:
        advice = f"{said}. {_KEPT}"
    return PublishError(f"{repo}: {advice}")


def is_hub_error(error: Exception) -> bool:
    """Tell whether ``error`` came from the Hub or the way to it, and not from a bug."""
    from huggingface_hub.errors import HFValidationError, LocalTokenNotFoundError, OIDCError

    root = root_of(error)
    known = (HFValidationError, LocalTokenNotFoundError, OIDCError, Changed, OSError)
    # The client raises bare ValueErrors for metadata and uploads that the Hub refuses.
    return isinstance(root, (*known, *_broken_connection(), ValueError)) or _is_no_answer(root)


def redacted(text: str, token: str) -> str:
    """Return ``text`` without the token."""
    return text.replace(token, _HIDDEN) if token else text


@contextmanager
def hidden_in_logs(token: str) -> Iterator[None]:
    """Keep the token out of what any logger writes, should a library or the Hub repeat it."""

    def hide(record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if token and token in message:
            record.msg, record.args = redacted(message, token), ()
        return True

    handlers = [*logging.getLogger().handlers, *logging.getLogger("huggingface_hub").handlers]
    for handler in handlers:
        handler.addFilter(hide)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(hide)


def _is_no_answer(error: BaseException) -> bool:
    """Tell whether the client failed over JSON of another form, which it takes apart unchecked."""
    if not isinstance(error, (KeyError, TypeError, AttributeError)):
        return False
    names = [frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__)]
    return bool(names) and names[-1].partition(".")[0] == "huggingface_hub"


def _broken_connection() -> tuple[type[BaseException], ...]:
    """Return what is raised when there is no answer."""
    from huggingface_hub.errors import HfHubHTTPError

    # The client's HTTP library has changed twice (requests, httpx, httpx2); HfHubHTTPError always
    # derives from that library's own base first.
    return (HfHubHTTPError.__bases__[0], ConnectionError, TimeoutError)


def _offline() -> type[Exception]:
    from huggingface_hub.errors import OfflineModeIsEnabled

    return OfflineModeIsEnabled


def _named_wait(error: BaseException) -> float | None:
    headers = getattr(getattr(root_of(error), "response", None), "headers", {})
    value = str(headers.get("Retry-After", ""))
    return float(value) if value.isdigit() else None


def _short(error: BaseException) -> str:
    said = getattr(error, "server_message", None) or str(error) or type(error).__name__
    return " ".join(str(said).split())[:300]
