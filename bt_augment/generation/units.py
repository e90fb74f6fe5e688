"""One unit: native rows to scored candidates, then to judged rows. Pure functions of the unit."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bt_augment.augmentation.made import Augmenter, apply_all
from bt_augment.filtering.base import Filter, ScoreArray
from bt_augment.filtering.cascade import LOW, Threshold, judge
from bt_augment.filtering.contamination import ContaminationFilter
from bt_augment.filtering.duplicates import Sketches, sketch
from bt_augment.filtering.registry import score_batch, score_names
from bt_augment.generation.memory import release
from bt_augment.pairs.candidates import CandidateBatch
from bt_augment.pairs.schema import NATIVE, made_schema, row_schema, taken
from bt_augment.translation.remembering import forget_texts

REASON_COLUMN = "reject_reasons"

_NATIVE_SCORES = frozenset(score.name for score in ContaminationFilter.scores)


@dataclass(frozen=True)
class ScoredUnit:
    """A unit translated and scored; only duplicates, which look at earlier units, are missing.

    Attributes:
        natives: native rows in the made schema.
        native_scores: contamination of the native rows; empty where none was asked for.
        made: candidates.
        scores: full name → values of the made rows.
        sketches: of the made rows.
        not_applicable: route → native rows that are not in its first language.
        tokens: target tokens decoded.
        seconds: wall-clock time taken.
    """

    natives: pa.RecordBatch
    native_scores: Mapping[str, ScoreArray]
    made: pa.RecordBatch
    scores: Mapping[str, ScoreArray]
    sketches: Sketches
    not_applicable: Mapping[str, int]
    tokens: int
    seconds: float


@dataclass(frozen=True)
class JudgedUnit:
    """A unit's rows by split, and what the manifest says of them."""

    train: pa.RecordBatch
    rejected: pa.RecordBatch
    accepted: int
    native_rejected: int
    reasons: Mapping[str, int]
    routes: Mapping[str, Mapping[str, int]]


class UnitMaker:
    """Makes units: translates and scores. May be called from several threads."""

    def __init__(
        self, augmenters: Sequence[Augmenter], filters: Sequence[Filter], wanted: frozenset[str]
    ) -> None:
        """Take what makes rows, the filters and the names of the enabled scores."""
        self._augmenters = augmenters
        self._filters = filters
        self._wanted = wanted

    def make(self, natives: pa.RecordBatch, unit: int) -> ScoredUnit:
        """Return the unit's candidates with their scores."""
        started = time.monotonic()
        made = apply_all(self._augmenters, natives, unit)
        release()  # the engine's buffers, before the filters need room of their own
        scores = score_batch(self._filters, made.batch, self._wanted)
        own = native_rows(natives)
        native_scores: dict[str, ScoreArray] = {}
        for each in self._filters:
            if isinstance(each, ContaminationFilter):
                names = {score.name for score in each.scores} & self._wanted
                native_scores |= each.score(CandidateBatch(own, natives), names)
        sketches = sketch(made.batch.rows)
        forget_texts()
        release()
        return ScoredUnit(
            natives=own,
            native_scores=native_scores,
            made=made.batch.rows,
            scores=scores,
            sketches=sketches,
            not_applicable=made.not_applicable,
            tokens=made.tokens,
            seconds=time.monotonic() - started,
        )


def judge_unit(
    unit: ScoredUnit,
    scores: Mapping[str, ScoreArray],
    thresholds: Sequence[Threshold],
    native: bool,
) -> JudgedUnit:
    """Return the unit's rows by verdict.

    Args:
        unit: from :meth:`UnitMaker.make`.
        scores: all scores of the made rows, duplicates included.
        thresholds: of the enabled scores.
        native: whether ``train`` holds the native rows.
    """
    reasons = judge_made(unit.made, scores, thresholds)
    made = scored_rows(unit.made, scores, reasons)
    native_reasons = judge_natives(unit.native_scores, unit.natives.num_rows, thresholds)
    natives = scored_rows(unit.natives, unit.native_scores, native_reasons)
    return split_rows(natives if native else natives.slice(0, 0), made)


def judge_made(
    made: pa.RecordBatch, scores: Mapping[str, ScoreArray], thresholds: Sequence[Threshold]
) -> list[list[str]]:
    """Return the reject reasons of made rows.

    No threshold, and none at all, accepts a row without a question or a passage, such as those
    of pairs that were too long to be translated: nothing can be learned from it.

    Args:
        made: rows.
        scores: full name → values of the rows.
        thresholds: of the enabled scores.
    """
    reasons = judge(scores, made.column("method").to_pylist(), thresholds)
    accepted = np.array([not of_row for of_row in reasons], dtype=bool)
    for text in ("question", "passage"):
        for row in np.flatnonzero(accepted & without(made, text)):
            reasons[row].append(f"text.{text}_length.{LOW}")
    return reasons


def without(rows: pa.RecordBatch | pa.Table, text: str) -> npt.NDArray[np.bool_]:
    """Return which rows have nothing to read in a column of texts."""
    empty = pc.equal(pc.utf8_trim_whitespace(rows.column(text)), "")
    return np.asarray(empty.to_numpy(zero_copy_only=False), dtype=bool)


def judge_natives(
    scores: Mapping[str, ScoreArray], count: int, thresholds: Sequence[Threshold]
) -> list[list[str]]:
    """Return the reject reasons of native rows, which contamination alone judges.

    Args:
        scores: full name → values of the native rows.
        count: of the native rows.
        thresholds: of the enabled scores.
    """
    own = [
        replace(threshold, methods=frozenset({NATIVE}))
        for threshold in thresholds
        if threshold.score in _NATIVE_SCORES
    ]
    return judge(scores, [NATIVE] * count, own)


def split_rows(natives: pa.RecordBatch, made: pa.RecordBatch) -> JudgedUnit:
    """Return judged rows by split: those without a reject reason are for training."""
    kept, lost = _by_verdict(made)
    native_kept, native_lost = _by_verdict(natives)
    return JudgedUnit(
        train=taken([native_kept, kept]),
        rejected=taken([native_lost, lost]),
        accepted=kept.num_rows,
        native_rejected=native_lost.num_rows,
        reasons=dict(Counter(r for row in lost.column(REASON_COLUMN).to_pylist() for r in row)),
        routes=_by_route(kept, lost),
    )


def native_rows(natives: pa.RecordBatch) -> pa.RecordBatch:
    """Return native rows in the made schema: their own source, on a route of one language."""
    count = natives.num_rows
    columns = {name: natives.column(name) for name in natives.schema.names}
    columns["source_id"] = natives.column("id")
    columns["method"] = pa.array([NATIVE] * count, type=pa.string())
    columns["route"] = pa.array(
        [[tag] for tag in natives.column("question_lang").to_pylist()], type=pa.list_(pa.string())
    )
    columns["models"] = pa.array([[] for _ in range(count)], type=pa.list_(pa.string()))
    schema = made_schema()
    return pa.RecordBatch.from_arrays(
        [columns[f.name] if f.name in columns else pa.nulls(count, f.type) for f in schema],
        schema=schema,
    )


def scored_rows(
    rows: pa.RecordBatch, scores: Mapping[str, ScoreArray], reasons: Sequence[list[str]]
) -> pa.RecordBatch:
    """Return rows with their scores and reject reasons."""
    names = score_names()
    schema = row_schema(names)
    unknown = np.full(rows.num_rows, np.nan, dtype=np.float32)
    fields = [
        pa.array(scores.get(name, unknown), type=pa.float32(), from_pandas=True) for name in names
    ]
    struct_type = schema.field("scores").type
    struct = pa.StructArray.from_arrays(fields, fields=list(struct_type))
    verdicts = pa.array(list(reasons), type=pa.list_(pa.string()))
    return pa.RecordBatch.from_arrays([*rows.columns, struct, verdicts], schema=schema)


def _by_verdict(rows: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    lengths = rows.column(REASON_COLUMN).value_lengths()
    accepted = pc.equal(lengths, 0)
    return rows.filter(accepted), rows.filter(pc.invert(accepted))


def _by_route(kept: pa.RecordBatch, lost: pa.RecordBatch) -> dict[str, dict[str, int]]:
    routes: dict[str, dict[str, int]] = {}
    for verdict, rows in (("accepted", kept), ("rejected", lost)):
        for tags in rows.column("route").to_pylist():
            counts = routes.setdefault(":".join(tags), {"accepted": 0, "rejected": 0})
            counts[verdict] += 1
    return dict(sorted(routes.items()))


def made_order(
    made: pa.RecordBatch, position: Mapping[str, int], routes: Sequence[str]
) -> list[int]:
    """Return the order in which rows were made: by source, route and candidate.

    Args:
        made: made rows of one unit, in any order.
        position: id of a native row → its place in the unit.
        routes: of the run, in its order.
    """
    place = {route: i for i, route in enumerate(routes)}
    keys = [
        (
            position[source],
            place.get(":".join(tags), len(place)),
            int(name.rsplit("/", 1)[-1]),
        )
        for source, tags, name in zip(
            made.column("source_id").to_pylist(),
            made.column("route").to_pylist(),
            made.column("id").to_pylist(),
            strict=True,
        )
    ]
    return sorted(range(len(keys)), key=keys.__getitem__)
