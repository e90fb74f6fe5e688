"""Files that are there whole or not at all, and disk errors a user can act on."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from bt_augment.errors import StorageError

_ADVICE = {
    errno.ENOSPC: "the disk is full. Free some space and run the same command again: finished "
    "units are kept",
    errno.EDQUOT: "the quota is used up. Free some space and run the same command again: finished "
    "units are kept",
    errno.EROFS: "the file system is read-only; choose another --out",
    errno.EACCES: "permission denied; choose another --out, or change its permissions",
    errno.EPERM: "not permitted; choose another --out, or change its permissions",
    errno.ENOENT: "the folder cannot be made, or has disappeared; check --out and run the same "
    "command again",
    errno.ENAMETOOLONG: "the name is too long for the file system, which must also hold a longer "
    "temporary one; choose a shorter --out",
    errno.ELOOP: "is a symbolic link where none is followed, or its links lead in a circle; remove "
    "it and run the same command again",
    errno.EISDIR: "is a folder where a file is to be written; move it away and run the same "
    "command again",
    errno.EBUSY: "is held by the system, as a mount point is; name a folder below it",
    errno.ENOTDIR: "part of the path is a file, not a folder; choose another --out",
    errno.EIO: "the disk failed (input/output error). Look at it and run the same command again: "
    "finished units are kept",
    errno.ESTALE: "the file server no longer knows it (stale file handle). Mount it again and run "
    "the same command again: finished units are kept",
    errno.EXDEV: "the file system lets nothing be renamed there (cross-device link); choose "
    "another --out",
    errno.ENOLCK: "the file system gives no locks, as a network share without a lock service does; "
    "choose another --out, or have its locks switched on",
    errno.EMFILE: "too many files are open. Raise the limit (ulimit -n) and run the same command "
    "again: finished units are kept",
    errno.ENFILE: "the machine has too many files open. Run the same command again when it has "
    "fewer: finished units are kept",
}
_NOT_READ = {
    errno.EACCES: "change its permissions",
    errno.EPERM: "change its permissions",
    errno.EMFILE: "raise the limit of open files (ulimit -n) and run the same command again",
}
_NOT_OF_DISK = (None, errno.ENOENT, errno.ENOTDIR, errno.ENOMEM)
_READ_AGAIN = "look at the disk that has it, and run the same command again"


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses into a :class:`StorageError` that names ``path``."""
    try:
        yield
    except OSError as error:
        code = error.errno if error.errno is not None else -1
        advice = _ADVICE.get(code, f"{error.strerror or error}")
        raise StorageError(f"{path}: {advice}") from error


@contextmanager
def read_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses of a file to read into a :class:`StorageError`.

    It says nothing of what is in the file: who is told that it is damaged would make it anew.

    Raises:
        OSError: it is not there, memory lacks, or a library says in its own words that the content
            is not what it should be.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NOT_OF_DISK:
            raise
        raise StorageError(
            f"{path}: cannot be read ({os.strerror(error.errno)}); "
            f"{_NOT_READ.get(error.errno, _READ_AGAIN)}"
        ) from error


def json_of(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        StorageError: the disk does not give it.
        OSError: it is not there.
        ValueError: it is not JSON.
        RecursionError: it is nested too deep.
    """
    with read_errors(path):
        data = path.read_bytes()
    return json.loads(data)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file by way of a temporary name, synced before it is renamed.

    Raises:
        StorageError: the disk refused; a file that was there before is unharmed.
    """
    temporary = temporary_name(path)
    with storage_errors(path):
        try:
            with open_temporary(temporary) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            publish(temporary, path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


def temporary_name(path: Path) -> Path:
    """Return the name a file has while it is written."""
    return path.with_name(f".{path.name}.tmp")


def open_temporary(temporary: Path) -> BinaryIO:
    """Open a file of a temporary name for writing; what lies there is removed, never opened.

    A run folder may come from somebody else, and a link by that name lead anywhere.

    Raises:
        OSError: the disk refused.
    """
    try:
        return temporary.open("xb")  # O_EXCL follows no link
    except FileExistsError:
        temporary.unlink()  # of a link the link, not what it leads to
        return temporary.open("xb")


def publish(temporary: Path, path: Path) -> None:
    """Give a written and synced file its name, and sync the folder that holds it."""
    temporary.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Return when the disk has a file, or the list of a folder's files.

    Raises:
        OSError: the disk refused.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Return when the disk has every file below ``folder``.

    Raises:
        OSError: the disk refused.
    """
    for path in [folder, *folder.rglob("*")]:
        sync(path)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        error.filename = error.filename or str(path)  # reading itself names none
        raise
