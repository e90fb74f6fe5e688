"""A folder that is there whole or not at all, written by one process at a time."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path

import filelock

from bt_augment.errors import BtAugmentError
from bt_augment.shards.atomic import storage_errors, sync_tree
from bt_augment.shards.claims import let_go

_NAMED = 3  # strangers in one message

# Of a folder, what tells of a path in it whether the caller wrote that file.
Own = Callable[[Path], Callable[[str], bool]]


@contextmanager
def whole_folder(out: Path, busy: BtAugmentError, own: Own) -> Iterator[Path]:
    """Give an empty folder beside ``out``, which takes its place when the block ends well.

    A process killed before leaves ``.<name>.partial``, which the next call removes. Nothing that
    others put into a folder is ever removed.

    Args:
        out: the folder to write; one that is there is replaced, where it is a link to one that
            one.
        busy: raised where another process writes it.
        own: gives, of a folder, what tells of a file's path in it whether the caller wrote it.

    Raises:
        BtAugmentError: of the type of ``busy``: a folder that had to go holds files of others, or
            is a mount point.
        StorageError: the disk refused.
    """
    out = Path(os.path.realpath(out))
    partial, replaced, held = beside(out)
    lock = filelock.FileLock(held)
    with storage_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            if not held.exists():  # it is waited for as well where none can be made, as in /proc
                raise OSError(errno.ENOENT, os.strerror(errno.ENOENT)) from error
            raise busy from error
    try:
        with storage_errors(out):
            for folder in (partial, replaced, out):
                refuse_strangers(folder, own, type(busy))
            _remove(partial)
            if replaced.is_dir() and not replaced.is_symlink() and not out.exists():
                replaced.rename(out)  # a process was killed before the new one had its place
            _remove(replaced)
            if out.is_mount():
                raise type(busy)(
                    f"{out}: is a mount point, which no other folder can replace; name a folder "
                    f"below it, such as {out / 'new'}"
                )
            before = out.exists() and any(out.iterdir())
            partial.mkdir()
        try:
            yield partial
            with storage_errors(out):
                sync_tree(partial)
                # It may have taken hours, and what came into an empty folder is nobody else's.
                refuse_strangers(out, own if before else _none, type(busy))
                if out.exists():
                    out.rename(replaced)  # at once: a folder half removed would be neither
                try:
                    partial.rename(out)
                except OSError:
                    if replaced.exists():
                        replaced.rename(out)
                    raise
                shutil.rmtree(replaced, ignore_errors=True)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    finally:
        with suppress(OSError):  # what stopped the block is what is told
            held.unlink()
        let_go(lock)


def beside(out: Path) -> tuple[Path, Path, Path]:
    """Return what a whole folder has beside it while it is written: new, earlier one and lock."""
    partial, replaced, held = (
        out.with_name(f".{out.name}.{end}") for end in ("partial", "replaced", "lock")
    )
    return partial, replaced, held


def by_pattern(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Return what tells whether a path matches one of these patterns, part by part."""
    known = tuple(patterns)
    return lambda path: any(p.count("/") == path.count("/") and fnmatchcase(path, p) for p in known)


def _none(_: Path) -> Callable[[str], bool]:
    return lambda _: False


def refuse_strangers(folder: Path, own: Own, kind: type[BtAugmentError]) -> None:
    """Refuse a folder that cannot be removed without removing what others put there.

    Args:
        folder: need not be there.
        own: as for :func:`whole_folder`.
        kind: of the error to raise.
    """
    if folder.is_symlink() or not folder.exists():
        return
    if not folder.is_dir():
        raise kind(f"{folder}: is not a folder; move it away, or choose another folder to write")
    inside = (path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir())
    names = [path.relative_to(folder).as_posix() for path in inside]
    is_own = own(folder)
    strangers = [name for name in names if not is_own(name)]
    if strangers:
        more = f" and {len(strangers) - _NAMED} more" if len(strangers) > _NAMED else ""
        raise kind(
            f"{folder}: would be removed, but holds files that were not written by this command "
            f"({', '.join(strangers[:_NAMED])}{more}); move them away, or choose another folder "
            "to write"
        )


def _remove(left: Path) -> None:
    """Remove what an earlier process left; of a link only the link."""
    if left.is_symlink():
        left.unlink()
    elif left.exists():
        shutil.rmtree(left)
