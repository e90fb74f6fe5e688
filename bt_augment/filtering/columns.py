"""Scores of text columns, computed once per distinct value.

QA sets repeat each passage four or five times in a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from bt_augment.filtering.base import ScoreArray

CHARACTERS_AT_ONCE = 4_000_000  # more than the passages of an ordinary unit have

Value = TypeVar("Value", bound=Hashable)


def distinct(values: Sequence[Value]) -> tuple[list[Value], npt.NDArray[np.intp]]:
    """Return the distinct values in order of appearance, and each value's index among them."""
    index: dict[Value, int] = {}
    inverse = [index.setdefault(value, len(index)) for value in values]
    return list(index), np.asarray(inverse, dtype=np.intp)


def in_parts(texts: Sequence[str]) -> list[slice]:
    """Return slices of texts of a bounded length together, so that arrays over them are bounded.

    A text alone may be longer.
    """
    if not texts:
        return []
    filled = np.cumsum([len(text) for text in texts]) // CHARACTERS_AT_ONCE
    ends = [*(np.flatnonzero(np.diff(filled)) + 1).tolist(), len(texts)]
    return [slice(start, end) for start, end in pairwise([0, *ends])]


def score_distinct(
    values: Sequence[Value], measure: Callable[[Value], float]
) -> npt.NDArray[np.float32]:
    """Return ``measure`` of every value, computed once per distinct value."""
    unique, inverse = distinct(values)
    measured: ScoreArray = np.array([measure(value) for value in unique], dtype=np.float32)
    return measured[inverse]
