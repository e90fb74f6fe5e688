"""A CTranslate2 model folder on disk: is it whole, and which one is it?"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from bt_augment.errors import ModelError
from bt_augment.names import refuse_impossible
from bt_augment.special_files import SPECIAL, is_special
from bt_augment.translation.model_file import read_variables
from bt_augment.translation.tokenizers import read_json, read_vocabulary

METADATA_NAME = "bt_augment.json"

# Of the source; the second where both languages share one table.
_EMBEDDINGS = ("encoder/embeddings_0/weight", "decoder/embeddings/weight")


def named_path(name: str) -> Path:
    """Return the path that a model's name may be; ``~`` stays where nobody's home is known.

    Raises:
        ModelError: no file can have this name.
    """
    refuse_impossible(name, ModelError)
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def check_folder(folder: Path) -> None:
    """Check that a CTranslate2 folder is whole, without loading its weights.

    Raises:
        ModelError: it is no model, or a file is missing, cut off or not what its name says.
    """
    if not any((folder / name).exists() for name in ("config.json", "model.bin")):
        raise ModelError(
            f"{folder}: is no model: it has neither config.json nor model.bin; name a CTranslate2 "
            "folder, or a checkpoint in the layout of the Hugging Face hub"
        )
    config = read_json(folder / "config.json")
    if "eos_token" not in config and "unk_token" not in config:
        raise ModelError(
            f"{folder / 'config.json'}: is not the configuration of a CTranslate2 translation model"
        )
    tokens = len(read_vocabulary(folder))
    embeddings = _source_embeddings(folder / "model.bin")
    if embeddings is not None and tokens < embeddings:
        raise ModelError(
            f"{folder}: the vocabulary lists {tokens} tokens, and the weights have {embeddings}; "
            "get or convert the model again"
        )


def fingerprint(folder: Path, cache_dir: Path, names: Iterable[str] | None = None) -> str:
    """Return 16 hexadecimal digits of the SHA-256 over a folder's files (names and contents).

    Reading gigabytes takes seconds, so the result is kept in ``cache_dir`` and used again while
    each file stays the same one, of the same size and times of change.

    Args:
        folder: a folder; hidden files, sub-folders and the metadata file are left out.
        cache_dir: where results are kept; an unwritable one only costs the time.
        names: the files to read; all by default.

    Raises:
        ModelError: a file cannot be read.
    """
    chosen = None if names is None else set(names)
    try:
        files = sorted(
            path
            for path in folder.iterdir()
            if path.is_file()
            and not path.name.startswith(".")
            and path.name != METADATA_NAME
            and (chosen is None or path.name in chosen)
        )
        stamps = [_stamp(path) for path in files]
        key = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:32]
        store = cache_dir / "fingerprints" / f"{key}.json"
        known = _read_store(store)
        if known.get("stamps") == stamps:
            return str(known["fingerprint"])
        digest = hashlib.sha256()
        for path in files:
            digest.update(os.fsencode(path.name) + f"\0{path.stat().st_size}\0".encode())
            with path.open("rb") as file:
                hashlib.file_digest(file, lambda: digest)  # goes on with the digest
    except OSError as error:
        raise ModelError(f"{folder}: cannot be read ({error})") from error
    result = digest.hexdigest()[:16]
    _write_store(store, {"stamps": stamps, "fingerprint": result})
    return result


def write_shared_json(path: Path, content: dict[str, object]) -> None:
    """Write a JSON object to ``path``, of a cache that many processes may write at once.

    It is never half there: each process has a temporary file of its own.

    Raises:
        OSError: the disk refused.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)  # a link by that name is not followed
    try:
        with temporary.open("x", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=2, sort_keys=True))
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()  # no other process has its name, so none would remove it
        raise


def _source_embeddings(path: Path) -> int | None:
    """Return the number of source embeddings in ``model.bin``, where the file tells it."""
    variables = read_variables(path) or {}
    shapes = [variables[name].shape for name in _EMBEDDINGS if name in variables]
    return next((shape[0] for shape in shapes if shape), None)


def _stamp(path: Path) -> list[str | int]:
    """Return what changes with a file: copying sets the modification time back, not the other."""
    seen = path.stat()
    return [path.name, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns]


def _read_store(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}  # absent or half written by an older process: hash again
    return content if isinstance(content, dict) else {}


def _write_store(path: Path, content: dict[str, object]) -> None:
    try:
        write_shared_json(path, content)
    except OSError:
        return  # a read-only cache only costs the time of hashing again


def refuse_pipes(folder: Path) -> None:
    """Refuse a folder of a model, of any kind, with what a library would wait for in it.

    Args:
        folder: looked through with the folders in it, but for hidden ones and checkpoints.

    Raises:
        ModelError: names the pipe, the socket or the device.
    """
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "checkpoint-"))]
        for path in (Path(place, name) for name in names if not name.startswith(".")):
            if is_special(path):
                raise ModelError(
                    f"{path}: {SPECIAL}; remove it, or save or download the model again"
                )
