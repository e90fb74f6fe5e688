"""The manifest of a finished run: what each unit gave, and the sums."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from bt_augment.errors import RunFolderError
from bt_augment.shards.atomic import read_errors, sha256_of, write_atomically
from bt_augment.shards.links import own_file

MANIFEST = "manifest.json"
RUN = "run.json"
WORK = ".work"  # what a run needs only until it is finished
SCORED = f"{WORK}/scored"  # units that jobs of one part made, not yet judged
SHARD = r"(train|rejected)/data-\d{5,}-of-\d{5,}\.arrow"  # the path of a shard in the run folder

_FORMAT = 1
_VERDICTS = frozenset({"accepted", "rejected"})


def _by_verdict(counts: dict[str, int]) -> dict[str, int]:
    if counts.keys() != _VERDICTS:
        raise refused("a route has 'accepted' and 'rejected', and nothing else")
    return counts


def _known_format(number: int) -> int:
    if number != _FORMAT:
        raise refused(
            f"it is {number}, and this version of bt-augment reads {_FORMAT} only; it may be of "
            "a newer one"
        )
    return number


def refused(message: str, place: Sequence[int | str] = ()) -> PydanticCustomError:
    """Return what a validator raises: its message is told as it is, of a place within the value."""
    return PydanticCustomError("refused", "{message}", {"message": message, "place": list(place)})


Split = Annotated[str, Field(pattern="^(train|rejected)$")]
# What Arrow and NumPy hold; strict, for Python takes true for 1.
Count = Annotated[int, Field(ge=0, le=2**63 - 1, strict=True)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Routes = dict[str, Annotated[dict[str, Count], AfterValidator(_by_verdict)]]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ShardEntry(_Entry):
    """One Arrow file: its path in the run folder, rows, size in bytes and SHA-256."""

    # Nothing else is ever read by way of a manifest: no path leads out of the folder.
    path: str = Field(pattern=f"^{SHARD}$")
    rows: Count
    bytes: Count
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

    unit: Count
    rows: Count
    candidates: Count
    accepted: Count
    rejected: Count
    native_rejected: Count
    not_applicable: dict[str, Count]
    reasons: dict[str, Count]
    routes: Routes
    seconds: Seconds
    tokens: Count
    files: dict[Split, ShardEntry] = Field(min_length=2)


class Totals(_Entry):
    """The sums over all units; ``read`` also counts what was quarantined or left out."""

    read: Count
    native: Count
    quarantined: Count
    left_out: Count
    candidates: Count
    accepted: Count
    rejected: Count
    native_rejected: Count
    not_applicable: Count
    reasons: dict[str, Count]
    routes: Routes
    tokens: Count
    seconds: Seconds


class Ingested(_Entry):
    """What was read.

    Attributes:
        rows: native rows.
        units: files they are in.
        languages: language tag → rows whose question and passage are both in its language, by the
            tag of the passage.
        quarantined: cause → records.
        left_out: reason → questions, or judgements of BEIR.
        notes: what was mended → records.
    """

    rows: Count
    units: Count
    languages: dict[str, Count]
    quarantined: dict[str, Count]
    left_out: dict[str, Count]
    notes: dict[str, Count]


def _in_order(units: list[UnitEntry]) -> list[UnitEntry]:
    """Refuse units that are not each there once, with shards of their own."""
    if not units:
        raise refused("there is none, and a run has at least one")
    for number, unit in enumerate(units):
        if unit.unit != number:
            raise refused(
                f"it is {unit.unit}, where the units are numbered 0, 1, 2 and so on",
                (number, "unit"),
            )
    for number, unit in enumerate(units):
        for split, entry in unit.files.items():
            path = shard_path(split, number, len(units))
            if entry.path != path:
                raise refused(
                    f"it is {entry.path}, where that of unit {number} of {len(units)} is {path}",
                    (number, "files", split, "path"),
                )
    return units


class Manifest(_Entry):
    """The whole manifest of a finished run.

    Attributes:
        format: of the manifest.
        totals: the sums over all units.
        ingested: what was read.
        run_sha256: of ``run.json``; None in runs of before it was noted.
        quarantine_sha256: of ``quarantine.jsonl``, likewise.
        sha256: of all else that the manifest says, likewise; see :meth:`digest`.
        units: in order.
    """

    format: Annotated[int, AfterValidator(_known_format)] = _FORMAT
    totals: Totals
    ingested: Ingested
    run_sha256: str | None = None
    quarantine_sha256: str | None = None
    sha256: str | None = None
    units: Annotated[list[UnitEntry], AfterValidator(_in_order)]

    def fingerprint(self) -> str:
        """Return the SHA-256 over those of the shards of accepted rows, in hexadecimal digits."""
        digests = "".join(unit.files["train"].sha256 for unit in self.units)
        return hashlib.sha256(digests.encode()).hexdigest()

    def digest(self) -> str:
        """Return the SHA-256 of what it says, the seconds left out: equal runs have the same."""
        said = self.model_dump(
            exclude={"sha256": True, "totals": {"seconds"}, "units": {"__all__": {"seconds"}}}
        )
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    @property
    def changed(self) -> bool:
        """Tell whether it says something else than when it was written."""
        return self.sha256 not in (None, self.digest())


def shard_path(split: str, unit: int, units: int) -> str:
    """Return the path of a unit's shard within the run folder."""
    return f"{split}/data-{unit:05d}-of-{units:05d}.arrow"


def total(units: Sequence[UnitEntry], *, quarantined: int, left_out: int) -> Totals:
    """Return the sums over ``units``."""
    return Totals(**_sums(units, quarantined, left_out))


def unsummed(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Yield each field of the totals that is not the sum over the units, and both in words."""
    totals = manifest.totals
    for name, value in _sums(manifest.units, totals.quarantined, totals.left_out).items():
        said = getattr(totals, name)
        if said != value:
            yield f"totals.{name}", f"is {said}, the units add up to {value}"


def _sums(units: Sequence[UnitEntry], quarantined: int, left_out: int) -> dict[str, Any]:
    reasons: Counter[str] = Counter()
    routes: dict[str, Counter[str]] = {}
    for unit in units:
        reasons.update(unit.reasons)
        for route, counts in unit.routes.items():
            routes.setdefault(route, Counter()).update(counts)
    native = sum(u.rows for u in units)
    return {
        "read": native + quarantined + left_out,
        "native": native,
        "quarantined": quarantined,
        "left_out": left_out,
        "candidates": sum(u.candidates for u in units),
        "accepted": sum(u.accepted for u in units),
        "rejected": sum(u.rejected for u in units),
        "native_rejected": sum(u.native_rejected for u in units),
        "not_applicable": sum(sum(u.not_applicable.values()) for u in units),
        "reasons": dict(reasons.most_common()),
        "routes": {route: dict(counts) for route, counts in routes.items()},
        "tokens": sum(u.tokens for u in units),
        "seconds": round(sum(u.seconds for u in units), 3),
    }


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``manifest.json`` atomically, with its digest."""
    write_json(folder / MANIFEST, {**manifest.model_dump(), "sha256": manifest.digest()})


def read_manifest(folder: Path, *, checked: bool = True) -> Manifest:
    """Return the manifest of a finished run.

    Args:
        folder: the run folder.
        checked: refuse totals that are not the sums over the units, one that was changed, and
            one of another run than ``run.json``.

    Raises:
        RunFolderError: there is none (the folder is no run, or the run did not finish), it is
            damaged, or ``run.json`` is.
        StorageError: the disk does not give it.
    """
    path = own_file(folder, MANIFEST)
    try:
        with read_errors(path):
            manifest = Manifest.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        if not own_file(folder, RUN).is_file():
            raise no_run(folder) from error
        raise RunFolderError(
            f"{folder}: no {MANIFEST}; this is not a finished run. {_advice(folder)}"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        inner = first.get("ctx", {}).get("place", ())
        place = ".".join(str(part) for part in (*first["loc"], *inner))
        raise _damaged(path, place or "the start", first["msg"]) from error
    if checked:
        for place, problem in unsummed(manifest):
            raise _damaged(path, place, problem)
        if manifest.changed:
            raise _damaged(path, "sha256", "it is not that of the rest; the file was changed")
        if (differs := run_problem(folder, manifest)) is not None:
            raise RunFolderError(
                f"{folder}: {differs}. Restore it from a copy, or make the run again with "
                "--overwrite"
            )
    return manifest


def run_problem(folder: Path, manifest: Manifest) -> str | None:
    """Return in what ``run.json`` is not as it was when the run was finished, or None.

    Args:
        folder: a finished run.
        manifest: of it; one that says nothing of ``run.json`` finds nothing.

    Raises:
        RunFolderError: there is no ``run.json``.
    """
    path = own_file(folder, RUN)
    with read_errors(path):
        if not path.is_file():
            raise no_run(folder)
        if manifest.run_sha256 in (None, sha256_of(path)):
            return None
    return f"{RUN}: its SHA-256 differs from the manifest's; it was changed"


def _damaged(path: Path, place: str, problem: str) -> RunFolderError:
    return RunFolderError(
        f"{path}: damaged at {place}: {problem}. Restore the file from a copy, or make the run "
        "again with --overwrite"
    )


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
        return "Run the same command again to finish it"
    made = sum(1 for path in parts.iterdir() if not path.name.startswith("."))
    return (
        f"It holds {made:,} units made by shards, which are not joined yet: when all shards are "
        "done, run the same generate command without --shard"
    )


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` as indented JSON, atomically."""
    write_atomically(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def unbalanced(manifest: Manifest, routes: int, candidates: int) -> Iterable[str]:
    """Yield each way in which the books do not balance, in words."""
    totals = manifest.totals
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
    yield from _unread(manifest)


def _unread(manifest: Manifest) -> Iterator[str]:
    """Yield in what the units are not what was read, which filtering does not change."""
    ingested, totals = manifest.ingested, manifest.totals
    for name, said, found in (
        ("rows", ingested.rows, totals.native),
        ("units", ingested.units, len(manifest.units)),
        ("quarantined", sum(ingested.quarantined.values()), totals.quarantined),
        ("left_out", sum(ingested.left_out.values()), totals.left_out),
    ):
        if said != found:
            yield f"ingested.{name} comes to {said}, but the totals and units to {found}"
    known = sum(ingested.languages.values())
    if known > ingested.rows:
        yield f"ingested.languages come to {known}, more than ingested.rows, {ingested.rows}"
