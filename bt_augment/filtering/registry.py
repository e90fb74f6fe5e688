"""All filters in one table: which scores there are, and how a recipe's choice is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from functools import cache
from typing import Any

from bt_augment.filtering.base import CandidateBatch, Filter, Score, ScoreArray
from bt_augment.filtering.cometkiwi import CometKiwiFilter
from bt_augment.filtering.contamination import Benchmark, ContaminationFilter
from bt_augment.filtering.duplicates import DUPLICATE_SCORES
from bt_augment.filtering.embedding import EmbeddingFilter
from bt_augment.filtering.fidelity import FidelityFilter
from bt_augment.filtering.language import LanguageFilter
from bt_augment.filtering.question_answering import QuestionAnsweringFilter
from bt_augment.filtering.retrieval import RetrievalFilter
from bt_augment.filtering.text import TextFilter

FILTERS: tuple[type[Filter], ...] = (
    TextFilter,
    LanguageFilter,
    FidelityFilter,
    EmbeddingFilter,
    CometKiwiFilter,
    QuestionAnsweringFilter,
    RetrievalFilter,
)


@cache
def all_scores() -> tuple[Score, ...]:
    """Return every score that a row can hold, in the order of its ``scores`` fields."""
    declared = [score for kind in FILTERS for score in kind.scores]
    return (*declared, *DUPLICATE_SCORES, *ContaminationFilter.scores)


def score_names() -> tuple[str, ...]:
    """Return the full names of :func:`all_scores`."""
    return tuple(score.name for score in all_scores())


def build_filters(
    wanted: Set[str],
    options: Mapping[str, Mapping[str, Any]],
    benchmark: Benchmark | None = None,
) -> list[Filter]:
    """Return the filters that compute the scores ``wanted``.

    Duplicates are not among them: they depend on the rows of earlier units
    (:class:`bt_augment.filtering.duplicates.DuplicateIndex`).

    Args:
        wanted: full names of the enabled scores.
        options: full name → the values of the score's recipe options.
        benchmark: text that training must not hold; None leaves contamination out.

    Raises:
        MissingDependencyError: an optional filter is wanted whose package is missing.
    """
    filters = [kind(options) for kind in FILTERS if wanted & {score.name for score in kind.scores}]
    if benchmark is not None:
        filters.append(ContaminationFilter(benchmark))
    return filters


def score_batch(
    filters: Sequence[Filter], batch: CandidateBatch, wanted: Set[str]
) -> dict[str, ScoreArray]:
    """Return all scores of a batch that the filters compute and ``wanted`` names."""
    scores: dict[str, ScoreArray] = {}
    for each in filters:
        own = wanted & {score.name for score in each.scores}
        scores |= each.score(batch, own)
    return scores
