"""``bt-augment compare``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bt_augment.cli.common import common_options
from bt_augment.cli.places import LocalFolder
from bt_augment.cli.terminal import echo, print_json

if TYPE_CHECKING:
    from bt_augment.evaluation import Arm


@click.command("compare")
@click.argument("results", nargs=-1, required=True, metavar="RESULTS...")
@click.option(
    "--metric",
    default="RR@20",
    show_default=True,
    help="A measure of the results, rank_distance or peer.",
)
@click.option(
    "--correction",
    type=click.Choice(["holm", "none"]),
    default="holm",
    show_default=True,
    help="Of the p-values, for their number.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "latex", "csv"]),
    default="markdown",
    show_default=True,
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of the resampling over queries.",
)
@click.option(
    "--figures",
    type=LocalFolder(),
    metavar="DIR",
    help="Folder for heat maps of language pairs, and curves over alpha and data size, as SVG and "
    "PDF.",
)
@common_options
def command(
    results: tuple[str, ...],
    metric: str,
    correction: str,
    form: str,
    seed: int,
    figures: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Compare results with the first of them: effect, 95% interval, p-value.

    RESULTS is a results file of evaluate, or NAME=FILE,FILE,... for the seeds of one arm.
    """
    from bt_augment.evaluation import Arm, compare

    arms = [Arm.parse(text) for text in results]
    comparison = compare(arms, metric, correction, seed)
    content = comparison.as_dict()
    if figures is not None:
        content["figures"] = _draw(arms, metric, figures, quiet=quiet)
    if as_json:
        print_json(content)
    else:
        echo(comparison.table(form))


def _draw(arms: Sequence[Arm], metric: str, folder: Path, *, quiet: bool) -> list[str]:
    from bt_augment.reporting import write_figures

    drawn = write_figures(arms, metric, folder)
    if not quiet:  # beside the table, which may go into a file
        for sentence in drawn.left_out:
            echo(sentence, err=True)
        echo(f"wrote {len(drawn.files)} files to {folder}", err=True)
    return [str(path) for path in drawn.files]
