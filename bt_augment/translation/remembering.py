"""What was found out about the texts of a unit, remembered until the unit is done.

Translation and several filters ask the same of the same texts, one after the other. What they find
is kept between their calls, and let go with the unit, so that memory does not grow with the run.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import _lru_cache_wrapper, lru_cache
from typing import TypeVar

Found = TypeVar("Found")

_remembered: list[_lru_cache_wrapper[object]] = []


def remembered(
    texts: int,
) -> Callable[[Callable[..., Found]], _lru_cache_wrapper[Found]]:
    """Return a decorator that keeps what a function of texts found.

    Args:
        texts: how many of the latest results are kept at most.
    """

    def keep(function: Callable[..., Found]) -> _lru_cache_wrapper[Found]:
        kept = lru_cache(maxsize=texts)(function)
        _remembered.append(kept)
        return kept

    return keep


def forget_texts() -> None:
    """Let go of all that is remembered; what another thread still needs is found out again."""
    for kept in _remembered:
        kept.cache_clear()
