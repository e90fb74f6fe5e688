"""Words that may have a capital and still are no names that a translation would keep."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import resources
from itertools import dropwhile

from language_data.names import name_to_code

# Endings of common nouns, and of adjectives of peoples and places, which are translated.
_ENDINGS = {
    "en": re.compile(
        r"(?:ish|ese|ians?|eans?|cans?|ists?|isms?|ics|ical|tions?|ness|ments?|ity|ities|ship"
        r"|craft|ways?|hood)$"
    ),
    "pt": re.compile(
        r"(?:esa|eses|esas|anos|anas|enses?|ismos?|istas?|cao|coes|dades?|mentos?|icos|icas|eiros"
        r"|avel|ivel|oes|dor|dora|dores)$"
    ),
}
_MIN_WITH_ENDING = 6  # letters
_MIN_STEM = 3  # letters
# Languages with a list of nearly all words, and its file.
_KNOWN = {"en": "en", "pt": "pt-known"}
# How a form's ending becomes that of the form in the list.
_INFLECTIONS = {
    "en": (("s", ""), ("es", ""), ("ies", "y")),
    "pt": (("s", ""), ("es", ""), ("a", "o"), ("as", "o")),
}


def has_words(lang: str) -> bool:
    """Whether there is a list of words for a language (without region)."""
    return lang in _ENDINGS


@lru_cache(maxsize=8192)
def is_ordinary(word: str, lang: str) -> bool:
    """Whether a folded word is none of the names that translations keep as they are.

    It is a common word (World), a name that changes (Munich, Swiss), or a form of one.

    Args:
        word: as :func:`bt_augment.filtering.capitals.fold` gives it.
        lang: a language that has words (:func:`has_words`).
    """
    if len(word) >= _MIN_WITH_ENDING and _ENDINGS[lang].search(word):
        return True
    return is_listed(word, lang) or bool(places(word, lang))


def is_listed(word: str, lang: str) -> bool:
    """Whether the list of a language has a folded word, or the stem of an inflected one."""
    return _is_among(word, _words(lang), lang)


def _is_among(word: str, words: frozenset[str], lang: str) -> bool:
    if word in words:
        return True
    stems = (
        word.removesuffix(ending) + other
        for ending, other in _INFLECTIONS[lang]
        if word.endswith(ending) and len(word) - len(ending) >= _MIN_STEM
    )
    return any(stem in words for stem in stems)


def has_known_words(lang: str) -> bool:
    """Whether there is a list of nearly all words of a language (without region)."""
    return lang in _KNOWN


def is_known_word(word: str, lang: str) -> bool:
    """Whether the list of nearly all words of a language has a folded word, or its stem."""
    return _is_among(word, _words(_KNOWN[lang]), lang)


@lru_cache(maxsize=8192)
def places(word: str, lang: str) -> frozenset[str]:
    """Return the codes of the territory and the language that CLDR knows by a name in ``lang``."""
    try:
        codes = [name_to_code(category, word, lang) for category in ("territory", "language")]
    except FileNotFoundError:  # CLDR has no names in this language
        return frozenset()
    return frozenset(code for code in codes if code)


@lru_cache(maxsize=8)
def _words(name: str) -> frozenset[str]:
    """Return a list, which ``benchmarks/word_lists.py`` makes."""
    file = resources.files("bt_augment.filtering") / "words" / f"{name}.txt"
    lines = file.read_text(encoding="utf-8").splitlines()
    return frozenset(dropwhile(lambda line: line.startswith("#"), lines))  # notes come first
