"""Files of one JSON document, or of several that were joined."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from bt_augment.pairs.readers.base import Quarantined, Reader, Row, quarantined
from bt_augment.pairs.readers.compression import open_text
from bt_augment.pairs.readers.json_stream import Event, JsonBreakError, events, inside_document


class DocumentsReader(Reader):
    """Reads a JSON document as a stream, and those that follow it in a file that was joined.

    Attributes:
        first_place: where a file breaks of which nothing could be read.
    """

    place_kind = "path"
    first_place: ClassVar[str]

    def rows(self) -> Iterator[Row | Quarantined]:
        """Yield the rows in file order."""
        self._at = self.first_place
        try:
            with open_text(self.path) as raw:
                stream = events(raw)
                for number, first in enumerate(stream):
                    yield from self._document(inside_document(number), first, stream)
                    self._at = inside_document(number + 1)
        except (JsonBreakError, RecursionError) as error:
            message = str(error) if isinstance(error, JsonBreakError) else "it is nested too deeply"
            yield quarantined(self.place(self._at), "broken_json", message)

    @abstractmethod
    def _document(
        self, path: str, first: Event, stream: Iterator[Event]
    ) -> Iterator[Row | Quarantined]:
        """Yield the rows of a document that begins with ``first``; ``path`` leads to it."""
