"""Heat maps as tables: a number in each cell, and the step of colour behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
import numpy.typing as npt

from bt_augment.evaluation.arms import LoadedArm
from bt_augment.reporting.heat_map import PairScores, pair_gains
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
        name: matrix
        for name, runs in arms.items()
        if (matrix := _mean_matrix([results.matrix.get(measure, {}) for results in runs]))
    }
    values = [v for m in found.values() for row in m.values() for v in row.values() if isfinite(v)]
    low, high = (min(values), max(values)) if values else (0.0, 0.0)
    return [_score_map(name, matrix, low, high) for name, matrix in found.items()]


def gain_maps(arms: Sequence[LoadedArm], measure: str) -> list[HeatMap]:
    """Return what each arm gains over the first, on one scale that is white at zero.

    Cells are marked where the gain is not luck, by
    :func:`~bt_augment.reporting.heat_map.pair_gains`.
    """
    matrix = arms[0].contents[0].get("matrix", {}).get(measure) if arms else None
    if not matrix:
        return []
    columns = _columns(matrix)
    pairs = PairScores(tuple(matrix), columns, np.zeros((len(matrix), len(columns))))
    found = [pair_gains(arms[0], arm, pairs) for arm in arms[1:]]
    reach = max((float(np.nanmax(np.abs(g.values), initial=0.0)) for g in found), default=0) or 0.01
    return [
        _gain_map(f"{arm.name} over {arms[0].name}", gains, reach)
        for arm, gains in zip(arms[1:], found, strict=True)
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


def _mean_matrix(matrices: Sequence[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    if not all(matrices):
        return {}
    return {
        query: {
            column: float(np.mean([m.get(query, {}).get(column, np.nan) for m in matrices]))
            for column in _columns(matrices[0])
        }
        for query in matrices[0]
    }


def _columns(matrix: Mapping[str, Mapping[str, float]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tag for row in matrix.values() for tag in row))


def _score_map(name: str, matrix: dict[str, dict[str, float]], low: float, high: float) -> HeatMap:
    rows = [
        (query, [_cell(value, f"{value:.3f}", low, high) for value in row.values()])
        for query, row in matrix.items()
    ]
    return HeatMap(name, _columns(matrix), rows, f"{low:.3f}", f"{high:.3f}")


def _cell(value: float, text: str, low: float, high: float, *, sure: bool = False) -> Cell:
    if not isfinite(value):
        return Cell("–", None, False)
    share = (value - low) / (high - low) if high > low else 0.5
    shown = text if float(text) else text.lstrip("+-")  # zero has no sign
    shown = shown.replace("0.", ".", 1).replace("-", "−")
    return Cell(shown, round(share * (STEPS - 1)), sure)
