"""``bt-augment publish``."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import click

from bt_augment.cli.common import common_options, told_when_interrupted
from bt_augment.cli.places import FolderOrUrl, LocalFolder, at_hand
from bt_augment.cli.terminal import echo, print_json


@click.command("publish")
@click.argument("run", type=FolderOrUrl(), metavar="DIR|URL")
@click.argument("repo", metavar="NAMESPACE/NAME")
@click.option(
    "--private", is_flag=True, help="Make a new repository private; refuse an existing public one."
)
@click.option("--revision", metavar="BRANCH", help="Publish to this branch; made if missing.")
@click.option(
    "--dry-run",
    "dry",
    type=LocalFolder(),
    metavar="DIR",
    help="Write exactly what would be uploaded into this folder instead; needs no token.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier dry run.")
@click.option(
    "--license",
    "license_id",
    metavar="ID",
    help="Licence of the data set as the Hub names it, such as cc-by-sa-4.0. Never guessed.",
)
@click.option(
    "--source-license",
    "source_licenses",
    multiple=True,
    metavar="INPUT=ID",
    help="Licence of one input, by its file name; for the card. Repeatable.",
)
@click.option("--message", metavar="TEXT", help="The commit's, one line.")
@common_options
def command(
    run: Path | str,
    repo: str,
    private: bool,
    revision: str | None,
    dry: Path | None,
    overwrite: bool,
    license_id: str | None,
    source_licenses: tuple[str, ...],
    message: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Publish run DIR as the data set NAMESPACE/NAME of the Hugging Face Hub.

    The token is the one of 'hf auth login', or HF_TOKEN. Run again after an interruption, it goes
    on; after the run has changed, it sends what differs.
    """
    from bt_augment.shards.publishing import Terms, dry_run, publish

    terms = Terms(repo, revision, license_id, _pairs(source_licenses))
    if dry is not None:
        contents = dry_run(at_hand(run), terms, dry, overwrite=overwrite)
        told: dict[str, Any] = {"out": str(dry)}
    else:
        _tune_client(progress=not quiet and not as_json and sys.stderr.isatty())
        kept = "what was uploaded is kept; run the same command again to go on"
        with told_when_interrupted(kept):
            contents, done = publish(at_hand(run), terms, private=private, message=message)
        told = {
            "url": done.url,
            "commit": done.commit,
            "changed": list(done.changed),
            "unchanged": list(done.unchanged),
            "deleted": list(done.deleted),
        }
    told = {"repo": repo, "revision": revision, **told, "configs": dict(contents.configs)}
    if as_json:
        print_json({**told, "files": {path: dict(e) for path, e in contents.files.items()}})
    elif not quiet:
        _print(told)


def _print(told: dict[str, Any]) -> None:
    if "out" in told:
        echo(f"wrote what would be uploaded to {told['out']}; nothing was sent")
    else:
        echo(
            f"published {told['url']}: {len(told['changed'])} files sent, "
            f"{len(told['unchanged'])} unchanged, {len(told['deleted'])} deleted"
        )
    for name, rows in told["configs"].items():
        echo(f"    {name}: {rows:,} rows")


def _pairs(given: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in given:
        name, equals, license_id = text.rpartition("=")
        if not equals or not name:
            raise click.BadParameter(
                f"{text!r}: write INPUT=ID, such as squad.json=cc-by-sa-4.0",
                param_hint="--source-license",
            )
        if pairs.setdefault(name, license_id) != license_id:
            raise click.BadParameter(
                f"two licences are given for {name}: {pairs[name]} and {license_id}; keep one",
                param_hint="--source-license",
            )
    return pairs


def _tune_client(*, progress: bool) -> None:
    from huggingface_hub.utils import (  # type: ignore[attr-defined]
        disable_progress_bars,
    )
    from huggingface_hub.utils import logging as client_logging

    client_logging.disable_propagation()  # it has a handler of its own: no line twice
    client_logging.set_verbosity(logging.getLogger().getEffectiveLevel())
    if not progress:
        disable_progress_bars()
