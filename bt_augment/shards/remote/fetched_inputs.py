"""Inputs on object storage, brought to the cache: an input is read more than once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from bt_augment.errors import InputError
from bt_augment.shards.claims import claimed
from bt_augment.shards.remote.object_store import ObjectStore
from bt_augment.shards.remote.urls import cache_name, is_url, place


def fetched_inputs(inputs: Sequence[str], cache: Path) -> dict[str, Path]:
    """Return a file of this machine for each input that is a URL, by the URL as it was written.

    A copy in the cache is taken if the store still has that version of the object.

    Args:
        inputs: paths, names of hub data sets, and URLs.
        cache: folder of all caches.

    Raises:
        InputError: there is no such object, it is a folder, or the URL has credentials in it.
        StorageError: the disk or the store refused.
        MissingDependencyError: the package for this kind of store is not installed.
    """
    copies: dict[str, Path] = {}
    for source in inputs:
        if is_url(source):
            where = place(source)
            copies[source] = where if isinstance(where, Path) else _fetched(where, cache)
    return copies


def _fetched(url: str, cache: Path) -> Path:
    parent, _, name = url.rpartition("/")
    store = ObjectStore(parent)
    version = store.version(name)
    if version is None:
        raise InputError(f"{url}: there is no such file; a folder is not taken, name the files")
    path = cache / "inputs" / cache_name(url, version) / name
    if path.is_file():
        return path
    busy = InputError(f"{url}: another process fetches it")
    with claimed(path.parent, busy, patience=math.inf):
        if not path.is_file() and not store.download(name, path):
            raise InputError(f"{url}: was deleted just now")
    return path
