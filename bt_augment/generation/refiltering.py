"""A run judged anew, from its stored scores: nothing is translated."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bt_augment.cache import cache_folder, own_environment
from bt_augment.errors import RecipeError, RunFolderError
from bt_augment.filtering.base import ScoreArray
from bt_augment.filtering.registry import score_names
from bt_augment.generation.replacement import Replacement, replacing
from bt_augment.generation.request import Summary
from bt_augment.generation.shard_claims import refuse_working_shards
from bt_augment.generation.units import (
    REASON_COLUMN,
    JudgedUnit,
    judge_made,
    judge_natives,
    made_order,
    split_rows,
)
from bt_augment.generation.writing import finish_run, finished_summary
from bt_augment.names import refuse_impossible
from bt_augment.pairs.schema import NATIVE, row_schema
from bt_augment.progress import Progress, Silent
from bt_augment.recipe import Recipe, load_recipe, needs_benchmark
from bt_augment.settings_file import parse_assignments
from bt_augment.shards.atomic import publish, storage_errors, sync, temporary_name
from bt_augment.shards.links import own_file
from bt_augment.shards.manifest import (
    Manifest,
    Totals,
    UnitEntry,
    read_manifest,
    shard_path,
)
from bt_augment.shards.outputs import refuse_in_run
from bt_augment.shards.provenance import judgements
from bt_augment.shards.remote.mirrored_folder import open_run_folder
from bt_augment.shards.remote.urls import place
from bt_augment.shards.run_folder import QUARANTINE, RunFolder, read_run
from bt_augment.shards.store import (
    REJECTED,
    SPLITS,
    TRAIN,
    read_shard,
    write_shard,
)
from bt_augment.shards.verification import check_shard, quarantine_problem

_EXAMPLE = "filters.fidelity.chrf.min=45"


def refilter(
    source: Path | str,
    out: Path | str,
    recipe: Recipe,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    environment: Mapping[str, str] | None = None,
) -> Summary:
    """Write a new run folder with the verdicts of other thresholds.

    Memory holds one unit. Native rows are judged anew by contamination, where the run asked for it.

    Args:
        source: a finished run folder; it is not changed.
        out: the new run folder, or its URL on an object store.
        recipe: its ``filters`` section decides.
        overwrite: remove what another run left in ``out``.
        progress: told of each unit.
        environment: where the cache is looked up; see :class:`Generation`.

    Raises:
        RunFolderError: ``source`` is damaged, or ``out`` holds something else or lies in a run.
        RecipeError: a score is enabled that the run did not compute.
        InputError: ``out`` is a URL that cannot be written to.
        StorageError: the disk or the store refused.
        KeyboardInterrupt: tells how to go on, where it comes before an overwriting run has begun.
    """
    told = progress or Silent()
    with replacing(overwrite=overwrite) as replacement:
        return _refiltered(
            Path(source),
            out,
            recipe,
            replacement,
            told,
            own_environment() if environment is None else environment,
        )


def _refiltered(
    source: Path,
    out: Path | str,
    recipe: Recipe,
    replacement: Replacement,
    told: Progress,
    environment: Mapping[str, str],
) -> Summary:
    refuse_impossible(source, RunFolderError)
    if isinstance(out, str):
        out = place(out)
    if isinstance(out, Path):
        refuse_in_run(out)
        if out.resolve() == source.resolve():
            raise RunFolderError(f"{out}: is the run itself; choose another --out")
    manifest = read_manifest(source)
    run = read_run(source)
    if problem := quarantine_problem(source, manifest):
        raise RunFolderError(f"{source}: {problem}. Restore it, or make the run again")
    _check_computed(run, recipe)
    folder = open_run_folder(out, cache_folder(environment))
    before = judgements(run)
    identity = {
        **run,
        "recipe": {**run["recipe"], "filters": recipe.resolved()["filters"]},
        **({} if before is None else {"earlier_filters": before}),
        "filtered_from": [entry.sha256 for unit in manifest.units for entry in unit.files.values()],
    }
    with folder.claimed():
        refuse_working_shards(folder)
        if replacement.overwrite and folder.holds_run:
            for unit in manifest.units:
                for split in SPLITS:
                    _read(source, unit, split)
        replacement.begin(folder, identity)
        told.start("filter", manifest.totals.native)
        if folder.finished:
            return finished_summary(folder)
        with storage_errors(folder.path):
            quarantine = own_file(source, QUARANTINE)
            if quarantine.is_file():
                temporary = temporary_name(folder.path / QUARANTINE)
                shutil.copyfile(quarantine, temporary)
                sync(temporary)
                publish(temporary, folder.path / QUARANTINE)
        routes = [*map(str, recipe.routes), *run.get("switches", ())]
        totals, resumed = _judge_units(source, folder, manifest, recipe, routes, told)
    return Summary(folder.out, totals, manifest.ingested, resumed, len(manifest.units))


def stored_recipe(
    folder: Path, recipe_file: Path | None = None, assignments: Sequence[str] = ()
) -> Recipe:
    """Return the recipe of a run with other thresholds.

    Args:
        folder: a run folder.
        recipe_file: a YAML recipe whose ``filters`` replace the run's own.
        assignments: ``KEY=VALUE``, as ``--set`` takes them.

    Raises:
        RunFolderError: the folder is no run.
        RecipeError: the recipe or an assignment is not valid, or an assignment is none of filters.
    """
    run = read_run(folder)
    stored = run["recipe"]
    for key, _ in parse_assignments(assignments, _EXAMPLE):
        section = key.split(".")[0]
        if section != "filters" and section in stored:
            raise RecipeError(
                f"--set {key}: filter judges the pairs of a run anew, so only filters.… settings "
                f"count, such as {_EXAMPLE}; to change {section}, generate again"
            )
    overrides = {key: stored[key] for key in ("routes", "decontaminate")}
    if recipe_file is None:
        overrides["filters"] = stored["filters"]
    recipe = load_recipe(recipe_file, overrides, assignments)
    if recipe_file is None:
        _check_decides(run, dict(parse_assignments(assignments, _EXAMPLE)))
    return recipe


def _check_decides(run: Mapping[str, Any], assigned: Mapping[str, Any]) -> None:
    """Refuse a threshold of a score that is off in the run and stays so."""
    filters = run["recipe"]["filters"]
    for key in assigned:
        parts = key.split(".")
        if len(parts) != 4 or f"{'.'.join(parts[:3])}.enabled" in assigned:
            continue
        _, family, score, _ = parts
        setting = filters.get(family, {}).get(score, {})
        if setting and not setting.get("enabled"):
            name = f"{family}.{score}"
            if not _computed(run, name).get("enabled"):
                raise _not_computed(run, name)
            raise RecipeError(
                f"{key}: {name} is off in this run, so nothing would be decided by it; turn it "
                f"on with --set filters.{name}.enabled=true too"
            )


def _computed(run: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return how the score of a run was set when its rows were made, which no filter changes."""
    family, score = name.split(".", 1)
    filters = (judgements(run) or [run["recipe"]["filters"]])[0]
    found: Mapping[str, Any] = filters.get(family, {}).get(score, {})
    return found


def _check_computed(run: Mapping[str, Any], recipe: Recipe) -> None:
    for name in sorted(recipe.enabled):
        computed = _computed(run, name)
        if not computed.get("enabled"):
            raise _not_computed(run, name)
        for option, value in recipe.filters[name].options.items():
            if computed.get(option) != value:
                raise RecipeError(
                    f"filters.{name}.{option}: the scores of this run were made with "
                    f"{computed.get(option)!r}, not {value!r}; filter only decides by them. "
                    f"Generate again, or leave {option} as it is"
                )


def _not_computed(run: Mapping[str, Any], name: str) -> RecipeError:
    how = f"--set filters.{name}.enabled=true"
    if needs_benchmark(name):
        how = "--decontaminate BENCHMARK=DIR"
    if judgements(run) is None:
        return RecipeError(
            f"filters.{name}: is off in this run, which was filtered by a version of bt-augment "
            "that did not note which scores it holds; filter the run that it was made from, or "
            f"generate again with {how}"
        )
    return RecipeError(
        f"filters.{name}: this run did not compute that score, so nothing can be decided by it. "
        f"Generate again with {how}"
    )


def _judge_units(
    source: Path,
    folder: RunFolder,
    manifest: Manifest,
    recipe: Recipe,
    routes: Sequence[str],
    progress: Progress,
) -> tuple[Totals, int]:
    """Return the totals, and how many units an earlier call had judged."""
    for _ in folder.rejoined(rows=False):
        pass  # entered, which is all that deciding needs
    journal = folder.journal()
    done = sum(unit.rows for unit in journal.units)
    damaged = [manifest.units[unit] for unit in folder.units_to_remake(journal)]
    resumed = len(journal.units) - len(damaged)
    for unit in [*damaged, *manifest.units[len(journal.units) :]]:
        entry = _judged_unit(source, folder, unit, len(manifest.units), recipe, routes)
        if unit.unit < len(journal.units):
            journal.confirm(entry)
            continue
        journal.append(entry)
        done += unit.rows
        progress.advance("filter", done)
    return finish_run(folder, journal, manifest.ingested), resumed


def _judged_unit(
    source: Path,
    folder: RunFolder,
    unit: UnitEntry,
    units: int,
    recipe: Recipe,
    routes: Sequence[str],
) -> UnitEntry:
    """Write a unit's shards with their new verdicts, and return its entry for the manifest."""
    tables = {split: _read(source, unit, split) for split in SPLITS}
    try:
        judged = _judge(tables[TRAIN], tables[REJECTED], recipe, routes)
    except (ValueError, KeyError) as error:  # ids and order that no run has
        raise RunFolderError(
            f"{source}, unit {unit.unit}: its rows are not as generate orders and names them "
            f"({error}); make the run again"
        ) from error
    return unit.model_copy(
        update={
            "accepted": judged.accepted,
            "rejected": unit.candidates - judged.accepted,
            "native_rejected": judged.native_rejected,
            "reasons": dict(judged.reasons),
            "routes": {route: dict(counts) for route, counts in judged.routes.items()},
            "files": {
                split: write_shard(folder.path, shard_path(split, unit.unit, units), rows)
                for split, rows in ((TRAIN, judged.train), (REJECTED, judged.rejected))
            },
        }
    )


def _read(source: Path, unit: UnitEntry, split: str) -> pa.RecordBatch:
    entry = unit.files[split]
    if problem := check_shard(source, entry):
        raise RunFolderError(f"{source}: {problem}. Restore it, or make the run again")
    table = read_shard(source / entry.path)
    schema = row_schema(score_names())
    if table.schema != schema:
        raise RunFolderError(
            f"{source / entry.path}: was written by another version of bt-augment, with other "
            "columns or scores; generate the run again"
        )
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=schema)


def _judge(
    train: pa.RecordBatch, rejected: pa.RecordBatch, recipe: Recipe, routes: Sequence[str]
) -> JudgedUnit:
    rows = pa.concat_batches([train, rejected])
    is_native = pc.equal(rows.column("method"), NATIVE)
    natives = rows.filter(is_native)
    made = rows.filter(pc.invert(is_native))
    position = {name: i for i, name in enumerate(_source_order(train, rejected))}
    places = [position[source] for source in natives.column("source_id").to_pylist()]
    in_order = sorted(range(len(places)), key=places.__getitem__)
    natives = natives.take(pa.array(in_order, type=pa.int64()))
    made = made.take(pa.array(made_order(made, position, routes), type=pa.int64()))
    thresholds = recipe.thresholds
    return split_rows(
        _with_reasons(natives, judge_natives(_scores(natives), natives.num_rows, thresholds)),
        _with_reasons(made, judge_made(made, _scores(made), thresholds)),
    )


def _scores(rows: pa.RecordBatch) -> dict[str, ScoreArray]:
    struct = rows.column("scores")
    return {
        name: struct.field(i).to_numpy(zero_copy_only=False).astype(np.float32)
        for i, name in enumerate(score_names())
    }


def _with_reasons(rows: pa.RecordBatch, reasons: Sequence[list[str]]) -> pa.RecordBatch:
    verdicts = pa.array(list(reasons), type=pa.list_(pa.string()))
    return rows.set_column(rows.schema.get_field_index(REASON_COLUMN), REASON_COLUMN, verdicts)


def _source_order(*splits: pa.RecordBatch) -> list[str]:
    """Return the sources of a unit in an order that agrees with that of the rows of each split.

    Where native rows were left out, splits that share no source may say nothing of their order.
    """
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for rows in splits:
        is_native = pc.equal(rows.column("method"), NATIVE)
        for part in (rows.filter(is_native), rows.filter(pc.invert(is_native))):
            sources = list(dict.fromkeys(part.column("source_id").to_pylist()))
            for source in sources[:1]:
                sorter.add(source)
            for before, after in pairwise(sources):
                sorter.add(after, before)
    return list(sorter.static_order())
