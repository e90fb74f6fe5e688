"""Exact search: where the relevant candidates stand in each language's pool and in that of all.

Small pools are ranked to their last candidate, by matrix products in blocks. Pools past
:data:`FULL_DEPTH_CANDIDATES` are searched by FAISS (exact inner product), a block of vectors at a
time with a running merge, to :data:`SEARCH_DEPTH`; vectors stay on disk. Equal scores are ordered
by candidate id, descending, as trec_eval does; only which of those that tie across the depth of
a FAISS search are kept is left to it. What a benchmark leaves out for a query is never ranked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bt_augment.errors import MissingDependencyError
from bt_augment.evaluation.benchmarks.base import Collection
from bt_augment.evaluation.encoding import Embeddings
from bt_augment.evaluation.metrics import NOT_RETRIEVED, Ints, Ranks

Scores = npt.NDArray[np.float32]

POOL = "*"  # all candidate languages together

FULL_DEPTH_CANDIDATES = 200_000  # in all languages; their vectors fit in memory
SEARCH_DEPTH = 1000  # trec_eval's usual depth

_BLOCK_SCORES = 1 << 24  # floats of a block of scores: 64 MB
_BLOCK_VECTORS = 1 << 15  # vectors read from disk at a time


@dataclass(frozen=True)
class Top:
    """The first candidates of each query.

    Attributes:
        scores: descending; minus infinity past the end of a short pool. Shape (queries, depth).
        candidates: index of the candidate over all languages, -1 past the end. Same shape.
    """

    scores: Scores
    candidates: Ints

    def cut(self, depth: int) -> Top:
        """Return the first of them."""
        return Top(self.scores[:, :depth], self.candidates[:, :depth])


@dataclass(frozen=True)
class Found:
    """What the queries of one language found in one pool."""

    ranks: Ranks
    top: Top | None


class Search:
    """Ranks the candidates of a benchmark for the queries of one language at a time.

    Attributes:
        languages: candidate languages, in the order of the candidates' indices.
        offsets: index of the first candidate of each language.
        language_of: language of each candidate, as an index into ``languages``.
        depth: number of candidates ranked, or None where all are.
    """

    def __init__(
        self, collection: Collection, embeddings: Embeddings, *, depth: int | None = None
    ) -> None:
        """Prepare the search.

        Args:
            collection: the benchmark.
            embeddings: vectors of its texts.
            depth: search to this depth with FAISS; by default, decided by the pool's size.

        Raises:
            MissingDependencyError: FAISS is needed and not installed.
        """
        self._collection = collection
        self._embeddings = embeddings
        self.languages = tuple(collection.candidates)
        sizes = [len(part) for part in collection.candidates.values()]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        self._size = int(starts[-1])
        self.offsets = dict(zip(self.languages, starts.tolist(), strict=False))
        self.language_of = np.repeat(np.arange(len(sizes)), sizes)
        if depth is None and self._size > FULL_DEPTH_CANDIDATES:
            depth = SEARCH_DEPTH
        self.depth = depth
        if depth is not None and find_spec("faiss") is None:
            raise MissingDependencyError("faiss-cpu", "evaluate", "searching a large corpus")
        ids = [part.ids() for part in collection.candidates.values()]
        self._order = _descending(pa.chunked_array([c for i in ids for c in i.chunks], pa.string()))

    def run(self, language: str, pools: Mapping[str, int]) -> dict[str, Found]:
        """Return the ranks of the relevant candidates for the queries of a language.

        Args:
            language: the queries' language.
            pools: candidate languages, or :data:`POOL`, with the number of first candidates
                wanted of each; 0 for ranks alone.
        """
        relevant = {pool: self._relevant(language, pool) for pool in pools}
        if self.depth is None:
            return self._run_full(language, pools, relevant)
        return self._run_to_depth(language, pools, relevant, self.depth)

    def relevant(self, language: str, pool: str) -> tuple[Ints, Ints]:
        """Return query row and candidate index of each judgement of relevance in a pool."""
        entries = self._relevant(language, pool)
        return entries.queries, entries.ranks

    def _relevant(self, language: str, pool: str) -> Ranks:
        """Return queries and grades, with the candidates' indices in the place of ranks."""
        parts = []
        for name in self.languages if pool == POOL else (pool,):
            judged = self._collection.judgements(language, name)
            indices = judged.candidates + self.offsets[name]
            parts.append(np.stack([judged.queries, indices, judged.grades]))
        return Ranks(*np.concatenate(parts, axis=1))

    def _left_out(self, language: str, part: slice) -> list[tuple[int, int]]:
        """Return query row and place in a part of what is not ranked for the queries."""
        found = [
            (query, row + self.offsets[name])
            for name in self.languages
            for query, row in self._collection.left_out(language, name)
        ]
        return [(query, at - part.start) for query, at in found if part.start <= at < part.stop]

    def _slice(self, pool: str) -> slice:
        if pool == POOL:
            return slice(0, self._size)
        start = self.offsets[pool]
        return slice(start, start + len(self._collection.candidates[pool]))

    def _run_full(
        self, language: str, pools: Mapping[str, int], relevant: Mapping[str, Ranks]
    ) -> dict[str, Found]:
        ranks = {pool: np.zeros(len(part.queries), np.int64) for pool, part in relevant.items()}
        tops: dict[str, list[Top]] = {pool: [] for pool in pools}
        wanted = [self._slice(pool) for pool in pools]
        whole = slice(min(s.start for s in wanted), max(s.stop for s in wanted))
        for start, scores in self._score_blocks(language, whole):
            for pool, count in pools.items():
                part = self._slice(pool)
                columns = slice(part.start - whole.start, part.stop - whole.start)
                block, order = scores[:, columns], self._order[part]
                entries = relevant[pool]
                inside = (entries.queries >= start) & (entries.queries < start + len(scores))
                for e in np.flatnonzero(inside):
                    ranks[pool][e] = _rank(
                        block[entries.queries[e] - start], entries.ranks[e] - part.start, order
                    )
                if count:
                    top = _top(block, order, count)
                    shown = np.where(np.isneginf(top.scores), -1, top.candidates)
                    tops[pool].append(Top(top.scores, _shifted(shown, part.start)))
        return {
            pool: Found(
                Ranks(relevant[pool].queries, ranks[pool], relevant[pool].grades),
                _stacked(tops[pool]) if pools[pool] else None,
            )
            for pool in pools
        }

    def _score_blocks(self, language: str, part: slice) -> Iterator[tuple[int, Scores]]:
        """Yield the first query and the scores of each block of queries, shape (block, pool).

        A product rounds a score by the shapes of its factors. In double precision that is below
        what a score keeps, so that equal scores are equal whatever else is asked for.
        """
        rows = np.concatenate([self._embeddings.candidates[name] for name in self.languages])[part]
        unique, inverse = np.unique(rows, return_inverse=True)
        vectors = np.asarray(self._embeddings.store.vectors()[unique])
        queries = self._embeddings.query_vectors(language).astype(np.float64)
        hidden = self._left_out(language, part)
        size = max(1, _BLOCK_SCORES // max(1, len(rows)))
        for start in range(0, len(queries), size):
            block = queries[start : start + size]
            scores = np.empty((len(block), len(vectors)), np.float32)
            for first in range(0, len(vectors), _BLOCK_VECTORS):
                columns = slice(first, first + _BLOCK_VECTORS)
                scores[:, columns] = block @ vectors[columns].T.astype(np.float64)
            # By take: the rows of [:, inverse] are strewn over memory, and ranks wait for it.
            ranked = np.take(scores, inverse, axis=1)
            for query, at in hidden:
                if start <= query < start + len(block):
                    ranked[query - start, at] = -np.inf
            yield start, ranked

    def _run_to_depth(
        self, language: str, pools: Mapping[str, int], relevant: Mapping[str, Ranks], depth: int
    ) -> dict[str, Found]:
        names = self.languages if POOL in pools else tuple(pools)
        reach = max(depth, *pools.values())  # more may be shown than measures look at
        tops = {name: self._search(language, name, reach) for name in names}
        if POOL in pools:
            tops[POOL] = _merged([tops[name] for name in names], self._order, reach)
        return {
            pool: Found(
                _located(relevant[pool], tops[pool].cut(depth)),
                tops[pool].cut(count) if count else None,
            )
            for pool, count in pools.items()
        }

    def _search(self, language: str, name: str, depth: int) -> Top:
        import faiss

        queries = np.ascontiguousarray(self._embeddings.query_vectors(language))
        hidden = self._left_out(language, self._slice(name))
        reach = depth + bool(hidden)  # no query has two of its own
        rows = self._embeddings.candidates[name]
        vectors = self._embeddings.store.vectors()
        top = Top(np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64))
        for start in range(0, len(rows), _BLOCK_VECTORS):
            block = np.ascontiguousarray(vectors[rows[start : start + _BLOCK_VECTORS]])
            scores, found = faiss.knn(
                queries, block, min(reach, len(block)), metric=faiss.METRIC_INNER_PRODUCT
            )
            moved = _shifted(found.astype(np.int64), start + self.offsets[name])
            top = _merged([top, Top(scores, moved)], self._order, reach)
        for query, at in hidden:
            own = top.candidates[query] == at + self.offsets[name]
            top.scores[query, own], top.candidates[query, own] = -np.inf, -1
        return _sorted(top, self._order, depth) if hidden else top


def _descending(ids: pa.ChunkedArray) -> Ints:
    """Return each id's place in descending order of bytes, as strcmp of trec_eval has it."""
    indices = pc.sort_indices(ids, sort_keys=[("", "descending")]).to_numpy()
    order = np.empty(len(indices), dtype=np.int64)
    order[indices] = np.arange(len(indices))
    return order


def _rank(row: Scores, index: int, order: Ints) -> int:
    score = row[index]
    rank = 1 + np.count_nonzero(row > score)
    equal = row == score
    if np.count_nonzero(equal) > 1:
        rank += np.count_nonzero(order[equal] < order[index])
    return int(rank)


def _top(scores: Scores, order: Ints, count: int) -> Top:
    """Return the first candidates of each row, ties by order; columns as candidates."""
    size = scores.shape[1]
    count = min(count, size)
    chosen = np.argpartition(scores, size - count, axis=1)[:, size - count :].astype(np.int64)
    least = np.take_along_axis(scores, chosen, axis=1).min(axis=1)
    crowded = np.count_nonzero(scores >= least[:, None], axis=1) > count
    for row in np.flatnonzero(crowded):  # a tie across the cut
        chosen[row] = np.lexsort((order, -scores[row]))[:count]
    return _sorted(Top(np.take_along_axis(scores, chosen, axis=1), chosen), order, count)


def _sorted(top: Top, order: Ints, count: int) -> Top:
    keys = (order[top.candidates], -top.scores)
    by = np.lexsort(keys, axis=1)[:, :count]
    return Top(
        np.take_along_axis(top.scores, by, axis=1), np.take_along_axis(top.candidates, by, axis=1)
    )


def _merged(tops: Sequence[Top], order: Ints, depth: int) -> Top:
    scores = np.concatenate([top.scores for top in tops], axis=1)
    candidates = np.concatenate([top.candidates for top in tops], axis=1)
    return _sorted(Top(scores, candidates), order, depth)


def _stacked(tops: Sequence[Top]) -> Top:
    return Top(
        np.concatenate([top.scores for top in tops]),
        np.concatenate([top.candidates for top in tops]),
    )


def _shifted(candidates: Ints, by: int) -> Ints:
    return np.where(candidates < 0, -1, candidates + by)


def _located(entries: Ranks, top: Top) -> Ranks:
    """Return the ranks of the entries' candidates among the first of each query."""
    ranks = np.full(len(entries.queries), NOT_RETRIEVED, dtype=np.int64)
    for e, (query, candidate) in enumerate(zip(entries.queries, entries.ranks, strict=True)):
        at = np.flatnonzero(top.candidates[query] == candidate)
        if at.size:
            ranks[e] = at[0] + 1
    return Ranks(entries.queries, ranks, entries.grades)
