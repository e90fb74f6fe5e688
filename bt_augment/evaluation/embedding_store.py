"""Vectors on disk, by what they stand for: each text is encoded once per model and kind.

Three files, appended to: ``vectors.f32``, ``sums.u32`` (CRC-32 of key and vector) and
``keys.u64`` (two words of a 128-bit hash per vector). A key is written only when its vector and
its sum are on disk, so that a process killed at any instant leaves whole vectors with their keys;
what a later one finds beyond them it cuts off. A vector that was changed since counts as absent.
"""

from __future__ import annotations

import contextlib
import logging
import os
import zlib
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bt_augment.errors import StorageError
from bt_augment.shards.atomic import storage_errors
from bt_augment.shards.claims import let_go

Keys = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]

ABSENT = -1

_LOG = logging.getLogger(__name__)
_SILENT_SECONDS = 1.0  # of waiting for another process

_KEY_BYTES = 16
_SUM_BYTES = 4
_FLOAT_BYTES = 4


class _Sorted:
    """Rows of the store in the order of the first word of their keys."""

    def __init__(self, keys: Keys, rows: Rows) -> None:
        order = np.argsort(keys[:, 0], kind="stable")
        self.keys, self.rows = keys[order], rows[order]
        self._first = np.ascontiguousarray(self.keys[:, 0])

    def find(self, keys: Keys) -> Rows:
        """Return the row of each key, or :data:`ABSENT`."""
        at = np.minimum(np.searchsorted(self._first, keys[:, 0]), len(self.rows) - 1)
        return np.where((self.keys[at] == keys).all(axis=1), self.rows[at], ABSENT)


class EmbeddingStore:
    """The vectors of one encoder.

    Attributes:
        dimensions: length of a vector; 0 while the store is empty.
    """

    def __init__(self, folder: Path) -> None:
        """Name the folder; it is made when first written."""
        self._folder = folder
        self._count = 0
        self._index: list[_Sorted] = []
        # Of the vectors that were there when writing began.
        self._keys: Keys = np.empty((0, 2), dtype=np.uint64)
        self._sums: npt.NDArray[np.uint32] = np.empty(0, dtype=np.uint32)
        self._unread: npt.NDArray[np.bool_] = np.empty(0, dtype=np.bool_)
        self.dimensions = 0

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the store against other processes; a second waits, and finds the work done.

        Raises:
            StorageError: the folder cannot be written.
        """
        import filelock

        with storage_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self._folder / ".lock")
            try:
                lock.acquire(timeout=_SILENT_SECONDS)
            except filelock.Timeout:
                _LOG.warning(
                    "%s: another process encodes with the same model; waiting until it is done",
                    self._folder,
                )
                lock.acquire()
        try:
            self._recover()
            yield
        finally:
            let_go(lock)

    def rows(self, keys: Keys) -> Rows:
        """Return the row of each key, or :data:`ABSENT`; each vector is checked when first found.

        Raises:
            StorageError: the vectors cannot be read.
        """
        rows = self._found(keys)
        while self._any_damaged(rows[rows != ABSENT]):  # another row may stand for the same text
            rows = self._found(keys)
        return rows

    def _any_damaged(self, rows: Rows) -> bool:
        """Check the vectors that were not read before, and leave damaged ones out of the index."""
        earlier = rows[rows < len(self._unread)]
        unread = np.unique(earlier[self._unread[earlier]])
        if not len(unread):
            return False
        vectors = np.asarray(self.vectors()[unread])
        damaged = unread[_sums(self._keys[unread], vectors) != self._sums[unread]]
        self._unread[unread] = False
        if not len(damaged):
            return False
        kept = [(part, ~np.isin(part.rows, damaged)) for part in self._index]
        self._index = [_Sorted(part.keys[k], part.rows[k]) for part, k in kept if k.any()]
        return True

    def _found(self, keys: Keys) -> Rows:
        rows = np.full(len(keys), ABSENT, dtype=np.int64)
        for part in self._index:
            rows = np.where(rows == ABSENT, part.find(keys), rows)
        return rows

    def append(self, keys: Keys, vectors: npt.NDArray[np.float32]) -> None:
        """Add vectors, on disk when this returns; call within :meth:`writing`.

        Raises:
            StorageError: the disk refused; nothing of the store is harmed.
        """
        self.dimensions = vectors.shape[1]
        with storage_errors(self._folder):
            vectors, keys = np.ascontiguousarray(vectors, np.float32), np.ascontiguousarray(keys)
            sums = _sums(keys, vectors)
            _append(self._path("vectors.f32"), vectors.tobytes())
            _append(self._path("sums.u32"), sums.tobytes())
            _append(self._path("keys.u64"), keys.tobytes())
        self._add(keys)

    def vectors(self) -> npt.NDArray[np.float32]:
        """Return all vectors, mapped from disk; shape (rows, dimensions)."""
        if not self._count:
            return np.empty((0, self.dimensions), dtype=np.float32)
        with storage_errors(self._folder):
            return np.memmap(
                self._path("vectors.f32"), np.float32, "r", shape=(self._count, self.dimensions)
            )

    def _recover(self) -> None:
        """Read the keys, and cut off what a killed process left unfinished."""
        keys_path, vectors_path = self._path("keys.u64"), self._path("vectors.f32")
        sums_path = self._path("sums.u32")
        with storage_errors(self._folder):
            for path in (keys_path, sums_path, vectors_path):
                path.touch()
            count = min(
                keys_path.stat().st_size // _KEY_BYTES, sums_path.stat().st_size // _SUM_BYTES
            )
            if count:
                self.dimensions = self._noted_dimensions()
                whole = vectors_path.stat().st_size // (self.dimensions * _FLOAT_BYTES)
                count = min(count, whole)
            os.truncate(keys_path, count * _KEY_BYTES)
            os.truncate(sums_path, count * _SUM_BYTES)
            os.truncate(vectors_path, count * self.dimensions * _FLOAT_BYTES)
            # numpy's own way of reading takes what the disk does not give for the file's end.
            self._keys = np.frombuffer(keys_path.read_bytes(), np.uint64).reshape(-1, 2)
            self._sums = np.frombuffer(sums_path.read_bytes(), np.uint32)
        self._unread = np.ones(count, np.bool_)
        self._count, self._index = 0, []
        self._add(self._keys)

    def _noted_dimensions(self) -> int:
        """Return the length of a vector.

        Raises:
            StorageError: what was noted is no length.
        """
        path = self._path("dimensions")
        noted = path.read_bytes() if path.is_file() else b""
        if not noted.isdigit() or not int(noted[:9]):
            raise StorageError(
                f"{path}: was removed or damaged, so the vectors beside it cannot be read; remove "
                f"{self._folder} and run the same command again: the texts are encoded again"
            )
        return int(noted[:9])

    def begin(self, dimensions: int) -> None:
        """Note the length of a vector, before the first is written.

        Raises:
            StorageError: the store holds vectors of another length, or the disk refused.
        """
        if self.dimensions and self.dimensions != dimensions and self._count:
            raise StorageError(
                f"{self._folder}: holds vectors of {self.dimensions} dimensions, not {dimensions}; "
                "remove the folder"
            )
        if self.dimensions == dimensions and self._count:
            return
        self.dimensions = dimensions
        with storage_errors(self._folder):
            self._path("dimensions").write_text(str(dimensions))

    def _add(self, keys: Keys) -> None:
        """Take in the keys of the next rows.

        Each part of the index is less than half of the one before, so that a key is sorted again
        as often as the store doubles, not whenever some are added.
        """
        rows = np.arange(self._count, self._count + len(keys))
        self._count += len(keys)
        while self._index and len(self._index[-1].rows) <= 2 * len(rows):
            part = self._index.pop()
            keys, rows = np.concatenate([part.keys, keys]), np.concatenate([part.rows, rows])
        if len(rows):
            self._index.append(_Sorted(keys, rows))

    def _path(self, name: str) -> Path:
        return self._folder / name


def keys_of(kind: str, prompt: str, texts: Sequence[str]) -> Keys:
    """Return a 128-bit hash of kind, prompt and text for each text, shape (texts, 2).

    The kind, query or passage, tells apart what asymmetric encoders encode differently.
    """
    start = blake2b(f"{kind}\0{prompt}\0".encode("utf-8", "surrogatepass"), digest_size=_KEY_BYTES)
    digests = bytearray()
    for text in texts:
        digest = start.copy()
        digest.update(text.encode("utf-8", "surrogatepass"))
        digests += digest.digest()
    return np.frombuffer(bytes(digests), dtype=np.uint64).reshape(-1, 2)


def _sums(keys: Keys, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.uint32]:
    pairs = zip(keys, vectors, strict=True)
    return np.array([zlib.crc32(v.data, zlib.crc32(k.data)) for k, v in pairs], dtype=np.uint32)


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
