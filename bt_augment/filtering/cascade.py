"""The verdict: thresholds applied to scores, with every reason named.

Deciding reads stored scores only, so it can be repeated with other thresholds at no cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bt_augment.filtering.base import Score, ScoreArray

LOW = "low"
HIGH = "high"
NULL = "null"


@dataclass(frozen=True)
class Threshold:
    """What values of one score are accepted.

    Attributes:
        score: full name, ``family.score``.
        methods: methods of rows to which the score applies.
        min: values below are rejected; None is no floor.
        max: values above are rejected; None is no ceiling.
        reject_null: whether a value that could not be computed is rejected.
    """

    score: str
    methods: frozenset[str]
    min: float | None = None
    max: float | None = None
    reject_null: bool = True

    @classmethod
    def default(cls, score: Score) -> Threshold:
        """Return the threshold that a score declares for itself."""
        return cls(score.name, score.methods, score.min, score.max, score.reject_null)


def judge(
    scores: Mapping[str, ScoreArray], methods: Sequence[str], thresholds: Sequence[Threshold]
) -> list[list[str]]:
    """Return the reject reasons of each row; an empty list accepts it.

    Args:
        scores: full name → values, shape (rows,), NaN where unknown.
        methods: the method of each row.
        thresholds: one for each score that is judged; a score absent from ``scores`` is unknown.

    Returns:
        For each row all reasons, as ``family.score.low``, ``.high`` or ``.null``, in the order
        of ``thresholds``.
    """
    reasons: list[list[str]] = [[] for _ in methods]
    method_of = np.array(methods, dtype=object)
    for threshold in thresholds:
        values = scores.get(threshold.score)
        if values is None:
            values = np.full(len(reasons), np.nan, dtype=np.float32)
        applies = np.isin(method_of, list(threshold.methods))
        unknown = np.isnan(values)
        if threshold.reject_null:
            _note(reasons, applies & unknown, f"{threshold.score}.{NULL}")
        # Stored scores are float32: compare as they are stored, so that a verdict can be repeated.
        if threshold.min is not None:
            _note(
                reasons, applies & (values < np.float32(threshold.min)), f"{threshold.score}.{LOW}"
            )
        if threshold.max is not None:
            _note(
                reasons, applies & (values > np.float32(threshold.max)), f"{threshold.score}.{HIGH}"
            )
    return reasons


def _note(reasons: list[list[str]], where: npt.NDArray[np.bool_], code: str) -> None:
    for row in np.flatnonzero(where):
        reasons[row].append(code)
