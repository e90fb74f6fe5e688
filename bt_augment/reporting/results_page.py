"""The report of results: who is better, by how much, between which languages, and is it luck."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from bt_augment._version import __version__
from bt_augment.errors import InputError, did_you_mean
from bt_augment.evaluation.arms import Arm, LoadedArm, load_arms, refuse_same_names
from bt_augment.evaluation.benchmarks.base import SETTINGS
from bt_augment.evaluation.comparison import Comparison, compare
from bt_augment.evaluation.significance import Effect, check_scipy
from bt_augment.reporting.curve import ALPHA, SIZE, Axis, series_of
from bt_augment.reporting.heat_table import HeatMap, gain_maps, score_maps
from bt_augment.reporting.line_chart import Chart, Line, Point, draw
from bt_augment.reporting.page import Written, check_jinja, write_page
from bt_augment.reporting.results_files import Results, have_queries, read_checked
from bt_augment.shards.outputs import check_file_out

Families = Sequence[Sequence[Comparison]]

_SCRIPTS = ("choices.js",)
_TITLES = {
    "mono": "mono: one language",
    "cross": "cross: two languages",
    "multi": "multi: all in one pool",
}


@dataclass(frozen=True)
class Group:
    """Arms that were evaluated on one benchmark.

    Attributes:
        title: the benchmark, and what a candidate is.
        arms: name → results of its runs.
        metric: by which arms are compared.
        families: comparisons, each family those whose p-values were corrected together; none
            where there is nothing to compare, or scores per query are missing.
        why_not: why there are none.
        measures: all measures of the results, the metric first.
        maps: measure → a heat map of each arm.
        gains: heat maps of what arms gain in the comparisons, by the metric.
        curves: over alpha and data size.
    """

    title: str
    arms: dict[str, list[Results]]
    metric: str
    families: Families
    why_not: str
    measures: list[str]
    maps: dict[str, list[HeatMap]]
    gains: list[HeatMap]
    curves: list[Chart]

    @property
    def first(self) -> Results:
        """Return the first results, whose counts are those of all."""
        return next(iter(self.arms.values()))[0]

    def mean(self, arm: str, part: str, *keys: str) -> float | None:
        """Return a number of the results, as the mean over the arm's runs."""
        found = []
        for results in self.arms[arm]:
            node: Any = getattr(results, part)
            for key in keys:
                node = node.get(key, {})
            if isinstance(node, float):
                found.append(node)
        return float(np.mean(found)) if len(found) == len(self.arms[arm]) else None


def write_results_report(
    arms: Sequence[Arm],
    out: Path,
    *,
    metric: str = "RR@20",
    seed: int = 0,
    families: Families | None = None,
) -> Written:
    """Write the report of results; arms of several benchmarks make a part for each.

    Args:
        arms: at least one, each with one results file per run.
        out: the HTML file; one that is there is replaced.
        metric: by which arms are compared.
        seed: of the resampling.
        families: comparisons of these arms by the metric, each family those whose p-values were
            corrected together; by default every arm is compared with the first of its benchmark.

    Raises:
        InputError: results that cannot be read or compared, or ``out`` is a folder.
        MissingDependencyError: jinja2 or scipy is not installed.
        StorageError: the disk refused.
    """
    check_jinja()
    check_scipy("a report of results")
    check_file_out(out, "report.html")
    refuse_same_names(arms)
    # An untrained model's only results stand for each of its runs.
    read = {arm.name: [read_checked(path) for path in dict.fromkeys(arm.results)] for arm in arms}
    parts: dict[tuple[str, str], list[Arm]] = {}
    for arm in arms:
        keys = {results.group for results in read[arm.name]}
        if len(keys) > 1:
            raise InputError(f"{arm.name}: its results are of different benchmarks; give each "
                             "benchmark's an arm of its own")  # fmt: skip
        parts.setdefault(keys.pop(), []).append(arm)
    groups = [
        _group(part, {arm.name: read[arm.name] for arm in part}, metric, seed, families)
        for part in parts.values()
    ]
    size = write_page(
        out,
        "results.html.j2",
        {
            "title": "Results on " + ", ".join(dict.fromkeys(group.title for group in groups)),
            "version": __version__,
            "groups": groups,
            "settings": SETTINGS,
        },
        _SCRIPTS,
    )
    return Written(out, size, {"arms": len(arms), "results": sum(map(len, read.values()))})


def _group(
    arms: list[Arm],
    read: dict[str, list[Results]],
    metric: str,
    seed: int,
    families: Families | None,
) -> Group:
    first = next(iter(read.values()))[0]
    measures = _measures(read)
    if metric not in {*measures, *first.language_bias}:
        raise InputError(
            f"the results on {first.benchmark} have no {metric!r}{did_you_mean(metric, measures)}; "
            f"they have {', '.join(measures)}"
        )
    measures.sort(key=lambda name: name != metric)
    loaded: list[LoadedArm] = []
    found: list[list[Comparison]] = []
    if have_queries(arms):
        loaded = load_arms(arms, metric)
        if families is None:
            found = [[compare(arms, metric, seed=seed)]] if len(arms) > 1 else []
        else:
            found = [[c for c in family if c.lines[0].arm in read] for family in families]
        why_not = "there are no two arms that are to be compared"
    else:
        why_not = (
            "scores per query (*.per_query.parquet) do not lie beside all results, so that there "
            "are no intervals, no p-values and no curves"
        )
    trained = [arm for arm in loaded if all(results.training for results in read[arm.name])]
    contrasts = [pair for family in found for c in family for pair in c.contrasts]
    text = first.candidate_text
    return Group(
        title=first.benchmark if text == "sentence" else f"{first.benchmark} ({text})",
        arms=read,
        metric=metric,
        families=[family for family in found if family],
        why_not=why_not,
        measures=measures,
        maps={name: maps for name in measures if (maps := score_maps(read, name))},
        gains=gain_maps(loaded, contrasts, metric),
        curves=[*_curves(trained, ALPHA, metric), *_curves(trained, SIZE, metric)],
    )


def _measures(read: dict[str, list[Results]]) -> list[str]:
    found = (r for runs in read.values() for r in runs)
    return list(dict.fromkeys(name for r in found for part in r.settings.values() for name in part))


def _curves(arms: Sequence[LoadedArm], axis: Axis, metric: str) -> list[Chart]:
    """Return a chart of each setting; none where the arms make no curve."""
    series = series_of(arms, axis)
    charts = []
    for setting in SETTINGS:
        lines = [Line(curve.label, tuple(_points(curve.points, setting))) for curve in series]
        lines = [line for line in lines if line.points]
        if lines:
            title = f"{metric}, {_TITLES[setting]}, with 95 % interval"
            charts.append(draw(title, axis.label, lines, x_at_points=axis is ALPHA))
    return charts


def _points(points: Sequence[tuple[float, Mapping[str, Effect]]], setting: str) -> Iterator[Point]:
    for x, means in points:
        if setting in means and isfinite(means[setting].effect):
            found = means[setting]
            known = isfinite(found.low) and isfinite(found.high)  # of one question it is not
            low, high = (found.low, found.high) if known else (None, None)
            yield Point(x, found.effect, low, high)
