"""The tables of an experiment to read: means over seeds, and differences with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import mean, stdev

from bt_augment.evaluation.table_forms import latex, markdown
from bt_augment.evaluation.tables import titled
from bt_augment.experiment.comparisons import Table
from bt_augment.experiment.recipe import Experiment
from bt_augment.experiment.rows import Row

_P_FLOOR = 1e-4  # a smaller p-value says no more


def main_page(
    experiment: Experiment,
    rows: Sequence[Row],
    tables: Sequence[Table],
    left_out: Sequence[str],
) -> Iterator[str]:
    """Yield the lines of ``table.md``: all means, and what is compared by the main measure."""
    yield from _title(experiment)
    if experiment.description:
        yield f"{experiment.description}\n"
    for judge, base in dict.fromkeys((row.judge, row.base) for row in rows):
        chosen = [row for row in rows if (row.judge, row.base) == (judge, base)]
        seeds = max(len(row.results) for row in chosen)
        yield f"## {base} on {judge}\n"
        means = f"Mean ± standard deviation over {seeds} seeds" if seeds > 1 else "One seed"
        yield f"{means}; *made*: share of the pairs trained on that hold no native text.\n"
        yield markdown(*_means(chosen))
        yield ""
        yield from _compared(judge, base, experiment.comparison.metrics[0], tables)
    if left_out:
        yield "## Left out\n"
        yield from (f"- {text}." for text in left_out)
        yield ""
    yield "## Overlap of training rows with the benchmark\n"
    yield from _overlaps(rows)
    yield ""


def comparisons_page(experiment: Experiment, tables: Sequence[Table]) -> Iterator[str]:
    """Yield the lines of ``comparisons.md``: what is compared, by every measure."""
    yield from _title(experiment)
    for judge, base in dict.fromkeys((table.judge, table.base) for table in tables):
        yield f"## {base} on {judge}\n"
        for metric in experiment.comparison.metrics:
            yield from _compared(judge, base, metric, tables)


def latex_tables(rows: Sequence[Row], tables: Sequence[Table]) -> Iterator[str]:
    """Yield the tables of ``table.tex``, each under a comment that says what it is."""
    for judge, base in dict.fromkeys((row.judge, row.base) for row in rows):
        chosen = [row for row in rows if (row.judge, row.base) == (judge, base)]
        yield f"% {base} on {judge}\n{latex(*_means(chosen))}"
        for table in tables:
            if (table.judge, table.base) == (judge, base):
                said = f"{table.comparison.metric}, {table.title}"
                yield f"% {base} on {judge}: {said}\n{table.comparison.table('latex')}"


def _title(experiment: Experiment) -> Iterator[str]:
    profile = f", profile {experiment.profile}" if experiment.profile else ""
    yield f"# {experiment.name}{profile}\n"


def _compared(judge: str, base: str, metric: str, tables: Sequence[Table]) -> Iterator[str]:
    chosen = [
        table for table in tables
        if (table.judge, table.base, table.comparison.metric) == (judge, base, metric)
    ]  # fmt: skip
    for table in chosen:
        if table.against_baseline:
            yield f"### {metric} {table.title}\n"
            yield f"{table.comparison.table('markdown')}\n"
    contrasts = [table for table in chosen if not table.against_baseline]
    if contrasts:
        yield f"### {titled(metric)}, arm against arm\n"
        yield f"{markdown(*_contrasts(contrasts))}\n"


def _contrasts(tables: Sequence[Table]) -> tuple[list[str], list[list[str]]]:
    correction = tables[0].comparison.correction
    header = ["arms", "setting", "effect", "95% interval", "p", f"p ({correction})"]
    lines = []
    for table in tables:
        for line in table.comparison.lines:
            if line.effect is not None and line.corrected is not None:
                effect = line.effect
                interval = f"[{effect.low:+.4f}, {effect.high:+.4f}]"
                values = [f"{effect.effect:+.4f}", interval, _p(effect.p), _p(line.corrected)]
                lines.append([table.title, line.setting, *values])
    return header, lines


def _p(value: float) -> str:
    return f"<{_P_FLOOR:.4f}" if value < _P_FLOOR else f"{value:.4f}"


def _overlaps(rows: Sequence[Row]) -> Iterator[str]:
    for judge in dict.fromkeys(row.judge for row in rows):
        trained = [row for row in rows if row.judge == judge and row.alpha is not None]
        checked = [row.overlap for row in trained if row.overlap is not None]
        if len(checked) < len(trained):
            unknown = [row for row in trained if row.overlap is None]
            yield f"- {judge}: not checked for {len(unknown)} of {len(trained)} arms:"
            yield from (f"    - {row.label} of {row.base}: {row.unchecked}" for row in unknown)
        if checked:
            questions, passages = (max(part) for part in zip(*checked, strict=True))
            yield f"- {judge}: at most {questions} questions and {passages} passages of an arm."


def _means(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    keys = list(rows[0].values)
    twice = {metric for _, metric in keys if sum(m == metric for _, m in keys) > 1}
    header = [
        f"{metric} {setting}" if metric in twice else titled(metric) for setting, metric in keys
    ]
    lines = []
    for row in rows:
        cells = [_cell(row.values[key]) for key in keys]
        alpha = "" if row.alpha is None else f"{row.alpha:g}"
        made = "" if row.made is None else f"{row.made:.2f}"
        lines.append([row.arm, alpha, made, *cells])
    return ["arm", "alpha", "made", *header], lines


def _cell(values: Sequence[float]) -> str:
    places = 4 if abs(mean(values)) < 2 else 1
    shown = f"{mean(values):.{places}f}"
    return f"{shown} ± {stdev(values):.{places}f}" if len(values) > 1 else shown
