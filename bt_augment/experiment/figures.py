"""What of an experiment is looked at: figures, and a page for each benchmark and base model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from bt_augment.evaluation import Arm
from bt_augment.experiment.recipe import Experiment
from bt_augment.experiment.rows import Row, measured
from bt_augment.reporting import write_figures, write_results_report
from bt_augment.translation.content import digest


def missing_packages() -> list[str]:
    """Return what figures and pages take and is not installed."""
    return [package for package in ("matplotlib", "jinja2") if find_spec(package) is None]


def draw(rows: Sequence[Row], experiment: Experiment, folder: Path) -> list[str]:
    """Draw the main measure of every benchmark and base model, if asked and the extra is there.

    Args:
        rows: of the experiment.
        experiment: names the measure and the baseline.
        folder: gets ``figures/`` with a folder for each benchmark and base model, and a page.

    Returns:
        What was left out, and why.

    Raises:
        InputError: results that cannot be read.
        StorageError: the disk refused.
    """
    if not experiment.comparison.figures:
        return []
    if missing := missing_packages():
        return [
            f"figures and pages: not installed: {', '.join(missing)}; "
            "pip install 'bt-augment[report]'"
        ]
    main = experiment.comparison.metrics[0]
    for name, arms in _compared([r for r in rows if measured([r], [main])], experiment):
        write_figures(arms, main, folder / "figures" / name)
        write_results_report(arms, folder / f"{name}.html", metric=main)
    return []


def _compared(rows: Sequence[Row], experiment: Experiment) -> Iterator[tuple[str, list[Arm]]]:
    """Yield a name and the trained arms for each benchmark and base model."""
    pairs = list(dict.fromkeys((row.judge, row.base) for row in rows))
    plain = {pair: "-".join(pair).replace("/", "-") for pair in pairs}
    shared = Counter(plain.values())
    for judge, base in pairs:
        name = plain[judge, base]
        chosen = [r for r in rows if (r.judge, r.base) == (judge, base) and r.alpha is not None]
        # Gains are over the first.
        chosen.sort(key=lambda row: row.arm != experiment.comparison.baseline)
        alphas = Counter(row.arm for row in chosen)
        yield (
            # Two pairs such as a-b with c, and a with b-c, have one plain name.
            name if shared[name] == 1 else f"{name}-{digest((judge, base))}",
            [
                # Arms called NAME@ALPHA are points of one curve.
                Arm(f"{row.arm}@{row.alpha:g}" if alphas[row.arm] > 1 else row.arm, row.results)
                for row in chosen
            ],
        )
