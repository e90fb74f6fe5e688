"""Places on object storage, as a user writes them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import unquote

from bt_augment.errors import InputError, did_you_mean

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_ALIASES = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "hf": "hf"}
_SCHEMES = ("s3", "gs", "hf", "file")
_PATTERN_SIGNS = frozenset("*?[]")  # which fsspec would take for patterns
_READABLE = 60  # characters of an address kept in the name of its folder in the cache


def is_url(text: object) -> bool:
    """Return whether ``text`` is a string that begins with a scheme, such as ``s3://``."""
    return isinstance(text, str) and _URL.match(text) is not None


def place(text: str) -> Path | str:
    """Return a path of this machine, or the normalized URL of a place on object storage.

    Args:
        text: a path, a ``file://`` URL, or an ``s3://``, ``gs://`` or ``hf://`` one.

    Raises:
        InputError: the scheme is unknown, or the URL has credentials in it or names no bucket.
    """
    if not is_url(text):
        return Path(text)
    scheme, _, rest = text.partition("://")
    scheme = scheme.lower()
    host = rest.partition("/")[0]
    # A secret may hold slashes; in a bucket's name only an ARN has a colon.
    secret = ":" in host and "@" in rest and not host.startswith("arn:")
    if "@" in host or secret:  # never repeated: an error message goes into logs
        bucket = rest.rpartition("@")[2].partition("/")[0]
        raise InputError(
            f"{scheme}://***@{bucket}: credentials do not belong in a URL; they are found in their "
            "usual places (environment, ~/.aws, gcloud, hf auth login)"
        )
    if scheme == "file":
        return _local(text)
    if scheme not in _ALIASES:
        raise InputError(
            f"{scheme}://{rest}: {scheme!r} is no storage that is known here"
            f"{did_you_mean(scheme, _SCHEMES)}; one of {', '.join(f'{s}://' for s in _SCHEMES)}. "
            "Download the file and name the copy"
        )
    rest = rest.rstrip("/")
    if set(rest) & _PATTERN_SIGNS:
        raise InputError(f"{text}: has one of * ? [ ]; name one place, not a pattern")
    if not host or not rest.partition("/")[2].strip("/"):
        raise InputError(f"{text}: names no place in a bucket; write {scheme}://BUCKET/PATH")
    return f"{_ALIASES[scheme]}://{rest}"


def cache_name(url: str, version: str = "") -> str:
    """Return the name of a folder for ``url``: readable, and its own for each version."""
    readable = re.sub(r"[^\w.-]+", "-", url.partition("://")[2])[-_READABLE:].lstrip(".-")
    digest = hashlib.sha256(f"{url}\0{version}".encode()).hexdigest()[:16]
    return f"{readable}-{digest}"


def _local(text: str) -> Path:
    host, slash, path = text.partition("://")[2].partition("/")
    if set(text) & {"?", "#"}:
        raise InputError(
            f"{text}: has a ? or #, which end the path of a URL; write %3F or %23 for one in a "
            "name, or give the path without file://"
        )
    if host not in ("", "localhost"):
        raise InputError(f"{text}: names a file of another machine; write file:///PATH")
    if not slash:
        raise InputError(f"{text}: names no file; write file:///PATH")
    return Path(unquote(f"/{path}"))
