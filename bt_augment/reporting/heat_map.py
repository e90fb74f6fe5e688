"""Heat maps of pairs of languages: one arm's scores, and what another gains over it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bt_augment.evaluation.arms import LoadedArm
from bt_augment.evaluation.significance import analytic_effect, holm

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]

SIGNIFICANT = 0.05

_CELL_INCHES = 0.42
_SCORES, _GAINS = "cividis", "PuOr_r"  # both read by the colour-blind


@dataclass(frozen=True)
class PairScores:
    """A measure by pair of languages; NaN where a pair was not measured.

    Attributes:
        queries: languages of the queries, one per row.
        candidates: languages of the candidates, one per column.
        values: shape (rows, columns).
        marked: which cells are printed bold, same shape; None for none.
    """

    queries: tuple[str, ...]
    candidates: tuple[str, ...]
    values: Floats
    marked: npt.NDArray[np.bool_] | None = None


def pair_scores(arm: LoadedArm, metric: str) -> PairScores | None:
    """Return an arm's scores, as the mean over its runs; None where pairs were not measured."""
    return mean_scores([content.get("matrix", {}).get(metric) or {} for content in arm.contents])


def mean_scores(matrices: Sequence[Mapping[str, Mapping[str, float]]]) -> PairScores | None:
    """Return the mean of runs; NaN where a run lacks the pair, None where one has no pairs.

    Args:
        matrices: of each run, language of queries → language of candidates → score.
    """
    if not all(matrices):
        return None
    queries = tuple(matrices[0])
    candidates = tuple(dict.fromkeys(tag for row in matrices[0].values() for tag in row))
    values = np.array(
        [[[m.get(q, {}).get(c, np.nan) for c in candidates] for q in queries] for m in matrices],
        dtype=np.float64,
    )
    return PairScores(queries, candidates, values.mean(axis=0))


def pair_gains(base: LoadedArm, arm: LoadedArm, scores: PairScores) -> PairScores:
    """Return what an arm gains over another for each pair of languages.

    Cells are marked where the difference is not luck: Student's t over questions (and seeds, of
    several runs), corrected by Holm over all cells.

    Args:
        base: the other arm.
        arm: the arm.
        scores: of either; names the languages.
    """
    values = np.full(scores.values.shape, np.nan)
    places, tests = [], []
    for row, query in enumerate(scores.queries):
        for column, candidate in enumerate(scores.candidates):
            first, second = base.by_pair(query, candidate), arm.by_pair(query, candidate)
            if first is None or second is None:
                continue
            effect = analytic_effect(first, second)
            values[row, column] = effect.effect
            places.append((row, column))
            tests.append(effect.p)
    marked = np.zeros(values.shape, dtype=np.bool_)
    for place, p in zip(places, holm(tests), strict=True):
        marked[place] = p < SIGNIFICANT
    return PairScores(scores.queries, scores.candidates, values, marked)


def draw_scores(scores: PairScores, title: str, metric: str, limits: tuple[float, float]) -> Figure:
    """Draw scores; limits are those of the colours, the same for all arms to be compared."""
    return _draw(scores, title, metric, _SCORES, limits, "{:.2f}", None)


def draw_gains(gains: PairScores, title: str, metric: str) -> Figure:
    """Draw differences, on colours that are white at zero."""
    reach = float(np.nanmax(np.abs(gains.values), initial=0.0)) or 0.01
    note = (
        f"Bold: p < {SIGNIFICANT} by Student's t over questions (and seeds, of several runs), "
        "corrected by Holm over "
        f"{np.isfinite(gains.values).sum()} pairs"
    )
    return _draw(gains, title, f"difference in {metric}", _GAINS, (-reach, reach), "{:+.3f}", note)


def _draw(
    scores: PairScores,
    title: str,
    label: str,
    colours: str,
    limits: tuple[float, float],
    form: str,
    note: str | None,
) -> Figure:
    from matplotlib.figure import Figure

    rows, columns = scores.values.shape
    width = 2.2 + _CELL_INCHES * max(columns, 5)
    figure = Figure(figsize=(width, 1.6 + _CELL_INCHES * max(rows, 4)))
    axes = figure.add_subplot()
    image = axes.imshow(scores.values, cmap=colours, vmin=limits[0], vmax=limits[1])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xticks(range(columns), scores.candidates)
    axes.set_yticks(range(rows), scores.queries)
    axes.tick_params(length=0)
    axes.set_xlabel("language of the candidates")
    axes.set_ylabel("language of the queries")
    axes.set_title(_wrapped(title, int(width * 9)))
    figure.colorbar(image, ax=axes, label=label, shrink=0.9)
    _write_values(axes, scores, form, image)
    if note:
        figure.supxlabel(_wrapped(note, int(width * 13)), fontsize=7.5)
    return figure


def _write_values(axes: Axes, scores: PairScores, form: str, image: object) -> None:
    for row, line in enumerate(scores.values):
        for column, value in enumerate(line):
            if not np.isfinite(value):
                continue
            red, green, blue, _ = image.cmap(image.norm(value))  # type: ignore[attr-defined]
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            bold = scores.marked is not None and bool(scores.marked[row, column])
            axes.text(
                column,
                row,
                short(form.format(value)),
                ha="center",
                va="center",
                fontsize=7.0,
                fontweight="bold" if bold else "normal",
                color="white" if dark else "black",
            )


def short(number: str) -> str:
    """Return ``-0.123`` as ``−.123``, and what was rounded to zero without a sign."""
    shown = number if float(number) else number.lstrip("+-")
    return re.sub(r"^([+-]?)0\.", r"\1.", shown).replace("-", "−")


def _wrapped(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width)) or text


def shared_limits(maps: Sequence[PairScores]) -> tuple[float, float]:
    """Return the least and the greatest score of all maps, a little apart where they are one."""
    values = np.concatenate([scores.values.ravel() for scores in maps])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return (low, high) if high > low else (low - 0.01, high + 0.01)
