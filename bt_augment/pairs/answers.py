"""Finding answers in passages: where they were, and where a paraphrase has taken them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final
from unicodedata import category, normalize

import regex
from rapidfuzz import fuzz

from bt_augment.pairs.schema import NOT_LOCATED
from bt_augment.pairs.unspaced import UNSPACED_SCRIPTS

NOT_FOUND: Final = ("", NOT_LOCATED, 0.0)
MIN_SIMILARITY = 0.75  # below, what is found is mostly another phrase that shares a word
_MIN_FUZZY_LENGTH = 4  # a shorter answer is one edit away from unrelated words
_RUN_ENDS = 5  # beginnings and ends tried around a near match

# Words where all is Latin or common punctuation, which ``re`` finds several times as fast.
_PLAIN_WORDS = re.compile(r"[^\W_]+(?:['’.,\-][^\W_]+)*")
_BEYOND_PLAIN = re.compile("[^\x00-\u024f\u2000-\u206f]")


def locate(text: str, passage: str, hint: int | None) -> int:
    """Return where ``text`` is in ``passage``, in code points.

    It is at ``hint`` if the text is there, else at its only occurrence, else ``NOT_LOCATED``.
    """
    if not text:
        return NOT_LOCATED
    if hint is not None and hint >= 0 and passage.startswith(text, hint):
        return hint
    first = passage.find(text)
    if first < 0 or passage.find(text, first + 1) >= 0:
        return NOT_LOCATED
    return first


def relocate(
    answer: str,
    passage: str,
    window: tuple[int, int] | None = None,
    min_similarity: float = MIN_SIMILARITY,
) -> tuple[str, int, float]:
    """Find an answer in a paraphrased passage.

    Tried in turn: the same words; the same words in other capitals; the most similar run of
    whole words. A similar run must have the same digits.

    Args:
        answer: the answer as the original passage has it.
        passage: the new passage.
        window: the part of the passage to look in, as code points ``(start, end)``.
        min_similarity: smallest similarity of a run of words that counts as the answer.

    Returns:
        The text found (a slice of ``passage``), its start, and its similarity to the answer from
        0 to 1: normalized insertion-deletion similarity (``rapidfuzz.fuzz.ratio``), capitals
        aside. ``("", -1, 0.0)`` where there is none.
    """
    answer = answer.strip()
    if answer not in passage:
        answer = normalize("NFC", answer)  # as models write it
    low, high = (0, len(passage)) if window is None else window
    low, high = max(low, 0), min(high, len(passage))
    if not answer or high <= low:
        return NOT_FOUND
    start = _whole_words(answer, passage, low, high)
    if start < 0:
        folded, folded_answer = passage.lower(), answer.lower()
        if len(folded) != len(passage):  # a capital that is two letters in lower case
            folded, folded_answer = passage, answer
        start = _whole_words(folded_answer, folded, low, high)
        if start < 0:
            return _most_similar(folded_answer, passage, folded, low, high, min_similarity)
        answer = folded_answer  # İ is two letters in lower case
    return passage[start : start + len(answer)], start, 1.0


def _whole_words(text: str, passage: str, low: int, high: int) -> int:
    start = passage.find(text, low, high)
    while start >= 0:
        if _is_edge(passage, start) and _is_edge(passage, start + len(text)):
            return start
        start = passage.find(text, start + 1, high)
    return -1


def _is_edge(text: str, index: int) -> bool:
    """Return whether a word or number can begin or end between two characters of ``text``."""
    if index <= 0 or index >= len(text):
        return True
    before, after = text[index - 1], text[index]
    if before.isdigit() and after in ".,":
        return not text[index + 1 : index + 2].isdigit()  # the 1 of 1,500 is no number
    if before in ".," and after.isdigit():
        return not text[max(index - 2, 0) : index - 1].isdigit()
    if before.isdigit() or after.isdigit():
        return not (before.isdigit() and after.isdigit())
    if _is_mark(after):
        return False
    if not after.isalpha() or not (before.isalpha() or _is_mark(before)):
        return True
    return bool(_unspaced().match(before) or _unspaced().match(after))


def _is_mark(character: str) -> bool:
    """Return whether a character belongs to the letter before it, as the vowels of Hindi do."""
    return not character.isascii() and category(character).startswith("M")


def _most_similar(
    answer: str, passage: str, folded: str, low: int, high: int, min_similarity: float
) -> tuple[str, int, float]:
    if len(answer) < _MIN_FUZZY_LENGTH:
        return NOT_FOUND
    # Snapping to whole words can only raise a cut-off word's similarity, hence the looser floor.
    near = fuzz.partial_ratio_alignment(
        answer, folded[low:high], score_cutoff=100 * max(min_similarity - 0.25, 0.0)
    )
    if near is None:
        return NOT_FOUND
    digits = _digits(answer)
    best = NOT_FOUND
    for start, end in _word_runs(passage, low + near.dest_start, low + near.dest_end, low, high):
        similarity = fuzz.ratio(answer, folded[start:end]) / 100
        # Strictly better only: of equal runs the first, so that the outcome is defined.
        if similarity > best[2] and _digits(passage[start:end]) == digits:
            best = (passage[start:end], start, similarity)
    return best if best[2] >= min_similarity else NOT_FOUND


def _word_runs(
    passage: str, start: int, end: int, low: int, high: int
) -> Iterator[tuple[int, int]]:
    """Yield runs of whole words whose ends are the nearest to ``start`` and ``end``."""
    margin = 80  # characters on each side: two long words
    left, right = max(low, start - margin), min(high, end + margin)
    pattern = _words() if _BEYOND_PLAIN.search(passage, left, right) else _PLAIN_WORDS
    words = [m.span() for m in pattern.finditer(passage, left, right)]
    # A word that the margin or the window cuts is not whole; only the outer two can be.
    if words and not _is_edge(passage, words[-1][1]):
        words.pop()
    if words and not _is_edge(passage, words[0][0]):
        words.pop(0)
    starts = sorted((a for a, _ in words), key=lambda a: abs(a - start))[:_RUN_ENDS]
    ends = sorted((b for _, b in words), key=lambda b: abs(b - end))[:_RUN_ENDS]
    return ((a, b) for a in sorted(starts) for b in sorted(ends) if a < b)


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


@lru_cache(maxsize=1)
def _words() -> regex.Pattern[str]:
    # Of scripts without spaces each character with its marks is a word of its own.
    letters = rf"[[\p{{L}}\p{{M}}\p{{N}}]--[{UNSPACED_SCRIPTS}]]"
    return regex.compile(rf"(?V1)[{UNSPACED_SCRIPTS}]\p{{M}}*|{letters}+(?:['’.,\-]{letters}+)*")


@lru_cache(maxsize=1)
def _unspaced() -> regex.Pattern[str]:
    return regex.compile(rf"[{UNSPACED_SCRIPTS}]")
