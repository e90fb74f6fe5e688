"""Words that a model put together from pieces, and that its language does not have."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from rapidfuzz import fuzz, process

from bt_augment.filtering.base import CandidateBatch, ScoreArray
from bt_augment.filtering.capitals import small_words, words_of
from bt_augment.filtering.ordinary_words import is_listed

_MIN_LETTERS = 4
_LIKENESS = 80.0  # of a word to one of the source: the same term, which no list needs to have
_MIN_STEM = 4  # letters left without a prefix or an ending
_PREFIXES = (
    *("anti", "auto", "counter", "inter", "micro", "mid", "multi", "non", "out", "over", "post"),
    *("pre", "re", "semi", "sub", "super", "trans", "un", "under"),
)
_ENDINGS = ("able", "al", "d", "ed", "er", "ing", "less", "like", "ly", "ness", "r")

_QUESTION_WEIGHT = 3
_LISTED = frozenset({"en"})  # languages whose list is nearly whole


def count_nonwords(batch: CandidateBatch) -> ScoreArray:
    """Return the nonwords of the made texts and of the pivot's question of each row.

    Those of a question count three times: a word is most of what it asks. Those of the pivot's
    passage do not count, as the next hop often finds the way back.

    Returns:
        NaN where no text is in a language whose words are known.
    """
    columns = [batch.made(name) for name in ("route", "question", "passage", "pivot_question")]
    columns += [batch.source("question"), batch.source("passage")]
    return np.array([_of_row(*row) for row in zip(*columns, strict=True)], dtype=np.float32)


def _of_row(
    route: Sequence[str],
    question: str,
    passage: str,
    pivot_question: str | None,
    native_question: str,
    native_passage: str,
) -> float:
    def asked(text: str, lang: str) -> int:
        return _QUESTION_WEIGHT * len(
            nonwords(text, lang, native_question) - words_of(native_passage)
        )

    counts = []
    *earlier, lang = (tag.split("-")[0] for tag in route)
    if lang in _LISTED:
        counts += [asked(question, lang), len(nonwords(passage, lang, native_passage))]
    if pivot_question is not None and earlier and earlier[-1] in _LISTED:
        counts.append(asked(pivot_question, earlier[-1]))
    return float(sum(counts)) if counts else float("nan")


@lru_cache(maxsize=512)
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
    unlisted = (
        word
        for word in small_words(text) - known
        if len(word) >= _MIN_LETTERS and not _is_word(word.split("'")[0], lang)
    )
    return frozenset(word for word in unlisted if not _is_like(word, known))


def _is_like(word: str, known: frozenset[str]) -> bool:
    return process.extractOne(word, known, scorer=fuzz.ratio, score_cutoff=_LIKENESS) is not None


@lru_cache(maxsize=8192)
def _is_word(word: str, lang: str) -> bool:
    if len(word) < _MIN_LETTERS or is_listed(word, lang):
        return True
    stems = [word.removesuffix(ending) for ending in _ENDINGS if word.endswith(ending)]
    stems += [word.removeprefix(prefix) for prefix in _PREFIXES if word.startswith(prefix)]
    return any(
        is_listed(stem, lang) or is_listed(f"{stem}e", lang)
        for stem in stems
        if len(stem) >= _MIN_STEM
    )
