"""``bt-augment run``."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bt_augment.cli.common import (
    Reporter,
    common_options,
    progress_for,
    set_option,
    silence_libraries,
)
from bt_augment.cli.places import LocalFolder
from bt_augment.cli.terminal import echo, print_json
from bt_augment.experiment.alphas import said
from bt_augment.experiment.runner import DONE, STATES, Left, Progress

if TYPE_CHECKING:
    from bt_augment.experiment.plan import Plan
    from bt_augment.experiment.runner import Outcome
    from bt_augment.experiment.steps import Step

_MINUTE = 60


@click.command("run")
@click.argument("recipe", type=click.Path(path_type=Path, dir_okay=False), metavar="RECIPE.yaml")
@click.option(
    "--out",
    type=LocalFolder(),
    help="Folder of the experiment. Default: experiments/NAME, or NAME-PROFILE.",
)
@set_option
@click.option("--dry-run", is_flag=True, help="Print the steps, and do none.")
@common_options
def command(
    recipe: Path,
    out: Path | None,
    assignments: tuple[str, ...],
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run the experiment RECIPE.yaml: generate, train, evaluate, compare.

    Every step is kept by a hash of its inputs. Interrupted, it goes on where it stopped when the
    same command is run again; changed, it does only what the change asks for.
    """
    from bt_augment.experiment import load_experiment, make_plan, run_experiment, states_of
    from bt_augment.experiment.store import StepStore

    experiment = load_experiment(recipe, assignments)
    name = "-".join(part for part in (experiment.name, experiment.profile) if part)
    folder = out or Path("experiments") / name
    if dry_run:
        store = StepStore(folder)
        store.check()
        plan = make_plan(experiment, os.environ)
        states = states_of(plan, store)
        if as_json:
            print_json(_plan_json(plan, states))
        else:
            _print_plan(plan, states)
            for step in plan.steps:
                echo(f"  {states[step.key]:10}  {step.kind:8}  {step.name}")
        return
    silence_libraries()
    try:
        outcome = run_experiment(
            experiment, folder, environment=os.environ, progress=_Steps(quiet=quiet)
        )
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(
            "finished steps are kept; run the same command again to go on"
        ) from stop
    if as_json:
        print_json({"out": str(folder), **outcome.summary})
    elif not quiet:
        _print_outcome(outcome)


class _Steps(Progress):
    """Tells of the plan and of each step, with what is inside it."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._inner = Reporter()

    def planned(self, plan: Plan, states: Mapping[str, str]) -> None:
        """Print the plan in short."""
        if not self._quiet:
            _print_plan(plan, states, err=True)

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


def _print_plan(plan: Plan, states: Mapping[str, str], *, err: bool = False) -> None:
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


def _plan_json(plan: Plan, states: Mapping[str, str]) -> dict[str, Any]:
    return {
        "steps": [
            {
                "kind": step.kind,
                "name": step.name,
                "key": step.key,
                "path": str(step.path),
                "state": states[step.key],
            }
            for step in plan.steps
        ],
        "skipped": [vars(skip) for skip in plan.skipped],
    }


def _print_outcome(outcome: Outcome) -> None:
    echo((outcome.out / "results" / "table.md").read_text(encoding="utf-8"))
    echo(f"{outcome.done} steps done, {outcome.cached} were done before")
    echo(f"wrote {outcome.out / 'results'}")
