"""Family ``fidelity``: whether the made text still says what the native text says."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence, Set
from functools import cache, partial

import numpy as np

from bt_augment.filtering.base import CandidateBatch, Filter, Score, ScoreArray
from bt_augment.filtering.columns import distinct, score_distinct
from bt_augment.filtering.copying import copied_share
from bt_augment.filtering.sentence_alignment import (
    expected_length,
    is_measured,
    unmatched_sentences,
)
from bt_augment.languages import without_region
from bt_augment.pairs.schema import PIVOT, ROUND_TRIP, TRANSLATION
from bt_augment.translation.segmentation import UNMARKED, split_sentences

_ROUND_TRIP_ONLY = frozenset({ROUND_TRIP})
_TRANSLATED = frozenset({ROUND_TRIP, TRANSLATION, PIVOT})
_TEXTS = ("question", "passage")

_QUOTES = re.compile("[\"“”„«»‘’'`「」『』]")
# Of an encyclopedia: .:212–219, [citation needed]
_FOOTNOTE = re.compile(r"(?<=\S):\d+(?:[-–:]\d+)*|\[[^\[\]]{1,20}\]")


class FidelityFilter(Filter):
    """Meaning kept, as far as texts and the engine's own probabilities show it."""

    scores = (
        Score(
            "fidelity.chrf",
            "chrF2, 0 to 100",
            "Likeness of the round trip to the native text, question or passage, the worse one "
            "(Popović 2015; sacrebleu's chrF2). Above the ceiling both are copies: nothing added.",
            min=35.0,
            max=97.0,
            methods=_ROUND_TRIP_ONLY,
        ),
        Score(
            "fidelity.passage_chrf",
            "chrF2, 0 to 100",
            "Likeness of the round-trip passage to the native one; a long text is never wholly "
            "reworded, so the floor is higher than a question's.",
            min=50.0,
            methods=_ROUND_TRIP_ONLY,
        ),
        Score(
            "fidelity.copy",
            "share, 0 to 1",
            "Highest share, over the sentences of a hop's result, of ordinary words that the hop "
            "copied instead of translating (runs of four words).",
            max=0.5,
            methods=_TRANSLATED,
        ),
        Score(
            "fidelity.sentences",
            "sentences",
            "Sentences dropped, added, shortened or cut to a stump, by aligning sentence lengths "
            "(Gale and Church 1993). A text without sentence marks is one sentence; null, and "
            "passed, where its language's usual length is not known (Lao, Khmer, Burmese).",
            max=0.0,
            methods=_TRANSLATED,
            reject_null=False,
        ),
        Score(
            "fidelity.question_doubt",
            "ratio",
            "How unsure the engine was of the question: mean token log-probability, as many times "
            "what is usual for the model, the worst hop. Null, and passed, for a model whose "
            "folder does not say what is usual, for sampled text and for further candidates.",
            max=2.7,
            methods=_TRANSLATED,
            reject_null=False,
            enabled=False,
        ),
        Score(
            "fidelity.question_backward",
            "nats per token",
            "How likely the model of the other direction takes a hop's question to be, given its "
            "translation: mean token log-probability, the lowest over hops.",
            min=-0.8,
            methods=_TRANSLATED,
            enabled=False,
        ),
        Score(
            "fidelity.logprob",
            "nats per token",
            "Lowest mean token log-probability over hops and texts, from the engine.",
            min=-1.5,
            methods=_TRANSLATED,
            enabled=False,
        ),
        Score(
            "fidelity.dual_cross_entropy",
            "nats per token",
            "Disagreement of the two directions' models plus their mean cross-entropy "
            "(Junczys-Dowmunt 2018), highest over hops and texts, from the engine.",
            max=4.0,
            methods=_TRANSLATED,
            enabled=False,
        ),
    )

    def score(self, batch: CandidateBatch, wanted: Set[str]) -> dict[str, ScoreArray]:
        """Return the wanted scores; the engine's own are null where it gave none."""
        passage_chrf = cache(partial(_chrf, batch, "passage"))
        measures: dict[str, Callable[[], ScoreArray]] = {
            "fidelity.chrf": lambda: np.minimum(_chrf(batch, "question"), passage_chrf()),
            "fidelity.passage_chrf": passage_chrf,
            "fidelity.copy": lambda: np.maximum(*(_copied(batch, text) for text in _TEXTS)),
            "fidelity.sentences": lambda: np.add(*(_unmatched(batch, text) for text in _TEXTS)),
            "fidelity.question_doubt": partial(_evidence, batch, "question_doubt"),
            "fidelity.question_backward": partial(_evidence, batch, "question_backward"),
            "fidelity.logprob": partial(_evidence, batch, "logprob"),
            "fidelity.dual_cross_entropy": partial(_evidence, batch, "dual_cross_entropy"),
        }
        return {name: measures[name]() for name in measures if name in wanted}


def _evidence(batch: CandidateBatch, key: str) -> ScoreArray:
    missing: ScoreArray = np.full(len(batch), np.nan, dtype=np.float32)
    return batch.evidence.get(key, missing).astype(np.float32)


def _chrf(batch: CandidateBatch, text: str) -> ScoreArray:
    texts = zip(batch.source(text), batch.made(text), batch.made("method"), strict=True)
    pairs, inverse = distinct([(s, made) if how == ROUND_TRIP else None for s, made, how in texts])
    found = iter(chrf([pair for pair in pairs if pair]))
    values = [next(found) if pair else float("nan") for pair in pairs]
    return np.array(values, dtype=np.float32)[inverse]


def chrf(pairs: Sequence[tuple[str, str]]) -> list[float]:
    """Return chrF2 of each (reference, hypothesis), 0 to 100 (Popović 2015).

    By sacrebleu's defaults, and 100 where both are the same. The pairs share the cores.
    """
    from fastchrf import pairwise_chrf

    if not pairs:
        return []
    # White space does not count, and Rust knows other characters as such than Python does.
    references, hypotheses = (
        [["".join(pair[side].split())] for pair in pairs] for side in range(2)
    )
    scores = pairwise_chrf(hypotheses, references)
    return [
        100.0 if reference == hypothesis else float(score[0][0])
        for (reference, hypothesis), score in zip(pairs, scores, strict=True)
    ]


def _copied(batch: CandidateBatch, text: str) -> ScoreArray:
    hops = list(
        zip(
            batch.source(text),
            batch.made(f"pivot_{text}"),
            batch.made(text),
            map(tuple, batch.made("route")),
            strict=True,
        )
    )
    return score_distinct(hops, lambda hop: _most_copied(*hop))


def _most_copied(source: str, pivot: str | None, made: str, route: tuple[str, ...]) -> float:
    """Return the copied share of the worst hop that both ends are known of."""
    if len(route) < 2:
        return float("nan")
    if len(route) == 2 or pivot is None:
        return copied_share(source, made, route[-1])
    # Of a longer route only the last intermediate text is kept, which may be of the source's
    # own language.
    same = without_region(route[-2]) == without_region(route[0])
    first = 0.0 if same else copied_share(source, pivot, route[-2])
    return max(first, copied_share(pivot, made, route[-1]))


def _unmatched(batch: CandidateBatch, text: str) -> ScoreArray:
    pairs = list(
        zip(
            batch.source(text),
            batch.source(f"{text}_lang"),
            batch.made(text),
            batch.made(f"{text}_lang"),
            strict=True,
        )
    )
    return score_distinct(pairs, lambda pair: unmatched_in(*pair))


def unmatched_in(source: str, source_lang: str, made: str, made_lang: str) -> float:
    """Return how many sentences of two texts have no counterpart.

    NaN where sentences are not marked and the usual length of the language is not known.
    """
    measured = is_measured(source_lang) and is_measured(made_lang)
    languages = {source_lang.split("-")[0], made_lang.split("-")[0]}
    if languages & UNMARKED:  # sentences cannot be counted
        if not measured:
            return float("nan")
        whole = (
            expected_length(source.strip(), source_lang),
            expected_length(made.strip(), made_lang),
        )
        return float(unmatched_sentences(*([length] for length in whole)))
    unmatched = partial(unmatched_sentences, measured=measured)
    found = unmatched(_lengths(source, source_lang), _lengths(made, made_lang))
    if found:
        plain = _lengths(_plain(source), source_lang), _lengths(_plain(made), made_lang)
        found = min(found, unmatched(*plain))
    return float(found)


def _plain(text: str) -> str:
    """Return a text without what parts or joins its sentences in one language and not in another.

    Sentences in quotation marks are not split; layout and footnotes always split.
    """
    return " ".join(_FOOTNOTE.sub("", _QUOTES.sub("", text)).split())


def _lengths(text: str, lang: str) -> list[float]:
    sentences = (sentence.strip() for sentence in split_sentences(text, lang))
    return [expected_length(s, lang) for s in sentences if any(map(str.isalnum, s))]
