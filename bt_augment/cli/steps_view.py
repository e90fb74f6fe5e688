"""What ``run`` shows of an experiment: its plan, the step it is at, and its tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from bt_augment.cli.common import Reporter, progress_for
from bt_augment.cli.terminal import echo
from bt_augment.experiment.alphas import said
from bt_augment.experiment.plan import Plan
from bt_augment.experiment.runner import DONE, STATES, Left, Outcome, Progress
from bt_augment.experiment.steps import Step
from bt_augment.experiment.store import StepStore

_MINUTE = 60


class Steps(Progress):
    """Tells of the plan and of each step, with what is inside it."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._inner = Reporter()

    def planned(self, plan: Plan, states: Mapping[str, str]) -> None:
        """Print the plan in short."""
        if not self._quiet:
            print_plan(plan, states, err=True)

    def begin(self, step: Step, number: int, total: int, left: Left) -> Reporter:
        """Print which step begins, and open its bar."""
        if not self._quiet:
            echo(f"[{number}/{total}] {step.kind} {step.name}{_left(left)}", err=True)
        self._inner = progress_for(quiet=self._quiet)
        return self._inner

    def end(self, step: Step, seconds: float) -> None:
        """Close the bar."""
        self._inner.close()


def _left(left: Left) -> str:
    if left.seconds < 1:
        return ""
    amount = (
        f"{left.seconds / _MINUTE:,.0f} min" if left.seconds > 2 * _MINUTE
        else f"{left.seconds:,.0f} s"
    )  # fmt: skip
    return f" ({'about' if left.whole else 'more than'} {amount} left)"


def print_plan(plan: Plan, states: Mapping[str, str], *, err: bool = False) -> None:
    """Print the steps in numbers, and what is left out."""
    kinds = Counter(step.kind for step in plan.steps)
    done = Counter(step.kind for step in plan.steps if states[step.key] == DONE)
    listed = ", ".join(
        f"{n} {kind}" + (f" ({done[kind]} done)" if done[kind] else "") for kind, n in kinds.items()
    )
    counts = Counter(states.values())
    how_many = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    echo(f"{len(plan.steps)} steps: {listed}; {how_many}", err=err)
    for sentence in said(plan.skipped):
        echo(f"left out: {sentence}", err=err)


def plan_json(plan: Plan, states: Mapping[str, str], store: StepStore) -> dict[str, Any]:
    """Return the plan as ``--dry-run --json`` prints it."""
    return {
        "steps": [
            {
                "kind": step.kind,
                "name": step.name,
                "key": step.key,
                "path": str(store.path(step).relative_to(store.out)),
                "state": states[step.key],
            }
            for step in plan.steps
        ],
        "skipped": [vars(skip) for skip in plan.skipped],
    }


def print_outcome(outcome: Outcome) -> None:
    """Print the tables, and where they are."""
    echo((outcome.out / "results" / "table.md").read_text(encoding="utf-8"))
    echo(f"{outcome.done} steps done, {outcome.cached} were done before")
    echo(f"wrote {outcome.out / 'results'}")
