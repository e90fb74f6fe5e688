"""``bt-augment lexicon``."""

from __future__ import annotations

from pathlib import Path

import click

from bt_augment.cli.common import common_options
from bt_augment.cli.places import FolderOrUrl, LocalFile, at_hand
from bt_augment.cli.terminal import echo, print_json
from bt_augment.errors import LexiconError


@click.command("lexicon")
@click.argument("run", type=FolderOrUrl(), metavar="DIR|URL")
@click.option(
    "--languages", required=True, metavar="SRC:TGT", help="Words of SRC, translated into TGT."
)
@click.option(
    "--out",
    type=LocalFile(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="The lexicon to write, such as en-pt.txt.",
)
@click.option(
    "--min-count",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Times the two words were aligned.",
)
@click.option(
    "--min-share",
    type=click.FloatRange(0, 1),
    default=0.3,
    show_default=True,
    help="Of the times either was aligned at all.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file.")
@common_options
def command(
    run: Path | str,
    languages: str,
    out: Path,
    min_count: int,
    min_share: float,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Align the words of run DIR's accepted pairs, and write which translate each other.

    The file is in MUSE's format; generate --code-switch takes it.
    """
    from bt_augment.generation.lexicon_induction import induce_lexicon
    from bt_augment.translation.word_alignment import Induction

    source, colon, target = languages.partition(":")
    if not (source and colon and target):
        raise LexiconError(f"--languages {languages!r}: write SRC:TGT, such as en:pt")
    if out.exists() and not overwrite:
        raise LexiconError(f"{out}: is there already; choose another --out, or --overwrite")
    made = induce_lexicon(at_hand(run), source, target, out, Induction(min_count, min_share))
    if as_json:
        print_json({"out": str(out), "sentences": made.sentences, "entries": len(made.entries)})
    elif not quiet:
        echo(
            f"wrote {len(made.entries):,} entries to {out}, from {made.sentences:,} pairs of "
            "sentences"
        )
        for entry in made.entries[:10]:
            echo(f"    {entry.word}  {entry.translation}  ({entry.count:,})")
