"""Words that a model put together from pieces, and that its language does not have."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from rapidfuzz import fuzz, process

from bt_augment.filtering.base import CandidateBatch, ScoreArray
from bt_augment.filtering.capitals import small_words, words_of
from bt_augment.filtering.ordinary_words import has_known_words, is_known_word
from bt_augment.pairs.schema import NOT_LOCATED, ROUND_TRIP
from bt_augment.translation.remembering import remembered

_MIN_LETTERS = 4
_LIKENESS = 80.0  # of a word to one of the source: the same term, which no list needs to have
_MIN_STEM = 4  # letters left without a prefix or an ending
_PREFIXES = {
    "en": (
        *("anti", "auto", "counter", "inter", "micro", "mid", "multi", "non", "out", "over"),
        *("post", "pre", "re", "semi", "sub", "super", "trans", "un", "under"),
    ),
    "pt": (
        *("anti", "auto", "contra", "des", "extra", "inter", "micro", "multi", "neo", "nao"),
        *("pos", "pre", "re", "semi", "sobre", "sub", "super", "trans", "ultra"),
    ),
}
_ENDINGS = {
    "en": ("able", "al", "d", "ed", "er", "ing", "less", "like", "ly", "ness", "r"),
    "pt": ("mente", "inho", "inha", "s"),
}

_WEIGHT = 3  # of a word of a question or an answer: it is most of what is asked or answered


def count_nonwords(batch: CandidateBatch) -> ScoreArray:
    """Return the nonwords of the made texts and of the pivot's question of each row.

    Those of a question, and of the answers of a round trip, count three times. Those of the
    pivot's passage do not count, as the next hop often finds the way back.

    Returns:
        NaN where no text is in a language whose words are known.
    """
    columns = [batch.made(name) for name in ("route", "question", "passage", "pivot_question")]
    columns += [batch.source("question"), batch.source("passage")]
    columns += [batch.made("method"), batch.made("answers")]
    return np.array([_of_row(*row) for row in zip(*columns, strict=True)], dtype=np.float32)


def _of_row(
    route: Sequence[str],
    question: str,
    passage: str,
    pivot_question: str | None,
    native_question: str,
    native_passage: str,
    method: str,
    answers: Sequence[dict[str, Any]] | None,
) -> float:
    def asked(text: str, lang: str) -> int:
        return _WEIGHT * len(nonwords(text, lang, native_question) - words_of(native_passage))

    counts = []
    *earlier, lang = (tag.split("-")[0] for tag in route)
    if has_known_words(lang):
        counts += [asked(question, lang), len(nonwords(passage, lang, native_passage))]
        if method == ROUND_TRIP:
            counts.append(_WEIGHT * _strange_words(answers, lang, native_passage))
    if pivot_question is not None and earlier and has_known_words(earlier[-1]):
        counts.append(asked(pivot_question, earlier[-1]))
    return float(sum(counts)) if counts else float("nan")


@remembered(texts=512)
def nonwords(text: str, lang: str, source: str) -> frozenset[str]:
    """Return the words of ``text`` that neither its language nor the source has.

    Words with a capital are left out, as names are in no list.

    Args:
        text: a translation.
        lang: its language, without region, one that there is a list of.
        source: the native text.

    Returns:
        Words as :func:`bt_augment.filtering.capitals.fold` gives them.
    """
    known = words_of(source)
    unlisted = _unlisted(small_words(text) - known, lang)
    return frozenset(word for word in unlisted if not _is_like(word, known))


def _strange_words(answers: Sequence[dict[str, Any]] | None, lang: str, source: str) -> int:
    """Return how many words of the best located answer neither the language nor the source has.

    An answer has to be the same: a word that is only like one of the source (tetrahelic,
    tetrahedral) is none.
    """
    located = [answer["text"] for answer in answers or () if answer["start"] != NOT_LOCATED]
    known = words_of(source)
    return min((len(_unlisted(words_of(text) - known, lang)) for text in located), default=0)


def _unlisted(words: frozenset[str], lang: str) -> frozenset[str]:
    unlisted = (
        word
        for word in words
        if len(word) >= _MIN_LETTERS and not _is_word(word.split("'")[0], lang)
    )
    return frozenset(word.removesuffix("s") for word in unlisted)  # two forms are one word


def _is_like(word: str, known: frozenset[str]) -> bool:
    return process.extractOne(word, known, scorer=fuzz.ratio, score_cutoff=_LIKENESS) is not None


@lru_cache(maxsize=8192)
def _is_word(word: str, lang: str) -> bool:
    if len(word) < _MIN_LETTERS or is_known_word(word, lang):
        return True
    stems = [word.removesuffix(ending) for ending in _ENDINGS[lang] if word.endswith(ending)]
    stems += [word.removeprefix(prefix) for prefix in _PREFIXES[lang] if word.startswith(prefix)]
    return any(
        is_known_word(stem, lang) or is_known_word(f"{stem}e", lang)
        for stem in stems
        if len(stem) >= _MIN_STEM
    )
