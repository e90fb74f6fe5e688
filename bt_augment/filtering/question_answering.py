"""Family ``question_answering``: whether the made pair still asks and answers the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence, Set
from functools import cached_property, partial
from itertools import compress
from typing import Any

import numpy as np
from rapidfuzz import fuzz, process

from bt_augment.filtering.base import CandidateBatch, Filter, Score, ScoreArray
from bt_augment.filtering.capitals import capitalised_words, words_of
from bt_augment.filtering.columns import distinct, score_distinct
from bt_augment.filtering.names import (
    names_disagreeing,
    names_exchanged,
    names_kept,
    title_lost,
)
from bt_augment.filtering.names_replaced import names_replaced
from bt_augment.filtering.negation import negations_changed
from bt_augment.filtering.numbers import changed_numbers, read_numbers
from bt_augment.filtering.question_form import question_form
from bt_augment.filtering.question_words import question_words_lost
from bt_augment.filtering.shown_names import shown_names
from bt_augment.languages import without_region
from bt_augment.pairs.schema import PIVOT, ROUND_TRIP, TRANSLATION
from bt_augment.translation.segmentation import split_sentences

_ROUND_TRIP_ONLY = frozenset({ROUND_TRIP})
_TRANSLATED = frozenset({ROUND_TRIP, TRANSLATION, PIVOT})
_BETWEEN_LANGUAGES = frozenset({TRANSLATION, PIVOT})
_TEXTS = ("question", "passage")
_OTHER_ROUND_TRIPS = 2  # that have a new name of a round trip only where their source has it

_REORDERED = 0.9  # the likeness of an answer whose words are all there, in another order
_SCATTERED = 0.5  # that of one whose words are nowhere; between the two it grows with their share
_MIN_SHARE = 0.6  # of an answer's words; fewer are chance
_SAME_WORD = 80.0  # likeness of an inflected form: eficaz, eficazes
_CAPITALS = re.compile(r"\b[A-Z](?:\.?[A-Z]){1,3}\b")  # UK, U.S.
_WORDS = re.compile(r"\w+(?:[.,]\w+)*")

Pair = tuple[str, str, str, str]  # source, its language, made, its language


class QuestionAnsweringFilter(Filter):
    """Question, answer, numbers, names and negations kept.

    Null means "does not apply" in this family (no located answer, a script or language without
    word lists) and never rejects by default.
    """

    scores = (
        Score(
            "question_answering.answer",
            "similarity, 0 to 1",
            "Likeness of the best re-located answer to the native one. Not located: 0.5 + 0.4 × "
            "the share of its words, or initials, that one sentence has, from 60 % on; else 0.",
            min=0.77,
            methods=_ROUND_TRIP_ONLY,
            reject_null=False,
        ),
        Score(
            "question_answering.numbers",
            "share, 0 to 1",
            "Numbers that both versions have, of all numbers of both (Dice), question or "
            "passage, the lower one; 1 where there are none.",
            min=0.8,
            methods=_TRANSLATED,
        ),
        Score(
            "question_answering.numbers_invented",
            "numbers",
            "Numbers of the made question and passage that the native ones do not have.",
            max=0.0,
            methods=_TRANSLATED,
        ),
        Score(
            "question_answering.question_form",
            "0, 0.5 or 1",
            "1: still a question; 0.5: one for another kind of thing (who for where, or for by "
            "whom); 0: none.",
            min=1.0,
            methods=_TRANSLATED,
        ),
        Score(
            "question_answering.question_words",
            "words",
            "Words (four letters or more) of the native question that came back in no form; 0 "
            "where as many new ones came: it was reworded. Null, and passed, for languages "
            "written without spaces.",
            max=0.0,
            methods=_ROUND_TRIP_ONLY,
            reject_null=False,
        ),
        Score(
            "question_answering.names",
            "share, 0 to 1",
            "Names (capitals in mid-sentence) that have a like word in the made text: in a round "
            "trip the lower of question and passage, in a translation both together.",
            min=0.4,
            methods=_TRANSLATED,
            reject_null=False,
        ),
        Score(
            "question_answering.names_exchanged",
            "names",
            "Names of a round trip's question and passage that came back as other names, or that "
            "nothing was translated to; of a translation, those that only one of the two keeps, "
            "and a title that the passage keeps and the question (in capitals or not) lost. Which "
            "new words are names, the other texts of the unit tell, too.",
            max=0.0,
            methods=_TRANSLATED,
            reject_null=False,
        ),
        Score(
            "question_answering.names_replaced",
            "sentences",
            "Sentences of a translation where a name is missing and another stands in its place. "
            "Names that take another form (Germany, Alemanha) are told apart by word lists "
            "(English, Portuguese) and by the other texts of the unit.",
            max=0.0,
            methods=_BETWEEN_LANGUAGES,
            reject_null=False,
        ),
        Score(
            "question_answering.negation",
            "sentences",
            "Sentences that lost or gained a negation (German, English, Spanish, Portuguese).",
            max=0.0,
            methods=_TRANSLATED,
            reject_null=False,
        ),
    )

    def score(self, batch: CandidateBatch, wanted: Set[str]) -> dict[str, ScoreArray]:
        """Return the wanted scores."""
        family = "question_answering"
        numbers = _Numbers(batch)
        measures: dict[str, Callable[[], ScoreArray]] = {
            "answer": partial(_answers, batch),
            "numbers": lambda: np.minimum(*numbers.shares),
            "numbers_invented": lambda: np.add(*numbers.invented),
            "question_form": partial(_per_pair, batch, "question", lambda p: question_form(*p)),
            "question_words": partial(_question_words, batch),
            "names": partial(_names_share, batch),
            "names_exchanged": partial(_names_exchanged, batch),
            "names_replaced": partial(_names_replaced, batch),
            "negation": lambda: np.add(*_both(batch, _negation)),
        }
        return {
            f"{family}.{name}": measure()
            for name, measure in measures.items()
            if f"{family}.{name}" in wanted
        }


def _both(batch: CandidateBatch, measure: Callable[[Pair], float]) -> list[ScoreArray]:
    return [_per_pair(batch, text, measure) for text in _TEXTS]


def _per_pair(batch: CandidateBatch, text: str, measure: Callable[[Pair], float]) -> ScoreArray:
    return score_distinct(_pairs(batch, text), measure)


def _pairs(batch: CandidateBatch, text: str) -> list[Pair]:
    return list(
        zip(
            batch.source(text),
            batch.source(f"{text}_lang"),
            batch.made(text),
            batch.made(f"{text}_lang"),
            strict=True,
        )
    )


def _answers(batch: CandidateBatch) -> ScoreArray:
    rows = zip(
        batch.source("answers"),
        batch.made("answers"),
        batch.made("passage"),
        batch.made("passage_lang"),
        strict=True,
    )
    return np.array([_best_answer(*row) for row in rows], dtype=np.float32)


def _best_answer(
    native: list[dict[str, Any]] | None,
    made: list[dict[str, Any]] | None,
    passage: str,
    lang: str,
) -> float:
    """Return the likeness of the best kept answer; NaN where the native row has none located."""
    located = [answer["text"] for answer in native or () if answer["start"] >= 0]
    if not located:
        return float("nan")
    kept = [answer["text"] for answer in made or () if answer["start"] >= 0]
    if kept:
        return max(fuzz.ratio(a.casefold(), b.casefold()) / 100 for a in located for b in kept)
    sentences = [frozenset(_answer_words(sentence)) for sentence in split_sentences(passage, lang)]
    written = frozenset(word.replace(".", "") for word in _CAPITALS.findall(passage))
    return max(_reworded(answer, sentences, written) for answer in located)


def _reworded(answer: str, sentences: Sequence[Collection[str]], capitals: Set[str]) -> float:
    """Return the likeness of an answer that was not located, by its words in one sentence.

    They may be in another order (18 May 1980, May 18, 1980), inflected, some of them reworded, or
    abbreviated to their initials (``capitals``); numbers count twice and have to be there.
    """
    words = set(_answer_words(answer))
    initials = "".join(word[0] for word in answer.split() if word[0].isupper())
    if len(initials) > 1 and {initials, initials + "A"} & capitals:  # Estados Unidos da América
        return _REORDERED
    numbers = {word for word in words if any(map(str.isdigit, word))}
    if len(words) < 2 and not numbers:
        return 0.0
    total = len(words) + len(numbers)
    share = max(
        (
            (2 * len(numbers) + sum(_has_form(w, sentence) for w in words - numbers)) / total
            for sentence in sentences
            if numbers <= set(sentence)
        ),
        default=0.0,
    )
    return _SCATTERED + (_REORDERED - _SCATTERED) * share if share >= _MIN_SHARE else 0.0


def _has_form(word: str, sentence: Collection[str]) -> bool:
    return word in sentence or bool(
        process.extractOne(word, sentence, scorer=fuzz.ratio, score_cutoff=_SAME_WORD)
    )


def _answer_words(text: str) -> list[str]:
    """Return numbers, and words of three letters or more."""
    words = _WORDS.findall(text.casefold())
    return [word for word in words if len(word) > 2 or any(map(str.isdigit, word))]


def _question_words(batch: CandidateBatch) -> ScoreArray:
    rows = zip(
        batch.made("method"),
        batch.source("question"),
        batch.made("question"),
        batch.made("question_lang"),
        strict=True,
    )
    lost = [
        question_words_lost(*texts) if method == ROUND_TRIP else float("nan")
        for method, *texts in rows
    ]
    return np.array(lost, dtype=np.float32)


class _Numbers:
    """The numbers of a batch, compared when first asked for: two scores use them."""

    def __init__(self, batch: CandidateBatch) -> None:
        self._batch = batch

    @cached_property
    def _compared(self) -> list[list[tuple[float, float]]]:
        """Return (share, invented) of each row's question, and of its passage."""
        columns = []
        for text in _TEXTS:
            unique, inverse = distinct(_pairs(self._batch, text))
            compared = [_compare_numbers(pair) for pair in unique]
            columns.append([compared[i] for i in inverse])
        return columns

    @property
    def shares(self) -> list[ScoreArray]:
        return [np.array([row[0] for row in c], dtype=np.float32) for c in self._compared]

    @property
    def invented(self) -> list[ScoreArray]:
        return [np.array([row[1] for row in c], dtype=np.float32) for c in self._compared]


def _compare_numbers(pair: Pair) -> tuple[float, float]:
    source, made = read_numbers(*pair[:2]), read_numbers(*pair[2:])
    total = source.values.total() + made.values.total()
    missing, invented = changed_numbers(source, made)
    return (1.0 - (missing + invented) / total if total else 1.0), float(invented)


def _names_share(batch: CandidateBatch) -> ScoreArray:
    question, passage = (_names_counted(_pairs(batch, text)) for text in _TEXTS)
    together = _share(question[0] + passage[0], question[1] + passage[1])
    apart = np.minimum(_share(*question), _share(*passage))
    is_round_trip = np.array([method == ROUND_TRIP for method in batch.made("method")])
    return np.where(is_round_trip, apart, together).astype(np.float32)


def _names_counted(pairs: Sequence[Pair]) -> tuple[ScoreArray, ScoreArray]:
    """Return the names kept of each pair, and all names; NaN where not comparable."""
    nothing = (np.nan, np.nan)
    counted = {pair: names_kept(*pair) or nothing for pair in set(pairs)}
    kept, total = np.array([counted[pair] for pair in pairs], dtype=np.float32).reshape(-1, 2).T
    return kept, total


def _share(kept: ScoreArray, total: ScoreArray) -> ScoreArray:
    """Return ``kept / total``, 1 where there is nothing to keep."""
    share: ScoreArray = np.where(total == 0, 1.0, kept / np.maximum(total, 1.0))
    return share


def _names_exchanged(batch: CandidateBatch) -> ScoreArray:
    is_round_trip = np.array([method == ROUND_TRIP for method in batch.made("method")])
    texts = dict.fromkeys(
        pair
        for text in _TEXTS
        for pair in compress(zip(batch.source(text), batch.made(text), strict=True), is_round_trip)
    )
    words = ((capitalised_words(made), words_of(source)) for source, made in texts)
    shown = shown_names(words, _OTHER_ROUND_TRIPS)
    by_pivot = np.add(*(_exchanged_in_round_trip(batch, text, shown) for text in _TEXTS))
    return np.where(is_round_trip, by_pivot, _disagreeing(batch)).astype(np.float32)


def _exchanged_in_round_trip(
    batch: CandidateBatch, text: str, shown: Collection[str]
) -> ScoreArray:
    versions = list(
        zip(
            batch.source(text),
            batch.made(f"pivot_{text}"),
            batch.made(text),
            batch.made(f"{text}_lang"),
            batch.made("method"),
            strict=True,
        )
    )
    return score_distinct(
        versions,
        # A text too long to be translated has no pivot.
        lambda v: (
            float(names_exchanged(*v[:4], shown))
            if v[4] == ROUND_TRIP and v[1] is not None
            else float("nan")
        ),
    )


def _disagreeing(batch: CandidateBatch) -> ScoreArray:
    columns = (
        [batch.source(text) for text in _TEXTS],
        [batch.source(f"{text}_lang") for text in _TEXTS],
        [batch.made(text) for text in _TEXTS],
        [batch.made(f"{text}_lang") for text in _TEXTS],
        [batch.made("method")],
    )
    found = np.full(len(batch), np.nan, dtype=np.float32)
    rows = zip(*(zip(*column, strict=True) for column in columns), strict=True)
    for index, (source, source_langs, made, made_langs, (method,)) in enumerate(rows):
        one_language_each = all(
            len(set(map(without_region, langs))) == 1 for langs in (source_langs, made_langs)
        )
        if method != ROUND_TRIP and one_language_each:
            count = names_disagreeing(source, source_langs[0], made, made_langs[0])
            if title_lost(source, made):
                count = (count or 0) + 1
            found[index] = np.nan if count is None else count
    return found


def _names_replaced(batch: CandidateBatch) -> ScoreArray:
    between_languages = [method in _BETWEEN_LANGUAGES for method in batch.made("method")]
    question, passage = (_pairs(batch, text) for text in _TEXTS)
    judged = [pair for pairs in (question, passage) for pair in compress(pairs, between_languages)]
    found = names_replaced(judged) | {None: float("nan")}
    columns = [
        [
            found[pair if judge else None]
            for pair, judge in zip(pairs, between_languages, strict=True)
        ]
        for pairs in (question, passage)
    ]
    total: ScoreArray = np.sum(columns, axis=0, dtype=np.float32)
    return total


def _negation(pair: Pair) -> float:
    changed = negations_changed(*pair)
    return float("nan") if changed is None else float(changed)
