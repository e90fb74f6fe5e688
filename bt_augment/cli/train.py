"""``bt-augment train``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bt_augment.cli.common import (
    common_options,
    names,
    progress_for,
    silence_libraries,
    told_when_interrupted,
)
from bt_augment.cli.places import FolderOrUrl, LocalFolder, at_hand
from bt_augment.cli.terminal import echo, print_json

if TYPE_CHECKING:
    from bt_augment.training.trainer import Trained


@click.command("train")
@click.argument("runs", nargs=-1, required=True, type=FolderOrUrl(), metavar="DIR|URL...")
@click.option(
    "--base-model",
    required=True,
    metavar="NAME",
    help="Encoder: a folder, a hub name (NAME@REVISION), static:bundled or static:TOKENIZER.",
)
@click.option(
    "--out",
    type=LocalFolder(),
    required=True,
    help="The model folder to write.",
)
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Probability of a monolingual step: 1 is X-X-mono, 0 is X-Y.",
)
@click.option(
    "--augmented-share",
    metavar="SHARE|any",
    default="0.5",
    show_default=True,
    help="Share of pairs without a native text; any lets it fall as it may.",
)
@click.option(
    "--methods",
    metavar="NAME,...",
    help="native, translation, round_trip, pivot, code_switch. Default: all.",
)
@click.option("--languages", metavar="TAG,...", help="Train on these languages only.")
@click.option(
    "--draw",
    type=click.Choice(["uniform", "size"]),
    default="uniform",
    show_default=True,
    help="How languages are drawn: each alike, or by number of pairs.",
)
@click.option(
    "--language-pair-per",
    type=click.Choice(["example", "batch"]),
    default="example",
    show_default=True,
    help="What a cross-lingual step draws a language pair for.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    help="Optimizer steps. Default: as many pairs as rows, 100 steps at least.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Pairs of a step, on one device.",
)
@click.option(
    "--mini-batch-size",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    help="Pairs encoded at once: bounds memory, not the batch.",
)
@click.option(
    "--hard-negatives",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Passages of the same title added to each pair.",
)
@click.option(
    "--lr",
    "learning_rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Highest learning rate. Default: 3e-5; 0.02 for static encoders.",
)
@click.option("--weight-decay", type=click.FloatRange(min=0), default=0.01, show_default=True)
@click.option(
    "--warmup",
    type=click.FloatRange(0, 1),
    default=0.1,
    show_default=True,
    help="Share of the steps over which the learning rate rises.",
)
@click.option(
    "--temperature",
    type=click.FloatRange(min=0, min_open=True),
    help="Of the contrastive loss. Default: 0.05; 0.1 for static encoders.",
)
@click.option(
    "--max-length",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    help="Longest input in tokens.",
)
@click.option("--dimensions", type=click.IntRange(min=1), help="Of a static encoder. Default: 512.")
@click.option(
    "--query-prompt", metavar="TEXT", help="Put before questions. Default: the base model's own."
)
@click.option(
    "--passage-prompt", metavar="TEXT", help="Put before passages. Default: the base model's own."
)
@click.option(
    "--held-out",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.05,
    show_default=True,
    help="Share of passages to measure on instead of training.",
)
@click.option(
    "--patience",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Stop after so many measurements without a better one; 0 never does.",
)
@click.option(
    "--eval-steps",
    type=click.IntRange(min=1),
    help="Steps between measurements, with --patience. Default: a tenth of all.",
)
@click.option(
    "--save-steps",
    type=click.IntRange(min=1),
    help="Steps between checkpoints. Default: a tenth of all; of static encoders 1000 or more.",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16", "fp16"]),
    default="auto",
    show_default=True,
    help="auto takes the quickest that the device has.",
)
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--report-to",
    type=click.Choice(["none", "tensorboard", "wandb"]),
    default="none",
    show_default=True,
    help="Where loss and measurements are sent.",
)
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint in --out.")
@click.option("--overwrite", is_flag=True, help="Remove the training that --out holds.")
@common_options
def command(
    runs: tuple[Path | str, ...],
    out: Path,
    augmented_share: str,
    methods: str | None,
    languages: str | None,
    resume: bool,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train a dense retriever on the accepted rows of run folders DIR.

    Interrupted, it goes on where it stopped when the same command is run with --resume.
    """
    from bt_augment.shards.store import TRAIN
    from bt_augment.training.ranks import is_main
    from bt_augment.training.settings import TrainingSettings
    from bt_augment.training.trainer import train

    chosen: dict[str, Any] = {"methods": names(methods), "languages": names(languages)}
    settings = TrainingSettings(
        augmented_share=_share(augmented_share),
        **{name: value for name, value in chosen.items() if value is not None},
        **options,
    )
    silence_libraries()
    how = "--resume in place of --overwrite" if overwrite else "--resume"
    kept = f"checkpoints are kept; run the same command with {how} to go on"
    with progress_for(quiet=quiet) as progress, told_when_interrupted(kept):
        trained = train(
            [at_hand(run, [TRAIN]) for run in runs],
            out,
            settings,
            resume=resume,
            overwrite=overwrite,
            progress=progress,
        )
    if not is_main():
        return
    if as_json:
        print_json({"out": str(out), "resumed_at": trained.resumed_at, **trained.manifest})
    elif not quiet:
        _print(trained)


def _share(text: str) -> float | None:
    if text == "any":
        return None
    try:
        return float(text)
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is neither a share from 0 to 1 nor any", param_hint="--augmented-share"
        ) from error


def _print(trained: Trained) -> None:
    manifest = trained.manifest
    counts, drawn = manifest["counts"], manifest["drawn"]
    if trained.already:
        echo("already complete:")
    elif trained.resumed_at is not None:
        echo(f"resumed at step {trained.resumed_at:,}")
    rows = ", ".join(f"{n:,} {m.replace('_', ' ')}" for m, n in counts["methods"].items())
    echo(f"trained on {rows} rows: {counts['pairs']:,} pairs")
    echo(
        f"{manifest['steps']:,} steps: {drawn['monolingual_steps']:,} monolingual, "
        f"{drawn['cross_lingual_steps']:,} cross-lingual; {drawn['made_share']:.1%} of pairs made"
    )
    if manifest["scores"]:
        said = ", ".join(f"{name} {value:.4f}" for name, value in manifest["scores"].items())
        held_out = counts["held_out_groups"]
        echo(f"held out {held_out:,} passage{'' if held_out == 1 else 's'}: {said}")
    echo(f"wrote {trained.out}; open it with:")
    echo("    from sentence_transformers import SentenceTransformer")
    echo(f'    SentenceTransformer("{trained.out}")')
