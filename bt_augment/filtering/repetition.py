"""Repetition that a translation model falls into: a word, a phrase or letters in a loop."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count

import numpy as np
import numpy.typing as npt
import regex

from bt_augment.filtering.scripts import HAN_WEIGHT, PLAIN_LETTERS, is_plain_latin
from bt_augment.filtering.sketches import mix
from bt_augment.pairs.unspaced import UNSPACED_SCRIPTS

MAX_PERIOD = 40  # tokens; longer loops are whole sentences, which the n-gram share shows
MAX_LETTER_PERIOD = 4  # "hahahaha" has 2; longer ones are words or syllables of words
MIN_LETTER_COPIES = 4  # real words double and triple letters ("Zzz", "www", "XXX")
NGRAM = 4  # words; shorter ones repeat in good prose
MIN_NGRAMS = 8  # a share of fewer says nothing

# Weights are whole twelfths of a word: sums of floats would depend on the texts before.
_WORD_WEIGHT = 12
_LETTER_WEIGHT = 2  # of a script without spaces; a word has six, with the space
_HAN_CHARACTER_WEIGHT = int(HAN_WEIGHT * _LETTER_WEIGHT)
_PUNCTUATION_WEIGHT = 6  # it repeats in good text ("...")
# Of scripts written without spaces each base character with its marks is a token.
_TOKEN = regex.compile(
    rf"[{UNSPACED_SCRIPTS}]\p{{M}}*|\p{{N}}+(?:[.,:\u066b\u066c]\p{{N}}+)*"
    rf"|[[\p{{L}}\p{{M}}\p{{N}}_]--[{UNSPACED_SCRIPTS}]]+|\S",
    regex.V1,
)
_PLAIN_TOKEN = re.compile(  # of plain Latin text
    rf"[0-9²³¹¼½¾]+(?:[.,:][0-9²³¹¼½¾]+)*|[0-9_{PLAIN_LETTERS}]+|\S"
)
_HAN = regex.compile(r"\p{Script=Hani}")
_UNSPACED_START = regex.compile(f"[{UNSPACED_SCRIPTS}]")
_WORD_START = regex.compile(r"[\p{L}\p{M}\p{N}_]")
_LETTER = regex.compile(r"[\p{L}--\p{Lm}]", regex.V1)  # a modifier letter may rule a line ("ـــ")

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

_BASE = np.uint64(0xD1342543DE82EF95)  # odd, so invertible modulo 2**64
_INVERSE_BASE = np.uint64(pow(int(_BASE), -1, 2**64))


@dataclass(frozen=True)
class TokenizedTexts:
    """Texts as one array of tokens.

    Attributes:
        folded: the texts, case-folded.
        ids: token ids of all texts, one after the other; equal tokens have equal ids.
        owner: for each token, the index of its text.
        cumulative: weight, in twelfths of a word, of all tokens before each token, and of all.
        spoken: number of all tokens before each token that are not punctuation, and of all.
    """

    folded: list[str]
    ids: Integers
    owner: Integers
    cumulative: Integers
    spoken: Integers

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.folded)


def tokenize(texts: Sequence[str]) -> TokenizedTexts:
    """Return ``texts`` cut into words, numbers and punctuation marks.

    In scripts without spaces each character is a token and weighs a part of a word.
    """
    folded = [text.casefold() for text in texts]
    vocabulary: defaultdict[str, int] = defaultdict(count().__next__)
    ids: list[int] = []
    counts: list[int] = []
    for text in folded:
        tokens = (_PLAIN_TOKEN if is_plain_latin(text) else _TOKEN).findall(text)
        counts.append(len(tokens))
        ids += map(vocabulary.__getitem__, tokens)
    numbers = np.array(ids, dtype=np.int64)
    weights = np.array(list(map(_weight, vocabulary)), dtype=np.int64)[numbers]
    owner = np.repeat(np.arange(len(folded)), counts)
    return TokenizedTexts(
        folded,
        numbers,
        owner,
        cumulative=np.concatenate([[0], np.cumsum(weights)]),
        spoken=np.concatenate([[0], np.cumsum(weights != _PUNCTUATION_WEIGHT)]),
    )


def loop_masses(texts: TokenizedTexts) -> Floats:
    """Return, for each text, the words taken up by its longest immediate repetition.

    The first occurrence is not counted: ``the the`` has 1, a word five times in a row 4, a phrase
    of three words said twice 3. Letters in a loop inside a word (``hahahahaha``) count as half a
    word each. A character of a script without spaces counts for its share of a word, but each
    further copy of anything that is not punctuation for one word at least.
    """
    return np.maximum(_token_loops(texts), _letter_loops(texts))


def repeated_ngram_shares(texts: TokenizedTexts) -> Floats:
    """Return, for each text, the share of its 4-grams of words that occurred in it before.

    In a script without spaces a 4-gram is as many characters as four words have. 0 for texts
    with fewer than eight 4-grams.
    """
    ids, owner, cumulative = texts.ids, texts.owner, texts.cumulative
    shares = np.zeros(len(texts))
    if not len(ids):
        return shares
    starts = np.arange(len(ids))
    ends = np.searchsorted(cumulative, cumulative[:-1] + NGRAM * _WORD_WEIGHT)
    inside = ends <= len(ids)
    starts, ends = starts[inside], ends[inside]
    inside = owner[starts] == owner[ends - 1]
    starts, ends = starts[inside], ends[inside]
    owners = owner[starts]
    # One sort of (text, window) hashes: a collision of 64 bits would cost one count.
    _, first = np.unique(
        _window_hashes(ids, starts, ends) ^ mix(owners.astype(np.uint64)), return_index=True
    )
    totals = np.bincount(owners, minlength=len(texts))
    kinds = np.bincount(owners[first], minlength=len(texts))
    enough = totals >= MIN_NGRAMS
    shares[enough] = 1.0 - kinds[enough] / totals[enough]
    return shares


def _window_hashes(ids: Integers, starts: Integers, ends: Integers) -> Hashes:
    """Return polynomial hashes modulo 2**64 of ``ids[start:end]``, by prefix sums."""
    powers = np.cumprod(np.full(len(ids), _BASE))
    inverse_powers = np.cumprod(np.full(len(ids), _INVERSE_BASE))
    prefix = np.concatenate(
        [np.zeros(1, dtype=np.uint64), np.cumsum(mix(ids.astype(np.uint64)) * powers)]
    )
    hashes: Hashes = (prefix[ends] - prefix[starts]) * inverse_powers[starts]
    return hashes


def _token_loops(texts: TokenizedTexts) -> Floats:
    best = np.zeros(len(texts))
    for period in range(1, MAX_PERIOD + 1):
        starts, lengths = _runs(texts.ids, texts.owner, period, min_length=period)
        first = starts + period
        mass = (texts.cumulative[first + lengths] - texts.cumulative[first]) / _WORD_WEIGHT
        spoken = texts.spoken[first + lengths] > texts.spoken[first]
        copies = np.where(spoken, lengths // period, 0)
        np.maximum.at(best, texts.owner[starts], np.maximum(mass, copies))
    return best


def _letter_loops(texts: TokenizedTexts) -> Floats:
    joined = "".join(texts.folded)
    points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    codes = points.astype(np.int64)
    owner = np.repeat(np.arange(len(texts)), [len(text) for text in texts.folded])
    letters = np.array([ord(char) for char in set(joined) if _LETTER.match(char)], dtype=np.int64)
    is_letter = np.zeros(0x110000, dtype=bool)
    is_letter[letters] = True
    other = ~is_letter[codes]
    codes[other] = -1 - np.flatnonzero(other)  # unlike anything: digits and rules may repeat
    best = np.zeros(len(texts))
    for period in range(1, MAX_LETTER_PERIOD + 1):
        starts, lengths = _runs(codes, owner, period, (MIN_LETTER_COPIES - 1) * period)
        np.maximum.at(best, owner[starts], lengths / 2.0)
    return best


def _runs(
    ids: Integers, owner: Integers, period: int, min_length: int
) -> tuple[Integers, Integers]:
    """Return starts and lengths of the runs in which ``ids[i] == ids[i + period]`` in one text."""
    if len(ids) <= period:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    same = (ids[period:] == ids[:-period]) & (owner[period:] == owner[:-period])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]])))
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    long = lengths >= min_length
    return starts[long], lengths[long]


@lru_cache(maxsize=8192)
def _weight(token: str) -> int:
    if token[0].isascii():
        return _WORD_WEIGHT if token[0].isalnum() or token[0] == "_" else _PUNCTUATION_WEIGHT
    if _HAN.match(token):
        return _HAN_CHARACTER_WEIGHT
    if _UNSPACED_START.match(token):
        return _LETTER_WEIGHT
    return _WORD_WEIGHT if _WORD_START.match(token) else _PUNCTUATION_WEIGHT
