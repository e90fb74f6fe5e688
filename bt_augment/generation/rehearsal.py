"""A look at the whole input before another run is removed for it."""

from __future__ import annotations

from bt_augment.generation.preparation import Prepared, check_routes
from bt_augment.generation.request import Generation
from bt_augment.pairs.readers import Record, Tally, read
from bt_augment.progress import Progress


def rehearse(request: Generation, prepared: Prepared, progress: Progress) -> None:
    """Read the input and keep nothing of it; fails where :func:`begin` would.

    Args:
        request: what to generate.
        prepared: of the request.
        progress: told of what is read.

    Raises:
        InputError: the input cannot be used, or a route applies to none of it.
    """
    tally = Tally()
    progress.start("read", prepared.settings.limit)
    for item in read(request.inputs, prepared.settings, prepared.copies, prepared.revisions):
        tally.add(item)
        if isinstance(item, Record) and tally.records % request.recipe.output.unit_rows == 0:
            progress.advance("read", tally.records)
    tally.check(request.inputs)
    check_routes((*request.recipe.routes, *prepared.work.switches), tally.languages)
