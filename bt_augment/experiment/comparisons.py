"""Which rows of an experiment are compared with which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bt_augment.evaluation import Arm, Comparison, compare
from bt_augment.evaluation.significance import holm
from bt_augment.experiment.recipe import Experiment
from bt_augment.experiment.rows import Row, measured
from bt_augment.experiment.sections import arm_of


@dataclass(frozen=True)
class Table:
    """A comparison, by one measure.

    Attributes:
        judge: name of the benchmark's entry.
        base: name of the base model.
        title: what is compared with what.
        against_baseline: whether it is with the experiment's baseline.
        comparison: the lines; p-values are corrected over all tables of one benchmark, base
            model, measure and kind.
    """

    judge: str
    base: str
    title: str
    against_baseline: bool
    comparison: Comparison


def comparisons(rows: Sequence[Row], experiment: Experiment) -> list[Table]:
    """Return every row compared with the baseline, and the contrasts, by the measures they have.

    Raises:
        InputError: results that cannot be compared.
    """
    tables: list[Table] = []
    for judge, base in dict.fromkeys((row.judge, row.base) for row in rows):
        chosen = [row for row in rows if (row.judge, row.base) == (judge, base)]
        for metric in measured(chosen, experiment.comparison.metrics):
            for against, pairs in (
                (True, _baselines(chosen, experiment.comparison.baseline)),
                (False, _contrasts(chosen, experiment.comparison.contrasts)),
            ):
                found = [
                    Table(judge, base, title, against, compare(as_arms(group), metric, "none"))
                    for title, group in pairs
                ]
                tables += _corrected(found, experiment.comparison.correction)
    return tables


def as_arms(rows: Sequence[Row], names: Mapping[str, str] | None = None) -> list[Arm]:
    """Return rows of one benchmark and base model as arms, with as many runs each.

    Args:
        rows: at least one.
        names: label of a row → what the arm is called; by default the label.
    """
    most = max(len(row.results) for row in rows)
    return [
        Arm(
            row.label if names is None else names[row.label],
            # An untrained model is the same for every seed: its runs do not vary.
            row.results if row.alpha is not None else row.results * most,
        )
        for row in rows
    ]


def _baselines(rows: Sequence[Row], name: str) -> Iterator[tuple[str, list[Row]]]:
    """Yield each row of the baseline arm with those that are compared with it."""
    own = {row.alpha: row for row in rows if row.arm == name and row.alpha is not None}
    if not own:
        return
    highest = own[max(own)]
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row.arm != name:
            baseline = highest if row.alpha is None else own.get(row.alpha, highest)
            groups.setdefault(baseline.label, [baseline]).append(row)
    for label, group in groups.items():
        yield f"against {label}", group


def untested(rows: Sequence[Row], experiment: Experiment) -> Iterator[str]:
    """Yield, in words, the contrasts that a base model was not trained for."""
    for judge, base in dict.fromkeys((row.judge, row.base) for row in rows):
        chosen = [row for row in rows if (row.judge, row.base) == (judge, base)]
        for pair in experiment.comparison.contrasts:
            if not list(_contrasts(chosen, [pair])):
                yield (
                    f"{pair[1]} against {pair[0]}: {base} was not trained in both, or at no alpha "
                    f"of both (on {judge})"
                )


def unmeasured(rows: Sequence[Row], experiment: Experiment) -> Iterator[str]:
    """Yield, in words, the measures that the results on a benchmark do not have."""
    wanted = experiment.comparison.metrics
    for judge, base in dict.fromkeys((row.judge, row.base) for row in rows):
        chosen = [row for row in rows if (row.judge, row.base) == (judge, base)]
        had = measured(chosen, wanted)
        if missing := [metric for metric in wanted if metric not in had]:
            yield f"{', '.join(missing)} of {base}: not measured on {judge}"


def _contrasts(
    rows: Sequence[Row], pairs: Sequence[Sequence[str]]
) -> Iterator[tuple[str, list[Row]]]:
    told: set[tuple[str, str]] = set()
    for pair in pairs:
        (first, low), (second, high) = map(arm_of, pair)
        for row in rows:
            for other in rows:
                same = row.alpha == other.alpha or not (low is None and high is None)
                chosen = low in (None, row.alpha) and high in (None, other.alpha)
                labels = (row.label, other.label)
                if (row.arm, other.arm) != (first, second) or not (same and chosen):
                    continue
                # ARM@1 with ARM is ARM@1 with all others; what two pairs come to is tested once.
                if row.label != other.label and labels not in told:
                    told.add(labels)
                    yield f"{other.label} against {row.label}", [row, other]


def _corrected(tables: Sequence[Table], correction: str) -> list[Table]:
    values = [line.effect.p for t in tables for line in t.comparison.lines if line.effect]
    corrected = iter(holm(values) if correction == "holm" else values)
    return [
        replace(
            table,
            comparison=Comparison(
                table.comparison.metric,
                correction,
                tuple(
                    replace(line, corrected=next(corrected)) if line.effect else line
                    for line in table.comparison.lines
                ),
            ),
        )
        for table in tables
    ]
