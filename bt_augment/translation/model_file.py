"""The binary file of a CTranslate2 model: where its variables lie."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO

from bt_augment.errors import ModelError

_KNOWN_VERSIONS = (5, 6)  # ctranslate2/specs/model_spec.py: CURRENT_BINARY_VERSION

FLOAT32, INT8 = 0, 1  # numbers of types: _dtype_to_type_id there
_BYTES = {FLOAT32: 4, INT8: 1}


@dataclass(frozen=True)
class Variable:
    """An array in the file.

    Attributes:
        shape: rows first.
        data_type: number of its type, such as ``FLOAT32`` or ``INT8``.
        span: its first byte in the file, and the byte after its last.
    """

    shape: tuple[int, ...]
    data_type: int
    span: tuple[int, int]


def read_variables(path: Path) -> dict[str, Variable] | None:
    """Return the variables by name, or None for a version of the layout that is not known here.

    Values are skipped, not read.

    Raises:
        ModelError: the file is missing, is no file (a pipe would be waited for), or ends before
            what its headers announce.
    """
    if path.exists() and not path.is_file():
        raise ModelError(f"{path}: is not a file; get or convert the model again")
    try:
        with path.open("rb") as file:
            return _walk(file, path.stat().st_size)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: is missing; it is not a CTranslate2 model folder") from error
    except (OSError, EOFError, UnicodeDecodeError, struct.error) as error:
        raise ModelError(f"{path}: is cut off or damaged; get or convert it again") from error


def _walk(file: BinaryIO, size: int) -> dict[str, Variable] | None:
    (version,) = _read(file, "<I")
    if version not in _KNOWN_VERSIONS:
        return None
    _read_string(file)
    _, count = _read(file, "<II")
    variables = {}
    for _ in range(count):
        name = _read_string(file).decode()
        (rank,) = _read(file, "<B")
        shape = _read(file, f"<{rank}I")
        data_type, num_bytes = _read(file, "<BI")
        if data_type in _BYTES and num_bytes != prod(shape) * _BYTES[data_type]:
            raise EOFError
        start = file.tell()
        variables[name] = Variable(shape, data_type, (start, start + num_bytes))
        if file.seek(num_bytes, os.SEEK_CUR) > size:
            raise EOFError
    (aliases,) = _read(file, "<I")
    for _ in range(2 * aliases):
        _read_string(file)
    return variables


def _read(file: BinaryIO, layout: str) -> tuple[int, ...]:
    return struct.unpack(layout, file.read(struct.calcsize(layout)))


def _read_string(file: BinaryIO) -> bytes:
    (length,) = _read(file, "<H")
    text = file.read(length)
    if not length or len(text) < length:  # of a sparse file thousands of millions have no length
        raise EOFError
    return text.rstrip(b"\0")
