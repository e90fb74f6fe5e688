"""JSON lines, and one JSON array of objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from bt_augment.pairs.readers.base import Quarantined, Reader, Row, quarantined
from bt_augment.pairs.readers.compression import open_text
from bt_augment.pairs.readers.json_documents import DocumentsReader
from bt_augment.pairs.readers.json_stream import (
    Event,
    unmark,
    value_of,
)
from bt_augment.pairs.readers.lines import OVERSIZED, bounded_lines


class JsonLinesReader(Reader):
    """Reads one JSON object per line; blank lines are skipped."""

    format = "jsonl"
    place_kind = "line"

    def rows(self) -> Iterator[Row | Quarantined]:
        """Yield the lines in file order."""
        with open_text(self.path) as stream:
            for number, (line, whole) in enumerate(bounded_lines(stream), start=1):
                self._at = number + 1
                if not whole:
                    message = f"the line is {OVERSIZED}"
                    yield quarantined(self.place(number), "broken_json", message, line)
                elif line.strip():
                    yield self._row(number, line.rstrip(b"\r\n"))

    def _row(self, number: int, line: bytes) -> Row | Quarantined:
        place = self.place(number)
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            return quarantined(place, "invalid_utf8", f"the line is not UTF-8: {error}", line)
        try:
            # Control characters inside strings are common in the wild, and harmless.
            value = json.loads(text, strict=False)
        except (ValueError, RecursionError) as error:
            return quarantined(place, "broken_json", f"the line is not JSON: {error}", text)
        if not isinstance(value, dict):
            return quarantined(place, "not_an_object", "the line is not a JSON object", text)
        return Row(place, value, self.auto_id(number), text)


class JsonArrayReader(DocumentsReader):
    """Reads JSON arrays of objects, one object in memory at a time; objects by themselves too."""

    format = "jsonl"
    first_place = "[0]"

    def _document(
        self, path: str, first: Event, stream: Iterator[Event]
    ) -> Iterator[Row | Quarantined]:
        if first[0] != "start_array":
            yield self._row(path or "$", unmark(value_of(first, stream)), path or 0)
            return
        for number, event in enumerate(stream):
            if event[0] == "end_array":
                return
            value = unmark(value_of(event, stream))
            self._at = f"{path}[{number + 1}]"
            yield self._row(f"{path}[{number}]", value, f"{path}[{number}]" if path else number)

    def _row(self, path: str, value: Any, auto: int | str) -> Row | Quarantined:
        place = self.place(path)
        if isinstance(value, dict):
            return Row(place, value, self.auto_id(auto))
        return quarantined(place, "not_an_object", "it is not an object", json.dumps(value))
