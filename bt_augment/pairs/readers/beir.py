"""BEIR folders: ``queries.jsonl``, ``corpus.jsonl`` and ``qrels/<split>.tsv``."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from bt_augment.errors import InputError
from bt_augment.pairs.readers.arrow import choose_split
from bt_augment.pairs.readers.base import (
    READ_ERRORS,
    InputSettings,
    Place,
    Quarantined,
    Reader,
    Row,
    broken_file,
    quarantined,
)
from bt_augment.pairs.readers.compression import open_text
from bt_augment.pairs.readers.json_lines import JsonLinesReader
from bt_augment.pairs.readers.lines import bounded_lines
from bt_augment.temporary_database import TemporaryDatabase

COMPRESSED = ("", ".gz", ".zst", ".bz2", ".xz")
_TABLES = ("queries", "corpus")
_NOT_RELEVANT = "not_relevant"  # why a judgement is left out
_HAS_DIGIT = re.compile(r"\d")


class _Judgement(NamedTuple):
    line: int
    query: str
    document: str
    relevant: bool


def find_file(folder: Path, name: str) -> Path | None:
    """Return ``folder/name``, compressed or not, if it is there.

    Raises:
        InputError: a link of that name leads nowhere: another file is not read in its place.
    """
    for path in (folder / f"{name}{suffix}" for suffix in COMPRESSED):
        if path.is_file():
            return path
        if path.is_symlink():
            raise InputError(f"{path}: is a link that leads nowhere; get it again, or remove it")
    return None


def is_beir(folder: Path) -> bool:
    """Return whether a folder has the two text files of a BEIR data set."""
    return all(find_file(folder, f"{table}.jsonl") for table in _TABLES)


class BeirReader(Reader):
    """Reads one row per relevant judgement, in the order of the qrels.

    Only queries and documents that a judgement names are kept, in a temporary database on disk.
    A row's columns are those of the query, and ``passage``, ``title`` and ``passage_lang`` of
    the document; its place is the judgement's line in the qrels.
    """

    format = "beir"
    parts = ("split",)
    place_kind = "line"

    def __init__(self, source: str, settings: InputSettings, path: Path | None = None) -> None:
        # The layout is fixed: text is the query's in one file and the document's in the other.
        fixed = replace(settings, question="question", passage="passage", id="id", title="title")
        super().__init__(source, fixed, path)

    def rows(self) -> Iterator[Row | Quarantined]:
        """Yield broken lines of the queries and the corpus, then the judged pairs."""
        qrels = self._qrels()
        with TemporaryDatabase() as database:
            yield from self._load(database, qrels)
            for item in _judgements(qrels):
                if isinstance(item, Quarantined):
                    yield item
                elif item.relevant:
                    yield self._pair(database, qrels, item)
                else:
                    place = Place(str(qrels), "line", item.line)
                    yield Row(place, {}, self.auto_id(item.line), left_out=_NOT_RELEVANT)

    def head(self) -> list[Row]:
        """Return the first judged pairs, with empty passages: the corpus is not read for this."""
        self._qrels()
        heads = JsonLinesReader(str(self._file("queries")), InputSettings()).head()
        documents = JsonLinesReader(str(self._file("corpus")), InputSettings()).head()
        for table, rows in zip(_TABLES, (heads, documents), strict=True):
            if rows and all("text" not in row.values for row in rows):
                raise InputError(
                    f"{self._file(table)} has no field 'text', which a BEIR folder needs; "
                    f"its fields are {', '.join(rows[0].values)}"
                )
        first = documents[0].values if documents else {}
        return [replace(row, values={**_columns(row.values, first), "id": ""}) for row in heads]

    def _file(self, table: str) -> Path:
        found = find_file(self.path, f"{table}.jsonl")
        if found is None:
            raise InputError(f"{self.source} has no {table}.jsonl, which a BEIR folder needs")
        return found

    def _qrels(self) -> Path:
        folder = self.path / "qrels"
        named = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
        parts = (name.partition(".tsv") for name in named if not name.startswith("."))  # ._test.tsv
        names = sorted({name for name, dot, suffix in parts if dot and suffix in COMPRESSED})
        found = {name: find_file(folder, f"{name}.tsv") for name in names}
        splits = {name: path for name, path in found.items() if path}
        if not splits:
            raise InputError(f"{self.source} has no qrels/<split>.tsv, which a BEIR folder needs")
        return splits[choose_split(f"{self.source}/qrels", list(splits), self.settings.split)]

    def _load(self, database: TemporaryDatabase, qrels: Path) -> Iterator[Quarantined]:
        for table in _TABLES:
            database.execute(
                f"CREATE TABLE {table} (id TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID"
            )
        database.execute("BEGIN")
        for item in _judgements(qrels):
            if isinstance(item, _Judgement) and item.relevant:
                database.execute("INSERT OR IGNORE INTO queries (id) VALUES (?)", (item.query,))
                database.execute("INSERT OR IGNORE INTO corpus (id) VALUES (?)", (item.document,))
        for table in _TABLES:
            asked = f"SELECT value IS NULL FROM {table} WHERE id = ?"
            keep = f"UPDATE {table} SET value = ? WHERE id = ?"
            for row in JsonLinesReader(str(self._file(table)), self.settings).read():
                if isinstance(row, Quarantined):
                    yield row
                    continue
                key = row.values.get("_id", row.values.get("id"))
                if not isinstance(key, str | int) or isinstance(key, bool):
                    yield row.quarantined("wrong_type", "the field _id is missing, or not text")
                    continue
                try:
                    found = database.execute(asked, (str(key),))
                except UnicodeEncodeError:
                    yield row.quarantined("lone_surrogate", "_id holds half a surrogate pair")
                    continue
                if found == [(1,)]:
                    database.execute(keep, (json.dumps(row.values), str(key)))
                elif found:
                    yield row.quarantined(
                        "repeated_id", f"an earlier line has the _id {str(key)!r}; that one is read"
                    )
        database.execute("COMMIT")

    def _pair(
        self, database: TemporaryDatabase, qrels: Path, judgement: _Judgement
    ) -> Row | Quarantined:
        place = Place(str(qrels), "line", judgement.line)
        raw = f"{judgement.query}\t{judgement.document}"
        values = []
        for table, key in (("queries", judgement.query), ("corpus", judgement.document)):
            ((text,),) = database.execute(f"SELECT value FROM {table} WHERE id = ?", (key,))
            if text is None:
                cause = "unknown_query" if table == "queries" else "unknown_document"
                message = f"{self._file(table)} has no readable line with _id {key!r}"
                return quarantined(place, cause, message, raw)
            values.append(json.loads(text))
        columns = {**_columns(*values), "id": judgement.query}
        return Row(place, columns, self.auto_id(judgement.line))


def _columns(query: Any, document: Any) -> dict[str, Any]:
    """Return the columns of a pair; the languages of the two texts are kept apart."""
    # Of the query's own fields none stands for the document's text where that is missing.
    others = ("_id", "text", "title", "passage")
    columns = {name: value for name, value in query.items() if name not in others}
    if "text" in query:
        columns["question"] = query["text"]
    if "text" in document:
        columns["passage"] = document["text"]
    columns["title"] = document.get("title")
    for name in ("lang", "language"):
        if name in columns:
            columns.setdefault("question_lang", columns.pop(name))  # it is not the document's
        if name in document:
            columns.setdefault("passage_lang", document[name])
    return columns


def _judgements(qrels: Path) -> Iterator[_Judgement | Quarantined]:
    """Yield the judgements: ``query, document, score``, or TREC's four columns."""
    number = 0
    try:
        with open_text(qrels) as stream:
            for number, (line, _) in enumerate(bounded_lines(stream), start=1):
                fields = _fields(line)
                if not fields or (number == 1 and not _HAS_DIGIT.search(fields[-1])):
                    continue  # a blank line, or the header
                yield _judgement(Place(str(qrels), "line", number), fields, line)
    except READ_ERRORS as error:
        yield broken_file(error, str(qrels), Place(str(qrels), "line", number + 1))


def _fields(line: bytes) -> list[str]:
    text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
    if not text.strip():
        return []
    return text.split("\t") if "\t" in text else text.split()


def _judgement(place: Place, fields: list[str], line: bytes) -> _Judgement | Quarantined:
    if len(fields) == 4:
        del fields[1]
    try:
        "".join(fields).encode()
        query, document, score = (field.strip() for field in fields)
        value = float(score)
    except ValueError:
        message = "the line is not query, document, score"
        return quarantined(place, "ragged_row", message, line)
    if math.isnan(value):
        return quarantined(place, "wrong_type", "the score is not a number, but nan", line)
    return _Judgement(int(place.value), query, document, relevant=value > 0)
