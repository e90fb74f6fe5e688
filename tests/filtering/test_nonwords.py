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


def scores(route: list[str], question: str, passage: str, **pivot: str) -> float:
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
        **pivot,
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


def test_null_where_no_language_has_a_list() -> None:
    assert np.isnan(scores(["en", "pt"], "O que esfria?", "A geladeira esfria."))


@given(st.text(max_size=80))
def test_a_text_has_no_nonword_against_itself(text: str) -> None:
    assert nonwords(text, "en", text) == frozenset()
