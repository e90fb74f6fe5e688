"""``bt-augment inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bt_augment.cli.common import common_options, print_json

if TYPE_CHECKING:
    from bt_augment.shards.browsing import Example


@click.command("inspect")
@click.argument("run", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.option(
    "-n", "count", type=click.IntRange(min=1), default=5, show_default=True, help="Pairs to show."
)
@click.option("--rejected", is_flag=True, help="Show rejected pairs.")
@click.option("--reason", metavar="PREFIX", help="Only pairs rejected for this, such as fidelity.")
@click.option("--route", metavar="ROUTE", help="Only pairs of this route, such as en:pt:en.")
@common_options
def command(
    run: Path,
    count: int,
    rejected: bool,
    reason: str | None,
    route: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Show pairs of run DIR: original, pivot, new text, scores, verdict and why."""
    from bt_augment.shards.browsing import browse

    examples = browse(run, count, rejected=rejected, reason=reason, route=route)
    if as_json:
        print_json([{"row": e.row, "source": e.source} for e in examples])
        return
    if not examples:
        click.echo("no such pair in this run")
    for example in examples:
        _show(example)


def _show(example: Example) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    row, source = example.row, example.source
    console = Console()
    reasons = row["reject_reasons"]
    verdict = Text("accepted", "green") if not reasons else Text("rejected: ", "red")
    verdict.append(", ".join(reasons))
    table = Table(show_header=False, box=None, pad_edge=False, expand=True)
    table.add_column(style="bold", no_wrap=True, width=10)
    table.add_column()
    for name in ("question", "passage"):
        if source:
            table.add_row(name, Text(source[name]))
        if row[f"pivot_{name}"]:
            table.add_row(f"  {row['route'][-2]}", Text(row[f"pivot_{name}"], "dim"))
        table.add_row(f"  {row['route'][-1]}", Text(row[name], "cyan"))
    if row["answers"]:
        table.add_row("answers", Text(_answers(row["answers"])))
    table.add_row("scores", Text(_scores(row["scores"]), "dim"))
    table.add_row("verdict", verdict)
    console.rule(Text(row["id"]), align="left")
    console.print(table)


def _answers(answers: list[dict[str, Any]]) -> str:
    shown = dict.fromkeys(
        f"{a['text']} (at {a['start']})" if a["start"] >= 0 else f"{a['text']} (not located)"
        for a in answers
    )
    return "; ".join(shown)


def _scores(scores: dict[str, float | None]) -> str:
    known = {name: value for name, value in scores.items() if value is not None}
    return "  ".join(f"{name} {value:.3g}" for name, value in known.items())
