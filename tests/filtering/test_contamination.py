"""The contamination family: the made row and its source are both checked."""

from __future__ import annotations

import pytest

from bt_augment.filtering.base import CandidateBatch
from bt_augment.filtering.contamination import ContaminationFilter
from bt_augment.pairs.contamination import BenchmarkPassage, BenchmarkText
from bt_augment.pairs.schema import batch_from_rows, made_schema, native_schema

BENCHMARK_PASSAGE = (
    "The Treaty of Aldern was signed on the fourth of May by the envoys of nine small towns "
    "that had fought over the salt road for more than two hundred years."
)
OTHER_PASSAGE = (
    "A lighthouse keeper writes down the weather three times each day and sends the pages to "
    "the harbour office, where a clerk copies them into a thick green ledger."
)
NAMES = {"contamination.question", "contamination.passage"}


@pytest.fixture(scope="module")
def kept_out() -> ContaminationFilter:
    return ContaminationFilter(
        BenchmarkText(["Who signed the Treaty of Aldern?"], [BenchmarkPassage(BENCHMARK_PASSAGE)])
    )


def batch(made: tuple[str, str], source: tuple[str, str]) -> CandidateBatch:
    made_row, source_row = (
        {"question": q, "passage": p, "question_lang": "en", "passage_lang": "en"}
        for q, p in (made, source)
    )
    return CandidateBatch(
        batch_from_rows([made_row], made_schema()), batch_from_rows([source_row], native_schema())
    )


CLEAN = ("What does the keeper write down?", OTHER_PASSAGE)
BENCHMARK_ROW = ("who signed the treaty of aldern", BENCHMARK_PASSAGE)


@pytest.mark.parametrize(
    ("made", "source", "question", "passage"),
    [
        (CLEAN, CLEAN, 0, 0),
        (BENCHMARK_ROW, CLEAN, 1, 1),
        (CLEAN, BENCHMARK_ROW, 1, 1),
        ((CLEAN[0], BENCHMARK_PASSAGE), CLEAN, 0, 1),
    ],
)
def test_the_worse_of_made_and_source_counts(
    kept_out: ContaminationFilter,
    made: tuple[str, str],
    source: tuple[str, str],
    question: float,
    passage: float,
) -> None:
    scored = kept_out.score(batch(made, source), NAMES)
    assert scored["contamination.question"].tolist() == [question]
    assert scored["contamination.passage"].tolist() == [passage]


def test_a_passage_that_quotes_the_benchmark_has_a_share(kept_out: ContaminationFilter) -> None:
    # 30 + 29 words: 47 13-grams, of which 18 lie within the quoted 30 words
    words = len(BENCHMARK_PASSAGE.split()), len(OTHER_PASSAGE.split())
    quoting = (CLEAN[0], f"{BENCHMARK_PASSAGE} {OTHER_PASSAGE}")
    scored = kept_out.score(batch(quoting, CLEAN), NAMES)
    expected = (words[0] - 12) / (sum(words) - 12)
    assert scored["contamination.passage"][0] == pytest.approx(expected)
    (limit,) = (s.max for s in kept_out.scores if s.name == "contamination.passage")
    assert limit is not None
    assert expected > limit


def test_only_wanted_scores_are_computed(kept_out: ContaminationFilter) -> None:
    assert set(kept_out.score(batch(CLEAN, CLEAN), {"contamination.question"})) == {
        "contamination.question"
    }
