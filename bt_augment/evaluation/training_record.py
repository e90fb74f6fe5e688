"""What a model was trained on, as the ``training_manifest.json`` beside it says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bt_augment.errors import ModelError, RunFolderError
from bt_augment.languages import normalize_tag, without_region
from bt_augment.pairs.schema import NATIVE
from bt_augment.sentence_encoders import TRAINING_MANIFEST
from bt_augment.shards.atomic import json_of, read_errors, sha256_of
from bt_augment.shards.manifest import Manifest, UnitEntry, read_manifest
from bt_augment.shards.store import SPLITS, TRAIN, rows_of
from bt_augment.translation.model_folder import named_path

_TEXTS = ["question", "passage"]
_COLUMNS = ["id", "source_id", "method", "question_lang", "passage_lang", *_TEXTS]
_SETTINGS = ("alpha", "augmented_share", "batch_size", "seed")
# What two trainings may differ in and yet be of one curve over alpha.
_NOT_SHARED = {"alpha", "seed", "base_model", "device", "report_to", "save_steps"}


@dataclass(frozen=True)
class TrainingRecord:
    """The training of a model.

    Attributes:
        folder: the model's.
        runs: where the run folders may be that it was trained on, each with the fingerprint of
            its rows.
        methods: methods of the rows taken.
        languages: languages of the rows taken; None for all.
        summary: what results carry of it: base model, fingerprints of the runs, methods, rows (in
            all and by method), pairs, steps, alpha, augmented share, batch size and seed, and
            16 hexadecimal digits of the SHA-256 of all settings but alpha, the seed, the base
            model and where it was done.
        earlier: the trainings of its base model, without a summary.
    """

    folder: Path
    runs: tuple[tuple[tuple[Path, ...], str], ...]
    methods: tuple[str, ...]
    languages: tuple[str, ...] | None
    summary: Mapping[str, Any]
    earlier: tuple[TrainingRecord, ...] = ()


def read_training_record(model: str) -> TrainingRecord | None:
    """Return the training of a model; None where no manifest stands beside it.

    Args:
        model: folder or name of the model.

    Raises:
        ModelError: the manifest is damaged, or the weights are not those that it names.
    """
    folder = named_path(model)
    path = folder / TRAINING_MANIFEST
    with read_errors(path):
        if not path.is_file():
            return None
    try:
        content = json_of(path)
        settings, counts = content["settings"], content["counts"]
        _check_weights(folder, dict(content.get("weights", {})))
        return _record(
            folder,
            {**content, "languages": settings["languages"]},
            earlier=tuple(
                _record(folder, training) for training in content.get("earlier_trainings", [])
            ),
            summary={
                "base_model": content["base_model"],
                "runs": [run["fingerprint"] for run in content["runs"]],
                "methods": content["methods"],
                "rows": counts["rows"],
                "rows_by_method": counts["methods"],
                "pairs": counts["pairs"],
                "steps": content["steps"],
                **{name: settings[name] for name in _SETTINGS},
                "settings_digest": _digest(settings),
            },
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(
            f"{path}: cannot be read as a training manifest ({type(error).__name__}: {error}); "
            "train again, or remove it to evaluate without its word"
        ) from error


def _record(
    folder: Path,
    training: Mapping[str, Any],
    summary: Mapping[str, Any] | None = None,
    earlier: tuple[TrainingRecord, ...] = (),
) -> TrainingRecord:
    languages = training["languages"]
    return TrainingRecord(
        folder=folder,
        runs=tuple((_places(run, folder), str(run["fingerprint"])) for run in training["runs"]),
        methods=tuple(training["methods"]),
        languages=None if languages is None else tuple(map(normalize_tag, languages)),
        summary=summary or {},
        earlier=earlier,
    )


def _places(run: Mapping[str, Any], folder: Path) -> tuple[Path, ...]:
    """Return where a run may be: where it was, or where it was as seen from the model."""
    names = [run["folder"], *([run["relative"]] if "relative" in run else [])]
    return (Path(names[0]), *(folder / name for name in names))


def _digest(settings: Mapping[str, Any]) -> str:
    shared = {name: value for name, value in settings.items() if name not in _NOT_SHARED}
    return hashlib.sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()[:16]


def _check_weights(folder: Path, digests: Mapping[str, str]) -> None:
    for name, digest in digests.items():
        if PurePath(name).is_absolute() or ".." in PurePath(name).parts:
            raise ValueError(f"{name!r}, among its weights, leads out of the folder")
        path = folder / name
        with read_errors(path):
            changed = path.is_file() and sha256_of(path) != digest
        if changed:
            raise ModelError(
                f"{path}: was changed since the model was trained. Restore it or train again; if "
                f"it was meant to change, remove {folder / TRAINING_MANIFEST}"
            )


def training_rows(record: TrainingRecord) -> Iterator[pa.Table]:
    """Yield ``question`` and ``passage`` of the rows that a training took, a shard at a time.

    Those held out from its steps are among them, as they may have said when it stops; so are those
    that its base model was trained on, and the native rows that made ones of them were made of,
    whatever their language, where the run has them: what a translation says was known when its
    source was.

    Raises:
        RunFolderError: a run is gone or damaged, or holds other rows than at the training.
    """
    for training in (record, *record.earlier):
        for places, fingerprint in training.runs:
            place, manifest = _found(places, fingerprint)
            for unit in manifest.units:
                table = rows_of(place, unit.files[TRAIN]).select(_COLUMNS)
                taken = table.filter(_taken(table, training))
                yield taken.select(_TEXTS)
                yield from _sources(place, unit, taken, table)


def _found(places: Sequence[Path], fingerprint: str) -> tuple[Path, Manifest]:
    there = [path for path in places if (path / TRAIN).is_dir()]
    if not there:
        raise RunFolderError(f"the training run {places[0]} is no longer there")
    for place in there:
        manifest = read_manifest(place)
        if manifest.fingerprint() == fingerprint:
            return place, manifest
    raise RunFolderError(f"the run {there[0]} holds other rows than at the training")


def _sources(place: Path, unit: UnitEntry, taken: pa.Table, train: pa.Table) -> Iterator[pa.Table]:
    """Yield the native rows of a unit that its made rows were made of, from both splits."""
    made = taken.filter(pc.not_equal(taken.column("method"), NATIVE))
    wanted = made.column("source_id").unique()
    for split in SPLITS:
        if not len(wanted):
            return
        table = train if split == TRAIN else rows_of(place, unit.files[split])
        natives = table.filter(pc.equal(table.column("method"), NATIVE))
        found = natives.filter(pc.is_in(natives.column("id"), wanted))
        yield found.select(_TEXTS)
        wanted = wanted.filter(pc.invert(pc.is_in(wanted, found.column("id").combine_chunks())))


def _taken(table: pa.Table, record: TrainingRecord) -> pa.ChunkedArray:
    wanted = pc.is_in(table.column("method"), pa.array(record.methods, pa.string()))
    if record.languages is not None:
        chosen = {without_region(tag) for tag in record.languages}
        for name in ("question_lang", "passage_lang"):
            held = table.column(name).unique().to_pylist()
            tags = [tag for tag in held if without_region(tag) in chosen]
            wanted = pc.and_(wanted, pc.is_in(table.column(name), pa.array(tags, pa.string())))
    return wanted
