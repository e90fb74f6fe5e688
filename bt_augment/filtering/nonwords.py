"""Words that a model put together from pieces, and that its language does not have."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from rapidfuzz import fuzz, process

from bt_augment.filtering.base import CandidateBatch, ScoreArray
from bt_augment.filtering.capitals import small_words, words_of
from bt_augment.filtering.ordinary_words import is_listed
from bt_augment.filtering.sentence_pairs import sentence_pairs

_MIN_LETTERS = 4
_LIKENESS = 80.0  # of a word to one of the source: the same term, which no list needs to have
_MIN_STEM = 4  # letters left without a prefix or an ending
_PREFIXES = (
    *("anti", "auto", "counter", "inter", "micro", "mid", "multi", "non", "out", "over", "post"),
    *("pre", "re", "semi", "sub", "super", "trans", "un", "under"),
)
_ENDINGS = ("able", "al", "d", "ed", "er", "ing", "less", "like", "ly", "ness", "r")

_LISTED = frozenset({"en"})  # languages whose list is nearly whole


def count_nonwords(batch: CandidateBatch) -> ScoreArray:
    """Return the nonwords of the made texts and the pivot of each row.

    Those of the question and of the sentence that answers it count twice, as they spoil the pair.

    Returns:
        NaN where no text is in a language whose words are known.
    """
    return np.array([_of_row(*row) for row in zip(*_columns(batch), strict=True)], np.float32)


def _columns(batch: CandidateBatch) -> list[Sequence[Any]]:
    made = ("question", "passage", "pivot_question", "pivot_passage", "route")
    native = ("question", "passage", "passage_lang", "answers")
    return [*map(batch.made, made), *map(batch.source, native)]


def _of_row(
    question: str,
    passage: str,
    pivot_question: str | None,
    pivot_passage: str | None,
    route: Sequence[str],
    native_question: str,
    native_passage: str,
    native_lang: str,
    answers: Sequence[dict[str, Any]] | None,
) -> float:
    versions = [(question, passage, route[-1])]
    if pivot_question is not None and pivot_passage is not None:
        versions.append((pivot_question, pivot_passage, route[-2]))
    versions = [version for version in versions if version[2].split("-")[0] in _LISTED]
    if not versions:
        return float("nan")
    answer = next((a["text"] for a in answers or () if a["start"] >= 0), None)
    count = 0
    for asked, told, tag in versions:
        lang = tag.split("-")[0]
        in_passage = nonwords(told, lang, native_passage)
        count += len(in_passage) + 2 * len(
            nonwords(asked, lang, native_question) - words_of(native_passage)
        )
        if in_passage and answer is not None:
            pairs = sentence_pairs(native_passage, native_lang, told, tag)
            sentence = next((after for before, after in pairs if answer in before), "")
            count += len(in_passage & small_words(sentence))
    return float(count)


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
