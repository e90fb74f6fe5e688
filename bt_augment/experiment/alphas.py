"""Which alphas an arm can be trained at: cross-lingual pairs take rows in two languages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bt_augment.experiment.recipe import Arm, DataRun, Experiment
from bt_augment.languages import without_region
from bt_augment.pairs.schema import NATIVE
from bt_augment.shards.run_folder import read_run
from bt_augment.translation.route import Route


@dataclass(frozen=True)
class Skipped:
    """An arm at an alpha that its rows do not allow."""

    arm: str
    alpha: float
    reason: str


def alphas_of(
    experiment: Experiment,
) -> tuple[dict[str, tuple[float, ...]], tuple[Skipped, ...]]:
    """Return the alphas that each arm is trained at, and what is left out.

    An arm's own alphas are taken as they are. Else it is trained at all of the experiment's if
    its rows can be in several languages, by its methods and routes, and at 1 alone if not.

    Raises:
        RunFolderError: a run that should be there already is not whole.
    """
    chosen: dict[str, tuple[float, ...]] = {}
    skipped: list[Skipped] = []
    for name, arm in experiment.arms.items():
        tags = languages_of(arm, experiment)
        if arm.alphas is not None or len(tags) > 1:
            chosen[name] = experiment.alphas if arm.alphas is None else arm.alphas
            continue
        chosen[name] = tuple(alpha for alpha in experiment.alphas if alpha == 1)
        reason = (
            f"its rows are all in {', '.join(tags) or 'no known language'}, so that no question "
            "goes with a passage of another language"
        )
        skipped += [Skipped(name, alpha, reason) for alpha in experiment.alphas if alpha < 1]
    return chosen, tuple(skipped)


def said(skipped: Sequence[Skipped]) -> list[str]:
    """Return what is left out in words, a sentence for each arm."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for skip in skipped:
        grouped.setdefault((skip.arm, skip.reason), []).append(f"{skip.alpha:g}")
    return [
        f"{arm} at alpha {', '.join(alphas)}: {reason}" for (arm, reason), alphas in grouped.items()
    ]


def languages_of(arm: Arm, experiment: Experiment) -> list[str]:
    """Return the languages that an arm's rows can be in."""
    found: set[str] = set()
    for name in arm.runs:
        for route in _routes(experiment.runs[name]):
            if NATIVE in arm.methods:
                found.add(without_region(route.tags[0]))
            if route.method in arm.methods:
                found.add(without_region(route.tags[-1]))
    if arm.languages is not None:
        found &= {without_region(tag) for tag in arm.languages}
    return sorted(found)


def _routes(run: DataRun) -> Iterator[Route]:
    if run.folder is None:
        yield from run.recipe.routes
    else:
        yield from map(Route.parse, read_run(run.folder)["recipe"]["routes"])
