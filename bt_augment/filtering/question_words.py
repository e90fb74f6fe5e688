"""Words that the question of a round trip lost."""

from __future__ import annotations

from collections.abc import Set

from rapidfuzz import fuzz, process

from bt_augment.filtering.capitals import words_of
from bt_augment.translation.segmentation import UNSPACED

_MIN_LETTERS = 4  # shorter words are mostly grammar
_MIN_LIKE = 3  # letters of a word that may be a form of one of four: life, live, lit
_LIKENESS = 80.0  # of an inflected or otherwise spelled form
# Grammar of four letters and more, folded: a question keeps its sense without them.
_GRAMMAR = frozenset(
    (
        *("does", "were", "have", "been", "will", "would", "could", "should", "that", "this"),
        *("these", "those", "they", "them", "their", "there", "with", "from", "into", "onto"),
        *("than", "then", "what", "which", "when", "where", "whom", "whose"),
        *("para", "como", "pela", "pelo", "pelas", "pelos", "numa", "esta", "este", "estao"),
        *("foram", "eram", "seria", "seus", "suas", "essa", "esse", "isso", "isto", "dela"),
        *("dele", "qual", "quais", "quando", "onde", "quem", "entre", "sobre"),
    )
)


def question_words_lost(before: str, after: str, lang: str) -> float:
    """Return how many words of a question a round trip lost, and put no others in their place.

    Where as many new words came as were lost, the question was reworded, and the answer is 0.

    Args:
        before: the question that went on the round trip.
        after: what came back.
        lang: BCP-47 tag of both.

    Returns:
        A number of words; NaN for languages that are written without spaces.
    """
    if lang.split("-")[0] in UNSPACED:
        return float("nan")
    old, new = words_of(before), words_of(after)
    lost, added = _without_like(old, new), _without_like(new, old)
    return float(lost) if lost > added else 0.0


def _without_like(words: Set[str], others: Set[str]) -> int:
    """Return how many longer words none of the others is a form of."""
    known = [word for word in others if len(word) >= _MIN_LIKE]
    return sum(
        process.extractOne(word, known, scorer=fuzz.ratio, score_cutoff=_LIKENESS) is None
        for word in words - others
        if len(word) >= _MIN_LETTERS and word not in _GRAMMAR
    )
