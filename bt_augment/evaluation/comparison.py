"""``compare``: results of several arms side by side, with effect, interval and p-value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bt_augment.errors import InputError, did_you_mean
from bt_augment.evaluation.arms import Arm, QuestionScores, load_arms, refuse_same_names
from bt_augment.evaluation.benchmarks.base import SETTINGS
from bt_augment.evaluation.significance import Effect, holm, measure_effect
from bt_augment.evaluation.tables import table

CORRECTIONS = ("holm", "none")


@dataclass(frozen=True)
class Line:
    """One arm in one setting, and what it gains over the first arm.

    Attributes:
        setting: mono, cross or multi.
        arm: its name.
        runs: number of runs.
        queries: number of distinct questions.
        mean: macro average of the measure over languages, questions and runs.
        effect: the difference to the first arm; None for that arm itself.
        corrected: its p-value after correction.
    """

    setting: str
    arm: str
    runs: int
    queries: int
    mean: float
    effect: Effect | None
    corrected: float | None


@dataclass(frozen=True)
class Comparison:
    """All arms in all settings.

    Attributes:
        metric: the measure compared.
        correction: how p-values were corrected for their number.
        lines: setting by setting, the first arm first.
    """

    metric: str
    correction: str
    lines: tuple[Line, ...]

    @property
    def contrasts(self) -> list[tuple[str, str]]:
        """Return (first arm, other arm) for each arm that is compared with the first."""
        first = self.lines[0].arm
        return list(dict.fromkeys((first, line.arm) for line in self.lines if line.effect))

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON has it: null for the ends of an interval without any."""
        content = asdict(self)
        for line in content["lines"]:
            effect = line["effect"] or {}
            for end in ("low", "high"):
                if end in effect and not math.isfinite(effect[end]):
                    effect[end] = None  # JSON has no infinity
        return content

    def table(self, form: str = "markdown") -> str:
        """Return the table as Markdown, LaTeX (booktabs) or CSV.

        Raises:
            InputError: another form is asked for.
        """
        return table(self, form)


def compare(
    arms: Sequence[Arm], metric: str = "RR@20", correction: str = "holm", seed: int = 0
) -> Comparison:
    """Compare every arm with the first, in every setting that all results have.

    The unit is the question: its scores in all languages and pairs of languages are one sample,
    weighted as in the macro average, since parallel questions succeed and fail together.

    Args:
        arms: two or more; each with one run, or each with several.
        metric: a measure of the results, ``rank_distance`` or ``peer``.
        correction: ``holm`` over all lines, or ``none``.
        seed: of the resampling.

    Raises:
        InputError: results that cannot be read, or that are not of one benchmark and one set of
            questions.
    """
    _check(arms, correction)
    loaded = load_arms(arms, metric)
    contents = [content for part in loaded for content in part.contents]
    settings = [
        name for name in SETTINGS if all(name in content["settings"] for content in contents)
    ]
    lines: list[Line] = []
    for setting in settings:
        found = [part.by_question(setting) for part in loaded]
        present = [scores for scores in found if scores is not None]
        if len(present) != len(arms):
            if present:
                raise InputError(f"not all results have {metric} in the setting {setting}")
            continue
        base = present[0]
        for arm, scores in zip(arms, present, strict=True):
            if not np.array_equal(base.ids, scores.ids):
                raise InputError(
                    f"{arm.name}: was evaluated on other questions than {arms[0].name} in the "
                    f"setting {setting}; evaluate both on the same benchmark"
                )
        for number, (arm, scores) in enumerate(zip(arms, present, strict=True)):
            effect = _effect(base, scores, seed) if number else None
            runs, questions = scores.weighted.shape
            mean = float(scores.weighted.mean())
            lines.append(Line(setting, arm.name, runs, questions, mean, effect, None))
    if not lines:
        measured = [m for c in contents for part in c["settings"].values() for m in part]
        known = sorted({*measured, *(m for c in contents for m in c.get("language_bias", {}))})
        if metric in known:
            raise InputError(
                f"the results have {metric} in no setting in common; evaluate all of them with the "
                "same --settings"
            )
        raise InputError(
            f"the results have no {metric!r}{did_you_mean(metric, known)} in any setting that all "
            f"of them have; they have {', '.join(known)}"
        )
    return Comparison(metric, correction, _corrected(lines, correction))


def _effect(base: QuestionScores, scores: QuestionScores, seed: int) -> Effect:
    swapped = scores.weighted[0] - base.weighted[0]  # asked for of one run each alone
    return measure_effect(base.values, scores.values, seed, swapped=swapped)


def _check(arms: Sequence[Arm], correction: str) -> None:
    if correction not in CORRECTIONS:
        raise InputError(
            f"unknown correction {correction!r}{did_you_mean(correction, CORRECTIONS)}; "
            f"one of {', '.join(CORRECTIONS)}"
        )
    if len(arms) < 2:
        raise InputError("name two arms or more: results files, or NAME=FILE,FILE,... for seeds")
    refuse_same_names(arms)
    if len({len(arm.results) == 1 for arm in arms}) > 1:
        raise InputError(
            "one arm has one run, another several; what seeds do to the former is not known. "
            "Give one results file for each arm, or two or more for each"
        )


def _corrected(lines: Sequence[Line], correction: str) -> tuple[Line, ...]:
    raw = [line.effect.p for line in lines if line.effect]
    corrected = iter(holm(raw) if correction == "holm" else raw)
    return tuple(
        Line(**{**vars(line), "corrected": next(corrected)}) if line.effect else line
        for line in lines
    )
