"""What a CTranslate2 model folder says of its model: family, pair, limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bt_augment.errors import ModelError
from bt_augment.translation.families import FAMILIES, Family
from bt_augment.translation.model_folder import METADATA_NAME
from bt_augment.translation.tokenizers import TOKENIZER_JSON, read_json
from bt_augment.values import whole_number

_LEAST_INPUT_TOKENS = 8  # marks of languages and of the end included
_TOKENIZER_CLASSES = {
    "Marian": "marian",
    "Nllb": "nllb",
    "M2M100": "m2m100",
    "MBart50": "mbart50",
    "T5": "t5",
}


def describe(folder: Path) -> tuple[Family, dict[str, Any]]:
    """Return the family of a CTranslate2 folder, and its metadata if it was converted here.

    Raises:
        ModelError: nothing in it tells the family, or the metadata hold what cannot be.
    """
    path = folder / METADATA_NAME
    metadata = read_json(path) if path.is_file() else {}
    _check_numbers(path, metadata)
    named = metadata.get("family")
    if isinstance(named, str) and named in FAMILIES:
        return FAMILIES[named], metadata
    if (folder / "source.spm").is_file():
        return FAMILIES["marian"], metadata
    beside = folder / "tokenizer_config.json"
    tokenizer = str(read_json(beside).get("tokenizer_class")) if beside.is_file() else ""
    for prefix, name in _TOKENIZER_CLASSES.items():
        if tokenizer.startswith(prefix):
            return FAMILIES[name], metadata
    raise ModelError(
        f"{folder}: cannot tell which family of model this is; put its tokenizer files "
        f"(source.spm and target.spm, or {TOKENIZER_JSON} and tokenizer_config.json) beside "
        f'model.bin, or a {METADATA_NAME} that says {{"family": "NAME"}} with one of '
        f"{', '.join(FAMILIES)}"
    )


def _check_numbers(path: Path, metadata: Mapping[str, Any]) -> None:
    limit, usual = (metadata.get(key) for key in ("max_input_tokens", "usual_logprob"))
    if limit is not None:
        whole_number(f"{path}: max_input_tokens", limit, ModelError, least=_LEAST_INPUT_TOKENS)
    is_number = isinstance(usual, int | float) and math.isfinite(usual) and usual < 0
    if usual is not None and not is_number:
        raise ModelError(f"{path}: usual_logprob is {usual!r}; it must be a number below 0")
