"""Sentences of two versions of a text, side by side where they can be."""

from __future__ import annotations

from itertools import accumulate

from bt_augment.filtering.sentence_alignment import align, expected_length
from bt_augment.translation.remembering import remembered
from bt_augment.translation.segmentation import split_sentences


@remembered(texts=1536)  # several scores ask for the pairs of a unit, one after the other
def sentence_pairs(
    source: str, source_lang: str, made: str, made_lang: str
) -> tuple[tuple[str, str], ...]:
    """Return the sentences of both texts pairwise; none where the texts are the same.

    Texts are translated sentence by sentence, so equal numbers almost always mean pairs. Others
    are aligned by their lengths (Gale and Church 1993); a sentence without a counterpart is left
    out, as it is a matter of its own.
    """
    if source == made:
        return ()
    before = [s for s in split_sentences(source, source_lang) if not s.isspace()]
    after = [s for s in split_sentences(made, made_lang) if not s.isspace()]
    if len(before) == len(after):
        return tuple(zip(before, after, strict=True))
    beads = align(
        [expected_length(s, source_lang) for s in before],
        [expected_length(s, made_lang) for s in after],
    )
    if beads is None:
        return ((source, made),)
    rows = accumulate((bead[0] for bead in beads), initial=0)
    columns = accumulate((bead[1] for bead in beads), initial=0)
    return tuple(
        ("".join(before[i : i + di]), "".join(after[j : j + dj]))
        for (di, dj), i, j in zip(beads, rows, columns, strict=False)
        if di and dj
    )
