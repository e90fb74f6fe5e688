"""Where models run: CPU cores, one GPU or several."""

from __future__ import annotations

import ctypes
import os
import platform
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from bt_augment.errors import ModelError

MAX_WORKERS = 1024  # threads; more than a machine has cores only take memory

Device = str  # ``auto``, ``cpu``, ``cuda``, or ``cuda:0,1``: GPUs by number

# Tokens of a batch by memory of the GPU in GiB. A guess, for no GPU was at hand to measure with;
# translation.decoding.batch_tokens overrides it.
GPU_BATCH_TOKENS = 16384
_BATCH_TOKENS_BY_MEMORY = ((10, 4096), (20, 8192), (60, GPU_BATCH_TOKENS))
_LARGEST_BATCH_TOKENS = 32768

_X86 = frozenset({"x86_64", "amd64", "i386", "i686", "x86"})
_CPU_INFO = Path("/proc/cpuinfo")
_VNNI = frozenset({"avx512_vnni", "avx_vnni"})
_ONEDNN_LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
_BEFORE_VNNI = frozenset({"SSE41", "AVX", "AVX2", "AVX512_CORE"})

_NUMBERED = re.compile(r"cuda:(\d+(?:,\d+)*)")
_CUDA_SUCCESS = 0


def available_cores() -> int:
    """Return the number of CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def int8_sums_saturate() -> bool:
    """Return whether int8 products are added in 16 bits here, which overflow.

    x86 without the VNNI instructions, or told not to use them; a system that does not list its
    CPU's is taken for one.
    """
    if platform.machine().lower() not in _X86:
        return False
    if any(os.environ.get(name, "").upper() in _BEFORE_VNNI for name in _ONEDNN_LIMITS):
        return True
    try:
        flags = set(_CPU_INFO.read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return True
    return not flags & _VNNI


def device_kind(device: Device) -> Literal["auto", "cpu", "cuda"]:
    """Return which kind of device a text names; looks for none.

    Raises:
        ModelError: it is not ``auto``, ``cpu``, ``cuda`` or ``cuda:0,1``.
    """
    if device == "auto":
        return "auto"
    if device == "cpu":
        return "cpu"
    if device == "cuda" or _NUMBERED.fullmatch(device):
        return "cuda"
    raise ModelError(f"--device {device!r}: write auto, cpu, cuda, or GPUs by number as cuda:0,1")


def resolve_device(device: Device) -> Literal["cpu", "cuda"]:
    """Return ``cuda`` or ``cpu``; ``auto`` is the GPU where CTranslate2 sees one.

    Raises:
        ModelError: ``cuda`` was asked for and CTranslate2 sees no such GPU.
    """
    kind = device_kind(device)
    if kind == "cpu":
        return "cpu"
    count = _gpus()
    if kind == "auto":
        return "cuda" if count else "cpu"
    if count == 0:
        raise ModelError(f"--device {device}: CTranslate2 sees no GPU here; use --device cpu")
    gpu_indices(device)
    return "cuda"


def gpu_indices(device: Device) -> tuple[int, ...]:
    """Return the numbers of the GPUs to use: those named, else all that CTranslate2 sees.

    Raises:
        ModelError: one of those named is not there.
    """
    count = _gpus()
    named = _NUMBERED.fullmatch(device)
    if named is None:
        return tuple(range(count))
    indices = tuple(dict.fromkeys(int(number) for number in named[1].split(",")))
    missing = [index for index in indices if index >= count]
    if missing:
        raise ModelError(
            f"--device {device}: there is no GPU {missing[0]}; CTranslate2 sees {count} here, "
            "numbered from 0"
        )
    return indices


def gpu_batch_tokens(indices: Sequence[int]) -> int:
    """Return how many tokens a batch may have, by the memory of the smallest of the GPUs."""
    memories = [memory for index in indices if (memory := gpu_memory(index)) is not None]
    if not memories:
        return GPU_BATCH_TOKENS
    gib = min(memories) / 2**30
    return next((n for limit, n in _BATCH_TOKENS_BY_MEMORY if gib < limit), _LARGEST_BATCH_TOKENS)


def gpu_memory(index: int) -> int | None:
    """Return the memory of a GPU in bytes, or None where NVIDIA's driver does not tell."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    device, size = ctypes.c_int(), ctypes.c_size_t()
    done = (
        driver.cuInit(0) == _CUDA_SUCCESS
        and driver.cuDeviceGet(ctypes.byref(device), index) == _CUDA_SUCCESS
        and driver.cuDeviceTotalMem_v2(ctypes.byref(size), device) == _CUDA_SUCCESS
    )
    if not done:
        return None
    return size.value


def _gpus() -> int:
    import ctranslate2

    count: int = ctranslate2.get_cuda_device_count()
    return count
