"""Is a run folder what its manifest says? Every file, every count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bt_augment.errors import RunFolderError
from bt_augment.pairs.schema import NATIVE
from bt_augment.shards.atomic import json_of, read_errors, sha256_of
from bt_augment.shards.links import own_file
from bt_augment.shards.manifest import (
    MANIFEST,
    Manifest,
    ShardEntry,
    UnitEntry,
    read_manifest,
    run_problem,
    unbalanced,
    unsummed,
)
from bt_augment.shards.row_check import row_problem
from bt_augment.shards.run_folder import QUARANTINE, read_run
from bt_augment.shards.store import SPLITS, TRAIN, file_problem, index_files, read_shard

_STRAY = "is not in the manifest"
_LISTED = 5  # damaged shards named in one message
_CHUNK = 1 << 20  # bytes


@dataclass(frozen=True)
class Verification:
    """What was checked, and what is wrong; the folder is sound when ``problems`` is empty."""

    shards: int
    rows: int
    problems: tuple[str, ...]

    def told(self, limit: int | None = None) -> str:
        """Return the problems, so many at most, one a line, and in another what mends them."""
        listed = "".join(f"  {problem}\n" for problem in self.problems[:limit])
        if all(problem.endswith(_STRAY) for problem in self.problems):
            return f"{listed}The rest is sound: remove what is not in the manifest"
        return f"{listed}Restore it from a copy, or make it again with --overwrite"


def verify(folder: Path | str) -> Verification:
    """Check a finished run: files whole and unchanged, books balanced.

    Memory holds one shard.

    Args:
        folder: the run folder.

    Raises:
        RunFolderError: the folder is no finished run, or its manifest is damaged.
        StorageError: the disk does not give a file.
    """
    folder = Path(folder)
    manifest = read_manifest(folder, checked=False)  # what is wrong is named below
    run = read_run(folder)
    problems: list[str] = []
    for unit in manifest.units:
        problems += _unit_problems(folder, unit, run["recipe"]["output"]["native"])
    if not problems:
        problems += _index_problems(folder, manifest)
    if problem := run_problem(folder, manifest):
        problems.append(problem)
    problems += _strays(folder, manifest)
    problems += _books(folder, manifest, run)
    shards = [entry for unit in manifest.units for entry in unit.files.values()]
    return Verification(len(shards), sum(entry.rows for entry in shards), tuple(problems))


def quarantine_problem(folder: Path, manifest: Manifest) -> str | None:
    """Return in what the quarantine is not as it was when the run was finished, or None.

    Args:
        folder: a finished run.
        manifest: of it; one that says nothing of the quarantine's bytes has its records counted.

    Raises:
        StorageError: the disk does not give it.
    """
    path = own_file(folder, QUARANTINE)
    with read_errors(path):
        return _quarantine_problem(path, manifest)


def _quarantine_problem(path: Path, manifest: Manifest) -> str | None:
    lines = _lines(path)
    if lines != manifest.totals.quarantined:
        return f"{QUARANTINE}: {lines} records, but the totals say {manifest.totals.quarantined}"
    noted = manifest.quarantine_sha256
    if noted is not None and not path.is_file():  # it is there, and empty, where all can be read
        return f"{QUARANTINE}: is missing"
    if noted is None or noted == sha256_of(path):
        return None
    return f"{QUARANTINE}: its SHA-256 differs from the manifest's; it was changed"


def check_shard(folder: Path, entry: ShardEntry) -> str | None:
    """Return what is wrong with a shard, or None.

    Args:
        folder: the run folder.
        entry: what the manifest says of it.

    Raises:
        StorageError: the disk does not give it.
    """
    if problem := file_problem(folder, entry):
        return problem
    try:
        table = read_shard(folder / entry.path)
    except RunFolderError as error:
        return str(error).replace(str(folder / entry.path), entry.path)  # as all problems name it
    if table.num_rows != entry.rows:
        return f"{entry.path}: holds {table.num_rows} rows instead of {entry.rows}"
    problem = row_problem(table)
    return problem and f"{entry.path}: {problem}"


def sound_shards(folder: Path, split: str) -> list[ShardEntry]:
    """Return the shards of a split of a finished run, each checked against the manifest.

    Raises:
        RunFolderError: the folder is no finished run, or a shard was changed, cut or lost.
        StorageError: the disk does not give one.
    """
    entries = [unit.files[split] for unit in read_manifest(folder).units]
    damaged = [problem for entry in entries if (problem := check_shard(folder, entry))]
    if damaged:
        listed = "\n".join(f"  {problem}" for problem in damaged[:_LISTED])
        raise RunFolderError(
            f"{folder}: is damaged:\n{listed}\nRestore it from a copy, or make it again with "
            "--overwrite"
        )
    return entries


def _unit_problems(folder: Path, unit: UnitEntry, native: bool) -> Iterator[str]:
    damaged = [p for entry in unit.files.values() if (p := check_shard(folder, entry))]
    yield from damaged
    if damaged:
        return
    train, rejected = (read_shard(folder / unit.files[split].path) for split in SPLITS)
    kept, lost = _made(train), _made(rejected)
    reasons = Counter(r for row in lost.column("reject_reasons").to_pylist() for r in row)
    routes: dict[str, dict[str, int]] = {}
    for verdict, table in (("accepted", kept), ("rejected", lost)):
        for tags in table.column("route").to_pylist():
            counts = routes.setdefault(":".join(tags), {"accepted": 0, "rejected": 0})
            counts[verdict] += 1
    native_rejected = rejected.num_rows - lost.num_rows
    natives = train.num_rows - kept.num_rows + native_rejected
    for name, said, found in (
        ("candidates", unit.candidates, kept.num_rows + lost.num_rows),
        ("accepted", unit.accepted, kept.num_rows),
        ("rejected", unit.rejected, lost.num_rows),
        ("native_rejected", unit.native_rejected, native_rejected),
        ("native rows", unit.rows if native else 0, natives),
        ("reasons", unit.reasons, dict(reasons)),
        ("routes", unit.routes, routes),
    ):
        if said != found:
            yield f"unit {unit.unit}: the manifest says {name} {said}, its shards hold {found}"


def _made(rows: pa.Table) -> pa.Table:
    return rows.filter(pc.not_equal(rows.column("method"), NATIVE))


def _strays(folder: Path, manifest: Manifest) -> Iterator[str]:
    known = {entry.path for unit in manifest.units for entry in unit.files.values()}
    for split in SPLITS:
        for path in sorted((folder / split).glob("data-*.arrow")):
            if f"{split}/{path.name}" not in known:
                yield f"{split}/{path.name}: {_STRAY}"


def _index_problems(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Yield what is wrong with the files by which ``datasets`` finds the shards."""
    shards = {split: [unit.files[split] for unit in manifest.units] for split in SPLITS}
    schema = read_shard(folder / shards[TRAIN][0].path).schema
    for name, expected in index_files(schema, shards).items():
        path = own_file(folder, name)
        try:
            content = json_of(path)
        except FileNotFoundError:
            yield f"{name}: is missing"
            continue
        except (OSError, ValueError, RecursionError) as error:
            yield f"{name}: cannot be read ({error})"
            continue
        if content != expected:
            yield f"{name}: was changed; it does not list the shards of the manifest"


def _books(folder: Path, manifest: Manifest, run: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{place} {problem}" for place, problem in unsummed(manifest))
    recipe = run["recipe"]
    candidates = recipe["translation"]["decoding"]["candidates"]
    routes = len(recipe["routes"]) + len(run.get("switches", ()))
    yield from unbalanced(manifest, routes, candidates)
    if problem := quarantine_problem(folder, manifest):
        yield problem
    if manifest.changed:
        yield f"{MANIFEST}: its sha256 is not that of the rest; it was changed"


def _lines(path: Path) -> int:
    if not path.is_file():
        return 0
    count, last = 0, b"\n"
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):  # a line may be of any length, in a file of any origin
            count += chunk.count(b"\n")
            last = chunk[-1:]
    return count + (last != b"\n")
