"""All figures of a comparison: language pairs, the trade-off by alpha, the size of the data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bt_augment.evaluation.arms import Arm, LoadedArm, load_arms, refuse_same_names
from bt_augment.reporting.curve import ALPHA, SIZE, draw_curves, series_of
from bt_augment.reporting.heat_map import (
    draw_gains,
    draw_scores,
    pair_gains,
    pair_scores,
    shared_limits,
)
from bt_augment.reporting.results_files import read_checked
from bt_augment.reporting.style import save, styled
from bt_augment.shards.atomic import storage_errors
from bt_augment.shards.outputs import refuse_in_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Figures:
    """What was drawn.

    Attributes:
        files: SVG and PDF of each figure.
        left_out: a sentence for each kind of figure that the results do not allow.
    """

    files: tuple[Path, ...]
    left_out: tuple[str, ...]


def write_figures(
    arms: Sequence[Arm],
    metric: str,
    folder: Path | str,
    contrasts: Sequence[tuple[str, str]] | None = None,
) -> Figures:
    """Draw the figures that the results of arms allow, as SVG and PDF.

    - ``heat-map-ARM``: the measure by language of query and of candidates, per arm;
    - ``gain-ARM``: what an arm gains over the one that it is compared with, by the same; over
      any further one, ``gain-ARM-over-OTHER``;
    - ``alpha``: the measure in each setting over alpha, for arms trained on the same data;
    - ``data-size``: the measure over the number of training rows, for arms called ``NAME@...``.

    Args:
        arms: results, as for :func:`~bt_augment.evaluation.compare`.
        metric: the measure.
        folder: where the files go.
        contrasts: names of two arms each, of which the second is compared with the first; by
            default every arm with the first.

    Raises:
        InputError: results that cannot be read, or that are not of one benchmark; two arms have
            one name.
        MissingDependencyError: matplotlib is not installed.
        RunFolderError: ``folder`` lies in a run folder.
        StorageError: the disk refused.
    """
    folder = Path(folder)
    refuse_in_run(folder, "--figures")
    refuse_same_names(arms)
    for path in (path for arm in arms for path in arm.results):
        read_checked(path)  # training and matrix are taken from it as they are
    loaded = load_arms(arms, metric)
    files: list[Path] = []
    left_out: list[str] = []
    with styled():
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        for name, figure in _heat_maps(loaded, metric, contrasts):
            files += save(figure, folder, name)
        if not files:
            left_out.append(f"no heat maps: {metric} is not measured by pair of languages")
        for axis, need in (
            (ALPHA, "two arms or more that differ in alpha alone"),
            (SIZE, "arms called NAME@SIZE, trained on different numbers of rows"),
        ):
            curves = series_of(loaded, axis)
            if curves:
                files += save(draw_curves(curves, axis, metric), folder, axis.name)
            else:
                left_out.append(f"no curve of {axis.name}: it takes {need}, and models that "
                                "bt-augment trained")  # fmt: skip
    return Figures(tuple(files), tuple(left_out))


def _heat_maps(
    arms: Sequence[LoadedArm], metric: str, contrasts: Sequence[tuple[str, str]] | None
) -> Iterator[tuple[str, Figure]]:
    found = [(arm, scores) for arm in arms if (scores := pair_scores(arm, metric)) is not None]
    if not found:
        return
    limits = shared_limits([scores for _, scores in found])
    shown = {arm.name: (arm, scores) for arm, scores in found}
    if contrasts is None:
        first, *others = shown
        contrasts = [(first, other) for other in others]
    drawn = [pair for pair in dict.fromkeys(contrasts) if shown.keys() >= set(pair)]
    titles = [f"{name} over {base}" for base, name in drawn]
    names = _file_names([*shown, *titles])
    arm_names = dict(zip(shown, names, strict=False))
    for name, (_, scores) in shown.items():
        yield f"heat-map-{arm_names[name]}", draw_scores(scores, name, metric, limits)
    for (base, name), title, further in zip(drawn, titles, names[len(shown) :], strict=True):
        gains = pair_gains(shown[base][0], *shown[name])
        # An arm's first map has its name alone.
        yield f"gain-{arm_names.pop(name, further)}", draw_gains(gains, title, metric)


def _file_names(names: Sequence[str]) -> list[str]:
    """Return names that any file system takes, each another."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.") or "arm"
        number = sum(other == plain or other.startswith(f"{plain}~") for other in found)
        found.append(f"{plain}~{number + 1}" if number else plain)
    return found
