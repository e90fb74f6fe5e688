"""From an experiment to its steps, each known by a hash of all that decides its result."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from bt_augment.cache import cache_folder
from bt_augment.errors import InputError, ModelError, RecipeError
from bt_augment.evaluation import Evaluation
from bt_augment.experiment.alphas import Skipped, alphas_of
from bt_augment.experiment.measures import BIAS
from bt_augment.experiment.recipe import Arm, Base, DataRun, Experiment, Judge
from bt_augment.experiment.steps import (
    DATA_KINDS,
    CheckWork,
    EvaluateWork,
    FilterWork,
    GenerateWork,
    Kind,
    PrepareWork,
    Source,
    Step,
    TrainWork,
    Work,
    key_of,
    with_needs,
)
from bt_augment.generation.filter_models import filter_models, named_models
from bt_augment.generation.preparation import benchmark_prints, input_settings, needed_hops
from bt_augment.pairs.readers import fingerprint as input_fingerprint
from bt_augment.pairs.readers.detect import on_hub
from bt_augment.recipe import Recipe
from bt_augment.sentence_encoders import family_prompts
from bt_augment.shards.manifest import read_manifest
from bt_augment.shards.store import SPLITS
from bt_augment.training.base_model import pinned_name
from bt_augment.training.static_encoder import PREFIX, is_static
from bt_augment.translation.content import content_of, digest
from bt_augment.translation.devices import resolve_device
from bt_augment.translation.lexicon import Lexicon
from bt_augment.translation.model_folder import named_path
from bt_augment.translation.models import ModelCatalog

logger = logging.getLogger(__name__)

UNTRAINED = "untrained"
_T = TypeVar("_T")


@dataclass(frozen=True)
class Cell:
    """One results file of the experiment.

    Attributes:
        judge: name of the benchmark's entry.
        base: name of the base model.
        arm: name of the arm, or ``untrained``.
        alpha: probability of a monolingual step; None where nothing was trained.
        seed: of the training.
        model: the step that made the model.
        result: the step that wrote the file.
    """

    judge: str
    base: str
    arm: str
    alpha: float | None
    seed: int | None
    model: Step
    result: Step


@dataclass(frozen=True)
class Plan:
    """All steps of an experiment.

    Attributes:
        cells: the results files, in the order in which they come to be.
        steps: each step once, after all that it needs.
        skipped: what is left out, and why.
        resolved: what names of the hub stand for, as JSON; for the next plan.
    """

    cells: tuple[Cell, ...]
    steps: tuple[Step, ...]
    skipped: tuple[Skipped, ...]
    resolved: Mapping[str, Any]


def make_plan(
    experiment: Experiment,
    environment: Mapping[str, str],
    resolved: Mapping[str, Any] | None = None,
) -> Plan:
    """Return the steps of an experiment; reads what is needed to know the inputs again.

    Args:
        experiment: what is asked.
        environment: where ``BT_AUGMENT_CACHE`` is looked up.
        resolved: what names of the hub stood for in an earlier plan; taken where it does not
            answer, so that what was done then is known again.

    Raises:
        InputError: an input cannot be read.
        RunFolderError: a run folder that should be there already is not whole.
        ModelError: a model's folder cannot be read, or a filter's model not be looked up.
    """
    return _Planner(experiment, cache_folder(environment), resolved or {}).plan()


class _Planner:
    def __init__(self, experiment: Experiment, cache: Path, earlier: Mapping[str, Any]) -> None:
        self._experiment = experiment
        self._cache = cache
        self._earlier = earlier
        self._resolved: dict[str, Any] = {}
        self._steps: dict[str, Step] = {}  # entries that come to the same are one step
        self._device = resolve_device(experiment.device)
        self._runs = {name: self._run(run) for name, run in experiment.runs.items()}
        self._prints = {judge.name: content_of(judge.folder, cache) for judge in experiment.judges}

    def plan(self) -> Plan:
        alphas, skipped = alphas_of(self._experiment)
        for base in self._experiment.bases:
            self._check_baseline(base, alphas)
        cells = tuple(cell for base in self._experiment.bases for cell in self._cells(base, alphas))
        steps = list(with_needs(cell.result for cell in cells))
        # Benchmarks and rows first: what is wrong with either shows before the first training.
        data = [step for kind in DATA_KINDS for step in steps if step.kind == kind]
        ordered = (*data, *(s for s in steps if s not in data))
        return Plan(cells, ordered, skipped, self._resolved)

    def _run(self, run: DataRun) -> Source:
        if run.folder is not None:
            shards = [
                unit.files[split].sha256
                for unit in read_manifest(run.folder).units for split in SPLITS
            ]  # fmt: skip
            return Source(digest(shards), folder=run.folder)
        recipe = run.recipe
        resolved = recipe.resolved()
        resolved["decontaminate"] = {
            name: [_content_alone(entry) for entry in entries]
            for name, entries in benchmark_prints(recipe).items()
        }
        resolved["code_switch"]["lexicons"] = [Lexicon.read(text).label for text in recipe.lexicons]
        inputs = list(self._input_prints(run))
        key = key_of(
            "generate",
            {
                "recipe": resolved,
                "inputs": inputs,
                "models": self._models(recipe),
                "device": self._device,
            },
        )
        work = GenerateWork(run.inputs, recipe)
        step = self._step("generate", run.name, key, f"generate {run.name}", work)
        return Source(key, step)

    def _input_prints(self, run: DataRun) -> Iterator[Any]:
        settings = input_settings(run.recipe)
        for source in run.inputs:
            find = partial(input_fingerprint, [source], settings)
            if on_hub(source, settings):
                named = (settings.config, settings.split, settings.revision)
                yield from self._looked_up(f"input {source} {named}", find, list)
            else:
                yield from map(_content_alone, find())

    def _looked_up(self, name: str, find: Callable[[], _T], kind: type[_T]) -> _T:
        """Return what a name of the hub stands for now, else what it last stood for."""
        try:
            found = find()
        except (InputError, ModelError) as error:
            earlier = self._earlier.get(name)
            if not isinstance(earlier, kind):
                raise
            logger.warning("%s: not looked up, and taken as it was last: %s", name, error)
            found = earlier
        self._resolved[name] = found
        return found

    def _step(
        self, kind: Kind, name: str, key: str, clock: str, work: Work, needs: tuple[Step, ...] = ()
    ) -> Step:
        """Return the step of that key; the first entry of the recipe that comes to it names it."""
        return self._steps.setdefault(key, Step(kind, name, key, clock, work, needs))

    def _models(self, recipe: Recipe) -> dict[str, str]:
        """Return the content of the models that are here; those of a hub are known by name."""
        catalog = ModelCatalog(self._cache)
        found = {}
        for hop in sorted(needed_hops(recipe)):
            name = recipe.models.for_hop(*hop)
            if name.startswith("bundled:"):
                found[":".join(hop)] = catalog.resolve(name, *hop).fingerprint
            elif named_path(name).is_dir():
                found[":".join(hop)] = content_of(named_path(name), self._cache)
        if named := named_models(recipe):
            find = partial(self._filter_models, recipe)
            found |= self._looked_up(f"filter models {named}", find, dict)
        return found

    def _filter_models(self, recipe: Recipe) -> dict[str, str]:
        return {
            score: model.get("fingerprint") or model["revision"]
            for score, model in filter_models(recipe, self._cache).items()
        }

    def _unfiltered(self, run: str) -> Source:
        source = self._runs[run]
        key = key_of("filter", {"source": source.key, "thresholds": "off"})
        needs = () if source.step is None else (source.step,)
        name, work = f"{run} unfiltered", FilterWork(source)
        return Source(key, self._step("filter", name, key, f"filter {run}", work, needs))

    def _cells(self, base: Base, alphas: Mapping[str, tuple[float, ...]]) -> Iterator[Cell]:
        content = self._base_content(base)
        if base.untrained and not is_static(base.model):
            name = f"{base.name} {UNTRAINED}"
            step = self._prepare(base, content, name)
            for judge in self._experiment.judges:
                result = self._evaluate(judge, base, name, step)
                yield Cell(judge.name, base.name, UNTRAINED, None, None, step, result)
        for seed in base.seeds:
            for name, own in base.arms.items():
                for alpha in alphas[name]:
                    if own is not None and alpha not in own:
                        continue
                    title = f"{base.name}, {name}, alpha {alpha:g}, seed {seed}"
                    arm = self._experiment.arms[name]
                    step = self._train(base, content, arm, alpha, seed, title)
                    for judge in self._experiment.judges:
                        result = self._evaluate(judge, base, title, step)
                        yield Cell(judge.name, base.name, name, alpha, seed, step, result)

    def _check_baseline(self, base: Base, alphas: Mapping[str, tuple[float, ...]]) -> None:
        """Refuse a base model that would be trained without what all is compared with."""
        name = self._experiment.comparison.baseline
        trained = {
            arm for arm, own in base.arms.items()
            if any(own is None or alpha in own for alpha in alphas[arm])
        }  # fmt: skip
        if name not in trained:
            raise RecipeError(
                f"{self._experiment.where(('base_models', base.name))}: the baseline {name!r} is "
                "not trained, so that there is nothing to compare with (trained are "
                f"{', '.join(sorted(trained)) or 'none'}). See arms and alphas, or choose another "
                "comparison.baseline"
            )

    def _base_content(self, base: Base) -> str:
        name = base.model.removeprefix(PREFIX) if is_static(base.model) else base.model
        path = Path(name)
        if path.exists():
            content = content_of(path, self._cache)
            # The folder's name may decide the prompts; that of a model of the hub is in its key.
            family = family_prompts(base.model)
            return content if family is None else f"{content} {family}"
        if is_static(base.model):
            return base.model
        with suppress(ModelError):  # no hub and no copy: the training will say so
            find = partial(pinned_name, base.model)
            return self._looked_up(f"base model {base.model}", find, str)
        return base.model

    def _prepare(self, base: Base, content: str, name: str) -> Step:
        settings = replace(base.training, device=self._experiment.device)
        prompts = (settings.query_prompt, settings.passage_prompt)
        key = key_of(
            "prepare", {"base": content, "max_length": settings.max_length, "prompts": prompts}
        )
        return self._step("prepare", name, key, "prepare", PrepareWork(settings))

    def _train(
        self, base: Base, content: str, arm: Arm, alpha: float, seed: int, name: str
    ) -> Step:
        settings = replace(
            base.training,
            methods=arm.methods,
            languages=arm.languages,
            alpha=alpha,
            augmented_share=arm.augmented_share,
            seed=seed,
            device=self._experiment.device,
        )
        sources = tuple(
            self._runs[name] if arm.filtered else self._unfiltered(name) for name in arm.runs
        )
        identity = {k: v for k, v in settings.identity().items() if k != "base_model"}
        key = key_of(
            "train",
            {
                "base": content,
                "runs": [source.key for source in sources],
                "settings": identity,
                "device": self._device,
            },
        )
        needs = tuple(source.step for source in sources if source.step is not None)
        work = TrainWork(sources, settings)
        return self._step("train", name, key, f"train {base.name}", work, needs)

    def _evaluate(self, judge: Judge, base: Base, name: str, model: Step) -> Step:
        request = Evaluation(
            model="",
            benchmark=judge.benchmark,
            data=judge.folder,
            settings=judge.settings,
            languages=None if base.evaluation.languages is None else tuple(
                base.evaluation.languages
            ),
            candidate_text=judge.candidate_text,
            backend=base.evaluation.backend,
            batch_size=base.evaluation.batch_size,
            device=self._experiment.device,
            keep_embeddings=False,
        )  # fmt: skip
        decisive = {
            "data": self._prints[judge.name],
            **{name: getattr(request, name) for name in ("benchmark", "settings", "languages")},
        }
        tags = "" if request.languages is None else f" {','.join(request.languages)}"
        main = self._experiment.comparison.metrics[0]
        check = self._step(
            "check",
            f"{judge.name}{tags}",
            # The recipe knows of all other measures whether a benchmark has them.
            key_of("check", {**decisive, **({"main": main} if main in BIAS else {})}),
            f"check {judge.name}",
            CheckWork(request, main),
        )
        key = key_of(
            "evaluate",
            {
                **decisive,
                "model": model.key,
                "candidate_text": request.candidate_text,
                "backend": request.backend,
                "device": self._device,
            },
        )
        return self._step(
            "evaluate",
            f"{judge.name}, {name}",
            key,
            f"evaluate {judge.name} {base.name}",
            EvaluateWork(model, request),
            (check, model),
        )


def _content_alone(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fingerprint of a file wherever it lies."""
    return {key: value for key, value in entry.items() if key not in ("path", "folder")}
