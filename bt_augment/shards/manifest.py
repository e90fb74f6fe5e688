"""The manifest: what each unit gave, entered only when its files are on the disk.

While a run goes on it is a journal, one JSON line per unit, appended and synced; a line cut off by
a crash is dropped, and its unit made again. The finished run has ``manifest.json``.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bt_augment.errors import RunFolderError
from bt_augment.shards.atomic import storage_errors, write_atomically
from bt_augment.shards.links import own_file

MANIFEST = "manifest.json"
RUN = "run.json"
SCORED = ".work/scored"  # units that jobs of one part made, not yet judged


Split = Annotated[str, Field(pattern="^(train|rejected)$")]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ShardEntry(_Entry):
    """One Arrow file: its path in the run folder, rows, size in bytes and SHA-256."""

    # Nothing else is ever read by way of a manifest: no path leads out of the folder.
    path: str = Field(pattern=r"^(train|rejected)/data-\d{5,}-of-\d{5,}\.arrow$")
    rows: int = Field(ge=0)
    bytes: int = Field(ge=0)
    sha256: str


class UnitEntry(_Entry):
    """What one unit gave.

    Attributes:
        unit: its number, from 0.
        rows: native rows read.
        candidates: rows made.
        accepted: made rows in ``train``.
        rejected: made rows in ``rejected``.
        native_rejected: native rows that overlap a benchmark, and so are in ``rejected``.
        not_applicable: route → native rows that are not in its first language.
        reasons: reject reason → made rows that have it (a row may have several).
        routes: route → accepted and rejected rows.
        seconds: wall-clock time of translating and scoring.
        tokens: target tokens decoded.
        files: split → Arrow file.
    """

    unit: int = Field(ge=0)
    rows: int = Field(ge=0)
    candidates: int = Field(ge=0)
    accepted: int = Field(ge=0)
    rejected: int = Field(ge=0)
    native_rejected: int = Field(ge=0)
    not_applicable: dict[str, int]
    reasons: dict[str, int]
    routes: dict[str, dict[str, int]]
    seconds: float = Field(ge=0)
    tokens: int = Field(ge=0)
    files: dict[Split, ShardEntry] = Field(min_length=2)


class Totals(_Entry):
    """The sums over all units; ``read`` also counts what was quarantined or left out."""

    read: int
    native: int
    quarantined: int
    left_out: int
    candidates: int
    accepted: int
    rejected: int
    native_rejected: int
    not_applicable: int
    reasons: dict[str, int]
    routes: dict[str, dict[str, int]]
    tokens: int
    seconds: float


class Manifest(_Entry):
    """The whole manifest of a finished run.

    Attributes:
        format: of the manifest.
        totals: the sums over all units.
        ingested: what was read, by language.
        run_sha256: of ``run.json``; None in runs of before it was noted.
        units: in order.
    """

    format: int = 1
    totals: Totals
    ingested: dict[str, Any]
    run_sha256: str | None = None
    units: list[UnitEntry]

    def fingerprint(self) -> str:
        """Return the SHA-256 over those of the shards of accepted rows, in hexadecimal digits."""
        digests = "".join(unit.files["train"].sha256 for unit in self.units)
        return hashlib.sha256(digests.encode()).hexdigest()


class Journal:
    """The units that are done, in a file that is only ever appended to."""

    def __init__(self, path: Path) -> None:
        """Read the journal at ``path``, or start an empty one.

        Raises:
            RunFolderError: a line before the last is broken, or units are out of order.
        """
        self.path = path
        self.units: list[UnitEntry] = []
        self._recover()

    def _recover(self) -> None:
        if not self.path.exists():
            return
        data = self.path.read_bytes()
        good = 0
        lines = data.split(b"\n")
        for number, line in enumerate(lines[:-1], start=1):
            try:
                entry = UnitEntry.model_validate_json(line)
            except ValidationError as error:
                if number == len(lines) - 1:
                    break
                raise RunFolderError(
                    f"{self.path}, line {number}: not an entry of a unit. The journal was changed "
                    "by something else; start anew with --overwrite"
                ) from error
            if entry.unit != len(self.units):
                raise RunFolderError(
                    f"{self.path}, line {number}: unit {entry.unit} where {len(self.units)} was "
                    "expected; start anew with --overwrite"
                )
            self.units.append(entry)
            good += len(line) + 1
        if good != len(data):
            with storage_errors(self.path):
                os.truncate(self.path, good)

    def append(self, entry: UnitEntry) -> None:
        """Enter a unit, and return when the disk has it.

        Raises:
            StorageError: the disk refused.
        """
        with storage_errors(self.path), self.path.open("ab") as file:
            file.write(entry.model_dump_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.units.append(entry)

    def confirm(self, entry: UnitEntry) -> None:
        """Check that a unit which was made again is as it was entered.

        Raises:
            RunFolderError: it has other bytes.
        """
        if entry.files != self.units[entry.unit].files:
            raise RunFolderError(
                f"{self.path}: unit {entry.unit} was damaged, and made again it has other bytes: "
                "the machine or a library is not the one it was made with. Start anew with "
                "--overwrite"
            )


def total(units: Sequence[UnitEntry], *, quarantined: int, left_out: int) -> Totals:
    """Return the sums over ``units``."""
    reasons: Counter[str] = Counter()
    routes: dict[str, Counter[str]] = {}
    for unit in units:
        reasons.update(unit.reasons)
        for route, counts in unit.routes.items():
            routes.setdefault(route, Counter()).update(counts)
    native = sum(u.rows for u in units)
    return Totals(
        read=native + quarantined + left_out,
        native=native,
        quarantined=quarantined,
        left_out=left_out,
        candidates=sum(u.candidates for u in units),
        accepted=sum(u.accepted for u in units),
        rejected=sum(u.rejected for u in units),
        native_rejected=sum(u.native_rejected for u in units),
        not_applicable=sum(sum(u.not_applicable.values()) for u in units),
        reasons=dict(reasons.most_common()),
        routes={route: dict(counts) for route, counts in routes.items()},
        tokens=sum(u.tokens for u in units),
        seconds=round(sum(u.seconds for u in units), 3),
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``manifest.json`` atomically."""
    write_json(folder / MANIFEST, manifest.model_dump())


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a finished run.

    Raises:
        RunFolderError: there is none (the folder is no run, or the run did not finish), or it is
            damaged.
    """
    path = own_file(folder, MANIFEST)
    if not path.is_file():
        if not own_file(folder, RUN).is_file():
            raise no_run(folder)
        raise RunFolderError(
            f"{folder}: no {MANIFEST}; this is not a finished run. {_advice(folder)}"
        )
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RunFolderError(
            f"{path}: damaged at {place or 'the start'}: {first['msg']}. Restore the file from a "
            "copy, or make the run again with --overwrite"
        ) from error


def no_run(folder: Path) -> RunFolderError:
    """Return the error for a folder without ``run.json``."""
    if not folder.exists():
        return RunFolderError(f"{folder}: there is no such folder")
    return RunFolderError(
        f"{folder}: is not a run folder (it has no {RUN}); name one that generate or filter wrote"
    )


def _advice(folder: Path) -> str:
    parts = folder / SCORED
    if not parts.is_dir():
        return "Run the same generate command again to finish it"
    made = sum(1 for path in parts.iterdir() if not path.name.startswith("."))
    return (
        f"It holds {made:,} units made by shards, which are not joined yet: when all shards are "
        "done, run the same generate command without --shard"
    )


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` as indented JSON, atomically."""
    write_atomically(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def unbalanced(totals: Totals, routes: int, candidates: int) -> Iterable[str]:
    """Yield each way in which the books do not balance, in words."""
    made = totals.accepted + totals.rejected
    if made != totals.candidates:
        yield f"{totals.candidates} candidates, but {made} accepted or rejected"
    expected = (totals.native * routes - totals.not_applicable) * candidates
    if totals.candidates != expected:
        yield (
            f"{totals.native} native rows x {routes} routes x {candidates} candidates, less "
            f"{totals.not_applicable} where the route does not apply, should give {expected} "
            f"rows, but {totals.candidates} were made"
        )
    if totals.read != totals.native + totals.quarantined + totals.left_out:
        yield (
            f"{totals.read} records read, but {totals.native} native + {totals.quarantined} "
            f"quarantined + {totals.left_out} left out"
        )
