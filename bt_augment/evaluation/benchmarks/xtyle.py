"""``xtyle``: parallel queries and corpora in any languages.

A folder with ``queries.<lang>.jsonl``, ``corpus.<lang>.jsonl`` and ``qrels.tsv``. No public
benchmark of this name is known; it is the protocol of this project's research question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa

from bt_augment.errors import InputError
from bt_augment.evaluation.benchmarks.base import (
    Benchmark,
    Candidates,
    Collection,
    LanguageTexts,
    choose_languages,
)
from bt_augment.evaluation.benchmarks.files import (
    by_language,
    check_qrels,
    find_file,
    read_candidates,
    read_passages,
    read_qrels,
    read_queries,
)


class Xtyle(Benchmark):
    """Queries and corpora by language, and one file of judgements.

    A query id, or a candidate id, that several languages have is the same text in each of them,
    and a judgement holds for all.
    """

    def load(self, folder: Path, languages: Sequence[str] | None) -> Collection:
        """Return the languages of a folder."""
        query_files = by_language(folder, "queries.", ".jsonl")
        corpus_files = by_language(folder, "corpus.", ".jsonl")
        for tag in sorted(query_files.keys() ^ corpus_files.keys()):
            kind = "corpus" if tag in query_files else "queries"
            raise InputError(
                f"{folder}: has no {kind}.{tag}.jsonl; each language needs its queries and its "
                "corpus"
            )
        chosen = choose_languages(folder, query_files, languages)
        path = find_file(folder, "qrels.tsv")
        if path is None:
            raise InputError(f"{folder}: has no qrels.tsv")
        qrels = read_qrels(path)
        judged = {candidate for grades in qrels.values() for candidate in grades}
        # All languages are read, as the judgements name the queries and candidates of all.
        queries = {tag: read_queries([file]) for tag, file in query_files.items()}
        candidates = {tag: read_candidates([file], judged) for tag, file in corpus_files.items()}
        check_qrels(
            path,
            qrels,
            {name for part in queries.values() for name in part.ids},
            {name for part in candidates.values() for name in part.positions},
        )
        shared = _shared_ids(candidates)
        if shared:
            candidates = {tag: _tagged(tag, part) for tag, part in candidates.items()}
            qrels = {
                query: {
                    f"{tag}/{name}": grade
                    for name, grade in grades.items()
                    for tag, part in candidates.items()
                    if f"{tag}/{name}" in part.positions
                }
                for query, grades in qrels.items()
            }
        return self.collection(
            {tag: queries[tag] for tag in chosen}, {tag: candidates[tag] for tag in chosen}, qrels
        )

    def other_texts(self, folder: Path, languages: Sequence[str]) -> Iterator[LanguageTexts]:
        """Yield the other languages of a folder."""
        corpora = by_language(folder, "corpus.", ".jsonl")
        for tag, queries in by_language(folder, "queries.", ".jsonl").items():
            if tag not in languages:
                yield LanguageTexts(
                    partial(_questions, queries), partial(read_passages, [corpora[tag]])
                )


def _questions(path: Path) -> Iterator[str]:
    yield from read_queries([path]).texts


def _shared_ids(candidates: dict[str, Candidates]) -> bool:
    counts = Counter(name for part in candidates.values() for name in part.ids().to_pylist())
    return any(count > 1 for count in counts.values())


def _tagged(tag: str, part: Candidates) -> Candidates:
    names = pa.array([f"{tag}/{name}" for name in part.ids().to_pylist()], pa.string())
    return Candidates(
        part.table.set_column(0, "id", names),
        {f"{tag}/{name}": row for name, row in part.positions.items()},
    )
