"""The steps of an experiment: what each does, and the key by which it is known again."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bt_augment.evaluation import Evaluation
from bt_augment.recipe import Recipe
from bt_augment.training.settings import TrainingSettings

Kind = Literal["check", "generate", "filter", "prepare", "train", "evaluate"]
DATA_KINDS: tuple[Kind, ...] = ("check", "generate", "filter")  # before any model

# Raised when the code of a step gives other results for the same inputs.
_CONTRACTS: Mapping[Kind, int] = {
    "check": 1, "generate": 4, "filter": 3, "prepare": 1, "train": 3, "evaluate": 3
}  # fmt: skip
STEPS = "steps"  # the folder of all
_SLUG_BYTES = 160  # a file's name has 255
_KEY_DIGITS = 16


@dataclass(frozen=True)
class CheckWork:
    """Read a benchmark, so that what is wrong with it is found before any long work.

    Attributes:
        request: lacks the model and where to write.
        main: the measure that its results have to have.
    """

    request: Evaluation
    main: str


@dataclass(frozen=True)
class GenerateWork:
    """Make a run folder of inputs."""

    inputs: tuple[str, ...]
    recipe: Recipe


@dataclass(frozen=True)
class FilterWork:
    """Judge a run anew with all thresholds off but those of contamination."""

    source: Source


@dataclass(frozen=True)
class PrepareWork:
    """Write a base model as training would start from it."""

    settings: TrainingSettings


@dataclass(frozen=True)
class TrainWork:
    """Train a base model on runs."""

    sources: tuple[Source, ...]
    settings: TrainingSettings


@dataclass(frozen=True)
class EvaluateWork:
    """Judge the model of another step; ``request`` lacks the model and where to write."""

    model: Step
    request: Evaluation


Work = CheckWork | GenerateWork | FilterWork | PrepareWork | TrainWork | EvaluateWork


@dataclass(frozen=True)
class Step:
    """One thing to do, with everything that decides its result.

    Attributes:
        kind: what is done.
        name: what a message calls it.
        key: hash over all that decides the result; of the steps it needs, their keys.
        clock: steps with the same clock take about the same time.
        work: what to do.
        needs: steps that must be done before.
    """

    kind: Kind
    name: str
    key: str
    clock: str
    work: Work = field(repr=False)
    needs: tuple[Step, ...] = ()

    @property
    def path(self) -> Path:
        """Return what the step writes, relative to the experiment's folder."""
        slug = re.sub(r"[^\w.]+", "-", self.name).strip("-").lower()[:80]
        slug = slug.encode()[:_SLUG_BYTES].decode(errors="ignore")
        return Path(STEPS) / self.kind / f"{slug}{self.ending}"

    @property
    def ending(self) -> str:
        """Return how the name of what it writes ends, whatever the step is called."""
        return f"-{self.key}.json" if self.kind == "evaluate" else f"-{self.key}"


@dataclass(frozen=True)
class Source:
    """A run folder to take rows from: made by a step, or there before.

    Attributes:
        key: of the step, or of the folder's content.
        step: the step that makes it; None where ``folder`` was there.
        folder: the run folder that was there.
    """

    key: str
    step: Step | None = None
    folder: Path | None = None


def key_of(kind: Kind, content: Mapping[str, Any]) -> str:
    """Return the key of a step of which ``content`` decides the result."""
    text = json.dumps([kind, _CONTRACTS[kind], content], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_DIGITS]


def with_needs(steps: Iterable[Step]) -> Iterator[Step]:
    """Yield steps and all that they need, each once, what is needed first."""
    seen: set[str] = set()

    def visit(step: Step) -> Iterator[Step]:
        if step.key in seen:
            return
        seen.add(step.key)
        for needed in step.needs:
            yield from visit(needed)
        yield step

    for step in steps:
        yield from visit(step)
