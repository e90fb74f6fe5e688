"""Scored units of a run kept on disk until they are judged."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

from bt_augment.errors import RunFolderError
from bt_augment.generation.engines.base import Engine, ReadUnit, ScoredUnits
from bt_augment.generation.scored_units import DamagedUnitError, decode, encode
from bt_augment.generation.units import ScoredUnit
from bt_augment.shards.atomic import open_temporary, publish, storage_errors
from bt_augment.shards.links import own_file
from bt_augment.shards.manifest import SCORED


def holds_scored_units(folder: Path) -> bool:
    """Tell whether jobs have left units in a run folder, of whichever run.

    Raises:
        StorageError: the disk refused.
    """
    with storage_errors(folder):
        return (folder / SCORED).is_dir() and any((folder / SCORED).iterdir())


class ScoredStore:
    """A file for each unit that a job has made; several jobs may write at once."""

    def __init__(self, folder: Path, run: str) -> None:
        """Name the store of a run folder; nothing is read or written yet.

        Args:
            folder: the run folder.
            run: what tells the run from others, whose units are refused.
        """
        self._run = folder
        self._name = run
        self._folder = folder / SCORED

    def __contains__(self, unit: int) -> bool:
        """Tell whether a unit is there."""
        return self._path(unit).is_file()

    def put(self, unit: int, scored: ScoredUnit) -> None:
        """Write a unit, whole or not at all.

        Raises:
            StorageError: the disk refused.
        """
        path = self._path(unit)
        # Two jobs may make the same unit, where they were given different numbers of parts.
        writer = f"{socket.gethostname()}-{os.getpid()}"
        temporary = path.with_name(f".{path.name}.{writer}.tmp")
        with storage_errors(path):
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                with open_temporary(temporary) as file:
                    file.write(encode(scored, unit, self._name))
                    file.flush()
                    os.fsync(file.fileno())
                publish(temporary, path)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise

    def get(self, unit: int) -> ScoredUnit:
        """Return a unit that is there.

        Raises:
            RunFolderError: its file was damaged, or leads out of the run folder.
        """
        path = own_file(self._run, f"{SCORED}/{unit:05d}")
        with storage_errors(path):
            data = path.read_bytes()
        try:
            return decode(data, unit, self._name)
        except DamagedUnitError as error:
            raise RunFolderError(
                f"{path}: {error}. Delete the file and run the same command again: the unit is "
                "then made anew"
            ) from error

    def stored_or_made(self, units: Sequence[int], engine: Engine, read: ReadUnit) -> ScoredUnits:
        """Yield units in order: those that are there, and the rest by the engine.

        Args:
            units: their numbers.
            engine: makes the rest.
            read: gives the native rows of one.

        Raises:
            BtAugmentError: a unit cannot be had.
        """
        stored = {unit for unit in units if unit in self}
        missing = [unit for unit in units if unit not in stored]
        made = engine.scored_units(missing, read)
        for unit in units:
            yield (unit, self.get(unit)) if unit in stored else next(made)

    def _path(self, unit: int) -> Path:
        return self._folder / f"{unit:05d}"
