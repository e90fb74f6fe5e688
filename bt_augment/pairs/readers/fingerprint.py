"""Fingerprints of inputs: whether a resumed run reads what it read before."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bt_augment.errors import InputError
from bt_augment.pairs.readers.arrow import saved_splits
from bt_augment.pairs.readers.base import InputSettings
from bt_augment.pairs.readers.beir import is_beir
from bt_augment.pairs.readers.detect import on_hub
from bt_augment.pairs.readers.hub import PREFIX


def fingerprint(
    inputs: Sequence[str],
    settings: InputSettings | None = None,
    copies: Mapping[str, Path] | None = None,
    revisions: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Return ``path``, ``bytes`` and ``sha256`` of each file of the inputs, in order.

    A folder, which each of them names as ``folder``, counts as its files by name, and those of
    ``qrels`` or of its splits; what else is beneath it may be the run's own output. A hub data
    set gives ``path``, ``config``, ``split`` and ``revision``: the commit that the hub has for
    it now, unless one is given.

    Args:
        inputs: files, folders or hub names.
        settings: how they are read.
        copies: input → file to look at in its place, for those that are elsewhere; ``path`` is
            the input nevertheless.
        revisions: hub data set → its commit, for those of which the hub is not asked.

    Raises:
        InputError: an input is missing or cannot be read.
    """
    settings = settings or InputSettings()
    prints: list[dict[str, Any]] = []
    for source in inputs:
        copy = (copies or {}).get(source)
        path = copy or Path(source)
        if copy is None and on_hub(source, settings):
            commit = (revisions or {}).get(source) or _commit(source, settings.revision)
            prints.append(
                {
                    "path": source,
                    "config": settings.config,
                    "split": settings.split,
                    "revision": commit,
                }
            )
        elif path.is_dir():
            prints.extend(
                {**_file_fingerprint(file), "folder": str(path)} for file in _files_of(path)
            )
        else:
            prints.append({**_file_fingerprint(path), "path": source if copy else str(path)})
    return prints


def _files_of(folder: Path) -> list[Path]:
    parts = ["qrels"] if is_beir(folder) else saved_splits(folder) or []
    folders = [folder, *(folder / part for part in parts if (folder / part).is_dir())]
    files = (file for part in folders for file in part.iterdir() if file.is_file())
    # Hidden files are no data: locks, and what a file manager leaves while a run waits to go on.
    return sorted(file for file in files if not file.name.startswith("."))


def _file_fingerprint(path: Path) -> dict[str, Any]:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{path}: its name is not UTF-8, as run.json is; rename it") from error
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    return {"path": str(path), "bytes": size, "sha256": digest}


def _commit(source: str, revision: str | None) -> str | None:
    from huggingface_hub import HfApi

    try:
        return HfApi().dataset_info(source.removeprefix(PREFIX), revision=revision).sha or revision
    # The hub client's HTTP library, and so what it raises, changes from version to version.
    except Exception as error:
        raise InputError(
            f"{source} is no file here, and as a data set of the Hugging Face hub it cannot be "
            f"looked up: {error}. Check the path or the name, and the connection"
        ) from error
