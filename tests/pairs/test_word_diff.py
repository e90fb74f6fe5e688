from hypothesis import given
from hypothesis import strategies as st

from bt_augment.pairs.word_diff import word_diff


def test_changed_words_are_told_from_common_ones():
    left, right = word_diff("How long does it take?", "How much time does it take?")
    assert [part for part, common in left if not common] == ["long"]
    assert "".join(part for part, common in right if not common) == "much time"


def test_case_alone_is_no_difference():
    left, right = word_diff("the Sea", "The sea")
    assert all(common for _, common in left + right)


@given(st.text(max_size=80), st.text(max_size=80))
def test_the_parts_are_the_texts(before, after):
    left, right = word_diff(before, after)
    assert "".join(part for part, _ in left) == before
    assert "".join(part for part, _ in right) == after
    same = ["".join(p for p, common in side if common).casefold() for side in (left, right)]
    assert same[0] == same[1]


def test_texts_too_long_to_compare_are_not_marked():
    text = "word " * 5000
    assert word_diff(text, text + "more") == ([(text, True)], [(text + "more", True)])


def test_a_script_without_spaces_is_compared_by_character_beside_words_too():
    left, right = word_diff("JR東日本", "JR西日本")
    assert [[part for part, common in side if not common] for side in (left, right)] == [
        ["東"], ["西"]
    ]  # fmt: skip
