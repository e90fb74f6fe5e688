"""Input read once, into units: from here on a unit is a file that can be opened by its number."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, ValidationError

from bt_augment.errors import RunFolderError
from bt_augment.filtering.duplicates import NATIVE_UNIT, DuplicateIndex, sketch
from bt_augment.pairs.readers import InputSettings, Item, Quarantined, Record, Tally, read
from bt_augment.pairs.schema import batch_from_rows, native_schema
from bt_augment.progress import Progress
from bt_augment.shards.atomic import (
    open_temporary,
    publish,
    sha256_of,
    storage_errors,
    temporary_name,
    write_atomically,
)
from bt_augment.shards.manifest import Ingested
from bt_augment.shards.run_folder import QUARANTINE, RunFolder

_MARK = "ingested.json"
_DIGEST_BYTES = 32


class _Mark(BaseModel):
    """What says that the input is read whole, and as what.

    Attributes:
        ingested: what was read.
        quarantine: SHA-256 of what could not be read.
        sha256: of both.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    ingested: Ingested
    quarantine: str
    sha256: str

    @classmethod
    def of(cls, ingested: Ingested, quarantine: str) -> _Mark:
        digest = hashlib.sha256(ingested.model_dump_json().encode() + quarantine.encode())
        return cls(ingested=ingested, quarantine=quarantine, sha256=digest.hexdigest())

    @classmethod
    def read(cls, folder: RunFolder) -> _Mark:
        """Return what an unfinished run has read.

        Raises:
            RunFolderError: the file or the quarantine was changed since.
        """
        path = folder.work / _MARK
        try:
            with storage_errors(path):
                mark = cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise _changed(path, folder) from error
        if mark != cls.of(mark.ingested, mark.quarantine):
            raise _changed(path, folder)
        quarantine = folder.path / QUARANTINE
        with storage_errors(quarantine):
            if not quarantine.is_file() or sha256_of(quarantine) != mark.quarantine:
                raise _changed(quarantine, folder)
        return mark


def _changed(path: Path, folder: RunFolder) -> RunFolderError:
    return RunFolderError(
        f"{path}: was removed or changed since the input was read. Delete {folder.work / _MARK} "
        "and run the same command again: the input is read again, and finished units are kept"
    )


def is_read(folder: RunFolder) -> bool:
    """Tell whether the input is read whole."""
    return (folder.work / _MARK).exists()


def ingest(
    folder: RunFolder,
    inputs: Sequence[str],
    settings: InputSettings,
    unit_rows: int,
    progress: Progress,
    copies: Mapping[str, Path] | None = None,
    check: Callable[[], None] | None = None,
    revisions: Mapping[str, str] | None = None,
) -> Ingested:
    """Read the inputs into unit files beneath the run's work folder; done once per run.

    Memory holds one unit. Native rows also enter the index of duplicates, and what could not be
    read goes to ``quarantine.jsonl``.

    Args:
        folder: the run folder, claimed.
        inputs: files, folders or hub names.
        settings: how they are read.
        unit_rows: rows of a unit.
        progress: told of each unit.
        copies: input → its copy on this machine, for those that are elsewhere.
        check: called when all is read, before it counts as read; may refuse it.
        revisions: hub data set → the commit to read.

    Raises:
        InputError: an input cannot be used at all.
        RunFolderError: what was read before was changed since.
        StorageError: the disk refused.
    """
    if is_read(folder):
        return _Mark.read(folder).ingested
    tally = Tally()
    quarantine = folder.path / QUARANTINE
    temporary = temporary_name(quarantine)
    units = 0
    with (
        storage_errors(quarantine),
        DuplicateIndex(duplicates_path(folder), folder.run_sha256()) as index,
        open_temporary(temporary) as lost,
    ):
        records = _records(read(inputs, settings, copies, revisions), tally, lost)
        while rows := list(islice(records, unit_rows)):
            batch = batch_from_rows((record.as_row() for record in rows), native_schema())
            index.add(NATIVE_UNIT - units, sketch(batch), batch.column("id").to_pylist())
            _write_unit(folder, units, batch)
            units += 1
            progress.advance("read", tally.records)
        lost.flush()
        os.fsync(lost.fileno())
    tally.check(inputs)
    if check is not None:
        check()
    publish(temporary, quarantine)
    result = Ingested(
        rows=tally.records,
        units=units,
        languages=dict(tally.languages.most_common()),
        quarantined=dict(tally.quarantined),
        left_out=dict(tally.left_out),
        notes=dict(tally.notes),
    )
    marked = _Mark.of(result, sha256_of(quarantine))
    write_atomically(folder.work / _MARK, marked.model_dump_json().encode())
    return result


def read_unit(folder: RunFolder, unit: int) -> pa.RecordBatch:
    """Return the native rows of a unit.

    Raises:
        RunFolderError: its file was changed since it was written, or is another unit's or run's.
    """
    path = _unit_path(folder, unit)
    with storage_errors(path):
        data = path.read_bytes() if path.is_file() else b""
    rows, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if _digest(folder, unit, rows) != digest:
        raise _changed(path, folder)
    try:
        with pa.ipc.open_stream(pa.py_buffer(rows)) as reader:
            batch = reader.read_next_batch()
        batch.validate(full=True)
    except pa.ArrowMemoryError:
        raise  # the rows may well be sound
    except (pa.ArrowException, StopIteration, OSError) as error:
        raise _changed(path, folder) from error  # a digest does not prove who wrote it
    return batch


def _unit_path(folder: RunFolder, unit: int) -> Path:
    return folder.work / f"natives-{unit:05d}.arrow"


def _digest(folder: RunFolder, unit: int, rows: bytes) -> bytes:
    """Return a digest that is of no other unit, and of no other run."""
    return hashlib.sha256(f"{folder.run_sha256()}:{unit}:".encode() + rows).digest()


def duplicates_path(folder: RunFolder) -> Path:
    """Return the file of the run's index of duplicates."""
    return folder.work / "duplicates.sqlite"


def _records(items: Iterable[Item], tally: Tally, lost: BinaryIO) -> Iterator[Record]:
    for item in items:
        tally.add(item)
        if isinstance(item, Record):
            yield item
        elif isinstance(item, Quarantined):
            lost.write(json.dumps(item.as_row(), ensure_ascii=False).encode() + b"\n")


def _write_unit(folder: RunFolder, unit: int, batch: pa.RecordBatch) -> None:
    """Write a unit as an Arrow stream with the digest of unit and stream behind it."""
    path = _unit_path(folder, unit)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    rows = bytes(sink.getvalue())
    with storage_errors(path), open_temporary(path) as file:
        file.write(rows)
        file.write(_digest(folder, unit, rows))
        file.flush()
        os.fsync(file.fileno())
