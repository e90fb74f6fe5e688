"""CSV and TSV with a header, whatever the delimiter."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator

from bt_augment.errors import InputError
from bt_augment.pairs.readers.base import InputSettings, Quarantined, Reader, Row, quarantined
from bt_augment.pairs.readers.columns import ABSENT, Columns
from bt_augment.pairs.readers.compression import open_text, read_start
from bt_augment.pairs.readers.lines import MAX_RECORD, OVERSIZED, bounded_lines

DELIMITERS = (",", "\t", ";", "|")
_SNIFF_BYTES = 1 << 16
_EXCEL_LINE = re.compile(rb"(?:\xef\xbb\xbf)?\"?sep=([\t !#-~])\"?\r?\n", re.IGNORECASE)

# A record may hold line breaks inside quotes. Past this many lines the quote was never closed.
_MAX_RECORD_LINES = 10_000


class _UnclosedQuoteError(Exception):
    """A quote that no later line closes."""


class _OversizedLineError(Exception):
    """A line of a record is longer than is held."""


class DelimitedReader(Reader):
    """Reads CSV: quoted fields may hold delimiters, quotes (doubled) and line breaks."""

    format = "csv"
    place_kind = "line"

    def rows(self) -> Iterator[Row | Quarantined]:
        """Yield the records in file order; a record's place is its first line."""
        start = read_start(self.path, _SNIFF_BYTES)
        delimiter = sniff_delimiter(start, self.settings)
        csv.field_size_limit(MAX_RECORD)  # the module's own is 128 KiB
        with open_text(self.path) as raw:
            text = io.TextIOWrapper(raw, "utf-8", "surrogateescape", newline="")
            first = 1
            if _named_delimiter(start) is not None:
                text.readline()
                first = 2
            records = self._records(text, delimiter or ",", first)
            header: list[str] | None = None
            for number, fields, source in records:
                if header is None:
                    if isinstance(fields, str):
                        raise InputError(f"{self.source}, line {number}: the header: {fields}")
                    header = [name.strip() for name in fields]
                    Columns(self.settings).refuse_twins(self.source, header)
                    continue
                yield self._row(number, fields, header, source)
            text.detach()

    def _row(
        self, number: int, fields: list[str] | str, header: list[str], source: str
    ) -> Row | Quarantined:
        place = self.place(number)
        if isinstance(fields, str):
            return quarantined(place, "broken_csv", fields, source)
        if len(fields) != len(header):
            message = f"{len(fields)} fields where the header has {len(header)}"
            return quarantined(place, "ragged_row", message, source)
        values = dict(zip(header, fields, strict=True))
        return Row(place, values, self.auto_id(number), source)

    def _records(
        self, text: io.TextIOWrapper, delimiter: str, number: int
    ) -> Iterator[tuple[int, list[str] | str, str]]:
        """Yield each record's first line number, its fields or what is wrong, and its text.

        The next line of ``text`` is line ``number``.
        After a broken record, reading goes on with the line after its first.
        """
        lines = bounded_lines(text)
        waiting: deque[tuple[str, bool]] = deque()
        width: int | None = None
        while True:
            read: list[tuple[str, bool]] = []
            self._at = number
            fields: list[str] | str
            try:
                fields = next(
                    csv.reader(
                        _feed(lines, waiting, read), "excel", delimiter=delimiter, strict=True
                    ),
                    [],
                )
            except _UnclosedQuoteError:
                fields = "a quote is never closed"
            except _OversizedLineError:
                fields = f"a line of the record is {OVERSIZED}"
            except csv.Error as error:
                fields = f"the line is not CSV: {error}"
            if not read:
                return
            first, whole = read[0]
            plain = first.rstrip("\r\n").split(delimiter)
            if (
                delimiter == "\t"
                and whole
                and width == len(plain)
                and (isinstance(fields, str) or len(fields) != width)
            ):
                fields = plain  # tab-separated files often hold quotes that quote nothing
                waiting.extendleft(reversed(read[1:]))
                del read[1:]
            elif isinstance(fields, str):
                waiting.extendleft(reversed(read[1:]))
                del read[1:]
            if fields:
                width = len(fields) if width is None else width
                yield number, fields, "".join(line for line, _ in read).rstrip("\r\n")
            number += len(read)


def _feed(
    lines: Iterator[tuple[str, bool]],
    waiting: deque[tuple[str, bool]],
    read: list[tuple[str, bool]],
) -> Iterator[str]:
    size = 0
    while len(read) < _MAX_RECORD_LINES and size < MAX_RECORD:
        line, whole = waiting.popleft() if waiting else next(lines, ("", True))
        if not line:
            return
        read.append((line, whole))
        if not whole:
            raise _OversizedLineError
        size += len(line)
        yield line
    raise _UnclosedQuoteError


def sniff_delimiter(start: bytes, settings: InputSettings) -> str | None:
    """Return the delimiter under which a header has the columns of a pair, or None.

    Where no header has them, the delimiter that the header holds most often. Excel may name it in
    a line before the header.
    """
    named = _named_delimiter(start)
    if named is not None:
        return named
    lines = start.decode("utf-8-sig", "replace").splitlines(keepends=True)
    columns = Columns(settings)
    headers: dict[str, list[str]] = {}
    for delimiter in DELIMITERS:
        try:
            # Blank lines before the header are passed over, as they are when it is read.
            header = next(filter(None, csv.reader(lines, delimiter=delimiter)), [])
        except csv.Error:
            continue
        values = dict.fromkeys((name.strip() for name in header), "x")
        if all(columns.get(values, field) is not ABSENT for field in ("question", "passage")):
            return delimiter
        headers[delimiter] = header
    most = max(headers, key=lambda delimiter: len(headers[delimiter]), default=None)
    return most if most is not None and len(headers[most]) > 1 else None


def _named_delimiter(start: bytes) -> str | None:
    """Return the delimiter that a first line ``sep=;`` names."""
    found = _EXCEL_LINE.match(start)
    return None if found is None else found[1].decode()
