"""Where a file that is no part of a run may be written: not in a run folder."""

from __future__ import annotations

from pathlib import Path

from bt_augment.errors import RunFolderError
from bt_augment.shards.atomic import storage_errors
from bt_augment.shards.manifest import MANIFEST, RUN

_BESIDE_RUN = (MANIFEST, "dataset_dict.json", ".work")


def refuse_in_run(path: Path) -> None:
    """Refuse to write a file into a run folder, whose own files it could replace.

    Args:
        path: the file to write; what its folder's links lead to is what counts.

    Raises:
        RunFolderError: it lies in a run folder, whole or not.
        StorageError: its folder cannot be looked at.
    """
    with storage_errors(path):
        for folder in path.parent.resolve().joinpath(path.name).parents:
            if _is_run(folder):
                raise RunFolderError(
                    f"{path}: lies in the run folder {folder}, whose files are its own; choose "
                    "another --out"
                )


def _is_run(folder: Path) -> bool:
    there = [name for name in (RUN, *_BESIDE_RUN) if (folder / name).exists()]
    return len(there) > 1  # one of these names alone is of another program
