"""How much text is in each row of a record batch, found without making a value of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

SLICE_BYTES = 1 << 25  # text made Python values at a time; one row may be more

_SIZED_ROWS = 1 << 16  # rows measured at a time: 8 bytes each, and a dictionary is measured anew
_VALUE_BYTES = 8  # a value's place in a Python list


def slices(batch: pa.RecordBatch, rows: int, largest: int) -> Iterator[tuple[pa.RecordBatch, bool]]:
    """Yield a batch in slices, each with whether it is one row of more than ``largest`` bytes.

    A few bytes of a file can be a gigabyte of text, of which each row has the same.

    Args:
        batch: what is cut.
        rows: number of rows that no slice has more of.
        largest: bytes of the largest row that is to be read.
    """
    repeats = any(_repeats(kind) for kind in batch.schema.types)
    for offset in range(0, batch.num_rows, _SIZED_ROWS):
        part = batch.slice(offset, _SIZED_ROWS)
        if not repeats and part.nbytes <= SLICE_BYTES:
            yield from ((part.slice(at, rows), False) for at in range(0, part.num_rows, rows))
            continue
        sizes = _row_sizes(part)
        for start, end in _ranges(sizes, rows):
            yield part.slice(start, end - start), sizes[start] > largest


def _ranges(sizes: list[int], rows: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of at most ``rows`` rows and ``SLICE_BYTES``, or of one row that is larger."""
    start = total = 0
    for index, size in enumerate(sizes):
        if index > start and (total + size > SLICE_BYTES or index - start == rows):
            yield start, index
            start, total = index, 0
        total += size
    if sizes:
        yield start, len(sizes)


def _row_sizes(batch: pa.RecordBatch) -> list[int]:
    total = _constant(batch.num_rows, 0)
    for column in batch.columns:
        total = pc.add(total, _sizes(column))
    sizes: list[int] = total.to_pylist()
    return sizes


def _repeats(kind: pa.DataType) -> bool:
    """Return whether values of a type can be more than the bytes that hold them."""
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return _repeats(kind.storage_type)
    if (
        types.is_dictionary(kind)
        or types.is_run_end_encoded(kind)
        or types.is_string_view(kind)
        or types.is_binary_view(kind)
        or types.is_list_view(kind)
        or types.is_large_list_view(kind)
        or types.is_null(kind)
    ):
        return True
    return any(_repeats(kind.field(index).type) for index in range(kind.num_fields))


def _sizes(array: Any) -> Any:
    """Return the bytes of each value: of text its length, of nested values those they hold."""
    kind, types = array.type, pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return _sizes(array.storage)
    if types.is_string_view(kind) or types.is_binary_view(kind):
        return _valid(array, _view_lengths(array))
    if types.is_dictionary(kind):
        return _or_zero(_sizes(array.dictionary).take(array.indices))
    if types.is_run_end_encoded(kind):
        runs = pa.RunEndEncodedArray.from_arrays(array.run_ends, _sizes(array.values))
        return pc.run_end_decode(runs.slice(array.offset, len(array)))
    if types.is_struct(kind):
        total = _constant(len(array), _VALUE_BYTES)
        for index in range(kind.num_fields):
            total = pc.add(total, _sizes(array.field(index)))
        return total
    if types.is_list_view(kind) or types.is_large_list_view(kind):
        ends = pc.add(_long(array.offsets), _long(array.sizes))
        return _valid(array, _between(_sizes(array.values), _long(array.offsets), ends))
    if types.is_fixed_size_list(kind):
        starts = [(array.offset + index) * kind.list_size for index in range(len(array) + 1)]
        return _spans(array, array.values, pa.array(starts, pa.int64()))
    if types.is_list(kind) or types.is_large_list(kind) or types.is_map(kind):
        return _spans(array, array.values, _long(array.offsets))
    try:
        return _or_zero(_long(pc.binary_length(array)))
    except pa.ArrowNotImplementedError:
        return _constant(len(array), _VALUE_BYTES)  # numbers, times


def _spans(array: Any, held: Any, offsets: Any) -> Any:
    """Return the bytes of lists, each of which begins where the one before it ends."""
    first, last = offsets[0].as_py(), offsets[-1].as_py()
    offsets = pc.subtract(offsets, first)
    sizes = _sizes(held.slice(first, last - first))
    return _valid(array, _between(sizes, offsets[:-1], offsets[1:]))


def _between(sizes: Any, starts: Any, ends: Any) -> Any:
    held = pc.cumulative_sum(pc.add(sizes, _VALUE_BYTES))
    sums = pa.concat_arrays([_constant(1, 0), held])
    return pc.subtract(sums.take(ends), sums.take(starts))


def _view_lengths(array: Any) -> Any:
    # A view is four numbers of 32 bits, the first of which is its length.
    count = array.offset + len(array)
    numbers = pa.Array.from_buffers(pa.int32(), 4 * count, [None, array.buffers()[1]])
    views = pa.FixedSizeListArray.from_arrays(numbers, 4)
    return _long(pc.list_element(views, 0)[array.offset :])


def _valid(array: Any, sizes: Any) -> Any:
    return pc.if_else(array.is_valid(), sizes, pa.scalar(0, pa.int64()))


def _or_zero(sizes: Any) -> Any:
    return pc.fill_null(sizes, 0)


def _long(array: Any) -> Any:
    return array.cast(pa.int64())


def _constant(count: int, value: int) -> Any:
    return pa.repeat(pa.scalar(value, pa.int64()), count)
