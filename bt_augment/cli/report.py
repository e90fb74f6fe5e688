"""``bt-augment report``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from bt_augment.cli.common import common_options
from bt_augment.cli.places import LocalFile, at_hand
from bt_augment.cli.terminal import echo, print_json
from bt_augment.shards.remote.urls import is_url, place


@click.command("report")
@click.argument("sources", nargs=-1, required=True, metavar="DIR|URL|RESULTS...")
@click.option(
    "--out",
    type=LocalFile(path_type=Path),
    required=True,
    help="The HTML file; one that is there is replaced.",
)
@click.option(
    "--examples",
    type=click.IntRange(min=0),
    default=200,
    show_default=True,
    help="Of a run: pairs to show, drawn evenly over all kinds.",
)
@click.option(
    "--metric",
    default="RR@20",
    show_default=True,
    help="Of results: the measure that arms are compared by.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of the draw and resampling.",
)
@common_options
def command(
    sources: tuple[str, ...],
    out: Path,
    examples: int,
    metric: str,
    seed: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write one HTML file to look at a run, or at results of evaluate; it opens offline.

    DIR or URL is a finished run. RESULTS is a results file of evaluate, or NAME=FILE,FILE,... for
    the seeds of one arm; the others are compared with the first.
    """
    from bt_augment.reporting import write_report

    written = write_report(
        [_at_hand(source) for source in sources],
        out,
        examples=examples,
        metric=metric,
        seed=seed,
        named=next(filter(is_url, sources), None),
    )
    if as_json:
        print_json({**asdict(written), "out": str(out)})
    elif not quiet:
        counts = ", ".join(f"{count:,} {name}" for name, count in written.counts.items())
        size = written.bytes / 1e6
        shown = f"{size:.1f} MB" if size >= 0.1 else f"{written.bytes / 1e3:.0f} kB"
        echo(f"wrote {out} ({shown}): {counts}")


def _at_hand(source: str) -> str:
    return str(at_hand(place(source))) if is_url(source) else source
