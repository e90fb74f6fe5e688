"""What the training manifest says of a training: data, settings, what was drawn, versions."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_augment._version import installed_versions
from bt_augment.errors import TrainingError
from bt_augment.sentence_encoders import TRAINING_MANIFEST, Prompts
from bt_augment.shards.atomic import json_of, read_errors
from bt_augment.training.aligned_rows import AlignedRows, Run
from bt_augment.training.settings import TrainingSettings

if TYPE_CHECKING:
    from bt_augment.training.hybrid_batches import HybridBatchSampler

_PACKAGES = ("bt-augment", "sentence-transformers", "transformers", "torch", "datasets")


def describe(
    settings: TrainingSettings,
    identity: Mapping[str, Any],
    training: AlignedRows,
    kept_out: AlignedRows,
    sampler: HybridBatchSampler,
    *,
    out: Path,
    earlier: Sequence[Mapping[str, Any]],
    prompts: Prompts,
    steps: int,
    best: int | None,
    ranks: int,
) -> dict[str, Any]:
    """Return the training manifest, without scores and seconds.

    Args:
        settings: of the training, resolved.
        identity: what decides the weights.
        training: rows trained on.
        kept_out: rows of the held-out split.
        sampler: draws what was trained on.
        out: folder of the model.
        earlier: from :func:`earlier_trainings`.
        prompts: put before the texts.
        steps: steps trained.
        best: the one whose weights the model has; None for the last.
        ranks: processes that trained together.
    """
    return {
        "format": 1,
        "base_model": settings.base_model,
        "runs": [_entry(run, out) for run in training.runs],
        "fingerprint": hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest(),
        "methods": list(settings.methods),
        "earlier_trainings": list(earlier),
        "counts": {
            **training.counts(),
            "rows": len(training),
            "pairs": len(sampler.index),
            "groups": len(np.unique(training.group)),
            "held_out_rows": len(kept_out),
            "held_out_groups": len(np.unique(kept_out.group)),
        },
        "settings": settings.identity(),
        "steps": steps,
        "weights_of_step": best or steps,
        "drawn": _drawn(sampler, steps, ranks),
        "prompts": asdict(prompts),
        "versions": installed_versions(_PACKAGES),
    }


def earlier_trainings(base_model: str, out: Path) -> list[dict[str, Any]]:
    """Return which rows a base model was trained on, as the manifest beside it says.

    What it has seen of a benchmark, a model that is trained from it has seen too.

    Args:
        base_model: a folder, or another name, of which nothing is known.
        out: folder of the model that is trained from it.

    Raises:
        TrainingError: the manifest is damaged.
        StorageError: the disk does not give it.
    """
    folder = Path(base_model)
    path = folder / TRAINING_MANIFEST
    with read_errors(path):
        if not path.is_file():
            return []
    try:
        content = json_of(path)
        own = {**content, "languages": content["settings"]["languages"]}
        return [
            {
                "runs": [_moved(run, folder, out) for run in training["runs"]],
                "methods": list(training["methods"]),
                "languages": training["languages"],
            }
            for training in (own, *content.get("earlier_trainings", []))
        ]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise TrainingError(
            f"{path}: does not say what the base model was trained on ({type(error).__name__}: "
            f"{error}), so no evaluation could tell what the new model has seen. Train the base "
            "model again, or remove the file to train without its word"
        ) from error


def _entry(run: Run, out: Path) -> dict[str, Any]:
    """Return a run with its place, and its place as seen from the model: both may move at once."""
    relative = os.path.relpath(run.folder, out.resolve())
    return {**asdict(run), "folder": str(run.folder), "relative": relative}


def _moved(run: Mapping[str, Any], folder: Path, out: Path) -> dict[str, Any]:
    """Return the entry of a run in the manifest of one model as that of another has it."""
    entry = {"folder": str(run["folder"]), "fingerprint": str(run["fingerprint"])}
    if "relative" in run:  # manifests of before have none
        place = folder.resolve() / str(run["relative"])
        entry["relative"] = os.path.relpath(place, out.resolve())
    return entry


def _drawn(sampler: HybridBatchSampler, steps: int, ranks: int) -> dict[str, Any]:
    """Return what the steps that were trained consisted of."""
    made = sum(int(sampler.index.made[b].sum()) for b in islice(sampler, steps * ranks))
    examples = steps * ranks * sampler.batch_size
    kinds = sampler.kinds[:steps]
    return {
        "monolingual_steps": kinds.count("monolingual"),
        "cross_lingual_steps": kinds.count("cross-lingual"),
        "made_share": round(made / examples, 6) if examples else 0.0,
        "languages": {kind: list(names) for kind, names in sampler.languages.items()},
    }
