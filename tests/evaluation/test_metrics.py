"""Measures against hand-worked values, pytrec_eval and ir-measures on random rankings."""

from __future__ import annotations

import ir_measures
import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from bt_augment.errors import InputError
from bt_augment.evaluation.metrics import NOT_RETRIEVED, Ranks, score


def ranks_of(*entries):
    """Return ranks from (query, rank, grade)."""
    return Ranks(*np.array(entries, dtype=np.int64).reshape(-1, 3).T)


def test_measures_worked_by_hand():
    # Query 0: relevant at ranks 2 and 4, a third not found; query 5: one at rank 21.
    ranks = ranks_of((5, 21, 1), (0, 4, 1), (0, 2, 3), (0, NOT_RETRIEVED, 2))
    scores = score(ranks, ["RR@20", "AP", "AP@3", "nDCG@10", "R@2", "P@4", "C@4"])
    assert scores.queries.tolist() == [0, 5]
    dcg = 3 / np.log2(3) + 1 / np.log2(5)
    ideal = 3 / np.log2(2) + 2 / np.log2(3) + 1 / np.log2(4)
    expected = {
        "RR@20": [1 / 2, 0],
        "AP": [(1 / 2 + 2 / 4) / 3, 1 / 21],
        "AP@3": [(1 / 2) / 3, 0],
        "nDCG@10": [dcg / ideal, 0],
        "R@2": [1 / 3, 0],
        "P@4": [2 / 4, 0],
        "C@4": [0, 0],
    }
    for name, values in expected.items():
        assert scores.values[name] == pytest.approx(values), name
    assert scores.means()["RR@20"] == pytest.approx(0.25)


def test_comprehensiveness_is_one_only_when_all_are_found():
    scores = score(ranks_of((0, 1, 1), (0, 5, 1), (1, 1, 1), (1, 6, 1)), ["C@5"])
    assert scores.values["C@5"].tolist() == [1, 0]


@pytest.mark.parametrize("name", ["MRR", "RR@0", "R", "P", "nDCG@x", "ndcg@10", ""])
def test_an_unknown_measure_is_refused(name):
    with pytest.raises(InputError, match="unknown measure"):
        score(ranks_of((0, 1, 1)), ["RR@20", name])


def ranking(draw_scores, grades):
    """Return qrels, run and our ranks for score rows that may tie."""
    qrels, run, entries = {}, {}, []
    for q, (row, row_grades) in enumerate(zip(draw_scores, grades, strict=True)):
        names = [f"d{n}" for n in range(len(row))]
        order = sorted(names, key=lambda n: (row[names.index(n)], n), reverse=True)
        qrels[f"q{q}"] = dict(zip(names, row_grades, strict=True))
        run[f"q{q}"] = {n: float(s) for n, s in zip(names, row, strict=True)}
        entries += [
            (q, order.index(n) + 1, g) for n, g in zip(names, row_grades, strict=True) if g > 0
        ]
    return qrels, run, ranks_of(*entries)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40).flatmap(
        lambda n: st.lists(
            st.tuples(
                st.lists(st.integers(0, 6), min_size=n, max_size=n),  # few values: many ties
                st.lists(st.sampled_from([0, 0, 0, 1, 2]), min_size=n, max_size=n),
            ),
            min_size=1,
            max_size=4,
        )
    )
)
def test_measures_equal_trec_eval_on_rankings_with_ties(rows):
    rows = [(s, g if any(g) else [1, *g[1:]]) for s, g in rows]
    qrels, run, ranks = ranking([s for s, _ in rows], [g for _, g in rows])
    trec = {
        "AP": "map", "AP@20": "map_cut_20", "nDCG@10": "ndcg_cut_10", "nDCG@5": "ndcg_cut_5",
        "R@1": "recall_1", "R@10": "recall_10", "R@100": "recall_100", "P@5": "P_5",
        "RR": "recip_rank",
    }  # fmt: skip
    theirs = pytrec_eval.RelevanceEvaluator(
        qrels,
        {"map", "map_cut.20", "ndcg_cut.5,10", "recall.1,10,100", "P.5", "recip_rank"},
    ).evaluate(run)
    ours = score(ranks, list(trec))
    for name, key in trec.items():
        expected = [theirs[f"q{q}"][key] for q in ours.queries]
        np.testing.assert_allclose(ours.values[name], expected, atol=1e-9, err_msg=name)


def test_names_and_values_are_those_of_ir_measures():
    # Without ties, as the providers of ir-measures break them each in its own way.
    random = np.random.default_rng(3)
    rows = [random.permutation(200).tolist() for _ in range(20)]
    grades = [(random.random(200) < 0.03).astype(int).tolist() for _ in range(20)]
    grades = [g if any(g) else [1, *g[1:]] for g in grades]
    qrels, run, ranks = ranking(rows, grades)
    names = ["RR@20", "AP", "AP@20", "nDCG@10", "R@1", "R@10", "R@100", "P@10"]
    theirs = ir_measures.calc_aggregate([ir_measures.parse_measure(n) for n in names], qrels, run)
    ours = score(ranks, names).means()
    for measure, value in theirs.items():
        assert ours[str(measure)] == pytest.approx(value, abs=1e-9), measure


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 50)), min_size=1, unique=True))
def test_measures_lie_between_0_and_1_and_do_not_depend_on_order(pairs):
    entries = [(q, r, 1) for q, r in pairs]
    names = ["RR@20", "AP", "AP@20", "nDCG@10", "R@10", "P@10", "C@10"]
    one, other = score(ranks_of(*entries), names), score(ranks_of(*entries[::-1]), names)
    for name in names:
        assert ((one.values[name] >= 0) & (one.values[name] <= 1 + 1e-12)).all()
        np.testing.assert_array_equal(one.values[name], other.values[name])
