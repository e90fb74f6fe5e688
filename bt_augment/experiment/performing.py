"""How each kind of step is done, by the same functions as its command."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bt_augment.cache import CACHE_VARIABLE
from bt_augment.errors import BtAugmentError, InputError
from bt_augment.evaluation import evaluate
from bt_augment.evaluation.benchmarks.base import MULTI
from bt_augment.evaluation.benchmarks.registry import load
from bt_augment.evaluation.evaluator import choose_settings
from bt_augment.experiment.measures import measures_in
from bt_augment.experiment.steps import (
    CheckWork,
    EvaluateWork,
    FilterWork,
    GenerateWork,
    PrepareWork,
    Source,
    Step,
    TrainWork,
)
from bt_augment.experiment.store import StepStore
from bt_augment.generation import Generation, Summary, generate, refilter
from bt_augment.generation.refiltering import stored_recipe
from bt_augment.progress import Progress
from bt_augment.recipe import needs_benchmark
from bt_augment.sentence_encoders import Prompts, prompts_of, store_prompts
from bt_augment.shards.atomic import sync_tree
from bt_augment.translation.devices import Device

if TYPE_CHECKING:
    from bt_augment.training.aligned_rows import AlignedRows
    from bt_augment.training.settings import TrainingSettings


@dataclass(frozen=True)
class Performer:
    """Does steps.

    Attributes:
        store: where what they write goes.
        device: ``auto``, ``cpu`` or ``cuda``.
        environment: where ``BT_AUGMENT_CACHE`` is looked up.
    """

    store: StepStore
    device: Device
    environment: Mapping[str, str]

    def perform(self, step: Step, progress: Progress) -> dict[str, Any]:
        """Do a step, or the rest of it; return what is worth noting.

        Raises:
            BtAugmentError: as the command of that kind of step.
        """
        match step.work:
            case CheckWork() as work:
                return self._check(step, work)
            case GenerateWork() as work:
                return self._generate(step, work, progress)
            case FilterWork() as work:
                return self._filter(step, work, progress)
            case PrepareWork() as work:
                return self._prepare(step, work)
            case TrainWork() as work:
                return self._train(step, work, progress)
            case EvaluateWork() as work:
                return self._evaluate(step, work, progress)

    def _check(self, step: Step, work: CheckWork) -> dict[str, Any]:
        request = work.request
        self.store.begin(step)
        collection = load(request.benchmark, request.data, request.languages)
        settings = choose_settings(collection, request.settings)
        if work.main not in measures_in(settings, collection.measures):
            raise InputError(
                f"{request.data}: {work.main}, the main measure, takes two languages or more and "
                f"the setting {MULTI}; evaluated are {', '.join(collection.languages)}, "
                f"{', '.join(settings)}. Put another measure first in comparison.metrics"
            )
        return {"counts": collection.counts()}

    def _generate(self, step: Step, work: GenerateWork, progress: Progress) -> dict[str, Any]:
        self.store.begin(step, inputs=work.inputs, recipe=work.recipe.resolved())
        request = Generation(
            inputs=work.inputs,
            out=self.store.path(step),
            recipe=work.recipe,
            device=self.device,
            environment=self.environment,
        )
        return _counts(generate(request, progress))

    def _filter(self, step: Step, work: FilterWork, progress: Progress) -> dict[str, Any]:
        source = self._folder(work.source)
        self.store.begin(step, source=source)
        recipe = stored_recipe(source)
        off = {
            name: replace(s, enabled=s.enabled and needs_benchmark(name))
            for name, s in recipe.filters.items()
        }
        out = self.store.path(step)
        recipe = replace(recipe, filters=off)
        return _counts(refilter(source, out, recipe, progress=progress))

    def _prepare(self, step: Step, work: PrepareWork) -> dict[str, Any]:
        from bt_augment.training.base_model import load_base_model
        from bt_augment.training.disk import disk_errors

        settings = work.settings
        self.store.begin(step)
        model = load_base_model(
            settings.base_model, max_length=settings.max_length, device="cpu"
        ).float()
        own = prompts_of(model, settings.base_model)
        store_prompts(
            model,
            Prompts(
                own.query if settings.query_prompt is None else settings.query_prompt,
                own.passage if settings.passage_prompt is None else settings.passage_prompt,
            ),
        )
        out = self.store.path(step)
        shutil.rmtree(out, ignore_errors=True)
        with disk_errors(out):
            model.save_pretrained(str(out), create_model_card=False)
            sync_tree(out)  # else the note that it is done could outlive a loss of power
        return {}

    def _train(self, step: Step, work: TrainWork, progress: Progress) -> dict[str, Any]:
        from bt_augment.training.trainer import train

        folders = [self._folder(source) for source in work.sources]
        self.store.begin(step, runs=folders, base=_absolute(work.settings.base_model))
        out = self.store.path(step)
        trained = train(folders, out, work.settings, resume=True, progress=progress)
        manifest = trained.manifest
        return {name: manifest[name] for name in ("counts", "steps", "drawn", "scores", "seconds")}

    def _evaluate(self, step: Step, work: EvaluateWork, progress: Progress) -> dict[str, Any]:
        self.store.begin(step)
        out = self.store.path(step)
        scratch = self.store.scratch
        try:
            results = evaluate(
                replace(
                    work.request,
                    model=str(self.store.path(work.model)),
                    out=out,
                    # What is kept for the next evaluation of a model: here there is none.
                    environment={CACHE_VARIABLE: str(scratch)},
                ),
                progress,
            )
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return {name: results[name] for name in ("settings", "overlap", "seconds")}

    def check_trainings(self, steps: list[Step]) -> None:
        """Refuse trainings that their rows do not allow, before the first of them.

        Raises:
            TrainingError: one cannot fill its batches, or has no hard negatives; the message
                names it.
            RunFolderError: a run is damaged.
        """
        from bt_augment.training.aligned_rows import read_rows

        groups: dict[Any, list[Step]] = {}  # rows are read once for all trainings on them
        for step in steps:
            work = cast("TrainWork", step.work)
            keys = tuple(source.key for source in work.sources)
            taken = (keys, work.settings.methods, work.settings.languages)
            groups.setdefault(taken, []).append(step)
        for group in groups.values():
            first = cast("TrainWork", group[0].work)
            with _named(group[0]):
                rows = read_rows(
                    [self._folder(source) for source in first.sources],
                    methods=first.settings.methods,
                    languages=first.settings.languages,
                )
            checked = set()
            for step in group:
                settings = cast("TrainWork", step.work).settings
                # The seed chooses the rows that are held out, and so what is left.
                seed = settings.seed if settings.held_out else 0
                mark = str(replace(settings, seed=seed).identity())
                if mark not in checked:
                    checked.add(mark)
                    with _named(step):
                        _check_training(rows, settings)

    def _folder(self, source: Source) -> Path:
        if source.step is not None:
            return self.store.path(source.step)
        if source.folder is None:
            raise ValueError("a source has a step or a folder")
        return source.folder


@contextmanager
def _named(step: Step) -> Iterator[None]:
    try:
        yield
    except BtAugmentError as error:
        error.args = (f"{step.name}: {error}",)
        raise


def _check_training(rows: AlignedRows, settings: TrainingSettings) -> None:
    from bt_augment.training.aligned_rows import held_out
    from bt_augment.training.drawing import drawn

    left = rows.select(~held_out(rows, settings.held_out, settings.seed))
    drawn(left, settings.resolved(len(left)))


def _counts(summary: Summary) -> dict[str, Any]:
    totals = summary.totals
    return {
        "counts": {
            "native": totals.native,
            "native_rejected": totals.native_rejected,
            "made": totals.candidates,
            "accepted": totals.accepted,
            "routes": totals.routes,
            "reasons": totals.reasons,
        },
        "seconds": totals.seconds,
    }


def _absolute(model: str) -> str:
    return str(Path(model).resolve()) if Path(model).is_dir() else model
