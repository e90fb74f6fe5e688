"""The pairs that a report shows: some of every kind, side by side, differences marked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bt_augment.languages import without_region
from bt_augment.pairs.schema import CODE_SWITCH, NATIVE, ROUND_TRIP
from bt_augment.pairs.word_diff import Part, word_diff
from bt_augment.reporting.run_scan import Scan
from bt_augment.shards.browsing import native_rows
from bt_augment.shards.manifest import Manifest
from bt_augment.shards.store import SPLITS, read_shard

MAX_CHARACTERS = 3_000  # of a text that is shown: a page of examples stays one that opens at once

_COMPARED = (ROUND_TRIP, CODE_SWITCH)  # in a translation every word differs


@dataclass(frozen=True)
class Version:
    """One version of a text.

    Attributes:
        label: native, pivot or made.
        language: BCP-47 tag.
        parts: the text in parts, each said to be in the other version too.
        left_out: characters at the end that are not shown.
    """

    label: str
    language: str
    parts: list[Part]
    left_out: int


@dataclass(frozen=True)
class Shown:
    """One pair to show.

    Attributes:
        row: its index in the arrays of the scan.
        content: the made row.
        route: as the user writes it.
        texts: for question and passage, its versions.
        answers: of the made row, each once.
        scores: name → value, of those that are known.
    """

    row: int
    content: dict[str, Any]
    route: str
    texts: dict[str, list[Version]]
    answers: list[dict[str, Any]]
    scores: dict[str, float]

    @property
    def reasons(self) -> list[tuple[str, float | None]]:
        """Return the reject reasons, each with the value of its score."""
        return [
            (reason, self.scores.get(reason.rpartition(".")[0]))
            for reason in self.content["reject_reasons"]
        ]


def choose(strata: Sequence[Hashable], count: int, seed: int = 0) -> list[int]:
    """Return the indices of ``count`` rows at most, ascending, as evenly over strata as they allow.

    Strata with fewer rows than their share are taken whole, and the others share the rest.

    Args:
        strata: the stratum of each row.
        count: rows wanted.
        seed: of the draw within each stratum.
    """
    members: dict[Hashable, list[int]] = defaultdict(list)
    for row, stratum in enumerate(strata):
        members[stratum].append(row)
    draw = np.random.default_rng(seed)
    chosen: list[int] = []
    left = min(count, len(strata))
    by_size = sorted(members.values(), key=len)
    for number, rows in enumerate(by_size):
        share = min(len(rows), -(-left // (len(by_size) - number)))
        chosen += draw.choice(rows, share, replace=False).tolist()
        left -= share
    return sorted(chosen)


def examples(folder: Path, manifest: Manifest, scan: Scan, chosen: Sequence[int]) -> list[Shown]:
    """Return the chosen rows of a scanned run with their texts, in the order of the run."""
    return list(_examples(folder, manifest, scan, chosen))


def _examples(
    folder: Path, manifest: Manifest, scan: Scan, chosen: Sequence[int]
) -> Iterator[Shown]:
    by_shard: dict[int, list[int]] = defaultdict(list)
    for row in chosen:
        by_shard[int(scan.places[row, 0])].append(row)
    for number, rows in sorted(by_shard.items()):
        unit = manifest.units[number // 2]
        table = read_shard(folder / unit.files[SPLITS[number % 2]].path)
        made = table.filter(pc.not_equal(table.column("method"), NATIVE))
        contents = made.take(pa.array(scan.places[rows, 1])).to_pylist()
        natives = native_rows(folder, unit, {content["source_id"] for content in contents})
        for row, content in zip(rows, contents, strict=True):
            yield Shown(
                row=row,
                content=content,
                route=scan.routes[row],
                texts={
                    name: _versions(name, content, natives.get(content["source_id"]))
                    for name in ("question", "passage")
                },
                answers=_once(content["answers"] or []),
                scores={k: v for k, v in (content["scores"] or {}).items() if v is not None},
            )


def _versions(name: str, made: dict[str, Any], native: dict[str, Any] | None) -> list[Version]:
    language = f"{name}_lang"
    text, more = _cut(made[name])
    parts, own = [(text, True)], []
    if native is not None:
        original, left_out = _cut(native[name])
        before: list[Part] = [(original, True)]
        same = without_region(native[language]) == without_region(made[language])
        if same or made["method"] in _COMPARED:
            before, parts = word_diff(original, text)
        own.append(Version("native", native[language], before, left_out))
    if made[f"pivot_{name}"]:
        pivot, left_out = _cut(made[f"pivot_{name}"])
        own.append(Version("pivot", made["route"][-2], [(pivot, True)], left_out))
    return [*own, Version("made", made[language], parts, more)]


def _cut(text: str) -> tuple[str, int]:
    return text[:MAX_CHARACTERS], max(0, len(text) - MAX_CHARACTERS)


def _once(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({(answer["text"], answer["start"]): answer for answer in answers}.values())
