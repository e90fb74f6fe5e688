"""What a model's files say before anything is encoded: which encoder, and whether it is whole."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bt_augment.errors import ModelError
from bt_augment.evaluation.results import is_results
from bt_augment.sentence_encoders import (
    CONFIGURATION,
    MODULES,
    TRAINING_MANIFEST,
    check_rows,
    other_kind,
)
from bt_augment.shards.atomic import json_of
from bt_augment.translation.model_folder import fingerprint, refuse_pipes

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_DECIDING = (".json", ".safetensors", ".bin", ".txt", ".model", ".py")
# Written by training beside a model without being part of it.
_NOT_THE_MODEL = {
    TRAINING_MANIFEST, "trainer_state.json", "training_args.bin", "optimizer.bin",
    "scheduler.bin",
}  # fmt: skip
# Folders beside a model's modules: of a training, with its checkpoints, and copies of those.
_NO_MODULE = re.compile(r"\..*|training|checkpoint-.*|__pycache__")
_UNUSED = ("pooler.",)  # BERT's own head, which masked-language checkpoints lack


def identity(folder: Path, cache_dir: Path) -> str:
    """Return a fingerprint over the files that decide the vectors, in all folders of the model.

    Modules may lie in folders of other modules, as those of a Router do, which modules.json does
    not name: so every folder is looked into.

    Args:
        folder: a model.
        cache_dir: where fingerprints of large files are kept.

    Raises:
        ModelError: a file of the model is missing or damaged, or a folder cannot be read.
    """
    for path in _module_paths(folder):
        if not (folder / path).is_dir():
            raise ModelError(f"{folder / path}: is missing, though modules.json names it")
    digest = hashlib.sha256()
    try:
        for place, names in _deciding_files(folder, set()):
            path = place.relative_to(folder).as_posix()
            digest.update(f"{path}\0{fingerprint(place, cache_dir, names)}\0".encode())
    except OSError as error:
        raise ModelError(f"{folder}: cannot be read ({error})") from error
    return digest.hexdigest()[:16]


def _deciding_files(folder: Path, seen: set[Path]) -> Iterator[tuple[Path, list[str]]]:
    """Yield the folders from this one down that have files which decide, with their names."""
    seen.add(folder.resolve())  # links may lead in a circle
    inside = sorted(folder.iterdir())
    names = [
        path.name
        for path in inside
        if path.suffix in _DECIDING
        and path.name not in _NOT_THE_MODEL
        and path.is_file()
        and not (path.suffix == ".json" and is_results(path))  # of an evaluation, laid beside it
    ]
    if names:
        yield folder, names
    for path in inside:
        if path.is_dir() and not _NO_MODULE.fullmatch(path.name) and path.resolve() not in seen:
            yield from _deciding_files(path, seen)


def check_configuration(folder: Path) -> None:
    """Refuse a folder that holds no text encoder by its configuration; no weights are read.

    Raises:
        ModelError: it holds another model, or none, or a pipe.
    """
    refuse_pipes(folder)
    modular = (folder / MODULES).is_file()
    path = folder / CONFIGURATION[modular]
    if not modular and not path.is_file():
        raise ModelError(
            f"{folder}: has neither {MODULES} nor {path.name}, so it holds no encoder; give the "
            "folder or hub name of a SentenceTransformer"
        )
    if kind := other_kind(_json(path), modular=modular):
        raise ModelError(
            f"{folder}: is {kind}, not a dense text encoder; give the folder or hub name of a "
            "SentenceTransformer"
        )


def check_weights(name: str, model: SentenceTransformer) -> None:
    """Refuse an encoder some of whose weights its files lack.

    transformers fills in what is missing with random numbers and goes on; scores of such a model
    would mean nothing. The files are compared again without being read, which takes a moment.

    Args:
        name: what the user called the model.
        model: the loaded model.

    Raises:
        ModelError: weights are missing.
    """
    from transformers import PreTrainedModel

    check_rows(name, model)
    transformer = getattr(model[0], "auto_model", None)
    if not isinstance(transformer, PreTrainedModel):
        return
    place = transformer.config._name_or_path
    if not Path(place).is_dir() or (Path(place) / "adapter_config.json").is_file():
        return  # the hub's own files are whole; an adapter's base is elsewhere
    kind: Any = type(transformer)
    with quiet_transformers():
        _, found = kind.from_pretrained(
            place, device_map="meta", output_loading_info=True, local_files_only=True
        )
    missing = sorted(key for key in found["missing_keys"] if not key.startswith(_UNUSED))
    if missing:
        raise ModelError(
            f"{name}: its files lack {len(missing)} of the weights that its configuration names "
            f"({', '.join(missing[:2])}, …), so it is no trained encoder; save or download it again"
        )


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep bars and reports of transformers off the terminal while a model is loaded or saved."""
    from transformers.utils import logging

    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _module_paths(folder: Path) -> list[str]:
    listed = folder / MODULES
    if not listed.is_file():
        return []
    try:
        modules: Any = json_of(listed)
        return [_inside(str(module["path"])) for module in modules]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise ModelError(f"{listed}: is damaged ({error}); save or download it again") from error


def _inside(path: str) -> str:
    if path.startswith(("/", "\\")) or ".." in Path(path).parts:
        raise ValueError(f"{path!r} leads out of the folder")
    return path


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = json_of(path)
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: is damaged ({error}); save or download it again") from error
    return content if isinstance(content, dict) else {}
