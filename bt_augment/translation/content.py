"""Fingerprints of what a step reads: its content, not its place."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from bt_augment.translation.model_folder import fingerprint


def content_of(path: Path, cache: Path) -> str:
    """Return a fingerprint of a file, or of all files in a folder and below it.

    Args:
        path: the file or folder; hidden files, and those in hidden folders, are left out.
        cache: where results are kept until a file's size or time changes.

    Raises:
        ModelError: a file cannot be read.
    """
    if path.is_file():
        return fingerprint(path.parent, cache, [path.name])
    folders = sorted(
        p for p in path.rglob("*") if p.is_dir() and not _is_hidden(p.relative_to(path))
    )
    return digest(
        f"{folder.relative_to(path)} {fingerprint(folder, cache)}" for folder in (path, *folders)
    )


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def digest(parts: Iterable[str]) -> str:
    """Return 16 hexadecimal digits of the SHA-256 over lines of text."""
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
