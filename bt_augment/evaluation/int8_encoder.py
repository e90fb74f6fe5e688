"""BERT and XLM-R encoders in int8 on CTranslate2: converted once, fed token ids."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bt_augment.errors import ModelError, StorageError, memory_errors
from bt_augment.evaluation.encoder_folder import quiet_transformers
from bt_augment.evaluation.encoders import Vectors, computed_as, is_cosine
from bt_augment.sentence_encoders import Kind, prompts_of
from bt_augment.translation.devices import available_cores

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

FAMILIES = ("bert", "xlm-roberta")

BATCH_TOKENS = 512  # per thread; more was slower on 2 cores (benchmarks/evaluation.py)


def converted(
    name: str,
    model: SentenceTransformer,
    identity: str,
    cache_dir: Path,
    quantization: str = "int8",
) -> Path:
    """Return the CTranslate2 folder of a model's transformer, converting it the first time.

    Args:
        name: what the user called the model.
        model: the loaded model; its first module is converted, the others are run as they are.
        identity: its fingerprint.
        cache_dir: where the folder is kept.
        quantization: type of the stored weights.

    Raises:
        ModelError: the model is not a BERT or XLM-R encoder.
        StorageError: the cache cannot be written.
    """
    import filelock

    _check(name, model)
    folder = cache_dir / "encoders" / f"{identity}-{quantization}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder.parent / f".{folder.name}.lock"):
            if not folder.is_dir():
                with tempfile.TemporaryDirectory(
                    dir=folder.parent, prefix=".", ignore_cleanup_errors=True
                ) as temporary:
                    made = Path(temporary) / "model"
                    _convert(name, model, Path(temporary) / "checkpoint", made, quantization)
                    made.rename(folder)
    except OSError as error:
        raise StorageError(f"{folder.parent}: cannot be written ({error})") from error
    return folder


class Int8Encoder:
    """The transformer on CTranslate2; pooling and what follows as sentence-transformers has it."""

    def __init__(
        self,
        name: str,
        model: SentenceTransformer,
        identity: str,
        folder: Path,
        threads: int | None = None,
    ) -> None:
        import ctranslate2

        self.name = name
        quantization = folder.name.rpartition("-")[2]
        self.fingerprint = f"{identity}-{quantization}{computed_as(model)}"
        self._model = model
        self._prompts = prompts_of(model, name)
        self._threads = threads or available_cores()
        on_gpu = model.device.type == "cuda"
        self._encoder = ctranslate2.Encoder(
            str(folder),
            device="cuda" if on_gpu else "cpu",
            inter_threads=1 if on_gpu else self._threads,
            intra_threads=1,
        )

    def prompt(self, kind: Kind) -> str:
        """Return the prompt stored in the model, or its family's."""
        return self._prompts.of(kind)

    @memory_errors()
    def encode(self, texts: Sequence[str], kind: Kind) -> Vectors:
        """Return one vector per text, of unit length where the model's similarity is cosine."""
        prompt = self.prompt(kind)
        ids: list[list[int]] = self._model.tokenizer(
            [prompt + text for text in texts],
            truncation=True,
            max_length=self._model.max_seq_length,
        )["input_ids"]
        batches = list(_batches(ids))
        with ThreadPoolExecutor(self._threads) as pool:
            parts = list(pool.map(lambda batch: self._run([ids[i] for i in batch]), batches))
        vectors = np.empty((len(ids), parts[0].shape[1]), dtype=np.float32)
        for batch, part in zip(batches, parts, strict=True):
            vectors[batch] = part
        if is_cosine(self._model):
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return vectors

    def _run(self, ids: list[list[int]]) -> Vectors:
        import ctranslate2
        import torch

        output = self._encoder.forward_batch(ids).last_hidden_state
        hidden = np.array(output.to_device(ctranslate2.Device.cpu), dtype=np.float32)
        lengths = np.array([len(tokens) for tokens in ids])
        mask = np.arange(hidden.shape[1]) < lengths[:, None]
        features: dict[str, Any] = {
            "token_embeddings": torch.from_numpy(hidden).to(self._model.device),
            "attention_mask": torch.from_numpy(mask.astype(np.int64)).to(self._model.device),
        }
        with torch.inference_mode():
            for module in list(self._model)[1:]:
                features = module(features)
        vectors: npt.NDArray[np.float32] = features["sentence_embedding"].cpu().numpy()
        return vectors


def _batches(ids: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Yield rows of like length, at most ``BATCH_TOKENS`` tokens with padding, longest first."""
    batch: list[int] = []
    for row in sorted(range(len(ids)), key=lambda row: -len(ids[row])):
        if batch and len(ids[batch[0]]) * (len(batch) + 1) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _check(name: str, model: SentenceTransformer) -> None:
    config = getattr(getattr(model[0], "auto_model", None), "config", None)
    family = getattr(config, "model_type", type(model[0]).__name__)
    if family not in FAMILIES:
        raise ModelError(
            f"{name}: is a {family} encoder; the ctranslate2 back end runs "
            f"{' and '.join(FAMILIES)}. Use --backend torch"
        )
    if any(getattr(module, "include_prompt", True) is False for module in model):
        raise ModelError(
            f"{name}: leaves its prompt out of the pooling, which the ctranslate2 back end cannot. "
            "Use --backend torch"
        )
    lengths = (getattr(model[0], key, None) for key in ("query_length", "document_length"))
    if any(length is not None for length in lengths):
        raise ModelError(
            f"{name}: has lengths of its own for queries or documents, which the ctranslate2 back "
            "end does not know. Use --backend torch"
        )


def _convert(
    name: str, model: SentenceTransformer, checkpoint: Path, made: Path, quantization: str
) -> None:
    from ctranslate2.converters import TransformersConverter

    transformer: Any = model[0]
    config = transformer.auto_model.config

    class Converter(TransformersConverter):  # type: ignore[misc]  # ctranslate2 has no stubs
        """The converter of CTranslate2 4.8 for a model that is fed ids, and so has no tokens."""

        def load_model(self, model_class: Any, path: str, **kwargs: Any) -> Any:
            loaded = super().load_model(model_class, path, **kwargs)
            if not hasattr(loaded.config, "position_embedding_type"):
                loaded.config.position_embedding_type = "absolute"  # the only one since 5
            return loaded

        def load_tokenizer(self, *_: Any, **__: Any) -> Any:
            return _Numbers(config.vocab_size)

    try:
        with quiet_transformers():
            transformer.auto_model.save_pretrained(checkpoint)
            Converter(str(checkpoint)).convert(str(made), quantization=quantization)
    except OSError:
        raise
    except Exception as error:
        # torch, transformers and the converter each raise their own types.
        raise ModelError(
            f"{name}: could not be converted ({type(error).__name__}: {error}); use --backend torch"
        ) from error


class _Numbers:
    """A vocabulary that is its own numbers, whatever the tokenizer calls them."""

    unk_token = bos_token = eos_token = "<0>"  # noqa: S105 - a token of text, no secret

    def __init__(self, size: int) -> None:
        self._size = size

    def get_vocab(self) -> dict[str, int]:
        return {f"<{number}>": number for number in range(self._size)}
