"""A finished run on an object store, brought to a folder of the cache to be read."""

from __future__ import annotations

import hashlib
import math
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bt_augment.errors import RunFolderError, renamed_in_errors
from bt_augment.shards.atomic import publish, sha256_of, storage_errors, write_atomically
from bt_augment.shards.claims import claimed
from bt_augment.shards.manifest import MANIFEST, RUN, Manifest, ShardEntry, read_manifest
from bt_augment.shards.remote.object_store import ObjectStore
from bt_augment.shards.remote.urls import cache_name
from bt_augment.shards.run_folder import CARD, QUARANTINE
from bt_augment.shards.store import INDEX, SPLITS, file_problem

_SMALL = frozenset({RUN, CARD, *INDEX})
# Whoever can write to the bucket can name objects: nothing else is written to this disk.
_ARROW = re.compile(rf"({'|'.join(SPLITS)})/data-[\w-]+\.arrow")


def fetched_run(
    url: str, cache: Path, *, splits: Sequence[str] = SPLITS, checked: bool = True
) -> Path:
    """Return a folder with the files of a run; those already there are not fetched again.

    The folder is one for each content of ``manifest.json``. Every shard is checked against it
    when it is fetched. Where nothing is to be fetched, a cache that may only be read will do.

    Args:
        url: from :func:`bt_augment.shards.remote.urls.place`.
        cache: folder of all caches.
        splits: the shards that are needed.
        checked: also check the shards that are there already, which reads all of them.

    Raises:
        RunFolderError: there is no finished run, or a shard was changed or lost.
        StorageError: the disk or the store refused.
        MissingDependencyError: the package for this kind of store is not installed.
    """
    store = ObjectStore(url)
    written = _manifest_of(store)
    folder = cache / "runs" / cache_name(url, hashlib.sha256(written).hexdigest())

    def lacking() -> Iterator[Callable[[], object]]:
        return _lacking(store, folder, written, splits, checked=checked)

    with renamed_in_errors({str(folder): url}):
        if next(lacking(), None) is not None:
            busy = RunFolderError(f"{folder}: another process fetches this run")
            # Ranks of one training fetch the same.
            with claimed(folder, busy, patience=math.inf):
                for fetch in lacking():
                    fetch()
    return folder


@contextmanager
def fetched_anew(url: str, cache: Path) -> Iterator[Path]:
    """Have all that is there of a run in a folder meanwhile, unchecked: it is to be verified.

    Errors of what is done meanwhile name the URL, as the folder is gone when they are read.

    Args:
        url: from :func:`bt_augment.shards.remote.urls.place`.
        cache: folder of all caches.

    Raises:
        RunFolderError: there is no finished run.
        StorageError: the disk or the store refused.
        MissingDependencyError: the package for this kind of store is not installed.
    """
    store = ObjectStore(url)
    written = _manifest_of(store)
    parent = cache / "verified"
    with storage_errors(parent):
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{cache_name(url)}-", dir=parent))
    try:
        write_atomically(folder / MANIFEST, written)
        for name in store.sizes():
            if name in _SMALL or name == QUARANTINE or _ARROW.fullmatch(name):
                store.download(name, folder / name)
        with renamed_in_errors({str(folder): url}):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _manifest_of(store: ObjectStore) -> bytes:
    written = store.read(MANIFEST)
    if written is None and store.read(RUN) is None:
        raise RunFolderError(f"{store.url}: there is no run (no {RUN}); check the URL")
    if written is None:
        raise RunFolderError(
            f"{store.url}: no {MANIFEST}; this is not a finished run. Run the same "
            "command again to finish it"
        )
    return written


def _lacking(
    store: ObjectStore, folder: Path, written: bytes, splits: Sequence[str], *, checked: bool
) -> Iterator[Callable[[], object]]:
    """Yield what fetches each file that is not here as it should be, called before the next."""
    names = store.sizes()
    # Not all of these are known by the manifest's content, and what was wrong may be mended by now.
    small = store.read_many(name for name in names if name in _SMALL)
    for name, data in {**small, MANIFEST: written}.items():
        if not _holds(folder / name, data):
            yield partial(_write, folder / name, data)
    manifest = read_manifest(folder)
    if QUARANTINE in names and not _is_noted(folder / QUARANTINE, manifest):
        yield partial(store.download, QUARANTINE, folder / QUARANTINE)
    for entry in _shards(manifest, splits):
        if not _is_here(folder, entry, checked=checked):
            yield partial(_fetch_shard, store, entry, folder)


def _write(path: Path, data: bytes) -> None:
    with storage_errors(path):
        path.parent.mkdir(exist_ok=True)
    write_atomically(path, data)


def _holds(path: Path, data: bytes) -> bool:
    with storage_errors(path):
        return path.is_file() and path.read_bytes() == data


def _is_noted(quarantine: Path, manifest: Manifest) -> bool:
    noted = manifest.quarantine_sha256
    with storage_errors(quarantine):
        return quarantine.is_file() and noted in (None, sha256_of(quarantine))


def _is_here(folder: Path, entry: ShardEntry, *, checked: bool) -> bool:
    path = folder / entry.path
    with storage_errors(path):
        if checked:
            return file_problem(folder, entry) is None
        return path.is_file() and path.stat().st_size == entry.bytes


def _fetch_shard(store: ObjectStore, entry: ShardEntry, folder: Path) -> None:
    path = folder / entry.path
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


def _shards(manifest: Manifest, splits: Sequence[str]) -> list[ShardEntry]:
    return [unit.files[split] for unit in manifest.units for split in splits]
