"""Figures of an experiment: for each base model, language pairs and the trade-off by alpha."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from bt_augment.evaluation import Arm
from bt_augment.experiment.recipe import Experiment
from bt_augment.experiment.rows import Row
from bt_augment.reporting import write_figures


def draw(rows: Sequence[Row], experiment: Experiment, folder: Path) -> list[str]:
    """Draw the main measure of every benchmark and base model, if asked and matplotlib is there.

    Args:
        rows: of the experiment.
        experiment: names the measure and the baseline.
        folder: gets a folder for each benchmark and base model.

    Returns:
        What was left out, and why.

    Raises:
        InputError: results that cannot be read.
        StorageError: the disk refused.
    """
    if not experiment.comparison.figures:
        return []
    if find_spec("matplotlib") is None:
        return ["figures: matplotlib is not installed; pip install 'bt-augment[report]'"]
    main, baseline = experiment.comparison.metrics[0], experiment.comparison.baseline
    for judge, base in dict.fromkeys((row.judge, row.base) for row in rows):
        chosen = [r for r in rows if (r.judge, r.base) == (judge, base) and r.alpha is not None]
        chosen.sort(key=lambda row: row.arm != baseline)  # gains are over the first
        alphas = Counter(row.arm for row in chosen)
        arms = [
            # Arms called NAME@ALPHA are points of one curve.
            Arm(f"{row.arm}@{row.alpha:g}" if alphas[row.arm] > 1 else row.arm, row.results)
            for row in chosen
        ]
        write_figures(arms, main, folder / f"{judge}-{base}".replace("/", "-"))
    return []
