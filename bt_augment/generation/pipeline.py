"""The run: input read once, units made by an engine, judged and written in order."""

from __future__ import annotations

from contextlib import ExitStack, closing

from bt_augment.generation.beginning import abandoned_where_nothing_is_made, begin
from bt_augment.generation.ingestion import read_unit
from bt_augment.generation.memory import rare_collections, settle_memory
from bt_augment.generation.preparation import as_begun, prepare
from bt_augment.generation.replacement import replacing
from bt_augment.generation.request import Generation, Summary
from bt_augment.generation.scored_store import ScoredStore
from bt_augment.generation.shard_claims import refuse_working_shards
from bt_augment.generation.writing import finish_run, finished_summary, write_units
from bt_augment.progress import Progress, Silent


def generate(request: Generation, progress: Progress | None = None) -> Summary:
    """Run the whole of a generation, or the rest of one that was interrupted.

    Units that :func:`~bt_augment.generation.sharding.generate_shard` has left in the folder are
    taken as they are.

    Raises:
        BtAugmentError: anything a user can mend; before any work where it can be known then.
        KeyboardInterrupt: tells how to go on, where it comes before an overwriting run has begun.
    """
    told = progress or Silent()
    settle_memory()
    with replacing(overwrite=request.overwrite) as replacement, ExitStack() as held:
        prepared = prepare(request)
        folder = prepared.folder
        held.enter_context(folder.claimed())
        held.enter_context(rare_collections())
        refuse_working_shards(folder)
        prepared = as_begun(request, prepared)
        ingested = begin(request, folder, prepared, told, replacement, judged=True)
        if ingested is None:
            return finished_summary(folder)
        journal = folder.journal()
        damaged = folder.units_to_remake(journal)
        resumed = len(journal.units) - len(damaged)
        units = [*damaged, *range(len(journal.units), ingested.units)]
        told.start("generate", ingested.rows)
        with (
            abandoned_where_nothing_is_made(folder),
            prepared.open_engine(request) as engine,
            closing(
                ScoredStore(folder.path, folder.run_sha256()).stored_or_made(
                    units, engine, lambda unit: read_unit(folder, unit)
                )
            ) as scored_units,
        ):
            write_units(folder, journal, scored_units, request.recipe, ingested.units, told)
        totals = finish_run(folder, journal, ingested)
        return Summary(folder.out, totals, ingested, resumed, ingested.units)
