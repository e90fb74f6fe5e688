"""A comparison as a table: Markdown, LaTeX with booktabs, or CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from bt_augment.errors import InputError, did_you_mean
from bt_augment.evaluation.results import RANK_DISTANCE
from bt_augment.evaluation.table_forms import latex, markdown

if TYPE_CHECKING:
    from bt_augment.evaluation.comparison import Comparison, Line

FORMATS = ("markdown", "latex", "csv")


def titled(metric: str) -> str:
    """Return what a table calls a measure; of all but one, more is better."""
    return f"{metric} (less is better)" if metric == RANK_DISTANCE else metric


def table(comparison: Comparison, form: str = "markdown") -> str:
    """Return a comparison as Markdown, LaTeX (booktabs) or CSV.

    Raises:
        InputError: another form is asked for.
    """
    if form not in FORMATS:
        raise InputError(
            f"unknown form {form!r}{did_you_mean(form, FORMATS)}; one of {', '.join(FORMATS)}"
        )
    if form == "csv":
        return _csv(comparison)
    header = [
        "setting", "arm", titled(comparison.metric), "effect", "95% interval", "p",
        f"p ({comparison.correction})", "questions", "runs",
    ]  # fmt: skip
    rows = [_cells(line) for line in comparison.lines]
    if form == "latex":
        return latex(header, rows, texts=2, grouped=True)
    return markdown(header, rows)


def _cells(line: Line) -> list[str]:
    effect = line.effect
    tested = ["", "", "", ""]
    if effect is not None:
        tested = [
            f"{effect.effect:+.4f}",
            f"[{effect.low:+.4f}, {effect.high:+.4f}]",
            _p(effect.p),
            _p(line.corrected if line.corrected is not None else effect.p),
        ]
    return [
        line.setting, line.arm, f"{line.mean:.4f}", *tested, str(line.queries), str(line.runs)
    ]  # fmt: skip


def _p(value: float) -> str:
    return "<0.0001" if value < 1e-4 else f"{value:.4f}"


def _csv(comparison: Comparison) -> str:
    """Return one line per arm and setting, numbers in full."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["setting", "arm", "metric", "mean", "effect", "low", "high", "p", "p_corrected",
         "correction", "questions", "runs"]
    )  # fmt: skip
    for line in comparison.lines:
        e = line.effect
        tested = [e.effect, e.low, e.high, e.p, line.corrected] if e else [""] * 5
        writer.writerow(
            [line.setting, line.arm, comparison.metric, line.mean, *tested, comparison.correction,
             line.queries, line.runs]
        )  # fmt: skip
    return out.getvalue().rstrip("\n")
