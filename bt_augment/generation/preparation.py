"""What is settled before any work: the models, how units are made, and whose a run is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from bt_augment._version import installed_versions
from bt_augment.augmentation.code_switching import Switch, switches
from bt_augment.cache import cache_folder
from bt_augment.errors import InputError, ModelError, RecipeError, RouteError
from bt_augment.filtering.duplicates import ROWS_PER_UNIT
from bt_augment.generation.engines.base import Engine
from bt_augment.generation.filter_models import filter_models, with_pinned
from bt_augment.generation.request import Generation
from bt_augment.generation.unit_work import SCORED_BACKWARDS, Hop, UnitWork
from bt_augment.languages import normalize_tag
from bt_augment.pairs.contamination import BenchmarkText, benchmark_files
from bt_augment.pairs.readers import InputSettings, fingerprint
from bt_augment.recipe import Recipe
from bt_augment.shards.outputs import refuse_in_run, refuse_inputs_in
from bt_augment.shards.remote.fetched_inputs import fetched_inputs
from bt_augment.shards.remote.mirrored_folder import open_run_folder
from bt_augment.shards.remote.urls import place
from bt_augment.shards.run_folder import RunFolder
from bt_augment.translation.decoding import check_topk
from bt_augment.translation.devices import Device
from bt_augment.translation.lexicon import Lexicon, languages_of
from bt_augment.translation.model_reference import ModelReference
from bt_augment.translation.models import ModelCatalog, ResolvedModel
from bt_augment.translation.route import Route

_VERSIONED = ("bt-augment", "ctranslate2", "sentencepiece", "sentencex", "pyarrow", "fastchrf")
_BATCH_TOKENS = "batch_tokens"


@dataclass(frozen=True)
class Prepared:
    """A generation whose models are found.

    Attributes:
        folder: where the run is made.
        copies: input → its copy on this machine, for those that are elsewhere.
        settings: how the input is read.
        revisions: hub data set among the inputs → the commit to read.
        models: of this machine, one for each hop.
        work: how units are made.
        identity: what decides the bytes of the run; ``run.json`` holds it.
        begun: what ``run.json`` held when this was prepared; empty where there was none, or it is
            to be removed.
    """

    folder: RunFolder
    copies: Mapping[str, Path]
    settings: InputSettings
    revisions: Mapping[str, str]
    models: Mapping[Hop, ResolvedModel]
    work: UnitWork
    identity: Mapping[str, Any]
    begun: Mapping[str, Any]

    def open_engine(self, request: Generation) -> Engine:
        """Return the engine that the request asks for."""
        return request.engine.open(
            self.work, self.models, workers=request.workers, device=request.device
        )


def prepare(request: Generation) -> Prepared:
    """Find the models and all else that a run needs.

    Raises:
        BtAugmentError: something is not there, or does not fit together.
    """
    recipe = request.recipe
    kinds = switches([Lexicon.read(text) for text in recipe.lexicons])
    if not recipe.routes and not kinds:
        raise RouteError("no route: name at least one, such as --route en:pt:en")
    refuse_inputs_in(request.out, request.inputs)
    where = place(str(request.out))
    if isinstance(where, Path):
        refuse_in_run(where)
    cache = cache_folder(request.environment)
    folder = open_run_folder(request.out, cache)
    copies = fetched_inputs(request.inputs, cache)
    device = request.engine.resolve_device(request.device)
    begun = _begun(request, folder)
    models = _resolve_models(request, device, begun)
    hops = dict.fromkeys(hop for route in recipe.routes for hop in route.hops)
    check_topk({models[hop].folder: models[hop] for hop in hops}.values(), recipe.decoding)
    settings = input_settings(recipe)
    _check_unit_rows(recipe, len(kinds))
    request.engine.check_filters(recipe)
    asked = filter_models(recipe, cache, begun.get("filter_models"))
    inputs = fingerprint(request.inputs, settings, copies, _revisions(begun.get("inputs", ())))
    identity = _identity(request, inputs, models, kinds, device)
    if recipe.decontaminate:
        identity["benchmarks"] = benchmark_prints(recipe)
    if asked:
        identity["filter_models"] = asked
        recipe = with_pinned(recipe, asked)
    if device == "cuda":
        identity[_BATCH_TOKENS] = _batch_tokens(request, begun)
        decoding = replace(recipe.decoding, batch_tokens=identity[_BATCH_TOKENS])
        recipe = replace(recipe, decoding=decoding)
    benchmark = (
        BenchmarkText.from_folders(dict(recipe.decontaminate)) if recipe.decontaminate else None
    )
    references = {hop: ModelReference.of(model) for hop, model in models.items()}
    work = UnitWork(recipe, references, kinds, benchmark, device, asked)
    return Prepared(folder, copies, settings, _revisions(inputs), models, work, identity, begun)


def as_begun(request: Generation, prepared: Prepared) -> Prepared:
    """Return what was prepared, or is now, so that it goes on with the run in the folder.

    Another process may have begun it meanwhile, with what the hub had then and the batches of its
    own GPU.

    Args:
        request: what to generate.
        prepared: of the request; its folder is claimed.

    Raises:
        BtAugmentError: as :func:`prepare`.
    """
    begun = _begun(request, prepared.folder)
    if begun in (prepared.begun, json.loads(json.dumps(prepared.identity))):
        return prepared  # without reading the inputs again
    return replace(prepare(request), folder=prepared.folder)


def _begun(request: Generation, folder: RunFolder) -> dict[str, Any]:
    """Return what ``run.json`` holds of a run that may go on."""
    return {} if request.overwrite else folder.identity() or {}


def needed_hops(recipe: Recipe) -> list[Hop]:
    """Return the hops that a recipe's routes translate, then those that its filters score by."""
    hops = dict.fromkeys(hop for route in recipe.routes for hop in route.hops)
    if SCORED_BACKWARDS.keys() & recipe.enabled:
        hops |= dict.fromkeys((target, source) for source, target in hops)
    return list(hops)


def benchmark_prints(recipe: Recipe) -> dict[str, list[dict[str, Any]]]:
    """Return name → the fingerprints of its files, of the benchmarks that a run keeps clear of.

    Raises:
        InputError: a benchmark is missing or cannot be read.
    """
    return {
        name: fingerprint([str(file) for file in benchmark_files(name, path)])
        for name, path in recipe.decontaminate.items()
    }


def _check_unit_rows(recipe: Recipe, kinds: int) -> None:
    """Refuse units of more made rows than the index of duplicates can number."""
    most = recipe.output.unit_rows * (len(recipe.routes) + kinds) * recipe.decoding.candidates
    if most > ROWS_PER_UNIT:
        raise RecipeError(
            f"output.unit_rows: {recipe.output.unit_rows:,} native rows may become {most:,} made "
            f"ones, more than the {ROWS_PER_UNIT:,} of a unit; set it lower"
        )


def input_settings(recipe: Recipe) -> InputSettings:
    """Return the recipe's input section; the first language that all routes share is the default.

    Raises:
        LanguageError: its language is not BCP-47.
    """
    first = {route.tags[0] for route in recipe.routes}
    first |= {languages_of(text)[0] for text in recipe.lexicons}
    if recipe.input.lang is not None:
        return replace(recipe.input, lang=normalize_tag(recipe.input.lang))
    if len(first) == 1:
        return replace(recipe.input, lang=first.pop())
    return recipe.input


def check_routes(routes: Sequence[Route | Switch], languages: Mapping[str, int]) -> None:
    """Refuse a route that applies to no row.

    Args:
        routes: of the run.
        languages: tag → rows whose question and passage are both in its language, whatever region
            or script.

    Raises:
        InputError: there is one; the message names the languages of the input.
    """
    for route in routes:
        if not any(route.starts_in(tag) for tag in languages):
            held = ", ".join(f"{tag} ({n})" for tag, n in languages.items()) or "none"
            raise InputError(
                f"route {route} applies to no row: no pair has its question and its passage in "
                f"{route.tags[0]!r}. Languages of the input: {held}. Name another route, or say "
                "with --lang which language rows are in that name none"
            )


def _resolve_models(
    request: Generation, device: Literal["cpu", "cuda"], begun: Mapping[str, Any]
) -> dict[Hop, ResolvedModel]:
    """Return the model of each hop; of the hub, the one at the commit that the run began with."""
    catalog = ModelCatalog(cache_folder(request.environment))
    hops = needed_hops(request.recipe)
    taken = {request.recipe.models.override_for(*hop) for hop in hops}
    for source, target in request.recipe.models.overrides:
        if (source, target) not in taken:
            raise ModelError(
                f"a model is named for the hop {source}:{target}, which is not needed; the hops "
                f"are {', '.join(f'{s}:{t}' for s, t in hops)}"
            )
    known = _begun_models(request.recipe, begun)
    models = {}
    for hop in hops:
        model = known.get(":".join(hop), {})
        models[hop] = catalog.resolve(
            model.get("name") or request.recipe.models.for_hop(*hop),
            *hop,
            quantization=request.recipe.quantization,
            device=device,
            revision=model.get("revision"),
        )
    return models


def _begun_models(recipe: Recipe, begun: Mapping[str, Any]) -> Mapping[str, Mapping[str, str]]:
    """Return hop → its model in the run that goes on; none where the recipe names other models.

    What ``opus-mt`` and a name without a commit stand for may be another model by now.
    """
    named = begun.get("recipe", {}).get("translation", {}).get("models")
    same = named == recipe.resolved()["translation"]["models"]
    found: Mapping[str, Mapping[str, str]] = begun.get("models", {}) if same else {}
    return found


def _identity(
    request: Generation,
    inputs: Sequence[Mapping[str, Any]],
    models: Mapping[Hop, ResolvedModel],
    kinds: Sequence[Switch],
    device: Device,
) -> dict[str, Any]:
    return {
        "recipe": request.recipe.resolved(),
        "device": device,
        "inputs": inputs,
        "models": {
            f"{source}:{target}": {
                "name": model.name,
                "revision": model.revision,
                "fingerprint": model.fingerprint,
                "max_input_tokens": model.max_input_tokens,
                "usual_logprob": model.usual_logprob,
            }
            for (source, target), model in models.items()
        },
        "switches": {str(kind): [x.label for x in kind.lexicons] for kind in kinds},
        "versions": installed_versions(_VERSIONED),
    }


def _revisions(inputs: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the commits of the hub data sets among inputs: what a run reads to its end.

    The hub's newest commit may be another one by the time the run goes on, or out of reach.
    """
    return {entry["path"]: entry["revision"] for entry in inputs if entry.get("revision")}


def _batch_tokens(request: Generation, begun: Mapping[str, Any]) -> int:
    """Return the tokens of a batch on a GPU: as the recipe says, as the run began, or by memory.

    Translations depend a little on their batch, so a run keeps the size it began with.
    """
    asked = request.recipe.decoding.batch_tokens
    if asked is not None:
        return asked
    if begun.get(_BATCH_TOKENS) is not None:
        return int(begun[_BATCH_TOKENS])
    return request.engine.gpu_batch_tokens(request.device)
