"""A scored unit as bytes, and back: Arrow streams under a small JSON header, no pickle.

Layout: 8 bytes of magic, the length of the header (4 bytes, little endian), the header, the
streams whose lengths it names, and the SHA-256 of all that (32 bytes).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from bt_augment.filtering.duplicates import Sketches
from bt_augment.filtering.registry import score_names
from bt_augment.filtering.sketches import SIGNATURE_SIZE
from bt_augment.generation.units import ScoredUnit
from bt_augment.pairs.schema import made_schema
from bt_augment.shards.row_check import row_problem

_MAGIC = b"BTASCORE"
_FORMAT = 1
_LENGTH_BYTES = 4
_DIGEST_BYTES = 32

# Columns beside those of the rows; a score's own column has its full name, which has a dot.
_KEY = "sketch:key"
_LANGUAGE_PAIR = "sketch:language_pair"
_QUESTION = "sketch:question"
_PASSAGE_INDEX = "sketch:passage_index"
_PASSAGE = "sketch:passage"

# What Arrow and JSON raise of bytes that are not theirs.
_UNREADABLE = (
    ValueError, LookupError, TypeError, AttributeError, OSError, RecursionError, OverflowError,
    pa.ArrowException, StopIteration,
)  # fmt: skip


class _Counts(BaseModel):
    """What the header says beside where the streams are."""

    model_config = ConfigDict(strict=True)

    not_applicable: dict[str, NonNegativeInt]
    tokens: NonNegativeInt
    seconds: float = Field(ge=0, allow_inf_nan=False)


class DamagedUnitError(ValueError):
    """Bytes are not, or no longer, those of a scored unit."""


def encode(scored: ScoredUnit, unit: int, run: str) -> bytes:
    """Return a scored unit, its number and a name of its run as bytes."""
    sketches = scored.sketches
    streams = [
        _stream(scored.natives, scored.native_scores),
        _stream(
            scored.made,
            {
                **scored.scores,
                _KEY: sketches.keys,
                _LANGUAGE_PAIR: sketches.language_pairs,
                _QUESTION: sketches.questions,
                _PASSAGE_INDEX: sketches.passage_index,
            },
        ),
        _stream(None, {_KEY: sketches.passage_keys, _PASSAGE: sketches.passages}),
    ]
    header = json.dumps(
        {
            "format": _FORMAT,
            "unit": unit,
            "run": run,
            "streams": [len(stream) for stream in streams],
            "not_applicable": dict(scored.not_applicable),
            "tokens": scored.tokens,
            "seconds": scored.seconds,
        }
    ).encode()
    body = b"".join([_MAGIC, len(header).to_bytes(_LENGTH_BYTES, "little"), header, *streams])
    return body + hashlib.sha256(body).digest()


def decode(data: bytes, unit: int, run: str) -> ScoredUnit:
    """Return the scored unit that :func:`encode` wrote.

    Raises:
        DamagedUnitError: the bytes were cut or changed, are another unit's or run's, or another
            version wrote them.
        MemoryError: there is no room for the unit.
    """
    body, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if not body.startswith(_MAGIC) or hashlib.sha256(body).digest() != digest:
        raise DamagedUnitError("was cut or changed after it was written")
    try:
        return _decoded(body, unit, run)
    except MemoryError:
        raise  # the unit may well be sound
    except _UNREADABLE as error:
        # A digest proves that nothing changed by accident, not who wrote it.
        raise DamagedUnitError(f"is not what a shard writes ({error})") from error


def _decoded(body: bytes, unit: int, run: str) -> ScoredUnit:
    start = len(_MAGIC) + _LENGTH_BYTES
    length = int.from_bytes(body[len(_MAGIC) : start], "little")
    header = json.loads(body[start : start + length])
    if header["format"] != _FORMAT:
        raise DamagedUnitError(f"has format {header['format']}, not {_FORMAT}")
    if header["unit"] != unit:
        raise DamagedUnitError(f"holds unit {header['unit']}, not {unit}")
    if header["run"] != run:
        raise DamagedUnitError("is of another run")
    if start + length + sum(header["streams"]) != len(body):
        raise DamagedUnitError("has streams of other lengths than its header says")
    natives, made, passages = _batches(body, start + length, header["streams"])
    rows, extra = _parted(made)
    own, native_scores = _parted(natives)
    _, kept = _parted(passages)
    sketches = Sketches(
        keys=extra.pop(_KEY),
        language_pairs=extra.pop(_LANGUAGE_PAIR),
        questions=extra.pop(_QUESTION),
        passage_index=extra.pop(_PASSAGE_INDEX).astype(np.intp),
        passage_keys=kept[_KEY],
        passages=kept[_PASSAGE],
    )
    counted = _Counts.model_validate(header)
    _check_rows(own, native_scores)
    _check_rows(rows, extra)
    _check_sketches(sketches, rows.num_rows)
    return ScoredUnit(
        natives=own,
        native_scores=native_scores,
        made=rows,
        scores=extra,
        sketches=sketches,
        not_applicable=counted.not_applicable,
        tokens=counted.tokens,
        seconds=counted.seconds,
    )


def _check_rows(rows: pa.RecordBatch, scores: Mapping[str, npt.NDArray[Any]]) -> None:
    problem = row_problem(pa.Table.from_batches([rows]), made_schema())
    if problem:
        raise DamagedUnitError(problem)
    known = set(score_names())
    for name, values in scores.items():
        if name not in known or values.dtype != np.float32 or values.shape != (rows.num_rows,):
            raise DamagedUnitError(f"has no score by the name of {name!r} for its rows")


def _check_sketches(sketches: Sketches, rows: int) -> None:
    index, passages = sketches.passage_index, len(sketches.passages)
    whole = (
        sketches.keys.shape == sketches.language_pairs.shape == index.shape == (rows,)
        and sketches.passage_keys.shape == (passages,)
        and sketches.questions.shape == (rows, SIGNATURE_SIZE)
        and sketches.passages.shape == (passages, SIGNATURE_SIZE)
        and bool(((index >= 0) & (index < passages)).all())
    )
    keys = (sketches.keys, sketches.language_pairs, sketches.passage_keys)
    kinds = {array.dtype for array in keys} == {np.dtype(np.int64)} and {
        sketches.questions.dtype, sketches.passages.dtype
    } == {np.dtype(np.uint16)}  # fmt: skip
    if not whole or not kinds:
        raise DamagedUnitError("has sketches that are not those of its rows")


def _stream(rows: pa.RecordBatch | None, arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return rows and further columns as one Arrow stream of one batch."""
    columns = {} if rows is None else dict(zip(rows.schema.names, rows.columns, strict=True))
    columns |= {name: _column(values) for name, values in arrays.items()}
    batch = pa.RecordBatch.from_pydict(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def _column(values: npt.NDArray[Any]) -> pa.Array:
    if values.ndim == 1:
        return pa.array(values)  # NaN stays NaN: unknown scores are told apart later
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), SIGNATURE_SIZE)


def _batches(body: bytes, at: int, lengths: Sequence[int]) -> list[pa.RecordBatch]:
    batches = []
    for length in lengths:
        with pa.ipc.open_stream(pa.py_buffer(body[at : at + length])) as reader:
            batch = reader.read_next_batch()
            batch.validate(full=True)  # offsets that lead out of a buffer would crash later
            batches.append(batch)
        at += length
    return batches


def _parted(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, dict[str, npt.NDArray[Any]]]:
    """Return the rows of a batch, and its further columns as arrays."""
    schema = made_schema()
    held = [field for field in schema if field.name in batch.schema.names]
    rows = pa.RecordBatch.from_arrays(
        [batch.column(field.name) for field in held], schema=pa.schema(held)
    )
    return rows, {
        name: _values(column)
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
        if name not in schema.names
    }


def _values(column: pa.Array) -> npt.NDArray[Any]:
    if not pa.types.is_fixed_size_list(column.type):
        values: npt.NDArray[Any] = column.to_numpy(zero_copy_only=False)
        return values
    flat: npt.NDArray[Any] = column.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(-1, SIGNATURE_SIZE)
