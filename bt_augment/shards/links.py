"""No symbolic link leads out of a run folder: only what is its own is read and written.

A run folder may come from somebody else. A link in it could name any file of this machine, which
``publish`` or ``report`` would then show to others. A pipe or device would keep a reader waiting
for ever.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from bt_augment.errors import RunFolderError
from bt_augment.names import refuse_impossible
from bt_augment.shards.atomic import storage_errors, temporary_name
from bt_augment.special_files import SPECIAL, is_special


def own_file(folder: Path, name: str) -> Path:
    """Return ``folder / name``; the folder itself may be a link, nothing below it.

    Args:
        folder: a run folder.
        name: a path below it, as the manifest writes it.

    Raises:
        RunFolderError: a part of the path below ``folder`` is a symbolic link, or what is there
            is neither a file nor a folder; or no file can have this name.
    """
    refuse_impossible(folder / name, RunFolderError)
    path = folder
    for part in Path(name).parts:
        path = path / part
        _check(path)
    return path


def refuse_links(folder: Path, names: Iterable[str]) -> None:
    """Refuse a folder that is about to be written into, if links are among what is there.

    Args:
        folder: a run folder.
        names: files and folders below it; folders are looked into.

    Raises:
        RunFolderError: one of them, its temporary name, or something in a folder, is a symbolic
            link, or neither a file nor a folder.
        StorageError: a folder cannot be read.
    """
    for name in names:
        path = own_file(folder, name)
        _check(temporary_name(path))
        if not path.is_dir():
            continue
        with storage_errors(path), os.scandir(path) as entries:
            for entry in entries:
                if entry.is_symlink() or not (entry.is_file() or entry.is_dir()):
                    _check(Path(entry.path))


def _check(path: Path) -> None:
    """Refuse a path that is there and is neither a file nor a folder."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return  # not there, or not to be read: whoever opens it says so
    if stat.S_ISLNK(mode):
        raise RunFolderError(
            f"{path}: is a symbolic link; a run folder's files are its own. Replace it by what it "
            "stands for (cp -rL), or make the run again"
        )
    if is_special(path):
        raise RunFolderError(f"{path}: {SPECIAL}; remove it, or make the run again")
