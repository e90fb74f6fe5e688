"""Copy-through: sentences of a translation that were never translated."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import regex

from bt_augment.filtering.scripts import PLAIN_LETTERS, is_plain_latin
from bt_augment.pairs.unspaced import UNSPACED_SCRIPTS
from bt_augment.translation.remembering import remembered
from bt_augment.translation.segmentation import split_sentences

_RUN = 4  # words in a row; names and phrases shared by two languages are mostly shorter
_ALL_KNOWN = bytes([True] * _RUN)
_REMEMBERED = 100_000  # characters; the words of more would keep megabytes
_MIN_WORDS = 3  # ordinary words a sentence must have to be judged

_WORD = regex.compile(
    rf"(?V1)[{UNSPACED_SCRIPTS}]\p{{M}}*|[[\p{{L}}\p{{M}}\p{{N}}]--[{UNSPACED_SCRIPTS}]]+"
)
_PLAIN_WORD = re.compile(f"[0-9{PLAIN_LETTERS}]+")  # of plain Latin text


def _words(text: str) -> list[str]:
    return (_PLAIN_WORD if is_plain_latin(text) else _WORD).findall(text)


def copied_share(before: str, after: str, lang: str) -> float:
    """Return the highest share, over sentences of ``after``, of words copied from ``before``.

    Copied are words in a run of four that ``before`` has too. Only ordinary words count: names
    (capitals) and numbers are rightly the same in two languages.

    Args:
        before: the text that was translated.
        after: its translation.
        lang: BCP-47 tag of ``after``.
    """
    words = frozenset(_folded_words(before))
    if _ALL_KNOWN not in bytes(map(words.__contains__, _folded_words(after))):
        return 0.0  # most: no four words in a row that ``before`` has anywhere
    known = frozenset(_each_run(_folded_words(before)))
    return max((_share(sentence, known) for sentence in split_sentences(after, lang)), default=0.0)


def _share(sentence: str, known: frozenset[tuple[str, ...]]) -> float:
    words = _words(sentence)
    folded = [word.casefold() for word in words]
    copied = [False] * len(words)
    for start in range(len(words) - _RUN + 1):
        if tuple(folded[start : start + _RUN]) in known:
            copied[start : start + _RUN] = [True] * _RUN
    ordinary = [
        done
        for index, (word, done) in enumerate(zip(words, copied, strict=True))
        if not word.isnumeric() and (index == 0 or not word[0].isupper())
    ]
    return sum(ordinary) / len(ordinary) if len(ordinary) >= _MIN_WORDS else 0.0


def _folded_words(text: str) -> list[str]:
    return _folded_again(text) if len(text) <= _REMEMBERED else _words(text.casefold())


@remembered(texts=256)
def _folded_again(text: str) -> list[str]:
    return _words(text.casefold())


def _each_run(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return zip(*(words[offset:] for offset in range(_RUN)), strict=False)
