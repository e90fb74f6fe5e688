"""Sketches of rows: a key for exact duplicates and MinHash signatures for near ones.

MinHash (Broder 1997) by rensa's R-MinHash: the share of equal slots of two signatures estimates
the Jaccard similarity of the two sets of shingles, with the standard error of at most
``sqrt(J (1 - J) / 128)``. A sketch is the same on any machine and in any process.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bt_augment.filtering.columns import distinct, in_parts
from bt_augment.filtering.scripts import expected_scripts
from bt_augment.languages import without_region

SIGNATURE_SIZE = 128  # slots: standard error 0.027 at a similarity of 0.9
SHINGLE_LENGTH = 5  # characters, about a word
COMPACT_SHINGLE_LENGTH = 2  # characters of Chinese, Japanese and Korean, about a word

_SEED = 20_241_122
_COMPACT_SCRIPTS = {"Hani", "Hira", "Kana", "Hang"}

Signatures = npt.NDArray[np.uint16]  # shape (texts, SIGNATURE_SIZE)
Keys = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sketches:
    """Sketches of the rows of a batch.

    Attributes:
        keys: shape (rows,): hash of language pair, question and passage, normalized.
        language_pairs: shape (rows,): hash of the languages of question and passage.
        questions: signatures of the questions, shape (rows, 128).
        passage_index: shape (rows,): index into the two below.
        passage_keys: shape (distinct passages,): hash of language and passage, normalized.
        passages: signatures of the distinct passages, shape (distinct passages, 128).
    """

    keys: Keys
    language_pairs: Keys
    questions: Signatures
    passage_index: npt.NDArray[np.intp]
    passage_keys: Keys
    passages: Signatures

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.keys)


def sketch(rows: pa.RecordBatch) -> Sketches:
    """Return the sketches of ``rows``, native or made.

    Texts are compared after NFKC, case folding and folding of white space, those of a language
    whatever its region.
    """
    columns = ("question", "question_lang", "passage", "passage_lang")
    questions, question_langs, passages, passage_langs = (
        rows.column(name).to_pylist() for name in columns
    )
    question_langs = list(map(without_region, question_langs))
    passage_langs = list(map(without_region, passage_langs))
    tagged_passages, passage_index = distinct(list(zip(passage_langs, passages, strict=True)))
    normal_passages = [normalize(text) for _, text in tagged_passages]
    passage_keys = [
        hash_text(tag, text)
        for (tag, _), text in zip(tagged_passages, normal_passages, strict=True)
    ]
    normal_questions = [normalize(text) for text in questions]
    keys = [
        hash_text(tag, text, str(passage_keys[index]))
        for tag, text, index in zip(question_langs, normal_questions, passage_index, strict=True)
    ]
    pairs, pair_index = distinct(list(zip(question_langs, passage_langs, strict=True)))
    return Sketches(
        keys=np.array(keys, dtype=np.int64),
        language_pairs=np.array([hash_text(*pair) for pair in pairs], dtype=np.int64)[pair_index],
        questions=signatures(normal_questions, question_langs),
        passage_index=passage_index,
        passage_keys=np.array(passage_keys, dtype=np.int64),
        passages=signatures(normal_passages, [tag for tag, _ in tagged_passages]),
    )


def normalize(text: str) -> str:
    """Return ``text`` in NFKC, case-folded, with runs of white space as one space."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def signatures(texts: Sequence[str], tags: Sequence[str]) -> Signatures:
    """Return MinHash signatures of the character shingles of normalized ``texts``.

    Args:
        texts: normalized texts; one shorter than a shingle is one shingle.
        tags: BCP-47 tag of each text, which sets the length of a shingle.
    """
    from rensa import RMinHash

    result = np.zeros((len(texts), SIGNATURE_SIZE), dtype=np.uint16)
    lengths = np.array([_shingle_length(tag) for tag in tags])
    for length in np.unique(lengths):
        chosen = np.flatnonzero(lengths == length)
        alike = [texts[i] for i in chosen.tolist()]
        for part in in_parts(alike):
            hashes, offsets = _shingle_hashes(alike[part], int(length))
            matrix = RMinHash.digest_matrix_from_flat_token_hashes(
                hashes, offsets, SIGNATURE_SIZE, _SEED
            )
            digests = np.array(matrix.to_rows(), dtype=np.uint32)
            # 16 bits a slot: half the disk, and two unlike slots are equal once in 65,536.
            result[chosen[part]] = (digests ^ (digests >> np.uint32(16))).astype(np.uint16)
    return result


def shingles(text: str, tag: str) -> set[str]:
    """Return the character shingles of a normalized ``text``: what a signature stands for."""
    length = _shingle_length(tag)
    padded = text.ljust(length, "\0")
    return {padded[i : i + length] for i in range(len(padded) - length + 1)}


def _shingle_length(tag: str) -> int:
    scripts = expected_scripts(tag) or frozenset()
    return SHINGLE_LENGTH if scripts.isdisjoint(_COMPACT_SCRIPTS) else COMPACT_SHINGLE_LENGTH


def _shingle_hashes(
    texts: Sequence[str], length: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Return the hashes of all shingles, text after text, and where each text's begin."""
    padded = [text.ljust(length, "\0") for text in texts]
    sizes = np.array([len(text) for text in padded])
    encoded = "".join(padded).encode("utf-32-le", "surrogatepass")
    points = np.frombuffer(encoded, dtype=np.uint32).astype(np.uint64)
    hashes = np.zeros(len(points) - length + 1, dtype=np.uint64)
    for i in range(length):
        hashes = mix(hashes ^ points[i : len(points) - length + 1 + i])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    counts = sizes - length + 1
    offsets = np.concatenate([[0], np.cumsum(counts)])
    inside = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], counts)
    return hashes[inside], offsets.astype(np.uint64)


def mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return SplitMix64 of ``values`` (Steele, Lea and Flood 2014): a hash of 64-bit integers."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def hash_text(*parts: str) -> int:
    """Return a signed 64-bit hash of ``parts``, the same on every machine."""
    digest = blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)
