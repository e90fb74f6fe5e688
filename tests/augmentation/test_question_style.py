import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_augment.augmentation.question_style import lend


@pytest.mark.parametrize(
    ("question", "tag", "lent"),
    [
        ("who developed the cpu", "en", "Who developed the cpu?"),
        ("Who developed the cpu", "en", "Who developed the cpu?"),
        ("who developed the cpu ", "en", "Who developed the cpu? "),
        ("who developed the cpu?", "en", "who developed the cpu?"),
        ("name a river.", "en", "name a river."),
        ("the set of all genes is called", "en", "The set of all genes is called"),
        ("in which year was it", "en", "In which year was it?"),
        ("whats a cpu", "en", "Whats a cpu?"),
        ("is it red", "en", "Is it red?"),
        ("o nome do rio", "pt", "O nome do rio?"),
        ("谁发明了电话", "zh", "谁发明了电话？"),
        ("ποιος έγραψε την Οδύσσεια", "el", "Ποιος έγραψε την Οδύσσεια;"),
        ("ใครเป็นคนเขียน", "th", "ใครเป็นคนเขียน"),
        ("two\nlines", "en", "two\nlines"),
        ("", "en", ""),
    ],
)
def test_a_question_is_lent_what_its_style_leaves_out(question, tag, lent):
    assert lend(question, tag).text == lent


@pytest.mark.parametrize(
    ("question", "made", "taken"),
    [
        ("who developed the cpu", "Quem desenvolveu a CPU?", "quem desenvolveu a CPU"),
        ("Who developed the cpu", "Quem desenvolveu a CPU?", "Quem desenvolveu a CPU"),
        ("who rules the un", "¿Quién gobierna la ONU?", "quién gobierna la ONU"),
        ("un members", "UN members", "UN members"),
        ("who developed the cpu?", "Quem desenvolveu a CPU?", "Quem desenvolveu a CPU?"),
        ("who is it", "He is it.", "he is it."),
        ("who is it", "", ""),
    ],
)
def test_what_was_lent_is_taken_back(question, made, taken):
    assert lend(question, "en").take_back(made) == taken


PASSAGE = (
    "Walk the Line is a 2005 film. In it Joaquin Phoenix plays Johnny Cash; the songs of Walk the "
    "Line were sung by him. NBC showed it in the US. A phoenix is a bird."
)


@pytest.mark.parametrize(
    ("question", "lent"),
    [
        ("who sang the songs in walk the line", "Who sang the songs in Walk the Line?"),
        ("who showed johnny cash in the us?", "who showed Johnny Cash in the US?"),
        ("who plays phoenix", "Who plays phoenix?"),  # a bird too, says the passage
        ("what is in a film", "What is in a film?"),  # In begins a sentence
        ("who plays johnny Cash", "Who plays johnny Cash?"),  # who writes one capital writes all
    ],
)
def test_a_question_without_capitals_is_lent_those_of_its_passage(question, lent):
    assert lend(question, "en", PASSAGE).text == lent


def test_names_that_were_lent_capitals_lose_them_again():
    loan = lend("who sang in walk the line", "en", PASSAGE)
    assert loan.take_back("Quem cantou em Walk the Line?") == "quem cantou em walk the line"
    assert loan.take_back("İstanbul'da kim şarkı söyledi?") == "istanbul'da kim şarkı söyledi"


@given(st.text(max_size=40), st.text(max_size=80))
def test_a_passage_lends_capitals_alone(question, passage):
    loan = lend(question, "en", passage)

    assert loan.take_back(loan.text).strip().casefold() == question.strip().casefold()
    assert loan.names <= (question == question.lower())


@given(st.text(max_size=40), st.sampled_from(["en", "pt", "ar", "zh", "th", "el"]))
def test_a_perfect_copy_comes_back_as_the_question_was_but_for_case(question, tag):
    loan = lend(question, tag)

    assert loan.take_back(loan.text).strip().casefold() == question.strip().casefold()
