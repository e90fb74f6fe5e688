"""The contract of a reader: rows as the file has them, each with its place.

A reader yields :class:`Row` values lazily and knows nothing of languages, ids or answers; what a
row means is decided once, for all formats, in :mod:`bt_augment.pairs.readers.records`.
"""

from __future__ import annotations

import errno
import json
import lzma
import re
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import pyarrow as pa

from bt_augment.errors import StorageError

RAW_LIMIT = 10_000  # characters of a broken record kept in quarantine: enough to find it by eye
HEAD_ROWS = 20  # rows looked at before any work, to see that the columns are there
_HEAD_ITEMS = 1_000  # broken records skipped while looking for those rows

# What reading a damaged or cut file raises, whatever its compression and format.
READ_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException)

# What the system says where a damaged file itself asks for what cannot be, such as a place below 0.
_OF_CONTENT = (None, errno.EINVAL, errno.EOVERFLOW, errno.EFBIG, errno.ERANGE, errno.ESPIPE)

_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")  # as surrogateescape writes what is not UTF-8
_SUFFIXES = re.compile(
    r"(\.(json|jsonl|ndjson|txt|csv|tsv|parquet|arrow|feather|ipc|gz|zst|zstd|bz2|xz))+$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class InputSettings:
    """How inputs are read; the ``input`` section of a recipe.

    A column is a name or a dotted path (``ctxs.0.text``); None means the usual names are tried,
    and an empty string that there is no such column.

    Attributes:
        format: ``auto``, or one of squad, jsonl, csv, parquet, arrow, beir, hub.
        lang: language tag of rows that name none themselves.
        question: column of the question.
        passage: column of the passage.
        answers: column of the answers.
        id: column of the id.
        title: column of the passage's title.
        group: column that is the same for all versions of one passage, in any language.
        question_lang: column of the question's language tag.
        passage_lang: column of the passage's language tag.
        split: split of a BEIR folder, a saved data set or a hub data set.
        config: configuration of a hub data set.
        revision: revision of a hub data set.
        limit: number of pairs after which reading stops.
    """

    format: str = "auto"
    lang: str | None = None
    question: str | None = None
    passage: str | None = None
    answers: str | None = None
    id: str | None = None
    title: str | None = None
    group: str | None = None
    question_lang: str | None = None
    passage_lang: str | None = None
    split: str | None = None
    config: str | None = None
    revision: str | None = None
    limit: int | None = None


class Place(NamedTuple):
    """Where a record is: ``file`` and a ``line``, a ``row`` (both from 1) or a JSON ``path``."""

    file: str
    kind: Literal["line", "row", "path"]
    value: int | str

    def __str__(self) -> str:
        """Return the place as a message names it."""
        return f"{self.file}, {self.kind} {self.value}"


class Answer(NamedTuple):
    """An answer; ``start`` counts code points of the passage, -1 where it was not located."""

    text: str
    start: int


@dataclass(frozen=True)
class Record:
    """A native pair.

    Attributes:
        notes: what was mended: ``answer_relocated``, ``answer_not_located``, ``id_suffixed``; and
            ``first_of_several_passages``.
        place: where the pair was read.
        source: the input that it is of, as the user named it; empty until the input is known.
    """

    id: str
    group_id: str
    question: str
    passage: str
    question_lang: str
    passage_lang: str
    title: str | None
    answers: tuple[Answer, ...]
    notes: tuple[str, ...]
    place: Place
    source: str = ""

    def as_row(self) -> dict[str, Any]:
        """Return the columns of :func:`bt_augment.pairs.schema.native_schema`."""
        return {
            "id": self.id,
            "group_id": self.group_id,
            "question": self.question,
            "passage": self.passage,
            "question_lang": self.question_lang,
            "passage_lang": self.passage_lang,
            "title": self.title,
            "answers": [answer._asdict() for answer in self.answers],
        }


@dataclass(frozen=True)
class Quarantined:
    """A record that could not be read.

    Attributes:
        cause: a code, such as ``broken_json`` or ``empty_question``.
        message: the cause in words.
        raw: the record as it stands, at most ``RAW_LIMIT`` characters, always valid Unicode.
        source: the input that it is of, as the user named it; empty until the input is known.
    """

    place: Place
    cause: str
    message: str
    raw: str
    source: str = ""

    def as_row(self) -> dict[str, Any]:
        """Return one line of ``quarantine.jsonl``: file, line or row or path, cause, raw text."""
        return {
            "file": self.place.file,
            self.place.kind: self.place.value,
            "cause": self.cause,
            "message": self.message,
            "raw": self.raw,
        }


@dataclass(frozen=True)
class LeftOut:
    """A question without an answer, or with a passage that does not answer it, by its data set.

    Attributes:
        source: the input that it is of, as the user named it; empty until the input is known.
    """

    place: Place
    id: str
    reason: str = "unanswerable"
    source: str = ""


@dataclass(frozen=True)
class Row:
    """One row as the file has it.

    Attributes:
        values: columns by name; values may be nested.
        auto_id: deterministic id for a row that has none.
        raw: text of the row, for formats that are text; else it is made from ``values``.
        left_out: why the row is no pair though nothing is wrong with it; empty if it is one.
    """

    place: Place
    values: Mapping[str, Any]
    auto_id: str
    raw: str | None = None
    left_out: str = ""

    def quarantined(self, cause: str, message: str) -> Quarantined:
        """Return this row as one that could not be read."""
        raw = self.raw
        if raw is None:
            raw = json.dumps(self.values, ensure_ascii=False, default=str)
        return quarantined(self.place, cause, message, raw)


def quarantined(place: Place, cause: str, message: str, raw: str | bytes = "") -> Quarantined:
    """Return a quarantined record with its raw text capped and made valid Unicode."""
    if isinstance(raw, bytes):
        raw = raw[: 4 * RAW_LIMIT].decode("utf-8", "backslashreplace")
    raw = _valid(raw[:RAW_LIMIT])[:RAW_LIMIT]
    return Quarantined(place, cause, _valid(message), raw)


def broken_file(error: Exception, source: str, place: Place) -> Quarantined:
    """Return the entry that stands for what comes after the place where a file breaks.

    Args:
        error: one of ``READ_ERRORS``.
        source: the file, as a message names it.
        place: the record that could not be read.

    Raises:
        StorageError: a temporary file could not be written, or the disk did not give the file.
    """
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise StorageError(
            f"no space for temporary files while reading {source}: {error}; "
            "free some, or point TMPDIR at another disk"
        ) from error
    if isinstance(error, OSError) and error.errno not in _OF_CONTENT:
        # The system's word, not the file's: read again, there may be more of it.
        raise StorageError(
            f"{source} cannot be read: {error}. Nothing of it was taken for its end; "
            "run the same command again when the disk gives it"
        ) from error
    why = " ".join(str(error).split()) or type(error).__name__
    return quarantined(place, "broken_file", f"the file cannot be read further: {why}")


def _valid(text: str) -> str:
    """Return text with surrogates written out: those that stand for bytes as the bytes."""
    if text.isascii():
        return text
    text = _ESCAPED_BYTE.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", text)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def stem(path: Path) -> str:
    """Return the file name without its data and compression suffixes."""
    return _SUFFIXES.sub("", path.name) or path.name


class Reader(ABC):
    """Reads one input of one format.

    Attributes:
        format: the name of the format.
        parts: the settings that say which part of an input is read.
        source: the input as the user wrote it; named in every message.
        path: the file or folder that is read: a copy, where the source is elsewhere.
        settings: how the input is read.
    """

    format: ClassVar[str]
    parts: ClassVar[tuple[str, ...]] = ()
    place_kind: ClassVar[Literal["line", "row", "path"]]

    def __init__(self, source: str, settings: InputSettings, path: Path | None = None) -> None:
        self.source = source
        self.path = path or Path(source)
        self.settings = settings
        self._at: int | str = 1  # the place last begun, for a break in the middle

    @abstractmethod
    def rows(self) -> Iterator[Row | Quarantined]:
        """Yield the rows in file order; a fresh iterator at each call."""

    def read(self) -> Iterator[Row | Quarantined]:
        """Yield the rows; where the file breaks, one quarantined entry ends them.

        Raises:
            StorageError: a temporary file could not be written, or the disk did not give the file.
        """
        try:
            yield from self.rows()
        except READ_ERRORS as error:
            yield broken_file(error, self.source, self.place(self._at))

    def head(self) -> list[Row]:
        """Return up to ``HEAD_ROWS`` of the first readable rows; the file is then closed."""
        rows: list[Row] = []
        items = self.read()
        for count, item in enumerate(items, start=1):
            if isinstance(item, Row):
                rows.append(item)
            if len(rows) == HEAD_ROWS or count == _HEAD_ITEMS:
                break
        return rows

    def place(self, value: int | str) -> Place:
        """Return a place in this input."""
        return Place(self.source, self.place_kind, value)

    def auto_id(self, value: int | str) -> str:
        """Return the id of a row that has none: ``<file stem>:<line>``."""
        return f"{stem(self.path)}:{value}"
