"""Curves of a measure over alpha, or over the size of the training data, with 95 % intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_augment.evaluation.arms import LoadedArm
from bt_augment.evaluation.benchmarks.base import CROSS, MONO, MULTI, SETTINGS
from bt_augment.evaluation.significance import CONFIDENCE, Effect, mean_with_interval
from bt_augment.reporting.style import COLOURS, LINES, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL_INCHES = (2.5, 2.7)
_LABELLED = 6  # values on the axis that each have a label
_LOGARITHMIC = 5.0  # ratio of sizes from which equal steps hide the small ones
_TITLES = {
    MONO: "mono: one language",
    CROSS: "cross: two languages",
    MULTI: "multi: all in one pool",
}


@dataclass(frozen=True)
class Axis:
    """What a curve runs over.

    Attributes:
        name: of the file.
        label: of the axis.
        value: its value for an arm, or None where the arm's results do not say it.
        series: what arms of one curve share, unless their names say it; None joins no others.
        apart: ratio, less 1, from which two values are not one.
    """

    name: str
    label: str
    value: Callable[[LoadedArm], float | None]
    series: Callable[[LoadedArm], Hashable | None]
    apart: float = 0.0


@dataclass(frozen=True)
class Series:
    """One curve.

    Attributes:
        label: what the legend calls it.
        points: value on the axis, and by setting the mean with its interval; ascending.
    """

    label: str
    points: tuple[tuple[float, Mapping[str, Effect]], ...]


def _trainings(arm: LoadedArm) -> list[Mapping[str, Any]] | None:
    found = [content.get("training") for content in arm.contents]
    return [part for part in found if part] if all(found) else None


def _alpha(arm: LoadedArm) -> float | None:
    values = {float(part["alpha"]) for part in _trainings(arm) or []}
    return values.pop() if len(values) == 1 else None


def _rows(arm: LoadedArm) -> float | None:
    trainings = _trainings(arm)
    # Seeds hold out different passages, so that their numbers of rows differ a little.
    return float(np.mean([part["rows"] for part in trainings])) if trainings else None


def _same_data(arm: LoadedArm) -> Hashable | None:
    trainings = _trainings(arm)
    if not trainings:
        return None
    first = trainings[0]
    return (
        first["base_model"],
        tuple(first["methods"]),
        first["augmented_share"],
        tuple(first["runs"]),
        first.get("settings_digest"),
    )


ALPHA = Axis("alpha", "alpha: share of monolingual steps", _alpha, _same_data)
# Nothing in the results tells a smaller part of the same data from other data: names do.
SIZE = Axis("data-size", "training rows, native and made", _rows, lambda _: None, apart=0.1)


def series_of(arms: Sequence[LoadedArm], axis: Axis) -> list[Series]:
    """Return the curves that arms make up; those of a single point are no curves.

    Arms called ``NAME@...`` are one curve, ``NAME``.

    Args:
        arms: with their results.
        axis: what the curves run over.
    """
    members: dict[Hashable, list[tuple[float, LoadedArm]]] = defaultdict(list)
    for arm in arms:
        value = axis.value(arm)
        named = arm.name.rpartition("@")[0]
        key = named or axis.series(arm)
        if value is not None and key is not None:
            members[key].append((value, arm))
    curves = {
        key: sorted(part, key=lambda member: member[0])
        for key, part in members.items()
        if max(value for value, _ in part) > (1 + axis.apart) * min(value for value, _ in part)
    }
    labels = _labels(curves)
    return [
        Series(labels[key], tuple((value, _means(arm)) for value, arm in part))
        for key, part in curves.items()
    ]


def _labels(curves: Mapping[Hashable, Sequence[tuple[float, LoadedArm]]]) -> dict[Hashable, str]:
    """Call curves by their names; those without by their methods, or where these are one, arms."""
    labels = {
        key: key
        if isinstance(key, str)
        else " + ".join((_trainings(part[0][1]) or [{}])[0]["methods"]).replace("_", " ")
        for key, part in curves.items()
    }
    several = {label for label in labels.values() if list(labels.values()).count(label) > 1}
    return {
        key: curves[key][0][1].name if label in several else label for key, label in labels.items()
    }


def _means(arm: LoadedArm) -> dict[str, Effect]:
    found = {setting: arm.by_question(setting) for setting in SETTINGS}
    return {s: mean_with_interval(scores[1]) for s, scores in found.items() if scores is not None}


def draw_curves(curves: Sequence[Series], axis: Axis, metric: str) -> Figure:
    """Draw a panel per setting; all have one scale, so that steps in them can be compared."""
    from matplotlib.figure import Figure

    settings = [s for s in SETTINGS if any(s in means for c in curves for _, means in c.points)]
    width, height = _PANEL_INCHES
    figure = Figure(figsize=(0.6 + width * len(settings), height + 0.25 * (len(curves) + 1) // 2))
    panels = list(np.atleast_1d(figure.subplots(1, len(settings), sharex=True)))
    for axes, setting in zip(panels, settings, strict=True):
        axes.set_title(_TITLES[setting])
        _draw_panel(axes, curves, setting, axis)
    _scale_alike(panels)
    panels[0].set_ylabel(f"{metric}, with {CONFIDENCE:.0%} interval")
    figure.supxlabel(axis.label, fontsize=9)
    if len(curves) > 1:
        handles, names = panels[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=min(3, len(curves)))
    return figure


def _draw_panel(axes: Axes, curves: Sequence[Series], setting: str, axis: Axis) -> None:
    from matplotlib import ticker

    everything = sorted({value for curve in curves for value, _ in curve.points})
    logarithmic = axis is SIZE and everything[-1] > _LOGARITHMIC * max(everything[0], 1)
    styles = zip(curves, cycle(COLOURS), cycle(MARKERS), cycle(LINES), strict=False)
    for number, (curve, colour, marker, line) in enumerate(styles):
        points = [(x, means[setting]) for x, means in curve.points if setting in means]
        # Beside each other, so that one interval does not hide another.
        shift = (number - (len(curves) - 1) / 2) * 0.012
        span = everything[-1] - everything[0]
        places = [x * (1 + 2 * shift) if logarithmic else x + shift * span for x, _ in points]
        means = np.array([effect.effect for _, effect in points])
        ends = np.array([(effect.low, effect.high) for _, effect in points]).T
        reach = np.abs(np.where(np.isfinite(ends), ends, np.nan) - means)  # NaN draws no interval
        axes.errorbar(
            places, means, yerr=reach, color=colour, marker=marker, linestyle=line,
            markersize=4.5, linewidth=1.4, capsize=2.5, elinewidth=1.0, label=curve.label,
        )  # fmt: skip
    if logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1.0, 3.0)))
    elif len(everything) <= _LABELLED:
        axes.set_xticks(everything)
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: _short(value)))
    axes.minorticks_off()


def _short(value: float) -> str:
    if value >= 10_000:
        return f"{value / 1000:.0f}k"
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def _scale_alike(panels: Sequence[Axes]) -> None:
    limits = [axes.get_ylim() for axes in panels]
    span = max(high - low for low, high in limits)
    for axes, (low, high) in zip(panels, limits, strict=True):
        middle = (low + high) / 2
        axes.set_ylim(middle - span / 2, middle + span / 2)
