"""Models converted into the cache, and the commit that each name of the hub stands for."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from bt_augment.cache import CACHE_VARIABLE
from bt_augment.errors import ModelError, StorageError
from bt_augment.translation import convert as conversion
from bt_augment.translation import hub
from bt_augment.translation.model_description import describe
from bt_augment.translation.model_folder import METADATA_NAME, check_folder, write_shared_json
from bt_augment.translation.tokenizers import read_json

logger = logging.getLogger(__name__)

T = TypeVar("T")


class ModelCache:
    """The folder of converted models.

    Args:
        folder: made when first written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of_hub(self) -> list[tuple[Path, Mapping[str, Any]]]:
        """Return the folders in the cache that were converted from the hub, and their metadata."""
        return [
            (folder, metadata)
            for folder, metadata in self.readable(lambda folder: (folder, describe(folder)[1]))
            if hub.hub_name(str(metadata.get("name")), str(metadata.get("revision")))
        ]

    def readable(self, read: Callable[[Path], T]) -> list[T]:
        """Return what is read of each model in the cache; one damaged model hides no other."""
        if not self._folder.is_dir():
            return []
        found = []
        for folder in sorted(self._folder.iterdir()):
            if not (folder / METADATA_NAME).is_file():
                continue
            try:
                found.append(read(folder))
            except ModelError as error:
                logger.warning("a model in the cache is left out: %s", error)
        return found

    def pinned(self, name: str, commits: Sequence[str]) -> str | None:
        """Return the commit, of those in the cache, that a name without one stands for."""
        path = self._pin_file(name)
        pinned = read_json(path).get("commit") if path.is_file() else None
        return str(pinned) if pinned in commits else next(iter(commits), None)

    def pin(self, name: str, commit: str) -> None:
        """Have a name stand for a commit from now on.

        Raises:
            StorageError: the cache cannot be written.
        """
        with self._writable():
            write_shared_json(self._pin_file(name), {"name": name, "commit": commit})

    def _pin_file(self, name: str) -> Path:
        return self._folder / ".pins" / f"{_slug(name)}.json"

    def converted(
        self, name: str, revision: str, quantization: str, checkpoint: Path | None
    ) -> Path:
        """Return the folder of a model, converted the first time, by one process alone.

        Args:
            name: on the hub, or the path of a local checkpoint.
            revision: its commit, or the checkpoint's fingerprint.
            quantization: type of the stored weights.
            checkpoint: the local one; None fetches that of the hub.

        Raises:
            ModelError: there is no such model, or it cannot be converted.
            MissingDependencyError: ``bt-augment[convert]`` is missing.
            StorageError: the cache cannot be written.
        """
        import filelock

        slug = _slug(checkpoint.name if checkpoint else name)
        folder = self._folder / f"{slug}--{revision[:16]}--{quantization}"
        lock = self._folder / ".locks" / f"{folder.name}.lock"
        with self._writable():
            lock.parent.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(lock):
                if folder.is_dir() and not _is_whole(folder):
                    shutil.rmtree(folder)  # damaged in the cache: convert again
                for left in folder.parent.glob(f"{conversion.unfinished(folder)}*"):
                    shutil.rmtree(left)  # of a process that was killed: the lock is ours
                if not folder.is_dir():
                    conversion.convert(
                        checkpoint or hub.download(name, revision),
                        folder,
                        name=name,
                        revision=revision,
                        quantization=quantization,
                    )
        return folder

    @contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"{self._folder}: cannot be written ({error}); "
                f"set {CACHE_VARIABLE} to a folder that can"
            ) from error


def _slug(name: str) -> str:
    return re.sub(r"[^\w.-]+", "--", name)


def _is_whole(folder: Path) -> bool:
    try:
        check_folder(folder)
        describe(folder)
    except ModelError:
        return False
    return True
