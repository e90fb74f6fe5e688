"""No symbolic link leads out of a run folder: only what is its own is read and written.

A run folder may come from somebody else. A link in it could name any file of this machine, which
``publish`` or ``report`` would then show to others.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from bt_augment.errors import RunFolderError


def own_file(folder: Path, name: str) -> Path:
    """Return ``folder / name``; the folder itself may be a link, nothing below it.

    Args:
        folder: a run folder.
        name: a path below it, as the manifest writes it.

    Raises:
        RunFolderError: a part of the path below ``folder`` is a symbolic link.
    """
    path = folder
    for part in Path(name).parts:
        path = path / part
        if path.is_symlink():
            raise _refused(path)
    return path


def refuse_links(folder: Path, names: Iterable[str]) -> None:
    """Refuse a folder that is about to be written into, if links are among what is there.

    Args:
        folder: a run folder.
        names: files and folders below it; folders are looked into.

    Raises:
        RunFolderError: one of them, or something in a folder, is a symbolic link.
    """
    for name in names:
        path = own_file(folder, name)
        if not path.is_dir():
            continue
        with os.scandir(path) as entries:
            link = next((entry.path for entry in entries if entry.is_symlink()), None)
        if link is not None:
            raise _refused(Path(link))


def _refused(path: Path) -> RunFolderError:
    return RunFolderError(
        f"{path}: is a symbolic link; a run folder's files are its own. Replace it by what it "
        "stands for (cp -rL), or make the run again"
    )
