"""Where a command may write: in no run folder of another, and not over what it reads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from bt_augment.errors import InputError, RunFolderError, StorageError
from bt_augment.names import refuse_impossible
from bt_augment.shards.atomic import storage_errors
from bt_augment.shards.manifest import MANIFEST, RUN, WORK
from bt_augment.shards.remote.urls import place
from bt_augment.shards.store import DICT

_BESIDE_RUN = (MANIFEST, DICT, WORK)


def check_file_out(path: Path, example: str) -> None:
    """Refuse a path that cannot become a file, before any work; its folder is made.

    Args:
        path: the file to write; what its folder's links lead to is what counts.
        example: a name that would do, for the message.

    Raises:
        InputError: it is a folder, or nothing may be written beside it.
        RunFolderError: it lies in a run folder, whole or not, whose own files it could replace.
        StorageError: its folder cannot be looked at, or not be made.
    """
    with storage_errors(path):
        if path.is_dir():
            raise InputError(f"{path}: is a folder; name a file with --out, such as {example}")
        refuse_in_run(path)
        path.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"{path}: {path.parent} may not be written; choose another --out")


def refuse_in_run(path: Path, option: str = "--out") -> None:
    """Refuse a file or folder to write that lies in a run folder, whose own it could replace.

    Args:
        path: the file or folder.
        option: that names it on the command line.

    Raises:
        RunFolderError: it does, be the run whole or not.
        StorageError: its folder cannot be looked at, or no file can have its name.
    """
    refuse_impossible(path, StorageError)
    with storage_errors(path):
        for folder in path.parent.resolve().joinpath(path.name).parents:
            if _is_run(folder):
                raise RunFolderError(
                    f"{path}: lies in the run folder {folder}, whose files are its own; choose "
                    f"another {option}"
                )


def refuse_inputs_in(out: Path | str, inputs: Iterable[str]) -> None:
    """Refuse a folder to write that holds what is to be read.

    Args:
        out: the folder, or the normalized URL of a place on an object store.
        inputs: paths, URLs, and names that are neither.

    Raises:
        InputError: one of them lies in it, or is it; or no file can have its name.
        StorageError: no folder can have the name of ``out``.
    """
    out = out if isinstance(out, Path) else place(out)
    if isinstance(out, Path):
        refuse_impossible(out, StorageError)
    for name in inputs:
        if _lies_in(place(name), out):
            raise InputError(
                f"{name}: lies in {out}, the folder that is to be written; choose another --out"
            )


def refuse_overlap(run: Path | str, out: Path | str) -> None:
    """Refuse a run to write that is the run to read, lies in it, or holds it.

    Args:
        run: a folder, or the normalized URL of a place on an object store.
        out: the same.

    Raises:
        RunFolderError: the second is the first, or lies in it.
        InputError: the first lies in the second.
    """
    if run == out:
        raise RunFolderError(f"{out}: is the run itself; choose another --out")
    if isinstance(out, Path):
        refuse_in_run(out)
    elif _lies_in(out, run):
        raise RunFolderError(
            f"{out}: lies in the run {run}, whose files are its own; choose another --out"
        )
    refuse_inputs_in(out, [str(run)])


def _lies_in(read: Path | str, out: Path | str) -> bool:
    if isinstance(read, Path) and isinstance(out, Path):
        refuse_impossible(read, InputError)
        return read.exists() and read.resolve().is_relative_to(out.resolve())
    return f"{read}/".startswith(f"{out}/")  # on an object store; a path is in no URL


def _is_run(folder: Path) -> bool:
    there = [name for name in (RUN, *_BESIDE_RUN) if (folder / name).exists()]
    return len(there) > 1  # one of these names alone is of another program
