"""Which words of two texts differ."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

Part = tuple[str, bool]  # a stretch of text, and whether the other text has it too

_WORD = re.compile(r"\s+|\w+|[^\w\s]")
_MAX_WORDS = 4_000  # of a text: comparing takes time in the square of it


def word_diff(before: str, after: str) -> tuple[list[Part], list[Part]]:
    """Return both texts in parts, each said to be common or not.

    Words are compared without regard to case. Texts of more than 4,000 words are one common part:
    they are not compared.
    """
    one, other = _WORD.findall(before), _WORD.findall(after)
    if max(len(one), len(other)) > _MAX_WORDS:
        return [(before, True)], [(after, True)]
    matcher = SequenceMatcher(
        None, [w.casefold() for w in one], [w.casefold() for w in other], autojunk=False
    )
    left: list[Part] = []
    right: list[Part] = []
    for kind, i1, i2, j1, j2 in matcher.get_opcodes():
        _append(left, one[i1:i2], kind == "equal")
        _append(right, other[j1:j2], kind == "equal")
    return left, right


def _append(parts: list[Part], words: Sequence[str], common: bool) -> None:
    if words:
        parts.append(("".join(words), common))
