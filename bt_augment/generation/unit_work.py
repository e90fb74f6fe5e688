"""All that decides what a unit becomes, in a form that travels to other processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bt_augment.augmentation.back_translation import BackTranslator, Backwards
from bt_augment.augmentation.code_switching import CodeSwitcher, Switch
from bt_augment.augmentation.made import Augmenter
from bt_augment.filtering.base import Filter
from bt_augment.filtering.registry import build_filters
from bt_augment.generation.units import UnitMaker
from bt_augment.pairs.contamination import BenchmarkText
from bt_augment.recipe import Recipe
from bt_augment.translation.model_reference import ModelReference
from bt_augment.translation.models import ModelCatalog, ResolvedModel
from bt_augment.translation.translator import load_translators

# Scores by the model of the other direction → the texts that it scores; the last counts.
SCORED_BACKWARDS: dict[str, Backwards] = {
    "fidelity.question_backward": "questions",
    "fidelity.dual_cross_entropy": "all",
}

# A text this many times the highest length accepted is not translated: what the models made of it
# could only be accepted if they lost two thirds of it. A megabyte takes them minutes.
_HOPELESS = 3

Hop = tuple[str, str]


def longest_translated(recipe: Recipe) -> dict[str, float]:
    """Return column → characters past which a pair is rejected without being translated.

    A column whose length is not judged, or has no highest value, is not among them.
    """
    settings = {c: recipe.filters[f"text.{c}_length"] for c in ("question", "passage")}
    return {
        column: _HOPELESS * setting.threshold.max
        for column, setting in settings.items()
        if setting.enabled and setting.threshold.max is not None
    }


def filters_of(recipe: Recipe, benchmark: BenchmarkText | None = None) -> list[Filter]:
    """Return the filters that are enabled; what they need is loaded with their first batch.

    Raises:
        MissingDependencyError: an optional filter's package is missing.
    """
    options = {name: setting.options for name, setting in recipe.filters.items()}
    return build_filters(recipe.enabled, options, benchmark)


@dataclass(frozen=True)
class UnitWork:
    """How units are made. Holds no loaded model, and can be pickled.

    Attributes:
        recipe: with every setting that decides what is made.
        models: one for each hop that is translated or scored.
        switches: kinds of code-switched text.
        benchmark: text that training must not hold.
        device: where models run.
        filter_models: those that optional filters ask, by score; the recipe says where they are.
    """

    recipe: Recipe
    models: Mapping[Hop, ModelReference]
    switches: tuple[Switch, ...]
    benchmark: BenchmarkText | None
    device: Literal["cpu", "cuda"]
    filter_models: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def find_models(self, catalog: ModelCatalog) -> dict[Hop, ResolvedModel]:
        """Return the models as they lie on this machine.

        Raises:
            BtAugmentError: as :meth:`ModelReference.find`.
        """
        return {
            hop: reference.find(
                catalog, *hop, quantization=self.recipe.quantization, device=self.device
            )
            for hop, reference in self.models.items()
        }

    def maker(
        self,
        models: Mapping[Hop, ResolvedModel],
        *,
        workers: int | None = None,
        gpus: Sequence[int] | None = None,
    ) -> UnitMaker:
        """Load the models, and return what makes units with them.

        Args:
            models: one for each hop.
            workers: batches translated at once on CPU; None is one per core.
            gpus: numbers of the GPUs to use; None is all.

        Raises:
            BtAugmentError: a model cannot be loaded, or an optional filter's package is missing.
        """
        recipe = self.recipe
        augmenters: list[Augmenter] = []
        if recipe.routes:
            translators = load_translators(
                models, device=self.device, device_index=gpus, workers=workers
            )
            wanted = [SCORED_BACKWARDS[name] for name in SCORED_BACKWARDS if name in recipe.enabled]
            augmenters.append(
                BackTranslator(
                    recipe.routes,
                    translators,
                    recipe.decoding,
                    backwards=wanted[-1] if wanted else None,
                    longest=longest_translated(recipe),
                )
            )
        if self.switches:
            augmenters.append(
                CodeSwitcher(self.switches, recipe.switching, recipe.decoding.candidates)
            )
        return UnitMaker(augmenters, filters_of(recipe, self.benchmark), recipe.enabled)
