"""The results files of an experiment, gathered by arm and alpha over seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from bt_augment.errors import InputError
from bt_augment.evaluation.benchmarks.base import MULTI, SETTINGS
from bt_augment.evaluation.results import read_results
from bt_augment.experiment.plan import Cell, Plan
from bt_augment.experiment.recipe import Experiment
from bt_augment.experiment.store import StepStore


@dataclass(frozen=True)
class Row:
    """One arm at one alpha, over its seeds.

    Attributes:
        judge: name of the benchmark's entry.
        base: name of the base model.
        arm: name of the arm.
        alpha: probability of a monolingual step; None where nothing was trained.
        made: share of the pairs trained on that hold no native text, mean over seeds.
        results: a results file of each seed.
        values: (setting, measure) → value of each seed.
        overlap: most questions and passages that any seed's training rows share with the
            benchmark; None where that could not be checked.
        unchecked: why it could not be.
    """

    judge: str
    base: str
    arm: str
    alpha: float | None
    made: float | None
    results: tuple[Path, ...]
    values: Mapping[tuple[str, str], tuple[float, ...]]
    overlap: tuple[int, int] | None
    unchecked: str = ""

    @property
    def label(self) -> str:
        """Return what a comparison calls it."""
        return self.arm if self.alpha is None else f"{self.arm}, alpha {self.alpha:g}"


def collect_rows(experiment: Experiment, plan: Plan, store: StepStore) -> list[Row]:
    """Return the rows by benchmark, base model, arm and alpha, as the recipe names them.

    Raises:
        InputError: a results file is missing or damaged; its evaluation is then no longer done.
    """
    groups: dict[tuple[str, str, str, float | None], list[Cell]] = {}
    for cell in plan.cells:
        groups.setdefault((cell.judge, cell.base, cell.arm, cell.alpha), []).append(cell)
    rows = []
    for (judge, base, arm, alpha), cells in groups.items():
        paths = tuple(store.path(cell.result) for cell in cells)
        contents = [_content(cell, store) for cell in cells]
        shares = [
            float(info["drawn"]["made_share"])
            for cell in cells if (info := store.info(cell.model)) and "drawn" in info
        ]  # fmt: skip
        values = {
            key: tuple(_value(content, *key) for content in contents)
            for key in _measured(contents[0], experiment.comparison.metrics)
        }
        made = mean(shares) if shares else None
        why = next((part["reason"] for c in contents if "reason" in (part := c["overlap"])), "")
        overlap = _overlap(contents)
        rows.append(Row(judge, base, arm, alpha, made, paths, values, overlap, why))
    names = [base.name for base in experiment.bases]
    judges = [judge.name for judge in experiment.judges]
    return sorted(rows, key=lambda row: (judges.index(row.judge), names.index(row.base)))


def measured(rows: Sequence[Row], metrics: Sequence[str]) -> list[str]:
    """Return the measures that all of the rows have."""
    return [m for m in metrics if all(m in {name for _, name in row.values} for row in rows)]


def _content(cell: Cell, store: StepStore) -> Mapping[str, Any]:
    try:
        return read_results(store.path(cell.result))[0]
    except InputError as error:
        store.forget(cell.result)
        error.args = (
            f"{error}\nRun the same command again: an experiment then does that evaluation anew",
        )
        raise


def _measured(content: Mapping[str, Any], metrics: Sequence[str]) -> Iterator[tuple[str, str]]:
    for metric in metrics:
        for setting in SETTINGS:
            if metric in content["settings"].get(setting, {}):
                yield setting, metric
        if metric in content["language_bias"]:
            yield MULTI, metric


def _value(content: Mapping[str, Any], setting: str, metric: str) -> float:
    means = content["settings"].get(setting, {})
    if metric in means:
        return float(means[metric])
    return float(content["language_bias"][metric]["mean"])


def _overlap(contents: Sequence[Mapping[str, Any]]) -> tuple[int, int] | None:
    parts = [content["overlap"] for content in contents]
    if not all(part["checked"] for part in parts):
        return None
    return max(p["questions"] for p in parts), max(p["passages"] for p in parts)
