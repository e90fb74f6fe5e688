"""Ranks against a brute-force ranking, with ties, at full depth and by FAISS."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bt_augment.evaluation import retrieval
from bt_augment.evaluation.benchmarks.base import Candidates, Collection, Queries
from bt_augment.evaluation.encoding import Embeddings
from bt_augment.evaluation.metrics import NOT_RETRIEVED
from bt_augment.evaluation.retrieval import POOL, Search

LANGUAGES = ("en", "pt", "zh")


def problem(seed, sizes=(9, 7, 5), queries=6, distinct=8):
    """Return a benchmark and vectors of few small integers, so that scores tie exactly."""
    random = np.random.default_rng(seed)
    total = sum(sizes)
    vectors = random.integers(-1, 2, (distinct + 3 * queries, 3)).astype(np.float32)
    names = [f"d{n}" for n in random.permutation(10 * total)[:total]]
    table, qrels, rows, start = {}, {f"q{n}": {} for n in range(queries)}, {}, 0
    for language, size in zip(LANGUAGES, sizes, strict=True):
        own = names[start : start + size]
        start += size
        context = pa.nulls(size, pa.string())
        columns = {"id": own, "text": own, "context": context}
        table[language] = Candidates(pa.table(columns), {n: i for i, n in enumerate(own)})
        rows[language] = random.integers(0, distinct, size)
        for query in qrels:
            for name in random.choice(own, random.integers(0, 3), replace=False):
                qrels[query][str(name)] = int(random.integers(0, 3))
    asked = {
        language: Queries([f"q{n}" for n in range(queries)], ["x"] * queries)
        for language in LANGUAGES
    }
    collection = Collection("test", ("mono", "cross", "multi"), ("AP",), asked, table, qrels)
    query_rows = {
        language: distinct + n * queries + np.arange(queries)
        for n, language in enumerate(LANGUAGES)
    }
    store = SimpleNamespace(vectors=lambda: vectors)
    return collection, Embeddings(store, query_rows, rows, 0), vectors


def brute_force(collection, embeddings, vectors, language, pool, query):
    """Return candidate ids of a pool in the order trec_eval would score them."""
    names = LANGUAGES if pool == POOL else (pool,)
    scored = [
        (float(vectors[embeddings.queries[language][query]] @ vectors[row]), name)
        for tag in names
        for name, row in zip(
            collection.candidates[tag].ids().to_pylist(), embeddings.candidates[tag], strict=True
        )
    ]
    return [name for _, name in sorted(scored, reverse=True)]


def test_equal_scores_tie_whatever_else_is_asked_for():
    # Every candidate has the same components in another order: single precision adds them unevenly.
    collection, embeddings, vectors = problem(1, sizes=(40, 30, 20), distinct=30)
    random = np.random.default_rng(2)
    one = random.normal(size=24).astype(np.float32)
    shuffled = np.stack([random.permutation(one) for _ in range(len(vectors))])
    shuffled[30:] = 1.0  # the queries
    embeddings.store.vectors = lambda: shuffled
    search = Search(collection, embeddings)
    for pools in (dict.fromkeys((*LANGUAGES, POOL), 4), {"en": 4}, {"pt": 4, "zh": 4}):
        for pool, part in search.run("en", pools).items():
            names = LANGUAGES if pool == POOL else (pool,)
            ids = [n for tag in names for n in collection.candidates[tag].ids().to_pylist()]
            every = [n for c in collection.candidates.values() for n in c.ids().to_pylist()]
            assert [every[i] for i in part.top.candidates[0]] == sorted(ids, reverse=True)[:4]


@pytest.mark.parametrize("depth", [None, 21, 4])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_ranks_and_first_candidates_are_those_of_a_brute_force_ranking(depth, seed):
    collection, embeddings, vectors = problem(seed)
    search = Search(collection, embeddings, depth=depth)
    ids = [n for part in collection.candidates.values() for n in part.ids().to_pylist()]
    for language in LANGUAGES:
        found = search.run(language, dict.fromkeys((*LANGUAGES, POOL), 4))
        for pool, part in found.items():
            orders = [
                brute_force(collection, embeddings, vectors, language, pool, q) for q in range(6)
            ]
            queries, indices = search.relevant(language, pool)
            for query, index, rank in zip(queries, indices, part.ranks.ranks, strict=True):
                place = orders[query].index(ids[index]) + 1
                beyond = depth is not None and place > depth
                if depth == 4:
                    # FAISS may keep any of those that tie across its depth.
                    assert rank in (place, NOT_RETRIEVED) or rank <= 4
                else:
                    assert rank == (NOT_RETRIEVED if beyond else place)
            if depth != 4:
                for query in range(6):
                    shown = [ids[c] for c in part.top.candidates[query]]
                    assert shown == orders[query][:4]
                    assert (np.diff(part.top.scores[query]) <= 0).all()


@pytest.mark.parametrize("depth", [None, 4, 3])
def test_a_querys_own_document_is_neither_ranked_nor_shown(depth):
    vectors = np.eye(7, dtype=np.float32)
    vectors[4] = vectors[6] = (0.5, 0.4, 0.3, 0.2, 0, 0, 0)  # of the queries d0 and d1
    vectors[5] = (0, 0, 0, 0, 1, 0, 0)  # of q: all tie
    names = [f"d{n}" for n in range(4)]
    table = pa.table({"id": names, "text": names, "context": pa.nulls(4, pa.string())})
    collection = Collection(
        "test", ("mono",), ("AP",), {"en": Queries(["d0", "q", "d1"], ["x"] * 3)},
        {"en": Candidates(table, {name: n for n, name in enumerate(names)})},
        {"d0": {"d3": 1, "d0": 0}, "q": {"d3": 1}, "d1": {"d1": 1}}, without_own=True,
    )  # fmt: skip
    store = SimpleNamespace(vectors=lambda: vectors)
    embeddings = Embeddings(store, {"en": np.arange(4, 7)}, {"en": np.arange(4)}, 0)
    found = Search(collection, embeddings, depth=depth).run("en", {"en": depth or 4})["en"]
    first, tied, judged = found.top.candidates.tolist()
    assert first[:3] == [1, 2, 3]  # d0 takes no place of the depth either
    assert first[3:] == ([] if depth == 3 else [-1])
    assert judged[:3] == [0, 1, 2]  # d1 is relevant to the query of its id
    assert found.ranks.ranks.tolist()[::2] == [3, 2]
    if depth != 3:
        assert tied == [3, 2, 1, 0]


def test_faiss_in_blocks_gives_what_one_search_gives(monkeypatch):
    random = np.random.default_rng(1)
    collection, embeddings, vectors = problem(0, sizes=(40, 30, 20), distinct=90)
    vectors[:] = random.normal(size=vectors.shape)
    start = 0
    for language, rows in embeddings.candidates.items():  # no text twice, so no ties
        embeddings.candidates[language] = np.arange(start, start + len(rows))
        start += len(rows)
    whole = Search(collection, embeddings, depth=10).run("en", {"en": 10, POOL: 10})
    monkeypatch.setattr(retrieval, "_BLOCK_VECTORS", 7)
    blocks = Search(collection, embeddings, depth=10).run("en", {"en": 10, POOL: 10})
    full = Search(collection, embeddings).run("en", {"en": 10, POOL: 10})
    for pool, part in whole.items():
        for other in (blocks[pool], full[pool]):
            np.testing.assert_array_equal(part.top.candidates, other.top.candidates)
            np.testing.assert_allclose(part.top.scores, other.top.scores, rtol=1e-5)
        np.testing.assert_array_equal(part.ranks.ranks, blocks[pool].ranks.ranks)


def test_small_blocks_of_queries_change_nothing(monkeypatch):
    collection, embeddings, _ = problem(5)
    whole = Search(collection, embeddings).run("pt", {"en": 3, POOL: 3})
    monkeypatch.setattr(retrieval, "_BLOCK_SCORES", 30)
    blocks = Search(collection, embeddings).run("pt", {"en": 3, POOL: 3})
    for pool, part in whole.items():
        np.testing.assert_array_equal(part.ranks.ranks, blocks[pool].ranks.ranks)
        np.testing.assert_array_equal(part.top.candidates, blocks[pool].top.candidates)
