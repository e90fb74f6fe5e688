"""The first part of a run, done once whoever comes first: the folder taken, the input read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import zip_longest

from bt_augment.errors import InputError, ModelError, RecipeError
from bt_augment.generation.ingestion import ingest, is_read
from bt_augment.generation.preparation import Prepared, check_routes
from bt_augment.generation.rehearsal import rehearse
from bt_augment.generation.rejoining import discard_unsound, rejoin
from bt_augment.generation.replacement import Replacement
from bt_augment.generation.request import Generation
from bt_augment.generation.scored_store import holds_scored_units
from bt_augment.generation.shard_claims import working_shards
from bt_augment.pairs.readers import fingerprint
from bt_augment.pairs.readers.detect import on_hub
from bt_augment.progress import Progress
from bt_augment.shards.manifest import Ingested
from bt_augment.shards.run_folder import RunFolder


def begin(
    request: Generation,
    folder: RunFolder,
    prepared: Prepared,
    progress: Progress,
    replacement: Replacement,
    *,
    judged: bool,
) -> Ingested | None:
    """Make the folder this run's and read the input into units, or find both done.

    Args:
        request: what to generate.
        folder: the run folder, claimed.
        prepared: of the request.
        progress: told of what is read.
        replacement: begins the run.
        judged: whether units are judged next, which takes the index of duplicates whole: it is
            read from end to end, and what it lacks entered.

    Returns:
        What was read, or None where the run is finished.

    Raises:
        RunFolderError: the folder holds something else.
        InputError: the input cannot be used, or a route applies to none of it.
        StorageError: the disk or the store refused.
    """
    if request.overwrite and folder.holds_run:
        prepared.open_engine(request)  # what it lacks is told before anything is removed
        rehearse(request, prepared, progress)
    replacement.begin(folder, prepared.identity)
    if folder.finished:
        return None
    progress.start("read", prepared.settings.limit)
    recipe = request.recipe
    if judged or not is_read(folder):
        discard_unsound(folder)
    with abandoned_where_nothing_is_made(folder):
        ingested = ingest(
            folder,
            request.inputs,
            prepared.settings,
            recipe.output.unit_rows,
            progress,
            prepared.copies,
            partial(_refuse_changed, request, prepared),
            prepared.revisions,
        )
        check_routes((*recipe.routes, *prepared.work.switches), ingested.languages)
    if judged:
        routes = [*map(str, recipe.routes), *map(str, prepared.work.switches)]
        rejoin(folder, ingested.units, routes)
    return ingested


@contextmanager
def abandoned_where_nothing_is_made(folder: RunFolder) -> Iterator[None]:
    """Give up a run that cannot go on as it was asked for, unless a unit of it is made.

    Else the mended input, recipe or model would be refused as another run's.

    Args:
        folder: claimed, and this run's.
    """
    try:
        yield
    except (InputError, ModelError, RecipeError):
        if not holds_scored_units(folder.path) and not working_shards(folder):
            folder.abandon()
        raise


def _refuse_changed(request: Generation, prepared: Prepared) -> None:
    """Refuse what was read from files that are not those which the run's identity names."""
    copied, settings = prepared.copies, prepared.settings
    files = [text for text in request.inputs if text in copied or not on_hub(text, settings)]
    now = fingerprint(files, settings, copied) if files else []
    known = [entry for entry in prepared.identity["inputs"] if "sha256" in entry]
    for before, after in zip_longest(known, now):
        if before != after:
            name = (before or after)["path"]
            raise InputError(f"{name}: was changed while it was read; run the same command again")
