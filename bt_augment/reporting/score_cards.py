"""Each judged score of a run as the report shows it: its distribution, and thresholds to move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bt_augment.filtering.base import Score, ScoreArray
from bt_augment.filtering.cascade import HIGH, LOW, NULL, Threshold
from bt_augment.reporting.packed_columns import pack
from bt_augment.reporting.run_scan import Scan
from bt_augment.reporting.threshold_scale import codes, nearest, stops

# Of the histogram, in units of its view box.
WIDTH, HEIGHT = 300.0, 96.0
_THUMB = 8.0  # half of a slider's thumb: bars stand over the places where it stops
_FOOT, _HEAD = 16.0, 6.0
_WIDEST = 20.0  # bar
_GAP = 0.5  # between a bar and the line of a threshold
_TICKS = 4
_JUMP = 3.0  # usual steps in one: the scale is broken there


@dataclass(frozen=True)
class Bar:
    """A bar of a histogram: the rows nearest to one stop."""

    x: float
    y: float
    width: float
    height: float
    outside: bool
    text: str


@dataclass(frozen=True)
class Card:
    """One score.

    Attributes:
        index: among the cards.
        name: full name.
        unit: unit and range.
        description: what is measured.
        low: index of the lower threshold among the stops; -1 for none.
        high: index of the upper threshold; the number of stops for none.
        reject_null: whether unknown rejects.
        labels: the stops, as a recipe has them.
        bars: the histogram.
        ticks: place and label.
        edges: where the lines of the thresholds stand.
        breaks: where the scale jumps to a threshold that is far from all values.
        judged: rows that the score applies to.
        unknown: of these, without a value.
        summary: the distribution in words.
        reasons: reject reason of each side → rows of the run that have it.
        alone: rows of the run that have no other reason.
    """

    index: int
    name: str
    unit: str
    description: str
    low: int
    high: int
    reject_null: bool
    labels: list[str]
    bars: list[Bar]
    ticks: list[tuple[float, str]]
    edges: tuple[float, float]
    breaks: list[float]
    judged: int
    unknown: int
    summary: str
    reasons: Mapping[str, int]
    alone: int

    @property
    def family(self) -> str:
        """Return the family of the score."""
        return self.name.split(".", 1)[0]


def cards(
    scan: Scan,
    thresholds: Sequence[Threshold],
    declared: Mapping[str, Score],
    reasons: Mapping[str, int],
) -> tuple[list[Card], dict[str, Any]]:
    """Return the cards of a run, and the rows as the page's script judges them.

    Args:
        scan: of the run.
        thresholds: of the judged scores.
        declared: full name → what the score is.
        reasons: reject reason → rows of the run.
    """
    methods, method_of = np.unique(np.array(scan.methods, dtype=str), return_inverse=True)
    routes, route_of = np.unique(np.array(scan.routes, dtype=str), return_inverse=True)
    found: list[Card] = []
    data: list[dict[str, Any]] = []
    for threshold in thresholds:
        values = scan.scores[threshold.score]
        applies = np.isin(methods, list(threshold.methods))
        own = values[applies[method_of]]
        if not len(own):
            continue
        score = declared[threshold.score]
        scale = stops(own, (threshold.min, threshold.max), score.bounds)
        card = _card(len(found), score, threshold, own, scale, reasons, scan.alone)
        found.append(card)
        data.append(
            {
                "name": card.name,
                "labels": card.labels,
                "low": card.low,
                "high": card.high,
                "rejectNull": card.reject_null,
                "methods": applies.tolist(),
                "codes": pack(codes(values, scale)),
            }
        )
    return found, {
        "rows": len(scan.routes),
        "of": scan.made,
        "routes": {"names": routes.tolist(), "column": pack(route_of)},
        "methods": pack(method_of),
        "textless": pack(np.array(scan.textless, dtype=bool)),
        "scores": data,
    }


def _card(
    index: int,
    score: Score,
    threshold: Threshold,
    values: ScoreArray,
    scale: list[float],
    reasons: Mapping[str, int],
    alone: Mapping[str, int],
) -> Card:
    low = -1 if threshold.min is None else _place(scale, threshold.min)
    high = len(scale) if threshold.max is None else _place(scale, threshold.max)
    unknown = int(np.isnan(values).sum())
    labels = [np.format_float_positional(stop, trim="-") for stop in scale]
    step = (WIDTH - 2 * _THUMB) / (len(scale) + 1)
    places = [_THUMB + (i + 1) * step for i in range(len(scale))]
    width = min(0.9 * step, _WIDEST)
    counts = nearest(values, scale)
    heights = np.log1p(counts) / max(np.log1p(counts.max()), 1e-9) * (HEIGHT - _FOOT - _HEAD)
    bars = [
        Bar(
            x=round(place - width / 2, 2),
            y=round(HEIGHT - _FOOT - height, 2),
            width=round(width, 2),
            height=round(height, 2),
            outside=not low <= i <= high,
            text=f"{label}: {count:,} rows",
        )
        for i, (place, height, label, count) in enumerate(
            zip(places, heights.tolist(), labels, counts.tolist(), strict=True)
        )
    ]
    return Card(
        index=index,
        name=score.name,
        unit=score.unit,
        description=score.description,
        low=low,
        high=high,
        reject_null=threshold.reject_null,
        labels=labels,
        bars=bars,
        ticks=[(round(places[i], 2), _short(scale[i])) for i in _labelled(scale)],
        edges=(
            round(bars[max(low, 0)].x - _GAP, 2),
            round(bars[min(high, len(scale) - 1)].x + width + _GAP, 2),
        ),
        breaks=[round((places[i] + places[i + 1]) / 2, 2) for i in _jumps(scale)],
        judged=len(values),
        unknown=unknown,
        summary=_summary(values, unknown),
        reasons={
            side: reasons[f"{score.name}.{side}"]
            for side in (LOW, HIGH, NULL)
            if f"{score.name}.{side}" in reasons
        },
        alone=sum(alone.get(f"{score.name}.{side}", 0) for side in (LOW, HIGH, NULL)),
    )


def _place(scale: list[float], value: float) -> int:
    return int(np.searchsorted(np.array(scale, dtype=np.float32), np.float32(value)))


def _jumps(scale: list[float]) -> list[int]:
    gaps = np.diff(scale)
    return np.flatnonzero(gaps > _JUMP * np.median(gaps)).tolist() if len(gaps) > 2 else []


def _labelled(scale: list[float]) -> list[int]:
    wanted = min(_TICKS, len(scale))
    return sorted({round(i) for i in np.linspace(0, len(scale) - 1, wanted)})


def _summary(values: ScoreArray, unknown: int) -> str:
    known = values[~np.isnan(values)]
    if not len(known):
        return "no row has a value"
    low, middle, high = (_short(float(q)) for q in np.quantile(known, [0.05, 0.5, 0.95]))
    spread = f"median {middle}, 90 % from {low} to {high}" if low != high else f"90 % at {low}"
    return f"{spread}{f'; {unknown:,} unknown' if unknown else ''}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value + 0.0:.3g}"
