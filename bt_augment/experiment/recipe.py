"""An experiment in typed form: runs, arms, base models, benchmarks, what is compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bt_augment.experiment.sections import ComparisonSection, EvaluationSection
from bt_augment.recipe import Recipe
from bt_augment.settings_file import Places
from bt_augment.training.settings import TrainingSettings


@dataclass(frozen=True)
class DataRun:
    """Rows to train on.

    Attributes:
        name: what arms call it.
        inputs: what is read; empty where ``folder`` is given.
        recipe: how rows are made from the inputs.
        folder: a finished run folder.
    """

    name: str
    inputs: tuple[str, ...]
    recipe: Recipe
    folder: Path | None


@dataclass(frozen=True)
class Arm:
    """A choice of training rows, all defaults filled in; see :class:`ArmSection`."""

    name: str
    runs: tuple[str, ...]
    methods: tuple[str, ...]
    filtered: bool
    augmented_share: float | None
    languages: tuple[str, ...] | None
    alphas: tuple[float, ...] | None


@dataclass(frozen=True)
class Base:
    """An encoder to start from, all defaults filled in; see :class:`BaseModelSection`.

    ``training`` still lacks what the experiment varies: it has the first alpha and seed.
    """

    name: str
    model: str
    training: TrainingSettings
    evaluation: EvaluationSection
    untrained: bool
    arms: Mapping[str, frozenset[float] | None]  # arm → the alphas it is trained at; None is all
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Judge:
    """A benchmark with its folder; see :class:`BenchmarkSection`."""

    name: str
    benchmark: str
    folder: Path
    settings: tuple[str, ...] | None
    candidate_text: str


@dataclass(frozen=True)
class Experiment:
    """A validated experiment.

    Attributes:
        content: the recipe as it was resolved: profile and assignments applied.
        where: names the places of its keys in messages.
    """

    name: str
    description: str
    profile: str | None
    device: Literal["auto", "cpu", "cuda"]
    keep_models: bool
    runs: Mapping[str, DataRun]
    arms: Mapping[str, Arm]
    alphas: tuple[float, ...]
    bases: tuple[Base, ...]
    judges: tuple[Judge, ...]
    comparison: ComparisonSection
    content: Mapping[str, Any]
    where: Places = field(repr=False, compare=False)
