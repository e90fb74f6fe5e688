"""Waiting for what other threads do, without missing Ctrl-C."""

from __future__ import annotations

from concurrent.futures import Future, wait
from typing import TypeVar

T = TypeVar("T")

_TICK_SECONDS = 0.2


def awaited(future: Future[T]) -> T:
    """Return what a future gives; Ctrl-C, or being told to end, ends the waiting at once.

    The system may hand a signal to any thread, and Python acts on it in the main one alone, which
    such a signal does not wake.

    Raises:
        BaseException: what the future raises.
    """
    while wait([future], timeout=_TICK_SECONDS).not_done:
        pass
    return future.result()
