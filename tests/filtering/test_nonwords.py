"""Words that a model made up: found in real output of the bundled model, not in good text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_augment.filtering.language import LanguageFilter
from bt_augment.filtering.nonwords import nonwords
from bt_augment.pairs.candidates import CandidateBatch
from bt_augment.pairs.schema import batch_from_rows, made_schema, native_schema

SCORE = "language.nonwords"


@pytest.mark.parametrize(
    ("source", "made", "found"),
    [  # as the bundled model translated them
        ("He called it an untouchable body.", "He called it an intoctyl body.", {"intoctyl"}),
        (
            "the beehive with removable frames",
            "the colm with removable frames",
            {"colm"},
        ),
        ("ordinary and clear", "ordinary and clear", set()),
        ("the colour of its centre", "the color of its center", set()),
        ("It was rebuilt, unreadable and rewritten.", "It had been reprinted unreadably.", set()),
        ("a receptor of melatonina", "a receptor of melatonin", set()),  # the source's own term
        ("the gourp of frogs", "the gourp of frogs", set()),  # the source's own mistake
        ("They met Kowalczyk.", "They met Kowalczik.", set()),  # a name is another matter
        ("a printer", "a press of printers", set()),
        ("He does not know", "He doesn't know", set()),
    ],
)
def test_words_that_neither_english_nor_the_source_has(
    source: str, made: str, found: set[str]
) -> None:
    assert nonwords(made, "en", source) == found


@pytest.mark.parametrize(
    ("made", "found"),
    [  # as the bundled model wrote Portuguese
        ("um contrato matrimonhável de vínica", {"matrimonhavel"}),  # Vinica is a town
        ("o virus da varírea e o dirigído", {"varirea"}),  # dirigido with a wrong accent
        ("a análise dos morfismes e de um morfisme", {"morfisme"}),  # two forms of one word
        ("fazê-lo lentamente, dizer-lhes e reescrever", set()),
    ],
)
def test_words_that_portuguese_has_not(made: str, found: set[str]) -> None:
    assert nonwords(made, "pt", "They made it in a slow way.") == found


def scores(route: list[str], question: str, passage: str, **columns: Any) -> float:
    native: dict[str, Any] = {
        "id": "a",
        "group_id": "a",
        "question": "What keeps the food cold?",
        "passage": "A refrigerator keeps the food cold.",
        "question_lang": route[0],
        "passage_lang": route[0],
    }
    made = native | {
        "id": "a/1",
        "source_id": "a",
        "question": question,
        "passage": passage,
        "question_lang": route[-1],
        "passage_lang": route[-1],
        "method": "round_trip" if route[0] == route[-1] else "translation",
        "route": route,
        **columns,
    }
    batch = CandidateBatch(
        batch_from_rows([made], made_schema()), batch_from_rows([native], native_schema())
    )
    return float(LanguageFilter().score(batch, {SCORE})[SCORE][0])


def test_a_word_of_the_question_counts_three_times() -> None:
    route = ["en", "pt", "en"]
    assert scores(route, "What keeps it cold?", "A refrigerator keeps the fudstif cold.") == 1
    assert scores(route, "What keeps it refrigolded?", "A refrigerator keeps it cold.") == 3


def test_of_a_pivot_whose_words_are_known_the_question_counts() -> None:
    pivot = {"pivot_question": "What refrigolds it?", "pivot_passage": "It refrigolds the fudstif."}
    assert scores(["pt", "en", "pt"], "O que esfria?", "A geladeira esfria.", **pivot) == 3


def test_a_word_of_the_answer_has_to_be_that_of_the_source() -> None:
    def answered(*texts: str, start: int = 0) -> float:
        made = {"answers": [{"text": text, "start": start} for text in texts]}
        return scores(["en", "pt", "en"], "What is cold?", "A refrigerator is cold.", **made)

    assert answered("a refrigeratol") == 3  # like refrigerator, and still another
    assert answered("a refrigerator") == 0
    assert answered("a refrigeratol", "a fridge") == 0  # one good answer is enough
    assert answered("a refrigeratol", start=-1) == 0  # the native answer, not located


def test_null_where_no_language_has_a_list() -> None:
    assert np.isnan(scores(["en", "de"], "Was kühlt es?", "Der Kühlschrank kühlt."))


@given(st.text(max_size=80))
def test_a_text_has_no_nonword_against_itself(text: str) -> None:
    assert nonwords(text, "en", text) == frozenset()
