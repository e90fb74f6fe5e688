"""Columns of small whole numbers as text that a page can hold: bits, in base64.

A column is its distinct values and, for each row, an index into them of 0, 1, 2, 4, 8 or 16 bits;
within a byte the first row has the highest bits, and 16 bits are little-endian. The reader is
``assets/columns.js``.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import numpy.typing as npt

_WIDTHS = (0, 1, 2, 4, 8, 16)


def pack(column: npt.NDArray[Any]) -> dict[str, Any]:
    """Return a column as JSON: ``values``, ``bits`` and ``data``.

    Args:
        column: whole numbers, shape (rows,), of at most 65,536 distinct values.

    Raises:
        ValueError: there are more.
    """
    values, index = np.unique(column, return_inverse=True)
    width = next((bits for bits in _WIDTHS if len(values) <= 1 << bits), None)
    if width is None:
        raise ValueError(f"{len(values)} distinct values do not fit into 16 bits")
    return {
        "values": [int(value) for value in values],
        "bits": width,
        "data": base64.b64encode(_bits(index, width)).decode(),
    }


def _bits(index: npt.NDArray[Any], width: int) -> bytes:
    if width == 0:
        return b""
    if width >= 8:
        return index.astype("<u2" if width == 16 else "u1").tobytes()
    per_byte = 8 // width
    padded = np.zeros(-(-len(index) // per_byte) * per_byte, dtype=np.uint8)
    padded[: len(index)] = index
    shifts = np.arange(per_byte - 1, -1, -1, dtype=np.uint8) * width
    packed = np.bitwise_or.reduce(padded.reshape(-1, per_byte) << shifts, axis=1)
    return bytes(packed.astype(np.uint8))
