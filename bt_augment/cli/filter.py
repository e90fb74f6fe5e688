"""``bt-augment filter``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from bt_augment.cli.common import (
    common_options,
    progress_for,
    set_option,
    told_when_interrupted,
    units_are_kept,
)
from bt_augment.cli.places import FolderOrUrl, at_hand
from bt_augment.cli.summary import print_summary, summary_json
from bt_augment.cli.terminal import print_json


@click.command("filter")
@click.argument("run", type=FolderOrUrl(), metavar="DIR|URL")
@click.option(
    "--out",
    type=FolderOrUrl(),
    required=True,
    metavar="DIR|URL",
    help="The new run folder: a folder, or s3://BUCKET/PATH or gs://BUCKET/PATH.",
)
@click.option(
    "--recipe",
    "recipe_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML recipe whose filters section decides, in place of the run's own.",
)
@set_option()
@click.option("--overwrite", is_flag=True, help="Remove what another run left in --out.")
@common_options
def command(
    run: Path | str,
    out: Path | str,
    recipe_file: Path | None,
    assignments: tuple[str, ...],
    overwrite: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Judge the pairs of run DIR anew, from their stored scores.

    Starts from the thresholds the run was made with, or from --recipe.
    """
    from bt_augment.generation import refilter
    from bt_augment.generation.refiltering import stored_recipe
    from bt_augment.shards.outputs import refuse_overlap

    refuse_overlap(run, out)
    source = at_hand(run)
    recipe = stored_recipe(source, recipe_file, assignments)
    kept = units_are_kept(overwrite=overwrite)
    with progress_for(quiet=quiet) as progress, told_when_interrupted(kept):
        summary = refilter(
            source,
            out,
            recipe,
            overwrite=overwrite,
            progress=progress,
            environment=os.environ,
        )
    if as_json:
        print_json(summary_json(summary))
    elif not quiet:
        print_summary(summary)
