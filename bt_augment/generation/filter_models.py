"""Models that optional filters ask: which they are is settled before any work, as it decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bt_augment.recipe import Recipe
from bt_augment.translation.content import content_of
from bt_augment.translation.hub import pin_revision

_MODEL = "model"  # the option of a score that names one


def filter_models(
    recipe: Recipe, cache: Path, known: Mapping[str, Mapping[str, str]] | None = None
) -> dict[str, dict[str, str]]:
    """Return score → ``name``, and the ``fingerprint`` of a file or folder or a hub ``revision``.

    Args:
        recipe: its enabled scores count.
        cache: where fingerprints are kept.
        known: what a run that goes on began with; the hub is not asked for these again.

    Raises:
        ModelError: there is no such model, or it cannot be read.
    """
    found = {}
    for score, name in _named(recipe).items():
        path = Path(name)
        if path.exists():
            found[score] = {"name": name, "fingerprint": content_of(path, cache)}
        else:
            source, _, wanted = name.partition("@")
            begun = (known or {}).get(score, {})
            revision = begun.get("revision") if begun.get("name") == source else None
            found[score] = {
                "name": source,
                "revision": revision or pin_revision(source, wanted or None),
            }
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


def _named(recipe: Recipe) -> dict[str, str]:
    return {
        score: str(recipe.filters[score].options[_MODEL])
        for score in sorted(recipe.enabled)
        if _MODEL in recipe.filters[score].options
    }
