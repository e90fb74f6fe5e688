"""Overlap of made rows and their sources with benchmark text."""

from __future__ import annotations

from collections.abc import Set
from typing import Protocol

import numpy as np

from bt_augment.filtering.base import CandidateBatch, Filter, Score, ScoreArray
from bt_augment.filtering.columns import score_distinct


class Benchmark(Protocol):
    """Text to be kept out of training data (:class:`bt_augment.pairs.contamination`)."""

    def question_matches(self, text: str) -> bool:
        """Return whether ``text``, normalized, is a question of the benchmark."""

    def passage_overlap(self, text: str) -> float:
        """Return the share of the 13-grams of ``text`` that the benchmark's passages have."""


class ContaminationFilter(Filter):
    """Family ``contamination``: keeps benchmark text, and what is made from it, out.

    The source is checked as well as the made row: a paraphrase or a translation of a benchmark
    question gives it away no less.
    """

    scores = (
        Score(
            "contamination.question",
            "0 or 1",
            "Whether the made or the source question is, normalized, one of the benchmark.",
            max=0,
        ),
        Score(
            "contamination.passage",
            "share, 0 to 1",
            "Share of 13-grams found in the benchmark's passages, the higher of the made and "
            "the source passage.",
            max=0.1,
        ),
    )

    def __init__(self, benchmark: Benchmark) -> None:
        """Use the text of ``benchmark``."""
        self._benchmark = benchmark

    def score(self, batch: CandidateBatch, wanted: Set[str]) -> dict[str, ScoreArray]:
        """Return the wanted scores of the family."""
        scored: dict[str, ScoreArray] = {}
        if "contamination.question" in wanted:
            scored["contamination.question"] = np.maximum(
                score_distinct(batch.made("question"), self._benchmark.question_matches),
                score_distinct(batch.source("question"), self._benchmark.question_matches),
            )
        if "contamination.passage" in wanted:
            scored["contamination.passage"] = np.maximum(
                score_distinct(batch.made("passage"), self._benchmark.passage_overlap),
                score_distinct(batch.source("passage"), self._benchmark.passage_overlap),
            )
        return scored
