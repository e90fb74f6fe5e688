"""Encoders: text to vectors, by sentence-transformers or by CTranslate2 in int8."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from bt_augment.errors import MissingDependencyError, ModelError, memory_errors
from bt_augment.evaluation.encoder_folder import (
    check_configuration,
    check_weights,
    identity,
    quiet_transformers,
)
from bt_augment.sentence_encoders import Kind, prompts_of
from bt_augment.translation.hub import pin_revision
from bt_augment.translation.model_folder import named_path

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = npt.NDArray[np.float32]
Encode = Callable[[list[str], Kind], npt.ArrayLike]

TORCH, CTRANSLATE2 = BACKENDS = ("torch", "ctranslate2")
OWN = "own"  # what results say of a function in place of a back end


class Encoder(Protocol):
    """Turns texts into vectors whose inner product is the score.

    Attributes:
        name: what the user called the model.
        fingerprint: tells apart any two encoders that may give different vectors.
    """

    name: str
    fingerprint: str

    def prompt(self, kind: Kind) -> str:
        """Return what the model wants before a text of this kind; often nothing."""

    def encode(self, texts: Sequence[str], kind: Kind) -> Vectors:
        """Return one vector per text, shape (texts, dimensions)."""


def load_encoder(
    name: str,
    cache_dir: Path,
    *,
    backend: str = TORCH,
    device: str = "auto",
    batch_size: int = 32,
    threads: int | None = None,
) -> Encoder:
    """Return the encoder of a SentenceTransformer folder or hub name.

    Args:
        name: a folder, or a name on the hub, ``NAME@REVISION`` to pin it.
        cache_dir: where fingerprints and converted models are kept.
        backend: ``torch``, or ``ctranslate2`` for int8 weights (BERT and XLM-R alone).
        device: ``auto``, ``cpu`` or ``cuda``.
        batch_size: texts per batch, for torch.
        threads: CPU threads; None for all cores.

    Raises:
        ModelError: no such model, not an encoder, or not one of the back end; or no such device.
        MissingDependencyError: sentence-transformers is not installed.
    """
    check_packages()
    if backend not in BACKENDS:
        raise ModelError(f"unknown back end {backend!r}; one of {', '.join(BACKENDS)}")
    check_device(device)
    model, known = _load(name, cache_dir, device)
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    encoder: Encoder = TorchEncoder(name, model, known, batch_size)
    if backend == CTRANSLATE2:
        from bt_augment.evaluation.int8_encoder import Int8Encoder, converted

        folder = converted(name, model, known, cache_dir)
        encoder = Int8Encoder(name, model, known, folder, threads)
    _probe(encoder)
    return encoder


def own_encoder(name: str, encode: Encode) -> Encoder:
    """Return the encoder that a function of the user's is.

    Args:
        name: what results call it.
        encode: texts and their kind → one vector for each.

    Raises:
        ModelError: it gives no vectors, or ones that are not finite.
    """
    encoder = _OwnEncoder(name, encode)
    _probe(encoder)
    return encoder


class _OwnEncoder:
    fingerprint = ""  # nothing tells two functions apart, so nothing of them is kept

    def __init__(self, name: str, encode: Encode) -> None:
        self.name = name
        self._encode = encode

    def prompt(self, kind: Kind) -> str:  # noqa: ARG002
        return ""  # the function's own affair

    def encode(self, texts: Sequence[str], kind: Kind) -> Vectors:
        vectors = np.asarray(self._encode(list(texts), kind), dtype=np.float32)
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise ModelError(
                f"{self.name}: gives an array of shape {vectors.shape} for {len(texts)} texts; "
                "return one vector for each"
            )
        return vectors


def check_packages() -> None:
    """Refuse to go on without the packages that read an encoder.

    Raises:
        MissingDependencyError: one is not installed.
    """
    for package in ("sentence_transformers", "transformers", "torch"):
        if find_spec(package) is None:
            raise MissingDependencyError(
                package.replace("_", "-"), "evaluate", "evaluating a model"
            )


def check_device(device: str) -> None:
    """Refuse a GPU where there is none.

    Raises:
        ModelError: torch finds none.
    """
    if not device.startswith("cuda"):
        return
    import torch

    if not torch.cuda.is_available():
        raise ModelError(f"--device {device}: torch finds no GPU; use --device cpu")


def check_model(name: str) -> None:
    """Refuse what is no encoder by its name or its folder's configuration; takes no time.

    Raises:
        ModelError: there is no such folder, or it holds another kind of model.
    """
    folder = named_path(name)
    if folder.is_dir():
        check_configuration(folder)
        return
    source = name.partition("@")[0]
    if folder.exists() or source.startswith((".", "/", "~")) or source.count("/") > 1:
        raise ModelError(
            f"{name}: there is no such folder; give the folder or hub name of a SentenceTransformer"
        )


class TorchEncoder:
    """A SentenceTransformer, in float32 on CPU and as it is stored elsewhere."""

    def __init__(
        self, name: str, model: SentenceTransformer, identity: str, batch_size: int = 32
    ) -> None:
        self.name = name
        self.fingerprint = f"{identity}{computed_as(model)}"
        self._model = model
        self._prompts = prompts_of(model, name)
        self._batch_size = batch_size

    def prompt(self, kind: Kind) -> str:
        """Return the prompt stored in the model, or its family's."""
        return self._prompts.of(kind)

    @memory_errors()
    def encode(self, texts: Sequence[str], kind: Kind) -> Vectors:
        """Return one vector per text, of unit length where the model's similarity is cosine."""
        run = self._model.encode_query if kind == "query" else self._model.encode_document
        vectors = run(
            list(texts),
            prompt=self.prompt(kind),
            batch_size=self._batch_size,
            normalize_embeddings=is_cosine(self._model),
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return np.asarray(vectors, dtype=np.float32)


def computed_as(model: SentenceTransformer) -> str:
    """Return what of the vectors is another device's doing than the CPU's, to be in fingerprints.

    On CPU all is computed in float32; elsewhere in the precision that the weights are stored in.
    """
    if model.device.type == "cpu":
        return ""
    kinds = sorted({str(part.dtype).removeprefix("torch.") for part in model.parameters()})
    return "-".join(["", model.device.type, *kinds])


def is_cosine(model: SentenceTransformer) -> bool:
    """Return whether vectors are compared by their angle alone, as the model says."""
    return str(model.similarity_fn_name) != "dot"


def _load(name: str, cache_dir: Path, device: str) -> tuple[SentenceTransformer, str]:
    import torch
    from sentence_transformers import SentenceTransformer

    check_model(name)
    folder = named_path(name)
    if folder.is_dir():
        source, revision, known = str(folder), None, identity(folder, cache_dir)
    else:
        source, _, wanted = name.partition("@")
        revision = pin_revision(source, wanted or None)
        known = hashlib.sha256(f"{source}@{revision}".encode()).hexdigest()[:16]
    chosen = device
    if device == "auto":
        chosen = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        with memory_errors(), quiet_transformers():
            model = SentenceTransformer(
                source,
                revision=revision,
                device=chosen,
                local_files_only=folder.is_dir(),
                trust_remote_code=False,
            )
        if chosen == "cpu":
            model.float()  # half precision is slow on CPU, and its scores tie
    except MemoryError:
        raise  # of a model that is sound
    except Exception as error:
        # Weights, tokenizers and configurations each raise their own types when they do not fit.
        raise ModelError(
            f"{name}: cannot be loaded as an encoder ({type(error).__name__}: "
            f"{_first_line(error)}); give the folder or hub name of a SentenceTransformer"
        ) from error
    if str(model.similarity_fn_name) not in ("cosine", "dot"):
        raise ModelError(
            f"{name}: compares vectors by {model.similarity_fn_name}; only cosine and dot can be "
            "evaluated"
        )
    check_weights(name, model)
    return model.eval(), known


def _probe(encoder: Encoder) -> None:
    """Encode one text, so that a model that is no encoder is found before the long work."""
    try:
        vectors = encoder.encode(["a"], "query")
    except (MemoryError, ModelError):
        raise
    except Exception as error:
        raise ModelError(
            f"{encoder.name}: is no text encoder ({type(error).__name__}: {_first_line(error)})"
        ) from error
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        raise ModelError(f"{encoder.name}: gives vectors that are not finite; it cannot be scored")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]
