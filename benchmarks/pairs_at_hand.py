"""Pairs to measure filters on: read from SQuAD files, translated by people or by the engine."""

from __future__ import annotations

import gzip
import json
import os
import random
from pathlib import Path

from damage import Pair, Row

from bt_augment.augmentation.back_translation import BackTranslator, Backwards
from bt_augment.cache import cache_folder
from bt_augment.pairs.candidates import CandidateBatch
from bt_augment.pairs.schema import TRANSLATION, batch_from_rows, native_schema
from bt_augment.translation.decoding import Decoding
from bt_augment.translation.models import ModelCatalog
from bt_augment.translation.route import Route
from bt_augment.translation.translator import Translator

ROOT = Path(__file__).resolve().parents[1]
BUNDLED = "bundled:mini"
READ_BATCH_TOKENS = 1024  # of the texts that were read: they depend a little on their batch


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


def machine_pairs(native: dict[str, Row], route: Route) -> list[Pair]:
    """Return what the bundled model makes along a route, as pairs."""
    made = machine_made(native, route)
    rows = zip(made.sources.to_pylist(), made.rows.to_pylist(), strict=True)
    return [Pair(source, row) for source, row in rows]


def machine_made(
    native: dict[str, Row], route: Route, backwards: Backwards | None = None
) -> CandidateBatch:
    """Return what the bundled model makes along a route, and what it says of it.

    Args:
        native: pairs by id.
        route: from the pairs' language.
        backwards: texts to be scored by the other direction, as ``BackTranslator`` takes them.

    Returns:
        The made rows with their sources and the engine's evidence.
    """
    catalog = ModelCatalog(cache_folder(os.environ))
    hops = {*route.hops, *((b, a) for a, b in route.hops if backwards)}
    translators = {hop: Translator(catalog.resolve(BUNDLED, *hop), device="cpu") for hop in hops}
    decoding = Decoding(batch_tokens=READ_BATCH_TOKENS)
    engine = BackTranslator([route], translators, decoding, backwards=backwards)
    return engine.apply(batch_from_rows(native.values(), native_schema()), 0).batch


def read_shifts(data: Path) -> dict[str, Row]:
    """Return SQuADShifts new-wiki, or nothing where it is not at hand."""
    file = data / "squadshifts-new-wiki" / "new_wiki_v1.0.json.gz"
    return read_squad(file, "en") if file.is_file() else {}


def read_nq(data: Path) -> dict[str, Row]:
    """Return NQ-open with its first passage, and the answers that this has, by line."""
    file = data / "nq-open-oracle" / "nq-open-oracle.jsonl.gz"
    lines = gzip.decompress(file.read_bytes()).splitlines() if file.is_file() else []
    rows = {}
    for number, line in enumerate(lines):
        record = json.loads(line)
        passage = record["ctxs"][0]["text"]
        starts = {answer: passage.find(answer) for answer in record["answers"]}
        answers = [{"text": text, "start": start} for text, start in starts.items() if start >= 0]
        key = f"nq-{number}"
        rows[key] = {
            "id": key,
            "group_id": f"{number}/0",
            "question": record["question"],
            "passage": passage,
            "question_lang": "en",
            "passage_lang": "en",
            "answers": answers,
        }
    return rows


def read_faquad(data: Path) -> dict[str, Row]:
    """Return FaQuAD, or nothing where it is not at hand."""
    files = sorted((data / "faquad-pt").glob("*.json.gz"))
    return {key: row for file in files for key, row in read_squad(file, "pt").items()}
