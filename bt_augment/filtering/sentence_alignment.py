"""Which sentences of a text have no counterpart in its translation, judged by lengths alone.

The dynamic programme is that of Gale and Church (1993), "A Program for Aligning Sentences in
Bilingual Corpora", with beads of up to three sentences to one. Their priors are for books, where
translators merge sentences more often than they drop them; ours are for machine translation
sentence by sentence, where it is the other way round, and where a sentence is split in two more
often than one is added (tuned in benchmarks/filters.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

# Characters per English character: medians over the human translations of XQuAD-R, and over
# data/parallel for Portuguese; of ja and ko an estimate. A language not listed counts as 1.
RELATIVE_LENGTH = {
    "ar": 0.87, "de": 1.13, "el": 1.14, "en": 1.0, "es": 1.12, "hi": 0.99, "ja": 0.45, "ko": 0.5,
    "pt": 1.05, "ru": 1.07, "th": 0.94, "tr": 1.0, "vi": 1.02, "zh": 0.285,
}  # fmt: skip

_ESTIMATED = frozenset({"ja", "ko"})
_DENSE = frozenset({"ja", "ko", "zh"})

_VARIANCE = 6.8  # of the length difference per character (Gale and Church, section 3)
_CUT = 0.4  # a sentence that keeps less than this share of its length counts as dropped
_SHORTENED = -2.0  # standard deviations; a sentence shorter than that has lost one of its parts
_SMALL = 25.0  # characters; shorter differences are never a cut
_MANY = 3  # sentences; a text of as many that shrinks below _SHRUNK of the expected length has
_SHRUNK = 0.82  # lost one, though another was split in two: 2 in 100 human texts keep less
_EVEN = 0.8  # of that shrinking; where no sentence shrinks to less, the language is terse instead
_MAX_CELLS = 40_000  # about 200 by 200 sentences; longer texts are compared by counts

# (sentences of the source, sentences made): cost, -log of the odds against one to one
_BEADS = {
    (1, 1): 0.0,
    (1, 0): 3.0,
    (0, 1): 3.7,
    (2, 1): 3.5,
    (1, 2): 2.5,
    (2, 2): 4.5,
    (3, 1): 5.3,
    (1, 3): 5.3,
}


def expected_length(text: str, lang: str) -> float:
    """Return the characters that an English text of the same content would have, about.

    Args:
        text: of a language with BCP-47 tag ``lang``.
        lang: in Chinese, Japanese and Korean, Latin letters and digits count as English ones.
    """
    base = lang.split("-")[0]
    relative = RELATIVE_LENGTH.get(base, 1.0)
    if base not in _DENSE:
        return len(text) / relative
    dense = sum(map(_is_dense, text))
    return (len(text) - dense) + dense / relative


def is_measured(lang: str) -> bool:
    """Tell whether the length of texts of a language, by its BCP-47 tag, was measured."""
    return lang.split("-")[0] in RELATIVE_LENGTH.keys() - _ESTIMATED


def _is_dense(char: str) -> bool:
    return char >= "\u2e80"


def unmatched_sentences(
    source: Sequence[float], made: Sequence[float], *, measured: bool = True
) -> int:
    """Return how many sentences were dropped, added, shortened or cut to a stump.

    Args:
        source: lengths of the source's sentences, by :func:`expected_length`.
        made: the same of the made text.
        measured: whether both languages' lengths are known (:func:`is_measured`). Where not, a
            sentence is shortened only beside the rest of its text.
    """
    share = sum(made) / max(sum(source), 1.0)
    usual = 1.0 if measured else min(share, 1.0)
    if len(source) == len(made):
        pairs = list(zip(source, made, strict=True))
        if all(_plausible(before, after, usual) for before, after in pairs):
            return int(len(source) >= _MANY and _shrunk(pairs, share))
    beads = align(source, made)
    if beads is None:
        return abs(len(source) - len(made))
    unmatched = 0
    pairs = []
    row = column = 0
    for rows, columns in beads:
        before, after = sum(source[row : row + rows]), sum(made[column : column + columns])
        if 0 in (rows, columns):
            unmatched += rows + columns
        else:
            unmatched += not _plausible(before, after, usual)
            pairs.append((before, after))
        row, column = row + rows, column + columns
    return unmatched or int(len(source) >= _MANY and _shrunk(pairs, share))


def _shrunk(pairs: Sequence[tuple[float, float]], share: float) -> bool:
    uneven = any(after < _EVEN * share * before for before, after in pairs)
    return share < _SHRUNK and uneven


def _plausible(expected: float, made: float, usual: float) -> bool:
    low, high = sorted((expected, made))
    if high - low <= _SMALL:
        return True
    return low >= _CUT * high and _deviation(usual * expected, made) >= _SHORTENED


def _deviation(expected: float, made: float) -> float:
    """Return how much longer a text is than expected, in standard deviations."""
    return (made - expected) / math.sqrt((expected + made) / 2 * _VARIANCE)


def _mismatch(expected: float, made: float) -> float:
    """Return -log of the probability of so large a difference between two lengths."""
    if not expected or not made:
        return 0.0  # beyond its prior: a missing text says nothing about lengths
    deviation = abs(_deviation(expected, made))
    return -math.log(max(math.erfc(deviation / math.sqrt(2)), 1e-300))


def align(source: Sequence[float], made: Sequence[float]) -> list[tuple[int, int]] | None:
    """Return the cheapest beads, in order: how many sentences each takes on either side.

    ``None`` for texts of too many sentences.
    """
    if len(source) * len(made) > _MAX_CELLS:
        return None
    source_sum = [0.0, *accumulate(source)]
    made_sum = [0.0, *accumulate(made)]
    best: dict[tuple[int, int], tuple[float, tuple[int, int]]] = {(0, 0): (0.0, (0, 0))}
    for i in range(len(source) + 1):
        for j in range(len(made) + 1):
            options = [
                (
                    best[i - di, j - dj][0]
                    + prior
                    + _mismatch(source_sum[i] - source_sum[i - di], made_sum[j] - made_sum[j - dj]),
                    (di, dj),
                )
                for (di, dj), prior in _BEADS.items()
                if di <= i and dj <= j
            ]
            if options:
                best[i, j] = min(options)
    beads = []
    i, j = len(source), len(made)
    while i or j:
        beads.append(best[i, j][1])
        i, j = i - beads[-1][0], j - beads[-1][1]
    return beads[::-1]
