"""Heat maps as tables: a number in each cell, and the step of colour behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
import numpy.typing as npt

from bt_augment.evaluation.arms import LoadedArm
from bt_augment.reporting.heat_map import PairScores, mean_scores, pair_gains, short
from bt_augment.reporting.results_files import Results

STEPS = 13  # classes c0 to c12 and d0 to d12 of assets/heat.css

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Cell:
    """A cell; ``step`` of the colours is None where nothing was measured."""

    text: str
    step: int | None
    sure: bool


@dataclass(frozen=True)
class HeatMap:
    """A measure by language of query (rows) and of candidates (columns).

    Attributes:
        title: whose it is.
        columns: languages of the candidates.
        rows: language of the queries, and its cells.
        low: the number at the first step of colour.
        high: the number at the last.
    """

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, list[Cell]]]
    low: str
    high: str


def score_maps(arms: Mapping[str, Sequence[Results]], measure: str) -> list[HeatMap]:
    """Return a heat map of each arm that has the measure, as means over its runs, on one scale."""
    found = {
        name: scores
        for name, runs in arms.items()
        if (scores := mean_scores([results.matrix.get(measure, {}) for results in runs]))
    }
    values = [v for scores in found.values() for v in scores.values.ravel() if isfinite(v)]
    low, high = (min(values), max(values)) if values else (0.0, 0.0)
    return [_score_map(name, scores, low, high) for name, scores in found.items()]


def gain_maps(
    arms: Sequence[LoadedArm], contrasts: Sequence[tuple[str, str]], measure: str
) -> list[HeatMap]:
    """Return what arms gain over others, on one scale that is white at zero.

    Cells are marked where the gain is not luck, by
    :func:`~bt_augment.reporting.heat_map.pair_gains`.

    Args:
        arms: with their results.
        contrasts: names of two arms each; a map shows what the second gains over the first.
        measure: the one that the arms were loaded with.
    """
    matrix = arms[0].contents[0].get("matrix", {}).get(measure, {}) if arms else {}
    pairs = mean_scores([matrix])
    if pairs is None:
        return []
    contrasts = list(dict.fromkeys(contrasts))
    named = {arm.name: arm for arm in arms}
    found = [pair_gains(named[base], named[arm], pairs) for base, arm in contrasts]
    reach = max((float(np.nanmax(np.abs(g.values), initial=0.0)) for g in found), default=0) or 0.01
    return [
        _gain_map(f"{arm} over {base}", gains, reach)
        for (base, arm), gains in zip(contrasts, found, strict=True)
    ]


def _gain_map(title: str, gains: PairScores, reach: float) -> HeatMap:
    marked = np.zeros(gains.values.shape, np.bool_) if gains.marked is None else gains.marked
    rows = [
        (
            query,
            [
                _cell(value, f"{value:+.3f}", -reach, reach, sure=sure)
                for value, sure in zip(line.tolist(), sures.tolist(), strict=True)
            ],
        )
        for query, line, sures in zip(gains.queries, gains.values, marked, strict=True)
    ]
    return HeatMap(title, gains.candidates, rows, f"−{reach:.3f}", f"+{reach:.3f}")


def _score_map(name: str, scores: PairScores, low: float, high: float) -> HeatMap:
    rows = [
        (query, [_cell(value, f"{value:.3f}", low, high) for value in line.tolist()])
        for query, line in zip(scores.queries, scores.values, strict=True)
    ]
    return HeatMap(name, scores.candidates, rows, f"{low:.3f}", f"{high:.3f}")


def _cell(value: float, text: str, low: float, high: float, *, sure: bool = False) -> Cell:
    if not isfinite(value):
        return Cell("–", None, False)
    share = (value - low) / (high - low) if high > low else 0.5
    return Cell(short(text), round(share * (STEPS - 1)), sure)
