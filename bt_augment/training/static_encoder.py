"""Static encoders: the mean of subword vectors, trained from nothing in seconds.

``static:bundled`` takes the subword vocabulary that the bundled MT models share between English
and Portuguese; ``static:NAME`` any fast tokenizer.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bt_augment.errors import BtAugmentError, MissingDependencyError, ModelError

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

PREFIX = "static:"
BUNDLED = "bundled"
DEFAULT_DIMENSIONS = 512
_SMOOTHING = 1e-4  # a in Arora et al. 2017, who find 1e-3 to 1e-4 best

# The vocabulary of mini-en-pt; that of mini-pt-en is another draw of the same text.
_BUNDLED_SPM = Path(__file__).parents[1] / "translation" / "bundled" / "mini-en-pt" / "source.spm"
_SPM_SUFFIXES = (".spm", ".model")
_UNIGRAM = 1  # ModelProto.TrainerSpec.ModelType


def is_static(name: str) -> bool:
    """Tell whether a base model's name asks for a static encoder."""
    return name.startswith(PREFIX)


def is_static_model(model: SentenceTransformer) -> bool:
    """Tell whether a model is a static encoder, which takes texts of any length."""
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    return isinstance(model[0], StaticEmbedding)


def static_encoder(name: str, dimensions: int = DEFAULT_DIMENSIONS) -> SentenceTransformer:
    """Return an untrained static encoder; its vectors are drawn from torch's random stream.

    Args:
        name: ``static:bundled``, or ``static:`` and a tokenizer: its name on the hub, a folder
            with ``tokenizer.json``, that file, or a SentencePiece model (``.spm``, ``.model``).
        dimensions: length of the vectors.

    Raises:
        ModelError: there is no such tokenizer.
        MissingDependencyError: sentence-transformers is not installed.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding

    tokenizer = load_tokenizer(name.removeprefix(PREFIX))
    embedding = StaticEmbedding(tokenizer, embedding_weights=_first_vectors(tokenizer, dimensions))
    return SentenceTransformer(modules=[embedding, Normalize()], device="cpu")


def _first_vectors(tokenizer: Tokenizer, dimensions: int) -> torch.Tensor:
    """Draw a vector for each subword, the longer the rarer it is.

    A rare word says more of a text than a frequent one: the weight a / (a + p) is that of Arora
    et al. 2017. Unigram tokenizers know the probability p; others give all the same length.
    """
    import torch

    vectors = torch.randn(tokenizer.get_vocab_size(), dimensions)
    model = json.loads(tokenizer.to_str())["model"]
    if model["type"] != "Unigram":
        return vectors
    scores = torch.tensor([score for _, score in model["vocab"]], dtype=torch.float64)
    weights = _SMOOTHING / (_SMOOTHING + scores.exp())
    vectors[: len(weights)] *= weights.unsqueeze(1).float()
    return vectors


def load_tokenizer(source: str) -> Tokenizer:
    """Return a tokenizer by name, folder or file; see :func:`static_encoder`.

    Raises:
        ModelError: there is no such tokenizer, or it cannot be read.
    """
    from tokenizers import Tokenizer

    path = _BUNDLED_SPM if source == BUNDLED else Path(source)
    try:
        if path.is_dir():
            return Tokenizer.from_file(str(path / "tokenizer.json"))
        if path.suffix in _SPM_SUFFIXES and path.is_file():
            return unigram_tokenizer(path)
        if path.is_file():
            return Tokenizer.from_file(str(path))
        if path.suffix in (*_SPM_SUFFIXES, ".json"):
            raise ModelError(f"{PREFIX}{source}: there is no such file")
        return Tokenizer.from_pretrained(source)
    except (BtAugmentError, MemoryError):
        raise
    # The Rust library and the hub client raise bare Exception for whatever went wrong.
    except Exception as error:
        raise ModelError(
            f"{PREFIX}{source}: no tokenizer could be read ({error}). Write {PREFIX}{BUNDLED}, "
            "or the name or folder of a tokenizer with tokenizer.json"
        ) from error


def unigram_tokenizer(path: Path) -> Tokenizer:
    """Return a SentencePiece unigram model as a ``tokenizers.Tokenizer`` with the same ids.

    Raises:
        ModelError: the model is not a unigram model.
        MissingDependencyError: protobuf is not installed.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    model = _read_spm(path)
    if model.trainer_spec.model_type != _UNIGRAM:
        raise ModelError(f"{path}: is no unigram model; give a tokenizer with tokenizer.json")
    pieces = [(piece.piece, piece.score) for piece in model.pieces]
    tokenizer = Tokenizer(
        models.Unigram(
            pieces,
            unk_id=model.trainer_spec.unk_id,
            byte_fallback=model.trainer_spec.byte_fallback,
        )
    )
    steps: list[Any] = []
    if model.normalizer_spec.precompiled_charsmap:
        steps.append(normalizers.Precompiled(model.normalizer_spec.precompiled_charsmap))
    if model.normalizer_spec.remove_extra_whitespaces:
        steps += [normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip()]
    tokenizer.normalizer = normalizers.Sequence(steps)
    prepend = "always" if model.normalizer_spec.add_dummy_prefix else "never"
    # Unigram pieces of this kind never cross a word, so words can be split first, and cached.
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=prepend)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme=prepend)
    return tokenizer


def _read_spm(path: Path) -> Any:
    try:
        proto: Any = importlib.import_module("sentencepiece.sentencepiece_model_pb2")
    except ImportError as error:
        raise MissingDependencyError(
            "protobuf", "train", "reading a SentencePiece model"
        ) from error
    model = proto.ModelProto()
    model.ParseFromString(path.read_bytes())
    return model
