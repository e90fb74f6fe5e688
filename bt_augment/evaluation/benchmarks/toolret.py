"""ToolRet (Shi et al. 2025, arXiv 2503.01763): which tool serves a request.

Queries ``{id, query, instruction, labels}`` and tools ``{id, documentation}``, as JSON lines or
Parquet, in files or folders named ``queries*`` and ``tools*``. ``labels`` is a list of
``{id, relevance}``, or that list as JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bt_augment.errors import InputError
from bt_augment.evaluation.benchmarks.base import (
    MEASURES,
    MONO,
    Benchmark,
    Collection,
    Qrels,
    Queries,
)
from bt_augment.evaluation.benchmarks.beir import one_language
from bt_augment.evaluation.benchmarks.files import (
    MAX_GRADE,
    field,
    read_candidates,
    rows,
)
from bt_augment.evaluation.benchmarks.spooled import check_text
from bt_augment.pairs.readers.base import Place, Row
from bt_augment.pairs.readers.beir import COMPRESSED

_SUFFIXES = (".jsonl", ".parquet", *COMPRESSED[1:])


class ToolRet(Benchmark):
    """Requests and tools, in English; ``instructed`` puts the instruction before the request."""

    settings = (MONO,)
    measures = (*MEASURES, "nDCG@5", "P@5", "P@10", "R@5", "C@5", "C@10")

    def __init__(self, name: str, *, instructed: bool = False) -> None:
        super().__init__(name)
        self._instructed = instructed

    def load(self, folder: Path, languages: Sequence[str] | None) -> Collection:
        """Return the queries of all tasks in a folder, over all its tools."""
        tag = one_language(languages)
        qrels: Qrels = {}
        texts: dict[str, str] = {}
        places: dict[str, Place] = {}
        grades: dict[str, int]
        for path in _files(folder, "queries"):
            for row in rows(path):
                name = field(row, ("id", "_id"))
                text = field(row, ("query",)).strip()
                if not text:
                    raise InputError(f"{row.place}: the query {name!r} is empty")
                if name in texts:
                    raise InputError(f"{row.place}: the query id {name!r} is there twice")
                texts[name] = self._text(row, text)
                check_text(row.place, name, texts[name])
                places[name] = row.place
                grades = qrels[name] = {}
                for tool, grade in _labels(row):
                    if grades.setdefault(tool, grade) != grade:
                        raise InputError(
                            f"{row.place}: {tool!r} is labelled twice for query {name!r}, and not "
                            "alike"
                        )
        tools = read_candidates(
            _files(folder, "tools"), {name for grades in qrels.values() for name in grades}
        )
        for name, grades in qrels.items():
            for tool, grade in grades.items():
                if grade > 0 and tool not in tools.positions:
                    raise InputError(
                        f"{places[name]}: the relevant id {tool!r} of query {name!r} is not among "
                        "the tools"
                    )
        queries = Queries(list(texts), list(texts.values()))
        return self.collection({tag: queries}, {tag: tools}, qrels, parallel=False)

    def _text(self, row: Row, text: str) -> str:
        if not self._instructed:
            return text
        # The form that ToolRet's own evaluation gives to models without one of theirs.
        return f"Instruct: {field(row, ('instruction',)).strip()}\nQuery: {text}"


def _files(folder: Path, name: str) -> list[Path]:
    found = [
        path
        for path in sorted([*folder.glob(f"{name}*"), *folder.glob(f"{name}*/**/*")])
        if path.is_file() and path.suffix in _SUFFIXES
    ]
    if not found:
        raise InputError(f"{folder}: has no {name}*.jsonl or {name}*.parquet")
    return found


def _labels(row: Row) -> Iterator[tuple[str, int]]:
    labels: Any = row.values.get("labels")
    try:
        labels = json.loads(labels) if isinstance(labels, str) else labels
        for label in labels:
            said = label.get("relevance", 1)
            grade = int(said)
            if abs(grade) > MAX_GRADE or (grade != said and not isinstance(said, str)):
                raise ValueError(f"{said} is no grade")
            yield str(label["id"]), grade
    # 1e999 is valid JSON, and infinite
    except (
        ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError,
    ) as error:  # fmt: skip
        raise InputError(
            f"{row.place}: the field 'labels' is not a list of {{id, relevance}}, of which the "
            "relevance is an integer of 9 digits at most"
        ) from error
