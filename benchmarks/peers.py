"""Speed of ``generate`` beside other packages that translate, with the same model and texts.

    pip install -c constraints.txt argostranslate==1.11.0   # in an environment of its own
    python benchmarks/peers.py --input squad.json.gz --pairs 500
    pip install -c constraints.txt nlpaug==1.1.11 '.[convert]'
    python benchmarks/peers.py --input squad.json.gz --pairs 500 --hf-models DIR

All run in turn on the same different texts (questions and passages, each once, which spares the
peers what ``generate`` spares itself), there and back, greedy:

(b) ``bt-augment generate``, file to finished shards, default filters included;
(e) Argos Translate, the real package, our model packaged in its format; ``translate`` text by
    text, as its users do. Its own sentence splitter is a download of its own, so that texts are
    given to it already split: that costs it nothing.
(f) nlpaug's ``BackTranslationAug`` (transformers), batch 32, on a sample of the sentences.

Speed is in source sentences per second: sentences of the texts times hops, over the time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from generation import DATA, HOPS, ROUTE, read_records, time_generate

from bt_augment.cache import cache_folder
from bt_augment.translation.models import BUNDLED_MINI, ModelCatalog
from bt_augment.translation.segmentation import Layout

SAMPLE = 160  # sentences for (f)


def main() -> None:
    """Print sentences per second of each, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input", type=Path, default=DATA)
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--hf-models", type=Path, help="folder with mini-en-pt/hf, mini-pt-en/hf")
    arguments = parser.parse_args()
    records = read_records(arguments.input, arguments.pairs)
    texts = list(dict.fromkeys(t for r in records for t in (r.passage, r.question)))
    sentences = list(dict.fromkeys(s for text in texts for s in Layout.of(text, "en").sentences))
    work = len(sentences) * len(HOPS)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print(f"{len(records)} pairs, {len(texts)} texts, {len(sentences)} sentences, {ROUTE}\n")
    ours: list[float] = []
    argos: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        translations = argos_translations(Path(folder)) if find_spec("argostranslate") else None
        for _ in range(arguments.repeat):
            ours.append(time_generate(arguments.input, len(records)))
            if translations:
                argos.append(time_argos(translations, texts))
    print("| | seconds (median) | sentences/s |\n|---|---|---|")
    rate = _report("(b) bt-augment generate, file to shards", ours, work)
    ratios = []
    if argos:
        _report("(e) Argos Translate, text by text", argos, work)
        ratio = statistics.median(e / b for e, b in zip(argos, ours, strict=True))
        ratios.append(f"(b) is {ratio:.1f} x (e)")
    if arguments.hf_models and find_spec("nlpaug"):
        sample = sentences[:: max(1, len(sentences) // SAMPLE)]
        seconds = time_nlpaug(arguments.hf_models, sample)
        other = _report("(f) nlpaug, a sample", [seconds], len(sample) * len(HOPS))
        ratios.append(f"(b) is {rate / other:.1f} x (f)")
    print("\n" + "\n".join(ratios))


def _report(name: str, seconds: Sequence[float], work: int) -> float:
    median = statistics.median(seconds)
    print(f"| {name} | {median:.2f} | {work / median:.0f} |")
    return work / median


class _Given:
    """Splits sentences as bt-augment does, in place of a splitter that is downloaded."""

    def __init__(self, tag: str) -> None:
        self._tag = tag

    def split_sentences(self, text: str) -> list[str]:
        return list(Layout.of(text, self._tag).sentences)


def argos_translations(folder: Path) -> list[object]:
    """Return Argos Translate's translations for both hops, from packages of the bundled model."""
    os.environ |= {
        "ARGOS_PACKAGES_DIR": str(folder / "packages"),
        "ARGOS_BEAM_SIZE": "1",
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }
    catalog = ModelCatalog(cache_folder(os.environ))
    for source, target in HOPS:
        model = catalog.resolve(BUNDLED_MINI, source, target)
        package = folder / "packages" / f"translate-{source}_{target}-1_0"
        shutil.copytree(model.folder, package / "model")
        shutil.copy(model.folder / "source.spm", package / "sentencepiece.model")
        metadata = {
            "package_version": "1.0",
            "argos_version": "1.11",
            "from_code": source,
            "from_name": source,
            "to_code": target,
            "to_name": target,
        }
        (package / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
        # Argos Translate adds no end of sentence itself; its own models are converted to add it.
        config = package / "model" / "config.json"
        content = json.loads(config.read_text(encoding="utf-8"))
        config.write_text(json.dumps({**content, "add_source_eos": True}), encoding="utf-8")
    from argostranslate import translate

    made = []
    for source, target in HOPS:
        cached = translate.get_translation_from_codes(source, target)
        cached.underlying.sentencizer = _Given(source)
        made.append(cached)
    return made


def time_argos(translations: Sequence[Any], texts: Sequence[str]) -> float:
    """Return seconds of Argos Translate over all texts, there and back."""
    started = time.monotonic()
    for translation in translations:
        texts = [translation.translate(text) for text in texts]
    return time.monotonic() - started


def time_nlpaug(folder: Path, sentences: list[str]) -> float:
    """Return seconds of nlpaug's back-translation of the sentences, greedy as its models say."""
    import nlpaug.augmenter.word as naw

    augmenter = naw.BackTranslationAug(
        from_model_name=str(folder / "mini-en-pt" / "hf"),
        to_model_name=str(folder / "mini-pt-en" / "hf"),
        device="cpu",
        batch_size=32,
        max_length=256,
    )
    started = time.monotonic()
    augmenter.augment(sentences)
    return time.monotonic() - started


if __name__ == "__main__":
    main()
