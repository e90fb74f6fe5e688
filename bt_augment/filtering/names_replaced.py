"""Names that a translation has other names for, told apart from names in the target's own form."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

from rapidfuzz import fuzz, process

from bt_augment.filtering.capitals import (
    MIN_LETTERS,
    acronyms,
    capitalised_words,
    fold,
    is_latin,
    names_in,
    small_words,
    words_of,
)
from bt_augment.filtering.ordinary_words import has_words, is_ordinary, places
from bt_augment.filtering.sentence_pairs import sentence_pairs
from bt_augment.filtering.shown_names import is_foreign, shown_names

Pair = tuple[str, str, str, str]  # source, its language, made, its language
Names = tuple[frozenset[str], frozenset[str]]  # of a sentence, and of the one made of it

_LATIN_NAME = re.compile(r"[A-ZÀ-Þ][A-Za-zÀ-ɏ'’]{2,}")
_LIKENESS = 70.0  # of a name to a word of the other text (Bavaria, Baviera)
_BEGINNING = 4  # letters at least, and all but two, that two forms of a name begin with
_KEPT = 0.8  # of the other texts that have a name, the share that keep it
_SHOWN = 3  # other texts, at least, that keep a word as a name (Park), if some have it as a word
_KEPT_WORD = 0.9  # of such a word, the share
_SYLLABIC = frozenset({"vi"})  # each syllable is a word, so that a name of two is a foreign one
_TWO_SYLLABLES = re.compile(r"[aeiouy]+[^aeiouy]+[aeiouy]")
_TRANSLATING = 2  # other texts that have a name and never keep it, before it is no kept name
_OTHERS = 1  # texts that have a new name in both languages, before it is taken for another name


def names_replaced(pairs: Iterable[Pair]) -> dict[Pair, float]:
    """Return for each text in how many sentences another name stands in a name's place.

    A sentence counts if a name is missing, a new one stands there, and either is a name of the
    kind that translation keeps. Those are told from translated ones (Germany, Alemanha; World
    War, Guerra Mundial) by lists of words and by the other texts of the batch: a word that these
    keep as it is is a name, whether it is the one that is missing or the one that is new, and a
    word that they have without a capital is none. In a text that is not in Latin letters, the
    Latin names count that the source does not have.

    Args:
        pairs: the texts of a batch; a text that comes again is no further evidence.

    Returns:
        NaN where it cannot be told: same language, or a source that is not in Latin letters.
    """
    distinct = list(dict.fromkeys(pairs))
    found = dict.fromkeys(distinct, float("nan"))
    between_latin: dict[tuple[str, str], list[Pair]] = {}
    for pair in distinct:
        source, source_lang, made, made_lang = pair
        if source_lang.split("-")[0] == made_lang.split("-")[0]:
            continue
        if not any(map(str.isalpha, source)):
            found[pair] = 0.0  # no name to lose
        elif not is_latin(source):
            continue
        elif is_latin(made):
            between_latin.setdefault((source_lang, made_lang), []).append(pair)
        else:
            found[pair] = float(_names_invented(source, made))
    for texts in between_latin.values():
        names = _names_of_sentences(texts)
        evidence = _Evidence(names)
        for pair in texts:
            unlike = _unlike(pair, names[pair])
            found[pair] = float(sum(map(evidence.shows_other_name, unlike)))
    return found


def _names_invented(source: str, made: str) -> int:
    known = words_of(source)
    names = {fold(word) for word in _LATIN_NAME.findall(made) if not word.isupper()}
    return sum(not _is_like(_plain(name), known) for name in names)


class _Evidence:
    """What the texts of a batch, all of the same two languages, show about their words."""

    def __init__(self, texts: Mapping[Pair, Sequence[Names]]) -> None:
        _, source_lang, _, made_lang = next(iter(texts))
        self._source_lang, self._made_lang = (tag.split("-")[0] for tag in (source_lang, made_lang))
        self._texts: Counter[str] = Counter()
        self._keeping: Counter[str] = Counter()
        self._common: set[str] = set()
        self._made_common: set[str] = set()
        for pair, sentences in texts.items():
            names = frozenset().union(*(before for before, _ in sentences))
            self._texts.update(names)
            self._keeping.update(names & _capitalised(pair[2]))
            self._common |= small_words(pair[0])
            self._made_common |= small_words(pair[2])
        capitalised = ((_capitalised(made), _capitalised(source)) for source, _, made, _ in texts)
        self._shown = shown_names(capitalised, _OTHERS)

    def shows_other_name(self, unlike: Names) -> bool:
        """Whether a name is missing, and another stands in its place."""
        missing, new = unlike
        return bool(missing and new) and (
            any(map(self._is_kept_name, missing)) or any(map(self._is_new_name, new))
        )

    def _is_kept_name(self, name: str) -> bool:
        others = self._texts[name] - 1
        keeping = self._keeping[name]
        if others >= _TRANSLATING and not keeping:
            return False  # it has a form of its own in the language (Genghis, Dschingis)
        is_common = name in self._common
        lang = self._source_lang
        if has_words(lang) and not is_common and not is_ordinary(name, lang):
            return True
        least, share = (_SHOWN, _KEPT_WORD) if is_common else (1, _KEPT)
        return keeping >= max(least, share * others)

    def _is_new_name(self, name: str) -> bool:
        if name in self._made_common:
            return False
        return is_foreign(name, self._made_lang, self._shown)


def _names_of_sentences(texts: Iterable[Pair]) -> dict[Pair, list[Names]]:
    """Return the names of each text's sentences, and of those made of them.

    A source's name may open its sentence too: the other sentences of the batch tell, which have it
    in the middle with a capital, and none without.
    """
    sides = {pair: [_names_of_sides(*both) for both in sentence_pairs(*pair)] for pair in texts}
    names = {name for sentences in sides.values() for _, inner, _ in sentences for name in inner}
    names -= {word for pair in sides for word in small_words(pair[0])}
    return {
        pair: [(inner | (words & names), after) for words, inner, after in sentences]
        for pair, sentences in sides.items()
    }


def _names_of_sides(
    before: str, after: str
) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Return the capitalised words of a sentence, its names, and those of the one made of it."""
    words = frozenset(map(_plain, capitalised_words(before) - acronyms(before)))
    return words, _names(before), _names(after)


def _unlike(pair: Pair, sentences: Sequence[Names]) -> list[Names]:
    """Return the names of each sentence that the other text has nothing like."""
    source, source_lang, made, made_lang = pair
    known, kept = _capitalised(source), _capitalised(made)
    found = []
    for names, after in sentences:
        made_names = _polysyllables(after) if made_lang.split("-")[0] in _SYLLABIC else after
        missing = {name for name in names if not _is_like(name, kept)}
        new = {name for name in made_names if not _is_like(name, known)} if missing else set()
        if missing and new:
            places_before = _places(names, source_lang)
            places_after = _places(made_names, made_lang)
            missing = {n for n in missing if not _places((n,), source_lang) & places_after}
            new = {n for n in new if not _places((n,), made_lang) & places_before}
            found.append((frozenset(missing), frozenset(new)))
    return found


def _polysyllables(names: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in names if _TWO_SYLLABLES.search(name))


def _places(names: Iterable[str], lang: str) -> frozenset[str]:
    return frozenset(code for name in names for code in places(name, lang.split("-")[0]))


def _is_like(name: str, words: Collection[str]) -> bool:
    if name in words:
        return True
    beginning = name[: max(_BEGINNING, len(name) - 2)]
    if len(name) >= _BEGINNING and any(word.startswith(beginning) for word in words):
        return True
    return process.extractOne(name, words, scorer=fuzz.ratio, score_cutoff=_LIKENESS) is not None


def _names(sentence: str) -> frozenset[str]:
    """Return the names of a sentence but acronyms, which languages spell each in its own way."""
    return frozenset(_plain(name) for name in names_in(sentence) - acronyms(sentence))


@lru_cache(maxsize=256)
def _capitalised(text: str) -> frozenset[str]:
    return frozenset(map(_plain, capitalised_words(text)))


def _plain(name: str) -> str:
    """Return a name without what an apostrophe joins to it (Avrupa'da)."""
    stem = re.split("['’]", name, maxsplit=1)[0]
    return stem if len(stem) >= MIN_LETTERS else name
