"""Is a run folder what its manifest says? Every file, every count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from bt_augment.errors import RunFolderError
from bt_augment.shards.atomic import sha256_of
from bt_augment.shards.manifest import (
    Manifest,
    ShardEntry,
    UnitEntry,
    read_manifest,
    total,
    unbalanced,
)
from bt_augment.shards.run_folder import QUARANTINE, read_run
from bt_augment.shards.store import REJECTED, SPLITS, TRAIN, read_shard


@dataclass(frozen=True)
class Verification:
    """What was checked, and what is wrong; the folder is sound when ``problems`` is empty."""

    shards: int
    rows: int
    problems: tuple[str, ...]


def verify(folder: Path) -> Verification:
    """Check a finished run: files whole and unchanged, books balanced.

    Memory holds one shard.

    Raises:
        RunFolderError: the folder is no finished run, or its manifest is damaged.
    """
    manifest = read_manifest(folder)
    run = read_run(folder)
    problems: list[str] = []
    for unit in manifest.units:
        problems += _unit_problems(folder, unit)
    problems += _strays(folder, manifest)
    problems += _books(folder, manifest, run)
    shards = [entry for unit in manifest.units for entry in unit.files.values()]
    return Verification(len(shards), sum(entry.rows for entry in shards), tuple(problems))


def check_shard(folder: Path, entry: ShardEntry) -> str | None:
    """Return what is wrong with a shard, or None.

    Args:
        folder: the run folder.
        entry: what the manifest says of it.
    """
    pure = PurePosixPath(entry.path)
    path = folder / entry.path
    if pure.is_absolute() or ".." in pure.parts or path.is_symlink():
        return f"{entry.path}: leads out of the run folder"
    if not path.is_file():
        return f"{entry.path}: is missing"
    size = path.stat().st_size
    if size != entry.bytes:
        return f"{entry.path}: has {size} bytes instead of {entry.bytes}; it was cut or changed"
    if sha256_of(path) != entry.sha256:
        return f"{entry.path}: its SHA-256 differs from the manifest's; it was changed"
    try:
        rows = read_shard(path).num_rows
    except RunFolderError as error:
        return str(error)
    if rows != entry.rows:
        return f"{entry.path}: holds {rows} rows instead of {entry.rows}"
    return None


def _unit_problems(folder: Path, unit: UnitEntry) -> Iterator[str]:
    for split in SPLITS:
        if split not in unit.files:
            yield f"unit {unit.unit}: the manifest names no {split} shard"
            continue
        problem = check_shard(folder, unit.files[split])
        if problem:
            yield problem
    if unit.accepted + unit.rejected != unit.candidates:
        yield (
            f"unit {unit.unit}: {unit.candidates} candidates, but {unit.accepted} accepted and "
            f"{unit.rejected} rejected"
        )


def _strays(folder: Path, manifest: Manifest) -> Iterator[str]:
    known = {entry.path for unit in manifest.units for entry in unit.files.values()}
    for split in SPLITS:
        for path in sorted((folder / split).glob("*.arrow")):
            if f"{split}/{path.name}" not in known:
                yield f"{split}/{path.name}: is not in the manifest"
        for name in ("state.json", "dataset_info.json"):
            if not (folder / split / name).is_file():
                yield f"{split}/{name}: is missing"
    if not (folder / "dataset_dict.json").is_file():
        yield "dataset_dict.json: is missing"


def _books(folder: Path, manifest: Manifest, run: Mapping[str, Any]) -> Iterator[str]:
    totals = manifest.totals
    sums = total(manifest.units, quarantined=totals.quarantined, left_out=totals.left_out)
    for name in ("native", "candidates", "accepted", "rejected", "native_rejected"):
        if getattr(sums, name) != getattr(totals, name):
            yield f"totals.{name} is {getattr(totals, name)}, the units add up to {getattr(sums, name)}"
    recipe = run["recipe"]
    candidates = recipe["translation"]["decoding"]["candidates"]
    yield from unbalanced(totals, len(recipe["routes"]), candidates)
    native = totals.native if recipe["output"]["native"] else 0
    for split, expected in (
        (TRAIN, native - totals.native_rejected + totals.accepted),
        (REJECTED, totals.native_rejected + totals.rejected),
    ):
        rows = sum(unit.files[split].rows for unit in manifest.units if split in unit.files)
        if rows != expected:
            yield f"{split}: {rows} rows, but the totals say {expected}"
    lines = _lines(folder / QUARANTINE)
    if lines != totals.quarantined:
        yield f"{QUARANTINE}: {lines} records, but the totals say {totals.quarantined}"


def _lines(path: Path) -> int:
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        return sum(1 for _ in file)
