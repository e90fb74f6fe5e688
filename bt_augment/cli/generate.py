"""``bt-augment generate``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bt_augment.cli.common import (
    common_options,
    progress_for,
    set_option,
    told_when_interrupted,
    units_are_kept,
)
from bt_augment.cli.places import FolderOrUrl
from bt_augment.cli.summary import print_shard, print_summary, shard_json, summary_json
from bt_augment.cli.terminal import print_json
from bt_augment.errors import RecipeError
from bt_augment.translation.devices import MAX_WORKERS

if TYPE_CHECKING:
    from bt_augment.generation import LocalThreads, RayCluster


@click.command("generate")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "--route",
    "routes",
    multiple=True,
    metavar="ROUTE",
    help="Languages joined by colons: en:pt:en, en:pt, pt:en:es. Repeatable.",
)
@click.option(
    "--code-switch",
    "lexicons",
    multiple=True,
    metavar="LEXICON",
    help="Replace words by their translations from this lexicon (MUSE's format): en-pt.txt, or "
    "en:pt=PATH. Repeatable: several also make multilingual text.",
)
@click.option(
    "--ratio",
    type=click.FloatRange(0, 1),
    help="Share of the words in a lexicon that are replaced; default: 0.5.",
)
@click.option(
    "--out",
    type=FolderOrUrl(),
    required=True,
    metavar="DIR|URL",
    help="The run folder to write: a folder, or s3://BUCKET/PATH or gs://BUCKET/PATH.",
)
@click.option(
    "--format",
    "format_",
    metavar="FORMAT",
    help="auto (default), squad, jsonl, csv, parquet, arrow, beir or hub.",
)
@click.option(
    "--lang",
    metavar="TAG",
    help="Language of rows that name none. Default: the language the routes begin with.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME|SRC:TGT=NAME",
    help="Translation model, for all hops or one. Default: bundled:mini. Repeatable.",
)
@click.option("--candidates", type=click.IntRange(1, 64), help="Candidates per pair and route.")
@click.option(
    "--recipe",
    "recipe_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML recipe; options here win over it.",
)
@set_option()
@click.option("--limit", type=click.IntRange(min=1), help="Read so many pairs at most.")
@click.option("--unit-rows", type=click.IntRange(1, 100_000), help="Pairs per unit and shard.")
@click.option(
    "--workers",
    type=click.IntRange(1, MAX_WORKERS),
    help="CPU threads; default: all cores. On Ray, CPUs of each actor; default: up to 4.",
)
@click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="DEVICE",
    help="auto, cpu, cuda (all GPUs), or some of them: cuda:0,1.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Where units are made: on this machine, or on a Ray cluster.",
)
@click.option(
    "--address",
    metavar="HOST:PORT|auto",
    help="Head of the Ray cluster; default: RAY_ADDRESS, else one is started on this machine.",
)
@click.option(
    "--actors",
    type=click.IntRange(min=1),
    help="Ray processes that make units; default: as many as there is room for.",
)
@click.option(
    "--actor-gpus",
    type=click.FloatRange(min=0),
    help="GPUs of each Ray actor, 0.5 to share one; default: 1 with --device cuda.",
)
@click.option(
    "--shard",
    metavar="K/N",
    help="Make only part K of N, for a batch job; without it, the parts are joined.",
)
@click.option("--no-native", is_flag=True, help="Leave the native rows out of train.")
@click.option("--overwrite", is_flag=True, help="Remove what another run left in --out.")
@click.option(
    "--decontaminate",
    multiple=True,
    metavar="BENCHMARK=DIR",
    help="Reject rows that overlap this benchmark's text. Repeatable.",
)
@common_options
def command(
    inputs: tuple[str, ...],
    routes: tuple[str, ...],
    lexicons: tuple[str, ...],
    ratio: float | None,
    out: Path | str,
    format_: str | None,
    lang: str | None,
    models: tuple[str, ...],
    candidates: int | None,
    recipe_file: Path | None,
    assignments: tuple[str, ...],
    limit: int | None,
    unit_rows: int | None,
    workers: int | None,
    device: str,
    engine: str,
    address: str | None,
    actors: int | None,
    actor_gpus: float | None,
    shard: str | None,
    no_native: bool,
    overwrite: bool,
    decontaminate: tuple[str, ...],
    quiet: bool,
    as_json: bool,
) -> None:
    """Translate QA pairs along routes, filter them, and write Arrow shards.

    Interrupted, it goes on where it stopped when the same command is run again.
    """
    from bt_augment.generation import Generation, Shard, generate, generate_shard
    from bt_augment.recipe import load_recipe

    overrides: dict[str, Any] = {
        "routes": list(routes) or None,
        "code_switch.lexicons": list(lexicons) or None,
        "code_switch.ratio": ratio,
        "input.format": format_,
        "input.lang": lang,
        "input.limit": limit,
        "translation.models": list(models) or None,
        "translation.decoding.candidates": candidates,
        "output.unit_rows": unit_rows,
        "output.native": False if no_native else None,
        "decontaminate": _folders(decontaminate) or None,
    }
    recipe = load_recipe(
        recipe_file, {k: v for k, v in overrides.items() if v is not None}, assignments
    )
    request = Generation(
        inputs=inputs,
        out=out,
        recipe=recipe,
        workers=workers,
        device=device,
        overwrite=overwrite,
        environment=os.environ,
        engine=_engine(engine, address, actors, actor_gpus),
    )
    kept = units_are_kept(overwrite=overwrite)
    if shard is not None:
        part = Shard.parse(shard)
        with progress_for(quiet=quiet) as progress, told_when_interrupted(kept):
            made = generate_shard(request, part, progress)
        if as_json:
            print_json(shard_json(made))
        elif not quiet:
            print_shard(made)
        return
    with progress_for(quiet=quiet) as progress, told_when_interrupted(kept):
        summary = generate(request, progress)
    if as_json:
        print_json(summary_json(summary))
    elif not quiet:
        print_summary(summary)


def _engine(
    engine: str, address: str | None, actors: int | None, actor_gpus: float | None
) -> LocalThreads | RayCluster:
    from bt_augment.generation import LocalThreads, RayCluster

    if engine == "ray":
        return RayCluster(address or os.environ.get("RAY_ADDRESS"), actors, actor_gpus)
    given = {"--address": address, "--actors": actors, "--actor-gpus": actor_gpus}
    if named := [name for name, value in given.items() if value is not None]:
        raise click.UsageError(f"{named[0]} is for a Ray cluster; add --engine ray")
    return LocalThreads()


def _folders(texts: tuple[str, ...]) -> dict[str, str]:
    folders: dict[str, str] = {}
    for text in texts:
        name, equals, folder = text.partition("=")
        if not (name and equals and folder):
            raise RecipeError(f"--decontaminate {text!r}: write BENCHMARK=DIR")
        if name in folders:
            raise RecipeError(
                f"--decontaminate {name}: stands for both {folders[name]} and {folder}; give each "
                "folder a name of its own"
            )
        folders[name] = folder
    return folders
