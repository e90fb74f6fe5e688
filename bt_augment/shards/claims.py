"""A folder held by one process at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from bt_augment.errors import BtAugmentError, RunFolderError
from bt_augment.shards.atomic import storage_errors

LOCK = ".lock"

_BETWEEN_SECONDS = 1.0  # two words to the one who waits


@contextmanager
def claimed(
    folder: Path,
    busy: BtAugmentError,
    *,
    name: str = LOCK,
    patience: float = 0,
    waiting: Callable[[float], None] | None = None,
) -> Iterator[None]:
    """Hold a folder, made if need be, against other processes; one that dies lets go of it.

    Args:
        folder: what is held.
        busy: raised where another process holds it.
        name: of the lock file; several names are several claims.
        patience: seconds to wait for the other process.
        waiting: told, while waiting, how many seconds it has been.

    Raises:
        StorageError: the folder cannot be made.
    """
    started = time.monotonic()
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / name)
    with storage_errors(folder / name):
        while True:
            waited = time.monotonic() - started
            try:
                lock.acquire(timeout=min(_BETWEEN_SECONDS, max(0.0, patience - waited)))
                break
            except filelock.Timeout as error:
                if waited >= patience:
                    raise busy from error
                if waiting is not None:
                    waiting(waited)
    try:
        yield
    finally:
        let_go(lock)


def is_claimed(path: Path) -> bool:
    """Tell whether a process holds a lock file that is there.

    Raises:
        StorageError: it cannot be opened.
        RunFolderError: it is no file.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise RunFolderError(
            f"{path}: is not a file, so it is no lock of a run; remove it and run the same command "
            "again"
        )
    lock = filelock.FileLock(path)
    with storage_errors(path):
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:  # an OSError too
            return True
    let_go(lock)
    return False


def let_go(lock: filelock.BaseFileLock) -> None:
    """Give up a lock; where the file system refuses, the end of the process does."""
    with suppress(OSError):  # what was done is done
        lock.release()
