"""Freed memory given back to the operating system.

glibc keeps an arena for each thread and seldom returns what was freed in it: over many units the
process would seem to grow although nothing is held.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache


def release() -> None:
    """Return freed memory to the system, where the C library offers it (a few milliseconds)."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)  # absent from musl
