"""Filters on pairs that were made elsewhere: scores and verdicts, without a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bt_augment.errors import InputError, LanguageError
from bt_augment.filtering.contamination import ContaminationFilter
from bt_augment.filtering.duplicates import DUPLICATE_SCORES
from bt_augment.filtering.registry import score_batch
from bt_augment.generation.unit_work import filters_of
from bt_augment.generation.units import judge_made
from bt_augment.languages import normalize_tag, same_language
from bt_augment.pairs.candidates import CandidateBatch
from bt_augment.pairs.readers.records import passage_group
from bt_augment.pairs.schema import (
    NOT_LOCATED,
    PIVOT,
    ROUND_TRIP,
    TRANSLATION,
    batch_from_rows,
    made_schema,
    native_schema,
)
from bt_augment.recipe import Recipe, load_recipe

_OF_A_RUN = frozenset(s.name for s in (*DUPLICATE_SCORES, *ContaminationFilter.scores))
_OF_A_PIVOT = frozenset({"language.pivot_question", "language.pivot_passage"})
_OF_A_TRANSLATION = _OF_A_PIVOT | {"fidelity.copy"}  # a paraphrase may keep its source's words

Pair = Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """What the filters say of one made pair.

    Attributes:
        scores: full name → value; None where it could not be computed.
        reasons: every reject reason; a pair without one is accepted.
    """

    scores: Mapping[str, float | None]
    reasons: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        """Return whether no filter rejects the pair."""
        return not self.reasons


def judge_pairs(
    natives: Sequence[Pair], made: Sequence[Pair], recipe: Recipe | None = None
) -> list[Verdict]:
    """Score and judge pairs that another tool, a person or a language model made.

    A pair is a mapping with ``question``, ``passage``, their language ``lang`` (or
    ``question_lang`` and ``passage_lang``), and, where they are known, ``answers`` (texts, or
    mappings of ``text`` and ``start``). A made pair in the language of its native one is judged
    as a round trip, any other as a translation. Its ``pivot_lang``, ``pivot_question`` and
    ``pivot_passage`` are judged where they are given; without them the scores of the pivot, and
    in one language ``fidelity.copy``, are left out.

    Scores of duplicates and contamination, which look at a whole run, are not computed; those
    that only the translation engine knows are null. All pairs are one batch, and some scores of
    names depend on the others in it.

    Args:
        natives: the pairs that were there.
        made: as many, in the same order: what was made of each.
        recipe: its filters are used; None takes the defaults.

    Raises:
        InputError: a pair lacks a text or a language, or there are more of the one than the other.
        MissingDependencyError: an optional filter's package is missing.
    """
    if len(natives) != len(made):
        raise InputError(
            f"{len(natives):,} native pairs and {len(made):,} made ones; give one for each"
        )
    recipe = recipe or load_recipe(None, {})
    recipe = replace(
        recipe, filters={n: s for n, s in recipe.filters.items() if n not in _OF_A_RUN}
    )
    sources = [_native(pair, number) for number, pair in enumerate(natives)]
    rows = [
        _made(pair, source, number)
        for number, (pair, source) in enumerate(zip(made, sources, strict=True))
    ]
    batch = CandidateBatch(
        batch_from_rows(rows, made_schema()), batch_from_rows(sources, native_schema())
    )
    scores = score_batch(filters_of(recipe), batch, recipe.enabled)
    reasons = judge_made(batch.rows, scores, recipe.thresholds)
    return [
        _verdict({name: float(values[n]) for name, values in scores.items()}, *known)
        for n, known in enumerate(zip(reasons, rows, strict=True))
    ]


def _verdict(
    scores: Mapping[str, float], reasons: Sequence[str], row: Mapping[str, Any]
) -> Verdict:
    without: frozenset[str] = frozenset()
    if row["pivot_question"] is None:
        without = _OF_A_TRANSLATION if row["method"] == ROUND_TRIP else _OF_A_PIVOT
    return Verdict(
        {n: None if n in without or np.isnan(v) else v for n, v in scores.items()},
        tuple(reason for reason in reasons if reason.rpartition(".")[0] not in without),
    )


def _native(pair: Pair, number: int) -> dict[str, Any]:
    where = f"native pair {number}"
    row = _texts(pair, where)
    return {
        **row,
        "id": str(number),
        "group_id": passage_group(row["passage"]),
        "title": pair.get("title"),
        "answers": _answers(pair.get("answers"), row["passage"], where),
    }


def _made(pair: Pair, source: dict[str, Any], number: int) -> dict[str, Any]:
    where = f"made pair {number}"
    row = _texts(pair, where)
    answers = pair.get("answers")
    if answers is None:
        answers = [answer["text"] for answer in source["answers"]]
    pivot = pair.get("pivot_lang")
    ends = source["question_lang"], row["question_lang"]
    return {
        **source,
        **row,
        "source_id": source["id"],
        "answers": _answers(answers, row["passage"], where),
        "method": ROUND_TRIP if same_language(*ends) else PIVOT if pivot else TRANSLATION,
        "route": [ends[0], *([_tag(pivot, where)] if pivot else []), ends[1]],
        "pivot_question": pair.get("pivot_question") if pivot else None,
        "pivot_passage": pair.get("pivot_passage") if pivot else None,
    }


def _texts(pair: Pair, where: str) -> dict[str, str]:
    row = {}
    for text in ("question", "passage"):
        if not isinstance(pair.get(text), str):
            raise InputError(f"{where}: {text} is {pair.get(text)!r}; give its text")
        row[text] = pair[text]
        row[f"{text}_lang"] = _tag(pair.get(f"{text}_lang", pair.get("lang")), where)
    return row


def _tag(tag: object, where: str) -> str:
    if not isinstance(tag, str):
        raise InputError(f"{where}: lang is {tag!r}; give its language, such as en")
    try:
        return normalize_tag(tag)
    except LanguageError as error:
        raise InputError(f"{where}: {error}") from error


def _answers(answers: object, passage: str, where: str) -> list[dict[str, Any]]:
    if answers is None:
        return []
    if not isinstance(answers, Sequence) or isinstance(answers, str):
        raise InputError(f"{where}: answers is {answers!r}; give a list")
    return [_answer(answer, passage, where) for answer in answers]


def _answer(answer: object, passage: str, where: str) -> dict[str, Any]:
    if isinstance(answer, str):
        return {"text": answer, "start": passage.find(answer)}
    if isinstance(answer, Mapping) and isinstance(answer.get("text"), str):
        start = answer.get("start", NOT_LOCATED)
        if isinstance(start, int):
            return {"text": answer["text"], "start": start}
    raise InputError(f"{where}: an answer is {answer!r}; give its text, or text and start")
