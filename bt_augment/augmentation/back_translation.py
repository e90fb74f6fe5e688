"""Routes applied to a unit of native pairs: sentences through hops, and back into passages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal
from unicodedata import normalize

import numpy as np
import pyarrow as pa

from bt_augment.augmentation.made import Made
from bt_augment.augmentation.question_style import Loan, lend
from bt_augment.pairs.answers import locate, relocate
from bt_augment.pairs.candidates import CandidateBatch, ScoreArray
from bt_augment.pairs.schema import NOT_LOCATED, ROUND_TRIP, batch_from_rows, made_schema, taken
from bt_augment.translation.decoding import Decoding, Hypothesis
from bt_augment.translation.route import Route
from bt_augment.translation.segmentation import Layout, needs_spaces
from bt_augment.translation.translator import Translator

Hop = tuple[str, str]
Backwards = Literal["questions", "all"]
NativeRow = dict[str, Any]
Chain = tuple[Hypothesis, ...]  # what each hop made of one sentence


class BackTranslator:
    """Applies routes to units. Routes that begin alike share the hops they have in common."""

    def __init__(
        self,
        routes: Sequence[Route],
        translators: Mapping[Hop, Translator],
        decoding: Decoding,
        *,
        backwards: Backwards | None = None,
        longest: Mapping[str, float] | None = None,
    ) -> None:
        """Take the routes, one loaded translator per hop, and the search settings.

        Args:
            routes: applied to each unit.
            translators: one for each hop, and for ``backwards`` for each hop reversed.
            decoding: search settings.
            backwards: texts of which the models of the other direction say how likely they are,
                given their translation. Of ``questions`` this is the evidence
                ``question_backward``; of ``all``, with ``decoding.with_logprob``,
                ``dual_cross_entropy`` too.
            longest: column → characters past which a pair is not translated: its made rows are
                empty, and the evidence ``untranslated`` says so.
        """
        self._routes = list(routes)
        self._translators = translators
        self._decoding = decoding
        self._backwards = backwards
        self._longest = dict(longest or {})

    def apply(self, natives: pa.RecordBatch, unit: int) -> Made:
        """Return what all routes make of a unit.

        Args:
            natives: rows of ``native_schema``.
            unit: number of the unit; salts the seed of sampling.
        """
        rows: list[NativeRow] = natives.to_pylist()
        fits = [all(len(row[c]) <= most for c, most in self._longest.items()) for row in rows]
        work = _Unit(rows, self._translators, self._decoding, unit)
        plans = [
            (route, [r for r in range(len(rows)) if applies(route, rows[r])])
            for route in self._routes
        ]
        for route, indices in plans:
            work.translate(route, [i for i in indices if fits[i]])
        if self._backwards:
            work.score_backwards(questions_alone=self._backwards == "questions")
        wanted = [set(indices) for _, indices in plans]
        made: list[tuple[int, _MadeRow]] = [
            (index, row)
            for index in range(len(rows))
            for (route, _), chosen in zip(plans, wanted, strict=True)
            if index in chosen
            for row in (work.candidates if fits[index] else work.untranslated)(route, index)
        ]
        sources = taken([natives], np.array([index for index, _ in made], dtype=np.int64))
        batch = CandidateBatch(
            rows=batch_from_rows((row.values for _, row in made), made_schema()),
            sources=sources,
            evidence=_evidence(
                [row for _, row in made], self._decoding.with_logprob, self._backwards
            ),
        )
        missing = {str(route): len(rows) - len(indices) for route, indices in plans}
        return Made(batch, tuple(index for index, _ in made), work.tokens, missing)


def applies(route: Route, row: Mapping[str, Any]) -> bool:
    """Tell whether question and passage are both in the route's first language, of any region."""
    return all(route.starts_in(row[column]) for column in ("question_lang", "passage_lang"))


@dataclass(frozen=True)
class _MadeRow:
    values: dict[str, Any]
    logprob: float
    dual: float
    doubt: float
    backward: float
    truncated: float
    untranslated: bool = False


@dataclass(frozen=True)
class _Text:
    """One text after a route: its last form, the pivot where there is one, what the engine said."""

    text: str
    pivot: str | None
    windows: list[tuple[int, int]]
    logprob: float
    dual: float
    doubt: float
    backward: float
    truncated: int


class _Unit:
    """The state of one unit: each sentence is translated once per chain of languages."""

    def __init__(
        self,
        rows: list[NativeRow],
        translators: Mapping[Hop, Translator],
        decoding: Decoding,
        unit: int,
    ) -> None:
        self._rows = rows
        self._translators = translators
        self._decoding = decoding
        self._unit = unit
        self.tokens = 0
        self._layouts: dict[tuple[str, str], Layout] = {}
        # (languages so far, candidate) → sentence in the first language → its chain of hypotheses
        self._chains: dict[tuple[tuple[str, ...], int], dict[str, Chain]] = {}
        self._texts: dict[tuple[Route, str, int], _Text] = {}
        # Hop of the other direction → (made, what it was made from) → mean log-probability
        self._backwards: dict[Hop, dict[tuple[str, str], float]] = {}
        self._asked: set[str] = set()  # the sentences of all questions, in their first language

    def translate(self, route: Route, indices: Sequence[int]) -> None:
        """Translate every sentence of the rows through all hops of the route."""
        tag = route.tags[0]
        texts: dict[str, None] = {}
        for i in indices:
            texts[self._rows[i]["passage"]] = None
            question = self._loan(i, tag).text
            texts[question] = None
            self._asked.update(self._layout(question, tag).sentences)
        sentences = list(
            dict.fromkeys(s for text in texts for s in self._layout(text, tag).sentences)
        )
        for number in range(1, len(route.hops) + 1):
            self._translate_hop(route.tags[: number + 1], sentences)

    def _translate_hop(self, tags: tuple[str, ...], sentences: list[str]) -> None:
        first = len(tags) == 2
        count = self._decoding.candidates
        known = [self._chains.setdefault((tags, k), {}) for k in range(count)]
        todo = [s for s in sentences if s not in known[0]]
        if first:
            found = self._run(tags, todo, self._decoding)
            for sentence, hypotheses in zip(todo, found, strict=True):
                for k in range(count):
                    known[k][sentence] = (hypotheses[k],)
            return
        before = [self._chains[tags[:-1], k] for k in range(count)]
        # Candidates fan out at the first hop; later hops carry each of them on.
        single = replace(self._decoding, candidates=1)
        texts = list(dict.fromkeys(before[k][s][-1].text for k in range(count) for s in todo))
        found_texts = self._run(tags, [t for t in texts if t], single)
        best = dict(zip([t for t in texts if t], (h[0] for h in found_texts), strict=True))
        best[""] = Hypothesis("")
        for k in range(count):
            for s in todo:
                chain = before[k][s]
                known[k][s] = (*chain, best[chain[-1].text])

    def _run(
        self, tags: tuple[str, ...], sentences: list[str], decoding: Decoding
    ) -> list[list[Hypothesis]]:
        translator = self._translators[tags[-2], tags[-1]]
        salt = self._unit * 64 + len(tags)
        found = translator.translate(sentences, decoding, salt=salt)
        self.tokens += sum(h.tokens for hypotheses in found for h in hypotheses)
        return found

    def score_backwards(self, *, questions_alone: bool) -> None:
        """Score hops by the model of the other direction."""
        pairs: dict[Hop, dict[tuple[str, str], None]] = {}
        for (tags, _), chains in self._chains.items():
            known = pairs.setdefault((tags[-1], tags[-2]), {})
            for sentence, chain in chains.items():
                if questions_alone and sentence not in self._asked:
                    continue
                before = chain[-2].text if len(chain) > 1 else sentence
                if chain[-1].text and before:
                    known[chain[-1].text, before] = None
        for hop, known in pairs.items():
            scores = self._translators[hop].score(
                [made for made, _ in known], [before for _, before in known]
            )
            self._backwards[hop] = dict(zip(known, scores, strict=True))

    def _both_ways(
        self, route: Route, sentences: Sequence[str], chains: Sequence[Chain]
    ) -> Iterator[tuple[float, float]]:
        """Yield the mean token log-probabilities of each hop that made a token, there and back."""
        if not self._backwards:
            return
        before: Sequence[str] = sentences
        for (source, target), hop in zip(route.hops, zip(*chains, strict=True), strict=False):
            known = self._backwards.get((target, source), {})
            scores = [
                known.get((h.text, text), float("nan")) for h, text in zip(hop, before, strict=True)
            ]
            forward = _weighted_mean([h.logprob for h in hop], hop)
            backward = _weighted_mean(scores, hop)
            if forward is not None and backward is not None:
                yield forward, backward
            before = [h.text for h in hop]

    def candidates(self, route: Route, index: int) -> Iterator[_MadeRow]:
        """Yield the made rows of one native row."""
        native = self._rows[index]
        loan = self._loan(index, route.tags[0])
        for k in range(self._decoding.candidates):
            question = self._text(route, loan.text, k)
            passage = self._text(route, native["passage"], k)
            answers = list(self._answers(route, native, passage))
            yield _MadeRow(
                values={
                    **self._labels(route, native, k),
                    "question": loan.take_back(question.text),
                    "passage": passage.text,
                    "answers": answers,
                    "pivot_question": question.pivot and loan.take_back(question.pivot),
                    "pivot_passage": passage.pivot,
                },
                logprob=min(question.logprob, passage.logprob),
                dual=max(question.dual, passage.dual),
                doubt=question.doubt,
                backward=question.backward,
                truncated=question.truncated + passage.truncated,
            )

    def _loan(self, index: int, tag: str) -> Loan:
        native = self._rows[index]
        return lend(native["question"], tag, native["passage"])

    def untranslated(self, route: Route, index: int) -> Iterator[_MadeRow]:
        """Yield the made rows of a native row that is too long to be translated: empty ones."""
        native, unknown = self._rows[index], float("nan")
        answers = [{"text": a["text"], "start": NOT_LOCATED} for a in native["answers"] or []]
        for k in range(self._decoding.candidates):
            values = {
                **self._labels(route, native, k), "question": "", "passage": "", "answers": answers
            }  # fmt: skip
            yield _MadeRow(values, unknown, unknown, unknown, unknown, unknown, untranslated=True)

    def _labels(self, route: Route, native: NativeRow, k: int) -> dict[str, Any]:
        """Return the columns of a made row that do not depend on what the models say."""
        return {
            "id": f"{native['id']}/{route}/{k}",
            "source_id": native["id"],
            "group_id": native["group_id"],
            "question_lang": route.tags[-1],
            "passage_lang": route.tags[-1],
            "title": native["title"],
            "method": route.method,
            "route": list(route.tags),
            "models": [self._translators[hop].model.label for hop in route.hops],
        }

    def _text(self, route: Route, text: str, k: int) -> _Text:
        key = (route, text, k)
        if key not in self._texts:
            layout = self._layout(text, route.tags[0])
            chains = [self._chains[route.tags, k][s] for s in layout.sentences]
            fill = partial(self._fill, layout, route.tags[0])
            final = [chain[-1].text for chain in chains]
            both_ways = list(self._both_ways(route, layout.sentences, chains))
            spaced = needs_spaces(route.tags[0], route.tags[-1])
            self._texts[key] = _Text(
                text=fill(route.tags[-1], final),
                pivot=fill(route.tags[-2], [c[-2].text for c in chains])
                if len(route.tags) > 2
                else None,
                windows=layout.windows(final, spaced=spaced),
                logprob=min(_mean_logprobs(chains), default=0.0),
                dual=float(np.max([_dual_cross_entropy(*hop) for hop in both_ways], initial=0.0)),
                doubt=self._doubt(route, chains) if k == 0 else float("nan"),
                backward=float(np.min([back for _, back in both_ways], initial=0.0)),
                truncated=sum(h.truncated for chain in chains for h in chain),
            )
        return self._texts[key]

    def _doubt(self, route: Route, chains: Sequence[Chain]) -> float:
        """Return how many times as unsure as usual the models were of a text, the worst hop.

        NaN where a model does not say what is usual, and for sampled text, which never is.
        """
        if self._decoding.method == "sampling" or not self._decoding.with_logprob:
            return float("nan")
        usual = [self._translators[hop].model.usual_logprob for hop in route.hops]
        doubts = [
            float("nan") if known is None else mean / known
            for known, hop in zip(usual, zip(*chains, strict=True), strict=False)
            if (mean := _weighted_mean([h.logprob for h in hop], hop)) is not None
        ]
        return float(np.max(doubts, initial=0.0))  # unknown stays unknown

    @staticmethod
    def _fill(layout: Layout, source: str, target: str, sentences: list[str]) -> str:
        return layout.fill(sentences, spaced=needs_spaces(source, target))

    def _layout(self, text: str, tag: str) -> Layout:
        if (text, tag) not in self._layouts:
            self._layouts[text, tag] = Layout.of(text, tag)
        return self._layouts[text, tag]

    def _answers(self, route: Route, native: NativeRow, passage: _Text) -> Iterator[dict[str, Any]]:
        """Yield each answer with its place in the made passage.

        The sentence that held an answer is known, so the search looks there.
        """
        windows = self._layout(native["passage"], route.tags[0]).own_windows
        known: dict[tuple[str, int], dict[str, Any]] = {}  # several people often gave the same
        for answer in native["answers"] or []:
            text, start = answer["text"], answer["start"]
            if (text, start) not in known:
                if route.method != ROUND_TRIP or start == NOT_LOCATED:
                    found = text if text in passage.text else normalize("NFC", text)
                    at = locate(found, passage.text, None)
                else:
                    window = _window(start, start + len(text), windows, passage.windows)
                    found, at, _ = relocate(text, passage.text, window)
                known[text, start] = {"text": found if at != NOT_LOCATED else text, "start": at}
            yield known[text, start]


def _window(
    start: int, end: int, before: Sequence[tuple[int, int]], after: Sequence[tuple[int, int]]
) -> tuple[int, int] | None:
    """Return the span of the made sentences whose originals held characters start to end."""
    touched = [i for i, (s, e) in enumerate(before) if s < end and start < e]
    return (after[touched[0]][0], after[touched[-1]][1]) if touched else None


def _mean_logprobs(chains: Sequence[Chain]) -> list[float]:
    """Return the mean token log-probability of a text for each hop that made a token."""
    return [
        mean
        for hop in zip(*chains, strict=True)
        if (mean := _weighted_mean([h.logprob for h in hop], hop)) is not None
    ]


def _weighted_mean(values: Sequence[float], hop: Sequence[Hypothesis]) -> float | None:
    total = sum(h.tokens for h in hop)
    if not total:
        return None
    return sum(v * h.tokens for v, h in zip(values, hop, strict=True)) / total


def _dual_cross_entropy(forward: float, backward: float) -> float:
    """Return |H(b|a) - H(a|b)| + (H(b|a) + H(a|b)) / 2.

    Junczys-Dowmunt 2018, Dual Conditional Cross-Entropy Filtering, equation 1.
    """
    return abs(forward - backward) - (forward + backward) / 2


def _evidence(
    rows: Sequence[_MadeRow], with_logprob: bool, backwards: Backwards | None
) -> dict[str, ScoreArray]:
    evidence = {
        "truncated": np.array([row.truncated for row in rows], dtype=np.float32),
        "untranslated": np.array([row.untranslated for row in rows], dtype=np.float32),
    }
    if with_logprob:
        evidence["logprob"] = np.array([row.logprob for row in rows], dtype=np.float32)
        evidence["question_doubt"] = np.array([row.doubt for row in rows], dtype=np.float32)
    if backwards:
        evidence["question_backward"] = np.array([row.backward for row in rows], dtype=np.float32)
    if backwards == "all" and with_logprob:
        evidence["dual_cross_entropy"] = np.array([row.dual for row in rows], dtype=np.float32)
    return evidence
