"""The row: one Arrow schema from reader to trainer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bt_augment.errors import RecipeError

NATIVE = "native"
TRANSLATION = "translation"
ROUND_TRIP = "round_trip"
PIVOT = "pivot"
CODE_SWITCH = "code_switch"
METHODS = (NATIVE, TRANSLATION, ROUND_TRIP, PIVOT, CODE_SWITCH)

NOT_LOCATED = -1  # the ``start`` of an answer that was not found in its passage

ANSWER_TYPE = pa.struct([("text", pa.string()), ("start", pa.int32())])


def native_schema() -> pa.Schema:
    """Return the columns that a reader fills: a native pair, before any route."""
    return pa.schema(
        [
            ("id", pa.string()),
            ("group_id", pa.string()),
            ("question", pa.string()),
            ("passage", pa.string()),
            ("question_lang", pa.string()),
            ("passage_lang", pa.string()),
            ("title", pa.string()),
            ("answers", pa.list_(ANSWER_TYPE)),
        ]
    )


def row_schema(score_names: Sequence[str]) -> pa.Schema:
    """Return the schema of a run's rows.

    Args:
        score_names: full names of all filter scores (``family.score``); each becomes a nullable
            float32 field of the ``scores`` struct, in this order.
    """
    return pa.schema(
        [
            ("id", pa.string()),
            ("source_id", pa.string()),
            ("group_id", pa.string()),
            ("question", pa.string()),
            ("passage", pa.string()),
            ("question_lang", pa.string()),
            ("passage_lang", pa.string()),
            ("title", pa.string()),
            ("answers", pa.list_(ANSWER_TYPE)),
            ("method", pa.string()),
            ("route", pa.list_(pa.string())),
            ("pivot_question", pa.string()),
            ("pivot_passage", pa.string()),
            ("models", pa.list_(pa.string())),
            ("scores", pa.struct([(name, pa.float32()) for name in score_names])),
            ("reject_reasons", pa.list_(pa.string())),
        ]
    )


def made_schema() -> pa.Schema:
    """Return the columns of a made row before it is scored: the row without its verdict."""
    return pa.schema([f for f in row_schema(()) if f.name not in ("scores", "reject_reasons")])


def batch_from_rows(rows: Iterable[dict[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    """Return one record batch of ``rows``; absent keys become null.

    Raises:
        RecipeError: a column holds more text than Arrow puts in one batch.
    """
    rows = list(rows)
    arrays = [pa.array([row.get(f.name) for row in rows], type=f.type) for f in schema]
    for field, array in zip(schema, arrays, strict=True):
        if isinstance(array, pa.ChunkedArray):
            raise _too_long(len(rows), f"the column {field.name}")
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def taken(
    batches: Sequence[pa.RecordBatch], rows: npt.NDArray[np.int64] | None = None
) -> pa.RecordBatch:
    """Return the rows of batches, or some of them in any order, as one.

    Args:
        batches: one or more of one schema.
        rows: of all batches, from 0; None is all.

    Raises:
        RecipeError: a column holds more text than Arrow puts in one batch.
    """
    try:
        joined = batches[0] if len(batches) == 1 else pa.concat_batches(list(batches))
        return joined if rows is None else joined.take(pa.array(rows, type=pa.int64()))
    except pa.ArrowInvalid as error:  # its offsets overflow
        count = sum(batch.num_rows for batch in batches) if rows is None else len(rows)
        raise _too_long(count, "a column") from error


def _too_long(rows: int, column: str) -> RecipeError:
    return RecipeError(
        f"output.unit_rows: {column} of {rows:,} rows has more than 2 GiB of text; set it lower"
    )
