"""What bilingual readers accepted and rejected of the bundled model's work, and what filters do.

``labels/round_trips.jsonl`` holds 60 round trips of ``data/en`` as they were read.
``labels/more_labels.jsonl`` has the verdicts of a second reader on 90 round trips and 18
translations of other sets: their texts are not ours to keep, so they are made again, and a label
counts if the digest of what was read still fits. That reader saw the question, the answer, and of
the passage the answer's sentence and the two sentences least like their source.

A pair was rejected if the question asks something else or is not to be understood, if the answer is
lost or altered, or if a fact, a number, a name or a term that matters is wrong. Every other label
of each set is for tuning (``tune``); the rest is held out. The second reader also tuned: the idea
of ``language.nonwords`` came from reading both halves, and its ceiling was settled after a stricter
variant had been measured on the held-out half too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from damage import Pair, Row
from pairs_at_hand import ROOT, machine_pairs, read_faquad, read_shifts, read_squad

from bt_augment.pairs.schema import ROUND_TRIP
from bt_augment.translation.route import Route

LABELS = Path(__file__).parent / "labels"
SPLITS = ("tune", "held-out")
_LABEL_KEYS = frozenset({"id", "verdict", "why", "split"})

Reasons = Callable[[Sequence[Row], Sequence[Row]], list[list[str]]]


@dataclass(frozen=True)
class Labelled:
    """How many pairs of a set and split a reader judged, and what the filters reject of them."""

    name: str
    split: str
    good: int
    lost: int
    bad: int
    caught: int


@dataclass(frozen=True)
class _Label:
    name: str
    split: str
    is_good: bool
    pair: Pair


def measure_labelled(reasons: Reasons, data: Path | None) -> list[Labelled]:
    """Return what filters do to the labelled pairs, by set and split, and of all sets.

    Args:
        reasons: natives, made rows -> the reject reasons of each.
        data: folder of the data sets that are not part of the project.
    """
    labels = [*_kept_texts(), *_texts_made_again(data)]
    found = reasons([x.pair.native for x in labels], [x.pair.made for x in labels])
    judged = [(label, bool(codes)) for label, codes in zip(labels, found, strict=True)]
    names = dict.fromkeys(label.name for label in labels)
    groups = [(name, [x for x in judged if x[0].name == name]) for name in names]
    return [
        _count(name, split, [x for x in group if x[0].split == split])
        for name, group in (*groups, ("all", judged))
        for split in SPLITS
    ]


def _count(name: str, split: str, judged: Sequence[tuple[_Label, bool]]) -> Labelled:
    good = [rejected for label, rejected in judged if label.is_good]
    bad = [rejected for label, rejected in judged if not label.is_good]
    return Labelled(name, split, len(good), sum(good), len(bad), sum(bad))


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (LABELS / name).read_text(encoding="utf-8").splitlines()]


def _kept_texts() -> Iterator[_Label]:
    native = read_squad(ROOT / "data" / "en" / "qa.json", "en")
    for line in _lines("round_trips.jsonl"):
        made = (
            native[line["id"]]
            | {key: line[key] for key in line.keys() - _LABEL_KEYS}
            | {"source_id": line["id"], "method": ROUND_TRIP, "route": ["en", "pt", "en"]}
        )
        pair = Pair(native[line["id"]], made)
        yield _Label("data/en en:pt:en", line["split"], line["verdict"] == "accept", pair)


def _texts_made_again(data: Path | None) -> Iterator[_Label]:
    natives = {"data/pt": read_squad(ROOT / "data" / "pt" / "qa.json", "pt")}
    if data is not None:
        natives |= {"squadshifts": read_shifts(data), "faquad": read_faquad(data)}
    lines = [line for line in _lines("more_labels.jsonl") if natives.get(line["set"])]
    for name, route in dict.fromkeys((line["set"], line["route"]) for line in lines):
        labels = {x["id"]: x for x in lines if (x["set"], x["route"]) == (name, route)}
        pairs = machine_pairs({key: natives[name][key] for key in labels}, Route.parse(route))
        changed = 0
        for pair in pairs:
            label = labels[pair.native["id"]]
            if digest(pair.made) == label["sha256"]:
                is_good = label["verdict"] == "accept"
                yield _Label(f"{name} {route}", label["split"], is_good, pair)
            else:
                changed += 1
        if changed:
            click.echo(f"{name} {route}: {changed} texts are not those that were read", err=True)


def digest(made: Row) -> str:
    """Return what stands for the texts of a made row in a label."""
    texts = "\0".join((made["question"], made["passage"]))
    return hashlib.sha256(texts.encode()).hexdigest()[:16]
