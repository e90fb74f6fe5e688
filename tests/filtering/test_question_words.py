"""Words of a question that a round trip lost: real output of the bundled model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_augment.filtering.question_words import question_words_lost


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        (  # does is grammar
            "where does the this is us family live",
            "where is this the family of us",
            1,
        ),
        ("Where does the river begin?", "Where is the beginning of the river?", 0),
        ("who is command sergeant major of the army", "who is the serogenant of the army", 2),
        ("where is the battle of britain flight based", "where is the britain battle", 2),
        (
            "Qual era o nome do Ministério da Educação anteriormente?",
            "O que era o nome do Ministério da Educação?",
            1,
        ),
        (  # type and load, kind and cargo: reworded
            "What type of load is a column capable of carrying?",
            "What kind of cargo is a column capable of carrying?",
            0,
        ),
        ("How did they colonise it?", "How did they colonize it?", 0),  # forms of one word
        ("Who was the first?", "Who was it?", 1),
        ("Кто построил большой мост?", "Кто построил мост?", 1),
    ],
)
def test_words_that_came_back_in_no_form(before: str, after: str, lost: int) -> None:
    assert question_words_lost(before, after, "en") == lost


@pytest.mark.parametrize("lang", ["zh", "ja", "th", "zh-Hant"])
def test_unknown_where_there_are_no_spaces(lang: str) -> None:
    assert np.isnan(question_words_lost("谁建造了这座大桥？", "谁建了桥？", lang))


@given(st.text(max_size=60), st.text(max_size=60))
def test_as_many_new_words_are_a_rewording(before: str, after: str) -> None:
    lost, gained = (
        question_words_lost(*texts, "en") for texts in ((before, after), (after, before))
    )
    assert question_words_lost(before, before, "en") == 0
    assert min(lost, gained) == 0
