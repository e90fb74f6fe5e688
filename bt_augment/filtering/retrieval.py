"""Optional: round-trip consistency, the question still finds its own passage.

After Alberti et al. (2019), "Synthetic QA Corpora Generation with Roundtrip Consistency", with a
retriever in place of a reader.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Set
from typing import Any

import numpy as np

from bt_augment.filtering.base import CandidateBatch, Filter, Score, ScoreArray
from bt_augment.filtering.columns import distinct
from bt_augment.filtering.encoder import DEFAULT_ENCODER, Encoder
from bt_augment.languages import without_region

_RANK = "retrieval.rank"


class RetrievalFilter(Filter):
    """Family ``retrieval``, off by default: needs an encoder and torch."""

    scores = (
        Score(
            _RANK,
            "rank, from 1",
            "Rank of the made passage for the made question among k passages of other groups, in "
            "the same language, of the same unit. Null, and passed, where there is no other.",
            max=1.0,
            reject_null=False,
            enabled=False,
            options={"model": DEFAULT_ENCODER, "k": 31},
            least={"k": 1},
        ),
    )

    def __init__(self, options: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """Take the encoder's name from the option ``model``, the number of others from ``k``.

        Raises:
            MissingDependencyError: sentence-transformers is not installed.
        """
        super().__init__(options)
        self._encoder = Encoder(self.options[_RANK]["model"], f"the filter {_RANK}")
        self._k = int(self.options[_RANK]["k"])

    def score(self, batch: CandidateBatch, wanted: Set[str]) -> dict[str, ScoreArray]:
        """Return the rank of each row's own passage; a tie with another counts against it."""
        if _RANK not in wanted or not len(batch):
            return {name: np.empty(0, dtype=np.float32) for name in wanted}
        questions = self._encoder.encode(batch.made("question"), "query")
        texts, which = distinct([passage.strip() for passage in batch.made("passage")])
        passages = self._encoder.encode(texts, "passage")
        ranks = np.full(len(batch), np.nan, dtype=np.float32)
        for row, others in enumerate(_others(batch, self._k)):
            if others:
                # Each text has one likeness: two products would differ in their last bits.
                kinds, place = np.unique(which[[row, *others]], return_inverse=True)
                likeness = (passages[kinds] @ questions[row])[place]
                ranks[row] = 1 + np.count_nonzero(likeness[1:] >= likeness[0])
        return {_RANK: ranks}


def _others(batch: CandidateBatch, k: int) -> list[list[int]]:
    """Return for each row up to ``k`` rows with passages of other groups, the same every time."""
    groups = batch.made("group_id")
    languages = list(map(without_region, batch.made("passage_lang")))
    first: dict[tuple[str, str], int] = {}  # one passage of each group and language
    for row, key in enumerate(zip(languages, groups, strict=True)):
        first.setdefault(key, row)
    chosen = []
    for name, language, group in zip(batch.made("id"), languages, groups, strict=True):
        pool = [row for (lang, other), row in first.items() if lang == language and other != group]
        # Seeded by the row: the choice depends on the unit alone, and differs between rows.
        chosen.append(random.Random(name).sample(pool, min(k, len(pool))))  # noqa: S311
    return chosen
