"""A YAML file to an experiment: a profile laid over it, names followed, defaults filled in."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any
from unicodedata import category

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as pydantic_dataclass

from bt_augment.errors import BtAugmentError, RecipeError, did_you_mean
from bt_augment.evaluation.benchmarks.registry import BENCHMARKS
from bt_augment.experiment.measures import BIAS, measures_in
from bt_augment.experiment.recipe import Arm, Base, DataRun, Experiment, Judge
from bt_augment.experiment.sections import (
    ArmSection,
    BaseModelSection,
    BenchmarkSection,
    EvaluationSection,
    Sections,
    arm_of,
)
from bt_augment.languages import normalize_tag
from bt_augment.recipe import Recipe, recipe_from
from bt_augment.settings_file import Places, assign, merged, parse_assignments, read_settings
from bt_augment.training.settings import TrainingSettings
from bt_augment.training.static_encoder import is_static

logger = logging.getLogger(__name__)
_LONGEST_NAME = 100  # bytes; two of them and a suffix are a file's name
_NO_LINE = ("Cc", "Cs", "Zl", "Zp")  # control characters, halves of pairs, line ends
_EXAMPLE = "data.squadshifts=PATH or profile=small"
# The experiment decides these: arms, alphas, seeds and base models are what it varies.
DECIDED = (
    "base_model", "methods", "languages", "alpha", "augmented_share", "seed", "device", "report_to"
)  # fmt: skip


@pydantic_dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class _Training(TrainingSettings):
    """Training settings, with their types checked."""


def load_experiment(path: Path | str, assignments: Sequence[str] = ()) -> Experiment:
    """Return the experiment that a YAML file describes.

    The profile chosen by ``profile`` is laid over the file, then the assignments over both.

    Args:
        path: the file. Relative paths in it are taken from the working folder.
        assignments: ``KEY=VALUE`` with a dotted key and a YAML value.

    Raises:
        RecipeError: a key is unknown, a value out of range, a name not declared, or data are not
            there; the message names the place.
        BtAugmentError: a route, language or model name is not valid.
    """
    content, where = read_settings(Path(path))
    given = list(parse_assignments(assignments, _EXAMPLE))
    for key, value in given:
        if key == "profile":
            where = where.assigned([assign(content, key, value)], "--set ")
        elif key.partition(".")[0] == "profiles":
            raise RecipeError(
                f"--set {key}: choose a profile with --set profile=NAME, and change what it says "
                "by the key itself, such as --set training.steps=100; assignments come last"
            )
    content, where = _profiled(content, where)
    where = where.assigned([assign(content, *item) for item in given], "--set ")
    where.refuse_flags(content, Sections)
    try:
        sections = Sections.model_validate(content)
    except ValidationError as error:
        where.refuse(error, Sections)
    return _Resolver(sections, where, content).experiment()


def _profiled(content: dict[str, Any], where: Places) -> tuple[dict[str, Any], Places]:
    name = content.get("profile")
    profiles = content.get("profiles", {})
    if not isinstance(name, str) or not isinstance(profiles, dict):
        return content, where  # the types of both are checked with the rest
    if name not in profiles:
        raise RecipeError(_unknown(where, ("profile",), str(name), profiles, "profile"))
    if not isinstance(profiles[name], dict):
        raise RecipeError(f"{where(('profiles', name))}: a profile is a mapping of sections")
    return merged(content, profiles[name]), where.laid_over("profiles", name)


def _unknown(
    where: Places, keys: tuple[str | int, ...], name: str, known: Iterable[str], kind: str
) -> str:
    """Return the message for a value that should be one of the names declared elsewhere."""
    said = Places(None, "").unknown((name,), known, kind).removeprefix(f"{name}: ")
    return f"{where(keys)}: {name!r} is an {said}"


def _check_tags(tags: Sequence[str] | None, where: Places) -> None:
    for number, tag in enumerate(tags or ()):
        with where.at(("languages", number)):
            normalize_tag(tag)


def _wrong_name(name: str) -> str:
    """Return what is wrong with a name of which files and rows of tables are made, or nothing."""
    size = len(name.encode("utf-8", "surrogatepass"))
    if size > _LONGEST_NAME:
        return (
            f"files are named after it, so a name is at most {_LONGEST_NAME} bytes long, and this "
            f"has {size}; choose a shorter one"
        )
    if any(category(character) in _NO_LINE for character in name):
        return (
            "it is written in one line of a table, so a name holds no line break and no other "
            "control character; choose another"
        )
    return ""


class _Resolver:
    """Follows the names that sections use for each other, and fills in defaults."""

    def __init__(self, sections: Sections, where: Places, content: Mapping[str, Any]) -> None:
        self._sections = sections
        self._where = where
        self._content = content
        self._used: set[str] = set()  # names of data that something reads

    def experiment(self) -> Experiment:
        s = self._sections
        for section in ("runs", "arms", "base_models", "benchmarks"):
            for name in getattr(s, section):
                if wrong := _wrong_name(name):
                    raise RecipeError(f"{self._where((section, name))}: {wrong}")
        for name in s.arms:
            if "@" in name:
                raise RecipeError(
                    f"{self._where(('arms', name))}: ARM@ALPHA is an arm at one alpha, so that the "
                    "name of an arm holds no @; choose another"
                )
        runs = {name: self._run(name) for name in s.runs}
        arms = {name: self._arm(name, arm) for name, arm in s.arms.items()}
        experiment = Experiment(
            name=s.name,
            description=s.description,
            profile=s.profile,
            device=s.device,
            keep_models=s.keep_models,
            runs=runs,
            arms=arms,
            alphas=tuple(dict.fromkeys(s.alphas)),
            bases=tuple(self._base(name, base) for name, base in s.base_models.items()),
            judges=tuple(self._judge(name, part) for name, part in s.benchmarks.items()),
            comparison=s.comparison.model_copy(
                # One that is there twice would be tested twice, and corrected for.
                update={"metrics": list(dict.fromkeys(s.comparison.metrics))}
            ),
            content={k: v for k, v in self._content.items() if k != "profiles"},
            where=self._where,
        )
        self._check_comparison()
        for name in s.data:
            if name not in self._used:
                raise RecipeError(
                    f"{self._where(('data', name))}: nothing reads {name!r}"
                    f"{did_you_mean(name, self._used)}; what is read is "
                    f"{', '.join(sorted(self._used))}"
                )
        return experiment

    def _data(self, name: str, *keys: str | int) -> list[str]:
        known = self._sections.data
        if name not in known:
            raise RecipeError(_unknown(self._where, keys, name, known, "data"))
        self._used.add(name)
        return known[name]

    def _folder(self, name: str, *keys: str | int) -> Path:
        paths = self._data(name, *keys)
        if len(paths) != 1:
            raise RecipeError(f"{self._where(('data', name))}: one folder is wanted here")
        if not Path(paths[0]).is_dir():
            raise RecipeError(self._missing(name, paths[0], "folder"))
        return Path(paths[0])

    def _missing(self, name: str, path: str, kind: str) -> str:
        source = self._sections.data_from.get(name)
        get = f" Get it from {source}." if source else ""
        others = [
            other
            for other, paths in self._sections.data.items()
            if other != name
            and other in self._sections.data_from
            and not all(map(os.path.exists, paths))  # Path raises for names that cannot be
        ]
        too = f". Missing, too: {', '.join(others)}"
        return (
            f"{self._where(('data', name))}: there is no {kind} {path!r}.{get} Name its place with "
            f"--set data.{name}=PATH{too if others else ''}"
        )

    def _run(self, name: str) -> DataRun:
        part = self._sections.runs[name]
        place = ("runs", name)
        if bool(part.inputs) == (part.folder is not None):
            raise RecipeError(f"{self._where(place)}: name either inputs or a folder")
        recipe = self._generation(name, part.settings)
        if part.folder is not None:
            folder = self._folder(part.folder, *place, "folder")
            return DataRun(name, (), recipe, folder)
        if not recipe.routes and not recipe.lexicons:
            raise RecipeError(f"{self._where(('generation',))}: no routes for the run {name!r}")
        inputs = []
        for number, source in enumerate(part.inputs or ()):
            for path in self._data(source, *place, "inputs", number):
                # A name on the hub has no place here, and looks like one.
                if not Path(path).exists() and recipe.input.format != "hub":
                    raise RecipeError(self._missing(source, path, "file or folder"))
                inputs.append(path)
        return DataRun(name, tuple(inputs), recipe, None)

    def _generation(self, name: str, own: Mapping[str, Any]) -> Recipe:
        content = merged(self._sections.generation, own)
        benchmarks = content.get("decontaminate", {})
        if isinstance(benchmarks, dict):
            content["decontaminate"] = {
                key: str(self._folder(str(source), "generation", "decontaminate", key))
                for key, source in benchmarks.items()
            }
        # Keys of the run itself are looked for first.
        return recipe_from(
            content, self._where.under("generation").beside("runs", name, "settings")
        )

    def _arm(self, name: str, part: ArmSection) -> Arm:
        runs = tuple(part.runs or self._sections.runs)
        self._check_names(runs, self._sections.runs, ("arms", name, "runs"), "run")
        _check_tags(part.languages, self._where.under("arms", name))
        return Arm(
            name=name,
            runs=runs,
            methods=tuple(dict.fromkeys(part.methods)),
            filtered=part.filtered,
            augmented_share=part.augmented_share,
            languages=None if part.languages is None else tuple(part.languages),
            alphas=None if part.alphas is None else tuple(dict.fromkeys(part.alphas)),
        )

    def _base(self, name: str, part: BaseModelSection) -> Base:
        s = self._sections
        training = self._training(name, part)
        return Base(
            name=name,
            model=training.base_model,
            training=training,
            evaluation=self._evaluation(name, part),
            untrained=part.untrained,
            arms=self._arms_of(name, part),
            seeds=tuple(dict.fromkeys(part.seeds or s.seeds)),
        )

    def _arms_of(self, name: str, part: BaseModelSection) -> dict[str, frozenset[float] | None]:
        place = ("base_models", name)
        references = self._references(part.arms or list(self._sections.arms), (*place, "arms"))
        allowed = {arm: self._alphas_of(arm) for arm, _ in references}
        of_any = {alpha for alphas in allowed.values() for alpha in alphas}
        for wanted in part.alphas or ():
            self._check_alpha(wanted, of_any, (*place, "alphas"), "")
        chosen: dict[str, frozenset[float] | None] = {}
        for arm, alpha in references:
            own = None if part.alphas is None else frozenset(part.alphas)
            if alpha is not None:
                self._check_alpha(alpha, allowed[arm], (*place, "arms"), f"{arm}@{alpha:g}: ")
                own = frozenset({alpha})
            before = chosen.get(arm, frozenset())
            # All of them hold more than any list of some.
            chosen[arm] = None if before is None or own is None else before | own
        return chosen

    def _alphas_of(self, arm: str) -> list[float]:
        own = self._sections.arms[arm].alphas
        return self._sections.alphas if own is None else own

    def _check_alpha(
        self, alpha: float, allowed: Iterable[float], keys: tuple[str | int, ...], said: str
    ) -> None:
        listed = sorted(allowed)
        if alpha not in listed:
            raise RecipeError(
                f"{self._where(keys)}: {said}alpha {alpha:g} is not among those of the experiment "
                f"({', '.join(f'{a:g}' for a in listed)})"
            )

    def _references(
        self, written: Sequence[str], place: tuple[str | int, ...]
    ) -> list[tuple[str, float | None]]:
        """Return arms and alphas of ``ARM`` or ``ARM@ALPHA``."""
        try:
            found = [arm_of(reference) for reference in written]
        except ValueError as error:
            raise RecipeError(
                f"{self._where(place)}: {list(written)} names an alpha that is no number; write "
                "ARM or ARM@0.5"
            ) from error
        self._check_names([arm for arm, _ in found], self._sections.arms, place, "arm")
        return found

    def _training(self, name: str, part: BaseModelSection) -> TrainingSettings:
        common = dict(self._sections.training)
        if not is_static(part.model):
            common.pop("dimensions", None)  # what is said for all is meant for static ones
        content = merged(common, part.training)
        where = self._where.under("training").beside("base_models", name, "training")
        allowed = [f.name for f in fields(TrainingSettings) if f.name not in DECIDED]
        for key in content:
            if key not in allowed:
                raise RecipeError(where.unknown((key,), allowed))
        where.refuse_flags(content, _Training)
        try:
            checked = TypeAdapter(_Training).validate_python({"base_model": part.model, **content})
        except ValidationError as error:
            where.refuse(error, _Training)
        except BtAugmentError as error:
            raise RecipeError(f"{where()}: {error}") from error
        return TrainingSettings(
            **{f.name: getattr(checked, f.name) for f in fields(TrainingSettings)}
        )

    def _evaluation(self, name: str, part: BaseModelSection) -> EvaluationSection:
        where = self._where.under("evaluation").beside("base_models", name, "evaluation")
        content = merged(self._sections.evaluation, part.evaluation)
        where.refuse_flags(content, EvaluationSection)
        try:
            section = EvaluationSection.model_validate(content)
        except ValidationError as error:
            where.refuse(error, EvaluationSection)
        _check_tags(section.languages, where)
        return section

    def _judge(self, name: str, part: BenchmarkSection) -> Judge:
        place = ("benchmarks", name)
        self._check_names((part.benchmark,), BENCHMARKS, (*place, "benchmark"), "benchmark")
        return Judge(
            name=name,
            benchmark=part.benchmark,
            folder=self._folder(part.data, *place, "data"),
            settings=None if part.settings is None else tuple(part.settings),
            candidate_text=part.candidate_text,
        )

    def _check_comparison(self) -> None:
        s = self._sections
        place = ("comparison",)
        self._check_names((s.comparison.baseline,), s.arms, (*place, "baseline"), "arm")
        for number, pair in enumerate(s.comparison.contrasts):
            keys = (*place, "contrasts", number)
            one, other = self._references(pair, keys)
            if one == other:
                raise RecipeError(
                    f"{self._where(keys)}: {pair[0]} is compared with itself; name two arms, or "
                    "one at two alphas, such as [ARM@0, ARM@0.5]"
                )
            for arm, alpha in (one, other):
                if alpha not in (None, *self._alphas_of(arm)):
                    # No error: who takes fewer alphas by --set has the recipe's contrasts yet.
                    said = "%s: %s@%g is not trained; left out"
                    logger.warning(said, self._where(keys), arm, alpha)
        measures = {
            m for part in s.benchmarks.values() for m in BENCHMARKS[part.benchmark].measures
        }
        where = ("comparison", "metrics")
        self._check_names(s.comparison.metrics, (*measures, *BIAS), where, "measure")
        main = s.comparison.metrics[0]
        for name, part in s.benchmarks.items():
            benchmark = BENCHMARKS[part.benchmark]
            had = measures_in(part.settings or benchmark.settings, benchmark.measures)
            if main not in had:
                raise RecipeError(
                    f"{self._where(where)}: {main} is the first and so the main measure, but not "
                    f"measured on the benchmark {name!r}, which has {', '.join(had)}. Put one "
                    "first that all benchmarks have"
                )

    def _check_names(
        self,
        names: Iterable[str],
        known: Iterable[str],
        keys: tuple[str | int, ...],
        kind: str,
    ) -> None:
        listed = list(known)
        for name in names:
            if name not in listed:
                raise RecipeError(_unknown(self._where, keys, name, listed, kind))
