"""Speed and memory of ``generate``, side by side with the raw engine and with transformers.

    python benchmarks/generation.py                    # data/; (a), (b), (d) need no torch
    python benchmarks/generation.py --input squad.json.gz --pairs 2000 --hf-models DIR
    python benchmarks/generation.py --memory 2000 20000

All run in turn, in this order, on the same sentences and the same model:

(a) ``ctranslate2.Translator.translate_batch`` alone, on the unique sentences of the input,
    already tokenized, in one list per hop;
(d) the same without deduplication: every passage as often as its questions repeat it;
(b) ``bt-augment generate`` from file to finished shards, default filters included;
(c) a plain ``transformers`` generate loop, batch 32, on a sample of the sentences (needs
    ``bt-augment[convert]`` and ``--hf-models``, a folder with ``mini-en-pt/hf`` and
    ``mini-pt-en/hf``).

Speed is in source sentences per second: unique sentences times hops, over the time each took.
Each is run ``--repeat`` times, in turns, and the median ratio is printed, the lowest and the
highest beside it: machines drift. (d) takes by far the longest: ``--without-repeated`` leaves it
out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bt_augment.cache import cache_folder
from bt_augment.generation import Generation, generate
from bt_augment.pairs.readers import InputSettings, Record, read
from bt_augment.recipe import load_recipe
from bt_augment.translation.decoding import Decoding
from bt_augment.translation.int8_weights import files_for_cpu
from bt_augment.translation.models import BUNDLED_MINI, ModelCatalog, ResolvedModel
from bt_augment.translation.segmentation import Layout, split_long
from bt_augment.translation.translator import CPU_BATCH_TOKENS, Translator

DATA = Path(__file__).parent.parent / "data" / "en" / "qa.json"
HOPS = (("en", "pt"), ("pt", "en"))
ROUTE = "en:pt:en"
TRANSFORMERS_BATCH = 32


def main() -> None:
    """Run what the command line asks for and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input", type=Path, default=DATA)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--without-repeated", action="store_true", help="leave (d) out")
    parser.add_argument("--hf-models", type=Path, help="folder with mini-en-pt/hf, mini-pt-en/hf")
    parser.add_argument("--sample", type=int, default=160, help="sentences for (c)")
    parser.add_argument("--memory", type=int, nargs="+", metavar="PAIRS")
    parser.add_argument("--sweep", action="store_true", help="raw engine by batch size in tokens")
    parser.add_argument("--one-run", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one_run:
        run_once(arguments.input, arguments.one_run)
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    if arguments.memory:
        measure_memory(arguments.input, arguments.memory)
    elif arguments.sweep:
        sweep(arguments.input, arguments.pairs)
    else:
        measure_speed(arguments)


def measure_speed(arguments: argparse.Namespace) -> None:
    """Print sentences per second of (a) to (d) and the ratios of the targets."""
    records = read_records(arguments.input, arguments.pairs)
    catalog = ModelCatalog(cache_folder(os.environ))
    models = [catalog.resolve(BUNDLED_MINI, *hop) for hop in HOPS]
    repeated = [s for record in records for s in sentences_of(record, models[0])]
    unique = list(dict.fromkeys(repeated))
    work = len(unique) * len(HOPS)
    print(f"{len(records)} pairs, {len(unique)} unique sentences of {len(repeated)}, {ROUTE}\n")
    raw, ours, plain = [], [], []
    for _ in range(arguments.repeat):
        raw.append(time_raw(models, unique))
        ours.append(time_generate(arguments.input, len(records)))
        if not arguments.without_repeated:
            plain.append(time_raw(models, repeated))
    print("| | seconds (median) | sentences/s |\n|---|---|---|")
    ratios = []
    for name, letter, seconds in (
        ("(a) raw CTranslate2, unique sentences", "a", raw),
        ("(b) bt-augment generate, file to shards", "b", ours),
        ("(d) raw CTranslate2, sentences repeated", "d", plain),
    ):
        if not seconds:
            continue
        median = statistics.median(seconds)
        print(f"| {name} | {median:.2f} | {work / median:.0f} |")
        if seconds is not ours:
            times = [other / own for other, own in zip(seconds, ours, strict=True)]
            ratios.append(
                f"(b) is {statistics.median(times):.2f} x ({letter}), "
                f"{min(times):.2f} to {max(times):.2f} of {len(times)}"
            )
    if arguments.hf_models:
        step = max(1, len(unique) // arguments.sample)
        sample = unique[::step]
        ours_rate = work / statistics.median(ours)
        rate = len(sample) * len(HOPS) / time_transformers(arguments.hf_models, sample)
        print(
            f"| (c) transformers, batch {TRANSFORMERS_BATCH}, {len(sample)} sentences | "
            f"| {rate:.0f} |"
        )
        ratios.append(f"(b) is {ours_rate / rate:.1f} x (c)")
    print("\n" + "\n".join(ratios))


def read_records(path: Path, pairs: int) -> list[Record]:
    """Return the first ``pairs`` records."""
    settings = InputSettings(lang="en", limit=pairs)
    return [item for item in read([str(path)], settings) if isinstance(item, Record)]


def sentences_of(record: Record, model: ResolvedModel) -> Iterator[str]:
    """Yield the pieces of text that a route translates for one pair."""
    for text in (record.passage, record.question):
        for sentence in Layout.of(text, "en").sentences:
            pieces = split_long(
                sentence,
                lambda texts: [len(tokens) for tokens in model.tokenizer.encode(texts)],
                model.max_input_tokens,
            )
            yield from (piece.strip() for piece in pieces)


def time_raw(
    models: list[ResolvedModel], sentences: list[str], threads: int | None = None
) -> float:
    """Return seconds of ``translate_batch`` over both hops, tokenizing left out.

    Args:
        models: one for each hop.
        sentences: texts in the first language.
        threads: batches translated at once; None is one per core.
    """
    import ctranslate2

    seconds = 0.0
    for model in models:
        engine = ctranslate2.Translator(
            str(model.folder),
            inter_threads=threads or os.cpu_count() or 1,
            intra_threads=1,
            files=files_for_cpu(model.folder),
        )
        tokens = model.tokenizer.encode(sentences)
        started = time.monotonic()
        results = engine.translate_batch(
            tokens, batch_type="tokens", max_batch_size=CPU_BATCH_TOKENS, beam_size=1
        )
        seconds += time.monotonic() - started
        sentences = model.tokenizer.decode([r.hypotheses[0] for r in results])
    return seconds


def time_generate(path: Path, pairs: int) -> float:
    """Return seconds of a whole ``generate``, from reading the file to finished shards."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        run(path, Path(folder) / "run", pairs)
        return time.monotonic() - started


def run(path: Path, out: Path, pairs: int) -> None:
    """Generate with the defaults."""
    recipe = load_recipe(None, {"routes": [ROUTE], "input.limit": pairs})
    generate(Generation([str(path)], out, recipe, environment=os.environ))


def time_transformers(folder: Path, sentences: list[str]) -> float:
    """Return seconds of a plain generate loop over both hops, float32, greedy."""
    import torch
    from transformers import MarianMTModel, MarianTokenizer

    torch.set_num_threads(os.cpu_count() or 1)
    seconds = 0.0
    for name in ("mini-en-pt", "mini-pt-en"):
        tokenizer = MarianTokenizer.from_pretrained(folder / name / "hf")
        model = MarianMTModel.from_pretrained(folder / name / "hf", dtype=torch.float32).eval()
        out: list[str] = []
        started = time.monotonic()
        for i in range(0, len(sentences), TRANSFORMERS_BATCH):
            batch = tokenizer(
                sentences[i : i + TRANSFORMERS_BATCH],
                return_tensors="pt",
                padding=True,
                truncation=True,
                max_length=256,
            )
            with torch.inference_mode():
                made = model.generate(**batch, max_new_tokens=256, num_beams=1, do_sample=False)
            out += tokenizer.batch_decode(made, skip_special_tokens=True)
        seconds += time.monotonic() - started
        sentences = out
    return seconds


def sweep(path: Path, pairs: int) -> None:
    """Print the raw engine's speed by batch size."""
    records = read_records(path, pairs)
    catalog = ModelCatalog(cache_folder(os.environ))
    model = catalog.resolve(BUNDLED_MINI, "en", "pt")
    engine = Translator(model, device="cpu")
    sentences = list(dict.fromkeys(s for record in records for s in sentences_of(record, model)))
    print("| batch tokens | sentences/s |\n|---|---|")
    for size in (512, 1024, 1536, 2048, 4096, 8192):
        started = time.monotonic()
        engine.translate(sentences, Decoding(batch_tokens=size))
        print(f"| {size} | {len(sentences) / (time.monotonic() - started):.0f} |")


def measure_memory(path: Path, sizes: list[int]) -> None:
    """Print peak memory of whole processes over inputs of several sizes."""
    print("| pairs | peak memory, MB |\n|---|---|")
    peaks = []
    for size in sizes:
        command = [sys.executable, __file__, "--input", str(path), "--one-run", str(size)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks.append(json.loads(done.stdout)["peak_mb"])
        print(f"| {size} | {peaks[-1]:.0f} |", flush=True)
    print(f"\nlast over first: {peaks[-1] / peaks[0]:.3f}")


def run_once(path: Path, pairs: int) -> None:
    """Generate over ``pairs`` pairs in this process and print its peak memory as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "input.jsonl"
        write_copies(path, source, pairs)
        run(source, Path(folder) / "run", pairs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"peak_mb": peak}))


def write_copies(path: Path, target: Path, pairs: int) -> None:
    """Write ``pairs`` pairs: the input's, over again with a word that tells the rounds apart."""
    with target.open("w", encoding="utf-8") as file:
        for number, row in zip(range(pairs), _endless(path), strict=False):
            file.write(json.dumps({**row, "id": str(number)}, ensure_ascii=False) + "\n")


def _endless(path: Path) -> Iterator[dict[str, Any]]:
    turn = 0
    while True:
        for item in read([str(path)], InputSettings(lang="en")):
            if isinstance(item, Record):
                mark = f"Part {turn}. " if turn else ""
                yield {"question": item.question, "passage": mark + item.passage}
        turn += 1


if __name__ == "__main__":
    main()
