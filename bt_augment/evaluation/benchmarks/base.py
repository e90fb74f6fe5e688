"""What a benchmark is: queries and candidates by language, and which answers which.

A query and its parallel versions in other languages share an id, so that one line of relevance
judgements holds for all of them.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Collection as Container
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bt_augment.errors import InputError
from bt_augment.pairs.contamination import BenchmarkPassage

MONO, CROSS, MULTI = SETTINGS = ("mono", "cross", "multi")
SENTENCE, SENTENCE_CONTEXT = CANDIDATE_TEXTS = ("sentence", "sentence+context")

Qrels = dict[str, dict[str, int]]

# The measures of every benchmark, in the notation of ir-measures.
MEASURES = ("RR@20", "AP", "AP@20", "nDCG@10", "R@1", "R@10", "R@100")

_BLOCK_ROWS = 1 << 14
_DIGEST_BYTES = 16


@dataclass(frozen=True)
class Queries:
    """The queries of one language.

    Attributes:
        ids: one per query, unique within the language; parallel queries share theirs.
        texts: stripped, never empty.
    """

    ids: Sequence[str]
    texts: Sequence[str]

    def __len__(self) -> int:
        """Return the number of queries."""
        return len(self.ids)


@dataclass(frozen=True)
class Candidates:
    """The candidates of one language, on disk where they are many.

    Attributes:
        table: columns ``id``, ``text`` (stripped), ``context`` (null where there is none) and
            ``title_length``, the characters of ``text`` that are a title and the space after it.
        positions: row of each candidate that is judged, or may be a query's own, by its id.
    """

    table: pa.Table
    positions: Mapping[str, int]

    def __len__(self) -> int:
        """Return the number of candidates."""
        return int(self.table.num_rows)

    def ids(self) -> pa.ChunkedArray:
        """Return the ids, in file order."""
        return self.table.column("id")

    def texts(self, candidate_text: str) -> Iterator[list[str]]:
        """Yield the texts to encode, a block at a time.

        Args:
            candidate_text: ``sentence`` for the text alone, ``sentence+context`` for the text, a
                space, and its paragraph.
        """
        for batch in self.table.to_batches(max_chunksize=_BLOCK_ROWS):
            texts = batch.column("text").to_pylist()
            if candidate_text == SENTENCE_CONTEXT:
                contexts = batch.column("context").to_pylist()
                texts = [f"{t} {c}" for t, c in zip(texts, contexts, strict=True)]
            yield texts


@dataclass(frozen=True)
class Judgements:
    """The relevant candidates of one pair of languages; one entry per (query, candidate).

    Attributes:
        queries: row of the query, ascending.
        candidates: row of the candidate.
        grades: relevance, 1 or more.
    """

    queries: npt.NDArray[np.int64]
    candidates: npt.NDArray[np.int64]
    grades: npt.NDArray[np.int64]


@dataclass(frozen=True)
class LanguageTexts:
    """What a benchmark says in one language; each call begins anew, and may read files.

    Attributes:
        questions: gives its questions.
        passages: gives its passages: whole paragraphs where candidates are parts of these.
    """

    questions: Callable[[], Iterator[str]]
    passages: Callable[[], Iterator[BenchmarkPassage]]


@dataclass(frozen=True)
class Collection:
    """A loaded benchmark: a test collection.

    Attributes:
        name: name of the benchmark, as results say it.
        settings: the settings that make sense on it.
        measures: the measures it is scored by.
        queries: by language tag.
        candidates: by language tag.
        qrels: relevance by query id, then candidate id.
        contexts: whether candidates have a paragraph around them.
        parallel: whether one query id is the same question in every language.
        without_own: whether a candidate with the query's own id is left out of its ranking,
            unless it is judged relevant to it.
    """

    name: str
    settings: tuple[str, ...]
    measures: tuple[str, ...]
    queries: Mapping[str, Queries]
    candidates: Mapping[str, Candidates]
    qrels: Qrels
    contexts: bool = False
    parallel: bool = True
    without_own: bool = False

    @property
    def languages(self) -> tuple[str, ...]:
        """Return the language tags, in order."""
        return tuple(self.queries)

    def texts_of(self, language: str) -> LanguageTexts:
        """Return what it says in one of its languages."""
        table = self.candidates[language].table
        return LanguageTexts(
            lambda: iter(self.queries[language].texts),
            lambda: _contexts(table) if self.contexts else _passages(table),
        )

    def judgements(self, query_language: str, candidate_language: str) -> Judgements:
        """Return the relevant candidates of one language for the queries of another."""
        positions = self.candidates[candidate_language].positions
        found = [
            (row, positions[candidate], grade)
            for row, query in enumerate(self.queries[query_language].ids)
            for candidate, grade in self.qrels.get(query, {}).items()
            if grade > 0 and candidate in positions
        ]
        columns = np.array(found, dtype=np.int64).reshape(-1, 3).T
        return Judgements(columns[0], columns[1], columns[2])

    def left_out(self, query_language: str, candidate_language: str) -> list[tuple[int, int]]:
        """Return query row and candidate row of each candidate that is not ranked for a query."""
        positions = self.candidates[candidate_language].positions if self.without_own else {}
        return [
            (row, positions[query])
            for row, query in enumerate(self.queries[query_language].ids)
            if query in positions and self.qrels.get(query, {}).get(query, 0) <= 0
        ]

    def digest(self) -> str:
        """Return a digest of every id, text and grade: scores are compared on equal ones alone.

        It is the sum of the digests of all records, so that their order makes no difference.
        """
        total = 0
        for record in self._records():
            digest = blake2b(json.dumps(record).encode(), digest_size=_DIGEST_BYTES).digest()
            total += int.from_bytes(digest, "big")
        return (total % (1 << 8 * _DIGEST_BYTES)).to_bytes(_DIGEST_BYTES, "big").hex()

    def _records(self) -> Iterator[tuple[Any, ...]]:
        for language, queries in self.queries.items():
            for query in zip(queries.ids, queries.texts, strict=True):
                yield "query", language, *query
        for language, candidates in self.candidates.items():
            told = candidates.table.select(["id", "text", "context"])
            for batch in told.to_batches(max_chunksize=_BLOCK_ROWS):
                for candidate in zip(*batch.to_pydict().values(), strict=True):
                    yield "candidate", language, *candidate
        for name, grades in self.qrels.items():
            for grade in grades.items():
                yield "grade", name, *grade

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the number of queries and of candidates by language."""
        return {
            "queries": {language: len(part) for language, part in self.queries.items()},
            "candidates": {language: len(part) for language, part in self.candidates.items()},
        }


def _passages(table: pa.Table) -> Iterator[BenchmarkPassage]:
    for batch in table.select(["text", "title_length"]).to_batches(max_chunksize=_BLOCK_ROWS):
        for text, length in zip(*(c.to_pylist() for c in batch.columns), strict=True):
            yield BenchmarkPassage(text[length:], text[:length].rstrip())


def _contexts(table: pa.Table) -> Iterator[BenchmarkPassage]:
    last = None
    for batch in table.select(["context"]).to_batches(max_chunksize=_BLOCK_ROWS):
        for text in batch.column(0).to_pylist():
            if text != last:  # the sentences of a paragraph follow each other
                yield BenchmarkPassage(text)
            last = text


class Benchmark(ABC):
    """Reads one benchmark from a folder.

    Attributes:
        name: what the user calls it.
        settings: the settings that make sense on it.
        measures: the measures it is scored by.
    """

    settings: ClassVar[tuple[str, ...]] = SETTINGS
    measures: ClassVar[tuple[str, ...]] = MEASURES

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def load(self, folder: Path, languages: Sequence[str] | None) -> Collection:
        """Return the benchmark, all of it checked.

        Args:
            folder: where its files are.
            languages: normalized tags of those wanted, in order; None for all in the folder.

        Raises:
            InputError: a language is missing, a file is broken, a query is empty, or a relevant
                id is not in the corpus; the message names file, line and field.
        """

    def other_texts(
        self,
        folder: Path,  # noqa: ARG002 - for benchmarks that are parallel
        languages: Sequence[str],  # noqa: ARG002
    ) -> Iterator[LanguageTexts]:
        """Yield the languages of a folder that were not loaded and say the same as those that were.

        By default there are none: the texts of a benchmark need not be parallel.

        Nothing is kept in memory but one file of JSON at a time.

        Args:
            folder: where its files are.
            languages: normalized tags of those that were loaded.

        Raises:
            InputError: a file is broken; also when the texts are read.
        """
        yield from ()

    def collection(
        self,
        queries: Mapping[str, Queries],
        candidates: Mapping[str, Candidates],
        qrels: Qrels,
        **more: Any,
    ) -> Collection:
        """Return the loaded parts under this benchmark's name and rules."""
        return Collection(
            self.name, self.settings, self.measures, queries, candidates, qrels, **more
        )


def choose_languages(
    folder: Path, available: Container[str], wanted: Sequence[str] | None
) -> list[str]:
    """Return the wanted languages, or all that are there.

    Raises:
        InputError: a wanted one is not there, or there is none at all.
    """
    there = sorted(available)
    if not there:
        raise InputError(f"{folder}: holds no language of this benchmark; see docs/evaluation.md")
    missing = [tag for tag in wanted or () if tag not in available]
    if missing:
        raise InputError(
            f"{folder}: has no language {', '.join(missing)}; it has {', '.join(there)}. "
            "Add the files, or name others with --languages"
        )
    return list(dict.fromkeys(wanted)) if wanted else there
