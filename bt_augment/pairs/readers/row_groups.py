"""Row groups of Parquet in batches that memory holds, whatever the file unpacks to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bt_augment.pairs.readers.row_sizes import SLICE_BYTES

_PROBED_ROWS = 16  # any will do that are not all null: the first page brings the whole dictionary
_GROUPS = 16  # looked at together: many files have groups of a hundred rows
_MOST_REPEATED = 100  # times that text unpacks to; real text to ten at most


class BoundedGroups:
    """The row groups of a file.

    Args:
        file: the open file.
        parquet: the reader of that file.
        columns: names of the columns that are read; None for all.
    """

    def __init__(self, file: Any, parquet: pq.ParquetFile, columns: Sequence[str] | None) -> None:
        self._parquet = parquet
        self._columns = columns
        # Columns that come as dictionaries hold each of their texts once.
        once = {field.name for field in parquet.schema_arrow if pa.types.is_dictionary(field.type)}
        texts = {
            path: index
            for index, path in enumerate(_paths(parquet))
            if columns is None or path.split(".")[0] in columns
            if _is_text(parquet.schema.column(index)) and path not in once
        }
        self._texts = list(texts.values())
        self._as_dictionaries = pq.ParquetFile(
            file, metadata=parquet.metadata, read_dictionary=list(texts)
        )

    def batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        """Yield the batches in order, of at most ``rows`` rows each."""
        count = self._parquet.num_row_groups
        for start in range(0, count, _GROUPS):
            groups = range(start, min(start + _GROUPS, count))
            for size, alike in groupby(groups, lambda group: self._rows(group, rows)):
                yield from self._parquet.iter_batches(
                    size, row_groups=list(alike), columns=self._columns
                )

    def _rows(self, group: int, most: int) -> int:
        """Return how many rows are unpacked at a time: fewer where a row may be large."""
        longest = self._longest(group)
        if longest is None:
            return 1  # it is damaged, which shows when it is read
        metadata = self._parquet.metadata.row_group(group)
        rows: int = max(metadata.num_rows, 1)
        chunks = [metadata.column(index) for index in self._texts]
        unpacked: int = sum(chunk.total_uncompressed_size for chunk in chunks)
        packed = sum(chunk.total_compressed_size for chunk in chunks)
        if unpacked > max(SLICE_BYTES, _MOST_REPEATED * packed):
            return 1  # few rows may have all of it
        # A text of a dictionary may be that of every row.
        enough = SLICE_BYTES // max(min(most, rows), 1)  # of one text
        if not any(c.has_dictionary_page and c.total_uncompressed_size > enough for c in chunks):
            longest = 0
        values: int = max((chunk.num_values for chunk in chunks), default=0)
        row = unpacked // rows + longest * max(values // rows, 1)
        return max(1, min(most, SLICE_BYTES // max(row, 1)))

    def _longest(self, group: int) -> int | None:
        """Return the length of the longest text in a row group's dictionaries, 0 if unknown.

        None where the group cannot be read: its metadata must not be looked at then, for pyarrow
        ends the process over some that are damaged, and only in reading raises an error.
        """
        columns = self._columns
        for parquet, rows in ((self._as_dictionaries, _PROBED_ROWS), (self._parquet, 1)):
            try:
                first = next(parquet.iter_batches(rows, row_groups=[group], columns=columns))
            except (pa.ArrowException, OSError, NotImplementedError, StopIteration):
                continue
            return max(map(_longest_of, first.columns), default=0)
        return None


def _longest_of(array: Any) -> int:
    """Return the length of the longest text in the dictionaries of an array."""
    if isinstance(array, pa.DictionaryArray):
        return pc.max(pc.binary_length(array.dictionary)).as_py() or 0
    if isinstance(array, pa.StructArray):
        held = [array.field(index) for index in range(array.type.num_fields)]
    else:
        held = [array.values] if hasattr(array, "values") else []
    return max(map(_longest_of, held), default=0)


def _paths(parquet: pq.ParquetFile) -> list[str]:
    return [parquet.schema.column(index).path for index in range(len(parquet.schema))]


def _is_text(column: Any) -> bool:
    return bool(column.physical_type == "BYTE_ARRAY" and column.logical_type.type != "DECIMAL")
