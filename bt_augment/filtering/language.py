"""Scores of the language of the made texts and of the pivot."""

from __future__ import annotations

from collections.abc import Sequence, Set

import numpy as np

from bt_augment.filtering.base import MADE_METHODS, CandidateBatch, Filter, Score, ScoreArray
from bt_augment.filtering.columns import distinct, score_distinct
from bt_augment.filtering.identification import (
    is_known,
    sentence_probabilities,
    wanted_probability,
)
from bt_augment.filtering.nonwords import count_nonwords
from bt_augment.pairs.schema import CODE_SWITCH, PIVOT, ROUND_TRIP

# A sentence below this is in another language: no human translation of XQuAD-R has a whole
# passage, and under 1 % have one sentence, that low.
SENTENCE_MIN = 0.3

_ONE_LANGUAGE = MADE_METHODS - {CODE_SWITCH}
_PIVOTED = frozenset({ROUND_TRIP, PIVOT})
_PROBABILITY = "probability against the likeliest other language, 0 to 1"
_SHARE = "share of letters, 0 to 1"

TaggedText = tuple[str | None, str]  # text, wanted tag


class LanguageFilter(Filter):
    """Family ``language``: whether made texts and pivots are in the wanted language.

    Null for a language that the detector (fastText lid.176) does not know.
    """

    scores = (
        Score(
            "language.question",
            _PROBABILITY,
            "How sure it is that the made question is in the wanted language.",
            min=0.2,
            methods=_ONE_LANGUAGE,
        ),
        Score(
            "language.passage",
            _SHARE,
            "Share of the made passage in sentences of the wanted language.",
            min=0.8,
            methods=_ONE_LANGUAGE,
        ),
        Score(
            "language.sentence",
            _PROBABILITY,
            "The least sure sentence (60 letters or more) of the made passage.",
            min=0.1,
            methods=_ONE_LANGUAGE,
        ),
        Score(
            "language.pivot_question",
            _PROBABILITY,
            "How sure it is that the pivot's question is in the pivot language.",
            min=0.2,
            methods=_PIVOTED,
        ),
        Score(
            "language.pivot_passage",
            _SHARE,
            "Share of the pivot's passage in sentences of the pivot language.",
            min=0.8,
            methods=_PIVOTED,
        ),
        Score(
            "language.nonwords",
            "words",
            "Words of the made texts and the pivot's question, names left out, that neither "
            "their language nor the source has; those of a question, and of a round trip's "
            "answers, count three times. Null, and passed, where there is no whole word list; "
            "there is one for English and one for Portuguese.",
            max=2.0,
            methods=_ONE_LANGUAGE,
            reject_null=False,
        ),
    )

    def score(self, batch: CandidateBatch, wanted: Set[str]) -> dict[str, ScoreArray]:
        """Return the wanted scores of the family."""
        scored: dict[str, ScoreArray] = {}
        if "language.question" in wanted:
            tags = batch.made("question_lang")
            scored["language.question"] = _probabilities(batch.made("question"), tags)
        if not wanted.isdisjoint({"language.passage", "language.sentence"}):
            tags = batch.made("passage_lang")
            share, lowest = _sentences(batch.made("passage"), tags)
            scored |= {"language.passage": share, "language.sentence": lowest}
        if "language.pivot_question" in wanted:
            texts = batch.made("pivot_question")
            scored["language.pivot_question"] = _probabilities(texts, _pivot_tags(batch))
        if "language.pivot_passage" in wanted:
            share, _ = _sentences(batch.made("pivot_passage"), _pivot_tags(batch))
            scored["language.pivot_passage"] = share
        if "language.nonwords" in wanted:
            scored["language.nonwords"] = count_nonwords(batch)
        return {name: scored[name] for name in scored if name in wanted}


def _pivot_tags(batch: CandidateBatch) -> list[str]:
    """Return the language of the last intermediate text of each row."""
    return [route[-2] for route in batch.made("route")]


def _probabilities(texts: Sequence[str | None], tags: Sequence[str]) -> ScoreArray:
    def measure(item: TaggedText) -> float:
        text, tag = item
        return float("nan") if text is None else wanted_probability(text, tag)

    return score_distinct(list(zip(texts, tags, strict=True)), measure)


def _sentences(texts: Sequence[str | None], tags: Sequence[str]) -> tuple[ScoreArray, ScoreArray]:
    """Return the share of letters in sentences of the wanted language, and the least sure one."""
    unique, inverse = distinct(list(zip(texts, tags, strict=True)))
    share = np.full(len(unique), np.nan, dtype=np.float32)
    lowest = np.full(len(unique), np.nan, dtype=np.float32)
    for i, (text, tag) in enumerate(unique):
        sentences = sentence_probabilities(text or "", tag)
        if sentences and is_known(tag):
            probabilities, lengths = np.array(sentences).T
            share[i] = lengths[probabilities >= SENTENCE_MIN].sum() / lengths.sum()
            lowest[i] = probabilities.min()
    return share[inverse], lowest[inverse]
