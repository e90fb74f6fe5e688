"""Arrow shards: one file per unit and split, in the format that ``datasets`` memory-maps.

The layout is that of ``datasets.Dataset.save_to_disk`` (IPC stream files, ``state.json``,
``dataset_info.json``), written without importing ``datasets``; the tests read it back with it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from bt_augment.errors import RunFolderError
from bt_augment.shards.atomic import (
    open_temporary,
    publish,
    read_errors,
    sha256_of,
    storage_errors,
    temporary_name,
)
from bt_augment.shards.links import own_file
from bt_augment.shards.manifest import ShardEntry, write_json
from bt_augment.shards.row_check import row_problem

TRAIN = "train"
REJECTED = "rejected"
SPLITS = (TRAIN, REJECTED)
DICT = "dataset_dict.json"
# What makes shards a saved ``DatasetDict``, in the order of writing.
INDEX = (
    *(f"{split}/{name}" for split in SPLITS for name in ("dataset_info.json", "state.json")),
    DICT,
)
_NO_MEMORY = "Cannot allocate memory"


def write_shard(folder: Path, path: str, batch: pa.RecordBatch) -> ShardEntry:
    """Write one record batch as an Arrow IPC stream file; return when the disk has it.

    Args:
        folder: the run folder.
        path: from :func:`bt_augment.shards.manifest.shard_path`.
        batch: the rows.

    Raises:
        StorageError: the disk refused.
    """
    target = folder / path
    temporary = temporary_name(target)
    with storage_errors(target):
        target.parent.mkdir(exist_ok=True)  # not its parents: a run folder that went is no new one
        try:
            with open_temporary(temporary) as file:
                with pa.ipc.new_stream(file, batch.schema) as writer:
                    writer.write_batch(batch)
                file.flush()
                os.fsync(file.fileno())
            entry = ShardEntry(
                path=path,
                rows=batch.num_rows,
                bytes=temporary.stat().st_size,
                sha256=sha256_of(temporary),
            )
            publish(temporary, target)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    return entry


def read_shard(path: Path) -> pa.Table:
    """Return the rows of a shard, memory-mapped.

    Raises:
        RunFolderError: the file is missing or is not a whole Arrow stream.
        StorageError: the disk does not give it.
    """
    with shard_errors(path), pa.memory_map(str(path)) as source:
        return pa.ipc.open_stream(source).read_all()


@contextmanager
def shard_errors(path: Path) -> Iterator[None]:
    """Turn what Arrow says of a shard that is mapped and read into errors a user can act on.

    Raises:
        RunFolderError: the file is missing or is not a whole Arrow stream.
        StorageError: the disk does not give it.
    """
    try:
        with read_errors(path):
            yield
    except pa.ArrowMemoryError:
        raise  # the shard may well be sound
    except (OSError, pa.ArrowException) as error:
        if _NO_MEMORY in str(error):  # Arrow gives no number
            raise MemoryError(f"{path}: {error}") from error
        raise RunFolderError(
            f"{path}: cannot be read as an Arrow shard ({error}). It was damaged after it was "
            "written; make the run again, or restore the file from a copy"
        ) from error


def rows_of(folder: Path, entry: ShardEntry) -> pa.Table:
    """Return the rows of a shard of a run folder of any origin, checked to be those of a run.

    Its digest is not compared: :func:`bt_augment.shards.verification.check_shard` does that.

    Args:
        folder: the run folder.
        entry: what its manifest says of the shard.

    Raises:
        RunFolderError: the file is missing, leads out of the folder, or holds something else.
    """
    path = own_file(folder, entry.path)
    table = read_shard(path)
    problem = row_problem(table)
    if problem:
        raise RunFolderError(f"{path}: {problem}; make the run again, or restore it from a copy")
    return table


def file_problem(folder: Path, entry: ShardEntry) -> str | None:
    """Return in what the file of a shard is not as it was entered, or None; reads no rows.

    Args:
        folder: the run folder.
        entry: what the manifest or the journal says of it.

    Raises:
        StorageError: the disk does not give it.
    """
    path = folder / entry.path
    with read_errors(path):
        if path.is_symlink() or path.parent.is_symlink():
            return f"{entry.path}: leads out of the run folder"
        if not path.is_file():
            return f"{entry.path}: is missing"
        size = path.stat().st_size
        if size != entry.bytes:
            return f"{entry.path}: has {size} bytes instead of {entry.bytes}; it was cut or changed"
        if sha256_of(path) != entry.sha256:
            return f"{entry.path}: its SHA-256 differs from the manifest's; it was changed"
    return None


def read_split(folder: Path, split: str, entries: Sequence[ShardEntry]) -> Iterator[pa.Table]:
    """Yield the shards of a split in order, one in memory at a time."""
    for entry in entries:
        if entry.path.startswith(f"{split}/"):
            yield rows_of(folder, entry)


def finish(folder: Path, schema: pa.Schema, shards: Mapping[str, Sequence[ShardEntry]]) -> None:
    """Write the files that make the folder a saved ``DatasetDict``; called when all shards are.

    Args:
        folder: the run folder.
        schema: of all shards.
        shards: split → its shards, in order.
    """
    for path, content in index_files(schema, shards).items():
        write_json(folder / path, content)


def index_files(
    schema: pa.Schema, shards: Mapping[str, Sequence[ShardEntry]]
) -> dict[str, dict[str, Any]]:
    """Return path → content of what makes shards a saved ``DatasetDict``, in order of writing."""
    files: dict[str, dict[str, Any]] = {}
    for split, entries in shards.items():
        fingerprint = hashlib.sha256("".join(e.sha256 for e in entries).encode()).hexdigest()[:16]
        files[f"{split}/dataset_info.json"] = _info(split, schema, entries)
        files[f"{split}/state.json"] = {
            "_data_files": [{"filename": Path(e.path).name} for e in entries],
            "_fingerprint": fingerprint,
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": split,
        }
    files[DICT] = {"splits": list(shards)}
    return files


def _info(split: str, schema: pa.Schema, entries: Sequence[ShardEntry]) -> dict[str, Any]:
    return {
        "citation": "",
        "description": "",
        "features": {field.name: _feature(field.type) for field in schema},
        "homepage": "",
        "license": "",
        "splits": {
            split: {
                "name": split,
                "num_bytes": sum(e.bytes for e in entries),
                "num_examples": sum(e.rows for e in entries),
                "dataset_name": None,
            }
        },
    }


def _feature(kind: pa.DataType) -> Any:
    """Return the ``datasets`` feature of an Arrow type, as its JSON."""
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    names = {pa.string(): "string", pa.int32(): "int32", pa.float32(): "float32"}
    return {"dtype": names[kind], "_type": "Value"}
