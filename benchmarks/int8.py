"""What int8 costs on this CPU: translations beside those of a person, and those of float32.

    python benchmarks/int8.py [--model NAME]

Translates the 72 questions and the 24 passages of ``data/parallel`` greedily in both directions:
with the weights as they are stored, with rows eased so that no two products overflow 16 bits (what
``generate`` does on CPUs without VNNI), and in float32. Prints BLEU and chrF (sacrebleu's defaults;
passages whole), how many of the texts are word for word those of float32, and the seconds of the
engine.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import time
from pathlib import Path

import ctranslate2
import sacrebleu

from bt_augment.cache import cache_folder
from bt_augment.translation.devices import available_cores, int8_sums_saturate
from bt_augment.translation.int8_weights import eased_files
from bt_augment.translation.models import BUNDLED_MINI, ModelCatalog, ResolvedModel
from bt_augment.translation.segmentation import Layout
from bt_augment.translation.translator import CPU_BATCH_TOKENS

PARALLEL = Path(__file__).parent.parent / "data" / "parallel"
HOPS = (("en", "pt"), ("pt", "en"))
STORED, EASED, FLOAT32 = WAYS = ("int8 as stored", "int8 eased", "float32")


def main() -> None:
    """Print a table for each direction as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=BUNDLED_MINI)
    arguments = parser.parse_args()
    sums = "16 bits, which overflow" if int8_sums_saturate() else "32 bits"
    print(f"{platform.machine()}, {os.cpu_count()} cores, products of int8 are added in {sums}")
    ctranslate2.set_log_level(logging.ERROR)
    catalog = ModelCatalog(cache_folder(os.environ))
    for source, target in HOPS:
        model = catalog.resolve(arguments.model, source, target)
        questions, passages = texts(source)
        found = {way: translate(model, way, questions + passages, source) for way in WAYS}
        print(f"\n{model.name}, {source} to {target}:\n")
        print("| weights | questions BLEU / chrF | passages BLEU / chrF | as float32 | seconds |")
        print("|---|---|---|---|---|")
        for way, (made, seconds) in found.items():
            halves = (made[: len(questions)], made[len(questions) :])
            scores = " | ".join(map(score, halves, texts(target)))
            same = sum(map(str.__eq__, made, found[FLOAT32][0]))
            print(f"| {way} | {scores} | {same} of {len(made)} texts | {seconds:.1f} |")


def texts(lang: str) -> tuple[list[str], list[str]]:
    """Return the questions and the passages of a language."""
    content = json.loads((PARALLEL / f"{lang}.json").read_text(encoding="utf-8"))
    paragraphs = [p for article in content["data"] for p in article["paragraphs"]]
    questions = [qa["question"] for p in paragraphs for qa in p["qas"]]
    return questions, [p["context"] for p in paragraphs]


def translate(
    model: ResolvedModel, way: str, texts: list[str], lang: str
) -> tuple[list[str], float]:
    """Return the translated texts, and the seconds that the engine took."""
    engine = ctranslate2.Translator(
        str(model.folder),
        inter_threads=available_cores(),
        intra_threads=1,
        compute_type="float32" if way == FLOAT32 else "default",
        files=eased_files(model.folder) if way == EASED else None,
    )
    layouts = [Layout.of(text, lang) for text in texts]
    tokens = model.tokenizer.encode([s for layout in layouts for s in layout.sentences])
    prefix = model.tokenizer.target_prefix
    started = time.perf_counter()
    results = engine.translate_batch(
        tokens,
        target_prefix=[prefix] * len(tokens) if prefix else None,
        beam_size=1,
        batch_type="tokens",
        max_batch_size=CPU_BATCH_TOKENS,
    )
    seconds = time.perf_counter() - started
    made = iter(model.tokenizer.decode([result.hypotheses[0] for result in results]))
    return [layout.fill([next(made) for _ in layout.sentences]) for layout in layouts], seconds


def score(made: list[str], references: list[str]) -> str:
    """Return BLEU and chrF of a corpus."""
    bleu = sacrebleu.corpus_bleu(made, [references]).score
    return f"{bleu:.1f} / {sacrebleu.corpus_chrf(made, [references]).score:.1f}"


if __name__ == "__main__":
    main()
