"""What the training manifest says of a training: data, settings, what was drawn, versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_augment._version import installed_versions
from bt_augment.sentence_encoders import Prompts
from bt_augment.training.aligned_rows import AlignedRows
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
    prompts: Prompts,
    steps: int,
    ranks: int,
) -> dict[str, Any]:
    """Return the training manifest, without scores and seconds.

    Args:
        settings: of the training, resolved.
        identity: what decides the weights.
        training: rows trained on.
        kept_out: rows of the held-out split.
        sampler: draws what was trained on.
        prompts: put before the texts.
        steps: steps trained.
        ranks: processes that trained together.
    """
    return {
        "format": 1,
        "base_model": settings.base_model,
        "runs": [{**asdict(run), "folder": str(run.folder)} for run in training.runs],
        "fingerprint": hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest(),
        "methods": list(settings.methods),
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
        "drawn": _drawn(sampler, steps, ranks),
        "prompts": asdict(prompts),
        "versions": installed_versions(_PACKAGES),
    }


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
