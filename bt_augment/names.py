"""Names of files: those that none can have, and how a command takes one."""

from __future__ import annotations

import errno
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
