"""The places where a threshold of the report can stand, and rows coded by where they fall.

A row's code says exactly on which side of every stop its score is, or that it is on it: one byte
a score, and counts at any stop are those of the stored float32.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bt_augment.filtering.base import ScoreArray

UNKNOWN = 255  # the code of a score that could not be computed
MAX_STOPS = 127  # codes run from 0 to twice their number, below UNKNOWN

Codes = npt.NDArray[np.uint8]

_WANTED = 60  # stops of a scale: a bar of the histogram is then some 5 pixels wide
_TAIL = 0.002  # share of rows that may lie beyond either end: the end bars hold them
_FEW = 8  # distinct values up to which each is a stop
_REACH = 3.0  # spans of the values within which a threshold is drawn to scale
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def stops(
    values: ScoreArray,
    thresholds: tuple[float | None, float | None],
    bounds: tuple[float, float] | None = None,
) -> list[float]:
    """Return where a threshold can stand: round numbers over the values, ascending, and its own.

    Args:
        values: scores of the rows, NaN where unknown.
        thresholds: lower and upper threshold now; each is one of the stops.
        bounds: lowest and highest value that the score can have.

    Returns:
        Up to :data:`MAX_STOPS` numbers that differ as float32.
    """
    known = values[np.isfinite(values)].astype(np.float64)
    set_now = [value for value in thresholds if value is not None]
    if not known.size:
        return _distinct(set_now or [0.0])
    if len(few := np.unique(values[np.isfinite(values)])) <= _FEW:
        return _distinct([*(float(str(value)) for value in few), *set_now])
    low = float(np.quantile(known, _TAIL, method="lower"))
    high = float(np.quantile(known, 1 - _TAIL, method="higher"))
    near = _REACH * (high - low)
    reached = [value for value in set_now if low - near <= value <= high + near]
    low, high = min([low, *reached]), max([high, *reached])
    if high - low < 1e-6 * max(1.0, abs(high)):  # all but the tails are one value
        low, high = float(known.min()), float(known.max())
    whole = bool((known == np.round(known)).all())
    step = _step((high - low) / _WANTED, whole=whole)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    grid = [_rounded(number * step, step) for number in range(first, last + 1)]
    if bounds is not None:
        grid = [value for value in grid if bounds[0] <= value <= bounds[1]]
    return _distinct([*grid, *set_now])


def codes(values: ScoreArray, scale: list[float]) -> Codes:
    """Return the code of each value: 2i + 1 on stop i, 2i between the stops i - 1 and i.

    So a value is below stop i exactly if its code is less than 2i + 1, and above it if greater.
    The stop is compared as float32, as :func:`bt_augment.filtering.cascade.judge` does.
    """
    edges = np.array(scale, dtype=np.float32)
    found = np.searchsorted(edges, values, "left") + np.searchsorted(edges, values, "right")
    found[np.isnan(values)] = UNKNOWN
    return found.astype(np.uint8)


def nearest(values: ScoreArray, scale: list[float]) -> npt.NDArray[np.int64]:
    """Return how many of the known values are nearest to each stop."""
    edges = np.array(scale, dtype=np.float64)
    known = values[~np.isnan(values)].astype(np.float64)
    place = np.searchsorted((edges[1:] + edges[:-1]) / 2, known)
    return np.bincount(place, minlength=len(edges))


def _step(least: float, *, whole: bool) -> float:
    if whole and least < 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * step for step in _STEPS if power * step >= least * (1 - 1e-9))


def _rounded(value: float, step: float) -> float:
    return round(value, max(0, 2 - math.floor(math.log10(step)))) + 0.0  # no minus zero


def _distinct(values: list[float]) -> list[float]:
    found = {float(np.float32(value)): value for value in reversed(values)}
    return [found[key] for key in sorted(found)]
