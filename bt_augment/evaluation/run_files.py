"""TREC run files and their judgements, for any other tool of the field to score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bt_augment.errors import InputError
from bt_augment.evaluation.benchmarks.base import Collection
from bt_augment.evaluation.retrieval import POOL, Top
from bt_augment.shards.atomic import write_atomically

RUN_DEPTH = 100  # candidates per query: as deep as R@100 looks


class RunFiles:
    """Writes ``<query language>-<candidate language>.run`` and ``.qrels`` to a folder.

    The pool of all languages is called ``multi``.
    """

    def __init__(self, folder: Path, collection: Collection) -> None:
        """Take the ids of the benchmark.

        Raises:
            InputError: an id holds white space, which the format cannot.
        """
        self._folder = folder
        self._collection = collection
        self._ids = [
            name for part in collection.candidates.values() for name in part.ids().to_pylist()
        ]
        names = [name for part in collection.queries.values() for name in part.ids]
        for name in (*self._ids, *names):
            if len(name.split()) != 1:
                raise InputError(
                    f"the id {name!r} holds white space or nothing; TREC run files cannot hold it"
                )

    def write(self, language: str, pool: str, top: Top, judged: Sequence[int]) -> None:
        """Write what the queries of a language found in a pool.

        Args:
            language: the queries' language.
            pool: candidate language, or :data:`~bt_augment.evaluation.retrieval.POOL`.
            top: the first candidates of each query.
            judged: rows of the queries that have a relevant candidate in the pool; others are
                left out.

        Raises:
            StorageError: the disk refused.
        """
        name = f"{language}-{'multi' if pool == POOL else pool}"
        ids = self._collection.queries[language].ids
        run = [
            f"{ids[row]} Q0 {self._ids[candidate]} {rank} {np.format_float_positional(score)} "
            "bt-augment\n"
            for row in judged
            for rank, (candidate, score) in enumerate(
                zip(top.candidates[row].tolist(), top.scores[row], strict=True), start=1
            )
            if candidate >= 0
        ]
        places = self._collection.candidates
        languages = list(places) if pool == POOL else [pool]
        qrels = [
            f"{ids[row]} 0 {candidate} {grade}\n"
            for row in judged
            for candidate, grade in self._collection.qrels[ids[row]].items()
            if any(candidate in places[tag].positions for tag in languages)
        ]
        write_atomically(self._folder / f"{name}.run", "".join(run).encode())
        write_atomically(self._folder / f"{name}.qrels", "".join(qrels).encode())
