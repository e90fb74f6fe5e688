"""A part of a run made by a job of its own, as an array of batch jobs does without Ray."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bt_augment.errors import InputError, ModelError, RecipeError, RunFolderError
from bt_augment.generation.beginning import abandoned_where_nothing_is_made, begin
from bt_augment.generation.ingestion import read_unit
from bt_augment.generation.memory import rare_collections, release, settle_memory
from bt_augment.generation.preparation import as_begun, prepare
from bt_augment.generation.replacement import Replacement
from bt_augment.generation.request import Generation
from bt_augment.generation.scored_store import ScoredStore
from bt_augment.generation.shard_claims import Shard, claimed_shard
from bt_augment.progress import Progress, Silent
from bt_augment.shards.manifest import read_manifest
from bt_augment.shards.remote.urls import place
from bt_augment.shards.run_folder import RunFolder

logger = logging.getLogger(__name__)

# Reading ten million pairs takes hours; a job that waits longer has been forgotten.
PATIENCE_SECONDS = 12 * 3600.0
_TOLD_EVERY = 60.0
_PATIENCE_TO_ABANDON = 10.0  # seconds; jobs that fail together hold the folder in turns


@dataclass(frozen=True)
class ShardSummary:
    """What a job of one part did.

    Attributes:
        out: the run folder.
        shard: the part.
        units: units of the part.
        resumed: those that were made before.
        run_units: units of the whole run.
        run_made: those that are made by now, by any job.
        finished: the run is whole already.
    """

    out: Path
    shard: Shard
    units: int
    resumed: int
    run_units: int
    run_made: int
    finished: bool = False


def generate_shard(
    request: Generation, shard: Shard, progress: Progress | None = None
) -> ShardSummary:
    """Make the units of one part of a run, and store them in its folder unjudged.

    Jobs of other parts may work in the same folder at the same time, on other machines too where
    these share it. The first one reads the input; the others wait for it. :func:`generate` with
    the same request then judges and writes what all of them made.

    Raises:
        BtAugmentError: anything a user can mend.
    """
    if request.overwrite:
        raise RunFolderError(
            "--overwrite and --shard do not go together: each job would remove what the others "
            f"made. Remove {request.out} first, or choose another --out"
        )
    if isinstance(place(str(request.out)), str):
        raise RunFolderError(
            f"{request.out}: jobs of --shard work in one folder that they share, which an object "
            "store is not; make the shards in a shared folder, or one run without --shard"
        )
    told = progress or Silent()
    settle_memory()
    prepared = prepare(request)
    folder = prepared.folder
    with _left_to_a_mended_run(folder), ExitStack() as held:
        with folder.claimed(patience=PATIENCE_SECONDS, waiting=_Waiting(folder.path)):
            prepared = as_begun(request, prepared)
            replacement = Replacement(overwrite=False)
            ingested = begin(request, folder, prepared, told, replacement, judged=False)
            if ingested is None:
                return _of_finished(folder, shard)
            held.enter_context(claimed_shard(folder, shard))
            held.enter_context(rare_collections())
            written = len(folder.journal().units)
        store = ScoredStore(folder.path, folder.run_sha256())
        own = shard.units(ingested.units)
        missing = [unit for unit in own if unit >= written and unit not in store]
        rows = request.recipe.output.unit_rows
        told.start("generate", _rows(own, ingested.rows, rows))
        done = _rows(own, ingested.rows, rows) - _rows(missing, ingested.rows, rows)
        told.advance("generate", done)
        engine = held.enter_context(prepared.open_engine(request))
        scored_units = held.enter_context(
            closing(engine.scored_units(missing, lambda unit: read_unit(folder, unit)))
        )
        for unit, scored in scored_units:
            store.put(unit, scored)
            release()
            done += scored.natives.num_rows
            told.advance("generate", done)
        made = sum(unit < written or unit in store for unit in range(ingested.units))
        return ShardSummary(
            folder.path, shard, len(own), len(own) - len(missing), ingested.units, made
        )


@contextmanager
def _left_to_a_mended_run(folder: RunFolder) -> Iterator[None]:
    """Give up a run whose jobs cannot go on, once this one has let go of its part.

    Where another job holds the folder by then, the run is left to it.
    """
    try:
        yield
    except (InputError, ModelError, RecipeError):
        if folder.holds_run:
            with (
                suppress(RunFolderError),
                folder.claimed(patience=_PATIENCE_TO_ABANDON),
                abandoned_where_nothing_is_made(folder),
            ):
                raise
        raise


class _Waiting:
    """Tells now and then that the folder is held by another process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next = 0.0

    def __call__(self, seconds: float) -> None:
        if seconds >= self._next:
            self._next = seconds + _TOLD_EVERY
            logger.warning(
                "%s: waiting for another process, which reads the input or writes the run; "
                "%.0f s so far, %.0f h at most",
                self._path,
                seconds,
                PATIENCE_SECONDS / 3600,
            )


def _rows(units: range | list[int], rows: int, unit_rows: int) -> int:
    """Return the native rows of some units; the last of the run may be a short one."""
    return sum(min(unit_rows, rows - unit * unit_rows) for unit in units)


def _of_finished(folder: RunFolder, shard: Shard) -> ShardSummary:
    units = len(read_manifest(folder.path).units)
    own = len(shard.units(units))
    return ShardSummary(folder.path, shard, own, own, units, units, finished=True)
