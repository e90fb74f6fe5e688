"""Arrow: Parquet, IPC files and streams, and folders of ``Dataset.save_to_disk``."""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from bt_augment.errors import InputError
from bt_augment.pairs.readers.base import Quarantined, Reader, Row, quarantined
from bt_augment.pairs.readers.class_labels import labels_of, with_names
from bt_augment.pairs.readers.columns import Columns
from bt_augment.pairs.readers.compression import open_bytes, open_seekable, read_start
from bt_augment.pairs.readers.lines import MAX_RECORD, OVERSIZED
from bt_augment.pairs.readers.row_groups import BoundedGroups
from bt_augment.pairs.readers.row_sizes import slices
from bt_augment.pairs.readers.untrusted_batches import checked, damage, values

PARQUET_MAGIC = b"PAR1"
FILE_MAGIC = b"ARROW1"
STREAM_MAGIC = b"\xff\xff\xff\xff"

_BATCH_ROWS = 1024  # rows made Python values at a time
_ONE_NAME = re.compile(r"[^/\\\x00]+")  # no part of it leads to another folder


class _BatchReader(Reader):
    """Reads record batches; a row's place is its number, from 1."""

    place_kind = "row"

    @abstractmethod
    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the record batches in order."""

    def rows(self) -> Iterator[Row | Quarantined]:
        """Yield the rows in order, only the columns that may be needed."""
        columns = Columns(self.settings)
        number = 0
        for batch in self.batches():
            names = batch.schema.names
            columns.refuse_twins(self.source, names)
            labels = labels_of(batch.schema)
            chosen = set(columns.needed(names))
            # By number: columns that nobody needs may share a name.
            kept = batch.select([i for i, name in enumerate(names) if name in chosen])
            for part, oversized in slices(kept, _BATCH_ROWS, MAX_RECORD):
                for item in [ValueError(f"it is {OVERSIZED}")] if oversized else values(part):
                    number += 1
                    self._at = number + 1
                    place = self.place(number)
                    if isinstance(item, UnicodeDecodeError):
                        yield quarantined(
                            place, "invalid_utf8", f"the row is not UTF-8: {item}", item.object
                        )
                    elif isinstance(item, Exception):
                        yield quarantined(
                            place, "unreadable_value", f"a value of the row cannot be read: {item}"
                        )
                    else:
                        yield Row(place, with_names(item, labels), self.auto_id(number))


class ParquetReader(_BatchReader):
    """Reads a Parquet file, one row group's columns at a time."""

    format = "parquet"

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the record batches in order."""
        import pyarrow.parquet as pq

        with damage(), open_seekable(self.path) as file:
            parquet = pq.ParquetFile(file)
            names = parquet.schema_arrow.names
            # A name with a dot could be taken for a path into another column.
            dotted = any("." in name for name in names)
            columns = None if dotted else Columns(self.settings).needed(names)
            yield from map(checked, BoundedGroups(file, parquet, columns).batches(_BATCH_ROWS))


class ArrowReader(_BatchReader):
    """Reads an Arrow IPC file or stream."""

    format = "arrow"

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the record batches in order."""
        yield from _ipc_batches(self.path)


class SavedDatasetReader(_BatchReader):
    """Reads a data set that ``save_to_disk`` wrote into a folder."""

    format = "arrow"

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the record batches of the split's files in order.

        Raises:
            InputError: the folder lacks the split, or is not whole.
        """
        folder = self._split_folder()
        state = folder / "state.json"
        try:
            if state.exists() and not state.is_file():  # a pipe would be waited for
                raise ValueError("it is no file")
            listed = json.loads(state.read_text("utf-8"))["_data_files"]
            names = [one_name(entry["filename"]) for entry in listed]
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(
                f"{state} cannot be read ({error}): the data set was not saved to its end"
            ) from error
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise InputError(
                f"{folder / missing[0]} is missing, which {state} names: the data set is not "
                f"whole; copy it again, {len(names)} files"
            )
        for name in names:
            yield from _ipc_batches(folder / name)

    def _split_folder(self) -> Path:
        return self.path


class SavedSplitsReader(SavedDatasetReader):
    """Reads one split of a ``DatasetDict`` that ``save_to_disk`` wrote into a folder."""

    parts = ("split",)

    def _split_folder(self) -> Path:
        splits = saved_splits(self.path) or []
        return self.path / choose_split(self.source, splits, self.settings.split)


def saved_splits(folder: Path) -> list[str] | None:
    """Return the splits of a saved ``DatasetDict``; None for a folder that is not one.

    Raises:
        InputError: the list of splits cannot be read.
    """
    index = folder / "dataset_dict.json"
    if not index.is_file():
        return None
    try:
        return [one_name(name) for name in json.loads(index.read_text("utf-8"))["splits"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{index} cannot be read: {error}") from error


def one_name(name: Any) -> str:
    """Return a name by which a file of a folder names another, if it is in the same folder.

    Raises:
        ValueError: it is no text, or leads elsewhere.
    """
    if not isinstance(name, str) or name in ("", ".", "..") or not _ONE_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a file beside it")
    return name


def choose_split(source: str, splits: list[str], wanted: str | None) -> str:
    """Return the split to read: the one wanted, else ``train``, else the only one.

    Raises:
        InputError: there is no such split, or none was named and the choice is not clear.
    """
    if wanted is None and "train" in splits:
        return "train"
    if wanted is None and len(splits) == 1:
        return splits[0]
    if not splits:
        raise InputError(f"{source} has no split, so there is nothing to read")
    if wanted is None or wanted not in splits:
        lacking = "has several splits" if wanted is None else f"has no split {wanted!r}"
        listed = ", ".join(splits)
        raise InputError(f"{source} {lacking}; it has {listed}; name one with --set input.split=…")
    return wanted


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if read_start(path, len(FILE_MAGIC)) == FILE_MAGIC:
        with open_seekable(path) as file, pa.ipc.open_file(file) as reader:
            yield (reader.get_batch(index) for index in range(reader.num_record_batches))
    else:
        with open_bytes(path) as file, pa.ipc.open_stream(file) as reader:
            yield reader


def _ipc_batches(path: Path) -> Iterator[pa.RecordBatch]:
    with damage(), _opened(path) as batches:
        for batch in batches:
            yield checked(batch)
