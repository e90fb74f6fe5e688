"""Scored units judged and written in order, and the run made whole."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bt_augment.filtering.duplicates import DuplicateIndex
from bt_augment.filtering.registry import score_names
from bt_augment.generation.ingestion import duplicates_path
from bt_augment.generation.memory import release
from bt_augment.generation.request import Summary
from bt_augment.generation.units import JudgedUnit, ScoredUnit, judge_unit
from bt_augment.pairs.schema import row_schema
from bt_augment.progress import Progress
from bt_augment.recipe import Recipe
from bt_augment.shards.card import write_card
from bt_augment.shards.journal import Journal
from bt_augment.shards.manifest import (
    Ingested,
    Manifest,
    Totals,
    UnitEntry,
    read_manifest,
    shard_path,
    total,
    write_manifest,
)
from bt_augment.shards.run_folder import RunFolder
from bt_augment.shards.store import REJECTED, SPLITS, TRAIN, finish, write_shard


def write_units(
    folder: RunFolder,
    journal: Journal,
    scored_units: Iterable[tuple[int, ScoredUnit]],
    recipe: Recipe,
    units: int,
    progress: Progress,
) -> None:
    """Judge units and write them, each as a whole.

    Args:
        folder: the run folder, claimed.
        journal: of the units done so far; each unit is entered in it.
        scored_units: those of them that are to be made again, and the rest, in order.
        recipe: says what is accepted.
        units: number of all units of the run.
        progress: told of each unit.

    Raises:
        RunFolderError: a unit that was made again has other bytes.
        StorageError: the disk refused.
    """
    done = sum(entry.rows for entry in journal.units)
    progress.advance("generate", done)
    with DuplicateIndex(duplicates_path(folder), folder.run_sha256()) as index:
        for unit, scored in scored_units:
            sources = scored.made.column("source_id").to_pylist()
            scores = {**scored.scores, **index.score(unit, scored.sketches, sources)}
            judged = judge_unit(scored, scores, recipe.thresholds, recipe.output.native)
            entry = _commit(folder.path, unit, units, scored, judged)
            index.add(unit, scored.sketches, sources)
            if unit < len(journal.units):
                journal.confirm(entry)
            else:
                journal.append(entry)
                done += entry.rows
            release()
            progress.advance("generate", done)


def finish_run(folder: RunFolder, journal: Journal, ingested: Ingested) -> Totals:
    """Write what makes the folder a whole run; called when all units are written."""
    totals = total(
        journal.units,
        quarantined=sum(ingested.quarantined.values()),
        left_out=sum(ingested.left_out.values()),
    )
    shards = {split: [u.files[split] for u in journal.units] for split in SPLITS}
    finish(folder.path, row_schema(score_names()), shards)
    write_card(folder.path, totals)
    write_manifest(
        folder.path,
        Manifest(
            totals=totals,
            ingested=ingested,
            units=journal.units,
            run_sha256=folder.run_sha256(),
            quarantine_sha256=folder.quarantine_sha256(),
        ),
    )
    folder.seal()
    return totals


def finished_summary(folder: RunFolder) -> Summary:
    """Return the summary of a run that is whole already."""
    manifest = read_manifest(folder.path)
    folder.discard_work()
    return Summary(
        folder.out,
        manifest.totals,
        manifest.ingested,
        len(manifest.units),
        len(manifest.units),
        finished=True,
    )


def _commit(path: Path, unit: int, units: int, scored: ScoredUnit, judged: JudgedUnit) -> UnitEntry:
    """Write a unit's shards, and return its entry for the manifest."""
    files = {
        TRAIN: write_shard(path, shard_path(TRAIN, unit, units), judged.train),
        REJECTED: write_shard(path, shard_path(REJECTED, unit, units), judged.rejected),
    }
    return UnitEntry(
        unit=unit,
        rows=scored.natives.num_rows,
        candidates=scored.made.num_rows,
        accepted=judged.accepted,
        rejected=scored.made.num_rows - judged.accepted,
        native_rejected=judged.native_rejected,
        not_applicable=dict(scored.not_applicable),
        reasons=dict(judged.reasons),
        routes={route: dict(counts) for route, counts in judged.routes.items()},
        seconds=round(scored.seconds, 3),
        tokens=scored.tokens,
        files=files,
    )
