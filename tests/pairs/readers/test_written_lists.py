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
