"""Back-translated question-answer pairs for multilingual retrieval, and whether they helped.

The public names are loaded when they are first used, so that ``import bt_augment`` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bt_augment.errors import BtAugmentError
    from bt_augment.evaluation import Arm, Comparison, Evaluation, compare, evaluate
    from bt_augment.experiment import Experiment, load_experiment, run_experiment
    from bt_augment.generation import (
        Generation,
        RayCluster,
        Shard,
        ShardSummary,
        Summary,
        Verdict,
        generate,
        generate_shard,
        judge_pairs,
        refilter,
    )
    from bt_augment.recipe import Recipe, load_recipe
    from bt_augment.reporting import write_report
    from bt_augment.shards.verification import verify
    from bt_augment.training.hybrid_batches import (
        BatchMix,
        HybridBatchSampler,
        hybrid_batches,
    )
    from bt_augment.training.settings import TrainingSettings
    from bt_augment.training.trainer import train
    from bt_augment.translation.decoding import Decoding
    from bt_augment.translation.route import Route
    from bt_augment.translation.translator import Translator

__all__ = [
    "Arm",
    "BatchMix",
    "BtAugmentError",
    "Comparison",
    "Decoding",
    "Evaluation",
    "Experiment",
    "Generation",
    "HybridBatchSampler",
    "RayCluster",
    "Recipe",
    "Route",
    "Shard",
    "ShardSummary",
    "Summary",
    "TrainingSettings",
    "Translator",
    "Verdict",
    "compare",
    "evaluate",
    "generate",
    "generate_shard",
    "hybrid_batches",
    "judge_pairs",
    "load_experiment",
    "load_recipe",
    "refilter",
    "run_experiment",
    "train",
    "verify",
    "write_report",
]

_HOMES = {
    "Arm": "evaluation",
    "BatchMix": "training.hybrid_batches",
    "BtAugmentError": "errors",
    "Comparison": "evaluation",
    "Decoding": "translation.decoding",
    "Evaluation": "evaluation",
    "Experiment": "experiment",
    "Generation": "generation",
    "HybridBatchSampler": "training.hybrid_batches",
    "RayCluster": "generation",
    "Recipe": "recipe",
    "Route": "translation.route",
    "Shard": "generation",
    "ShardSummary": "generation",
    "Summary": "generation",
    "TrainingSettings": "training.settings",
    "Translator": "translation.translator",
    "Verdict": "generation",
    "compare": "evaluation",
    "evaluate": "evaluation",
    "generate": "generation",
    "generate_shard": "generation",
    "hybrid_batches": "training.hybrid_batches",
    "judge_pairs": "generation",
    "load_experiment": "experiment",
    "load_recipe": "recipe",
    "refilter": "generation",
    "run_experiment": "experiment",
    "train": "training.trainer",
    "verify": "shards.verification",
    "write_report": "reporting",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its room."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
