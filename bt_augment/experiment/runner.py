"""An experiment from its plan to its tables; what is done already is not done again."""

from __future__ import annotations

import gc
import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bt_augment.cache import own_environment
from bt_augment.errors import BtAugmentError
from bt_augment.experiment.performing import Performer
from bt_augment.experiment.plan import Plan, make_plan
from bt_augment.experiment.recipe import Experiment
from bt_augment.experiment.results import check_results, write_results
from bt_augment.experiment.steps import STEPS, EvaluateWork, PrepareWork, Step, TrainWork
from bt_augment.experiment.store import StepStore
from bt_augment.generation.memory import release
from bt_augment.progress import Progress as StepProgress
from bt_augment.progress import Silent

logger = logging.getLogger(__name__)

DONE, TODO, NOT_NEEDED = STATES = ("done", "to do", "not needed")


@dataclass(frozen=True)
class Left:
    """The time left.

    Attributes:
        seconds: what the steps take of which one was timed.
        whole: whether that is all of them.
    """

    seconds: float
    whole: bool


class Progress:
    """Is told how far an experiment is, and tells nobody; derive from it to listen."""

    def planned(self, plan: Plan, states: Mapping[str, str]) -> None:
        """Take the plan, and the state of each step by its key."""

    def begin(self, step: Step, number: int, total: int, left: Left) -> StepProgress:  # noqa: ARG002
        """Step ``number`` of ``total`` begins; return who is told how far it is."""
        return Silent()

    def end(self, step: Step, seconds: float) -> None:
        """Take how long a step took."""


@dataclass(frozen=True)
class Outcome:
    """What an experiment gave.

    Attributes:
        out: its folder; the tables are in ``results``.
        done: steps done now.
        cached: steps whose results were there.
        summary: what ``results/summary.json`` holds.
    """

    out: Path
    done: int
    cached: int
    summary: Mapping[str, Any]


def run_experiment(
    experiment: Experiment,
    out: Path | str,
    *,
    environment: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Do what is missing of an experiment, and write its tables.

    Killed at any moment and run again, it loses at most the step in flight; generating and
    training go on inside theirs.

    Args:
        experiment: what is asked.
        out: its folder.
        environment: where ``BT_AUGMENT_CACHE`` is looked up.
        progress: told of every step.

    Raises:
        BtAugmentError: anything a user can mend; before any long work where it can be known then.
    """
    environment = own_environment() if environment is None else environment
    told = progress or Progress()
    out = Path(out)
    store = StepStore(out)
    store.check()
    plan = make_plan(experiment, environment, store.resolved())
    check_results(experiment, plan, store)
    with store.claimed():
        states = states_of(plan, store)
        told.planned(plan, states)
        store.note(experiment.content, plan.resolved)
        performer = Performer(store, experiment.device, environment)
        todo = [step for step in plan.steps if states[step.key] == TODO]
        _check_bases(experiment, todo)
        with _advising(out):
            _Run(plan, performer, experiment, told).do(todo)
        summary = write_results(experiment, plan, store)
    return Outcome(out, len(todo), sum(s == DONE for s in states.values()), summary)


@contextmanager
def _advising(out: Path) -> Iterator[None]:
    """Say what stands here for the ``--overwrite`` that the steps' own commands have."""
    try:
        yield
    except BtAugmentError as error:
        if "--resume" in str(error):
            error.args = (f"{error}\nAn experiment goes on without --resume",)
        if "--alpha" in str(error) or "--batch-size" in str(error):
            error.args = (
                f"{error}\nIn an experiment alpha is arms.NAME.alphas, and the batch size "
                "training.batch_size",
            )
        if "--overwrite" in str(error):
            error.args = (
                f"{error}\nAn experiment has no --overwrite: if the folder is one under "
                f"{out / STEPS}, delete it and run the same command again; that step is then done "
                "anew",
            )
        raise


def states_of(plan: Plan, store: StepStore) -> dict[str, str]:
    """Return for each step's key whether it is done, to do, or not needed.

    A model whose results are all there need not be. The rows that it was trained on are needed
    for each of them: they are held against the benchmark.
    """
    missing = {step.key for step in plan.steps if not store.available(step)}
    wanted: set[str] = {cell.result.key for cell in plan.cells}
    states = {}
    for step in reversed(plan.steps):
        if step.key not in missing:
            states[step.key] = DONE
        elif step.key in wanted:
            states[step.key] = TODO
            wanted |= {needed.key for needed in step.needs}
            if isinstance(step.work, EvaluateWork):  # which also looks into the rows trained on
                wanted |= {source.key for source in step.work.model.needs}
        else:
            states[step.key] = NOT_NEEDED
    return states


def _check_bases(experiment: Experiment, todo: Sequence[Step]) -> None:
    if not any(step.kind in ("train", "prepare") for step in todo):
        return
    from bt_augment.training.base_model import check_base_model

    for base in experiment.bases:
        check_base_model(base.model)


@dataclass
class _Run:
    plan: Plan
    performer: Performer
    experiment: Experiment
    told: Progress
    _took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _checked: bool = False

    def do(self, todo: Sequence[Step]) -> None:
        for step in self.plan.steps:
            info = self.performer.store.info(step)
            if info is not None and isinstance(info.get("wall_seconds"), int | float):
                self._took[step.clock].append(float(info["wall_seconds"]))
        for cell in self.plan.cells:  # where a process was killed before it came to that
            self._strip(cell.model)
        for number, step in enumerate(todo, start=1):
            if step.kind == "train" and not self._checked:
                self.performer.check_trainings([s for s in todo if s.kind == "train"])
                self._checked = True
            self._do(step, number, todo)

    def _do(self, step: Step, number: int, todo: Sequence[Step]) -> None:
        inner = self.told.begin(step, number, len(todo), self._left(todo[number - 1 :]))
        started = time.monotonic()
        try:
            info = self.performer.perform(step, inner)
        except BtAugmentError as error:
            error.args = (f"{step.kind} {step.name}: {error}",)
            raise
        finally:
            seconds = time.monotonic() - started
            self.told.end(step, seconds)
        self.performer.store.finish(step, {**info, "wall_seconds": round(seconds, 3)})
        self._took[step.clock].append(seconds)
        if isinstance(step.work, EvaluateWork):
            self._strip(step.work.model)
        gc.collect()  # trainers and their models hold each other
        release()

    def _left(self, steps: Sequence[Step]) -> Left:
        """Return the time that steps will take, by the mean of those like them."""
        known = {clock: sum(took) / len(took) for clock, took in self._took.items()}
        return Left(
            seconds=sum(known.get(step.clock, 0.0) for step in steps),
            whole=all(step.clock in known for step in steps),
        )

    def _strip(self, model: Step) -> None:
        store = self.performer.store
        results = [cell.result for cell in self.plan.cells if cell.model.key == model.key]
        if self.experiment.keep_models or not all(map(store.available, results)):
            return
        if isinstance(model.work, TrainWork | PrepareWork) and store.path(model).is_dir():
            store.strip(model)
