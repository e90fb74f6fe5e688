"""Exact and near duplicates among made rows and against native ones, across a whole run.

A run is processed unit by unit; what earlier units held is kept in a SQLite file, so that memory
is bounded and a killed run resumes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from bt_augment.errors import StorageError
from bt_augment.filtering.bands import (
    BANDS,
    MAX_CANDIDATES_PER_BAND,
    band_keys,
    pairs_within,
    similarity,
)
from bt_augment.filtering.base import Score, ScoreArray
from bt_augment.filtering.index_digest import SUMS_OF_UNITS, BandSums, unit_digest
from bt_augment.filtering.sketches import (
    Keys,
    Signatures,
    Sketches,
    hash_text,
    sketch,
)

__all__ = ["DUPLICATE_SCORES", "NATIVE_UNIT", "DuplicateIndex", "Sketches", "sketch"]

NATIVE_UNIT = -1  # this unit, and all below it, hold native rows

DUPLICATE_SCORES = (
    Score(
        "duplicates.exact",
        "0 or 1",
        "Whether the row is, but for case and white space, a native row (its own source "
        "included) or a row made before it.",
        max=0,
    ),
    Score(
        "duplicates.near",
        "similarity, 0 to 1",
        "Highest estimated Jaccard similarity of character shingles, the lower of question and "
        "passage, to a row made before it or to a native row of another source; 0 where no "
        "candidate was found.",
        # Distinct native questions that differ in a year alone reach 0.95 (SQuADShifts new-wiki).
        max=0.95,
    ),
)

_UNIT_BITS = 20  # of a row's id, below the unit's number
ROWS_PER_UNIT = 1 << _UNIT_BITS
_PLACE_MASK = ROWS_PER_UNIT - 1
_CACHE_KIB = 8_192
# Bounds of what one unit holds, whatever the number of near duplicates stored before it.
_PAIRS_AT_ONCE = 8_192
_ROWS_AT_ONCE = 128
_SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (
    id INTEGER PRIMARY KEY, key INTEGER NOT NULL, source INTEGER NOT NULL,
    language_pair INTEGER NOT NULL, question BLOB NOT NULL, passage INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS rows_by_key ON rows (key);
CREATE TABLE IF NOT EXISTS passages (key INTEGER PRIMARY KEY, signature BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS bands (
    key INTEGER NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (key, row)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS units (unit INTEGER PRIMARY KEY, digest BLOB);
"""

Indices = npt.NDArray[np.int64]


class UnsoundIndexError(StorageError):
    """The file of an index is none, or was damaged: it has to be made again."""


class DuplicateIndex:
    """The rows of a run that later rows are compared with.

    Each :meth:`add` is one transaction: a process killed at any instant leaves the index as it
    was before or after it. Use as a context manager, from one thread.
    """

    def __init__(self, path: Path, run: str = "") -> None:
        """Open the index at ``path``, or make an empty one.

        Args:
            path: the file.
            run: what tells the run from others; enters the digests of its units.

        Raises:
            StorageError: the file is not an index, or cannot be written.
        """
        self.path = path
        self._run = run
        with self._storage():
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA temp_store = MEMORY")
            self._db.executescript(f"BEGIN; {_SCHEMA} COMMIT;")  # one wait for the disk

    def __enter__(self) -> DuplicateIndex:
        """Return the index itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file; the index cannot be used any more."""
        self._db.close()

    def add(self, unit: int, sketches: Sketches, source_ids: Sequence[str]) -> None:
        """Store the rows of ``unit``, in place of what is stored of it.

        Args:
            unit: number of the unit. Negative for native rows, all of which are added before any
                made unit is scored; a run may use one negative number for each part it reads.
            sketches: sketches of the rows, in the order of the run.
            source_ids: ``source_id`` of each row; for a native row its own id.

        Raises:
            StorageError: the disk refused.
        """
        start = _first_id(unit)
        ids = start + np.arange(len(sketches))
        sources = np.array([hash_text(source_id) for source_id in source_ids], dtype=np.int64)
        bands = band_keys(sketches.language_pairs, sketches.questions, _passages_of(sketches))
        with self._transaction():
            self._delete(unit)
            repeated = np.zeros(len(sketches), dtype=bool)
            if unit > NATIVE_UNIT:
                # The first of equal made rows stands for all: a bucket of copies would be slow.
                known = self._known_keys(sketches.keys, since=0, before=start)
                repeated = _seen_before(sketches.keys, known)
            self._db.executemany(
                "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)",
                zip(
                    ids.tolist(),
                    sketches.keys.tolist(),
                    sources.tolist(),
                    sketches.language_pairs.tolist(),
                    _blobs(sketches.questions),
                    sketches.passage_keys[sketches.passage_index].tolist(),
                    strict=True,
                ),
            )
            self._db.executemany(
                "INSERT OR IGNORE INTO passages VALUES (?, ?)",
                zip(sketches.passage_keys.tolist(), _blobs(sketches.passages), strict=True),
            )
            stored = bands.astype(object)
            stored[repeated] = None
            # In the order of the table: pages are visited once.
            self._db.execute(
                "INSERT INTO bands SELECT value, ? + key / ? FROM json_each(?) "
                "WHERE value IS NOT NULL ORDER BY value, key",
                (start, BANDS, _json(stored)),
            )
            columns = (ids, sketches.keys, sources, sketches.language_pairs)
            signatures = (sketches.questions, _passages_of(sketches))
            sums = BandSums.of(bands[~repeated], ids[~repeated] & _PLACE_MASK)
            digest = unit_digest(self._run, unit, columns, signatures, sums)
            self._db.execute("INSERT OR REPLACE INTO units VALUES (?, ?)", (unit, digest))

    def units(self) -> frozenset[int]:
        """Return the units that are stored.

        Raises:
            StorageError: the file is damaged.
        """
        with self._storage():
            return frozenset(unit for (unit,) in self._db.execute("SELECT unit FROM units"))

    def is_sound(self) -> bool:
        """Tell whether the file holds what this run added, and nothing else.

        A flipped bit, or the file of another run, would change what is a duplicate unseen.
        """
        try:
            if self._db.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
                return False
            sums = {
                unit: BandSums(*found)
                for unit, *found in self._db.execute(SUMS_OF_UNITS, (_UNIT_BITS, _PLACE_MASK))
            }
            stored = dict(self._db.execute("SELECT unit, digest FROM units").fetchall())
            rows = self._db.execute("SELECT DISTINCT id >> ? FROM rows", (_UNIT_BITS,)).fetchall()
            held = {unit for (unit,) in rows} | set(sums)
            return held <= set(stored) and all(
                self._stored_digest(unit, sums.get(unit, BandSums())) == digest
                for unit, digest in stored.items()
            )
        except (sqlite3.DatabaseError, ValueError, OverflowError):
            return False

    def _stored_digest(self, unit: int, sums: BandSums) -> bytes:
        stored = self._db.execute(
            "SELECT id, rows.key, source, language_pair, question, signature FROM rows "
            "JOIN passages ON passages.key = rows.passage WHERE id >= ? AND id < ? ORDER BY id",
            (_first_id(unit), _first_id(unit + 1)),
        ).fetchall()
        *columns, questions, passages = zip(*stored, strict=True) if stored else ((),) * 6
        return unit_digest(
            self._run,
            unit,
            [np.array(column, dtype=np.int64) for column in columns],
            [np.frombuffer(b"".join(part), dtype="<u2") for part in (questions, passages)],
            sums,
        )

    def score(
        self, unit: int, sketches: Sketches, source_ids: Sequence[str]
    ) -> dict[str, ScoreArray]:
        """Return both scores for the made rows of ``unit``.

        A row is compared with the stored rows of lower units and with the earlier rows of
        ``sketches``; what is stored of this unit or later ones makes no difference.

        Raises:
            StorageError: the disk refused.
        """
        start = _first_id(unit)
        sources = np.array([hash_text(source_id) for source_id in source_ids], dtype=np.int64)
        with self._transaction():
            known = self._known_keys(sketches.keys, since=None, before=start)
            exact = _seen_before(sketches.keys, known)
            passages = _passages_of(sketches)
            bands = band_keys(sketches.language_pairs, sketches.questions, passages)
            near = np.zeros(len(sketches), dtype=np.float32)
            later, earlier = pairs_within(bands)
            for chunk in _chunks(len(later)):
                i, j = later[chunk], earlier[chunk]
                similarities = np.minimum(
                    similarity(sketches.questions[i], sketches.questions[j]),
                    similarity(passages[i], passages[j]),
                )
                np.maximum.at(near, i, similarities)
            for rows in _chunks(len(sketches), _ROWS_AT_ONCE):
                stored_rows, stored_ids = self._candidates(bands[rows], sources[rows], start)
                for chunk in _chunks(len(stored_rows)):
                    i = stored_rows[chunk] + rows.start
                    questions, their_passages = self._signatures(stored_ids[chunk])
                    similarities = np.minimum(
                        similarity(sketches.questions[i], questions),
                        similarity(passages[i], their_passages),
                    )
                    np.maximum.at(near, i, similarities)
        return {"duplicates.exact": exact.astype(np.float32), "duplicates.near": near}

    def _delete(self, unit: int) -> None:
        span = (_first_id(unit), _first_id(unit + 1))
        where = "FROM rows WHERE id >= ? AND id < ?"
        stored = self._db.execute(f"SELECT id, language_pair {where} ORDER BY id", span).fetchall()
        if not stored:
            return
        ids, pairs = (np.array(column, dtype=np.int64) for column in zip(*stored, strict=True))
        bands = band_keys(pairs, *self._signatures(ids))
        self._db.executemany(
            "DELETE FROM bands WHERE key = ? AND row = ?",
            zip(bands.ravel().tolist(), np.repeat(ids, BANDS).tolist(), strict=True),
        )
        self._db.execute(f"DELETE {where}", span)

    def _known_keys(self, keys: Keys, since: int | None, before: int) -> set[int]:
        """Return those of ``keys`` that a stored row with an id in the range has."""
        lowest = -(2**63) if since is None else since
        found = self._db.execute(
            "SELECT DISTINCT rows.key FROM json_each(?) AS wanted "
            "CROSS JOIN rows ON rows.key = wanted.value WHERE rows.id >= ? AND rows.id < ?",
            (_json(keys), lowest, before),
        )
        return {key for (key,) in found}

    def _candidates(self, bands: Keys, sources: Keys, before: int) -> tuple[Indices, Indices]:
        """Return rows of the batch, and for each the id of a stored row that shares a band."""
        found = self._db.execute(
            """
            SELECT DISTINCT probes.key / ? AS place, rows.id, rows.source
            FROM json_each(?) AS probes CROSS JOIN rows ON rows.id IN (
                SELECT row FROM bands WHERE key = probes.value AND row < ? ORDER BY row LIMIT ?
            )
            ORDER BY place, rows.id
            """,
            (BANDS, _json(bands), before, MAX_CANDIDATES_PER_BAND),
        ).fetchall()
        rows, ids, their_sources = np.array(found, dtype=np.int64).reshape(-1, 3).T
        rivals = (ids >= 0) | (their_sources != sources[rows])
        return rows[rivals], ids[rivals]

    def _signatures(self, ids: Indices) -> tuple[Signatures, Signatures]:
        """Return the signatures of question and passage of the stored rows ``ids``."""
        unique, inverse = np.unique(ids, return_inverse=True)
        found = self._db.execute(
            "SELECT question, signature FROM json_each(?) AS wanted "
            "CROSS JOIN rows ON rows.id = wanted.value "
            "JOIN passages ON passages.key = rows.passage ORDER BY rows.id",
            (_json(unique),),
        ).fetchall()
        questions, passages = (
            np.frombuffer(b"".join(column), dtype="<u2").reshape(len(unique), -1)
            for column in zip(*found, strict=True)
        )
        return questions[inverse], passages[inverse]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._storage():
            self._db.execute("BEGIN")
            try:
                yield
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite has rolled back by itself on a full disk
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _storage(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            # That very type is of a file's content; of the disk it raises types derived from it.
            kind = UnsoundIndexError if type(error) is sqlite3.DatabaseError else StorageError
            raise kind(
                f"the index of duplicates {self.path} cannot be used: {error}. Check that its "
                "folder is writable and the disk not full, or delete the file and run again"
            ) from error


def _first_id(unit: int) -> int:
    return unit * ROWS_PER_UNIT


def _passages_of(sketches: Sketches) -> Signatures:
    return sketches.passages[sketches.passage_index]


def _json(values: npt.NDArray[Any]) -> str:
    """Return whole numbers as SQLite's ``json_each`` reads them, faster than it takes rows."""
    return json.dumps(values.ravel().tolist())


def _blobs(signatures: Signatures) -> list[bytes]:
    return [row.tobytes() for row in signatures.astype("<u2")]


def _seen_before(keys: Keys, known: set[int]) -> npt.NDArray[np.bool_]:
    """Return for each key whether it is ``known`` or equal to one before it."""
    _, first = np.unique(keys, return_index=True)
    seen = np.ones(len(keys), dtype=bool)
    seen[first] = [int(key) in known for key in keys[first]]
    return seen


def _chunks(count: int, size: int = _PAIRS_AT_ONCE) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, start + size)
