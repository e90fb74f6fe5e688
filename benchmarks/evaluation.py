"""Speed of ``evaluate`` beside a plain sentence-transformers loop, and of int8 beside float32.

    python benchmarks/evaluation.py --model DIR --data XQUAD-R [--languages en,ar,zh] [--queries N]

All on the same machine, in turn, with the same encoder and the same batch size:

(a) ``evaluate`` with the torch back end and an empty cache: mono, cross and multi, every measure;
(b) a loop over the ordered pairs of languages that encodes the queries and the candidates of the
    pair with ``SentenceTransformer.encode`` and ranks by a matrix product (mono and cross alone);
(c) ``evaluate`` with the ctranslate2 back end in int8, conversion not counted.

``--pairs N`` times (b) on the first N pairs and multiplies; all pairs cost one encoding of a
language's queries and one of a language's candidates each. ``--queries`` takes so many questions
of each language, and the candidates as they are. Seconds of CPU, over all threads, are printed
beside those of the clock, which other work on the machine disturbs.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bt_augment.evaluation.benchmarks import Collection, Queries, load
from bt_augment.evaluation.embedding_store import EmbeddingStore
from bt_augment.evaluation.encoders import Encoder, load_encoder
from bt_augment.evaluation.evaluator import choose_settings, measure
from bt_augment.evaluation.results import ScoreTable

BATCH_SIZE = 32


def main() -> None:
    """Run what the command line asks for and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--languages", default=None)
    parser.add_argument("--queries", type=int, default=None)
    parser.add_argument("--pairs", type=int, default=None)
    parser.add_argument("--skip-loop", action="store_true", help="leave (b) out")
    arguments = parser.parse_args()
    languages = arguments.languages.split(",") if arguments.languages else None
    collection = limited(load("xquad-r", arguments.data, languages), arguments.queries)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    counts = collection.counts()
    print(
        f"{len(collection.languages)} languages, {sum(counts['queries'].values()):,} queries, "
        f"{sum(counts['candidates'].values()):,} candidates\n"
    )
    print("| | seconds | of CPU | texts encoded | MRR@20 mono | cross | multi |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as cache:
        torch_encoder = load_encoder(arguments.model, Path(cache), device="cpu")
        torch_seconds = evaluated("(a) evaluate, torch", collection, torch_encoder)
        if not arguments.skip_loop:
            loop_seconds = looped(arguments.model, collection, arguments.pairs)
            ratios("(b) / (a)", loop_seconds, torch_seconds)
        int8 = load_encoder(arguments.model, Path(cache), device="cpu", backend="ctranslate2")
        int8_seconds = evaluated("(c) evaluate, ctranslate2 int8", collection, int8)
        ratios("(a) / (c)", torch_seconds, int8_seconds)


def limited(collection: Collection, number: int | None) -> Collection:
    """Return the benchmark with so many questions of each language."""
    queries = {
        tag: Queries(part.ids[:number], part.texts[:number])
        for tag, part in collection.queries.items()
    }
    return replace(collection, queries=queries)


Seconds = tuple[float, float]  # of the clock, of CPU


def now() -> Seconds:
    """Return the clock and the CPU time of this process."""
    return time.perf_counter(), time.process_time()


def since(started: Seconds, factor: float = 1.0) -> Seconds:
    """Return the seconds since, times a factor."""
    clock, cpu = now()
    return (clock - started[0]) * factor, (cpu - started[1]) * factor


def ratios(name: str, slow: Seconds, fast: Seconds) -> None:
    """Print how much faster one is."""
    print(f"\n{name}: {slow[0] / fast[0]:.2f} by the clock, {slow[1] / fast[1]:.2f} by CPU\n")


def evaluated(name: str, collection: Collection, encoder: Encoder) -> Seconds:
    """Print a line for ``evaluate`` from an empty cache; return its seconds."""
    started = now()
    with tempfile.TemporaryDirectory() as folder:
        settings = choose_settings(collection, None)
        table, measured = measure(collection, encoder, EmbeddingStore(Path(folder)), settings)
    seconds = since(started)
    spent = f"{seconds[0]:.1f} | {seconds[1]:.1f}"
    print(f"| {name} | {spent} | {measured.encoded:,} | {cells(table)} |", flush=True)
    return seconds


def cells(table: ScoreTable) -> str:
    """Return MRR@20 of the three settings."""
    return " | ".join(f"{part['RR@20']:.4f}" for part in table.settings().values())


def looped(model: str, collection: Collection, pairs: int | None) -> Seconds:
    """Print a line for the plain loop; return its seconds, over all pairs."""
    from sentence_transformers import SentenceTransformer

    encoder = SentenceTransformer(model, device="cpu")
    everything = list(itertools.product(collection.languages, repeat=2))
    chosen = everything[:pairs]
    encoded = 0
    means: dict[bool, list[float]] = {True: [], False: []}
    started = now()
    for query_language, candidate_language in chosen:
        part = collection.candidates[candidate_language]
        texts = [text for block in part.texts("sentence") for text in block]
        asked = list(collection.queries[query_language].texts)
        options: dict[str, Any] = {"batch_size": BATCH_SIZE, "normalize_embeddings": True}
        queries = encoder.encode_query(asked, **options)
        candidates = encoder.encode_document(texts, **options)
        encoded += len(asked) + len(texts)
        scores = queries @ candidates.T
        judged = collection.judgements(query_language, candidate_language)
        own = scores[judged.queries, judged.candidates]
        ranks = 1 + (scores[judged.queries] > own[:, None]).sum(axis=1)
        reciprocal = np.where(ranks <= 20, 1 / ranks, 0).mean()
        means[query_language == candidate_language].append(float(reciprocal))
    seconds = since(started, len(everything) / len(chosen))
    note = "" if len(chosen) == len(everything) else f", from {len(chosen)} of {len(everything)}"
    mono, cross = (f"{np.mean(m):.4f}" if m else "" for m in (means[True], means[False]))
    spent = f"{seconds[0]:.1f} | {seconds[1]:.1f}"
    name = f"(b) loop per pair{note}"
    print(f"| {name} | {spent} | {encoded:,} | {mono} | {cross} | |", flush=True)
    return seconds


if __name__ == "__main__":
    main()
