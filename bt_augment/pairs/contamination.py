"""Overlap of text with benchmarks: questions as a whole, passages by n-grams.

Tokens of 13 words follow Brown et al. 2020 (GPT-3, appendix C). Text in a script without spaces
is cut into characters; its n-grams are as long as 13 words are in that script.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import regex

from bt_augment.errors import InputError
from bt_augment.names import refuse_impossible
from bt_augment.pairs.readers.base import InputSettings, Quarantined, Row
from bt_augment.pairs.readers.json_lines import JsonLinesReader
from bt_augment.pairs.readers.squad import SquadReader
from bt_augment.pairs.unspaced import HAN, THAI, UNSPACED_SCRIPTS

logger = logging.getLogger(__name__)

Hashes = npt.NDArray[np.uint64]

NGRAM_WORDS = 13
NGRAM_HAN = 20  # characters: a word of Chinese or Japanese has about 1.6
NGRAM_THAI = 50  # characters, marks included: a word of Thai, Lao, Khmer or Burmese has about 4

_NOT_TEXT = regex.compile(r"[\p{P}\p{S}\p{Z}\p{C}]+")
_NO_TEXT = regex.compile(rf"(?:{_NOT_TEXT.pattern})?")
_TOKEN = regex.compile(rf"(?V1)[{UNSPACED_SCRIPTS}]|[\S--[{UNSPACED_SCRIPTS}]]+")
_ONE_HAN = regex.compile(rf"[{HAN}]")
_ONE_THAI = regex.compile(rf"[{THAI}]")
# ASCII punctuation, symbols and control characters, as _NOT_TEXT has them.
_ASCII = {code: " " for code in range(128) if not chr(code).isalnum()}

# Odd multipliers of the multilinear hash of an n-gram; fixed, so that a hash is the same anywhere.
_MULTIPLIERS: Hashes = np.random.Generator(np.random.PCG64(13)).integers(
    0, 2**64 - 1, size=NGRAM_THAI, dtype=np.uint64
) | np.uint64(1)

_FIELDS = ("question", "passage")
_QUERY_TEXT = ("text", "query", "question")
_PASSAGE_TEXT = ("text", "passage", "documentation")


def normalize(text: str) -> str:
    """Return ``text`` in compatibility form, case folded, without punctuation and extra space."""
    if text.isascii():
        return " ".join(text.lower().translate(_ASCII).split())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(_NOT_TEXT.sub(" ", folded).split())


class BenchmarkPassage(NamedTuple):
    """A passage of a benchmark, which training text may hold with its title or without.

    Attributes:
        text: the passage without its title.
        title: empty where there is none.
    """

    text: str
    title: str = ""

    def hashes(self) -> Hashes:
        """Return the hashes of :func:`ngram_hashes` of the text, alone and after its title."""
        text = _tokenized(self.text)
        if not self.title:
            return _ngrams(text)
        title = _tokenized(self.title)
        whole = _tokens_of(f"{title.normal} {text.normal}".strip(), [*title.tokens, *text.tokens])
        if whole.length == text.length <= len(text.tokens):
            return _ngrams(whole)  # the text's own are the last of them
        return np.concatenate([_ngrams(whole), _ngrams(text)])


class BenchmarkText:
    """What the questions and passages of benchmarks say, as sorted 64-bit hashes.

    Args:
        questions: the benchmarks' questions.
        passages: the benchmarks' passages.
    """

    def __init__(self, questions: Iterable[str], passages: Iterable[BenchmarkPassage]) -> None:
        self._questions = _unique(_hash_of(normalize(text)) for text in questions)
        self._ngrams = _merged(passage.hashes() for passage in passages)

    @classmethod
    def from_folders(cls, folders: Mapping[str, Path]) -> BenchmarkText:
        """Return the text of benchmark folders.

        Read are, compressed or not: ``<lang>.json`` in the SQuAD layout (XQuAD-R, MLQA-R), and
        ``queries*.jsonl`` with ``corpus*.jsonl`` (BEIR, xtyle). A benchmark that has questions or
        passages alone is given as its one file.

        Args:
            folders: the folder, or one file, of each benchmark by its name.

        Raises:
            InputError: a folder holds no such file, or one kind of the two; a file holds no text,
                or cannot be read to its end: text that was not seen cannot be ruled out.
        """
        files = {f: name for name, path in folders.items() for f in benchmark_files(name, path)}
        seen: set[tuple[Path, str]] = set()

        def texts(field: str) -> Iterator[BenchmarkPassage]:
            for file in files:
                for found in _texts(file, field):
                    if (file, field) not in seen and not _NO_TEXT.fullmatch(found.text):
                        seen.add((file, field))
                    yield found

        known = cls((question.text for question in texts("question")), texts("passage"))
        for file, name in files.items():
            _check_seen(name, file, [field for field in _FIELDS if (file, field) in seen])
        return known

    def question_matches(self, text: str) -> bool:
        """Return whether a question is one of the benchmarks', normalized."""
        normalized = normalize(text)
        if not normalized:  # only punctuation: no question that could be told from another
            return False
        return bool(contained(self._questions, _unique([_hash_of(normalized)]))[0])

    def passage_overlap(self, text: str) -> float:
        """Return the share of a passage's n-grams that the benchmarks' passages hold, 0 to 1.

        A passage shorter than one n-gram has 1 if it is, normalized, a whole passage of the
        benchmarks, with its title or without, else 0.
        """
        ngrams = ngram_hashes(text)
        if not ngrams.size or not self._ngrams.size:
            return 0.0
        return float(contained(self._ngrams, ngrams).mean())


def benchmark_files(name: str, path: Path) -> list[Path]:
    """Return the files of a benchmark that are read, by name.

    Args:
        name: of the benchmark.
        path: its folder, or its one file.

    Raises:
        InputError: the folder holds no such file, or one kind of the two.
    """
    refuse_impossible(path, InputError)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"benchmark {name}: there is no folder {path}")
    files = sorted(file for file in path.iterdir() if file.is_file() and _kind(file))
    if not files:
        raise InputError(
            f"benchmark {name}: {path} holds neither <lang>.json in the SQuAD layout nor "
            "queries*.jsonl with corpus*.jsonl"
        )
    kinds = {_kind(file) for file in files}
    for kind, other in (("queries", "corpus"), ("corpus", "queries")):
        if kind in kinds and other not in kinds:
            raise InputError(
                f"benchmark {name}: {path} holds {kind}*.jsonl and no {other}*.jsonl, half a "
                "benchmark. Add the other half; if there is none, name the file instead of the "
                "folder"
            )
    return files


def contained(known: Hashes, wanted: Hashes) -> npt.NDArray[np.bool_]:
    """Tell which of the wanted hashes are among the known ones, which are sorted."""
    if not known.size:
        return np.zeros(wanted.size, dtype=np.bool_)
    at = np.searchsorted(known, wanted)
    found: npt.NDArray[np.bool_] = known[np.minimum(at, known.size - 1)] == wanted
    return found


def ngram_hashes(text: str) -> Hashes:
    """Return a 64-bit hash for each n-gram of a text; for a shorter text, one of the whole."""
    return _ngrams(_tokenized(text))


class _Tokens(NamedTuple):
    normal: str
    tokens: list[str]
    length: int  # of an n-gram in its script


def _tokenized(text: str) -> _Tokens:
    normal = normalize(text)
    return _tokens_of(normal, normal.split() if normal.isascii() else _TOKEN.findall(normal))


def _tokens_of(normal: str, tokens: list[str]) -> _Tokens:
    length = NGRAM_WORDS if normal.isascii() else _ngram_length(normal, len(tokens))
    return _Tokens(normal, tokens, length)


def _ngrams(text: _Tokens) -> Hashes:
    if not text.tokens:
        return np.empty(0, dtype=np.uint64)
    if len(text.tokens) < text.length:
        return np.array([_hash_of(text.normal)], dtype=np.uint64)
    hashes = np.array([_hash_of(token) for token in text.tokens], dtype=np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(hashes, text.length)
    sums: Hashes = (windows * _MULTIPLIERS[: text.length]).sum(axis=1, dtype=np.uint64)
    return sums  # modulo 2^64, which is what uint64 does


def _ngram_length(text: str, tokens: int) -> int:
    if 2 * len(_ONE_HAN.findall(text)) > tokens:
        return NGRAM_HAN
    return NGRAM_THAI if 2 * len(_ONE_THAI.findall(text)) > tokens else NGRAM_WORDS


@lru_cache(maxsize=1 << 16)
def _hash_of(text: str) -> int:
    encoded = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(encoded, digest_size=8).digest(), "little")


def _unique(hashes: Iterable[int]) -> Hashes:
    return np.unique(np.fromiter(hashes, dtype=np.uint64))


def _merged(parts: Iterable[Hashes], pending_limit: int = 1 << 22) -> Hashes:
    """Return the sorted distinct hashes of all parts, merging before repeats fill the memory."""
    merged = np.empty(0, dtype=np.uint64)
    pending: list[Hashes] = []
    count = 0
    for part in parts:
        pending.append(part)
        count += part.size
        if count > max(pending_limit, merged.size):
            merged = np.unique(np.concatenate([merged, *pending]))
            pending, count = [], 0
    return np.unique(np.concatenate([merged, *pending]))


def _check_seen(name: str, file: Path, seen: Sequence[str]) -> None:
    """Refuse a file from which nothing could be kept out.

    Args:
        name: of the benchmark.
        file: one of it.
        seen: what it gave, of questions and passages.
    """
    lacking = {"queries": "no question", "corpus": "no passage"}
    if not seen:
        lack = lacking.get(_kind(file) or "squad", "no question and no passage")
        raise InputError(
            f"benchmark {name}: {file} holds {lack}, so it would keep nothing out; is it whole?"
        )
    if _kind(file) not in lacking and len(seen) == 1:
        logger.warning(
            "benchmark %s: %s holds %ss only; nothing else is kept out", name, file, seen[0]
        )


def _kind(file: Path) -> str | None:
    base: str = regex.sub(r"\.(gz|zst|bz2|xz)$", "", file.name)
    for kind in ("queries", "corpus"):
        if base.startswith(kind) and base.endswith(".jsonl"):
            return kind
    return "squad" if base.endswith(".json") else None


def _texts(file: Path, field: str) -> Iterator[BenchmarkPassage]:
    """Yield the questions or the passages of one file; a title is a passage's alone."""
    kind = _kind(file) or "squad"
    if kind == "squad":
        last: Any = None
        for row in _checked_rows(SquadReader(str(file), InputSettings())):
            column = "question" if field == "question" else "context"
            text = row.values.get(column)
            if column == "context" and text is None:
                continue  # a flat file may have questions alone
            if not isinstance(text, str):
                raise InputError(f"{row.place}: {column} is not text")
            if field == "question" or text != last:
                last = text
                yield BenchmarkPassage(text)
    elif (kind == "corpus") == (field == "passage"):
        names = _PASSAGE_TEXT if field == "passage" else _QUERY_TEXT
        for row in _checked_rows(JsonLinesReader(str(file), InputSettings())):
            found = next((row.values[name] for name in names if name in row.values), None)
            if not isinstance(found, str):
                raise InputError(f"{row.place}: none of the fields {', '.join(names)} is text")
            title = row.values.get("title")
            yield BenchmarkPassage(found, title if isinstance(title, str) else "")


def _checked_rows(reader: SquadReader | JsonLinesReader) -> Iterator[Row]:
    for item in reader.read():
        if isinstance(item, Quarantined):
            raise InputError(f"benchmark file {item.place}: {item.message}")
        yield item
