"""Small disks, and commands for which permissions count."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, kib: int) -> Iterator[Path]:
    """Mount a disk of ``kib`` KiB, where the machine lets us."""
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    arguments = [mount, "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(folder)]
    if subprocess.run(arguments, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def enlarge(disk: Path, kib: int = 256_000) -> None:
    """Give a small disk more room."""
    subprocess.run(["mount", "-o", f"remount,size={kib}k", str(disk)], check=True)


def unprivileged() -> tuple[str, ...]:
    """Return a command prefix under which permissions count, for root too."""
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root writes everywhere, and there is no setpriv to stop it")
    return (setpriv, "--inh-caps=-all", "--bounding-set=-all", "--")
