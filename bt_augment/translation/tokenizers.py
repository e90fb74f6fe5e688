"""Text to the tokens that CTranslate2 reads, and back; needs neither torch nor transformers."""

from __future__ import annotations

import itertools
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bt_augment.errors import ModelError
from bt_augment.translation.families import Family, Template
from bt_augment.translation.folding import Folder

if TYPE_CHECKING:
    import sentencepiece
    import tokenizers as hf_tokenizers

UNKNOWN_MARK = "⁇"  # what SentencePiece writes for <unk>; filters look for it
TOKENIZER_JSON = "tokenizer.json"

_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
_VOCABULARY_NAMES = ("shared_vocabulary", "source_vocabulary", "source_vocabulary_1")
_TARGET_NAMES = ("shared_vocabulary", "target_vocabulary")


class TranslationTokenizer(ABC):
    """Tokenizes for one model and one (source, target) pair of languages.

    Args:
        template: the marks around a sentence.
        vocabulary: the model's source tokens; any other piece becomes ``<unk>``.
        target_vocabulary: its target tokens.
        config: the ``config.json`` of the CTranslate2 folder.
    """

    def __init__(
        self,
        template: Template,
        vocabulary: Collection[str],
        target_vocabulary: Collection[str],
        config: dict[str, Any],
    ) -> None:
        self._template = template
        self._vocabulary = frozenset(vocabulary)
        self._target_vocabulary = frozenset(target_vocabulary)
        self._unknown = str(config.get("unk_token") or "<unk>")
        eos = str(config.get("eos_token") or "</s>")
        # The Marian converter has the engine append </s>, the transformers converter does not.
        # Twice makes the model repeat for ever, and so does not at all.
        self._suffix = [] if config.get("add_source_eos") else [eos]
        self._fold = Folder(self._knows)
        self._fold_target = Folder(self._knows_target)
        self._dropped = {eos, str(config.get("bos_token") or "<s>"), "<pad>"}

    @property
    def target_prefix(self) -> list[str] | None:
        """Return the tokens that every output is forced to begin with, or None."""
        return list(self._template.target) or None

    def encode(self, sentences: Sequence[str]) -> list[list[str]]:
        """Return the source tokens of each sentence, exactly as ``translate_batch`` takes them.

        Characters that the model lacks are written with ones it has (:mod:`.folding`).
        """
        texts = [self._template.instruction + self._fold(sentence) for sentence in sentences]
        return [
            [*self._template.source, *self._known_pieces(pieces), *self._suffix]
            for pieces in self._pieces(texts)
        ]

    def _known_pieces(self, pieces: list[str]) -> list[str]:
        known = self._vocabulary
        if known.issuperset(pieces):  # nearly always
            return pieces
        return [piece if piece in known else self._unknown for piece in pieces]

    def _knows(self, character: str) -> bool:
        (pieces,) = self._pieces([character])
        return all(piece in self._vocabulary and piece != self._unknown for piece in pieces)

    def encode_target(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the target tokens of texts that are to be scored, without the end mark.

        Characters that the model cannot write are replaced as by :meth:`encode`: a curly quote
        would else count as an error of the text.
        """
        folded = [self._fold_target(text) for text in texts]
        return [[*self._template.target, *pieces] for pieces in self._target_pieces(folded)]

    def _knows_target(self, character: str) -> bool:
        (pieces,) = self._target_pieces([character])
        known = self._target_vocabulary
        return all(piece in known and piece != self._unknown for piece in pieces)

    def decode(self, outputs: Sequence[Sequence[str]]) -> list[str]:
        """Return the text of each output; ``<unk>`` is shown as ``⁇``, marks are left out."""
        prefix = list(self._template.target)
        texts = []
        for tokens in outputs:
            body = list(tokens)
            if prefix and body[: len(prefix)] == prefix:
                body = body[len(prefix) :]
            if not self._dropped.isdisjoint(body):
                body = [t for t in body if t not in self._dropped]
            texts.append(self._text(body))
        return texts

    @abstractmethod
    def _pieces(self, texts: list[str]) -> list[list[str]]: ...

    def _target_pieces(self, texts: list[str]) -> list[list[str]]:
        return self._pieces(texts)

    @abstractmethod
    def _text(self, tokens: list[str]) -> str: ...


class SentencePieceTokenizer(TranslationTokenizer):
    """Marian and M2M-100, and any family whose folder has only its SentencePiece model."""

    def __init__(
        self,
        template: Template,
        vocabulary: Collection[str],
        target_vocabulary: Collection[str],
        config: dict[str, Any],
        source_spm: Path,
        target_spm: Path,
    ) -> None:
        super().__init__(template, vocabulary, target_vocabulary, config)
        self._source = _load_sentencepiece(source_spm)
        self._target = _load_sentencepiece(target_spm)

    def _pieces(self, texts: list[str]) -> list[list[str]]:
        return _encoded(self._source, texts)

    def _target_pieces(self, texts: list[str]) -> list[list[str]]:
        return _encoded(self._target, texts)

    def _text(self, tokens: list[str]) -> str:
        text: str = self._target.decode_pieces(tokens)
        return text.replace("▁", " ").strip()  # a piece that only the other side knows keeps it


def _encoded(processor: sentencepiece.SentencePieceProcessor, texts: list[str]) -> list[list[str]]:
    if len(texts) == 1:  # for a list it starts threads, which takes as long as ten sentences
        return [processor.encode(texts[0], out_type=str)]
    pieces: list[list[str]] = processor.encode(texts, out_type=str)
    return pieces


class JsonTokenizer(TranslationTokenizer):
    """NLLB, mBART-50 and T5: the ``tokenizer.json`` that ``transformers`` uses itself."""

    def __init__(
        self,
        template: Template,
        vocabulary: Collection[str],
        target_vocabulary: Collection[str],
        config: dict[str, Any],
        path: Path,
    ) -> None:
        super().__init__(template, vocabulary, target_vocabulary, config)
        self._backend = _load_json(path)
        if self._backend.decoder is None:
            raise ModelError(f"{path}: has no decoder, so that no text can be made of its tokens")
        # A "</s>" or "pt_XX" written in a text is text. A language mark of ours must stay a mark.
        self._backend.encode_special_tokens = True
        mark = template.instruction.strip()
        if mark in vocabulary and mark not in self._pieces([mark])[0]:
            self._backend.encode_special_tokens = False

    def _pieces(self, texts: list[str]) -> list[list[str]]:
        encodings = self._backend.encode_batch(texts, add_special_tokens=False)
        return [encoding.tokens for encoding in encodings]

    def _text(self, tokens: list[str]) -> str:
        shown = [f"▁{UNKNOWN_MARK}▁" if t == self._unknown else t for t in tokens]
        text: str = self._backend.decoder.decode(_join_bytes(shown))
        return text.strip()


def _join_bytes(tokens: list[str]) -> list[str]:
    """Join runs of byte tokens (``<0xC3>``), which transformers 5 saves no decoder for."""
    joined: list[str] = []
    for is_byte, run in itertools.groupby(tokens, lambda t: _BYTE.fullmatch(t) is not None):
        if is_byte:
            joined.append(bytes(int(t[3:5], 16) for t in run).decode("utf-8", errors="replace"))
        else:
            joined.extend(run)
    return joined


def load_tokenizer(
    folder: Path, family: Family, source_tag: str, target_tag: str
) -> TranslationTokenizer:
    """Return the tokenizer of a CTranslate2 folder for one pair of languages.

    Raises:
        ModelError: the tokenizer's files are missing or damaged.
        LanguageError: the model does not know one of the languages.
    """
    config = read_json(folder / "config.json")
    vocabulary, targets = read_vocabulary(folder), _tokens(folder, _TARGET_NAMES)
    template = family.template(source_tag, target_tag, vocabulary)
    json_path = folder / TOKENIZER_JSON
    if json_path.is_file() and not family.uses_sentencepiece:
        return JsonTokenizer(template, vocabulary, targets, config, json_path)
    source_spm, target_spm = (folder / name for name in family.spm_files)
    for path in (source_spm, target_spm):
        if not path.is_file():
            wanted = path.name if family.uses_sentencepiece else f"{TOKENIZER_JSON} or {path.name}"
            raise ModelError(f"{folder}: the tokenizer file {wanted} is missing; copy it there")
    return SentencePieceTokenizer(template, vocabulary, targets, config, source_spm, target_spm)


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a model's JSON file.

    Raises:
        ModelError: the file is missing, unreadable, no file (a pipe would be waited for) or not a
            JSON object.
    """
    if path.exists() and not path.is_file():
        raise ModelError(f"{path}: is not a file; get or convert the model again")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); the model is damaged") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path}: is not a JSON object; the model is damaged")
    return content


def read_vocabulary(folder: Path) -> frozenset[str]:
    """Return the source tokens of a CTranslate2 folder.

    Raises:
        ModelError: there is no vocabulary file, or it cannot be read.
    """
    return frozenset(_tokens(folder, _VOCABULARY_NAMES))


def target_vocabulary_size(folder: Path) -> int:
    """Return how many tokens the decoder of a CTranslate2 folder chooses among.

    Raises:
        ModelError: there is no vocabulary file, or it cannot be read.
    """
    return len(_tokens(folder, _TARGET_NAMES))


def _tokens(folder: Path, names: Sequence[str]) -> list[str]:
    for name in names:
        for path in (folder / f"{name}.json", folder / f"{name}.txt"):
            if path.is_file():
                return _read_tokens(path)
    raise ModelError(f"{folder}: no vocabulary file (shared_vocabulary.json); it is damaged")


def _read_tokens(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
        tokens = json.loads(text) if path.suffix == ".json" else text.removesuffix("\n").split("\n")
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); the model is damaged") from error
    if not isinstance(tokens, list) or not set(map(type, tokens)) <= {str}:
        raise ModelError(f"{path}: is not a list of tokens; the model is damaged")
    return tokens


@cache
def _load_sentencepiece(path: Path) -> sentencepiece.SentencePieceProcessor:
    import sentencepiece

    try:
        return sentencepiece.SentencePieceProcessor(model_file=str(path))
    except (OSError, RuntimeError) as error:
        raise ModelError(f"{path}: is not a SentencePiece model ({error})") from error


def _load_json(path: Path) -> hf_tokenizers.Tokenizer:
    import tokenizers as hf_tokenizers

    try:
        backend = hf_tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises a bare Exception
        raise ModelError(f"{path}: is not a tokenizer ({error})") from error
    backend.no_truncation()
    backend.no_padding()
    return backend
