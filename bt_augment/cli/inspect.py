"""``bt-augment inspect``."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bt_augment.cli.common import common_options
from bt_augment.cli.places import FolderOrUrl, at_hand
from bt_augment.cli.summary import print_totals
from bt_augment.cli.terminal import echo, print_json, reader_gone
from bt_augment.errors import did_you_mean

if TYPE_CHECKING:
    from rich.console import Console

    from bt_augment.cli.pair_view import PairView

_MOST_PAIRS = 1_000_000  # all that are shown are held in memory
_MOST_PAGES = 1_000_000_000  # of one pair each, in the largest run
_PASSAGE_CHARACTERS = 240  # shown of each version unless --full: the shape of a pair, at a glance


def _pattern(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> re.Pattern[str] | None:
    """Return a regular expression that is found in any case."""
    if value is None:
        return None
    try:
        return re.compile(value, re.IGNORECASE)
    except re.error as error:
        raise click.BadParameter(f"{value!r} is not a regular expression: {error}") from error


@click.command("inspect")
@click.argument("run", type=FolderOrUrl(), metavar="DIR|URL")
@click.option(
    "-n",
    "count",
    type=click.IntRange(1, _MOST_PAIRS),
    default=5,
    show_default=True,
    help="Pairs to show.",
)
@click.option(
    "--page",
    type=click.IntRange(1, _MOST_PAGES),
    default=1,
    show_default=True,
    help="Which page of -n pairs to show.",
)
@click.option("--rejected", is_flag=True, help="Show rejected pairs.")
@click.option("--reason", metavar="PREFIX", help="Only pairs rejected for this, such as fidelity.")
@click.option("--route", metavar="ROUTE", help="Only pairs of this route, such as en:pt:en.")
@click.option(
    "--grep",
    "pattern",
    callback=_pattern,
    metavar="REGEX",
    help="Only pairs with this in a native, pivot or new text, in any case.",
)
@click.option(
    "--sample",
    type=click.IntRange(1, _MOST_PAIRS),
    metavar="N",
    help="Show N pairs drawn at random instead of the first ones.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the sample.")
@click.option("--diff", is_flag=True, help="Mark the words that a round trip changed.")
@click.option("--full", is_flag=True, help="Show whole passages.")
@click.option(
    "--pager/--no-pager",
    "paged",
    default=None,
    help="Show in a pager; by default on a terminal, where there is more than fits.",
)
@common_options
def command(
    run: Path | str,
    count: int,
    page: int,
    rejected: bool,
    reason: str | None,
    route: str | None,
    pattern: re.Pattern[str] | None,
    sample: int | None,
    seed: int,
    diff: bool,
    full: bool,
    paged: bool | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Show pairs of run DIR: original, pivot, new text, scores, verdict and why."""
    from bt_augment.shards.browsing import browse
    from bt_augment.shards.manifest import read_manifest

    if sample and page > 1:
        raise click.UsageError("--sample has no pages; draw another sample with --seed")
    folder = at_hand(run, checked=False)  # a few rows are looked at, in a few shards
    examples = browse(
        folder,
        sample or count + 1,  # one more than is shown, to know whether there is a next page
        skip=(page - 1) * count,
        rejected=rejected,
        reason=reason,
        route=route,
        pattern=pattern,
        seed=seed if sample else None,
    )
    more = not sample and len(examples) > count
    examples = examples[: sample or count]
    if as_json:
        print_json([{"row": e.row, "source": e.source} for e in examples])
        return
    if not examples:
        none = f"no such pair in this run{_nearest(folder, reason)}"
        echo(none if page == 1 else f"no page {page}: there are fewer")
    else:
        from bt_augment.cli.pair_view import PairView

        limit = None if full else _PASSAGE_CHARACTERS
        _print([PairView(e, limit=limit, diff=diff) for e in examples], paged)
        if more:
            echo(f"\npage {page}; --page {page + 1} shows more")
    if not quiet:
        echo()
        print_totals(read_manifest(folder).totals)


def _nearest(folder: Path, reason: str | None) -> str:
    """Return a question about the nearest reason that the run has, where it has none such."""
    from bt_augment.shards.manifest import read_manifest

    reasons = read_manifest(folder).totals.reasons
    if reason is None or any(known.startswith(reason) for known in reasons):
        return ""
    parts = (known.split(".") for known in reasons)
    return did_you_mean(
        reason, sorted({".".join(p[: n + 1]) for p in parts for n in range(len(p))})
    )


def _print(views: list[PairView], paged: bool | None) -> None:
    from rich.console import Console

    console = Console()
    if paged is None:
        paged = console.is_terminal and _lines(console, views) > console.height
    with console.pager(styles=True) if paged else nullcontext():
        for view in views:
            if reader_gone():
                return
            console.print(view)


def _lines(console: Console, views: list[PairView]) -> int:
    return sum(len(console.render_lines(view)) for view in views)
