"""Models that optional filters ask: which they are is settled before any work, as it decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bt_augment.errors import ModelError
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
    for score, name in named_models(recipe).items():
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

    Files and folders are named by their absolute path, as other processes work elsewhere.

    Args:
        recipe: a recipe.
        models: of :func:`filter_models`.
    """
    filters = dict(recipe.filters)
    for score, model in models.items():
        commit = model.get("revision")
        name = f"{model['name']}@{commit}" if commit else str(Path(model["name"]).absolute())
        options = {**filters[score].options, _MODEL: name}
        filters[score] = replace(filters[score], options=options)
    return replace(recipe, filters=filters)


def check_filter_models(
    recipe: Recipe, models: Mapping[str, Mapping[str, str]], cache: Path
) -> None:
    """Refuse files and folders on this machine that are not those of the machine that found them.

    Args:
        recipe: of :func:`with_pinned`.
        models: of :func:`filter_models`, on that machine.
        cache: where fingerprints are kept.

    Raises:
        ModelError: one is missing, differs, or cannot be read.
    """
    for score, model in models.items():
        if "fingerprint" not in model:
            continue
        path = Path(str(recipe.filters[score].options[_MODEL]))
        held = content_of(path, cache) if path.exists() else None
        if held != model["fingerprint"]:
            found = f"has the fingerprint {held}" if held else "is not there"
            raise ModelError(
                f"the model of the filter {score}, with the fingerprint {model['fingerprint']}, is "
                f"not on this machine: {path} {found}. Put it on a disk that all machines share, "
                "or copy it to the same path on each"
            )


def named_models(recipe: Recipe) -> dict[str, str]:
    """Return the model that the recipe names for each score that asks one."""
    return {
        score: str(recipe.filters[score].options[_MODEL])
        for score in sorted(recipe.enabled)
        if _MODEL in recipe.filters[score].options
    }
