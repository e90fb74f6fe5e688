import csv
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bt_augment.pairs.readers import csv_records
from bt_augment.pairs.readers.csv_records import CsvRecords


def read_lines(lines, delimiter=","):
    records = CsvRecords(iter([(line, True) for line in lines]), delimiter)
    return [(record.fields, len(record.lines)) for record in iter(records.next, None)]


def one_after_the_other(lines, delimiter, limit):
    """What the records are, from parsing up to ``limit`` lines again after each broken one."""
    found, at, width = [], 0, None
    while at < len(lines):
        read = []
        feed = (read.append(line) or line for line in lines[at : at + limit])
        try:
            fields = next(csv.reader(feed, delimiter=delimiter, strict=True))
        except csv.Error as error:
            full = len(read) == limit and "unexpected end" in str(error)
            fields = "a quote is never closed" if full else f"the line is not CSV: {error}"
        plain = lines[at].rstrip("\r\n").split(delimiter)
        wrong = isinstance(fields, str)
        if delimiter == "\t" and len(plain) == width and (wrong or len(fields) != width):
            fields, wrong = plain, True
        found.append((fields, 1 if wrong else len(read)))
        at += found[-1][1]
        width = len(fields) if fields and width is None else width
    return found


PIECES = ['"', '""', "x", "\n", "D", 'x"D"y\n', 'xD"y\n', '"x\n', 'x"\n', "xDy\n", 'x"z\n']


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40), st.sampled_from(",\t"), st.integers(2, 12))
def test_records_are_those_of_parsing_again_after_each_broken_one(pieces, delimiter, limit):
    text = "xDy\n" + "".join(pieces)
    lines = text.replace("D", delimiter).splitlines(keepends=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_records, "_MAX_RECORD_LINES", limit)
        assert read_lines(lines, delimiter) == one_after_the_other(lines, delimiter, limit)


@pytest.mark.parametrize("limit", [100, 10_000])
@pytest.mark.parametrize(
    ("line", "end", "delimiter"),
    [
        ('x","y\n', "", ","),  # nothing closes it
        ('x","y\n', 'x"z\n', ","),  # something other than a delimiter follows the quote
        ('x"\t"y\n', 'x"\ty\n', "\t"),  # closed, with another number of fields than the header
        ('x"\t"y\n', "", "\t"),
    ],
)
def test_many_quotes_that_are_never_closed_cost_each_line_a_few_times(
    monkeypatch, line, end, delimiter, limit
):
    parsed = 0
    reader = csv.reader

    def counting(lines, *args, **kwargs):
        def counted():
            nonlocal parsed
            for text in lines:
                parsed += 1
                yield text

        return reader(counted(), *args, **kwargs)

    monkeypatch.setattr(csv_records.csv, "reader", counting)
    monkeypatch.setattr(csv_records, "_MAX_RECORD_LINES", limit)
    count = 3_000
    records = read_lines([f"a{delimiter}b\n", *[line] * count, *filter(None, [end])], delimiter)
    assert len(records) >= count
    assert parsed < 8 * count
    assert all(lines == 1 for _, lines in islice(records, count))
