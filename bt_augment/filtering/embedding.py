"""Optional: likeness of meaning by the embeddings of any sentence encoder."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import numpy as np

from bt_augment.filtering.base import CandidateBatch, Filter, Score, ScoreArray
from bt_augment.filtering.encoder import DEFAULT_ENCODER, Encoder

_COSINE = "fidelity.embedding_cosine"


class EmbeddingFilter(Filter):
    """Family ``fidelity``, off by default: needs an encoder and torch."""

    scores = (
        Score(
            _COSINE,
            "cosine, -1 to 1",
            "Cosine between the embeddings of the made and the native text, question or passage, "
            "the lower one. Encoders differ in scale: choose the floor for yours.",
            min=0.85,  # for the multilingual E5 models, whose cosines start near 0.7
            enabled=False,
            options={"model": DEFAULT_ENCODER},
        ),
    )

    def __init__(self, options: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """Take the encoder's name from the option ``model``; it is loaded when first needed.

        Raises:
            MissingDependencyError: sentence-transformers is not installed.
        """
        super().__init__(options)
        self._encoder = Encoder(self.options[_COSINE]["model"], f"the filter {_COSINE}")

    def score(self, batch: CandidateBatch, wanted: Set[str]) -> dict[str, ScoreArray]:
        """Return the lower cosine of question and passage."""
        if _COSINE not in wanted or not len(batch):
            return {name: np.empty(0, dtype=np.float32) for name in wanted}
        question = self._cosine(batch, "question")
        return {_COSINE: np.minimum(question, self._cosine(batch, "passage"))}

    def _cosine(self, batch: CandidateBatch, text: str) -> ScoreArray:
        texts = batch.source(text) + batch.made(text)
        vectors = self._encoder.encode(texts, "query" if text == "question" else "passage")
        native, made = np.split(vectors, 2)
        cosine: ScoreArray = np.einsum("ij,ij->i", native, made)
        return cosine
