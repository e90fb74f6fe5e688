"""``bt-augment export``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from bt_augment.cli.common import common_options, names
from bt_augment.cli.places import FolderOrUrl, LocalFolder, at_hand
from bt_augment.cli.terminal import echo, print_json

# Written out, as the package that knows them is imported only when the command runs.
_FORMATS = ("sentence-transformers", "tevatron", "flagembedding", "beir", "squad")


@click.command("export")
@click.argument("run", type=FolderOrUrl(), metavar="DIR|URL")
@click.option(
    "--format", "form", type=click.Choice(_FORMATS), required=True, help="For which tool."
)
@click.option(
    "--out",
    type=LocalFolder(),
    required=True,
    help="The folder to write.",
)
@click.option(
    "--negatives",
    type=click.IntRange(min=0),
    metavar="N",
    help="Passages that do not answer, for each row; 7 for tevatron and flagembedding unless "
    "said, otherwise none; 100 at most.",
)
@click.option(
    "--methods",
    metavar="LIST",
    help="Only rows of these methods, such as native,round_trip.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the negatives.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier export in --out.")
@common_options
def command(
    run: Path | str,
    form: str,
    out: Path,
    negatives: int | None,
    methods: str | None,
    seed: int,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write the accepted pairs of run DIR for another training tool."""
    from bt_augment.pairs.schema import METHODS
    from bt_augment.shards.exporting import export
    from bt_augment.shards.store import TRAIN

    done = export(
        at_hand(run, [TRAIN]),
        out,
        form,
        negatives=negatives,
        methods=METHODS if methods is None else names(methods) or (),
        seed=seed,
        overwrite=overwrite,
    )
    if as_json:
        print_json({"out": str(out), **asdict(done)})
    elif not quiet:
        echo(f"wrote {done.written:,} of {done.rows:,} accepted rows to {out}")
        for path, count in done.files.items():
            echo(f"    {path}: {count:,}")
        for reason, count in done.left_out.items():
            echo(f"left out, {reason}: {count:,}")
        for reason, count in done.partly.items():
            echo(f"not in all files, {reason}: {count:,}")
