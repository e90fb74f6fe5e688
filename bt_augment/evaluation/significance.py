"""Is one arm better than another, or luck? Paired over queries, with seeds as a second chance."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from bt_augment.errors import MissingDependencyError

Floats = npt.NDArray[np.float64]

RESAMPLES = 10_000
CONFIDENCE = 0.95

RANDOMISATION = "paired randomisation over queries; bootstrap interval"
PAIRED_T = "paired t-test over queries"
CROSSED = "queries and seeds random, crossed; t with Satterthwaite's degrees of freedom"
UNTESTED = "none: one query says nothing of others"

_BLOCK = 1 << 23  # random numbers drawn at a time
_ROUNDING = 1e-12  # sums in another order differ by this much of the largest


@dataclass(frozen=True)
class Effect:
    """The difference between two arms.

    Attributes:
        effect: mean of the second less mean of the first.
        low: lower end of the 95 % interval; minus infinity where nothing is known.
        high: upper end; infinity where nothing is known.
        p: two-sided p-value of no difference; 1 where nothing is known.
        method: how it was tested.
    """

    effect: float
    low: float
    high: float
    p: float
    method: str


def measure_effect(
    first: Floats, second: Floats, seed: int = 0, *, swapped: Floats | None = None
) -> Effect:
    """Return the effect of the second arm over the first.

    One run each: the paired randomisation test, which swaps the two arms' scores of each query
    at random (Fisher; Smucker et al., CIKM 2007), p = (1 + exceedances) / (1 + resamples); the
    interval is the percentile bootstrap over queries. A swap turns the sign of a query's own
    difference, which is not that of linearised values: those hold the means of all queries.

    Several runs each: queries and seeds are both samples, crossed (Judd, Westfall and Kenny
    2012). The variance of the effect is that of the queries' mean differences over their number,
    plus each arm's variance of its runs' means over theirs, less the residual that both hold;
    its degrees of freedom are Satterthwaite's. A difference that other seeds would not show is
    then not taken for one, however many queries there are.

    A single query cannot be tested: its interval has no ends, and p is 1.

    Args:
        first: scores, shape (runs, queries).
        second: scores of the same queries in the same order; as many runs as it has.
        seed: of the resampling.
        swapped: the queries' own differences, shape (queries,), with the same mean; None where
            ``first`` and ``second`` are the queries' own scores.

    Raises:
        ValueError: one arm has one run and the other several.
    """
    if (len(first) == 1) != (len(second) == 1):
        raise ValueError("one arm has one run, the other several")
    if len(first) > 1 or first.shape[1] == 1:
        return analytic_effect(first, second)
    differences = second[0] - first[0]
    return _randomised(differences, differences if swapped is None else swapped, seed)


def check_scipy(purpose: str) -> None:
    """Refuse to go on without scipy.

    Args:
        purpose: what needs it, for the message.

    Raises:
        MissingDependencyError: it is not installed.
    """
    if find_spec("scipy") is None:
        raise MissingDependencyError("scipy", "evaluate", purpose)


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number (Holm 1979)."""
    order = np.argsort(values, kind="stable")
    scaled = np.asarray(values)[order] * np.arange(len(values), 0, -1)
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(value) for value in corrected]


def _randomised(differences: Floats, swapped: Floats, seed: int) -> Effect:
    random = np.random.default_rng(seed)
    size = len(differences)
    effect = float(swapped.mean())
    reached = abs(effect) - _ROUNDING * max(1.0, float(np.abs(swapped).max()))
    exceed = 0
    for count in _blocks(size):
        signs = random.integers(0, 2, (count, size), dtype=np.int8) * 2.0 - 1.0
        means = signs @ swapped / size
        exceed += int(np.count_nonzero(np.abs(means) >= reached))
    resampled = np.concatenate(
        [
            differences[random.integers(0, size, (count, size))].mean(axis=1)
            for count in _blocks(size)
        ]
    )
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Effect(effect, float(low), float(high), (1 + exceed) / (1 + RESAMPLES), RANDOMISATION)


def _blocks(size: int) -> Iterator[int]:
    step = max(1, _BLOCK // size)
    for start in range(0, RESAMPLES, step):
        yield min(step, RESAMPLES - start)


def analytic_effect(first: Floats, second: Floats) -> Effect:
    """Return the effect of the second arm by Student's t, without resampling.

    For many comparisons at once, such as every pair of languages. Several runs each are tested as
    :func:`measure_effect` does; of one run each, this is the paired t-test over queries.

    Args:
        first: scores, shape (runs, queries).
        second: scores of the same queries in the same order; as many runs, or one as it.

    Raises:
        MissingDependencyError: scipy is not installed.
    """
    number = first.shape[1]
    differences = second.mean(axis=0) - first.mean(axis=0)
    effect = float(differences.mean())
    if number == 1:
        return Effect(effect, -math.inf, math.inf, 1.0, UNTESTED)
    check_scipy("Student's t, which tests several runs,")
    from scipy.stats import t

    queries = differences.var(ddof=1) / number
    parts = [(queries, number - 1)]
    residual = 0.0
    for runs in (first, second):
        count = len(runs)
        if count == 1:
            continue  # what another seed would give is not known
        parts.append((runs.mean(axis=1).var(ddof=1) / count, count - 1))
        rest = runs - runs.mean(axis=1, keepdims=True) - runs.mean(axis=0) + runs.mean()
        residual += (rest**2).sum() / ((count - 1) * (number - 1)) / (count * number)
    seeds = sum(part for part, _ in parts[1:])
    method = CROSSED if len(parts) > 1 else PAIRED_T
    variance = max(queries + seeds - residual, queries, seeds)
    if variance == 0:
        return Effect(effect, effect, effect, float(effect == 0), method)
    freedom = variance**2 / sum(part**2 / df for part, df in parts if part)
    error = float(np.sqrt(variance))
    reach = float(t.ppf((1 + CONFIDENCE) / 2, freedom)) * error
    p = float(2 * t.sf(abs(effect) / error, freedom))
    return Effect(effect, effect - reach, effect + reach, p, method)


def mean_with_interval(values: Floats) -> Effect:
    """Return the mean over runs and queries as an effect over nothing, with its 95 % interval.

    Args:
        values: scores, shape (runs, queries).
    """
    return analytic_effect(np.zeros_like(values), values)
