"""A bilingual lexicon from a run's own parallel sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any, NamedTuple

from bt_augment.errors import LexiconError
from bt_augment.languages import normalize_tag, same_language
from bt_augment.shards.atomic import write_atomically
from bt_augment.shards.browsing import Example, examples
from bt_augment.shards.outputs import check_file_out
from bt_augment.shards.store import SPLITS
from bt_augment.shards.verification import sound_shards
from bt_augment.translation.segmentation import UNSPACED, Layout
from bt_augment.translation.word_alignment import Entry, Induction, induce

_TEXTS = ("question", "passage")


class Text(NamedTuple):
    """A text and the BCP-47 tag of its language."""

    text: str
    tag: str


@dataclass(frozen=True)
class Induced:
    """What was made.

    Attributes:
        sentences: different pairs of sentences that were aligned.
        entries: words and their translations, the most frequent first.
    """

    sentences: int
    entries: list[Entry]


def induce_lexicon(
    run: Path, source: str, target: str, out: Path, settings: Induction | None = None
) -> Induced:
    """Align the words of a run's accepted rows, and write those that translate each other.

    Parallel are a native text, its translation, and the pivot text between. A passage gives its
    sentences where both sides have as many.

    Args:
        run: a finished run.
        source: BCP-47 tag of the words.
        target: BCP-47 tag of their translations.
        out: the lexicon to write, in MUSE's text format.
        settings: which words become entries.

    Raises:
        LexiconError: a language is written without spaces, or the run has nothing parallel in
            the two languages.
        MissingDependencyError: the aligner is not installed.
        RunFolderError: the folder is no finished run, or damaged.
        StorageError: the disk refused.
    """
    languages = normalize_tag(source), normalize_tag(target)
    if same_language(*languages):
        raise LexiconError(f"a lexicon is of two languages, not of {languages[0]} twice")
    for tag in languages:
        if tag.split("-")[0] in UNSPACED:
            raise LexiconError(
                f"{tag} is written without spaces between words, so its words cannot be aligned; "
                "take a lexicon made elsewhere, such as MUSE's"
            )
    check_file_out(out, "lexicon.tsv")
    for split in SPLITS:
        sound_shards(run, split)
    # Passages repeat with every question; a text is split once, and a sentence counts once.
    texts = dict.fromkeys(t for row in examples(run) for t in parallel_texts(row, *languages))
    sentences = dict.fromkeys(pair for pair_of_texts in texts for pair in paired(*pair_of_texts))
    if not sentences:
        raise LexiconError(
            f"{run}: no accepted row has text in {languages[0]} beside text in {languages[1]}; "
            f"make some with --route {languages[0]}:{languages[1]}"
        )
    entries = induce(sentences, settings or Induction())
    if not entries:
        raise LexiconError(
            f"{run}: {len(sentences)} pairs of sentences are too few; no word occurs often enough "
            "with the same translation. Take a larger run, or a smaller --min-count"
        )
    lines = "".join(f"{entry.word}\t{entry.translation}\n" for entry in entries)
    write_atomically(out, lines.encode())
    return Induced(len(sentences), entries)


def parallel_texts(example: Example, source: str, target: str) -> Iterator[tuple[Text, Text]]:
    """Yield the texts in ``source`` of an example, each with its translation into ``target``."""
    for name in _TEXTS:
        for one, other in permutations(_sides(example, name), 2):
            if same_language(one.tag, source) and same_language(other.tag, target):
                yield one, other


def paired(text: Text, other: Text) -> Iterator[tuple[str, str]]:
    """Yield the sentences of two texts side by side; none where one has more than the other."""
    one, two = (Layout.of(*each).sentences for each in (text, other))
    if len(one) == len(two):
        yield from zip(one, two, strict=True)


def _sides(example: Example, name: str) -> Iterator[Text]:
    """Yield the texts along the route, as far as the row keeps them."""
    row: Mapping[str, Any] = example.row
    if example.source is not None:
        yield Text(example.source[name], example.source[f"{name}_lang"])
    if row[f"pivot_{name}"] and len(row["route"]) == 3:
        yield Text(row[f"pivot_{name}"], row["route"][1])
    yield Text(row[name], row[f"{name}_lang"])
