"""A finished run on an object store, brought to a folder of the cache to be read."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import filelock

from bt_augment.errors import RunFolderError
from bt_augment.shards.atomic import publish, sha256_of, storage_errors, write_atomically
from bt_augment.shards.manifest import MANIFEST, RUN, Manifest, ShardEntry, read_manifest
from bt_augment.shards.remote.object_store import ObjectStore
from bt_augment.shards.remote.urls import cache_name
from bt_augment.shards.run_folder import CARD, QUARANTINE
from bt_augment.shards.store import SPLITS

_DICT = "dataset_dict.json"
_ROOT_FILES = (RUN, QUARANTINE, CARD, _DICT)
# Whoever can write to the bucket can name objects: nothing else is written to this disk.
_OF_SPLIT = re.compile(rf"({'|'.join(SPLITS)})/(data-[\w-]+\.arrow|dataset_info\.json|state\.json)")


def fetched_run(
    url: str, cache: Path, *, splits: Sequence[str] = SPLITS, anew: bool = False
) -> Path:
    """Return a folder with the files of a run; those already there are not fetched again.

    The folder is one for each content of ``manifest.json``. Every shard is checked against it
    when it is fetched.

    Args:
        url: from :func:`bt_augment.shards.remote.urls.place`.
        cache: folder of all caches.
        splits: the shards that are needed.
        anew: fetch all that is there, unchecked: what is to be verified is the store.

    Raises:
        RunFolderError: there is no finished run, or a shard was changed or lost.
        StorageError: the disk or the store refused.
        MissingDependencyError: the package for this kind of store is not installed.
    """
    store = ObjectStore(url)
    written = store.read(MANIFEST)
    if written is None and store.read(RUN) is None:
        raise RunFolderError(f"{url}: there is no run (no {RUN}); check the URL")
    if written is None:
        raise RunFolderError(
            f"{url}: no {MANIFEST}; this is not a finished run. Run the same generate command "
            "again to finish it"
        )
    # What is verified is fetched to a place of its own: another command may be reading the copy.
    kind = "verified" if anew else "runs"
    folder = cache / kind / cache_name(url, hashlib.sha256(written).hexdigest())
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{folder}.lock"):  # ranks of one training fetch the same
        if anew:
            shutil.rmtree(folder, ignore_errors=True)
        with storage_errors(folder):
            folder.mkdir(exist_ok=True)
        write_atomically(folder / MANIFEST, written)
        _fetch(store, folder, splits, anew=anew)
    return folder


def _fetch(store: ObjectStore, folder: Path, splits: Sequence[str], *, anew: bool) -> None:
    for name in store.sizes():
        if name in _ROOT_FILES or (_OF_SPLIT.fullmatch(name) and (anew or _is_index(name))):
            _fetch_missing(store, name, folder)
    if not anew:
        for entry in _shards(read_manifest(folder), splits):
            _fetch_shard(store, entry, folder)


def _fetch_missing(store: ObjectStore, name: str, folder: Path) -> None:
    # What was wrong with run.json may be mended by now: it is not known by the manifest's content.
    if name == RUN or not (folder / name).is_file():
        store.download(name, folder / name)


def _fetch_shard(store: ObjectStore, entry: ShardEntry, folder: Path) -> None:
    path = folder / entry.path
    if path.is_file() and path.stat().st_size == entry.bytes:
        return
    where = f"{store.url}/{entry.path}"
    advice = "Restore it from a copy, or make the run again with --overwrite"
    unchecked = path.with_name(f".{path.name}.unchecked")  # a kill leaves no shard that is not
    if not store.download(entry.path, unchecked):
        raise RunFolderError(f"{where}: is missing. {advice}")
    if sha256_of(unchecked) == entry.sha256:
        with storage_errors(path):
            publish(unchecked, path)
    else:
        unchecked.unlink()
        raise RunFolderError(
            f"{where}: its SHA-256 differs from the manifest's; it was changed. {advice}"
        )


def _is_index(name: str) -> bool:
    return name.endswith(".json")


def _shards(manifest: Manifest, splits: Sequence[str]) -> list[ShardEntry]:
    return [unit.files[split] for unit in manifest.units for split in splits]
