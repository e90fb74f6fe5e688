"""Names and other capitalised words, kept or exchanged."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache

from rapidfuzz import fuzz, process

from bt_augment.filtering.sentence_pairs import sentence_pairs
from bt_augment.translation.segmentation import split_sentences

_TOKEN = re.compile(r"[^\W\d_]+(?:['’.][^\W\d_]+)*")  # the parts of Marxist-Leninist are two
# A capital right after these, or at the start, may be a sentence's and not a name's.
_OPENERS = frozenset("\"“”„«»‘’'([{:;.!?…-–—¿¡\n")

# Names keep their letters in a round trip, up to spelling; in a translation some take the
# target's form (London, Londres), so that much less likeness is asked.
_ROUND_TRIP_LIKENESS = 75.0
_TRANSLATION_LIKENESS = 50.0
_PIVOT_LIKENESS = 60.0  # a word less alike is another word, not the name in the pivot language
_NOUNS_CAPITALISED = frozenset({"de", "lb"})
_MIN_LETTERS = 3


def names_kept(source: str, source_lang: str, made: str, made_lang: str) -> tuple[int, int] | None:
    """Return how many names of ``source`` have a like word in ``made``, and how many there are.

    A name is a capitalised word in the middle of a sentence.

    Returns:
        ``None`` where names are not comparable: one of the texts is not in Latin letters, or
        one of two different languages capitalises all nouns.
    """
    same = source_lang == made_lang
    bases = {source_lang.split("-")[0], made_lang.split("-")[0]}
    if not same and (bases & _NOUNS_CAPITALISED or not (_is_latin(source) and _is_latin(made))):
        return None
    likeness = _ROUND_TRIP_LIKENESS if same else _TRANSLATION_LIKENESS
    tokens = _tokens(made)
    names = [n for s in split_sentences(source, source_lang) for n in _names(s)]
    return sum(_like(name, tokens, likeness) for name in names), len(names)


def names_exchanged(source: str, pivot: str, made: str, lang: str) -> int:
    """Return how many names of a round trip came back as other names.

    A name of ``source`` that has no like word in ``made`` is exchanged if its sentence has a new
    name instead, and the pivot tells the two apart from reworded common words (Act, Law): it has
    the old name, or the new one.
    """
    known, kept, between = _tokens(source), _tokens(made), _tokens(pivot)
    exchanged = 0
    for before, after in sentence_pairs(source, lang, made, lang):
        missing = [n for n in _names(before) if not _like(n, kept, _ROUND_TRIP_LIKENESS)]
        if not missing:
            continue
        new = [n for n in _names(after) if not _like(n, known, _ROUND_TRIP_LIKENESS)]
        gone = sum(_like(name, between, _PIVOT_LIKENESS) for name in missing)
        come = sum(_like(name, between, _ROUND_TRIP_LIKENESS) for name in new)
        exchanged += min(len(missing), len(new), max(gone, come))
    return exchanged


def _like(name: str, tokens: Collection[str], likeness: float) -> bool:
    if name in tokens:
        return True
    # One the beginning of the other (East, Eastern): a form of the word, not another name.
    if any(t.startswith(name) or (len(t) >= _MIN_LETTERS and name.startswith(t)) for t in tokens):
        return True
    return process.extractOne(name, tokens, scorer=fuzz.ratio, score_cutoff=likeness) is not None


@lru_cache(maxsize=256)
def _tokens(text: str) -> frozenset[str]:
    return frozenset(_fold(token) for token in _TOKEN.findall(text))


def _names(sentence: str) -> frozenset[str]:
    found = set()
    for match in _TOKEN.finditer(sentence):
        token = match.group()
        before = sentence[: match.start()].rstrip(" ")
        if not token[0].isupper() or len(token) < _MIN_LETTERS:
            continue
        if before and before[-1] not in _OPENERS:
            found.add(_fold(token))
    return frozenset(found)


def _fold(token: str) -> str:
    token = token.removesuffix("'s").removesuffix("’s").replace(".", "").casefold()
    if token.isascii():
        return token
    return "".join(c for c in unicodedata.normalize("NFKD", token) if not unicodedata.combining(c))


def _is_latin(text: str) -> bool:
    letters = [c for c in text[:400] if c.isalpha()]
    return sum(c < "\u0250" for c in letters) > 0.8 * len(letters)
