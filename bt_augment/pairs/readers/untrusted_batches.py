"""Record batches of anybody's file: valid in memory, and as Python values row by row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

# Making Python values of a row raises these where the row has text that is not UTF-8, a date or a
# time that Python has no value for, or a time zone that nobody knows.
_VALUE_ERRORS = (pa.ArrowException, ValueError, OverflowError, LookupError)


def checked(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch after checking that its offsets and lengths stay inside its buffers.

    Arrow takes those of a file on trust, and a made-up file could show any memory of the process
    or end it. Text is not checked: what is not UTF-8 costs its row alone.

    Raises:
        pyarrow.ArrowInvalid: the file was made up or damaged.
    """
    for column in batch.columns:
        kind = _without_text(column.type)
        (column if kind == column.type else column.view(kind)).validate(full=True)
    return batch


@contextmanager
def damage() -> Iterator[None]:
    """Let a damaged file raise one kind of error, whatever Arrow makes of it.

    Names of columns that are not UTF-8, lengths beyond all memory and kinds of column that are not
    implemented raise errors of Python's own.

    Raises:
        pyarrow.ArrowException: the file cannot be read, or not further.
    """
    try:
        yield
    except pa.ArrowException:
        raise
    except (*_VALUE_ERRORS, MemoryError, NotImplementedError, TypeError) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise pa.ArrowInvalid(f"it is damaged: {why}") from error


def values(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | Exception]:
    """Yield each row's values, or the error that says why it has none."""
    try:
        yield from batch.to_pylist()
    except _VALUE_ERRORS:
        # Values are checked only when they are made: find the rows that are to blame.
        for index in range(batch.num_rows):
            try:
                yield batch.slice(index, 1).to_pylist()[0]
            except _VALUE_ERRORS as error:
                yield error


def _without_text(kind: pa.DataType) -> pa.DataType:
    """Return a type of the same layout in which text is bytes."""
    plain = {
        pa.string(): pa.binary(),
        pa.large_string(): pa.large_binary(),
        pa.string_view(): pa.binary_view(),
    }
    if kind in plain:
        return plain[kind]
    if pa.types.is_struct(kind):
        return pa.struct([_field_without_text(kind.field(i)) for i in range(kind.num_fields)])
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_field_without_text(kind.value_field), kind.list_size)
    if pa.types.is_large_list(kind):
        return pa.large_list(_field_without_text(kind.value_field))
    if pa.types.is_list(kind):
        return pa.list_(_field_without_text(kind.value_field))
    if pa.types.is_dictionary(kind):
        return pa.dictionary(kind.index_type, _without_text(kind.value_type), kind.ordered)
    return kind


def _field_without_text(field: pa.Field) -> pa.Field:
    return field.with_type(_without_text(field.type))
