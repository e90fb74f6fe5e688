"""The encoder that training starts from: static, sentence-transformers, or a plain checkpoint."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bt_augment.errors import MissingDependencyError, ModelError, TrainingError, memory_errors
from bt_augment.sentence_encoders import CONFIGURATION, MODULES, check_rows, other_kind
from bt_augment.training.static_encoder import (
    BUNDLED,
    PREFIX,
    is_static,
    is_static_model,
    load_tokenizer,
    static_encoder,
)
from bt_augment.translation.hub import pin_revision
from bt_augment.translation.model_folder import refuse_pipes

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_PACKAGES = ("torch", "sentence_transformers", "accelerate", "datasets")


def load_base_model(
    name: str, *, max_length: int, dimensions: int | None = None, device: str | None = None
) -> SentenceTransformer:
    """Return the encoder called ``name``, ready to train.

    A sentence-transformers folder keeps its modules (LaBSE's dense layer, say); a plain encoder
    checkpoint (XLM-R, BERT) gets mean pooling.

    Args:
        name: ``static:…``, a folder, or a name on the Hugging Face hub, ``NAME@REVISION`` to pin
            it.
        max_length: longest input in tokens; the model's own limit where that is lower.
        dimensions: length of a static encoder's vectors.
        device: torch device; None lets sentence-transformers choose.

    Raises:
        TrainingError: the model is no text encoder.
        ModelError: there is no such model, or it cannot be read.
    """
    check_base_model(name)
    if is_static(name):
        return static_encoder(name, **({"dimensions": dimensions} if dimensions else {}))
    from sentence_transformers import SentenceTransformer

    folder = Path(name)
    source, revision = (str(folder), None) if folder.is_dir() else _pinned(name)
    try:
        with memory_errors():
            model = SentenceTransformer(
                source,
                revision=revision,
                device=device,
                local_files_only=folder.is_dir(),
                trust_remote_code=False,
            )
    except MemoryError:
        raise  # of a model that is sound
    # Damaged files raise whatever the library that reads them raises.
    except Exception as error:
        raise ModelError(
            f"base model {name!r} cannot be loaded: {error}. Give a folder or a name on the "
            f"Hugging Face hub, or {PREFIX}{BUNDLED}"
        ) from error
    _check_encodes(name, model)
    check_rows(name, model)
    if not is_static_model(model):  # that takes texts of any length
        model.max_seq_length = min(max_length, model.max_seq_length or max_length)
    return model


def pinned_name(name: str) -> str:
    """Return a hub model's name as ``NAME@COMMIT``; other names as they are.

    Raises:
        ModelError: the hub, or its cache, has no such model or revision.
    """
    if is_static(name) or Path(name).is_dir():
        return name
    return "@".join(_pinned(name))


def _pinned(name: str) -> tuple[str, str]:
    source, _, wanted = name.partition("@")
    return source, pin_revision(source, wanted or None)


def check_packages() -> None:
    """Refuse to go on without the packages that train.

    Raises:
        MissingDependencyError: one is not installed.
    """
    for package in _PACKAGES:
        if find_spec(package) is None:
            raise MissingDependencyError(package.replace("_", "-"), "train", "training")


def check_base_model(name: str) -> None:
    """Refuse what is not there, or is no encoder by its configuration; no weights are read.

    Raises:
        MissingDependencyError: the extra ``[train]`` is not installed.
        TrainingError: the model is no text encoder.
        ModelError: there is no such model.
    """
    check_packages()
    if is_static(name):
        load_tokenizer(name.removeprefix(PREFIX))
        return
    configuration, modular = _configuration(name)
    if kind := other_kind(configuration, modular=modular):
        raise TrainingError(
            f"base model {name!r} is no dense text encoder: it is {kind}. Give an encoder such as "
            f"intfloat/multilingual-e5-small, or {PREFIX}{BUNDLED}"
        )


def _configuration(name: str) -> tuple[dict[str, Any], bool]:
    """Return what configures a model, and whether it is one of sentence-transformers."""
    folder = Path(name)
    if not folder.is_dir():
        if folder.exists() or name.startswith((".", "/", "~")) or ":" in name:
            raise ModelError(
                f"base model {name!r} is no folder, and no name on the Hugging Face hub. Write "
                f"{PREFIX}{BUNDLED} for a static encoder over the bundled vocabulary"
            )
        return _hub_configuration(name)
    refuse_pipes(folder)
    modular = (folder / MODULES).is_file()
    path = folder / CONFIGURATION[modular]
    if not path.is_file():
        if modular:
            return {}, modular
        raise ModelError(
            f"base model {name!r}: the folder has neither {MODULES} nor {path.name}, so it holds "
            "no model"
        )
    return _read(path), modular


def _hub_configuration(name: str) -> tuple[dict[str, Any], bool]:
    modular = _from_hub(name, MODULES) is not None
    path = _from_hub(name, CONFIGURATION[modular])
    if path is None:
        if modular:
            return {}, modular
        raise ModelError(
            f"base model {name!r}: has neither {MODULES} nor {CONFIGURATION[modular]} on the "
            "Hugging Face hub, so it holds no model"
        )
    return _read(path), modular


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read ({error})") from error
    return content if isinstance(content, dict) else {}


def _from_hub(name: str, file: str) -> Path | None:
    """Return a file of a model of the hub; None where the hub says that it has none.

    Raises:
        ModelError: the hub, or its cache, has no such model or does not give the file.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    source, revision = _pinned(name)  # at once: a download is tried again and again, and says so
    try:
        return Path(hf_hub_download(source, file, revision=revision))
    # The hub client's HTTP library, and so what it raises, changes from version to version.
    except Exception as error:
        # The second is a kind of the first, and raised where the hub does not answer.
        if isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError):
            return None
        raise ModelError(
            f"base model {name!r}: no such folder, and the Hugging Face hub does not give it "
            f"({error})"
        ) from error


def _check_encodes(name: str, model: SentenceTransformer) -> None:
    try:
        with memory_errors():
            width = model.encode(["a"], show_progress_bar=False).shape
    except (RuntimeError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise TrainingError(
            f"base model {name!r} is no text encoder: encoding a text failed ({error})"
        ) from error
    if len(width) != 2:
        raise TrainingError(f"base model {name!r} gives no single vector for a text")
