"""What the default filters catch, and what they cost: controlled damage to good pairs.

Good pairs are human translations (``data/parallel``; XQuAD-R with ``--data``), and round trips by
the bundled model (``data/en``, ``data/pt``; SQuADShifts, FaQuAD and XQuAD-R with ``--data``), taken
as they come: the small model's own errors are among them, and count as lost. So that these can be
told apart, ``labels/round_trips.jsonl`` holds round trips of ``data/en`` that a bilingual reader
accepted or rejected: the loss among the accepted is the filters' own.

Each kind of damage is done to every pair that it can be done to. ``caught`` is the share rejected,
of those damaged pairs whose undamaged form is accepted; ``lost`` is the share of undamaged pairs
rejected. A name exchanged in a translation is seen only where the other text keeps it: no text
alone tells another name from a translated one. Duplicates and contamination are left out, as they
do not depend on the pair. The header says which sets the defaults were tuned on.

    python benchmarks/filters.py [--data DIR] [--limit 300] [--seed 0] [--json]
"""

from __future__ import annotations

import gzip
import json
import os
import random
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from damage import KINDS, Context, Pair, Row, names_of

from bt_augment.augmentation.back_translation import BackTranslator
from bt_augment.filtering.cascade import Threshold, judge
from bt_augment.filtering.registry import FILTERS, build_filters, score_batch
from bt_augment.pairs.candidates import CandidateBatch
from bt_augment.pairs.schema import (
    ROUND_TRIP,
    TRANSLATION,
    batch_from_rows,
    made_schema,
    native_schema,
)
from bt_augment.translation.models import ModelCatalog, cache_folder
from bt_augment.translation.route import Route
from bt_augment.translation.translator import Decoding, Translator

ROOT = Path(__file__).resolve().parents[1]
XQUAD_LANGUAGES = ("ar", "de", "el", "es", "hi", "ru", "th", "tr", "vi", "zh")
BUNDLED = "bundled:mini"
LABELS = Path(__file__).parent / "labels" / "round_trips.jsonl"

HUMAN, MACHINE = "human translations", "machine round trips"
TUNED, READ, UNSEEN = "tuned on", "read, not tuned on", "unseen"
HEADER = """\
In-sample (thresholds and word lists were tuned on them): data/parallel, data/en, XQuAD-R
translations, SQuADShifts and NQ-open (not measured here) round trips. Read for systematic mistakes,
no threshold tuned: FaQuAD, data/pt. Out of sample, neither read nor tuned on: XQuAD-R round trips.
"""


@dataclass(frozen=True)
class GoodPairs:
    """A set of good pairs: who translated them, and what the filters' authors did with it."""

    name: str
    source: str
    use: str
    pairs: Sequence[Pair]


@dataclass(frozen=True)
class Labelled:
    """The verdicts of a reader, and how many of each the filters reject."""

    accepted: int
    lost: int
    rejected: int
    caught: int


@dataclass(frozen=True)
class Result:
    """What happened to one set of pairs.

    ``kinds`` holds for each kind of damage the number of pairs, and how many were caught;
    ``reasons`` how many undamaged pairs each reject reason lost.
    """

    name: str
    source: str
    use: str
    pairs: int
    lost: int
    reasons: dict[str, int]
    kinds: dict[str, tuple[int, int]]


class DefaultVerdict:
    """All default filters, with their default thresholds."""

    def __init__(self) -> None:
        """Build the filters once."""
        declared = [score for kind in FILTERS for score in kind.scores if score.enabled]
        self._wanted = {score.name for score in declared}
        self._filters = build_filters(self._wanted, {})
        self._thresholds = [Threshold.default(score) for score in declared]

    def reasons(self, natives: Sequence[Row], made: Sequence[Row]) -> list[list[str]]:
        """Return the reject reasons of each made row."""
        if not made:
            return []
        batch = CandidateBatch(
            batch_from_rows(made, made_schema()),
            batch_from_rows(natives, native_schema()),
            {"truncated": np.zeros(len(made), dtype=np.float32)},
        )
        scores = score_batch(self._filters, batch, self._wanted)
        return judge(scores, [row["method"] for row in made], self._thresholds)


def measure(good: GoodPairs, verdict: DefaultVerdict, seed: int) -> Result:
    """Return what the default filters do to a set of pairs, undamaged and damaged."""
    name, pairs = good.name, good.pairs
    before = verdict.reasons([p.native for p in pairs], [p.made for p in pairs])
    accepted = [pair for pair, reasons in zip(pairs, before, strict=True) if not reasons]
    names = names_of(pairs)
    kinds = {}
    for kind, damage in KINDS.items():
        rng = random.Random(zlib.crc32(f"{seed} {name} {kind}".encode()))
        context = Context(rng, pairs, names)
        damaged = [(pair.native, damage(pair, context)) for pair in accepted]
        done = [(native, row) for native, row in damaged if row is not None]
        after = verdict.reasons([native for native, _ in done], [row for _, row in done])
        kinds[kind] = (len(done), sum(map(bool, after)))
    lost = Counter(reason for reasons in before for reason in reasons)
    reasons = dict(lost.most_common())
    return Result(
        name, good.source, good.use, len(pairs), len(pairs) - len(accepted), reasons, kinds
    )


def measure_labelled(verdict: DefaultVerdict) -> Labelled:
    """Return what the default filters do to the round trips that a reader has judged."""
    native = read_squad(ROOT / "data" / "en" / "qa.json", "en")
    labels = [json.loads(line) for line in LABELS.read_text(encoding="utf-8").splitlines()]
    made = [
        native[label["id"]]
        | {key: label[key] for key in label.keys() - {"id", "verdict", "why"}}
        | {"source_id": label["id"], "method": ROUND_TRIP, "route": ["en", "pt", "en"]}
        for label in labels
    ]
    found = Counter(
        (label["verdict"], bool(reasons))
        for label, reasons in zip(
            labels, verdict.reasons([native[label["id"]] for label in labels], made), strict=True
        )
    )
    good, bad = ("accept", True), ("reject", True)
    return Labelled(
        found[good] + found["accept", False],
        found[good],
        found[bad] + found["reject", False],
        found[bad],
    )


def read_squad(path: Path, lang: str) -> dict[str, Row]:
    """Return the answerable pairs of a SQuAD file by id."""
    raw = path.read_bytes()
    articles = json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)["data"]
    return {
        qa["id"]: {
            "id": qa["id"],
            "group_id": f"{a}/{p}",
            "question": qa["question"],
            "passage": paragraph["context"],
            "question_lang": lang,
            "passage_lang": lang,
            "answers": [{"text": x["text"], "start": x["answer_start"]} for x in qa["answers"]],
        }
        for a, article in enumerate(articles)
        for p, paragraph in enumerate(article["paragraphs"])
        for qa in paragraph["qas"]
        if qa["answers"]
    }


def sample(rows: dict[str, Row], limit: int, seed: int) -> dict[str, Row]:
    """Return at most ``limit`` rows, drawn with ``seed``."""
    ids = sorted(rows)
    random.Random(seed).shuffle(ids)
    return {key: rows[key] for key in sorted(ids[:limit])}


def translated(native: dict[str, Row], made: dict[str, Row]) -> list[Pair]:
    """Return human translations as pairs, aligned by id."""
    pairs = []
    for key, source in native.items():
        target = made[key]
        route = [source["passage_lang"], target["passage_lang"]]
        row = target | {"source_id": key, "method": TRANSLATION, "route": route}
        pairs.append(Pair(source, row))
    return pairs


def round_trips(native: dict[str, Row], route: Route) -> list[Pair]:
    """Return round trips by the bundled model as pairs."""
    catalog = ModelCatalog(cache_folder(os.environ))
    translators = {
        hop: Translator(catalog.resolve(BUNDLED, *hop), device="cpu") for hop in route.hops
    }
    engine = BackTranslator([route], translators, Decoding())
    made = engine.apply(batch_from_rows(native.values(), native_schema()), 0).batch
    rows = zip(made.sources.to_pylist(), made.rows.to_pylist(), strict=True)
    return [Pair(source, row) for source, row in rows]


def good_pairs(data: Path | None, limit: int, seed: int) -> Iterator[GoodPairs]:
    """Yield each set of good pairs."""
    own = ROOT / "data"
    parallel = {lang: read_squad(own / "parallel" / f"{lang}.json", lang) for lang in ("en", "pt")}
    for one, two in (("en", "pt"), ("pt", "en")):
        pairs = translated(parallel[one], parallel[two])
        yield GoodPairs(f"human, data/parallel {one}:{two}", HUMAN, TUNED, pairs)
    there, back = Route.parse("en:pt:en"), Route.parse("pt:en:pt")

    def machine(name: str, use: str, native: dict[str, Row], route: Route) -> GoodPairs:
        pairs = round_trips(sample(native, limit, seed), route)
        return GoodPairs(f"machine, {name} {route}", MACHINE, use, pairs)

    yield machine("data/en", TUNED, read_squad(own / "en" / "qa.json", "en"), there)
    yield machine("data/pt", READ, read_squad(own / "pt" / "qa.json", "pt"), back)
    if data is None:
        return
    shifts = data / "squadshifts-new-wiki" / "new_wiki_v1.0.json.gz"
    yield machine("SQuADShifts", TUNED, read_squad(shifts, "en"), there)
    xquad = data / "xquad-r"
    english = read_squad(xquad / "en.json.gz", "en")
    yield machine("XQuAD-R", UNSEEN, english, there)
    faquad = data / "faquad-pt"
    if faquad.is_dir():
        files = sorted(faquad.glob("*.json.gz"))
        native = {key: row for file in files for key, row in read_squad(file, "pt").items()}
        yield machine("FaQuAD", READ, native, back)
    english = sample(english, limit, seed)
    for lang in XQUAD_LANGUAGES:
        target = read_squad(xquad / f"{lang}.json.gz", lang)
        yield GoodPairs(f"human, XQuAD-R en:{lang}", HUMAN, TUNED, translated(english, target))


def table(results: Sequence[Result], labelled: Labelled) -> str:
    """Return the results as Markdown: a column per source, ``caught % (n)`` per kind."""
    groups = {
        f"{source}, {use}": [r for r in results if (r.source, r.use) == (source, use)]
        for source, use in dict.fromkeys((r.source, r.use) for r in results)
    } | {"all": list(results)}
    lines = [HEADER, "| damage | " + " | ".join(groups) + " |", "|---|" + "---|" * len(groups)]
    for kind in KINDS:
        cells = [
            _share(*map(sum, zip(*(r.kinds[kind] for r in g), strict=True)))
            for g in groups.values()
        ]
        lines.append(f"| {kind}, caught | " + " | ".join(cells) + " |")
    lost = [_share(sum(r.pairs for r in g), sum(r.lost for r in g)) for g in groups.values()]
    lines.append("| **undamaged, lost** | " + " | ".join(lost) + " |")
    lines += [
        "",
        "Round trips of data/en that a reader judged: of the accepted, lost "
        f"{_share(labelled.accepted, labelled.lost)}; of the rejected, caught "
        f"{_share(labelled.rejected, labelled.caught)}.",
    ]
    lines += ["", "| set | lost | " + " | ".join(KINDS) + " |", "|---|---|" + "---|" * len(KINDS)]
    for r in results:
        cells = [_share(*r.kinds[kind]) for kind in KINDS]
        lines.append(
            f"| {r.name} ({r.use}) | {_share(r.pairs, r.lost)} | " + " | ".join(cells) + " |"
        )
    return "\n".join(lines)


def _share(total: int, part: int) -> str:
    return f"{100 * part / total:.1f} % ({total})" if total else "–"


def as_json(results: Sequence[Result], labelled: Labelled) -> dict[str, Any]:
    """Return the results as plain data."""
    sets = [
        {
            "set": r.name,
            "source": r.source,
            "use": r.use,
            "pairs": r.pairs,
            "lost": r.lost,
            "lost_by_reason": r.reasons,
            "damage": {kind: {"pairs": n, "caught": c} for kind, (n, c) in r.kinds.items()},
        }
        for r in results
    ]
    return {"sets": sets, "labelled": asdict(labelled)}


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--limit", default=300, show_default=True, help="Pairs of each set at most.")
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "as_json_", is_flag=True, help="Print JSON instead of Markdown.")
def main(data: Path | None, limit: int, seed: int, as_json_: bool) -> None:
    """Run the benchmark and print its table."""
    verdict = DefaultVerdict()
    results = [measure(good, verdict, seed) for good in good_pairs(data, limit, seed)]
    labelled = measure_labelled(verdict)
    if as_json_:
        click.echo(json.dumps(as_json(results, labelled), indent=1))
    else:
        click.echo(table(results, labelled))


if __name__ == "__main__":
    main()
