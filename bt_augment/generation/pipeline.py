"""The run: units translated and scored side by side, judged and written in order."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from bt_augment.augmentation.back_translation import BackTranslator
from bt_augment.augmentation.code_switching import CodeSwitcher, Switch, switches
from bt_augment.augmentation.made import Augmenter
from bt_augment.errors import InputError, ModelError, RouteError
from bt_augment.filtering.duplicates import DuplicateIndex
from bt_augment.filtering.registry import build_filters, score_names
from bt_augment.generation.ingestion import (
    Ingested,
    duplicates_path,
    ingest,
    read_unit,
)
from bt_augment.generation.memory import free_engine_buffers, release, share_arenas
from bt_augment.generation.progress import Progress, Silent
from bt_augment.generation.units import JudgedUnit, ScoredUnit, UnitMaker, judge_unit
from bt_augment.languages import normalize_tag, same_language
from bt_augment.pairs.contamination import BenchmarkText
from bt_augment.pairs.readers import InputSettings, fingerprint
from bt_augment.pairs.schema import row_schema
from bt_augment.recipe import Recipe
from bt_augment.shards.card import write_card
from bt_augment.shards.manifest import (
    Manifest,
    Totals,
    UnitEntry,
    read_manifest,
    total,
    write_manifest,
)
from bt_augment.shards.run_folder import RunFolder
from bt_augment.shards.store import REJECTED, SPLITS, TRAIN, finish, shard_path, write_shard
from bt_augment.translation.lexicon import Lexicon, languages_of
from bt_augment.translation.models import ModelCatalog, ResolvedModel, cache_folder
from bt_augment.translation.route import Route
from bt_augment.translation.translator import Device, load_translators, resolve_device

logger = logging.getLogger(__name__)

DUAL = "fidelity.dual_cross_entropy"
UNITS_AHEAD = 2  # one translating while another is scored; more only holds memory
_VERSIONED = ("bt-augment", "ctranslate2", "sentencepiece", "sentencex", "pyarrow", "sacrebleu")

Hop = tuple[str, str]


@dataclass(frozen=True)
class Generation:
    """What to generate, and where.

    Attributes:
        inputs: files, folders or hub names.
        out: the run folder.
        recipe: everything that decides what is made.
        workers: batches translated at once on CPU; None is one per core. Makes no difference to
            the result.
        device: ``auto``, ``cpu`` or ``cuda``.
        overwrite: remove what another run left in ``out``.
        environment: where the model cache is looked up (``BT_AUGMENT_CACHE``).
    """

    inputs: Sequence[str]
    out: Path
    recipe: Recipe
    workers: int | None = None
    device: Device = "auto"
    overwrite: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Summary:
    """What a run gave.

    Attributes:
        out: the run folder.
        totals: sums over all units.
        ingested: what was read, left out, mended and quarantined.
        resumed: units that an earlier call had finished.
        units: units of the run.
    """

    out: Path
    totals: Totals
    ingested: Ingested
    resumed: int
    units: int


def generate(request: Generation, progress: Progress | None = None) -> Summary:
    """Run the whole of a generation, or the rest of one that was interrupted.

    Raises:
        BtAugmentError: anything a user can mend; before any work where it can be known then.
    """
    told = progress or Silent()
    recipe = request.recipe
    free_engine_buffers()
    share_arenas()
    kinds = switches([Lexicon.read(text) for text in recipe.lexicons])
    if not recipe.routes and not kinds:
        raise RouteError("no route: name at least one, such as --route en:pt:en")
    device = resolve_device(request.device)
    models = _resolve_models(request, device)
    settings = input_settings(recipe)
    benchmark = (
        BenchmarkText.from_folders(dict(recipe.decontaminate)) if recipe.decontaminate else None
    )
    folder = RunFolder(request.out)
    identity = _identity(request, settings, models, kinds, device)
    with folder.claimed():
        folder.begin(identity, overwrite=request.overwrite)
        if folder.finished:
            return finished_summary(folder)
        told.start("read", settings.limit)
        try:
            ingested = ingest(folder, request.inputs, settings, recipe.output.unit_rows, told)
            _check_routes((*recipe.routes, *kinds), ingested)
        except InputError:
            folder.abandon()  # else the mended input would be refused as another run's
            raise
        maker = UnitMaker(
            _augmenters(request, models, kinds, device),
            build_filters(
                recipe.enabled, {n: s.options for n, s in recipe.filters.items()}, benchmark
            ),
            recipe.enabled,
        )
        return _make_units(folder, ingested, maker, recipe, told)


def _augmenters(
    request: Generation,
    models: Mapping[Hop, ResolvedModel],
    kinds: Sequence[Switch],
    device: Literal["cpu", "cuda"],
) -> list[Augmenter]:
    recipe = request.recipe
    augmenters: list[Augmenter] = []
    if recipe.routes:
        translators = load_translators(models, device=device, workers=request.workers)
        dual = DUAL in recipe.enabled
        augmenters.append(
            BackTranslator(recipe.routes, translators, recipe.decoding, dual_cross_entropy=dual)
        )
    if kinds:
        augmenters.append(CodeSwitcher(kinds, recipe.switching, recipe.decoding.candidates))
    return augmenters


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


def _resolve_models(
    request: Generation, device: Literal["cpu", "cuda"]
) -> dict[Hop, ResolvedModel]:
    catalog = ModelCatalog(cache_folder(request.environment))
    hops = dict.fromkeys(hop for route in request.recipe.routes for hop in route.hops)
    for source, target in request.recipe.models.overrides:
        if not any(same_language(source, s) and same_language(target, t) for s, t in hops):
            raise ModelError(
                f"a model is named for the hop {source}:{target}, which is on no route; the hops "
                f"are {', '.join(f'{s}:{t}' for s, t in hops)}"
            )
    if DUAL in request.recipe.enabled:  # scored by the model of the other direction
        hops |= dict.fromkeys((target, source) for source, target in hops)
    return {
        hop: catalog.resolve(
            request.recipe.models.for_hop(*hop),
            *hop,
            quantization=request.recipe.quantization,
            device=device,
        )
        for hop in hops
    }


def _identity(
    request: Generation,
    settings: InputSettings,
    models: Mapping[Hop, ResolvedModel],
    kinds: Sequence[Switch],
    device: str,
) -> dict[str, Any]:
    return {
        "recipe": request.recipe.resolved(),
        "device": device,
        "inputs": fingerprint(request.inputs, settings),
        "models": {
            f"{source}:{target}": {
                "name": model.name,
                "revision": model.revision,
                "fingerprint": model.fingerprint,
                "max_input_tokens": model.max_input_tokens,
            }
            for (source, target), model in models.items()
        },
        "switches": {str(kind): [x.label for x in kind.lexicons] for kind in kinds},
        "versions": {name: version(name) for name in _VERSIONED},
    }


def _check_routes(routes: Sequence[Route | Switch], ingested: Ingested) -> None:
    for route in routes:
        if not any(route.starts_in(tag) for tag in ingested.languages):
            held = ", ".join(f"{tag} ({n})" for tag, n in ingested.languages.items()) or "none"
            raise InputError(
                f"route {route} applies to no row: no pair has its question and its passage in "
                f"{route.tags[0]!r}. Languages of the input: {held}. Name another route, or say "
                "with --lang which language rows are in that name none"
            )


def _make_units(
    folder: RunFolder, ingested: Ingested, maker: UnitMaker, recipe: Recipe, progress: Progress
) -> Summary:
    journal = folder.journal()
    resumed = len(journal.units)
    done = sum(entry.rows for entry in journal.units)
    progress.start("generate", ingested.rows)
    progress.advance("generate", done)
    with DuplicateIndex(duplicates_path(folder)) as index:
        for unit, scored in _scored_units(folder, maker, range(resumed, ingested.units)):
            sources = scored.made.column("source_id").to_pylist()
            scores = {**scored.scores, **index.score(unit, scored.sketches, sources)}
            judged = judge_unit(scored, scores, recipe.thresholds, recipe.output.native)
            entry = commit(folder.path, unit, ingested.units, scored, judged)
            index.add(unit, scored.sketches, sources)
            journal.append(entry)
            release()
            done += entry.rows
            progress.advance("generate", done)
    totals = total(
        journal.units,
        quarantined=sum(ingested.quarantined.values()),
        left_out=sum(ingested.left_out.values()),
    )
    shards = {split: [u.files[split] for u in journal.units] for split in SPLITS}
    finish(folder.path, row_schema(score_names()), shards)
    write_card(folder.path, totals)
    write_manifest(
        folder.path, Manifest(totals=totals, ingested=ingested.model_dump(), units=journal.units)
    )
    folder.discard_work()
    return Summary(folder.path, totals, ingested, resumed, ingested.units)


def _scored_units(
    folder: RunFolder, maker: UnitMaker, units: range
) -> Iterator[tuple[int, ScoredUnit]]:
    """Yield units in order while later ones are being made."""

    def make(unit: int) -> ScoredUnit:
        return maker.make(read_unit(folder, unit), unit)

    pool = ThreadPoolExecutor(UNITS_AHEAD, thread_name_prefix="unit")
    waiting: deque[tuple[int, Future[ScoredUnit]]] = deque()
    try:
        for unit in units:
            waiting.append((unit, pool.submit(make, unit)))
            if len(waiting) == UNITS_AHEAD:
                number, future = waiting.popleft()
                yield number, future.result()
        while waiting:
            number, future = waiting.popleft()
            yield number, future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def commit(path: Path, unit: int, units: int, scored: ScoredUnit, judged: JudgedUnit) -> UnitEntry:
    """Write a unit's shards, and return its entry for the manifest."""
    files = {
        TRAIN: write_shard(path, shard_path(TRAIN, unit, units), judged.train),
        REJECTED: write_shard(path, shard_path(REJECTED, unit, units), judged.rejected),
    }
    return UnitEntry(
        unit=unit,
        rows=scored.natives.num_rows,
        candidates=scored.made.num_rows,
        accepted=judged.accepted,
        rejected=scored.made.num_rows - judged.accepted,
        native_rejected=judged.native_rejected,
        not_applicable=dict(scored.not_applicable),
        reasons=dict(judged.reasons),
        routes={route: dict(counts) for route, counts in judged.routes.items()},
        seconds=round(scored.seconds, 3),
        tokens=scored.tokens,
        files=files,
    )


def finished_summary(folder: RunFolder) -> Summary:
    """Return the summary of a run that is whole already."""
    manifest = read_manifest(folder.path)
    folder.discard_work()
    return Summary(
        folder.path,
        manifest.totals,
        Ingested.model_validate(manifest.ingested),
        len(manifest.units),
        len(manifest.units),
    )
