"""CSV and TSV with a header, whatever the delimiter."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from bt_augment.errors import InputError
from bt_augment.pairs.readers.base import InputSettings, Quarantined, Reader, Row, quarantined
from bt_augment.pairs.readers.columns import ABSENT, Columns
from bt_augment.pairs.readers.compression import open_text, read_start
from bt_augment.pairs.readers.csv_records import CsvRecords
from bt_augment.pairs.readers.lines import MAX_RECORD, bounded_lines

DELIMITERS = (",", "\t", ";", "|")
_SNIFF_BYTES = 1 << 16
_EXCEL_LINE = re.compile(rb"(?:\xef\xbb\xbf)?\"?sep=([\t !#-~])\"?\r?\n", re.IGNORECASE)


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
            number = 1
            if _named_delimiter(start) is not None:
                text.readline()
                number = 2
            yield from self._rows(CsvRecords(bounded_lines(text), delimiter or ","), number)
            text.detach()

    def _rows(self, records: CsvRecords, number: int) -> Iterator[Row | Quarantined]:
        """Yield the rows of the records, the first of which begins at line ``number``."""
        header: list[str] | None = None
        self._at = number
        while (record := records.next()) is not None:
            fields = record.fields
            if header is not None and fields:
                yield self._row(number, fields, header, "".join(record.lines).rstrip("\r\n"))
            elif isinstance(fields, str):
                raise InputError(f"{self.source}, line {number}: the header: {fields}")
            elif fields:
                header = [name.strip() for name in fields]
                Columns(self.settings).refuse_twins(self.source, header)
            number += len(record.lines)
            self._at = number

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
