import pytest

from bt_augment.pairs.readers.written_lists import from_cell


@pytest.mark.parametrize("between", ["", " ", "\n ", " \r\n"])
def test_texts_that_follow_each_other_are_parted_wherever_lines_break(between):
    assert from_cell(f"['é'{between}'b' \"c, 'd\"{between}'e', 'f' 'g']") == [
        "é", "b", "c, 'd", "e", "f", "g"
    ]  # fmt: skip


def test_a_long_line_of_texts_without_commas_is_read():
    # 30 MB, and 30,000 commas: were the line made anew for each, minutes would not do.
    text = "a" * 1_000
    assert from_cell("[" + f"'{text}' " * 30_000 + "]") == [text] * 30_000


@pytest.mark.parametrize("text", ["[0, 1]", "[1945]", "[[1, 2], [3]]", "[true]"])
def test_a_list_of_numbers_is_the_text_of_an_answer(text):
    assert from_cell(text) == text


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("[]", []),
        ("['1945', 7]", ["1945", 7]),
        ("[null]", [None]),
        ('[{"text": 1}]', [{"text": 1}]),
    ],
)
def test_an_empty_list_and_one_of_texts_objects_or_nothing_is_a_list(text, items):
    assert from_cell(text) == items


def test_a_backslash_that_escapes_nothing_is_read_without_a_warning():
    assert from_cell(r"['\d']") == ["\\d"]
