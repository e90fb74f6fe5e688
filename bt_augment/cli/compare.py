"""``bt-augment compare``."""

from __future__ import annotations

import click

from bt_augment.cli.common import common_options, print_json


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
    "--seed", type=int, default=0, show_default=True, help="Of the resampling over queries."
)
@common_options
def command(
    results: tuple[str, ...],
    metric: str,
    correction: str,
    form: str,
    seed: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Compare results with the first of them: effect, 95% interval, p-value.

    RESULTS is a results file of evaluate, or NAME=FILE,FILE,... for the seeds of one arm.
    """
    from bt_augment.evaluation import Arm, compare

    comparison = compare([Arm.parse(text) for text in results], metric, correction, seed)
    if as_json:
        print_json(comparison.as_dict())
    else:
        click.echo(comparison.table(form))
