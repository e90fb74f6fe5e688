"""Names that the texts of a batch have in both versions, so that one of them alone is no name's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from bt_augment.filtering.ordinary_words import has_words, is_ordinary

_BOTH = 0.9  # of the texts that a name is made in, the share whose source has it too
_MIN_LETTERS = 4


def shown_names(
    texts: Iterable[tuple[Collection[str], Collection[str]]], others: int
) -> frozenset[str]:
    """Return the words that, new in one made text, are names that stand there for another.

    Such a word is in the source wherever else it is made, so that nothing but itself is ever
    translated to it. The text that it is new in counts once, and against it.

    Args:
        texts: of each different text the capitalised words made, and the words of its source.
        others: in how many other texts, at least, the word is made.
    """
    made: Counter[str] = Counter()
    both: Counter[str] = Counter()
    for words, known in texts:
        made.update(words)
        both.update(word for word in words if word in known)
    return frozenset(
        word
        for word, count in made.items()
        if len(word) >= _MIN_LETTERS and count - 1 >= others and both[word] >= _BOTH * (count - 1)
    )


def is_foreign(name: str, lang: str, shown: Collection[str]) -> bool:
    """Whether a new name is one that translation keeps, and so stands for another.

    Args:
        name: folded (:func:`bt_augment.filtering.capitals.fold`).
        lang: BCP-47 tag of the made text; without a list of words, ``shown`` alone tells.
        shown: from :func:`shown_names`.
    """
    language = lang.split("-")[0]
    return name in shown or (has_words(language) and not is_ordinary(name, language))
