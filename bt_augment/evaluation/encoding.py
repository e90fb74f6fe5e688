"""All texts of a benchmark to rows of a store, each encoded once, whatever the settings."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bt_augment.errors import ModelError
from bt_augment.evaluation.benchmarks.base import Collection
from bt_augment.evaluation.embedding_store import ABSENT, EmbeddingStore, Rows, keys_of
from bt_augment.evaluation.encoders import Encoder
from bt_augment.progress import Progress
from bt_augment.sentence_encoders import Kind

_SHOWN = 200  # characters of what the library says
CHUNK_TEXTS = 2048  # encoded, then on disk: what a killed process loses at most

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Embeddings:
    """The vectors of a benchmark's texts.

    Candidates that are equal share a row, so that their scores are equal to the last bit; so do
    queries.

    Attributes:
        store: where the vectors are.
        queries: row of each query, by language.
        candidates: row of each candidate, by language.
        encoded: number of texts that were encoded now; the others were in the store.
    """

    store: EmbeddingStore
    queries: Mapping[str, Rows]
    candidates: Mapping[str, Rows]
    encoded: int

    def query_vectors(self, language: str) -> npt.NDArray[np.float32]:
        """Return the vectors of one language's queries, in memory."""
        return np.asarray(self.store.vectors()[self.queries[language]])


def encode(
    collection: Collection,
    encoder: Encoder,
    store: EmbeddingStore,
    candidate_text: str,
    progress: Progress,
) -> Embeddings:
    """Return the vectors of all queries and candidates, encoding those not in the store.

    Raises:
        ModelError: a vector is not finite.
        StorageError: the store cannot be written.
    """
    total = sum(sum(part.values()) for part in collection.counts().values())
    progress.start("encode", total)
    with store.writing():
        work = _Work(encoder, store, progress)
        queries = {
            language: work.rows(_blocks(part.texts), "query")
            for language, part in collection.queries.items()
        }
        candidates = {
            language: work.rows(part.texts(candidate_text), "passage")
            for language, part in collection.candidates.items()
        }
    _LOG.info("%d texts, %d of them encoded now", total, work.encoded)
    return Embeddings(store, queries, candidates, work.encoded)


class _Work:
    def __init__(self, encoder: Encoder, store: EmbeddingStore, progress: Progress) -> None:
        self.encoded = 0
        self._encoder = encoder
        self._store = store
        self._progress = progress
        self._done = 0

    def rows(self, blocks: Iterable[list[str]], kind: Kind) -> Rows:
        """Return the row of each text of all blocks, encoding what is absent."""
        return np.concatenate([self._block(block, kind) for block in blocks if block] or [_NONE])

    def _block(self, texts: list[str], kind: Kind) -> Rows:
        keys = keys_of(kind, self._encoder.prompt(kind), texts)
        absent = np.flatnonzero(self._store.rows(keys) == ABSENT)
        _, first = np.unique(keys[absent], axis=0, return_index=True)
        wanted = absent[np.sort(first)]
        before = self._done
        for chunk in _chunks(wanted, texts):
            try:
                vectors = self._encoder.encode([texts[i] for i in chunk], kind)
            except (RuntimeError, IndexError) as error:  # want of memory is another
                raise ModelError(
                    f"{self._encoder.name}: cannot encode these texts "
                    f"({' '.join(str(error).split())[:_SHOWN]}); where its tokenizer_config.json "
                    "lacks model_max_length, longer texts than it takes are not cut. Save or "
                    "download it again"
                ) from error
            if not np.isfinite(vectors).all():
                raise ModelError(f"{self._encoder.name}: gives vectors that are not finite")
            self._store.begin(vectors.shape[1])
            self._store.append(keys[chunk], vectors)
            self.encoded += len(chunk)
            self._done += len(chunk)
            self._progress.advance("encode", self._done)
        self._done = before + len(texts)
        self._progress.advance("encode", self._done)
        return self._store.rows(keys)


def _blocks(texts: Sequence[str], size: int = 1 << 14) -> Iterator[list[str]]:
    return (list(texts[start : start + size]) for start in range(0, len(texts), size))


_NONE: Rows = np.empty(0, dtype=np.int64)


def _chunks(wanted: Rows, texts: list[str]) -> Iterator[Rows]:
    """Yield the wanted rows, texts of like length together, as padding is what encoding costs."""
    ordered = wanted[np.argsort([-len(texts[i]) for i in wanted], kind="stable")]
    for start in range(0, len(ordered), CHUNK_TEXTS):
        yield ordered[start : start + CHUNK_TEXTS]
