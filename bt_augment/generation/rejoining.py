"""The index of duplicates of a run that goes on: what it lacks is entered from the files."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc

from bt_augment.filtering.duplicates import NATIVE_UNIT, DuplicateIndex, UnsoundIndexError, sketch
from bt_augment.generation.ingestion import duplicates_path, read_unit
from bt_augment.generation.units import made_order
from bt_augment.pairs.schema import NATIVE
from bt_augment.shards.atomic import storage_errors
from bt_augment.shards.manifest import UnitEntry
from bt_augment.shards.run_folder import RunFolder
from bt_augment.shards.store import SPLITS, read_shard

logger = logging.getLogger(__name__)


def discard_unsound(folder: RunFolder) -> None:
    """Remove the index of a run that goes on, if it is not as the run wrote it.

    Raises:
        StorageError: the file cannot be read or removed.
    """
    path = duplicates_path(folder)
    if not path.exists():
        return
    with suppress(UnsoundIndexError), DuplicateIndex(path, folder.run_sha256()) as index:
        if index.is_sound():
            return
    logger.warning("%s: is not as this run wrote it, and is made again", path)
    with storage_errors(path):
        path.unlink()


def rejoin(folder: RunFolder, units: int, routes: Sequence[str]) -> None:
    """Enter the native rows and finished units that the index lacks, as it was lost.

    The units that another machine made are taken over, too, so that later ones are judged as
    there. Memory holds one unit.

    Args:
        folder: the run folder, begun and with its input read.
        units: that the input was read into.
        routes: of the run, in the order in which rows are made.

    Raises:
        StorageError: the disk or the store refused.
    """
    with DuplicateIndex(duplicates_path(folder), folder.run_sha256()) as index:
        known = index.units()
        for unit in range(units):
            if NATIVE_UNIT - unit not in known:
                natives = read_unit(folder, unit)
                index.add(NATIVE_UNIT - unit, sketch(natives), natives.column("id").to_pylist())
        journal = folder.journal()
        lost = [entry for entry in journal.units if entry.unit not in known]
        damaged = frozenset(folder.damaged_units(journal) if lost else ())
        for entry in lost:
            if entry.unit not in damaged:  # that one is made again, and entered then
                with folder.at_hand(entry) as whole:
                    if whole:
                        _enter(index, folder, entry, routes)
        for entry in folder.rejoined(rows=True):
            _enter(index, folder, entry, routes)


def _enter(
    index: DuplicateIndex, folder: RunFolder, entry: UnitEntry, routes: Sequence[str]
) -> None:
    made = _made(folder, entry, routes)
    index.add(entry.unit, sketch(made), made.column("source_id").to_pylist())


def _made(folder: RunFolder, entry: UnitEntry, routes: Sequence[str]) -> pa.RecordBatch:
    """Return a unit's made rows in the order in which they were made."""
    rows = pa.concat_tables([read_shard(folder.path / entry.files[split].path) for split in SPLITS])
    made = rows.filter(pc.not_equal(rows.column("method"), NATIVE))
    natives = read_unit(folder, entry.unit).column("id").to_pylist()
    position = {name: i for i, name in enumerate(natives)}
    batch = pa.RecordBatch.from_arrays(
        [column.combine_chunks() for column in made.columns], schema=made.schema
    )
    return batch.take(pa.array(made_order(batch, position, routes), type=pa.int64()))
