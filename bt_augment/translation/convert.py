"""Conversion of a checkpoint on disk to a CTranslate2 folder that needs nothing beside itself."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any, Literal, get_args

from bt_augment.errors import MissingDependencyError, ModelError, StorageError
from bt_augment.translation.families import FAMILIES, Family, family_of_checkpoint
from bt_augment.translation.model_folder import (
    METADATA_NAME,
    check_folder,
    refuse_pipes,
    write_shared_json,
)
from bt_augment.translation.tokenizers import TOKENIZER_JSON, read_json

Quantization = Literal[
    "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16", "float16", "bfloat16",
    "float32",
]  # fmt: skip
QUANTIZATIONS: tuple[str, ...] = get_args(Quantization)

_MARIAN_DECODER = "decoder.yml"
_MARIAN_FILES = {"models": 1, "vocabs": 2}  # weights, and a vocabulary for each language


def is_checkpoint(folder: Path) -> bool:
    """Return whether a folder is a Hugging Face or a Marian/OPUS checkpoint."""
    if (folder / _MARIAN_DECODER).is_file():
        return True
    config = folder / "config.json"
    return config.is_file() and "model_type" in read_json(config)


def checkpoint_family(folder: Path) -> Family:
    """Return the family of a checkpoint folder, before anything is converted.

    Raises:
        ModelError: not a model that this project can run.
    """
    if (folder / _MARIAN_DECODER).is_file():
        return FAMILIES["marian"]
    return family_of_checkpoint(
        str(folder), read_json(folder / "config.json"), _tokenizer_config(folder)
    )


def unfinished(folder: Path) -> str:
    """Return how the names begin of what a conversion into ``folder`` works in, beside it."""
    return f".converting-{folder.name}-"


def check_quantization(quantization: str) -> None:
    """Refuse what is no type of stored weights.

    Raises:
        ModelError: it is not one of :data:`QUANTIZATIONS`.
    """
    if quantization not in QUANTIZATIONS:
        raise ModelError(f"quantization {quantization!r} is not one of {', '.join(QUANTIZATIONS)}")


def convert(checkpoint: Path, folder: Path, *, name: str, revision: str, quantization: str) -> None:
    """Convert a checkpoint into a CTranslate2 folder with its tokenizer and metadata.

    The folder appears whole or not at all: the work is done in a temporary folder beside it,
    which is then renamed. No code of the checkpoint is run, and pickled weights are read by
    torch's ``weights_only`` loader alone.

    Args:
        checkpoint: a Hugging Face folder, or a Marian/OPUS one (``decoder.yml``, ``model.npz``).
        folder: where to put the result; must not exist.
        name: what the user called the model; kept in the metadata, as is ``revision``.
        revision: which version of the checkpoint it is.
        quantization: type of the stored weights, one of :data:`QUANTIZATIONS`.

    Raises:
        ModelError: the checkpoint is damaged or not supported.
        MissingDependencyError: torch or transformers is not installed.
        StorageError: the disk refused.
    """
    check_quantization(quantization)
    refuse_pipes(checkpoint)
    family = checkpoint_family(checkpoint)
    is_marian = (checkpoint / _MARIAN_DECODER).is_file()
    if not is_marian:
        _require_conversion_packages(name)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=folder.parent, prefix=unfinished(folder), ignore_cleanup_errors=True
        ) as temporary:
            made = Path(temporary) / "model"
            run = _convert_marian if is_marian else _convert_transformers
            metadata = run(checkpoint, made, family, quantization)
            metadata |= {
                "name": name,
                "revision": revision,
                "quantization": quantization,
                "family": family.name,
            }
            write_shared_json(made / METADATA_NAME, metadata)
            check_folder(made)
            made.rename(folder)
    except (ModelError, MissingDependencyError):
        raise
    except PermissionError as error:
        raise StorageError(f"{folder.parent}: cannot be written ({error})") from error
    except Exception as error:
        # numpy, yaml, safetensors, torch and both converters each raise their own types on a
        # damaged checkpoint, and all of them mean the same to the user.
        if isinstance(error, OSError) and error.errno is not None and not error.filename:
            raise StorageError(f"{folder.parent}: {error}; free some space there") from error
        raise ModelError(
            f"{name}: could not be converted ({type(error).__name__}: {error}); "
            "the checkpoint may be damaged or of a kind CTranslate2 does not know"
        ) from error


def _convert_marian(
    checkpoint: Path, made: Path, family: Family, quantization: str
) -> dict[str, Any]:
    """Convert with the OPUS-MT converter, which needs numpy and PyYAML but no torch."""
    from ctranslate2.converters import OpusMTConverter

    for name in family.spm_files:
        if not (checkpoint / name).is_file():
            raise ModelError(
                f"{checkpoint}: {name} is missing; only Marian models with SentencePiece files "
                "(source.spm and target.spm) can be used, not those with .bpe files"
            )
    _check_marian_names(checkpoint)
    OpusMTConverter(str(checkpoint)).convert(str(made), quantization=quantization)
    for name in family.spm_files:
        shutil.copyfile(checkpoint / name, made / name)
    return {"max_input_tokens": family.max_input_tokens}


def _check_marian_names(checkpoint: Path) -> None:
    """Refuse a ``decoder.yml`` that names files outside its folder, or what is no file.

    Raises:
        ModelError: it does, names none, or is no YAML that can be read in bounded memory.
    """
    from bt_augment.safe_yaml import NotYamlError, parse

    path = checkpoint / _MARIAN_DECODER
    try:
        document = parse(path.read_text(encoding="utf-8"))
    except NotYamlError as error:
        raise ModelError(
            f"{path}{error.place}: is not YAML: {error.cause}; download the model again"
        ) from error
    config = document and document.content
    for key, least in _MARIAN_FILES.items():
        names = config.get(key) if isinstance(config, dict) else None
        if not isinstance(names, list) or len(names) < least:  # a mapping is read by its keys
            raise ModelError(f"{path}: {key}: is no list of {least} or more names of files")
        for name in names:
            if not isinstance(name, str) or Path(name).name != name:
                raise ModelError(f"{path}: {name!r} is not the name of a file beside it")
            if not (checkpoint / name).is_file():  # a pipe would be waited for
                raise ModelError(f"{path}: names {name}, which is no file beside it")


def _convert_transformers(
    checkpoint: Path, made: Path, family: Family, quantization: str
) -> dict[str, Any]:
    from ctranslate2.converters import TransformersConverter
    from transformers.utils import logging as transformers_logging

    config = read_json(checkpoint / "config.json")
    _check_weight_files(checkpoint)
    if family.name == "marian" and config.get("share_encoder_decoder_embeddings") is False:
        raise ModelError(
            f"{checkpoint}: Marian models with separate vocabularies cannot be converted from "
            "Hugging Face form; use the original OPUS-MT archive (decoder.yml, model.npz)"
        )

    class Converter(TransformersConverter):  # type: ignore[misc]  # ctranslate2 has no stubs
        """The transformers converter of CTranslate2 4.8, made to agree with transformers 5."""

        def load_model(self, model_class: Any, path: str, **kwargs: Any) -> Any:
            model = super().load_model(model_class, path, **kwargs)
            if family.name == "mbart50":
                # transformers has no such options (mBART is always so) and saves none, but the
                # converter reads those that the original checkpoint happens to carry.
                model.config.normalize_before = model.config.normalize_embedding = True
            if family.name == "t5":
                # transformers 5 says tied for every T5 and keeps the truth in
                # scale_decoder_outputs; the converter reads the former, and would divide
                # MADLAD's logits by sqrt(d_model): flat probabilities, wrong beams.
                model.config.tie_word_embeddings = getattr(
                    model.config, "scale_decoder_outputs", model.config.tie_word_embeddings
                )
            return model

        def load_tokenizer(self, tokenizer_class: Any, path: str, **kwargs: Any) -> Any:
            tokenizer = super().load_tokenizer(tokenizer_class, path, **kwargs)
            if family.name == "m2m100":
                # transformers 5 leaves the language tokens out of the vocabulary, where the
                # converter looks for them; it keeps them in a table of their own.
                vocabulary = {**tokenizer.get_vocab(), **tokenizer.lang_token_to_id}
                tokenizer.get_vocab = lambda: vocabulary
            ids = sorted(tokenizer.get_vocab().values())
            if ids != list(range(len(ids))):
                # The converter lists tokens in the order of their ids and drops the gaps.
                raise ModelError(f"{checkpoint}: the ids of its vocabulary have gaps")
            if not family.uses_sentencepiece:
                self.tokenizer_json = tokenizer.backend_tokenizer.to_str()
            return tokenizer

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        # Its tokenizer here only lists the vocabulary, which needs no Moses normalization.
        warnings.filterwarnings("ignore", "Recommended: pip install sacremoses")
        converter = Converter(str(checkpoint))
        converter.convert(str(made), quantization=quantization)
    if family.uses_sentencepiece:
        for name in set(family.spm_files):
            shutil.copyfile(checkpoint / name, made / name)
    elif (checkpoint / TOKENIZER_JSON).is_file():
        # transformers 5 builds T5's anew without byte fallback and with </s> for unknown.
        shutil.copyfile(checkpoint / TOKENIZER_JSON, made / TOKENIZER_JSON)
    else:
        (made / TOKENIZER_JSON).write_text(converter.tokenizer_json, encoding="utf-8")
    if family.name == "mbart50":
        # The converter tells mBART-50 from mBART-25 by a field of config.json that transformers 5
        # no longer saves, and without it the decoder would lack its </s> before the language.
        # Nor has its tokenizer a <s> any more, and the engine wants one named.
        made_config = read_json(made / "config.json")
        made_config["decoder_start_token"] = made_config["eos_token"]
        made_config["bos_token"] = made_config["bos_token"] or "<s>"
        write_shared_json(made / "config.json", made_config)
    tokenizer_config = _tokenizer_config(checkpoint)
    return {
        "max_input_tokens": _max_input_tokens(config, family),
        "source_lang": tokenizer_config.get("source_lang"),
        "target_lang": tokenizer_config.get("target_lang"),
    }


def _max_input_tokens(config: dict[str, Any], family: Family) -> int:
    positions = config.get("max_position_embeddings")
    known = positions if isinstance(positions, int) and positions > 0 else family.max_input_tokens
    return min(known, 1024)  # CTranslate2's own default limit on the input


def _check_weight_files(checkpoint: Path) -> None:
    names = [path.name for path in checkpoint.iterdir()]
    if any(n.endswith(".safetensors") for n in names):
        return
    # Pickles are loaded by transformers 5 with torch.load(weights_only=True), which runs no code.
    if any(n.startswith("pytorch_model") and n.endswith(".bin") for n in names):
        return
    raise ModelError(f"{checkpoint}: no weights (model.safetensors or pytorch_model.bin)")


def _tokenizer_config(checkpoint: Path) -> dict[str, Any]:
    path = checkpoint / "tokenizer_config.json"
    return read_json(path) if path.is_file() else {}


def _require_conversion_packages(name: str) -> None:
    for package in ("torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            raise MissingDependencyError(package, "convert", f"converting the model {name}")
