"""Access tokens kept out of everything that the command line prints.

A library or a server may repeat a token in an error message or a log line, and logs are sent to
others. The Hub's client keeps the token in the environment or in a file; both are looked at.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from bt_augment.cli.terminal import echo
from bt_augment.errors import printable

_HIDDEN = "[token]"
# Names and passwords in whatever address was given, a proxy's too. A secret of AWS may hold
# slashes; digits and a slash after a colon are a port.
_IN_ADDRESS = re.compile(
    r"""((?<![\w+.-])\w[\w+.-]*:/{1,2})(?:[^\s/'"]+|[^\s/:'"]+:(?!\d+/)[^\s'"]+)@"""
)
# Looked at up to its last @: else each beginning of an address is followed to the end of the word.
_WORD = re.compile(r"""[^\s'"]+""")
# A signed address, or one with an access token.
_IN_QUERY = re.compile(
    r"""([?&](?:[\w.-]*[_.-])?(?:token|key|apikey|secret|signature|sig|password|credential)=)[^&\s'"]+""",
    re.IGNORECASE,
)
_SHORTEST = 8  # what is shorter is no token, and would take words out of messages
_VARIABLES = (
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "HUGGINGFACE_HUB_TOKEN",
    "WANDB_API_KEY",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
)


class Secrets:
    """The tokens of this process, to be taken out of text.

    Args:
        environment: where tokens are named, and the folder of the Hub's client.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        found = {environment.get(name, "") for name in _VARIABLES}
        found.add(_stored_token(environment))
        self._tokens = sorted({t.strip() for t in found if len(t.strip()) >= _SHORTEST}, key=len)

    def redacted(self, text: str) -> str:
        """Return ``text`` without the tokens, and without credentials in addresses."""
        for token in reversed(self._tokens):
            text = text.replace(token, _HIDDEN)
        return _IN_QUERY.sub(r"\1***", _WORD.sub(_without_credentials, text))

    def keep_out_of_logs(self) -> None:
        """Take the tokens out of every log line and warning, and what a terminal would obey.

        Libraries have handlers of their own, so a line is cleaned when it is made, too.
        """
        for handler in logging.getLogger().handlers:
            handler.setFormatter(_Redacting(handler.formatter or logging.Formatter(), self))
        make, trace = logging.getLogRecordFactory(), logging.Formatter().formatException

        def cleaned(*args: Any, **more: Any) -> logging.LogRecord:
            record = make(*args, **more)
            try:
                record.msg, record.args = printable(self.redacted(record.getMessage())), ()
            except (TypeError, ValueError, KeyError):
                return record  # its arguments do not fit; whoever writes it says so
            if record.exc_info and record.exc_info[0] is not None:
                record.exc_text = printable(self.redacted(trace(record.exc_info)))
            return record

        logging.setLogRecordFactory(cleaned)
        logging.captureWarnings(True)

    def keep_out_of_tracebacks(self) -> None:
        """Take the tokens out of the traceback with which a bug ends the process."""

        def show(
            kind: type[BaseException], error: BaseException, trace: TracebackType | None
        ) -> None:
            lines = traceback.format_exception(kind, error, trace)
            echo(self.redacted("".join(lines)), err=True, nl=False)

        sys.excepthook = show


class _Redacting(logging.Formatter):
    """Formats as another formatter does, and then takes the tokens out: of tracebacks too.

    What a terminal would obey is written out.
    """

    def __init__(self, inner: logging.Formatter, secrets: Secrets) -> None:
        super().__init__()
        self._inner = inner
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return printable(self._secrets.redacted(self._inner.format(record)))


def _without_credentials(word: re.Match[str]) -> str:
    before, at, after = word[0].rpartition("@")
    return _IN_ADDRESS.sub(r"\1***@", before + at) + after if at else word[0]


def _stored_token(environment: Mapping[str, str]) -> str:
    """Return the token of a login, from where the Hub's client keeps it."""
    try:
        home = environment.get("HF_HOME") or Path(
            environment.get("XDG_CACHE_HOME") or Path.home() / ".cache", "huggingface"
        )
        path = Path(environment.get("HF_TOKEN_PATH") or Path(home, "token"))
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError, RuntimeError):  # the last: a user without a home
        return ""
