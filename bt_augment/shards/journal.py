"""The journal of a run that goes on: what each unit gave, entered when its files are on the disk.

One JSON line per unit, appended and synced; a line cut off by a crash is dropped, and its unit
made again. When the run is finished, what it holds becomes ``manifest.json``.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from bt_augment.errors import RunFolderError
from bt_augment.shards.atomic import storage_errors
from bt_augment.shards.manifest import UnitEntry


class _Line(BaseModel):
    """A line of the journal.

    Without its digest, of the run and the entry, a flipped bit would enter a wrong count, and the
    journal of another run would be taken for this one's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    entry: UnitEntry
    sha256: str

    @classmethod
    def of(cls, entry: UnitEntry, run: str) -> _Line:
        digest = hashlib.sha256(f"{run}:{entry.model_dump_json()}".encode())
        return cls(entry=entry, sha256=digest.hexdigest())


def entry_line(entry: UnitEntry, run: str) -> bytes:
    """Return an entry as one line of JSON, with a digest.

    Args:
        entry: of a unit.
        run: a name of its run, such as the SHA-256 of ``run.json``.
    """
    return _Line.of(entry, run).model_dump_json().encode()


def parse_line(line: bytes, run: str) -> UnitEntry | None:
    """Return what :func:`entry_line` wrote, or None where it was changed or is of another run."""
    try:
        read = _Line.model_validate_json(line)
    except ValidationError:
        return None
    return read.entry if read == _Line.of(read.entry, run) else None


class Journal:
    """The units that are done, in a file that is only ever appended to."""

    def __init__(self, path: Path, run: str) -> None:
        """Read a journal, or start an empty one.

        Args:
            path: of the file.
            run: a name of the run, such as the SHA-256 of ``run.json``.

        Raises:
            RunFolderError: a line before the last is broken, or units are out of order.
            StorageError: it cannot be read.
        """
        self.path = path
        self.run = run
        self.units: list[UnitEntry] = []
        self._recover()

    def _recover(self) -> None:
        if not self.path.exists():
            return
        with storage_errors(self.path):
            data = self.path.read_bytes()
        good = 0
        lines = data.split(b"\n")
        for number, line in enumerate(lines[:-1], start=1):
            entry = parse_line(line, self.run)
            if entry is None:
                if number == len(lines) - 1:
                    break
                raise RunFolderError(
                    f"{self.path}, line {number}: is not the entry of a unit that this run wrote. "
                    "Delete this line and all below it, and run the same command again: their "
                    "units are made again"
                )
            if entry.unit != len(self.units):
                raise RunFolderError(
                    f"{self.path}, line {number}: unit {entry.unit} where {len(self.units)} was "
                    "expected; start anew with --overwrite"
                )
            self.units.append(entry)
            good += len(line) + 1
        if good != len(data):
            with storage_errors(self.path):
                os.truncate(self.path, good)

    def append(self, entry: UnitEntry) -> None:
        """Enter a unit, and return when the disk has it.

        Raises:
            StorageError: the disk refused.
        """
        with storage_errors(self.path), self.path.open("ab") as file:
            file.write(entry_line(entry, self.run) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.units.append(entry)

    def confirm(self, entry: UnitEntry) -> None:
        """Check that a unit which was made again is as it was entered.

        Raises:
            RunFolderError: it has other bytes.
        """
        if entry.files != self.units[entry.unit].files:
            raise RunFolderError(
                f"{self.path}: unit {entry.unit} was damaged, and made again it has other bytes: "
                "the machine or a library is not the one it was made with. Start anew with "
                "--overwrite"
            )
