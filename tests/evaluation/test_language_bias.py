"""Rank distance by hand; PEER against the authors' package."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peer_measure import PEEREvaluator, kruskal
from scipy.stats import chi2

from bt_augment.evaluation.language_bias import PEER_WEIGHTS, peer, rank_distance
from bt_augment.evaluation.metrics import NOT_RETRIEVED, Ranks


def test_rank_distance_worked_by_hand():
    # Query 0: ranks 1, 4, 11; query 1: one relevant only; query 2: 3 and one beyond depth 100.
    entries = np.array(
        [(2, 3, 1), (0, 4, 1), (0, 11, 1), (1, 9, 1), (0, 1, 1), (2, NOT_RETRIEVED, 1)]
    )
    queries, distances = rank_distance(Ranks(*entries.T), depth=100)
    assert queries.tolist() == [0, 2]
    assert distances.tolist() == [10.0, 98.0]


def ours_and_theirs(languages, grades, cutoff, number, weights):
    """Return PEER of one ranking, given best first, by both."""
    # Its entry point asks for an older ir-measures; what it computes with does not.
    names = [f"{n:03d}" for n in range(len(languages))]
    evaluator = PEEREvaluator([], {}, {}, {0: dict(zip(names, map(str, languages), strict=True))})
    levels = evaluator.assign_rels_langs_ranks(
        0, cutoff, dict(zip(names, grades, strict=True)), [(name, 0.0) for name in names]
    )
    theirs = sum(
        kruskal(*by_language.values())[1] * weights[level] for level, by_language in levels.items()
    )
    top_languages = np.full((1, cutoff), -1)
    top_grades = np.zeros((1, cutoff), dtype=np.int64)
    reach = min(cutoff, len(languages))
    top_languages[0, :reach] = languages[:reach]
    top_grades[0, :reach] = grades[:reach]
    relevant = np.zeros((1, 2, number), dtype=np.int64)
    for language, grade in zip(languages, grades, strict=True):
        relevant[0, grade, language] += 1
    return peer(top_languages, top_grades, relevant, weights)[0], theirs


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1)), min_size=2, max_size=40).filter(
        lambda rows: {grade for _, grade in rows} == {0, 1}
    ),
    st.integers(2, 25),
    st.sampled_from([PEER_WEIGHTS, {0: 0.0, 1: 1.0}, {0: 1.0, 1: 0.0}]),
)
@pytest.mark.filterwarnings("ignore")  # the package divides by zero where a level is empty
def test_peer_equals_the_authors_package(rows, cutoff, weights):
    languages, grades = zip(*rows, strict=True)
    ours, theirs = ours_and_theirs(languages, grades, cutoff, 4, weights)
    if np.isnan(theirs):  # the package divides by no variance, where all ranks are one
        assert 0 < ours <= 1
    else:
        assert ours == pytest.approx(theirs, abs=1e-9)


def test_peer_tells_a_fair_ranking_from_an_unfair_one():
    fair, _ = ours_and_theirs([0, 1] * 10, [1, 1] + [0] * 18, 20, 2, PEER_WEIGHTS)
    unfair, _ = ours_and_theirs(
        [0] * 10 + [1] * 10, [1] + [0] * 9 + [1] + [0] * 9, 20, 2, PEER_WEIGHTS
    )
    assert fair > 0.5
    assert unfair < 0.2


def test_one_relevant_per_language_gives_a_constant():
    for order in ([0, 1, 2], [2, 0, 1]):
        ours, theirs = ours_and_theirs(order, [1, 1, 1], 3, 3, {0: 0.0, 1: 1.0})
        assert ours == pytest.approx(chi2.sf(2, 2)) == pytest.approx(theirs)
