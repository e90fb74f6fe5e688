"""Freed memory given back to the operating system, once a unit and not more often.

glibc keeps an arena for each thread and seldom returns what was freed in it, and the engine's MKL
keeps every buffer of every shape it has seen: over many units the process would seem to grow
although nothing is held. And what glibc maps by itself, it returns at each step of the engine,
which asks for the same megabytes at the next.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

_M_ARENA_MAX = -8  # malloc.h
_ARENAS = 2  # the main one, and one that all other threads share
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT = 128 << 20  # bytes free at the end of an arena that are not returned of its own accord
_OBJECTS = 50_000  # new ones between two searches for cycles
_MAPPED = 32 << 20  # bytes of a block from which it is mapped by itself


def settle_memory() -> None:
    """Do the three below; called before the engine is first used in a process."""
    free_engine_buffers()
    share_arenas()
    keep_between_steps()


def free_engine_buffers() -> None:
    """Let MKL free its buffers at once; has an effect before the engine first computes.

    Costs no time that can be measured (benchmarks/generation.py). A value that the user has set
    stands.
    """
    os.environ.setdefault("MKL_DISABLE_FAST_MM", "1")


def share_arenas() -> None:
    """Let the threads started from now on share one arena, where the C library has arenas."""
    _mallopt(_M_ARENA_MAX, _ARENAS)


def keep_between_steps() -> None:
    """Keep freed memory until :func:`release`, where the C library can be told."""
    _mallopt(_M_MMAP_THRESHOLD, _MAPPED)
    _mallopt(_M_TRIM_THRESHOLD, _KEPT)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Have Python look for cycles less often: a unit is a million objects, and none of them is."""
    before = gc.get_threshold()
    if before[0]:  # else the user has turned the search off
        gc.set_threshold(_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _mallopt(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(option, value)


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
