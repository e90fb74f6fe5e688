"""Bilingual lexicons induced from parallel sentences by a statistical word aligner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Le

from bt_augment.errors import LexiconError, MissingDependencyError
from bt_augment.translation.lexicon import WORD, key_of
from bt_augment.values import check_fields

if TYPE_CHECKING:
    from thot.alignment import AlignmentModel

_IBM1_ITERATIONS = 5  # start the HMM from word probabilities, as GIZA++ does
_HMM_ITERATIONS = 5
_MAX_WORDS = 100  # of a sentence; longer ones are lists, and cost the square of their length


@dataclass(frozen=True)
class Induction:
    """Which aligned words become entries.

    Attributes:
        min_count: times the two words were aligned.
        min_share: of the times either of the two was aligned at all, 0 to 1.

    Raises:
        LexiconError: a value is out of range.
    """

    min_count: Annotated[int, Ge(1)] = 2
    min_share: Annotated[float, Ge(0), Le(1)] = 0.3

    def __post_init__(self) -> None:
        check_fields(self, LexiconError)


@dataclass(frozen=True)
class Entry:
    """A word, its translation, and the times they were aligned."""

    word: str
    translation: str
    count: int


def induce(sentences: Iterable[tuple[str, str]], settings: Induction) -> list[Entry]:
    """Return the words that translate each other, the most frequent first.

    Words are aligned by an HMM (Vogel et al. 1996, "HMM-Based Word Alignment in Statistical
    Translation") in both directions, and only what both directions agree on counts (Och and Ney
    2003, "A Systematic Comparison of Various Statistical Alignment Models", intersection).

    Args:
        sentences: pairs of a sentence and its translation.
        settings: what is frequent and sure enough.

    Raises:
        MissingDependencyError: the aligner is not installed.
    """
    corpus = [
        (source, target)
        for source, target in (tuple(map(_words, pair)) for pair in sentences)
        if 0 < len(source) <= _MAX_WORDS and 0 < len(target) <= _MAX_WORDS
    ]
    pairs: Counter[tuple[str, str]] = Counter()
    spellings: dict[str, Counter[str]] = {}
    lowered: dict[str, Counter[str]] = {}  # folding writes ss for ß and σ for ς
    for (source, target), links in zip(corpus, _links(corpus), strict=True):
        for i, j in links:
            pairs[key_of(source[i]), key_of(target[j])] += 1
            if j:  # the first word of a sentence has a capital of its own
                spellings.setdefault(key_of(target[j]), Counter())[target[j]] += 1
            for word in (source[i], target[j]):
                lowered.setdefault(key_of(word), Counter())[word.lower()] += 1
    of_source: Counter[str] = Counter()
    of_target: Counter[str] = Counter()
    for (word, translation), count in pairs.items():
        of_source[word] += count
        of_target[translation] += count
    entries = [
        Entry(
            _commonest(lowered[word]),
            _commonest(spellings.get(translation) or lowered[translation]),
            count,
        )
        for (word, translation), count in pairs.items()
        if count >= settings.min_count
        and count >= settings.min_share * max(of_source[word], of_target[translation])
    ]
    return sorted(entries, key=lambda e: (-e.count, e.word, e.translation))


def _words(sentence: str) -> list[str]:
    return [match.group() for match in WORD.finditer(sentence)]


def _commonest(seen: Counter[str]) -> str:
    return min(seen, key=lambda s: (-seen[s], s))


def _links(corpus: Sequence[tuple[list[str], list[str]]]) -> Iterable[list[tuple[int, int]]]:
    """Yield the (source place, target place) that both directions align, for each sentence."""
    folded = [([key_of(w) for w in s], [key_of(w) for w in t]) for s, t in corpus]
    direct = _trained(folded)
    inverse = _trained([(t, s) for s, t in folded])
    for source, target in folded:
        _, forward = direct.get_best_alignment(source, target)
        _, backward = inverse.get_best_alignment(target, source)
        backward.transpose()
        forward.intersect(backward)
        places = forward.to_numpy().nonzero()
        yield [(int(i), int(j)) for i, j in zip(*places, strict=True)]


def _trained(corpus: Sequence[tuple[list[str], list[str]]]) -> AlignmentModel:
    try:
        from thot.alignment import HmmAlignmentModel, Ibm1AlignmentModel
    except ImportError as error:
        raise MissingDependencyError("sil-thot", "lexicon", "inducing a lexicon") from error
    first = Ibm1AlignmentModel()
    for source, target in corpus:
        first.add_sentence_pair(source, target, 1)
    _run(first, _IBM1_ITERATIONS)
    model = HmmAlignmentModel(first)
    _run(model, _HMM_ITERATIONS)
    return model


def _run(model: AlignmentModel, iterations: int) -> None:
    model.start_training()
    for _ in range(iterations):
        model.train()
    model.end_training()
