"""BEIR folders (Thakur et al. 2021): ``corpus.jsonl``, ``queries.jsonl``, ``qrels/<split>.tsv``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bt_augment.errors import InputError
from bt_augment.evaluation.benchmarks.base import MONO, Benchmark, Collection, Queries
from bt_augment.evaluation.benchmarks.files import (
    check_qrels,
    find_file,
    read_candidates,
    read_qrels,
    read_queries,
)

_SPLITS = ("test", "dev")  # MS MARCO is scored on dev


class Beir(Benchmark):
    """One language; English unless ``languages`` names another.

    A document with the query's own id is not ranked, as BEIR's own evaluation has it: in ArguAna
    and Quora the queries are documents too.
    """

    settings = (MONO,)

    def load(self, folder: Path, languages: Sequence[str] | None) -> Collection:
        """Return the test split, or where there is none dev; only queries with judgements."""
        tag = one_language(languages)
        paths = {name: find_file(folder, f"{name}.jsonl") for name in ("queries", "corpus")}
        for name, path in paths.items():
            if path is None:
                raise InputError(f"{folder}: has no {name}.jsonl, which a BEIR folder needs")
        found = (find_file(folder / "qrels", f"{split}.tsv") for split in _SPLITS)
        judged_by = next((path for path in found if path), None)
        if judged_by is None:
            raise InputError(f"{folder}: has neither qrels/test.tsv nor qrels/dev.tsv")
        qrels = read_qrels(judged_by)
        queries = read_queries([p for p in [paths["queries"]] if p])
        judged = {name for grades in qrels.values() for name in grades}
        candidates = read_candidates([p for p in [paths["corpus"]] if p], judged | qrels.keys())
        check_qrels(judged_by, qrels, set(queries.ids), set(candidates.positions))
        return self.collection(
            {tag: only_judged(queries, set(qrels))},
            {tag: candidates},
            qrels,
            parallel=False,
            without_own=True,
        )


def one_language(languages: Sequence[str] | None) -> str:
    """Return the language of a benchmark that has one.

    Raises:
        InputError: several are asked for.
    """
    if languages is not None and len(set(languages)) != 1:
        raise InputError("this benchmark has one language; name it alone with --languages")
    return languages[0] if languages else "en"


def only_judged(queries: Queries, judged: set[str]) -> Queries:
    """Return the queries that have judgements: files of queries hold every split."""
    kept = [pair for pair in zip(queries.ids, queries.texts, strict=True) if pair[0] in judged]
    return Queries([name for name, _ in kept], [text for _, text in kept])
