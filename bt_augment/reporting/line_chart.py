"""Where the lines, points and labels of a chart go; the template draws them as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# In units of the view box, of which a phone shows one as a pixel: labels stay readable there.
WIDTH, HEIGHT = 340.0, 200.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 8.0, 10.0, 34.0

_TICKS = 4
_APART = 5.0  # lines of one chart, sideways


@dataclass(frozen=True)
class Point:
    """A point of a line, and its interval where there is one."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Line:
    """A line of a chart, from left to right."""

    label: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Chart:
    """A chart ready to be drawn.

    Attributes:
        title: what it shows, in words, for those who cannot see it too.
        x_label: of the horizontal axis.
        x_ticks: place and label.
        y_ticks: place and label.
        lines: label, path and drawn points (centre, ends of the interval, text) of each line.
    """

    title: str
    x_label: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    lines: list[DrawnLine]


@dataclass(frozen=True)
class DrawnPoint:
    """A point in the view box; ``text`` is what it says."""

    x: float
    y: float
    low: float
    high: float
    text: str


@dataclass(frozen=True)
class DrawnLine:
    """A line in the view box; ``path`` is the ``d`` of an SVG path."""

    label: str
    path: str
    points: list[DrawnPoint]


def draw(
    title: str,
    x_label: str,
    lines: Sequence[Line],
    *,
    from_zero: bool = False,
    x_at_points: bool = False,
) -> Chart:
    """Return the chart of one line or more.

    Args:
        title: what it shows.
        x_label: of the horizontal axis.
        lines: each with a point or more.
        from_zero: begin the vertical axis at zero.
        x_at_points: label the points' own x instead of round numbers.
    """
    points = [point for line in lines for point in line.points]
    xs = [point.x for point in points]
    lows = [point.y if point.low is None else point.low for point in points]
    highs = [point.y if point.high is None else point.high for point in points]
    y_ticks = ticks(0.0 if from_zero else min(lows), max(highs))
    low, high = min([*lows, y_ticks[0]]), max([*highs, y_ticks[-1]])
    left, right = min(xs), max(xs)

    def across(x: float) -> float:
        share = (x - left) / (right - left) if right > left else 0.5
        return round(LEFT + 6 + share * (WIDTH - LEFT - RIGHT - 12), 2)

    def up(y: float) -> float:
        share = (y - low) / (high - low) if high > low else 0.5
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 2)

    def drawn(line: Line, shift: float) -> DrawnLine:
        placed = [
            DrawnPoint(
                across(p.x) + shift, up(p.y), up(p.y if p.low is None else p.low),
                up(p.y if p.high is None else p.high), _words(line, p, x_label),
            )
            for p in line.points
        ]  # fmt: skip
        path = "M" + "L".join(f"{p.x:g} {p.y:g}" for p in placed)
        return DrawnLine(line.label, path, placed)

    marks = (
        sorted(set(xs)) if x_at_points else [t for t in ticks(left, right) if left <= t <= right]
    )
    return Chart(
        title,
        x_label,
        [(across(x), number(x)) for x in marks],
        [(up(y), number(y)) for y in y_ticks],
        # Beside each other, so that one interval does not hide another.
        [drawn(line, _APART * (i - (len(lines) - 1) / 2)) for i, line in enumerate(lines)],
    )


def ticks(low: float, high: float) -> list[float]:
    """Return some round numbers from at most ``low`` to at least ``high``."""
    if high <= low:
        return [low]
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * part for part in (1, 2, 2.5, 5, 10) if power * part >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 12) + 0.0 for number in range(first, last + 1)]


def number(value: float) -> str:
    """Return a number as an axis has it: ``0.85``, ``1,200``, ``12k``, ``12M``."""
    if abs(value) >= 10_000_000:
        return f"{value / 1_000_000:,.4g}M"
    if abs(value) >= 10_000:
        return f"{value / 1000:,.4g}k"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _words(line: Line, point: Point, x_label: str) -> str:
    interval = "" if point.low is None else f" [{number(point.low)}, {number(point.high or 0)}]"
    return f"{line.label}, {x_label} {number(point.x)}: {number(point.y)}{interval}"
