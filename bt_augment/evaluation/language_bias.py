"""Whether a pooled ranking prefers some languages to others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bt_augment.evaluation.metrics import NOT_RETRIEVED, Floats, Ints, Ranks

PEER_CUTOFF = 20  # as RR@20: the part of a ranking that a user sees
PEER_WEIGHTS = {0: 0.5, 1: 0.5}  # of candidates that are not relevant, and of those that are


def rank_distance(ranks: Ranks, depth: int) -> tuple[Ints, Floats]:
    """Return the rank distance of each query with two or more relevant candidates.

    The largest minus the smallest rank among a query's parallel relevant candidates in the
    pooled ranking (Elmahdy et al. 2024, after Huang et al. 2023). 0 is best: all versions of an
    answer side by side would be their number less one.

    Args:
        ranks: the ranks in the pool.
        depth: number of candidates ranked; one that was not retrieved counts as the next.

    Returns:
        Rows of the queries, ascending, and their rank distances.
    """
    order = np.argsort(ranks.queries, kind="stable")
    placed = np.where(ranks.ranks == NOT_RETRIEVED, depth + 1, ranks.ranks)[order]
    queries, starts, counts = np.unique(ranks.queries[order], return_index=True, return_counts=True)
    if not queries.size:
        return queries, np.empty(0)
    distances = np.maximum.reduceat(placed, starts) - np.minimum.reduceat(placed, starts)
    several = counts > 1
    return queries[several], distances[several].astype(np.float64)


def peer(
    top_languages: npt.NDArray[np.int64],
    top_grades: npt.NDArray[np.int64],
    relevant: npt.NDArray[np.int64],
    weights: dict[int, float] | None = None,
) -> Floats:
    """Return PEER of each query: the probability of equal expected rank across languages.

    For each level of relevance the Kruskal-Wallis test asks whether the ranks of its candidates
    differ between languages; its p-value is the fairness of that level, and PEER their weighted
    sum (Yang et al., SIGIR 2024). 1 is best. As in the authors' package ``peer_measure``:
    relevant candidates beyond the cutoff share the mean rank of the places after the level's
    last, and a level that one language has to itself counts as fair. So does one whose ranks are
    all one (for which the package gives no number).

    With one relevant candidate per language each language is one rank, which no test can tell
    from chance: that level is then chi2.sf(L - 1, L - 1) for L languages, whatever the ranking,
    and differences between models come from the level of candidates that are not relevant.

    Args:
        top_languages: language of the candidates of rank 1, 2, … up to the cutoff, as an index;
            -1 past the end of a short ranking. Shape (queries, cutoff).
        top_grades: their relevance to the query, same shape.
        relevant: number of relevant candidates of each query by level and language, retrieved or
            not. Shape (queries, levels, languages); level 0 is not read.
        weights: weight of each level, of sum 1; :data:`PEER_WEIGHTS` by default.
    """
    from scipy.stats import chi2

    total = np.zeros(top_languages.shape[0])
    for level, weight in (weights or PEER_WEIGHTS).items():
        wanted = relevant[:, level] if level > 0 else None
        statistic, freedom = _kruskal(
            np.where(top_grades == level, top_languages, -1), relevant.shape[2], wanted
        )
        total += weight * np.where(freedom > 0, chi2.sf(statistic, np.maximum(freedom, 1)), 1.0)
    return total


def _kruskal(
    languages: npt.NDArray[np.int64], number: int, wanted: npt.NDArray[np.int64] | None
) -> tuple[Floats, Ints]:
    """Return H and the degrees of freedom, 0 where no test can be made."""
    cutoff = languages.shape[1]
    places = np.arange(1, cutoff + 1, dtype=np.float64)
    member = languages[:, :, None] == np.arange(number)
    found = member.sum(axis=1)
    sums = np.einsum("qkl,k->ql", member, places)
    squares = np.einsum("qkl,k->q", member, places**2)
    sizes = found if wanted is None else np.maximum(found, wanted)
    missing = sizes - found
    total = sizes.sum(axis=1)
    # peer_measure's rank of what was not retrieved: the mean of the places after the last.
    beyond = (2 * total + missing.sum(axis=1) + 1) / 2
    sums = sums + missing * beyond[:, None]
    squares = squares + missing.sum(axis=1) * beyond**2
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = sums.sum(axis=1) / total
        between = (sizes * (sums / np.maximum(sizes, 1) - mean[:, None]) ** 2).sum(axis=1)
        statistic = (total - 1) * between / (squares - total * mean**2)
        statistic = np.where(np.isnan(statistic), 0.0, statistic)  # all ranks are one
    groups = (sizes > 0).sum(axis=1)
    testable = (groups > 1) & (found.sum(axis=1) > 0)
    return np.where(testable, statistic, 0.0), np.where(testable, groups - 1, 0).astype(np.int64)
