"""What of an experiment is looked at: figures, and a page for each benchmark and base model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from bt_augment.evaluation import Comparison
from bt_augment.experiment.comparisons import Table, as_arms
from bt_augment.experiment.recipe import Experiment
from bt_augment.experiment.rows import Row, measured
from bt_augment.reporting import write_figures, write_results_report
from bt_augment.translation.content import digest


def missing_packages() -> list[str]:
    """Return what figures and pages take and is not installed."""
    return [package for package in ("matplotlib", "jinja2") if find_spec(package) is None]


def draw(
    rows: Sequence[Row], tables: Sequence[Table], experiment: Experiment, folder: Path
) -> list[str]:
    """Draw the main measure of every benchmark and base model, if asked and the extra is there.

    Args:
        rows: of the experiment.
        tables: what is compared; pages and gain maps show the same.
        experiment: names the measure.
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
    for name, chosen, compared in _parts([r for r in rows if measured([r], [main])], tables, main):
        names = _names(chosen)
        arms = as_arms(chosen, names)
        families = _families(compared, names)
        contrasts = [pair for family in families for c in family for pair in c.contrasts]
        write_figures(arms, main, folder / "figures" / name, contrasts)
        write_results_report(arms, folder / f"{name}.html", metric=main, families=families)
    return []


def _parts(
    rows: Sequence[Row], tables: Sequence[Table], metric: str
) -> Iterator[tuple[str, list[Row], list[Table]]]:
    """Yield a name, the rows and the tables by the measure for each benchmark and base model."""
    pairs = list(dict.fromkeys((row.judge, row.base) for row in rows))
    plain = {pair: "-".join(pair).replace("/", "-") for pair in pairs}
    shared = Counter(plain.values())
    for pair, name in plain.items():
        yield (
            # Two pairs such as a-b with c, and a with b-c, have one plain name.
            name if shared[name] == 1 else f"{name}-{digest(pair)}",
            [row for row in rows if (row.judge, row.base) == pair],
            [t for t in tables if (t.judge, t.base, t.comparison.metric) == (*pair, metric)],
        )


def _names(rows: Sequence[Row]) -> dict[str, str]:
    """Return what page and figures call rows, by their labels."""
    times = Counter(row.arm for row in rows)
    return {
        # Arms called NAME@ALPHA are points of one curve.
        row.label: row.arm
        if row.alpha is None or times[row.arm] == 1
        else f"{row.arm}@{row.alpha:g}"
        for row in rows
    }


def _families(tables: Sequence[Table], names: Mapping[str, str]) -> list[list[Comparison]]:
    """Return the comparisons with the baseline, and the contrasts; either may be none."""
    families: list[list[Comparison]] = [[], []]
    for table in tables:
        lines = tuple(replace(line, arm=names[line.arm]) for line in table.comparison.lines)
        families[not table.against_baseline].append(replace(table.comparison, lines=lines))
    return families
