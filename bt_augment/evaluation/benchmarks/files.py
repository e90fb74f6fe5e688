"""Reading the files of benchmarks: whole or not at all, each error with its place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bt_augment.errors import InputError, LanguageError
from bt_augment.evaluation.benchmarks.base import Candidates, Qrels, Queries
from bt_augment.evaluation.benchmarks.spooled import check_text, spooled
from bt_augment.languages import normalize_tag
from bt_augment.pairs.contamination import BenchmarkPassage
from bt_augment.pairs.readers.arrow import ParquetReader
from bt_augment.pairs.readers.base import READ_ERRORS, InputSettings, Place, Quarantined, Row
from bt_augment.pairs.readers.beir import COMPRESSED, find_file
from bt_augment.pairs.readers.compression import open_text
from bt_augment.pairs.readers.json_lines import JsonLinesReader

_MOST_BYTES = 256 << 20  # of a JSON document, unpacked: a few megabytes may stand for more
_INTEGER = re.compile(r"[+-]?\d{1,9}(\.0+)?")  # longer ones are infinite, or no array holds them
MAX_GRADE = 999_999_999

_GRADE_HEADERS = frozenset(
    {"score", "scores", "relevance", "relevancy", "rel", "label", "grade", "judgment", "judgement"}
)

_ID = ("_id", "id", "docid", "query_id")
_QUERY_TEXT = ("text", "query", "question")
_CANDIDATE_TEXT = ("text", "passage", "documentation")

__all__ = [
    "by_language",
    "check_qrels",
    "field",
    "find_file",
    "merged",
    "read_candidates",
    "read_json",
    "read_passages",
    "read_qrels",
    "read_queries",
    "read_tsv_queries",
    "rows",
]


def by_language(folder: Path, prefix: str, suffix: str) -> dict[str, Path]:
    """Return the files named ``<prefix><tag><suffix>``, compressed or not, by normalized tag.

    Raises:
        InputError: no such folder, or two files of one language.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: is not a folder; give the benchmark's folder with --data")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        base = path.name
        for compressed in COMPRESSED[1:]:
            base = base.removesuffix(compressed)
        if not (base.startswith(prefix) and base.endswith(suffix)) or path.is_dir():
            continue
        try:
            tag = normalize_tag(base[len(prefix) : len(base) - len(suffix)])
        except LanguageError:
            continue  # not a file of the benchmark
        if not path.is_file():
            raise InputError(
                f"{path}: is no file, but a link that leads nowhere or a pipe; get it again, or "
                "remove it"
            )
        if tag in found:
            raise InputError(f"{folder}: {found[tag].name} and {path.name} are both {tag!r}")
        found[tag] = path
    return found


def read_json(path: Path) -> Any:
    """Return a JSON document.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with open_text(path) as stream:
            data = stream.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ValueError(f"it holds more than {_MOST_BYTES:,} bytes")
        return json.loads(data)
    except (*READ_ERRORS, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read ({error}); get the file again") from error


def rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a JSON-lines or Parquet file.

    Raises:
        InputError: a line is broken; a benchmark is read whole or not at all.
    """
    kind = ParquetReader if path.suffix == ".parquet" else JsonLinesReader
    empty = True
    for item in kind(str(path), InputSettings()).read():
        if isinstance(item, Quarantined):
            raise InputError(f"{item.place}: {item.message}")
        empty = False
        yield item
    if empty:
        raise InputError(f"{path}: is empty")


def read_queries(paths: Iterable[Path], prefix: str = "") -> Queries:
    """Return the queries of JSON-lines or Parquet files.

    Args:
        paths: the files of one language.
        prefix: put before each id.

    Raises:
        InputError: a query without id or text, or two of one id.
    """
    return _queries(
        (row.place, prefix + field(row, _ID), field(row, _QUERY_TEXT))
        for path in paths
        for row in rows(path)
    )


def read_tsv_queries(path: Path, prefix: str = "") -> Queries:
    """Return the queries of a file of lines ``id<TAB>text``.

    Raises:
        InputError: as :func:`read_queries`.
    """
    return _queries((place, prefix + name, text) for place, name, text in _tsv(path, 2))


def _queries(items: Iterable[tuple[Any, ...]]) -> Queries:
    found: dict[str, str] = {}
    for place, name, text in items:
        check_text(place, name, text)
        if not text.strip():
            raise InputError(f"{place}: the query {name!r} is empty; write it or remove the line")
        if name in found:
            raise InputError(f"{place}: the query id {name!r} is there twice")
        found[name] = text.strip()
    return Queries(list(found), list(found.values()))


def read_candidates(
    paths: Iterable[Path], judged: Mapping[str, Any] | set[str], prefix: str = ""
) -> Candidates:
    """Return the candidates of JSON-lines or Parquet files; a title goes before its text.

    Args:
        paths: the files of one language.
        judged: ids, prefix included, whose rows must be known afterwards.
        prefix: put before each id.

    Raises:
        InputError: a candidate without id or text, or two of one id.
    """

    def made() -> Iterator[tuple[Place, str, str, None, int]]:
        for path in paths:
            for row in rows(path):
                text, title = _passage_of(row)
                whole = f"{title} {text}".strip()  # as BEIR's own retrievers do
                yield row.place, prefix + field(row, _ID), whole, None, len(whole) - len(text)

    return spooled(made(), judged)


def read_passages(paths: Iterable[Path]) -> Iterator[BenchmarkPassage]:
    """Yield the passages of JSON-lines or Parquet files, one in memory at a time.

    Raises:
        InputError: a line is broken, or has no text.
    """
    for path in paths:
        for row in rows(path):
            yield _passage_of(row)


def _passage_of(row: Row) -> BenchmarkPassage:
    title = row.values.get("title")
    return BenchmarkPassage(
        field(row, _CANDIDATE_TEXT).strip(), title.strip() if isinstance(title, str) else ""
    )


def read_qrels(path: Path, prefix: str = "") -> Qrels:
    """Return relevance judgements of a TSV file: BEIR's three columns, or TREC's four.

    Args:
        path: lines ``query, candidate, relevance`` or ``query, 0, candidate, relevance``, with or
            without a header; or Parquet with ``query-id``, ``corpus-id`` and ``score``.
        prefix: put before both ids.

    Raises:
        InputError: a line is broken or contradicts an earlier one, or there is none.
    """
    qrels: Qrels = {}
    for place, query, candidate, grade in _judged(path):
        if not _INTEGER.fullmatch(grade):
            raise InputError(
                f"{place}: the relevance {grade!r} is not an integer of 9 digits at most"
            )
        grades = qrels.setdefault(prefix + query, {})
        if grades.setdefault(prefix + candidate, int(float(grade))) != int(float(grade)):
            raise InputError(
                f"{place}: {candidate!r} was judged for query {query!r} before, and otherwise"
            )
    if not qrels:
        raise InputError(f"{path}: holds no judgements")
    return qrels


def merged(paths: Iterable[Path], parts: Iterable[Qrels]) -> Qrels:
    """Return the judgements of several files as one.

    Raises:
        InputError: two files contradict each other.
    """
    qrels: Qrels = {}
    for path, part in zip(paths, parts, strict=True):
        for query, grades in part.items():
            known = qrels.setdefault(query, {})
            for candidate, grade in grades.items():
                if known.setdefault(candidate, grade) != grade:
                    raise InputError(
                        f"{path}: {candidate!r} was judged for query {query!r} in another file, "
                        "and otherwise"
                    )
    return qrels


def check_qrels(
    path: Path, qrels: Qrels, queries: set[str], candidates: set[str], prefix: str = ""
) -> None:
    """Check that judgements name only queries and relevant candidates that are there.

    Args:
        path: the file the judgements were read from.
        qrels: the judgements.
        queries: ids of all queries.
        candidates: ids of the judged candidates that the corpus has.
        prefix: what :func:`read_qrels` put before the ids.

    Raises:
        InputError: one is not there; names the line.
    """
    for query, grades in qrels.items():
        if query not in queries:
            raise InputError(
                f"{_line_of(path, 0, query.removeprefix(prefix))}: the query id "
                f"{query.removeprefix(prefix)!r} is in no file of queries"
            )
        for candidate, grade in grades.items():
            if grade > 0 and candidate not in candidates:
                name = candidate.removeprefix(prefix)
                raise InputError(
                    f"{_line_of(path, 1, name)}: the relevant id {name!r} of query "
                    f"{query.removeprefix(prefix)!r} is not in the corpus"
                )


def _line_of(path: Path, column: int, name: str) -> str:
    return next((str(place) for place, *ids, _ in _judged(path) if ids[column] == name), str(path))


def _judged(path: Path) -> Iterator[tuple[Any, ...]]:
    if path.suffix == ".parquet" or ".jsonl" in path.suffixes:
        names = (("query-id", "query_id"), ("corpus-id", "corpus_id"), ("score", "relevance"))
        for row in rows(path):
            yield (row.place, *(field(row, name) for name in names))
        return
    for number, (place, *fields) in enumerate(_tsv(path, 3, 4)):
        if len(fields) == 4:
            del fields[1]
        if number == 0 and fields[2].casefold() in _GRADE_HEADERS:
            continue
        yield (place, *fields)


def _tsv(path: Path, *widths: int) -> Iterator[tuple[Any, ...]]:
    """Yield place and fields of each line that is not blank."""
    try:
        with open_text(path) as stream:
            for number, line in enumerate(stream, start=1):
                text = line.decode("utf-8").rstrip("\r\n")
                if not text.strip():
                    continue
                fields = text.split("\t") if "\t" in text else text.split()
                place = Place(str(path), "line", number)
                if len(fields) not in widths:
                    wanted = " or ".join(map(str, widths))
                    raise InputError(f"{place}: {len(fields)} fields where {wanted} are wanted")
                yield (place, *(part.strip() for part in fields))
    except (*READ_ERRORS, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); get the file again") from error


def field(row: Row, names: Iterable[str]) -> str:
    """Return the first of the named fields that a row has, as text.

    Raises:
        InputError: there is none, or it is not text.
    """
    for name in names:
        if (value := row.values.get(name)) is not None:
            if isinstance(value, str):
                return value
            if isinstance(value, int) and not isinstance(value, bool):
                return str(value)
            raise InputError(f"{row.place}: the field {name!r} is not text")
    raise InputError(f"{row.place}: has no field {' or '.join(map(repr, names))}")
