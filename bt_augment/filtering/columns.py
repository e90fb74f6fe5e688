"""Scores of text columns, computed once per distinct value.

QA sets repeat each passage four or five times in a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from bt_augment.filtering.base import ScoreArray

Value = TypeVar("Value", bound=Hashable)


def distinct(values: Sequence[Value]) -> tuple[list[Value], npt.NDArray[np.intp]]:
    """Return the distinct values in order of appearance, and each value's index among them."""
    index: dict[Value, int] = {}
    inverse = [index.setdefault(value, len(index)) for value in values]
    return list(index), np.asarray(inverse, dtype=np.intp)


def score_distinct(
    values: Sequence[Value], measure: Callable[[Value], float]
) -> npt.NDArray[np.float32]:
    """Return ``measure`` of every value, computed once per distinct value."""
    unique, inverse = distinct(values)
    measured: ScoreArray = np.array([measure(value) for value in unique], dtype=np.float32)
    return measured[inverse]
