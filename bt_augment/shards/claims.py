"""A folder held by one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from bt_augment.errors import BtAugmentError
from bt_augment.shards.atomic import storage_errors

LOCK = ".lock"


@contextmanager
def claimed(folder: Path, busy: BtAugmentError) -> Iterator[None]:
    """Hold a folder, made if need be, against other processes; one that dies lets go of it.

    Args:
        folder: what is held.
        busy: raised where another process holds it.

    Raises:
        StorageError: the folder cannot be made.
    """
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise busy from error
    try:
        yield
    finally:
        lock.release()
