"""Input read once, into units: from here on a unit is a file that can be opened by its number."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, ValidationError

from bt_augment.errors import RunFolderError
from bt_augment.filtering.duplicates import NATIVE_UNIT, DuplicateIndex, sketch
from bt_augment.generation.progress import Progress
from bt_augment.pairs.readers import InputSettings, Quarantined, Record, Tally, read
from bt_augment.pairs.schema import batch_from_rows, native_schema
from bt_augment.shards.atomic import publish, storage_errors, temporary_name, write_atomically
from bt_augment.shards.manifest import MANIFEST
from bt_augment.shards.run_folder import QUARANTINE, RunFolder
from bt_augment.shards.store import read_shard

_MARK = "ingested.json"


class Ingested(BaseModel):
    """What was read.

    Attributes:
        rows: native rows.
        units: files they are in.
        languages: language tag → rows whose question and passage are both in it.
        quarantined: cause → records.
        left_out: reason → questions.
        notes: what was mended → records.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int
    units: int
    languages: dict[str, int]
    quarantined: dict[str, int]
    left_out: dict[str, int]
    notes: dict[str, int]

    @classmethod
    def stored(cls, content: Mapping[str, Any], folder: Path) -> Ingested:
        """Return what the manifest of a finished run says was read.

        Raises:
            RunFolderError: that part of the manifest is damaged.
        """
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise _damaged(folder / MANIFEST, "ingested", error) from error

    @classmethod
    def marked(cls, mark: Path) -> Ingested:
        """Return what an unfinished run has read.

        Raises:
            RunFolderError: the file is damaged.
        """
        try:
            return cls.model_validate_json(mark.read_bytes())
        except ValidationError as error:
            raise _damaged(mark, "the start", error) from error


def _damaged(path: Path, place: str, error: ValidationError) -> RunFolderError:
    first = error.errors()[0]
    inner = ".".join(str(part) for part in first["loc"])
    return RunFolderError(
        f"{path}: damaged at {inner or place}: {first['msg']}. Make the run again with --overwrite"
    )


def ingest(
    folder: RunFolder,
    inputs: Sequence[str],
    settings: InputSettings,
    unit_rows: int,
    progress: Progress,
    copies: Mapping[str, Path] | None = None,
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

    Raises:
        InputError: an input cannot be used at all.
        StorageError: the disk refused.
    """
    mark = folder.work / _MARK
    if mark.exists():
        return Ingested.marked(mark)
    tally = Tally()
    languages: Counter[str] = Counter()
    quarantine = folder.path / QUARANTINE
    temporary = temporary_name(quarantine)
    units = 0
    with (
        storage_errors(quarantine),
        DuplicateIndex(duplicates_path(folder)) as index,
        temporary.open("wb") as lost,
    ):
        records = _records(inputs, settings, copies, tally, lost)
        while rows := list(islice(records, unit_rows)):
            languages.update(r.passage_lang for r in rows if r.question_lang == r.passage_lang)
            batch = batch_from_rows((record.as_row() for record in rows), native_schema())
            index.add(NATIVE_UNIT - units, sketch(batch), batch.column("id").to_pylist())
            _write_unit(unit_path(folder, units), batch)
            units += 1
            progress.advance("read", tally.records)
        lost.flush()
        os.fsync(lost.fileno())
    tally.check(inputs)
    publish(temporary, quarantine)
    result = Ingested(
        rows=tally.records,
        units=units,
        languages=dict(languages.most_common()),
        quarantined=dict(tally.quarantined),
        left_out=dict(tally.left_out),
        notes=dict(tally.notes),
    )
    write_atomically(mark, result.model_dump_json().encode())
    return result


def read_unit(folder: RunFolder, unit: int) -> pa.RecordBatch:
    """Return the native rows of a unit."""
    return read_shard(unit_path(folder, unit)).combine_chunks().to_batches()[0]


def unit_path(folder: RunFolder, unit: int) -> Path:
    """Return the file of a unit's native rows."""
    return folder.work / f"natives-{unit:05d}.arrow"


def duplicates_path(folder: RunFolder) -> Path:
    """Return the file of the run's index of duplicates."""
    return folder.work / "duplicates.sqlite"


def _records(
    inputs: Sequence[str],
    settings: InputSettings,
    copies: Mapping[str, Path] | None,
    tally: Tally,
    lost: BinaryIO,
) -> Iterator[Record]:
    for item in read(inputs, settings, copies):
        tally.add(item)
        if isinstance(item, Record):
            yield item
        elif isinstance(item, Quarantined):
            lost.write(json.dumps(item.as_row(), ensure_ascii=False).encode() + b"\n")


def _write_unit(path: Path, batch: pa.RecordBatch) -> None:
    with storage_errors(path), path.open("wb") as file:
        with pa.ipc.new_stream(file, batch.schema) as writer:
            writer.write_batch(batch)
        file.flush()
        os.fsync(file.fileno())
