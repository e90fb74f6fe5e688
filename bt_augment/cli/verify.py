"""``bt-augment verify``."""

from __future__ import annotations

from pathlib import Path

import click

from bt_augment.cli.common import common_options
from bt_augment.cli.places import FolderOrUrl, at_hand_anew
from bt_augment.cli.terminal import echo, print_json
from bt_augment.errors import RunFolderError


@click.command("verify")
@click.argument("run", type=FolderOrUrl(), metavar="DIR|URL")
@common_options
def command(run: Path | str, quiet: bool, as_json: bool) -> None:
    """Check that run DIR is whole: shards, run.json and quarantine as written, counts adding up."""
    from bt_augment.shards.verification import verify

    with at_hand_anew(run) as folder:
        result = verify(folder)
    if as_json:
        print_json(
            {
                "sound": not result.problems,
                "shards": result.shards,
                "rows": result.rows,
                "problems": result.problems,
            }
        )
    if result.problems:
        raise RunFolderError(f"{run}: is damaged:\n{result.told()}")
    if not (quiet or as_json):
        echo(f"{run}: sound; {result.shards} shards, {result.rows:,} rows, books balanced")
