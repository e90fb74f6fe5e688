"""Weights in int8 for CPUs that add products of int8 in 16 bits.

Without the VNNI instructions, oneDNN and MKL multiply an activation (0 to 255) by a weight (-127 to
127), add two neighbouring products in 16 bits, and cut off what is above 32,767 (oneDNN, "Nuances
of int8 Computations"). Where weights are large that happens often, and translations suffer. A row
whose neighbours cannot overflow is multiplied exactly, so rows that could are made smaller, and
their scale with them: what OpenVINO calls the overflow fix, with as much of the eighth bit kept as
each row allows.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bt_augment.errors import ModelError
from bt_augment.translation.devices import int8_sums_saturate
from bt_augment.translation.model_file import FLOAT32, INT8, Variable, read_variables

_LARGEST_ACTIVATION = 255
_PAIR_LIMIT = 32_767 // _LARGEST_ACTIVATION  # of two neighbours of the same sign

_OTHER_FILES = ("config.json", "*vocabulary*", "vmap.txt")  # that CTranslate2 reads

_ROWS = 4096  # at a time: a large vocabulary's would take as much memory again


def files_for_cpu(folder: Path) -> dict[str, io.BytesIO] | None:
    """Return the files that CTranslate2 is to load here in place of a folder's own.

    Returns:
        As :func:`eased_files`; None, too, where the CPU adds products of int8 in 32 bits.

    Raises:
        ModelError: as :func:`eased_files`.
    """
    return eased_files(folder) if int8_sums_saturate() else None


def eased_files(folder: Path) -> dict[str, io.BytesIO] | None:
    """Return the files of a model, its rows in int8 eased.

    For the argument ``files`` of CTranslate2's models. While a model is loaded from them it takes
    about three times its size.

    Args:
        folder: a CTranslate2 model.

    Returns:
        File objects by name; None where the model has no weights in int8, or a layout that is not
        known here, and serves as it is.

    Raises:
        ModelError: the weights are missing or damaged, or a file cannot be read.
    """
    weights = folder / "model.bin"
    variables = read_variables(weights) or {}
    rows = [
        (variable, scale)
        for name, variable in variables.items()
        if variable.data_type == INT8
        and len(variable.shape) == 2
        and (scale := variables.get(f"{name}_scale")) is not None
        and (scale.data_type, scale.shape) == (FLOAT32, variable.shape[:1])
    ]
    if not rows:
        return None
    names = {weights, *(path for pattern in _OTHER_FILES for path in folder.glob(pattern))}
    try:
        files = {path.name: io.BytesIO(path.read_bytes()) for path in names if path.is_file()}
    except OSError as error:
        raise ModelError(f"{folder}: cannot be read ({error})") from error
    with files[weights.name].getbuffer() as memory:
        for variable, scale in rows:
            values = _view(memory, variable, np.int8).reshape(variable.shape)
            scales = _view(memory, scale, np.float32)
            for start in range(0, len(values), _ROWS):
                ease(values[start : start + _ROWS], scales[start : start + _ROWS])
            del values, scales  # the buffer cannot be handed on while they look into it
    return files


def ease(weights: npt.NDArray[np.int8], scales: npt.NDArray[np.float32]) -> None:
    """Make rows smaller, in place, until no two neighbours can overflow 16 bits.

    Args:
        weights: (rows, columns), -127 to 127; neighbours are columns 0 and 1, 2 and 3, and so on.
        scales: (rows,), above 0: a weight stands for itself divided by its row's scale.
    """
    wide = weights.astype(np.int16)
    if wide.shape[1] % 2:
        wide = np.pad(wide, ((0, 0), (0, 1)))
    positive = np.maximum(wide, 0)
    negative = positive - wide
    sums = np.maximum(*(part[:, ::2] + part[:, 1::2] for part in (positive, negative)))
    largest = sums.max(axis=1, initial=0)
    over = np.flatnonzero(largest > _PAIR_LIMIT)
    factors = ((_PAIR_LIMIT - 1) / largest[over]).astype(np.float32)  # two roundings add 1 at most
    weights[over] = np.rint(weights[over] * factors[:, None]).astype(np.int8)
    scales[over] *= factors


def _view(memory: memoryview, variable: Variable, data_type: Any) -> npt.NDArray[Any]:
    return np.frombuffer(memory[slice(*variable.span)], dtype=data_type)
