"""A sentence encoder for the optional filters that compare texts by their embeddings."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bt_augment.errors import MissingDependencyError, ModelError
from bt_augment.filtering.columns import distinct
from bt_augment.sentence_encoders import Kind, prompts_of
from bt_augment.translation.hub import pin_revision
from bt_augment.translation.model_folder import refuse_pipes

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DEFAULT_ENCODER = "intfloat/multilingual-e5-small"
_BATCH_SIZE = 64


class Encoder:
    """Any SentenceTransformer by name or folder, loaded when first used."""

    def __init__(self, name: str, purpose: str) -> None:
        """Check that the library is there, and remember what to load.

        Args:
            name: name on the Hugging Face hub, ``NAME@REVISION`` to pin it, or a folder.
            purpose: what needs the encoder, for the error message.

        Raises:
            MissingDependencyError: sentence-transformers is not installed.
        """
        if find_spec("sentence_transformers") is None:
            raise MissingDependencyError("sentence-transformers", "embedding", purpose)
        self._name = name
        self._purpose = purpose
        self._model: SentenceTransformer | None = None
        self._turn = threading.Lock()

    def encode(self, texts: Sequence[str], kind: Kind) -> npt.NDArray[np.float32]:
        """Return unit vectors of ``texts``, shape (texts, dimensions).

        Equal texts are encoded once. The prompts are those that training and evaluation give:
        the model's own for queries and for passages, else those of its family.

        Raises:
            ModelError: the encoder cannot be loaded.
        """
        unique, inverse = distinct([text.strip() for text in texts])
        model = self._load()
        encode = model.encode_query if kind == "query" else model.encode_document
        vectors = encode(
            unique,
            prompt=prompts_of(model, self._name).of(kind),
            batch_size=_BATCH_SIZE,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return np.asarray(vectors, dtype=np.float32)[inverse]

    def _load(self) -> SentenceTransformer:
        with self._turn:  # two units' threads may come first
            if self._model is None:
                self._model = self._loaded()
            return self._model

    def _loaded(self) -> SentenceTransformer:
        from sentence_transformers import SentenceTransformer

        is_folder = Path(self._name).is_dir()
        name, revision = self._name, None
        if is_folder:
            refuse_pipes(Path(name))
        else:
            name, _, wanted = self._name.partition("@")
            revision = pin_revision(name, wanted or None)  # at once: the library tries for long
        try:
            return SentenceTransformer(
                name, revision=revision, local_files_only=is_folder, trust_remote_code=False
            )
        # Weights, tokenizers and configurations each raise their own types when they do not fit.
        except Exception as error:
            raise ModelError(
                f"{self._purpose} cannot load the encoder {self._name!r}: {error}. Give the name "
                "or folder of a SentenceTransformer in the score's option 'model'"
            ) from error
