"""``bt-augment inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bt_augment.cli.common import common_options, print_json
from bt_augment.cli.summary import print_totals

if TYPE_CHECKING:
    from bt_augment.shards.browsing import Example

_PASSAGE_CHARACTERS = 240  # shown of each version unless --full: the shape of a pair, at a glance


@click.command("inspect")
@click.argument("run", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.option(
    "-n", "count", type=click.IntRange(min=1), default=5, show_default=True, help="Pairs to show."
)
@click.option("--rejected", is_flag=True, help="Show rejected pairs.")
@click.option("--reason", metavar="PREFIX", help="Only pairs rejected for this, such as fidelity.")
@click.option("--route", metavar="ROUTE", help="Only pairs of this route, such as en:pt:en.")
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    metavar="N",
    help="Show N pairs drawn at random instead of the first ones.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the sample.")
@click.option("--full", is_flag=True, help="Show whole passages.")
@common_options
def command(
    run: Path,
    count: int,
    rejected: bool,
    reason: str | None,
    route: str | None,
    sample: int | None,
    seed: int,
    full: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Show pairs of run DIR: original, pivot, new text, scores, verdict and why."""
    from bt_augment.shards.browsing import browse
    from bt_augment.shards.manifest import read_manifest

    examples = browse(
        run,
        sample or count,
        rejected=rejected,
        reason=reason,
        route=route,
        seed=seed if sample else None,
    )
    if as_json:
        print_json([{"row": e.row, "source": e.source} for e in examples])
        return
    if not examples:
        click.echo("no such pair in this run")
    for example in examples:
        _show(example, None if full else _PASSAGE_CHARACTERS)
    if not quiet:
        click.echo()
        print_totals(run, read_manifest(run).totals)


def _show(example: Example, limit: int | None) -> None:
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
            table.add_row(name, Text(_cut(source[name], limit)))
        if row[f"pivot_{name}"]:
            table.add_row(f"  {row['route'][-2]}", Text(_cut(row[f"pivot_{name}"], limit), "dim"))
        table.add_row(f"  {row['route'][-1]}", Text(_cut(row[name], limit), "cyan"))
    if row["answers"]:
        table.add_row("answers", Text(_answers(row["answers"])))
    table.add_row("scores", Text(_scores(row["scores"]), "dim"))
    table.add_row("verdict", verdict)
    console.rule(Text(row["id"]), align="left")
    console.print(table)


def _cut(text: str, limit: int | None) -> str:
    return text if limit is None or len(text) <= limit else text[: limit - 1] + "…"


def _answers(answers: list[dict[str, Any]]) -> str:
    shown = dict.fromkeys(
        f"{a['text']} (at {a['start']})" if a["start"] >= 0 else f"{a['text']} (not located)"
        for a in answers
    )
    return "; ".join(shown)


def _scores(scores: dict[str, float | None]) -> str:
    families: dict[str, list[str]] = {}
    for name, value in scores.items():
        if value is not None:
            family, score = name.split(".", 1)
            families.setdefault(family, []).append(f"{score} {value:.3g}")
    return "\n".join(f"{family}: {', '.join(shown)}" for family, shown in families.items())
