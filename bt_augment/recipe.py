"""The typed form of a recipe: everything that decides what a run makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as pydantic_dataclass

from bt_augment.augmentation.code_switching import Switching
from bt_augment.errors import RecipeError
from bt_augment.filtering.base import Score
from bt_augment.filtering.cascade import Threshold
from bt_augment.filtering.registry import all_scores
from bt_augment.pairs.readers import InputSettings
from bt_augment.settings_file import Places, assign, parse_assignments, read_settings
from bt_augment.translation.convert import Quantization
from bt_augment.translation.decoding import Decoding
from bt_augment.translation.model_selection import ModelSelection
from bt_augment.translation.route import Route

# Scores that the engine's log-probabilities are asked for.
_FROM_LOGPROB = ("fidelity.question_doubt", "fidelity.logprob", "fidelity.dual_cross_entropy")

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@pydantic_dataclass(frozen=True, config=_STRICT)
class InputSection(InputSettings):
    """How the input is read."""


@pydantic_dataclass(frozen=True, config=_STRICT)
class DecodingSection(Decoding):
    """How hypotheses are searched for."""


@pydantic_dataclass(frozen=True, config=_STRICT)
class CodeSwitchSection(Switching):
    """Which words are replaced by their translations.

    Attributes:
        lexicons: as ``--code-switch`` takes them: ``en-pt.txt`` or ``en:pt=PATH``; none is off.
        ratio: probability that a word which the lexicon holds is replaced.
        seed: of the draws.
    """

    lexicons: list[str] = dataclass_field(default_factory=list)


class TranslationSection(BaseModel):
    """Which models translate, and how they are stored.

    Attributes:
        models: names as ``--model`` takes them: ``NAME`` for all hops, ``en:pt=NAME`` for one.
        quantization: type of converted weights; None is int8 on CPU and float16 on a GPU.
        decoding: search settings.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: list[str] = []
    quantization: Quantization | None = None
    decoding: DecodingSection = Field(default_factory=DecodingSection)


class OutputSection(BaseModel):
    """What is written.

    Attributes:
        native: whether ``train`` also holds the native rows.
        unit_rows: native rows of one unit of work, and so of one shard.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    native: bool = True
    unit_rows: Annotated[int, Ge(1)] = Field(default=1024, le=100_000)


class ScoreSetting(BaseModel):
    """What a recipe may say of one score; what it leaves out stays as the score declares it.

    Attributes:
        enabled: whether the score is computed and judged.
        min: lower values are rejected, reason ``.low``; null is no such threshold.
        max: higher values are rejected, reason ``.high``; null is no such threshold.
        on_null: what becomes of a row whose score could not be computed, reason ``.null``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    enabled: bool | None = None
    min: float | None = None
    max: float | None = None
    on_null: Literal["reject", "pass"] | None = None


class _Sections(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    input: InputSection = Field(default_factory=InputSection)
    routes: list[str] = []
    code_switch: CodeSwitchSection = Field(default_factory=CodeSwitchSection)
    translation: TranslationSection = Field(default_factory=TranslationSection)
    filters: dict[str, dict[str, Any]] = {}
    output: OutputSection = Field(default_factory=OutputSection)
    decontaminate: dict[str, str] = {}


@dataclass(frozen=True)
class FilterSetting:
    """One score as a recipe wants it: its threshold, whether it is on, and its options."""

    threshold: Threshold
    enabled: bool
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Recipe:
    """A validated recipe.

    Attributes:
        input: how the input is read.
        routes: at least one of these, or a lexicon, for ``generate``.
        lexicons: bilingual lexicons to code-switch with, as the user names them.
        switching: how words are replaced.
        models: which model translates which hop.
        quantization: type of converted weights, or None.
        decoding: search settings.
        filters: full score name → setting, for every score there is.
        output: what is written.
        decontaminate: benchmark name → folder.
    """

    input: InputSettings
    routes: tuple[Route, ...]
    lexicons: tuple[str, ...]
    switching: Switching
    models: ModelSelection
    quantization: str | None
    decoding: Decoding
    filters: Mapping[str, FilterSetting]
    output: OutputSection
    decontaminate: Mapping[str, Path]

    @property
    def enabled(self) -> frozenset[str]:
        """Return the full names of the scores that are computed and judged."""
        return frozenset(name for name, setting in self.filters.items() if setting.enabled)

    @property
    def thresholds(self) -> list[Threshold]:
        """Return the thresholds of the enabled scores."""
        return [setting.threshold for setting in self.filters.values() if setting.enabled]

    def resolved(self) -> dict[str, Any]:
        """Return the recipe with every default written out, as JSON."""
        return {
            "input": _plain(self.input),
            "routes": [str(route) for route in self.routes],
            "code_switch": {"lexicons": list(self.lexicons), **_plain(self.switching)},
            "translation": {
                "models": [
                    self.models.default,
                    *(f"{s}:{t}={name}" for (s, t), name in sorted(self.models.overrides.items())),
                ],
                "quantization": self.quantization,
                "decoding": _plain(self.decoding),
            },
            "filters": _nested(
                {name: _setting_as_json(setting) for name, setting in self.filters.items()}
            ),
            "output": self.output.model_dump(),
            "decontaminate": {name: str(path) for name, path in self.decontaminate.items()},
        }


def load_recipe(
    path: Path | str | None = None,
    overrides: Mapping[str, Any] | None = None,
    assignments: Sequence[str] = (),
) -> Recipe:
    """Return a recipe from a YAML file, then ``overrides``, then ``--set`` assignments.

    Args:
        path: YAML file; None starts from the defaults.
        overrides: dotted key → value; what command-line options say.
        assignments: ``KEY=VALUE`` with a dotted key and a YAML value.

    Raises:
        RecipeError: the file is no YAML mapping, a key is unknown, or a value out of range.
        RouteError: a route cannot be parsed.
        LanguageError: a route or a model override has an invalid tag.
        ModelError: models contradict each other.
    """
    content, where = read_settings(path if path is None else Path(path))
    where = where.assigned([assign(content, *item) for item in (overrides or {}).items()])
    given = parse_assignments(assignments, "filters.fidelity.chrf.min=45")
    where = where.assigned([assign(content, *item) for item in given], "--set ")
    return recipe_from(content, where)


def recipe_from(content: Mapping[str, Any], where: Places) -> Recipe:
    """Return the recipe that nested mappings hold.

    Args:
        content: what a YAML file says.
        where: names the places of its keys in messages.

    Raises:
        BtAugmentError: as :func:`load_recipe`.
    """
    where.refuse_flags(content, _Sections)
    try:
        sections = _Sections.model_validate(content)
    except ValidationError as error:
        where.refuse(error, _Sections)
    return _typed(sections, where)


def recipe_schema() -> dict[str, Any]:
    """Return the JSON schema of a recipe, for documentation."""
    return TypeAdapter(_Sections).json_schema()


def _typed(sections: _Sections, where: Places) -> Recipe:
    with where.at(("translation", "models")):
        selection = ModelSelection.parse(sections.translation.models)
    routes = []
    for number, text in enumerate(sections.routes):
        with where.at(("routes", number)):
            routes.append(Route.parse(text))
    folders = {name: Path(folder) for name, folder in sections.decontaminate.items()}
    settings = _filter_settings(sections.filters, where)
    if not folders:
        _refuse_without_benchmark(sections.filters, where)
        settings = {
            name: FilterSetting(s.threshold, s.enabled and not needs_benchmark(name), s.options)
            for name, s in settings.items()
        }
    logprob = sections.translation.decoding.with_logprob or any(
        settings[name].enabled for name in _FROM_LOGPROB
    )
    decoding = {**_plain(sections.translation.decoding), "with_logprob": logprob}
    return Recipe(
        input=InputSettings(**_plain(sections.input)),
        routes=tuple(dict.fromkeys(routes)),
        lexicons=tuple(dict.fromkeys(sections.code_switch.lexicons)),
        switching=Switching(sections.code_switch.ratio, sections.code_switch.seed),
        models=selection,
        quantization=sections.translation.quantization,
        decoding=Decoding(**decoding),
        filters=settings,
        output=sections.output,
        decontaminate=folders,
    )


def needs_benchmark(name: str) -> bool:
    """Tell whether a score is computed against the benchmarks to keep out alone."""
    return name.startswith("contamination.")


def _refuse_without_benchmark(given: Mapping[str, Mapping[str, Any]], where: Places) -> None:
    """Refuse what a recipe says of a score that stays off, unless it says that it is off."""
    for family, name in (score.name.split(".") for score in all_scores()):
        setting = given.get(family, {}).get(name)
        if setting and needs_benchmark(f"{family}.{name}") and setting.get("enabled") is not False:
            raise RecipeError(
                f"{where(('filters', family, name, next(iter(setting))))}: {family}.{name} is "
                "computed against benchmarks, and none is named, so nothing would be decided by "
                "it; generate with --decontaminate BENCHMARK=DIR, or leave this out"
            )


def _filter_settings(
    given: Mapping[str, Mapping[str, Any]], where: Places
) -> dict[str, FilterSetting]:
    declared = {score.name: score for score in all_scores()}
    families = {name.split(".")[0] for name in declared}
    chosen: dict[str, Mapping[str, Any]] = {}
    for family, scores in given.items():
        if family not in families:
            raise RecipeError(where.unknown(("filters", family), families))
        names = {name.split(".")[1] for name in declared if name.startswith(f"{family}.")}
        for name, setting in scores.items():
            if name not in names:
                raise RecipeError(where.unknown(("filters", family, name), names))
            if not isinstance(setting, dict):
                raise RecipeError(
                    f"{where(('filters', family, name))}: {setting!r} is not a mapping of what it "
                    f"sets: {', '.join(ScoreSetting.model_fields)}"
                )
            chosen[f"{family}.{name}"] = setting
    return {
        name: _filter_setting(score, chosen.get(name, {}), where)
        for name, score in declared.items()
    }


def _filter_setting(score: Score, given: Mapping[str, Any], where: Places) -> FilterSetting:
    place = ("filters", *score.name.split("."))
    options = {key: value for key, value in given.items() if key in score.options}
    plain = {key: value for key, value in given.items() if key not in score.options}
    for key, value in options.items():
        kind = type(score.options[key])
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise RecipeError(f"{where((*place, key))}: {value!r} is not of type {kind.__name__}")
        if key in score.least and value < score.least[key]:
            raise RecipeError(
                f"{where((*place, key))}: {value} is too low; it is {score.least[key]} or more"
            )
    where.refuse_flags(plain, ScoreSetting, place)
    try:
        setting = ScoreSetting.model_validate(plain)
    except ValidationError as error:
        where.refuse(error, ScoreSetting, place, *score.options)
    if not score.enabled and setting.enabled is None and given:
        raise RecipeError(
            f"{where((*place, next(iter(given))))}: {score.name} is off unless it is asked for, so "
            f"nothing would be decided by it; set filters.{score.name}.enabled=true too"
        )
    low = setting.min if "min" in plain else score.min
    high = setting.max if "max" in plain else score.max
    for key, value in (("min", low), ("max", high)):
        if value is not None and score.bounds and not score.bounds[0] <= value <= score.bounds[1]:
            raise RecipeError(
                f"{where((*place, key))}: {value:g} is out of range; {score.name} is in "
                f"{score.unit}"
            )
    if low is not None and high is not None and low > high:
        raise RecipeError(f"{where(place)}: min {low:g} is above max {high:g}")
    reject_null = score.reject_null if setting.on_null is None else setting.on_null == "reject"
    return FilterSetting(
        Threshold(score.name, score.methods, low, high, reject_null),
        score.enabled if setting.enabled is None else setting.enabled,
        {**score.options, **options},
    )


def _plain(section: Any) -> dict[str, Any]:
    return {field.name: getattr(section, field.name) for field in fields(section)}


def _setting_as_json(setting: FilterSetting) -> dict[str, Any]:
    return {
        "enabled": setting.enabled,
        "min": setting.threshold.min,
        "max": setting.threshold.max,
        "on_null": "reject" if setting.threshold.reject_null else "pass",
        **setting.options,
    }


def _nested(flat: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    nested: dict[str, dict[str, Any]] = {}
    for name, value in flat.items():
        family, score = name.split(".", 1)
        nested.setdefault(family, {})[score] = value
    return nested
