"""What bilingual readers accepted and rejected of the bundled model's work, and what filters do.

``labels/graded.jsonl`` has the grades of five readers (large language models, each told to read
as a careful bilingual would) on 384 pairs of five sets, drawn at random from what the model makes:
the question (2 asks the same, 1 a reader has to guess, 0 asks something else), the answer (2 there
and right, 1 distorted, 0 lost) and the passage (3 slips at most, 2 one or two flaws that change no
fact that matters, 1 several flaws or one wrong fact, 0 mostly wrong). **Good** is 2, 2 and 2 or
better. Sixteen pairs went to four of the readers: all gave the same grade to 14 of the questions,
15 of the answers and 13 of the passages. Those of NQ-open were read again by the fifth when
questions without capitals had been lent some.

``labels/round_trips.jsonl`` holds 60 round trips of ``data/en``, ``labels/more_labels.jsonl`` 90
round trips and 18 translations of other sets, each accepted or rejected by one reader: rejected if
the question asks something else or is not to be understood, if the answer is lost or altered, or if
a fact, a number, a name or a term that matters is wrong. That of the second saw the question, the
answer, and of the passage the answer's sentence and the two sentences least like their source.

``labels/accepted.jsonl`` has the grades of three readers on 150 pairs, 50 of each set, drawn at
random from what the filters of 2026-11-29 accepted of SQuADShifts, NQ-open and FaQuAD, made on a
CPU without VNNI with eased weights; and whether the reader, as an engineer who trains a retriever,
would keep the pair. The rules for titles, prepositions and symbols came from these and from
``labels/questions.jsonl``: all are for tuning.

Texts that are not ours to keep are made again, and a label counts if the digest of what was read
still fits. Of the other files every other label of each set is for tuning (``tune``); the rest is
held out from the choice of thresholds, but not unseen: the ideas of ``language.nonwords``,
``question_answering.question_words`` and ``fidelity.question_doubt`` came from both halves.
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
from pairs_at_hand import ROOT, machine_pairs, read_faquad, read_nq, read_shifts, read_squad

from bt_augment.pairs.schema import ROUND_TRIP
from bt_augment.translation.route import Route

LABELS = Path(__file__).parent / "labels"
SPLITS = ("tune", "held-out")
ALL = "all"
GRADED, JUDGED = "graded, whole passages", "accepted or rejected"
WORTH_KEEPING = "of the accepted, worth keeping"
_LABEL_KEYS = frozenset({"id", "verdict", "why", "split"})

Reasons = Callable[[Sequence[Row], Sequence[Row]], list[list[str]]]


@dataclass(frozen=True)
class Labelled:
    """How many pairs of a set and split readers judged, and what the filters reject of them."""

    readers: str
    name: str
    split: str
    good: int
    lost: int
    bad: int
    caught: int

    @property
    def kept(self) -> int:
        """Return how many the filters accept."""
        return self.good - self.lost + self.bad - self.caught


@dataclass(frozen=True)
class _Label:
    readers: str
    name: str
    split: str
    is_good: bool
    pair: Pair
    counts: bool = True  # else it is there for the others: names are judged by all texts


def measure_labelled(reasons: Reasons, data: Path | None) -> list[Labelled]:
    """Return what filters do to the labelled pairs, by readers, set and split, and of all sets.

    Args:
        reasons: natives, made rows -> the reject reasons of each.
        data: folder of the data sets that are not part of the project.
    """
    labels = [*_graded(data), *_kept_texts(), *_accepted_or_not(data), *_worth_keeping(data)]
    found = reasons([x.pair.native for x in labels], [x.pair.made for x in labels])
    judged = [
        (label, bool(codes)) for label, codes in zip(labels, found, strict=True) if label.counts
    ]
    counts = []
    for readers in dict.fromkeys(label.readers for label in labels):
        theirs = [x for x in judged if x[0].readers == readers]
        names = dict.fromkeys(label.name for label, _ in theirs)
        groups = [(name, [x for x in theirs if x[0].name == name]) for name in names]
        counts += [
            _count(readers, name, split, [x for x in group if x[0].split == split])
            for name, group in (*groups, (ALL, theirs))
            for split in SPLITS
        ]
    return [count for count in counts if count.good + count.bad]


def _count(readers: str, name: str, split: str, judged: Sequence[tuple[_Label, bool]]) -> Labelled:
    good = [rejected for label, rejected in judged if label.is_good]
    bad = [rejected for label, rejected in judged if not label.is_good]
    return Labelled(readers, name, split, len(good), sum(good), len(bad), sum(bad))


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
        is_good = line["verdict"] == "accept"
        yield _Label(JUDGED, "data/en en:pt:en", line["split"], is_good, pair)


def _graded(data: Path | None) -> Iterator[_Label]:
    for line, pair, counts in _made_again("graded.jsonl", data):
        is_good = min(line["question"], line["answer"], line["passage"]) >= 2
        yield _Label(GRADED, f"{line['set']} {line['route']}", line["split"], is_good, pair, counts)


def _accepted_or_not(data: Path | None) -> Iterator[_Label]:
    for line, pair, counts in _made_again("more_labels.jsonl", data):
        is_good = line["verdict"] == "accept"
        name = f"{line['set']} {line['route']}"
        yield _Label(JUDGED, name, line["split"], is_good, pair, counts)


def _worth_keeping(data: Path | None) -> Iterator[_Label]:
    for line, pair, counts in _made_again("accepted.jsonl", data):
        name = f"{line['set']} {line['route']}"
        yield _Label(WORTH_KEEPING, name, line["split"], line["keep"], pair, counts)


def _made_again(file: str, data: Path | None) -> Iterator[tuple[dict[str, Any], Pair, bool]]:
    """Yield the labels with their pairs, and whether the pair is still the one that was read."""
    own = ROOT / "data"
    natives = {f"data/{lang}": read_squad(own / lang / "qa.json", lang) for lang in ("en", "pt")}
    if data is not None:
        natives["squadshifts"] = read_shifts(data)
        natives |= {"faquad": read_faquad(data), "nq": read_nq(data)}
    lines = [line for line in _lines(file) if natives.get(line["set"])]
    for name, route in dict.fromkeys((line["set"], line["route"]) for line in lines):
        labels = {x["id"]: x for x in lines if (x["set"], x["route"]) == (name, route)}
        pairs = machine_pairs({key: natives[name][key] for key in labels}, Route.parse(route))
        fits = [_fits(labels[p.native["id"]], p) for p in pairs]
        for pair, fit in zip(pairs, fits, strict=True):
            yield labels[pair.native["id"]], pair, fit
        if changed := fits.count(False):
            click.echo(f"{name} {route}: {changed} texts are not those that were read", err=True)


def _fits(label: dict[str, Any], pair: Pair) -> bool:
    return digest(pair.made["question"], pair.made["passage"]) == label["sha256"]


def digest(*texts: str) -> str:
    """Return what stands for made texts in a label."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
