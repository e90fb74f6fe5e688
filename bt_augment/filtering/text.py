"""Scores of the surface of a text: its length, script, repetition and leftovers."""

from __future__ import annotations

from collections.abc import Callable, Set
from functools import cached_property, partial

import numpy as np

from bt_augment.filtering.base import MADE_METHODS, CandidateBatch, Filter, Score, ScoreArray
from bt_augment.filtering.columns import distinct, in_parts, score_distinct
from bt_augment.filtering.leftovers import (
    count_leftovers,
    count_mangled,
    count_unknown_characters,
)
from bt_augment.filtering.repetition import (
    Floats,
    loop_masses,
    repeated_ngram_shares,
    tokenize,
)
from bt_augment.filtering.scripts import effective_length, expected_scripts, script_ratio
from bt_augment.pairs.schema import CODE_SWITCH

TEXTS = ("question", "passage")
# Added to both lengths of a ratio, so that "Who?" against "Who is it?" is no outlier.
RATIO_SMOOTHING = 15.0

_ONE_SCRIPT = MADE_METHODS - {CODE_SWITCH}

PairMeasure = Callable[[str, str], float]


class TextFilter(Filter):
    """Family ``text``: what can be seen without knowing a word of the language."""

    scores = (
        Score(
            "text.question_length",
            "characters (a Han character counts for 3.5)",
            "Length of the made question; of the native one where the pair was too long to be "
            "translated.",
            min=8,
            max=600,
        ),
        Score(
            "text.passage_length",
            "characters (a Han character counts for 3.5)",
            "Length of the made passage; of the native one where the pair was too long to be "
            "translated: three times the highest length that is accepted.",
            min=20,
            max=20_000,
        ),
        Score(
            "text.question_length_ratio",
            "ratio, made to source",
            "Length of the made question relative to its source, 15 characters added to both.",
            min=0.5,
            max=2.2,
        ),
        Score(
            "text.passage_length_ratio",
            "ratio, made to source",
            "Length of the made passage relative to its source, 15 characters added to both.",
            min=0.6,
            max=1.7,
        ),
        Score(
            "text.script_ratio",
            "share, 0 to 1",
            "Share of letters in the script of the wanted language; the worse of both texts.",
            min=0.25,
            methods=_ONE_SCRIPT,
        ),
        Score(
            "text.repetition",
            "words",
            "Words taken up by the longest immediate repetition of a word or phrase, or of "
            "letters in a word; 0 where the source has one as long; the worse of both texts.",
            max=2.5,
        ),
        Score(
            "text.ngram_repetition",
            "share, 0 to 1",
            "Share of 4-grams of words seen before in the text, beyond the source's; the worse "
            "of both texts.",
            max=0.15,
        ),
        Score(
            "text.leftovers",
            "count",
            "Tags, character references, language codes and subword marks that the source has "
            "not, in both texts.",
            max=0,
        ),
        Score(
            "text.unknown_characters",
            "count",
            "Replacement, unknown, control and private-use characters that the source has not, "
            "in both texts.",
            max=0,
        ),
        Score(
            "text.mangled",
            "count",
            "URLs, e-mail addresses, words with an underscore, and symbols of mathematics and "
            "music that are in the source and not in the made text, in both texts.",
            max=0,
        ),
        Score(
            "text.truncated",
            "segments",
            "Segments that hit a token limit of the model on any hop; null where the engine "
            "does not say.",
            max=0,
            reject_null=False,
        ),
    )

    def score(self, batch: CandidateBatch, wanted: Set[str]) -> dict[str, ScoreArray]:
        """Return the wanted scores of the family."""
        repetitions = _Repetitions(batch)
        measures: dict[str, Callable[[], ScoreArray]] = {
            "text.question_length": partial(_judged_lengths, batch, "question"),
            "text.passage_length": partial(_judged_lengths, batch, "passage"),
            "text.question_length_ratio": partial(_ratios, batch, "question"),
            "text.passage_length_ratio": partial(_ratios, batch, "passage"),
            "text.script_ratio": partial(_script_ratios, batch),
            "text.repetition": partial(_longest_loops, repetitions),
            "text.ngram_repetition": partial(_ngram_repetitions, repetitions),
            "text.leftovers": partial(_counts, batch, count_leftovers),
            "text.unknown_characters": partial(_counts, batch, count_unknown_characters),
            "text.mangled": partial(_counts, batch, count_mangled),
            "text.truncated": partial(_truncated, batch),
        }
        return {name: measure() for name, measure in measures.items() if name in wanted}


def _lengths(batch: CandidateBatch, column: str) -> ScoreArray:
    return score_distinct(batch.made(column), lambda text: effective_length(text.strip()))


def _judged_lengths(batch: CandidateBatch, column: str) -> ScoreArray:
    made = _lengths(batch, column)
    missing = batch.evidence.get("untranslated")
    if missing is None or not (missing == 1).any():
        return made
    return np.where(missing == 1, _source_lengths(batch, column), made).astype(np.float32)


def _source_lengths(batch: CandidateBatch, column: str) -> ScoreArray:
    return score_distinct(batch.source(column), lambda text: effective_length(text.strip()))


def _ratios(batch: CandidateBatch, column: str) -> ScoreArray:
    made = _lengths(batch, column)
    source = _source_lengths(batch, column)
    ratios: ScoreArray = (made + np.float32(RATIO_SMOOTHING)) / (
        source + np.float32(RATIO_SMOOTHING)
    )
    return ratios


def _script_ratios(batch: CandidateBatch) -> ScoreArray:
    def measure(pair: tuple[str, str]) -> float:
        scripts = expected_scripts(pair[1])
        return float("nan") if scripts is None else script_ratio(pair[0], scripts)

    columns = [
        score_distinct(
            list(zip(batch.made(text), batch.made(f"{text}_lang"), strict=True)), measure
        )
        for text in TEXTS
    ]
    return np.minimum(*columns)  # NaN in either is NaN


class _Repetitions:
    """Loops and n-gram shares of a batch, found when first asked for: of the same tokens."""

    def __init__(self, batch: CandidateBatch) -> None:
        self._batch = batch

    @cached_property
    def pairs(self) -> list[tuple[_Repetition, _Repetition]]:
        """Return (made, source) of the questions and of the passages."""
        return [
            (_repetition(self._batch.made(text)), _repetition(self._batch.source(text)))
            for text in TEXTS
        ]


_Repetition = tuple[Floats, Floats]  # loop masses, n-gram shares


def _repetition(values: list[str]) -> _Repetition:
    unique, inverse = distinct(values)
    masses, shares = np.zeros(len(unique)), np.zeros(len(unique))
    for part in in_parts(unique):
        tokenized = tokenize(unique[part])
        masses[part] = loop_masses(tokenized)
        shares[part] = repeated_ngram_shares(tokenized)
    return masses[inverse], shares[inverse]


def _longest_loops(repetitions: _Repetitions) -> ScoreArray:
    """Return the longest loop of the made texts, or 0 where the source has one as long."""
    masses = [np.where(ours > theirs, ours, 0.0) for (ours, _), (theirs, _) in repetitions.pairs]
    return np.maximum(*masses).astype(np.float32)


def _ngram_repetitions(repetitions: _Repetitions) -> ScoreArray:
    excesses = [ours - theirs for (_, ours), (_, theirs) in repetitions.pairs]
    return np.maximum(np.maximum(*excesses), 0.0).astype(np.float32)


def _counts(batch: CandidateBatch, measure: PairMeasure) -> ScoreArray:
    counts: ScoreArray = np.sum(
        [
            score_distinct(
                list(zip(batch.made(text), batch.source(text), strict=True)),
                lambda pair: measure(*pair),
            )
            for text in TEXTS
        ],
        axis=0,
        dtype=np.float32,
    )
    return counts


def _truncated(batch: CandidateBatch) -> ScoreArray:
    if "truncated" not in batch.evidence:
        return np.full(len(batch), np.nan, dtype=np.float32)
    return np.asarray(batch.evidence["truncated"], dtype=np.float32)
