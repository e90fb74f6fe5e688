"""The objects beneath one URL, by fsspec: puts are whole or absent, failures are tried again."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from bt_augment.errors import MissingDependencyError, StorageError
from bt_augment.shards.atomic import (
    publish,
    read_errors,
    storage_errors,
    sync,
    temporary_name,
)
from bt_augment.shards.remote.refusals import (
    exists_already,
    explained,
    not_implemented,
    of_disk,
    transient,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Seconds between attempts. The clients try a few times by themselves before each.
_WAITS = (1.0, 2.0, 4.0, 8.0)
_PACKAGES = {"s3": ("s3fs", "s3"), "gs": ("gcsfs", "gcs"), "hf": ("huggingface_hub", "all")}


class ObjectStore:
    """Reads and writes objects by their name beneath a URL. May be used from several threads."""

    def __init__(self, url: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Open the store of a URL; nothing is asked of it yet.

        Args:
            url: from :func:`bt_augment.shards.remote.urls.place`.
            sleep: waits between attempts.

        Raises:
            MissingDependencyError: the package for this kind of store is not installed.
        """
        self.url = url
        scheme, _, self._root = url.partition("://")
        self._files = _filesystem(scheme)
        self._sleep = sleep

    def read(self, name: str) -> bytes | None:
        """Return an object, or None where there is none.

        Raises:
            StorageError: the store refused.
        """
        try:
            data: bytes = self._patiently(name, lambda: self._files.cat_file(self._path(name)))
        except FileNotFoundError:
            return None
        return data

    def read_many(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return objects by name, fetched side by side.

        Raises:
            StorageError: the store refused, or one is gone.
        """
        paths = {self._path(name): name for name in names}
        if not paths:
            return {}
        try:
            found = self._patiently("", lambda: self._files.cat(list(paths)))
        except FileNotFoundError as error:
            raise explained(error, self.url, 1) from error
        return {paths[path]: data for path, data in found.items()}

    def write(self, name: str, data: bytes) -> None:
        """Put an object, in place of one that is there.

        Raises:
            StorageError: the store refused.
        """
        self._put(name, lambda: self._files.pipe_file(self._path(name), data))

    def create(self, name: str, data: bytes) -> bool:
        """Put an object that is not there yet; return False where it is.

        Exclusive where the store has conditional puts; elsewhere, where some ignore the condition
        and say nothing, the last of two at the same instant wins.

        Raises:
            StorageError: the store refused.
        """

        def put() -> bool:
            if self._files.exists(self._path(name)):
                return False
            try:
                self._files.pipe_file(self._path(name), data, mode="create")
            except Exception as error:
                if exists_already(error):
                    return False
                if not not_implemented(error):
                    raise
                self._files.pipe_file(self._path(name), data)
            return True

        return self._put(name, put)

    def upload(self, path: Path, name: str) -> None:
        """Put a file.

        Raises:
            StorageError: the store or the disk refused.
        """

        def put() -> None:
            try:
                self._files.put_file(str(path), self._path(name))
            except OSError as error:
                if of_disk(error, path):
                    with read_errors(path):
                        raise
                raise

        self._put(name, put)

    def download(self, name: str, path: Path) -> bool:
        """Write an object to a file, whole or not at all; return False where there is none.

        Raises:
            StorageError: the store or the disk refused.
        """
        temporary = temporary_name(path)
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.unlink(missing_ok=True)  # a link by that name is not followed

        def get() -> None:
            try:
                self._files.get_file(self._path(name), str(temporary))
            except OSError as error:
                if of_disk(error, temporary):
                    with storage_errors(path):
                        temporary.unlink(missing_ok=True)
                        raise
                raise

        try:
            self._patiently(name, get)
        except FileNotFoundError:
            temporary.unlink(missing_ok=True)
            return False
        with storage_errors(path):
            sync(temporary)
            publish(temporary, path)
        return True

    def sizes(self, under: str = "") -> dict[str, int]:
        """Return the size in bytes of each object beneath ``under``, by name.

        Raises:
            StorageError: the store refused.
        """
        try:
            found = self._patiently(
                under, lambda: self._files.find(self._path(under).rstrip("/"), detail=True)
            )
        except FileNotFoundError:
            return {}
        start = f"{self._root}/"
        return {
            path.removeprefix(start): int(info["size"])
            for path, info in found.items()
            if path.startswith(start) and info["type"] == "file"
        }

    def remove(self, names: Iterable[str]) -> None:
        """Delete objects; one that is not there is no error.

        Raises:
            StorageError: the store refused.
        """
        paths = [self._path(name) for name in names]
        if not paths:
            return
        try:
            self._patiently("", lambda: self._files.rm(paths))
        except FileNotFoundError:
            for path in paths:
                self._remove_one(path)

    def modified(self, name: str) -> datetime | None:
        """Return when an object was last put, by the clock of the store; None where there is none.

        Raises:
            StorageError: the store refused.
        """
        try:
            when: datetime = self._patiently(name, lambda: self._files.modified(self._path(name)))
        except FileNotFoundError:
            return None
        return when

    def version(self, name: str) -> str | None:
        """Return what changes whenever an object does; None where there is no such object.

        Raises:
            StorageError: the store refused.
        """
        path = self._path(name)
        try:
            info = self._patiently(name, lambda: self._files.info(path))
        except FileNotFoundError:
            return None
        return str(self._files.ukey(path)) if info["type"] == "file" else None

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _put(self, name: str, action: Callable[[], T]) -> T:
        try:
            return self._patiently(name, action)
        except FileNotFoundError as error:  # the bucket
            raise explained(error, self.url, 1) from error

    def _remove_one(self, path: str) -> None:
        try:
            self._patiently("", lambda: self._files.rm_file(path))
        except FileNotFoundError:
            return

    def _patiently(self, name: str, action: Callable[[], T]) -> T:
        """Return what ``action`` does, tried again while the store fails for the moment."""
        where = f"{self.url}/{name}".rstrip("/")
        attempt = 0
        while True:
            try:
                return action()
            except (FileNotFoundError, StorageError):  # the latter of the disk, told already
                raise
            except Exception as error:
                if attempt == len(_WAITS) or not transient(error):
                    raise explained(error, where, attempt + 1) from error
                wait = _WAITS[attempt]
                logger.warning("%s: %s; trying again in %g s", where, error, wait)
            self._sleep(wait)
            attempt += 1


def _filesystem(scheme: str) -> Any:
    import fsspec

    package, extra = _PACKAGES[scheme]
    if scheme == "gs":
        # Else gcsfs asks what kind a bucket is at each request, and warns where it is not told.
        os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    try:
        # Listings are asked for because they may have changed; they must not come from a cache.
        files = fsspec.filesystem(scheme, use_listings_cache=False, skip_instance_cache=True)
    except ImportError as error:
        raise MissingDependencyError(package, extra, f"Storage at {scheme}://") from error
    if hasattr(files, "retries"):
        files.retries = 1  # s3fs: one place to retry is enough
    return files
