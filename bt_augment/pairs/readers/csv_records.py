"""Records of CSV, of one line or several; no line is parsed often, whatever is broken."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from bt_augment.pairs.readers.lines import MAX_RECORD, OVERSIZED

# A record may hold line breaks inside quotes. Past this many lines the quote was never closed.
_MAX_RECORD_LINES = 10_000

_OVERSIZED_LINE = f"a line of the record is {OVERSIZED}"
_UNCLOSED = "a quote is never closed"
_NOT_CSV = "the line is not CSV: "
_CUT = f"{_NOT_CSV}unexpected end of data"  # in the words of the module ``csv``

_NO_LINE = ("", True)
_QUOTE = '"'


class CsvRecord(NamedTuple):
    """The fields of a record, or what is wrong with it, and its lines."""

    fields: list[str] | str
    lines: list[str]


class _Inside(NamedTuple):
    """What a line does that begins inside a quote."""

    size: int
    added: int  # number of fields
    is_open: bool  # whether it ends inside a quote, too
    broken: str | None


class CsvRecords:
    """The records of a text, in order; after a broken one, the next begins one line later.

    What a line does inside a quote is the same whichever line opened that, and is remembered
    until the line begins a record itself. Of many lines that open a quote which nothing closes,
    each would else have thousands parsed again.

    Args:
        lines: the lines of the text, each with whether it is whole.
        delimiter: what stands between two fields.
    """

    def __init__(self, lines: Iterator[tuple[str, bool]], delimiter: str) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self._waiting: deque[tuple[str, bool]] = deque()  # the first line, and those read ahead
        self._inside: deque[_Inside] = deque()  # of the lines behind the first, as far as known
        self._size = self._added = 0  # sums over these
        self._width: int | None = None

    def next(self) -> CsvRecord | None:
        """Return the next record (of a blank line, without fields), or None at the end."""
        first, whole = self._line(0)
        if not first:
            return None
        fields, count = self._fields(first) if whole else (_OVERSIZED_LINE, 1)
        if fields and self._width is None:
            self._width = len(fields)
        return CsvRecord(fields, [self._take() for _ in range(count)])

    def _fields(self, first: str) -> tuple[list[str] | str, int]:
        """Return the fields of the next record, or what is wrong, and its number of lines."""
        plain = first.rstrip("\r\n").split(self._delimiter) if self._delimiter == "\t" else []
        may_be_plain = len(plain) == self._width
        fields, count = (_UNCLOSED, 0) if self._inside else self._parse_on()
        if count != 1 and self._is_wrong(fields, may_be_plain):
            fields, count = self._parse_known(first, may_be_plain)
        if not self._is_wrong(fields, may_be_plain):
            return fields, count
        # Tab-separated files often hold quotes that quote nothing.
        return (plain if may_be_plain else fields), 1

    def _is_wrong(self, fields: list[str] | str, may_be_plain: bool) -> bool:
        return isinstance(fields, str) or (may_be_plain and len(fields) != self._width)

    def _parse_on(self) -> tuple[list[str] | str, int]:
        """Parse as many lines as the record has, at once; return how many were tried."""
        read: list[str] = []
        return self._parse(self._feed(read)), len(read)

    def _feed(self, read: list[str]) -> Iterator[str]:
        size = 0
        while len(read) < _MAX_RECORD_LINES and size < MAX_RECORD:
            line, whole = self._line(len(read))
            if not line or not whole:
                return
            read.append(line)
            size += len(line)
            yield line

    def _parse_known(self, first: str, may_be_plain: bool) -> tuple[list[str] | str, int]:
        """Parse the record's lines if, from what is known of each, it is worth it."""
        fields, is_open = self._parse_closed(first)
        if not is_open:
            return fields, 1
        broken = self._find_end(len(first))
        if broken is not None:
            return broken, 1
        if may_be_plain and len(fields) + self._added != self._width:
            return _UNCLOSED, 1
        count = 1 + len(self._inside)
        fields = self._parse(line for line, _ in islice(self._waiting, count))
        if isinstance(fields, str):
            # A field of several lines is too long, for records that begin on the way there, too.
            self._inside[-1] = self._inside[-1]._replace(broken=fields)
        return fields, count

    def _find_end(self, size: int) -> str | None:
        """Look ahead to the line that ends a record whose first, of ``size``, leaves a quote open.

        Return what is wrong where none does.
        """
        while not self._inside or self._inside[-1].is_open:
            behind = 1 + len(self._inside)
            if behind >= _MAX_RECORD_LINES or size + self._size >= MAX_RECORD:
                return _UNCLOSED
            line, whole = self._line(behind)
            if not line:
                return _CUT
            if not whole:
                return _OVERSIZED_LINE
            self._inside.append(self._look(line))
            self._size += self._inside[-1].size
            self._added += self._inside[-1].added
        return self._inside[-1].broken

    def _look(self, line: str) -> _Inside:
        if _QUOTE not in line:
            return _Inside(len(line), 0, is_open=True, broken=None)
        fields, is_open = self._parse_closed(_QUOTE + line)
        if isinstance(fields, str):
            return _Inside(len(line), 0, is_open=False, broken=fields)
        return _Inside(len(line), len(fields) - 1, is_open, None)

    def _parse_closed(self, line: str) -> tuple[list[str] | str, bool]:
        """Return the fields of a line, or what is wrong, and whether it leaves a quote open."""
        lines = iter((line, _QUOTE))
        return self._parse(lines), next(lines, None) is None

    def _parse(self, lines: Iterator[str]) -> list[str] | str:
        reader = csv.reader(lines, "excel", delimiter=self._delimiter, strict=True)
        try:
            return next(reader)
        except csv.Error as error:
            return f"{_NOT_CSV}{error}"

    def _line(self, index: int) -> tuple[str, bool]:
        """Return a line by its place behind the record's first; an empty text at the end."""
        if index == len(self._waiting):
            line = next(self._lines, _NO_LINE)
            if not line[0]:
                return line
            self._waiting.append(line)
        return self._waiting[index]

    def _take(self) -> str:
        line, _ = self._waiting.popleft()
        if self._inside:
            known = self._inside.popleft()
            self._size -= known.size
            self._added -= known.added
        return line
