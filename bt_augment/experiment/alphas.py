"""Which alphas an arm can be trained at: cross-lingual pairs take rows in two languages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bt_augment.experiment.recipe import Arm, DataRun, Experiment
from bt_augment.languages import without_region
from bt_augment.pairs.schema import CODE_SWITCH, NATIVE
from bt_augment.shards.manifest import read_manifest
from bt_augment.translation.lexicon import languages_of as lexicon_languages
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
    its rows are known to be in several languages, by its methods and the routes and lexicons of
    its runs or the counts of those that are there already, and at 1 alone if not.

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
        reason = _reason(arm, experiment, tags)
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
    """Return the languages that an arm's rows are known to be in, or can be in.

    Raises:
        RunFolderError: a run that should be there already is not whole.
        LexiconError: the name of a lexicon does not say of which languages it is.
    """
    found = {
        without_region(tag)
        for name in arm.runs
        for method, tag in _rows(experiment.runs[name])
        if method in arm.methods
    }
    if arm.languages is not None:
        found &= {without_region(tag) for tag in arm.languages}
    return sorted(found)


def _reason(arm: Arm, experiment: Experiment, tags: Sequence[str]) -> str:
    listed = ", ".join(tags) or "no language"
    read_later = NATIVE in arm.methods and any(
        experiment.runs[name].folder is None for name in arm.runs
    )
    if read_later and (arm.languages is None or len(arm.languages) > 1):
        return (
            f"its rows are all in {listed}, as far as routes and lexicons tell; if its native rows "
            f"are in several languages, name its alphas in arms.{arm.name}.alphas"
        )
    return (
        f"its rows are all in {listed}, so that no question goes with a passage of another language"
    )


def _rows(run: DataRun) -> Iterator[tuple[str, str]]:
    """Yield method and language of the rows that a run has, or that its recipe tells of."""
    if run.folder is None:
        for route in run.recipe.routes:
            yield NATIVE, route.tags[0]
            yield route.method, route.tags[-1]
        for lexicon in run.recipe.lexicons:
            source, _ = lexicon_languages(lexicon)
            yield from ((NATIVE, source), (CODE_SWITCH, source))
        return
    manifest = read_manifest(run.folder)
    for tag in manifest.ingested.languages:
        yield NATIVE, tag
    for text in manifest.totals.routes:
        first, _, last = text.partition(":")
        if "+" in last:  # "en:en+pt" has some words in pt, and counts as en
            yield CODE_SWITCH, first
        else:
            yield Route.parse(text).method, last.rpartition(":")[2]
