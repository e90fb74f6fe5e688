"""SQuAD v1.1 and v2.0: ``data[].paragraphs[].qas[]``, one JSON document.

Also read are the articles as a list without the object around it, and the flat ``data[]`` of
questions that Hugging Face's question answering scripts take (``field="data"``).
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from typing import Any, NamedTuple

from bt_augment.pairs.readers.base import Quarantined, Row, quarantined
from bt_augment.pairs.readers.columns import ABSENT, UNANSWERABLE, Columns
from bt_augment.pairs.readers.json_documents import DocumentsReader
from bt_augment.pairs.readers.json_stream import (
    Event,
    JsonBreakError,
    unmark,
    value_of,
)

_NUMBERS = re.compile(r"\d+")
_SPOOL_BYTES = 4 << 20  # paragraphs that wait in memory for their article's title


class _Paragraph(NamedTuple):
    path: str
    title: Any
    value: Any


class SquadReader(DocumentsReader):
    """Reads a SQuAD file, one paragraph in memory at a time.

    The columns of a row are those of the question, and ``context`` and ``title``; of a flat
    file, those of the entry of ``data``.
    """

    format = "squad"
    first_place = "$"

    def _document(
        self, path: str, first: Event, stream: Iterator[Event]
    ) -> Iterator[Row | Quarantined]:
        self._version = ""
        for item in self._paragraphs(path, first, stream):
            if isinstance(item, _Paragraph):
                yield from self._questions(item)
            else:
                yield item

    def _paragraphs(
        self, path: str, first: Event, stream: Iterator[Event]
    ) -> Iterator[_Paragraph | Row | Quarantined]:
        data = f"{path}.data" if path else "data"
        place = self.place(path or "$")
        if first[0] == "start_array":
            yield from self._articles(data, stream)
            return
        if first[0] != "start_map":
            raw = json.dumps(unmark(value_of(first, stream)))
            yield quarantined(place, "wrong_type", "the document is not a JSON object", raw)
            return
        has_data = False
        for kind, key in stream:
            if kind == "end_map":
                break
            start = next(stream)
            if key == "data" and start[0] == "start_array":
                has_data = True
                yield from self._articles(data, stream)
            else:
                value = value_of(start, stream)
                if key == "version":
                    self._version = str(value)
        if not has_data:
            yield quarantined(place, "wrong_type", "there is no array 'data'")

    def _articles(
        self, data: str, stream: Iterator[Event]
    ) -> Iterator[_Paragraph | Row | Quarantined]:
        for number, event in enumerate(stream):
            if event[0] == "end_array":
                return
            self._at = f"{data}[{number}]"
            if event[0] != "start_map":
                raw = json.dumps(unmark(value_of(event, stream)))
                yield quarantined(
                    self.place(self._at), "wrong_type", "the article is not an object", raw
                )
                continue
            yield from self._article(self._at, stream)

    def _article(
        self, path: str, stream: Iterator[Event]
    ) -> Iterator[_Paragraph | Row | Quarantined]:
        """Yield an article's paragraphs; where its title comes after them, once that is known.

        An article without paragraphs is itself a row where it has a question, else quarantined.
        """
        title: Any = None
        titled = False
        has_paragraphs = False
        others: dict[str, Any] = {}
        broken: Exception | None = None
        with tempfile.SpooledTemporaryFile(_SPOOL_BYTES, "w+", encoding="utf-8") as waiting:
            try:
                for kind, key in stream:
                    if kind == "end_map":
                        break
                    start = next(stream)
                    has_paragraphs |= key == "paragraphs"
                    if key != "paragraphs" or start[0] != "start_array":
                        value = value_of(start, stream)
                        if key == "title":
                            title, titled = unmark(value), True
                        elif key == "paragraphs":
                            yield quarantined(
                                self.place(f"{path}.paragraphs"),
                                "wrong_type",
                                "paragraphs is not an array",
                                json.dumps(unmark(value)),
                            )
                        else:
                            others[key] = unmark(value)
                        continue
                    for index, event in enumerate(stream):
                        if event[0] == "end_array":
                            break
                        self._at = f"{path}.paragraphs[{index}]"
                        value = unmark(value_of(event, stream))
                        if titled:
                            yield _Paragraph(self._at, title, value)
                        else:
                            waiting.write(json.dumps([self._at, value]) + "\n")
            except (JsonBreakError, RecursionError) as error:
                broken = error
            waiting.seek(0)
            for line in waiting:
                at, value = json.loads(line)
                yield _Paragraph(at, title, value)
        if broken is not None:
            raise broken
        if not has_paragraphs:
            yield self._flat(path, {"title": title, **others})

    def _flat(self, path: str, values: dict[str, Any]) -> Row | Quarantined:
        place = self.place(path)
        if Columns(self.settings).get(values, "question") is ABSENT:
            return quarantined(
                place,
                "missing_question",
                "the article has neither paragraphs nor a question",
                json.dumps(values),
            )
        return Row(place, self._judged(values), self._short_id(path))

    def _short_id(self, path: str) -> str:
        """Return the id of a row that has none: the file's stem and the numbers of its path."""
        return self.auto_id(".".join(_NUMBERS.findall(path)))

    def _judged(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return a question's columns; in version 2 one without an answer has none by intent."""
        if self._version.lstrip("vV").startswith("2"):
            values.setdefault(UNANSWERABLE, False)
        return values

    def _questions(self, paragraph: _Paragraph) -> Iterator[Row | Quarantined]:
        value = paragraph.value
        if not isinstance(value, dict):
            yield quarantined(
                self.place(paragraph.path),
                "wrong_type",
                "the paragraph is not an object",
                json.dumps(value),
            )
            return
        questions = value.get("qas")
        if not isinstance(questions, list):
            yield quarantined(
                self.place(paragraph.path),
                "missing_question",
                "the paragraph has no array 'qas'",
                json.dumps(value),
            )
            return
        shared = {name: item for name, item in value.items() if name not in _NOT_COLUMNS}
        if shared.get("title") is None:
            shared["title"] = paragraph.title
        for number, question in enumerate(questions):
            path = f"{paragraph.path}.qas[{number}]"
            place = self.place(path)
            if isinstance(question, dict):
                yield Row(place, self._judged({**shared, **question}), self._short_id(path))
            else:
                yield quarantined(
                    place, "wrong_type", "the question is not an object", json.dumps(question)
                )


# Parts of a paragraph that are not columns; LAReQA's sentences are for evaluation only.
_NOT_COLUMNS = frozenset({"qas", "sentences", "sentence_breaks"})
