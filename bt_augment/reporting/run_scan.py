"""One pass over the rows of a run: their scores, routes, languages and verdicts, no texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bt_augment.errors import RunFolderError
from bt_augment.filtering.base import ScoreArray
from bt_augment.generation.units import without
from bt_augment.pairs.schema import NATIVE
from bt_augment.shards.manifest import Manifest
from bt_augment.shards.store import REJECTED, SPLITS, TRAIN, read_shard
from bt_augment.shards.verification import check_shard

ACCEPTED = "accepted"

# A page holds a byte or less of each row for each score: 15 MB of scores at most.
MAX_ROWS = 500_000

_COLUMNS = (
    "method", "route", "question_lang", "passage_lang", "scores", "reject_reasons",
)  # fmt: skip
_TEXTLESS = "textless"  # in place of the texts

Languages = tuple[str, str]
Indices = npt.NDArray[np.int64]


@dataclass
class Scan:
    """What the rows of a run say.

    Row i of the arrays is one made row; where a run has more than :data:`MAX_ROWS`, the arrays
    hold a uniform sample of them, and everything else still counts all.

    Attributes:
        made: made rows in the run.
        scores: full name of each judged score → float32 values, NaN where unknown.
        routes: of each row, as the user writes it.
        methods: of each row.
        textless: of each row, whether it lacks a question or a passage: no thresholds accept it.
        strata: of each row, route and first reject reason (or "accepted").
        places: of each row, its shard's number (two a unit: train, rejected) and its place among
            the made rows there. Shape (rows, 2).
        languages: question and passage language → rows that are native, accepted and rejected.
        alone: reject reason → made rows that have no other.
    """

    made: int = 0
    scores: dict[str, ScoreArray] = field(default_factory=dict)
    routes: list[str] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    textless: list[bool] = field(default_factory=list)
    strata: list[tuple[str, str]] = field(default_factory=list)
    places: Indices = field(default_factory=lambda: np.empty((0, 2), dtype=np.int64))
    languages: dict[Languages, Counter[str]] = field(default_factory=dict)
    alone: Counter[str] = field(default_factory=Counter)


def scan(
    folder: Path, manifest: Manifest, names: Sequence[str], most: int = MAX_ROWS, seed: int = 0
) -> Scan:
    """Read the rows of a finished run; memory holds one shard and what is returned.

    Args:
        folder: the run folder.
        manifest: of the run.
        names: full names of the scores wanted.
        most: rows of the arrays at most.
        seed: of the sample where there are more.

    Raises:
        RunFolderError: a shard was changed, cut or lost, or lacks a column.
    """
    found = Scan(made=manifest.totals.candidates)
    chosen = None
    if found.made > most:
        draw = np.random.default_rng(seed)
        chosen = np.sort(draw.choice(found.made, most, replace=False, shuffle=False))
    scores: dict[str, list[ScoreArray]] = {name: [] for name in names}
    places: list[Indices] = []
    before = 0
    for number, split, table in shards(folder, manifest, names):
        _count_languages(found.languages, table, split)
        made = table.filter(pc.not_equal(table.column("method"), NATIVE))
        found.alone.update(_alone(made))
        rows = np.arange(made.num_rows)
        if chosen is not None:
            low, high = np.searchsorted(chosen, [before, before + made.num_rows])
            rows = chosen[low:high] - before
        before += made.num_rows
        places.append(np.stack([np.full(len(rows), number), rows], axis=1))
        kept = made.take(pa.array(rows))
        _add(found, kept, scores)
    found.scores = {name: np.concatenate(parts) for name, parts in scores.items()}
    found.places = np.concatenate(places)
    return found


def shards(
    folder: Path, manifest: Manifest, names: Sequence[str]
) -> Iterator[tuple[int, str, pa.Table]]:
    """Yield the number, split and scanned columns of each shard, checked against the manifest.

    Raises:
        RunFolderError: a shard was changed, cut or lost, or lacks a column.
    """
    for unit in manifest.units:
        for number, split in enumerate(SPLITS):
            entry = unit.files[split]
            problem = check_shard(folder, entry)
            if problem:
                raise RunFolderError(f"{folder}: {problem}. Restore it, or make the run again")
            table = read_shard(folder / entry.path)
            missing = set(_COLUMNS) - set(table.column_names) or set(names) - {
                table.schema.field("scores").type.field(i).name
                for i in range(table.schema.field("scores").type.num_fields)
            }
            if missing:
                raise RunFolderError(
                    f"{folder / entry.path}: was written by another version of bt-augment; it "
                    f"lacks {', '.join(sorted(missing))}. Generate the run again"
                )
            textless = pa.array(without(table, "question") | without(table, "passage"))
            columns = table.select(_COLUMNS).append_column(_TEXTLESS, textless)
            yield 2 * unit.unit + number, split, columns


def _count_languages(languages: dict[Languages, Counter[str]], table: pa.Table, split: str) -> None:
    keys = ["question_lang", "passage_lang"]
    native = pc.equal(table.column("method"), NATIVE).combine_chunks()
    counted = (
        table.select(keys).append_column("native", native)
        .group_by([*keys, "native"]).aggregate([([], "count_all")])
    )  # fmt: skip
    for row in counted.to_pylist():
        kind = NATIVE if row["native"] else ACCEPTED if split == TRAIN else REJECTED
        part = languages.setdefault((row[keys[0]], row[keys[1]]), Counter())
        part[kind] += row["count_all"]


def _alone(made: pa.Table) -> dict[str, int]:
    reasons = made.column("reject_reasons")
    single = reasons.filter(pc.equal(pc.list_value_length(reasons), 1))
    return {
        row["values"]: row["counts"] for row in pc.value_counts(pc.list_flatten(single)).to_pylist()
    }


def _add(found: Scan, rows: pa.Table, scores: dict[str, list[ScoreArray]]) -> None:
    routes = pc.binary_join(rows.column("route"), ":").to_pylist()
    reasons = rows.column("reject_reasons").to_pylist()
    found.routes += routes
    found.methods += rows.column("method").to_pylist()
    found.textless += rows.column(_TEXTLESS).to_pylist()
    found.strata += [
        (route, own[0] if own else ACCEPTED) for route, own in zip(routes, reasons, strict=True)
    ]
    struct = rows.column("scores").combine_chunks()
    for name, parts in scores.items():
        values = pc.struct_field(struct, name).to_numpy(zero_copy_only=False)
        parts.append(values.astype(np.float32))
