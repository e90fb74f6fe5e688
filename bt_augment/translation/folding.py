"""Characters that a model's vocabulary lacks, written with ones that it has.

An unknown character becomes ``<unk>``, and small models then drop the words around it: a dash or
a curly quote costs half a sentence. Letters of other scripts are left alone, because a
transliteration is another word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from anyascii import anyascii

# A dash between words is a pause, and must not make one word of two.
_SPACED_DASHES = frozenset("—―⸺")
_SPACES = re.compile(r"[ \u00a0]{2,}")


class Folder:
    """Folds texts for one vocabulary; remembers which characters it knows."""

    def __init__(self, is_known: Callable[[str], bool]) -> None:
        """Take a function that tells whether the vocabulary can write a character."""
        self._is_known = is_known
        self._folded: dict[str, str | None] = {}  # None: written as it is
        self._changing: set[str] = set()  # of those, the ones written otherwise

    def __call__(self, text: str) -> str:
        """Return ``text`` with unknown Latin letters, marks and symbols written in ASCII."""
        if text.isascii():
            return text
        text = unicodedata.normalize("NFC", text)  # é as one character, as vocabularies have it
        for character in set(text):
            if character not in self._folded:
                folded = self._fold(character)
                if folded is not None:
                    self._changing.add(character)  # first: other threads fold texts too
                self._folded[character] = folded
        if self._changing.isdisjoint(text):
            return text
        return _SPACES.sub(" ", "".join(self._written(text)))

    def _written(self, text: str) -> list[str]:
        parts: list[str] = []
        for character in text:
            folded = self._folded[character]
            if folded is None:
                parts.append(character)
            else:
                # 6½ is six and a half, not 61/2.
                after_digit = parts and parts[-1][-1:].isdigit() and folded[:1].isdigit()
                parts.append(f" {folded}" if after_digit else folded)
        return parts

    def _fold(self, character: str) -> str | None:
        if character.isascii() or self._is_known(character) or not _can_fold(character):
            return None
        if character in _SPACED_DASHES:
            return " - "
        return anyascii(character) or None


def _can_fold(character: str) -> bool:
    category = unicodedata.category(character)
    if category.startswith("L"):
        return unicodedata.name(character, "").startswith("LATIN")
    return category in ("Pd", "Pi", "Pf", "Ps", "Pe", "Po", "Sm", "Sc", "No", "Zs")
