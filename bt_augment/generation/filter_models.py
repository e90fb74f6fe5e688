"""Models that optional filters ask: which they are is settled before any work, as it decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bt_augment.recipe import Recipe
from bt_augment.translation.content import content_of
from bt_augment.translation.hub import pin_revision

_MODEL = "model"  # the option of a score that names one


def filter_models(recipe: Recipe, cache: Path) -> dict[str, dict[str, str]]:
    """Return score → ``name``, and the ``fingerprint`` of a file or folder or a hub ``revision``.

    Args:
        recipe: its enabled scores count.
        cache: where fingerprints are kept.

    Raises:
        ModelError: there is no such model, or it cannot be read.
    """
    found = {}
    for score, name in named_models(recipe).items():
        path = Path(name)
        if path.exists():
            found[score] = {"name": name, "fingerprint": content_of(path, cache)}
        else:
            source, _, wanted = name.partition("@")
            found[score] = {"name": source, "revision": pin_revision(source, wanted or None)}
    return found


def with_pinned(recipe: Recipe, models: Mapping[str, Mapping[str, str]]) -> Recipe:
    """Return the recipe with each hub model of its filters as ``NAME@REVISION``.

    Args:
        recipe: a recipe.
        models: of :func:`filter_models`.
    """
    filters = dict(recipe.filters)
    for score, model in models.items():
        if "revision" in model:
            named = {_MODEL: f"{model['name']}@{model['revision']}"}
            filters[score] = replace(filters[score], options={**filters[score].options, **named})
    return replace(recipe, filters=filters)


def named_models(recipe: Recipe) -> dict[str, str]:
    """Return the model that the recipe names for each score that asks one."""
    return {
        score: str(recipe.filters[score].options[_MODEL])
        for score in sorted(recipe.enabled)
        if _MODEL in recipe.filters[score].options
    }
