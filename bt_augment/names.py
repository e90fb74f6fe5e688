"""Names that no file can have, and what is no file."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from bt_augment.errors import BtAugmentError


def refuse_impossible(name: str | Path, refusal: type[BtAugmentError]) -> None:
    """Refuse a name that no file can have, for which ``Path.is_file`` raises or ``open`` does.

    Args:
        name: of a file or folder, which need not be there.
        refusal: the error to raise: it is too long for the file system, or holds a NUL character.
    """
    try:
        Path(name).lstat()
    except ValueError as error:
        raise refusal(f"{name}: no file can have this name ({error}); name another") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise refusal(
                f"{name}: no file can have this name ({error.strerror}); name another"
            ) from error


def as_argument(path: str) -> str:
    """Return a path as a command takes it: one that begins with a dash would be an option.

    Args:
        path: of a file or folder, or a URL.
    """
    return f"./{path}" if path.startswith("-") else path


def refuse_pipes(folder: Path, refusal: type[BtAugmentError]) -> None:
    """Refuse a model's folder with a pipe, a socket or a device in it: a library would wait for it.

    Args:
        folder: looked through with the folders in it, but for hidden ones and checkpoints.
        refusal: the error to raise: names what is no file.
    """
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "checkpoint-"))]
        for path in (Path(place, name) for name in names if not name.startswith(".")):
            # Path raises where it may not look.
            if os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113
                raise refusal(
                    f"{path}: is neither a file nor a folder (a pipe, a socket or a device); "
                    "remove it, or save or download the model again"
                )
