"""The field's measures, per query, from the ranks of the relevant candidates alone.

Names and definitions are those of ir-measures (MacAvaney et al. 2022), which takes them from
trec_eval; every one of them depends on nothing but the ranks and grades of the relevant
candidates. So a full-depth AP over 13,000 candidates needs a few ranks per query where
trec_eval's own input needs 13,000 lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bt_augment.errors import InputError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NOT_RETRIEVED = 0  # the rank of a relevant candidate beyond the depth of the search

_MEASURE = re.compile(r"(RR|AP|nDCG|R|P|C)(?:@([1-9]\d*))?")
_NEED_CUTOFF = ("R", "P", "C")


@dataclass(frozen=True)
class Ranks:
    """Where the relevant candidates of each query stand.

    Attributes:
        queries: row of the query, one entry per relevant candidate, in any order.
        ranks: rank of the candidate, 1 for the first, :data:`NOT_RETRIEVED` beyond the depth.
        grades: its relevance, 1 or more.
    """

    queries: Ints
    ranks: Ints
    grades: Ints

    def sorted(self) -> Ranks:
        """Return the same with queries ascending, and within a query the better ranks first."""
        last = np.where(self.ranks == NOT_RETRIEVED, np.iinfo(np.int64).max, self.ranks)
        order = np.lexsort((last, self.queries))
        return Ranks(self.queries[order], self.ranks[order], self.grades[order])


@dataclass(frozen=True)
class Scores:
    """Measures per query.

    Attributes:
        queries: row of each query that has a relevant candidate, ascending.
        values: by measure, one value per query.
    """

    queries: Ints
    values: dict[str, Floats]

    def means(self) -> dict[str, float]:
        """Return the mean of each measure over the queries."""
        return {name: float(values.mean()) for name, values in self.values.items()}


def score(ranks: Ranks, measures: Sequence[str]) -> Scores:
    """Return measures for each query that has a relevant candidate.

    With r_1 < r_2 < … the ranks of a query's R relevant candidates, and k the cutoff:

    - ``RR@k``: 1 / r_1 where r_1 <= k, else 0.
    - ``AP@k``: 1/R times the sum of i / r_i over r_i <= k.
    - ``nDCG@k``: sum of grade / log2(rank + 1) over ranks <= k, over that of the ideal ranking
      (Järvelin and Kekäläinen 2002, with linear gain, as trec_eval has it).
    - ``R@k``, ``P@k``: share of the R, and of the k, that are relevant ones of rank <= k.
    - ``C@k``: comprehensiveness, 1 where R@k is 1, else 0 (ToolRet, Shi et al. 2025).

    Without a cutoff, all ranks count.

    Raises:
        InputError: a name is not that of a measure.
    """
    ordered = ranks.sorted()
    queries, group, counts = np.unique(ordered.queries, return_inverse=True, return_counts=True)
    starts = np.cumsum(counts) - counts
    positions = np.arange(ordered.queries.size) - starts[group] + 1  # i of r_i
    groups = _Groups(group, counts, positions, ordered)
    return Scores(queries, {name: groups.measure(*_parse(name)) for name in measures})


@dataclass(frozen=True)
class _Groups:
    group: npt.NDArray[np.intp]  # index of the query of each entry
    counts: npt.NDArray[np.intp]  # relevant candidates of each query
    positions: Ints
    entries: Ranks

    def measure(self, kind: str, cutoff: int | None) -> Floats:
        ranks = self.entries.ranks
        found = ranks != NOT_RETRIEVED
        if cutoff is not None:
            found &= ranks <= cutoff
        reach = np.where(found, ranks, 1)  # 1 only keeps the divisions below defined
        match kind:
            case "RR":
                return self._sum(found & (self.positions == 1), 1 / reach)
            case "AP":
                return self._sum(found, self.positions / reach) / self.counts
            case "nDCG":
                return self._sum(found, self.entries.grades / np.log2(reach + 1)) / self._ideal(
                    cutoff
                )
            case "R":
                return self._sum(found, np.ones(ranks.size)) / self.counts
            case "P":
                return self._sum(found, np.ones(ranks.size)) / (cutoff or 1)
            case _:
                hits = self._sum(found, np.ones(ranks.size))
                return np.asarray(hits == self.counts, dtype=np.float64)

    def _sum(self, chosen: npt.NDArray[np.bool_], values: Floats) -> Floats:
        weights = np.where(chosen, values, 0.0)
        return np.bincount(self.group, weights, self.counts.size).astype(np.float64)

    def _ideal(self, cutoff: int | None) -> Floats:
        grades = self.entries.grades[np.lexsort((-self.entries.grades, self.group))]
        gains = grades / np.log2(self.positions + 1)
        within = self.positions <= (cutoff if cutoff is not None else self.positions.size)
        return self._sum(within, gains)


def _parse(name: str) -> tuple[str, int | None]:
    match = _MEASURE.fullmatch(name)
    if match is None or (match[1] in _NEED_CUTOFF and match[2] is None):
        raise InputError(
            f"unknown measure {name!r}; write RR@20, AP, AP@20, nDCG@10, R@100, P@10 or C@10, "
            "with any cutoff"
        )
    return match[1], int(match[2]) if match[2] else None
