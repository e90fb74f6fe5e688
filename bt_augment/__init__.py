"""Back-translated question-answer pairs for multilingual retrieval, and whether they helped.

The public names are loaded when they are first used, so that ``import bt_augment`` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bt_augment.errors import BtAugmentError
    from bt_augment.evaluation import Arm, Comparison, Evaluation, compare, evaluate
    from bt_augment.generation import Generation, Summary, generate, refilter
    from bt_augment.recipe import Recipe, load_recipe
    from bt_augment.shards.verification import verify
    from bt_augment.translation.route import Route
    from bt_augment.translation.translator import Decoding, Translator

__all__ = [
    "Arm",
    "BtAugmentError",
    "Comparison",
    "Decoding",
    "Evaluation",
    "Generation",
    "Recipe",
    "Route",
    "Summary",
    "Translator",
    "compare",
    "evaluate",
    "generate",
    "load_recipe",
    "refilter",
    "verify",
]

_HOMES = {
    "Arm": "evaluation",
    "BtAugmentError": "errors",
    "Comparison": "evaluation",
    "Decoding": "translation.translator",
    "Evaluation": "evaluation",
    "Generation": "generation",
    "Recipe": "recipe",
    "Route": "translation.route",
    "Summary": "generation",
    "Translator": "translation.translator",
    "compare": "evaluation",
    "evaluate": "evaluation",
    "generate": "generation",
    "load_recipe": "recipe",
    "refilter": "generation",
    "verify": "shards.verification",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its room."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
