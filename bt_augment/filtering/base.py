"""The contract of a filter: named scores for a batch of candidates, and nothing decided.

A filter says for each score which values are good, in which unit, and what the default
threshold is. Deciding is separate (:mod:`bt_augment.filtering.cascade`) and can be repeated
from stored scores.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from bt_augment.pairs.candidates import CandidateBatch, ScoreArray
from bt_augment.pairs.schema import CODE_SWITCH, PIVOT, ROUND_TRIP, TRANSLATION

__all__ = ["MADE_METHODS", "CandidateBatch", "Filter", "Score", "ScoreArray"]

_BOUNDS = re.compile(r"(-?\d+) to (\d+)$")

MADE_METHODS = frozenset({TRANSLATION, ROUND_TRIP, PIVOT, CODE_SWITCH})


@dataclass(frozen=True)
class Score:
    """One score of a filter, and its default thresholds.

    Attributes:
        name: full name, ``family.score``; also the field in ``scores`` and the recipe key.
        unit: unit and range, for the documentation (``"share, 0 to 1"``).
        description: one sentence: what is measured.
        min: default lower threshold; a value below it rejects with ``<name>.low``.
        max: default upper threshold; a value above it rejects with ``<name>.high``.
        methods: the methods of rows to which the score applies; others are never judged by it.
        reject_null: whether a score that could not be computed rejects, with ``<name>.null``.
        enabled: whether the score is computed and judged by default.
        options: further recipe keys of this score with their defaults, such as an encoder's name.
        least: the lowest value of those that are numbers.
    """

    name: str
    unit: str
    description: str
    min: float | None = None
    max: float | None = None
    methods: frozenset[str] = MADE_METHODS
    reject_null: bool = True
    enabled: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    least: Mapping[str, int] = field(default_factory=dict)

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Return the lowest and highest value that the unit allows, or None where it is open."""
        match = _BOUNDS.search(self.unit)
        return (float(match[1]), float(match[2])) if match else None


class Filter(ABC):
    """Computes the scores of one family.

    A subclass declares :attr:`scores` and fills :meth:`score`. It must be a pure function of the
    batch (and of what it was constructed with), so that a unit gives the same bytes anywhere.
    """

    scores: tuple[Score, ...]

    def __init__(self, options: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """Take the recipe options of each score; None takes what the scores declare."""
        self.options = {
            score.name: {**score.options, **(options or {}).get(score.name, {})}
            for score in self.scores
        }

    @abstractmethod
    def score(self, batch: CandidateBatch, wanted: Set[str]) -> dict[str, ScoreArray]:
        """Return an array of ``len(batch)`` float32 values for each score named in ``wanted``.

        ``wanted`` holds full names (``family.score``) and is a subset of this filter's own. NaN
        means "could not be computed".
        """
