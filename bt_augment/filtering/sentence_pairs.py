"""Sentences of two versions of a text, side by side where they can be."""

from __future__ import annotations

from collections.abc import Iterator

from bt_augment.translation.segmentation import split_sentences


def sentence_pairs(
    source: str, source_lang: str, made: str, made_lang: str
) -> Iterator[tuple[str, str]]:
    """Yield the sentences of both texts pairwise if they are as many, else the whole texts.

    Texts are translated sentence by sentence, so equal numbers almost always mean pairs.
    """
    if source == made:
        return
    before = [s for s in split_sentences(source, source_lang) if not s.isspace()]
    after = [s for s in split_sentences(made, made_lang) if not s.isspace()]
    if len(before) == len(after):
        yield from zip(before, after, strict=True)
    else:
        yield source, made
