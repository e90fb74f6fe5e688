"""A database in a temporary file, for what memory should not hold."""

from __future__ import annotations

import os
import sqlite3
from types import TracebackType
from typing import Any, Self

from bt_augment.errors import StorageError

# Where SQLite keeps temporary files: the first of these that is a folder it may write into.
_VARIABLES = ("SQLITE_TMPDIR", "TMPDIR")
_FOLDERS = ("/var/tmp", "/usr/tmp", "/tmp", ".")  # noqa: S108 - SQLite's list, for a message


class TemporaryDatabase:
    """A database whose file vanishes when it is closed. Use as a context manager.

    SQLite keeps its cache (2 MB) in memory and spills the rest to the file.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Drop the temporary file."""
        self.close()

    def close(self) -> None:
        """Drop the temporary file; the database cannot be used any more."""
        self._database.close()

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Return what a statement of SQL finds.

        Raises:
            StorageError: the disk of the temporary file refused.
        """
        try:
            return self._database.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise StorageError(
                f"{_folder()}: no temporary database can be kept there ({error}). Free some space "
                "there, or set TMPDIR to a folder with more"
            ) from error


def _folder() -> str:
    named = [os.environ.get(name, "") for name in _VARIABLES]
    fit = (place for place in (*named, *_FOLDERS) if os.access(place, os.W_OK | os.X_OK))
    return next((place for place in fit if os.path.isdir(place)), ".")  # noqa: PTH112
