"""The sections of an experiment's YAML file: names, types and ranges."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from annotated_types import Ge, Le
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _model(value: Any) -> Any:
    return {"model": value} if isinstance(value, str) else value


def _share(value: Any) -> Any:
    return None if value == "any" else value


_T = TypeVar("_T")
# An empty list would stand for all, or for nothing to do.
Some = Annotated[list[_T], Field(min_length=1)]
Names = Annotated[Some[str], BeforeValidator(_listed)]
# Part of a folder's name; of dots alone it would be the folder above.
FolderName = Annotated[str, Field(pattern=r"^[\w.-]*[\w-][\w.-]*$")]
# A probability, and a share.
Alpha = Annotated[float, Ge(0), Le(1)]
Seed = Annotated[int, Ge(0), Le(2**32 - 1)]  # what numpy takes
Method = Literal["native", "translation", "round_trip", "pivot", "code_switch"]


class RunSection(BaseModel):
    """Where training rows come from: inputs to generate from, or a run that is there already.

    Attributes:
        inputs: names of `data` that are read, in order.
        folder: a name of `data` that is a finished run folder, in place of `inputs`.
        settings: keys of a recipe of `generate` that differ from the section `generation`.
    """

    model_config = _STRICT

    inputs: Names | None = None
    folder: str | None = None
    settings: dict[str, Any] = {}


class ArmSection(BaseModel):
    """One way of choosing training rows.

    Attributes:
        runs: names of `runs` it takes rows from; all by default.
        methods: methods of the rows it takes.
        filtered: whether the verdicts of the filters hold; false takes rejected rows too, but
            for those that overlap a benchmark.
        augmented_share: share of pairs without a native text, or `any`.
        languages: take rows in these languages only; all by default.
        alphas: train at these only; by default at those of the experiment that its rows allow.
    """

    model_config = _STRICT

    runs: Names | None = None
    methods: Some[Method] = ["native"]
    filtered: bool = True
    augmented_share: Annotated[Alpha | None, BeforeValidator(_share)] = 0.5
    languages: Names | None = None
    alphas: Some[Alpha] | None = None


class BaseModelSection(BaseModel):
    """An encoder that training starts from; a text alone is its `model`.

    Attributes:
        model: `static:bundled`, `static:TOKENIZER`, a folder, or a hub name.
        training: keys of the section `training` that differ for it.
        evaluation: keys of the section `evaluation` that differ for it.
        untrained: also evaluate it as it is, for reference; a static encoder is nothing untrained.
        arms: train it in these arms only; `ARM@0.5` at this alpha alone.
        alphas: train it at these only, where `arms` does not say.
        seeds: train it with these only.
    """

    model_config = _STRICT

    model: str
    training: dict[str, Any] = {}
    evaluation: dict[str, Any] = {}
    untrained: bool = True
    arms: Names | None = None
    alphas: Some[Alpha] | None = None
    seeds: Some[Seed] | None = None


class EvaluationSection(BaseModel):
    """How encoders are run for evaluation.

    Attributes:
        backend: `torch`, or `ctranslate2` for int8 on BERT and XLM-R encoders.
        batch_size: texts per batch of the torch back end.
        languages: languages of the benchmarks; all by default.
    """

    model_config = _STRICT

    backend: Literal["torch", "ctranslate2"] = "torch"
    batch_size: Annotated[int, Ge(1)] = 32
    languages: Names | None = None


class BenchmarkSection(BaseModel):
    """What encoders are judged by.

    Attributes:
        benchmark: its name, as `evaluate --benchmark` takes it.
        data: a name of `data`: the folder of its files.
        settings: mono, cross, multi; all that make sense by default.
        candidate_text: what is encoded of a candidate.
    """

    model_config = _STRICT

    benchmark: str
    data: str
    settings: Some[Literal["mono", "cross", "multi"]] | None = None
    candidate_text: Literal["sentence", "sentence+context"] = "sentence"


class ComparisonSection(BaseModel):
    """What is compared with what.

    Attributes:
        baseline: the arm that all others are compared with, at the same alpha; where it was not
            trained at that, at its own highest.
        contrasts: pairs of arms `[A, B]` that are compared with each other at each alpha, or
            `[A@0, B@0.5]` at those.
        metrics: measures of the tables; the first is the main one.
        correction: of the p-values, over all tables of one benchmark, base model and measure.
        figures: draw the main measure by language pair and over alpha; takes matplotlib.
    """

    model_config = _STRICT

    baseline: str = "native"
    contrasts: list[Annotated[list[str], Field(min_length=2, max_length=2)]] = []
    metrics: Some[str] = ["RR@20", "AP", "R@10", "rank_distance"]
    correction: Literal["holm", "none"] = "holm"
    figures: bool = True


class Sections(BaseModel):
    """The whole file.

    Attributes:
        name: of the experiment; names the folder where `--out` does not.
        description: what it asks, in a sentence.
        device: `auto`, `cpu` or `cuda`.
        keep_models: keep the weights of trained models; else only until they are evaluated.
        data: name → file, folder, hub name or a list of them; `--set data.NAME=PATH`.
        data_from: name → where a user gets it; shown where it is missing.
        generation: keys of a recipe of `generate`, for all runs.
        runs: name → where training rows come from; at least one.
        arms: name → a choice of training rows; at least one.
        alphas: probabilities of a monolingual step.
        seeds: of the trainings.
        base_models: name → an encoder that training starts from; at least one.
        training: how encoders are trained.
        evaluation: how encoders are run for evaluation.
        benchmarks: name → what encoders are judged by; at least one.
        comparison: what is compared with what.
        profile: the one of `profiles` that is laid over the file.
        profiles: name → keys that differ.
    """

    model_config = _STRICT

    name: FolderName
    description: str = ""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    keep_models: bool = True
    data: dict[str, Names] = Field(min_length=1)
    data_from: dict[str, str] = {}
    generation: dict[str, Any] = {}
    runs: dict[str, RunSection] = Field(min_length=1)
    arms: dict[str, ArmSection] = Field(min_length=1)
    alphas: Some[Alpha] = [0.5]
    seeds: Some[Seed] = [0, 1, 2]
    base_models: dict[str, Annotated[BaseModelSection, BeforeValidator(_model)]] = Field(
        min_length=1
    )
    training: dict[str, Any] = {}
    evaluation: dict[str, Any] = {}
    benchmarks: dict[str, BenchmarkSection] = Field(min_length=1)
    comparison: ComparisonSection = Field(default_factory=ComparisonSection)
    profile: FolderName | None = None
    profiles: dict[str, dict[str, Any]] = {}


def arm_of(reference: str) -> tuple[str, float | None]:
    """Return arm and alpha of ``ARM@ALPHA``; no alpha stands for any.

    Raises:
        ValueError: what follows the last ``@`` is no number.
    """
    name, at, alpha = reference.rpartition("@")
    return (name, float(alpha)) if at else (reference, None)
