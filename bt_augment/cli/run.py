"""``bt-augment run``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from bt_augment.cli.common import (
    common_options,
    set_option,
    silence_libraries,
    told_when_interrupted,
)
from bt_augment.cli.places import LocalFolder
from bt_augment.cli.terminal import echo, print_json


@click.command("run")
@click.argument("recipe", type=click.Path(path_type=Path, dir_okay=False), metavar="RECIPE.yaml")
@click.option(
    "--out",
    type=LocalFolder(),
    help="Folder of the experiment. Default: experiments/NAME, or NAME-PROFILE.",
)
@set_option("data.NAME=PATH or profile=small")
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
    from bt_augment.cli.steps_view import Steps, plan_json, print_outcome, print_plan
    from bt_augment.experiment import load_experiment, make_plan, run_experiment, states_of
    from bt_augment.experiment.store import StepStore

    experiment = load_experiment(recipe, assignments)
    name = "-".join(part for part in (experiment.name, experiment.profile) if part)
    folder = out or Path("experiments") / name
    if dry_run:
        store = StepStore(folder)
        store.check()
        plan = make_plan(experiment, os.environ, store.resolved())
        states = states_of(plan, store)
        if as_json:
            print_json(plan_json(plan, states, store))
        else:
            print_plan(plan, states)
            for step in plan.steps:
                echo(f"  {states[step.key]:10}  {step.kind:8}  {step.name}")
        return
    silence_libraries()
    with told_when_interrupted("finished steps are kept; run the same command again to go on"):
        outcome = run_experiment(
            experiment, folder, environment=os.environ, progress=Steps(quiet=quiet)
        )
    if as_json:
        print_json({"out": str(folder), **outcome.summary})
    elif not quiet:
        print_outcome(outcome)
