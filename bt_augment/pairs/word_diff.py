"""Which words of two texts differ."""

from __future__ import annotations

from collections.abc import Sequence

import regex
from rapidfuzz.distance import Indel

from bt_augment.pairs.unspaced import UNSPACED_SCRIPTS

Part = tuple[str, bool]  # a stretch of text, and whether the other text has it too

# Scripts that put no spaces between words are compared by character.
_WORD = regex.compile(
    rf"\s+|[{UNSPACED_SCRIPTS}]\p{{M}}*|[[\w\p{{M}}]--[{UNSPACED_SCRIPTS}]]+|[^\w\s]", regex.V1
)
_MAX_WORDS = 4_000  # of a text: comparing takes time in the square of it


def word_diff(before: str, after: str) -> tuple[list[Part], list[Part]]:
    """Return both texts in parts, each said to be common or not.

    What is common is a longest common subsequence of words, compared without regard to case.
    Texts of more than 4,000 words are one common part: they are not compared.
    """
    one, other = _WORD.findall(before), _WORD.findall(after)
    if max(len(one), len(other)) > _MAX_WORDS:
        return [(before, True)], [(after, True)]
    left: list[Part] = []
    right: list[Part] = []
    for change in Indel.opcodes([w.casefold() for w in one], [w.casefold() for w in other]):
        common = change.tag == "equal"
        _append(left, one[change.src_start : change.src_end], common)
        _append(right, other[change.dest_start : change.dest_end], common)
    return left, right


def _append(parts: list[Part], words: Sequence[str], common: bool) -> None:
    if words:
        parts.append(("".join(words), common))
