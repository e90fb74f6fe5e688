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
        ("un members", "UN members?", "UN members"),
        ("who developed the cpu?", "Quem desenvolveu a CPU?", "Quem desenvolveu a CPU?"),
        ("who is it", "He is it.", "he is it."),
        ("who is it", "", ""),
    ],
)
def test_what_was_lent_is_taken_back(question, made, taken):
    assert lend(question, "en").take_back(made) == taken


@given(st.text(max_size=40), st.sampled_from(["en", "pt", "ar", "zh", "th", "el"]))
def test_a_perfect_copy_comes_back_as_the_question_was_but_for_case(question, tag):
    loan = lend(question, tag)

    assert loan.take_back(loan.text).strip().casefold() == question.strip().casefold()
