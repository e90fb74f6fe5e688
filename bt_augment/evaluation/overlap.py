"""Zero-shot is a claim that is checked: does training text hold text of the benchmark?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from bt_augment.evaluation.benchmarks.base import Collection
from bt_augment.pairs.contamination import BenchmarkText

TRAINING_MANIFEST = "training_manifest.json"

PASSAGE_SHARE = 0.1  # of a passage's 13-grams: the default of the filter contamination.passage


def training_overlap(model: str, collection: Collection) -> dict[str, Any]:
    """Return how many of a model's training texts the benchmark holds.

    Args:
        model: folder or name of the model; a ``training_manifest.json`` in the folder names the
            run folders it was trained on: ``{"runs": [{"folder": PATH, ...}, ...]}``, or paths.
        collection: the benchmark.

    Returns:
        ``checked``, and the number of distinct training ``questions`` that are, normalized,
        questions of the benchmark, and of distinct ``passages`` that share more than a tenth of
        their 13-grams with it. Where it could not be checked both are None, and ``reason`` says
        why.
    """
    try:
        runs = _runs(Path(model).expanduser())
        questions, passages = _texts(runs)
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        return {"checked": False, "questions": None, "passages": None, "reason": str(error)}
    known = BenchmarkText(
        (text for part in collection.queries.values() for text in part.texts),
        _benchmark_passages(collection),
    )
    return {
        "checked": True,
        "questions": sum(map(known.question_matches, questions)),
        "passages": sum(known.passage_overlap(text) > PASSAGE_SHARE for text in passages),
    }


def _runs(model: Path) -> list[Path]:
    path = model / TRAINING_MANIFEST
    if not path.is_file():
        raise OSError(f"there is no {TRAINING_MANIFEST} beside the model")
    content = json.loads(path.read_bytes())
    runs = content.get("runs") if isinstance(content, dict) else None
    if not isinstance(runs, list) or not runs:
        raise ValueError(f"{path} names no runs")
    found = []
    for run in runs:
        named = Path(str(run["folder"] if isinstance(run, dict) else run))
        place = next((p for p in (named, model / named) if (p / "train").is_dir()), None)
        if place is None:
            raise OSError(f"the training run {named} is no longer there")
        found.append(place)
    return found


def _texts(runs: list[Path]) -> tuple[set[str], set[str]]:
    """Return the distinct questions and passages of the training rows."""
    questions: set[str] = set()
    passages: set[str] = set()
    for run in runs:
        shards = sorted((run / "train").glob("*.arrow"))
        if not shards:
            raise OSError(f"the training run {run} has no shards")
        for shard in shards:
            with pa.memory_map(str(shard)) as source:
                for batch in pa.ipc.open_stream(source):
                    questions.update(batch.column("question").to_pylist())
                    passages.update(batch.column("passage").to_pylist())
    return questions, passages


def _benchmark_passages(collection: Collection) -> Iterator[str]:
    column = "context" if collection.contexts else "text"
    for part in collection.candidates.values():
        last = None
        for batch in part.table.select([column]).to_batches():
            for text in batch.column(0).to_pylist():
                if text != last:  # the sentences of a paragraph follow each other
                    yield text
                last = text
