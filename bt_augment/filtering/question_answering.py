"""Family ``question_answering``: whether the made pair still asks and answers the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Set
from functools import partial
from typing import Any

import numpy as np
from rapidfuzz import fuzz

from bt_augment.filtering.base import CandidateBatch, Filter, Score, ScoreArray
from bt_augment.filtering.columns import score_distinct
from bt_augment.filtering.names import names_exchanged, names_kept
from bt_augment.filtering.negation import negations_changed
from bt_augment.filtering.numbers import changed_numbers, read_numbers
from bt_augment.filtering.question_form import question_form
from bt_augment.pairs.schema import PIVOT, ROUND_TRIP, TRANSLATION
from bt_augment.translation.segmentation import split_sentences

_ROUND_TRIP_ONLY = frozenset({ROUND_TRIP})
_TRANSLATED = frozenset({ROUND_TRIP, TRANSLATION, PIVOT})
_TEXTS = ("question", "passage")

_REORDERED = 0.9  # the likeness of an answer whose words are all there, in another order
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
            "Likeness of the best re-located answer to the native one; 0.9 where a sentence has "
            "all its words in another order, 0 where none is found.",
            min=0.75,
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
            "1: still a question; 0.5: one for another kind of thing (who for where); 0: none.",
            min=1.0,
            methods=_TRANSLATED,
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
            "Names of a round trip's question and passage that came back as other names.",
            max=0.0,
            methods=_ROUND_TRIP_ONLY,
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
        measures: dict[str, Callable[[], ScoreArray]] = {
            "answer": partial(_answers, batch),
            "numbers": lambda: np.minimum(*_both(batch, _numbers_share)),
            "numbers_invented": lambda: np.add(*_both(batch, _numbers_invented)),
            "question_form": partial(_per_pair, batch, "question", lambda p: question_form(*p)),
            "names": partial(_names_share, batch),
            "names_exchanged": lambda: np.add(*(_names_exchanged(batch, text) for text in _TEXTS)),
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
    pairs = list(
        zip(
            batch.source(text),
            batch.source(f"{text}_lang"),
            batch.made(text),
            batch.made(f"{text}_lang"),
            strict=True,
        )
    )
    return score_distinct(pairs, measure)


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
    sentences = [set(_answer_words(sentence)) for sentence in split_sentences(passage, lang)]
    reordered = any(_in_other_order(answer, sentences) for answer in located)
    return _REORDERED if reordered else 0.0


def _in_other_order(answer: str, sentences: list[set[str]]) -> bool:
    """Whether a sentence has all words of an answer of several (18 May 1980, May 18, 1980)."""
    words = set(_answer_words(answer))
    return len(words) > 1 and any(words <= sentence for sentence in sentences)


def _answer_words(text: str) -> list[str]:
    """Return numbers, and words of three letters or more."""
    words = _WORDS.findall(text.casefold())
    return [word for word in words if len(word) > 2 or any(map(str.isdigit, word))]


def _numbers_share(pair: Pair) -> float:
    source, made = read_numbers(*pair[:2]), read_numbers(*pair[2:])
    total = source.values.total() + made.values.total()
    missing, invented = changed_numbers(source, made)
    return 1.0 - (missing + invented) / total if total else 1.0


def _numbers_invented(pair: Pair) -> float:
    return float(changed_numbers(read_numbers(*pair[:2]), read_numbers(*pair[2:]))[1])


def _names_share(batch: CandidateBatch) -> ScoreArray:
    question, passage = (
        [_per_pair(batch, text, partial(_names_counted, part)) for part in (0, 1)]
        for text in _TEXTS
    )
    together = _share(question[0] + passage[0], question[1] + passage[1])
    apart = np.minimum(_share(*question), _share(*passage))
    is_round_trip = np.array([method == ROUND_TRIP for method in batch.made("method")])
    return np.where(is_round_trip, apart, together).astype(np.float32)


def _share(kept: ScoreArray, total: ScoreArray) -> ScoreArray:
    """Return ``kept / total``, 1 where there is nothing to keep."""
    share: ScoreArray = np.where(total == 0, 1.0, kept / np.maximum(total, 1.0))
    return share


def _names_counted(part: int, pair: Pair) -> float:
    kept = names_kept(*pair)
    return float("nan") if kept is None else float(kept[part])


def _names_exchanged(batch: CandidateBatch, text: str) -> ScoreArray:
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
        lambda v: float(names_exchanged(*v[:4])) if v[4] == ROUND_TRIP else float("nan"),
    )


def _negation(pair: Pair) -> float:
    changed = negations_changed(*pair)
    return float("nan") if changed is None else float(changed)
