"""What the default filters catch, and what they cost: controlled damage to good pairs.

Good pairs are human translations (``data/parallel``; XQuAD-R with ``--data``), and round trips by
the bundled model (``data/en``, ``data/pt``; SQuADShifts with ``--data``), taken as they come: the
small model's own errors are among them, and count as lost. Each kind of damage is done to every
pair that it can be done to. ``caught`` is the share rejected, of those damaged pairs whose
undamaged form is accepted; ``lost`` is the share of undamaged pairs rejected. A name exchanged in
a translation is listed, though no text alone tells another name from a translated one. Duplicates
and contamination are left out, as they do not depend on the pair.

    python benchmarks/filters.py [--data ../shared/data] [--limit 300] [--seed 0] [--json]
"""

from __future__ import annotations

import gzip
import json
import os
import random
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from damage import KINDS, Context, Pair, Row, names_of

from bt_augment.augmentation.back_translation import BackTranslator
from bt_augment.filtering.cascade import Threshold, judge
from bt_augment.filtering.registry import FILTERS, build_filters, score_batch
from bt_augment.pairs.candidates import CandidateBatch
from bt_augment.pairs.schema import TRANSLATION, batch_from_rows, made_schema, native_schema
from bt_augment.translation.models import ModelCatalog, cache_folder
from bt_augment.translation.route import Route
from bt_augment.translation.translator import Decoding, Translator

ROOT = Path(__file__).resolve().parents[1]
XQUAD_LANGUAGES = ("ar", "de", "el", "es", "hi", "ru", "th", "tr", "vi", "zh")
BUNDLED = "bundled:mini"


@dataclass(frozen=True)
class Result:
    """What happened to one set of pairs.

    ``kinds`` holds for each kind of damage the number of pairs, and how many were caught;
    ``reasons`` how many undamaged pairs each reject reason lost.
    """

    name: str
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


def measure(name: str, pairs: Sequence[Pair], verdict: DefaultVerdict, seed: int) -> Result:
    """Return what the default filters do to ``pairs``, undamaged and damaged."""
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
    return Result(name, len(pairs), len(pairs) - len(accepted), dict(lost.most_common()), kinds)


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


def good_pairs(data: Path | None, limit: int, seed: int) -> Iterator[tuple[str, list[Pair]]]:
    """Yield each set of good pairs with its name."""
    own = ROOT / "data"
    parallel = {lang: read_squad(own / "parallel" / f"{lang}.json", lang) for lang in ("en", "pt")}
    yield "human, data/parallel en:pt", translated(parallel["en"], parallel["pt"])
    yield "human, data/parallel pt:en", translated(parallel["pt"], parallel["en"])
    for lang, tags in (("en", "en:pt:en"), ("pt", "pt:en:pt")):
        native = sample(read_squad(own / lang / "qa.json", lang), limit, seed)
        yield f"machine, data/{lang} {tags}", round_trips(native, Route.parse(tags))
    if data is None:
        return
    shifts = read_squad(data / "squadshifts-new-wiki" / "new_wiki_v1.0.json.gz", "en")
    route = Route.parse("en:pt:en")
    yield f"machine, SQuADShifts {route}", round_trips(sample(shifts, limit, seed), route)
    xquad = data / "xquad-r"
    english = sample(read_squad(xquad / "en.json.gz", "en"), limit, seed)
    for lang in XQUAD_LANGUAGES:
        target = read_squad(xquad / f"{lang}.json.gz", lang)
        yield f"human, XQuAD-R en:{lang}", translated(english, target)


def table(results: Sequence[Result]) -> str:
    """Return the results as Markdown: a column per set, ``caught % (n)`` per kind."""
    groups = {
        "human translations": [r for r in results if r.name.startswith("human")],
        "machine round trips": [r for r in results if r.name.startswith("machine")],
        "all": list(results),
    }
    lines = ["| damage | " + " | ".join(groups) + " |", "|---|" + "---|" * len(groups)]
    for kind in KINDS:
        cells = [
            _share(*map(sum, zip(*(r.kinds[kind] for r in g), strict=True)))
            for g in groups.values()
        ]
        lines.append(f"| {kind}, caught | " + " | ".join(cells) + " |")
    lost = [_share(sum(r.pairs for r in g), sum(r.lost for r in g)) for g in groups.values()]
    lines.append("| **undamaged, lost** | " + " | ".join(lost) + " |")
    lines += ["", "| set | lost | " + " | ".join(KINDS) + " |", "|---|---|" + "---|" * len(KINDS)]
    for r in results:
        cells = [_share(*r.kinds[kind]) for kind in KINDS]
        lines.append(f"| {r.name} | {_share(r.pairs, r.lost)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _share(total: int, part: int) -> str:
    return f"{100 * part / total:.1f} % ({total})" if total else "–"


def as_json(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return the results as plain data."""
    return [
        {
            "set": r.name,
            "pairs": r.pairs,
            "lost": r.lost,
            "lost_by_reason": r.reasons,
            "damage": {kind: {"pairs": n, "caught": c} for kind, (n, c) in r.kinds.items()},
        }
        for r in results
    ]


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--limit", default=300, show_default=True, help="Pairs of each set at most.")
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "as_json_", is_flag=True, help="Print JSON instead of Markdown.")
def main(data: Path | None, limit: int, seed: int, as_json_: bool) -> None:
    """Run the benchmark and print its table."""
    verdict = DefaultVerdict()
    results = [measure(name, pairs, verdict, seed) for name, pairs in good_pairs(data, limit, seed)]
    click.echo(json.dumps(as_json(results), indent=1) if as_json_ else table(results))


if __name__ == "__main__":
    main()
