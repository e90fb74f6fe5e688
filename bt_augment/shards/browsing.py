"""Rows of a finished run to look at, each beside the native row it came from."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bt_augment.errors import RouteError, did_you_mean
from bt_augment.languages import normalize_tag
from bt_augment.pairs.schema import NATIVE
from bt_augment.shards.manifest import UnitEntry, read_manifest
from bt_augment.shards.run_folder import read_run
from bt_augment.shards.store import REJECTED, TRAIN, rows_of
from bt_augment.translation.route import Route

_SEARCHED = ("question", "passage", "pivot_question", "pivot_passage")


@dataclass(frozen=True)
class Example:
    """A made row, and its native row where the run kept it."""

    row: dict[str, Any]
    source: dict[str, Any] | None


def browse(
    folder: Path,
    count: int,
    *,
    skip: int = 0,
    rejected: bool = False,
    reason: str | None = None,
    route: str | None = None,
    pattern: re.Pattern[str] | None = None,
    seed: int | None = None,
) -> list[Example]:
    """Return ``count`` made rows that fit: the first ones, or a random sample.

    Args:
        folder: a finished run.
        count: rows at most.
        skip: fitting rows to pass over first; for the pages after the first one.
        rejected: look among the rejected rows instead of the accepted ones.
        reason: prefix of a reject reason, such as ``fidelity``; implies ``rejected``.
        route: as the user writes it, such as ``en:pt:en``, in any spelling of its tags.
        pattern: found in the question or the passage, in the made, pivot or native text.
        seed: draw a sample, each row as likely as any other, in place of the first rows.

    Raises:
        RunFolderError: the folder is no finished run, or damaged.
        RouteError: it is no route, or none of the run's.
        LanguageError: a tag of it is not BCP-47.
    """
    split = REJECTED if rejected or reason else TRAIN
    route = None if route is None else _route_of(folder, route)
    fitting = (
        example
        for example in examples(folder, split, reason=reason, route=route)
        if pattern is None or any(pattern.search(text) for text in _texts(example))
    )
    if seed is None:
        return list(islice(fitting, skip, skip + count))
    return _sample(fitting, count, seed)


def examples(
    folder: Path, split: str = TRAIN, *, reason: str | None = None, route: str | None = None
) -> Iterator[Example]:
    """Yield the made rows of a split that fit, in the order of the run; one unit in memory.

    Raises:
        RunFolderError: the folder is no finished run, or damaged.
    """
    for unit in read_manifest(folder).units:
        rows = _fitting(folder, unit, split, reason, route)
        if rows:
            natives = native_rows(folder, unit, {row["source_id"] for row in rows})
            for row in rows:
                yield Example(row, natives.get(row["source_id"]))


def native_rows(folder: Path, unit: UnitEntry, wanted: set[str]) -> dict[str, dict[str, Any]]:
    """Return the native rows of a unit whose id is wanted, by id; from both splits."""
    found: dict[str, dict[str, Any]] = {}
    for split in (TRAIN, REJECTED):
        table = rows_of(folder, unit.files[split])
        chosen = pc.and_(
            pc.equal(table.column("method"), NATIVE),
            pc.is_in(table.column("id"), value_set=pa.array(sorted(wanted), type=pa.string())),
        )
        found |= {row["id"]: row for row in table.filter(chosen).to_pylist()}
    return found


def _route_of(folder: Path, text: str) -> str:
    """Return the route of the run that ``text`` names."""
    run = read_run(folder)
    known = [*run["recipe"]["routes"], *run.get("switches", ())]
    if text in known:
        return text
    # A text is switched into several languages at once: en:en+pt+de.
    route = _normal_switch(text) if "+" in text else str(Route.parse(text))
    if route not in known:
        raise RouteError(
            f"{folder}: has no route {route}{did_you_mean(route, known)}; its routes are "
            f"{', '.join(known)}"
        )
    return route


def _normal_switch(text: str) -> str:
    parts = (part.split("+") for part in text.split(":"))
    return ":".join("+".join(map(normalize_tag, tags)) for tags in parts)


def _texts(example: Example) -> Iterator[str]:
    for values in (example.row, example.source or {}):
        for name in _SEARCHED:
            if text := values.get(name):
                yield text


def _sample(rows: Iterator[Example], count: int, seed: int) -> list[Example]:
    """Return a uniform sample in the order of the run (reservoir sampling, Vitter 1985)."""
    draw = random.Random(seed)  # noqa: S311 - a sample to look at, not a secret
    chosen = [(i, example) for i, example in enumerate(islice(rows, count))]
    for i, example in enumerate(rows, start=count):
        place = draw.randrange(i + 1)
        if place < count:
            chosen[place] = (i, example)
    return [example for _, example in sorted(chosen, key=lambda pair: pair[0])]


def _fitting(
    folder: Path, unit: UnitEntry, split: str, reason: str | None, route: str | None
) -> list[dict[str, Any]]:
    table = rows_of(folder, unit.files[split])
    made = table.filter(pc.not_equal(table.column("method"), NATIVE))
    return [
        row
        for row in made.to_pylist()
        if (route is None or ":".join(row["route"]) == route)
        and (reason is None or any(r.startswith(reason) for r in row["reject_reasons"]))
    ]
