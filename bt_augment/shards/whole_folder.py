"""A folder that is there whole or not at all, written by one process at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from bt_augment.errors import BtAugmentError
from bt_augment.shards.atomic import storage_errors, sync_tree


@contextmanager
def whole_folder(out: Path, busy: BtAugmentError) -> Iterator[Path]:
    """Give an empty folder beside ``out``, which takes its place when the block ends well.

    A process killed before leaves ``.<name>.partial``, which the next call removes.

    Args:
        out: the folder to write; one that is there is replaced.
        busy: raised where another process writes it.

    Raises:
        StorageError: the disk refused.
    """
    partial, replaced, held = (
        out.with_name(f".{out.name}.{end}") for end in ("partial", "replaced", "lock")
    )
    lock = filelock.FileLock(held)
    with storage_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise busy from error
    try:
        with storage_errors(out):
            for left in (partial, replaced):
                if left.exists():
                    shutil.rmtree(left)
            partial.mkdir()
        yield partial
        with storage_errors(out):
            sync_tree(partial)
            if out.exists():
                out.rename(replaced)  # at once: a folder half removed would be neither
            partial.rename(out)
            shutil.rmtree(replaced, ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        with suppress(OSError):  # what stopped the block is what is told
            held.unlink()
        lock.release()
