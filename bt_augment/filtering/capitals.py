"""Words of a text, those with a capital, and those whose capital makes them names."""

from __future__ import annotations

import re
from functools import lru_cache

from anyascii import anyascii

from bt_augment.filtering.scripts import PLAIN_LETTERS, is_plain_latin
from bt_augment.translation.remembering import remembered
from bt_augment.translation.segmentation import SENTENCE_OPENERS

MIN_LETTERS = 3  # of a name
NOUNS_CAPITALISED = frozenset({"de", "lb"})  # languages where a capital makes no name

_TOKEN = re.compile(r"[^\W\d_]+(?:['’.][^\W\d_]+)*")  # the parts of Marxist-Leninist are two
_PLAIN_TOKEN = re.compile(rf"[{PLAIN_LETTERS}]+(?:['’.][{PLAIN_LETTERS}]+)*")  # of plain Latin
# Those that begin with no small ASCII letter: most of them have a capital. What is before a word is
# looked at after its first letter, as a search that begins with a lookbehind is slow.
_NOT_SMALL = re.compile(
    r"[^a-z\W\d_](?<![^\W\d_].)(?<![^\W\d_]['’.].)[^\W\d_]*(?:['’.][^\W\d_]+)*", re.DOTALL
)


@remembered(texts=8192)  # six scores ask for the texts of a unit, one score after the other
def words_of(text: str) -> frozenset[str]:
    """Return the words of a text, folded (:func:`fold`)."""
    return frozenset(map(fold, _tokens(text)))


@remembered(texts=256)
def capitalised_words(text: str) -> frozenset[str]:
    """Return the words that begin with a capital, folded."""
    return frozenset(fold(token) for token in set(_NOT_SMALL.findall(text)) if token[0].isupper())


@remembered(texts=256)
def small_words(text: str) -> frozenset[str]:
    """Return the words that begin without a capital, folded."""
    return frozenset(fold(token) for token in _tokens(text) if token[0].islower())


@lru_cache(maxsize=256)
def acronyms(text: str) -> frozenset[str]:
    """Return the words in capitals only, Roman numbers among them, folded."""
    return frozenset(fold(token) for token in _TOKEN.findall(text) if token.isupper())


@remembered(texts=4096)  # each sentence is asked for by several scores
def names_in(sentence: str) -> frozenset[str]:
    """Return the words with a capital in the middle of a sentence, folded."""
    found = set()
    for match in _NOT_SMALL.finditer(sentence):
        token = match.group()
        if not token[0].isupper() or len(token) < MIN_LETTERS:
            continue
        before = sentence[: match.start()].rstrip(" ")
        if before and before[-1] not in SENTENCE_OPENERS:
            found.add(fold(token))
    return frozenset(found)


def _tokens(text: str) -> set[str]:
    return set((_PLAIN_TOKEN if is_plain_latin(text) else _TOKEN).findall(text))


@lru_cache(maxsize=16384)  # words come again and again
def fold(token: str) -> str:
    """Return a word without capitals, points and diacritics: Božidar and Bozidar are one name."""
    token = token.removesuffix("'s").removesuffix("’s").replace(".", "")
    return (token if token.isascii() else anyascii(token)).casefold()


def is_latin(text: str) -> bool:
    """Whether the text is, by its first 400 characters, in Latin letters."""
    beginning = text[:400]
    if is_plain_latin(beginning):
        return any(map(str.isalpha, beginning))
    letters = [c for c in beginning if c.isalpha()]
    return sum(c < "\u0250" for c in letters) > 0.8 * len(letters)
