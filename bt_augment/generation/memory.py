"""Freed memory given back to the operating system.

glibc keeps an arena for each thread and seldom returns what was freed in it, and the engine's MKL
keeps every buffer of every shape it has seen: over many units the process would seem to grow
although nothing is held.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from functools import cache

_M_ARENA_MAX = -8  # malloc.h
_ARENAS = 2  # the main one, and one that all other threads share


def settle_memory() -> None:
    """Do the two below; called before the engine is first used in a process."""
    free_engine_buffers()
    share_arenas()


def free_engine_buffers() -> None:
    """Let MKL free its buffers at once; has an effect before the engine first computes.

    Costs no time that can be measured (benchmarks/generation.py). A value that the user has set
    stands.
    """
    os.environ.setdefault("MKL_DISABLE_FAST_MM", "1")


def share_arenas() -> None:
    """Let the threads started from now on share one arena, where the C library has arenas."""
    if sys.platform.startswith("linux"):
        option = getattr(ctypes.CDLL(None), "mallopt", None)
        if option is not None:
            option(_M_ARENA_MAX, _ARENAS)


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
