"""Model families: how each marks the source and target language of a sentence."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from bt_augment import languages
from bt_augment.errors import LanguageError, ModelError

# T5 (Raffel et al. 2020) was trained on these with a written instruction, before MADLAD.
_T5_INSTRUCTION_NAMES = {"en": "English", "de": "German", "fr": "French", "ro": "Romanian"}


@dataclass(frozen=True)
class Template:
    """The marks around one sentence.

    Attributes:
        source: tokens before the sentence.
        target: tokens that the decoder is forced to begin with.
        instruction: text put before the sentence, and tokenized with it.
    """

    source: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    instruction: str = ""


@dataclass(frozen=True)
class Family:
    """A family of translation models that share one way of naming languages.

    Attributes:
        name: ``marian``, ``nllb``, ``m2m100``, ``mbart50`` or ``t5``.
        spm_files: SentencePiece files (source side, target side), as the hub names them.
        uses_sentencepiece: whether ``transformers`` itself tokenizes with SentencePiece; if not,
            ``tokenizer.json`` is used where there is one.
        max_input_tokens: longest input where the model's configuration does not tell.
        template: (source tag, target tag, source vocabulary) → :class:`Template`.
    """

    name: str
    spm_files: tuple[str, str]
    uses_sentencepiece: bool
    max_input_tokens: int
    template: Callable[[str, str, Collection[str]], Template]


def _marian(_source: str, target: str, vocabulary: Collection[str]) -> Template:
    targets = [t for t in vocabulary if t.startswith(">>") and t.endswith("<<")]
    if not targets:
        return Template()
    return Template(source=(languages.marian_target_token(target, targets),))


def _nllb(source: str, target: str, vocabulary: Collection[str]) -> Template:
    codes = (languages.flores_code(source), languages.flores_code(target))
    _require(codes, (source, target), vocabulary)
    return Template(source=codes[:1], target=codes[1:])


def _m2m100(source: str, target: str, vocabulary: Collection[str]) -> Template:
    codes = (f"__{languages.m2m100_code(source)}__", f"__{languages.m2m100_code(target)}__")
    _require(codes, (source, target), vocabulary)
    return Template(source=codes[:1], target=codes[1:])


def _mbart50(source: str, target: str, vocabulary: Collection[str]) -> Template:
    codes = (languages.mbart_code(source), languages.mbart_code(target))
    _require(codes, (source, target), vocabulary)
    return Template(source=codes[:1], target=codes[1:])


def _t5(source: str, target: str, vocabulary: Collection[str]) -> Template:
    targets = [t for t in vocabulary if t.startswith("<2")]
    if targets:
        return Template(instruction=f"{languages.madlad_code(target, targets)} ")
    names = [_T5_INSTRUCTION_NAMES.get(tag.split("-")[0]) for tag in (source, target)]
    if None in names:
        known = ", ".join(_T5_INSTRUCTION_NAMES)
        raise LanguageError(f"T5 translates between {known} only, not {source!r} to {target!r}")
    return Template(instruction=f"translate {names[0]} to {names[1]}: ")


_BPE = ("sentencepiece.bpe.model", "sentencepiece.bpe.model")

FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family("marian", ("source.spm", "target.spm"), True, 512, _marian),
        Family("nllb", _BPE, False, 512, _nllb),  # NLLB was trained on at most 512 tokens
        Family("m2m100", _BPE, True, 1024, _m2m100),
        Family("mbart50", _BPE, False, 1024, _mbart50),
        Family("t5", ("spiece.model", "spiece.model"), False, 512, _t5),
    )
}


def family_of_checkpoint(
    name: str, config: Mapping[str, Any], tokenizer_config: Mapping[str, Any]
) -> Family:
    """Return the family of a Hugging Face checkpoint.

    Args:
        name: the model's name, for messages.
        config: its ``config.json``.
        tokenizer_config: its ``tokenizer_config.json``.

    Raises:
        ModelError: not a translation model that this project can run.
    """
    model_type = config.get("model_type")
    tokenizer = str(tokenizer_config.get("tokenizer_class") or config.get("tokenizer_class") or "")
    if model_type == "marian":
        return FAMILIES["marian"]
    if model_type == "m2m_100":  # NLLB is an M2M-100 with another vocabulary
        return FAMILIES["nllb" if tokenizer.startswith("Nllb") else "m2m100"]
    if model_type == "mbart" and tokenizer.startswith("MBart50"):
        return FAMILIES["mbart50"]
    if model_type in ("t5", "mt5"):
        return FAMILIES["t5"]
    raise ModelError(
        f"{name}: model type {model_type!r} with tokenizer {tokenizer or 'unknown'!r} is not "
        "supported; use a Marian, NLLB, M2M-100, mBART-50 or T5/MADLAD translation model"
    )


def _require(codes: tuple[str, ...], tags: tuple[str, ...], vocabulary: Collection[str]) -> None:
    for code, tag in zip(codes, tags, strict=True):
        if code not in vocabulary:
            raise LanguageError(f"this model's vocabulary has no {code!r} for the language {tag!r}")
