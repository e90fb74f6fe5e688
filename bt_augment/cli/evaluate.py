"""``bt-augment evaluate``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from bt_augment.cli.common import common_options, names, progress_for
from bt_augment.cli.places import LocalFile, LocalFolder
from bt_augment.cli.terminal import echo, print_json
from bt_augment.translation.devices import MAX_WORKERS


@click.command("evaluate")
@click.argument("model", metavar="MODEL")
@click.option(
    "--benchmark",
    required=True,
    metavar="NAME",
    help="xquad-r, mlqa-r, miracl, miracl-hard-negatives, beir, toolret, toolret-instructed or "
    "xtyle.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of the benchmark's files.",
)
@click.option(
    "--out",
    type=LocalFile(path_type=Path, dir_okay=False),
    required=True,
    help="The results file to write; scores per query go beside it.",
)
@click.option(
    "--settings", metavar="NAMES", help="Of mono,cross,multi. Default: all the benchmark has."
)
@click.option("--languages", metavar="TAGS", help="Such as en,de. Default: all in the folder.")
@click.option(
    "--candidate-text",
    type=click.Choice(["sentence", "sentence+context"]),
    default="sentence",
    show_default=True,
    help="What is encoded of a candidate.",
)
@click.option(
    "--run-files",
    type=LocalFolder(),
    help="Folder for TREC run files and their judgements.",
)
@click.option(
    "--run-depth",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Candidates per query in the run files.",
)
@click.option(
    "--backend",
    type=click.Choice(["torch", "ctranslate2"]),
    default="torch",
    show_default=True,
    help="ctranslate2: int8, for BERT and XLM-R encoders.",
)
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    help="Texts per batch, for torch.",
)
@click.option(
    "--workers", type=click.IntRange(1, MAX_WORKERS), help="CPU threads; default: all cores."
)
@click.option("--no-cache", is_flag=True, help="Keep no vectors for the next evaluation.")
@common_options
def command(
    model: str,
    benchmark: str,
    data: Path,
    out: Path,
    settings: str | None,
    languages: str | None,
    candidate_text: str,
    run_files: Path | None,
    run_depth: int,
    backend: str,
    device: str,
    batch_size: int,
    workers: int | None,
    no_cache: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Evaluate MODEL, a SentenceTransformer folder or hub name, on a retrieval benchmark.

    Every text is encoded once, whatever the settings. Interrupted, it goes on where it stopped.
    """
    from bt_augment.evaluation import Evaluation, evaluate

    request = Evaluation(
        model=model,
        benchmark=benchmark,
        data=data,
        out=out,
        settings=names(settings),
        languages=names(languages),
        candidate_text=candidate_text,
        run_files=run_files,
        run_depth=run_depth,
        backend=backend,
        device=device,
        batch_size=batch_size,
        threads=workers,
        keep_embeddings=not no_cache,
        environment=os.environ,
    )
    with progress_for(quiet=quiet) as progress:
        results = evaluate(request, progress)
    if as_json:
        print_json(results)
    elif not quiet:
        _print(results, out)


def _print(results: dict[str, Any], out: Path) -> None:
    counts = results["counts"]
    languages = ", ".join(counts["queries"])
    echo(
        f"{results['benchmark']}: {sum(counts['queries'].values()):,} queries, "
        f"{sum(counts['candidates'].values()):,} candidates ({languages})"
    )
    names = list(next(iter(results["settings"].values())))
    echo("".join([f"{'':8}", *(f"{name:>9}" for name in names)]))
    for setting, means in results["settings"].items():
        echo("".join([f"{setting:8}", *(f"{means[name]:9.4f}" for name in names)]))
    for measure, values in results["language_bias"].items():
        echo(f"{measure.replace('_', ' ')}: {values['mean']:.4g}")
    overlap = results["overlap"]
    if overlap["checked"]:
        found = overlap["questions"] + overlap["passages"]
        echo(
            f"overlap with training data: {overlap['questions']} questions, "
            f"{overlap['passages']} passages{', so this is not zero-shot' if found else ''}"
        )
    else:
        echo(f"overlap with training data: not checked ({overlap['reason']})")
    echo(f"wrote {out}")
