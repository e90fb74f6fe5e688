"""What each filter rejects in a finished run, with true examples, as Markdown.

    python benchmarks/filter_evidence.py RUN > docs/filter-evidence.md

``share`` is the share of made rows that have a reject reason, ``alone`` of those that have no
other. Examples are drawn at random (``--seed``) from the rows rejected for that reason, those
that have no other reason first, at most one of a passage; nothing is chosen by hand. Of a passage
the sentence is shown whose score, taken alone, is the worst.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import pyarrow.compute as pc

from bt_augment.filtering.base import CandidateBatch, Filter
from bt_augment.filtering.fidelity import unmatched_in
from bt_augment.filtering.registry import all_scores, build_filters, score_batch
from bt_augment.filtering.sentence_alignment import expected_length, unmatched_sentences
from bt_augment.pairs.schema import NATIVE, batch_from_rows, made_schema, native_schema
from bt_augment.shards.manifest import Manifest, UnitEntry, read_manifest
from bt_augment.shards.run_folder import read_run
from bt_augment.shards.store import SPLITS, read_shard
from bt_augment.translation.segmentation import split_sentences

ROOT = Path(__file__).resolve().parents[1]
TEXTS = ("question", "passage")
SHOWN = 220  # characters of a text: two lines of a page
LEAD = 80  # of them before what stands out
POOL = 12  # rows kept for each example that is shown, to find ones of different passages
_NEUTRAL = {"question": "?", "passage": "."}  # stands for the text that is not looked at
_LOOP = re.compile(r"(\b\w[^.!?]{0,40}?)(?:\W+\1\b)+|(?:\W )(?:\W ){3,}")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_THRESHOLD_KEYS = frozenset({"enabled", "min", "max", "on_null"})

Row = dict[str, Any]


class Snippet(NamedTuple):
    """Matching parts of the native, the pivot and the made text."""

    text: str  # which text of the pair: question or passage
    source: str
    pivot: str | None
    made: str


@dataclass
class Reason:
    """How many rows have a reject reason, and a random sample of them with their native rows."""

    rows: int = 0
    alone: int = 0
    sample: list[tuple[float, Row, Row]] = field(default_factory=list)

    def offer(self, draw: float, row: Row, source: Row, keep: int) -> None:
        """Keep the row if its draw is among the ``keep`` lowest."""
        self.sample.append((draw, row, source))
        if len(self.sample) > 2 * keep:
            self.sample = sorted(self.sample, key=lambda item: item[0])[:keep]


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--examples", default=3, show_default=True, help="Examples of each reason.")
@click.option("--seed", default=0, show_default=True)
def main(run: Path, examples: int, seed: int) -> None:
    """Print the evidence of RUN."""
    manifest = read_manifest(run)
    identity = read_run(run)
    reasons = collect(run, manifest, examples * POOL, random.Random(seed))
    filters = Localizer(identity["recipe"]["filters"])
    for line in page(manifest, identity, reasons, filters, examples):
        click.echo(line)


def collect(run: Path, manifest: Manifest, keep: int, draw: random.Random) -> dict[str, Reason]:
    """Return reject reason → its rows; one shard in memory at a time."""
    reasons: dict[str, Reason] = defaultdict(Reason)
    for unit in manifest.units:
        natives = native_rows(run, unit)
        table = read_shard(run / unit.files["rejected"].path)
        for row in table.filter(pc.not_equal(table.column("method"), NATIVE)).to_pylist():
            alone = len(row["reject_reasons"]) == 1
            for name in row["reject_reasons"]:
                reason = reasons[name]
                reason.rows += 1
                reason.alone += alone
                if row["source_id"] in natives:  # a run made with --no-native has none
                    rank = draw.random() + (not alone)
                    reason.offer(rank, row, natives[row["source_id"]], keep)
    return reasons


def native_rows(run: Path, unit: UnitEntry) -> dict[str, Row]:
    """Return the native rows of a unit by id."""
    found: dict[str, Row] = {}
    for split in SPLITS:
        table = read_shard(run / unit.files[split].path)
        rows = table.filter(pc.equal(table.column("method"), NATIVE))
        found |= {row["id"]: row for row in rows.to_pylist()}
    return found


class Localizer:
    """Finds the part of a pair that a score objects to."""

    def __init__(self, settings: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        """Take the ``filters`` section of the run's recipe."""
        self._settings = {
            f"{family}.{name}": values
            for family, scores in settings.items()
            for name, values in scores.items()
        }
        self._filters: dict[str, list[Filter]] = {}

    def limit(self, reason: str) -> str:
        """Return the threshold behind a reject reason, as a reader says it."""
        score, _, side = reason.rpartition(".")
        setting = self._settings[score]
        if side == "null":
            return "could not be computed"
        return f"below {setting['min']:g}" if side == "low" else f"above {setting['max']:g}"

    def find(self, reason: str, row: Row, source: Row) -> Snippet:
        """Return the snippet that scores worst alone; the first one where none does."""
        score, _, side = reason.rpartition(".")
        if score == "question_answering.answer":
            return answer_snippet(row, source)
        if score == "fidelity.sentences":
            return unmatched_snippet(row, source)
        parts = [p for p in snippets(row, source) if looked_at(score, p.text)]
        values = self._scores(score, row, source, parts)
        if values is None or np.isnan(values).all():
            # Only the engine or the whole run knows: a loop at a limit is the longest part.
            return max(parts, key=lambda p: len(p.made)) if "trunc" in score else parts[0]
        worst = np.nanargmin(values) if side == "low" else np.nanargmax(values)
        return parts[int(worst)]

    def is_shown(self, reason: str, row: Row, source: Row) -> bool:
        """Whether a sentence shows the reason alone, and not only with the rest of the unit."""
        score = reason.rpartition(".")[0]
        if score != "question_answering.names_replaced":
            return True
        values = self._scores(score, row, source, snippets(row, source))
        return values is not None and bool(np.nanmax(values, initial=0.0) > 0)

    def _scores(
        self, score: str, row: Row, source: Row, parts: Sequence[Snippet]
    ) -> np.ndarray | None:
        if score not in self._filters:
            options = {k: v for k, v in self._settings[score].items() if k not in _THRESHOLD_KEYS}
            self._filters[score] = build_filters({score}, {score: options})
        made = [
            {**row, **_with_neutral(p, p.made), f"pivot_{p.text}": p.pivot or row["pivot_question"]}
            for p in parts
        ]
        natives = [{**source, **_with_neutral(p, p.source)} for p in parts]
        batch = CandidateBatch(
            batch_from_rows(made, made_schema()), batch_from_rows(natives, native_schema())
        )
        return score_batch(self._filters[score], batch, {score}).get(score)


def _with_neutral(part: Snippet, text: str) -> Row:
    return {**_NEUTRAL, part.text: text, "answers": []}


def looked_at(score: str, text: str) -> bool:
    """Return whether a score looks at the question (or the passage) at all, by its name."""
    name = score.split(".", 1)[1]
    if "question" in name:
        return text == "question"
    return text == "passage" if "passage" in name or name == "sentence" else True


def snippets(row: Row, source: Row) -> list[Snippet]:
    """Return the question, and the sentences of the passage side by side where they can be."""
    found = [Snippet("question", source["question"], row["pivot_question"], row["question"])]
    texts = {"source": source["passage"], "pivot": row["pivot_passage"], "made": row["passage"]}
    before, pivot, after = (
        _sentences(text, tag) for text, tag in zip(texts.values(), _tags(row), strict=True)
    )
    if len(before) == len(after):
        pivots = pivot if len(pivot) == len(before) else [None] * len(before)
        found += [Snippet("passage", *p) for p in zip(before, pivots, after, strict=True)]
    else:
        found.append(Snippet("passage", *texts.values()))
    return found


def answer_snippet(row: Row, source: Row) -> Snippet:
    """Return the sentence with the first located answer."""
    answer = next((a for a in source["answers"] if a["start"] >= 0), None)
    parts = [p for p in snippets(row, source) if p.text == "passage"]
    if answer is None:
        return parts[0]
    fitting = [p for p in parts if answer["text"] in p.source]
    # Of several sentences that have the words, the one at the answer's place.
    return min(
        fitting or parts, key=lambda p: abs(source["passage"].find(p.source) - answer["start"])
    )


def unmatched_snippet(row: Row, source: Row) -> Snippet:
    """Return the neighbourhood of the first sentence without a counterpart."""
    tags = _tags(row)
    for text in TEXTS:
        if not unmatched_in(source[text], tags[0], row[text], tags[-1]):
            continue
        before = _sentences(source[text], tags[0])
        after = _sentences(row[text], tags[-1])
        lengths = [
            [expected_length(s, tag) for s in sentences]
            for sentences, tag in ((before, tags[0]), (after, tags[-1]))
        ]
        for end in range(1, max(len(before), len(after)) + 1):
            if unmatched_sentences(lengths[0][:end], lengths[1][:end]):
                near = slice(max(end - 2, 0), end + 1)
                made = after[near] or after[-1:]  # the end of the source was dropped
                return Snippet(text, " ".join(before[near]), None, " ".join(made))
        return Snippet(text, source[text], None, row[text])
    return snippets(row, source)[0]


def _tags(row: Row) -> tuple[str, str, str]:
    route = row["route"]
    return route[0], route[-2], route[-1]


def _sentences(text: str | None, tag: str) -> list[str]:
    return [s.strip() for s in split_sentences(text or "", tag) if s.strip()]


def page(
    manifest: Manifest,
    identity: Mapping[str, Any],
    reasons: Mapping[str, Reason],
    localizer: Localizer,
    examples: int,
) -> Iterator[str]:
    """Yield the lines of the page."""
    totals = manifest.totals
    yield "# What each filter rejects\n"
    yield (
        "Made by `python benchmarks/filter_evidence.py RUN > docs/filter-evidence.md` from a "
        "finished run; do not edit by hand.\n"
    )
    yield from _about(identity, totals.native)
    yield "\n## Accepted\n"
    yield "| route | made | accepted | share |\n|---|---:|---:|---:|"
    for route, counts in totals.routes.items():
        made = sum(counts.values())
        accepted = counts["accepted"]
        yield f"| `{route}` | {made:,} | {accepted:,} | {_share(accepted, made)} |"
    yield (
        f"| all | {totals.candidates:,} | {totals.accepted:,} | "
        f"{_share(totals.accepted, totals.candidates)} |"
    )
    yield "\n## Rejected\n"
    yield (
        "Share of all made rows that have the reason, and that have no other. A row may have "
        "several. Scores that reject nothing here: "
        f"{', '.join(f'`{name}`' for name in _silent(identity, reasons)) or 'none'}.\n"
    )
    yield "| reason | value is | rows | share | alone |\n|---|---|---:|---:|---:|"
    ordered = _ordered(reasons)
    for name in ordered:
        reason = reasons[name]
        yield (
            f"| [`{name}`](#{name.replace('.', '')}) | {localizer.limit(name)} | {reason.rows:,} | "
            f"{_share(reason.rows, totals.candidates)} | "
            f"{_share(reason.alone, totals.candidates)} |"
        )
    descriptions = {score.name: score.description for score in all_scores()}
    for name in ordered:
        yield f"\n### {name}\n"
        yield f"{descriptions[name.rpartition('.')[0]]}\n"
        yield from _examples(name, reasons[name], localizer, examples)


def _about(identity: Mapping[str, Any], pairs: int) -> Iterator[str]:
    inputs = ", ".join(f"`{Path(str(i.get('path', i))).name}`" for i in identity["inputs"])
    models = ", ".join(
        f"{hop} `{model['name']}@{model['fingerprint']}`"
        for hop, model in identity["models"].items()
    )
    versions = ", ".join(f"{name} {number}" for name, number in identity["versions"].items())
    routes = " ".join(f"--route {route}" for route in identity["recipe"]["routes"])
    named = " ".join(Path(str(i.get("path", i))).name for i in identity["inputs"])
    yield f"- input: {inputs}, {pairs:,} pairs"
    yield f"- run: `bt-augment generate {named} {routes} --out RUN`"
    yield f"- models: {models}"
    yield f"- versions: {versions}"
    changed = _changed(identity["recipe"]["filters"])
    yield f"- filters: {', '.join(changed) if changed else 'the defaults'}"


def _changed(settings: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    return [
        f"`{score.name}.{key}={json.dumps(setting[key])}`"
        for score in all_scores()
        for setting in [settings.get(score.name.split(".")[0], {}).get(score.name.split(".")[1])]
        for key in ("min", "max")
        if setting and setting[key] != getattr(score, key)
    ]


def _silent(identity: Mapping[str, Any], reasons: Iterable[str]) -> list[str]:
    rejecting = {name.rpartition(".")[0] for name in reasons}
    return [
        f"{family}.{name}"
        for family, scores in identity["recipe"]["filters"].items()
        for name, setting in scores.items()
        if setting["enabled"] and f"{family}.{name}" not in rejecting
    ]


def _ordered(reasons: Mapping[str, Reason]) -> list[str]:
    return sorted(reasons, key=lambda name: (-reasons[name].rows, name))


def _examples(name: str, reason: Reason, localizer: Localizer, count: int) -> Iterator[str]:
    groups: Counter[str] = Counter()
    score = name.rpartition(".")[0]
    sample = sorted(reason.sample, key=lambda item: item[0])
    sample.sort(key=lambda item: not localizer.is_shown(name, item[1], item[2]))
    for _, row, source in sample:
        if groups[row["group_id"]] or len(groups) == count:
            continue
        groups[row["group_id"]] += 1
        part = localizer.find(name, row, source)
        before, after = cut(part.source, part.made, same_language=row["method"] == "round_trip")
        value = row["scores"][score]
        shown = "null" if value is None else f"{value:.3g}"
        others = [r for r in row["reject_reasons"] if r != name]
        also = f"; also {', '.join(f'`{other}`' for other in others)}" if others else ""
        yield f"- `{':'.join(row['route'])}`, {part.text}, {shown}{also}"
        if score == "question_answering.answer" and source["answers"]:
            yield f"  - answer: {_literal(source['answers'][0]['text'])}"
        yield f"  - {row['route'][0]}: {_literal(before)}"
        if score.startswith("language.pivot") and part.pivot:
            yield f"  - {row['route'][-2]}, pivot: {_literal(_window(part.pivot, 0))}"
        yield f"  - {row['route'][-1]}: {_literal(after)}"


def cut(before: str, after: str, *, same_language: bool) -> tuple[str, str]:
    """Return both texts cut to the part around what stands out.

    That is a repetition, else a number that only one of them has, else the first difference.
    """
    if loop := _LOOP.search(after):
        place = loop.start() / len(after)
    elif odd := _odd_number(before, after):
        place = odd
    elif same_language:
        pairs = zip(before, after, strict=False)
        place = next((i for i, (a, b) in enumerate(pairs) if a != b), 0) / max(1, len(before))
    else:
        place = 0.0
    return _window(before, int(place * len(before))), _window(after, int(place * len(after)))


def _odd_number(before: str, after: str) -> float | None:
    """Return where, from 0 to 1, the first text holds digits that the other has not."""
    for one, other in ((after, before), (before, after)):
        known = {_digits(m[0]) for m in _NUMBER.finditer(other)}
        for match in _NUMBER.finditer(one):
            if _digits(match[0]) not in known:
                return match.start() / len(one)
    return None


def _digits(number: str) -> str:
    return "".join(c for c in number if c.isdigit())


def _window(text: str, place: int) -> str:
    start = max(0, min(place - LEAD, len(text) - SHOWN))
    if start:
        start = text.find(" ", start) + 1 or start
    end = start + SHOWN
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")


def _literal(text: str) -> str:
    """Return text on one line, in code marks, so that Markdown leaves it alone."""
    one_line = " ".join(text.split())
    return f"`` {one_line} ``" if "`" in one_line else f"`{one_line}`"


def _share(part: int, whole: int) -> str:
    return f"{part / max(1, whole):.1%}"


if __name__ == "__main__":
    main()
