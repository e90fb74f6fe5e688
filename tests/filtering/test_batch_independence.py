"""A score of a row is the same whatever other rows are in its unit, but for those that say so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bt_augment.filtering.base import CandidateBatch, ScoreArray
from bt_augment.filtering.registry import all_scores, build_filters, score_batch
from bt_augment.pairs.schema import batch_from_rows, made_schema, native_schema

TEXTS = {
    "en": (
        "Who wrote the book in 1974?",
        "John Smith wrote the book in 1974. He never, never said why. The United States are large.",
    ),
    "pt": (
        "Quem escreveu o livro em 1974?",
        "João Smith escreveu o livro em 1974. Ele nunca disse porquê. Os Estados Unidos são.",
    ),
    "zh": (
        "谁在1974年写了这本书?",
        "北京大学医北京大学医在1974年写了这本书。他从未说过为什么。美国很大。",
    ),
    "th": (
        "ใครเขียนหนังสือเล่มนี้ในปี 1974",
        "จอห์นเขียนหนังสือเล่มนี้ในปี 1974 เขาเขียนหนังสือเขาเขียนหนังสือ",
    ),
    "ja": (
        "1974年にこの本を書いたのは誰ですか?",
        "ジョンは1974年にこの本を書いた。とてもとてもとても良い本だった。",
    ),
}
HEARS_OTHERS = "other texts of the unit"  # as the sentence of such a score says


def candidate(number: int, source: str, route: Sequence[str]) -> tuple[dict[str, Any], ...]:
    """Return a made row and its source; a round trip comes back in the words of ``source``."""
    (native, passage), (question, made) = TEXTS[source], TEXTS[route[-1]]
    pivot_question, pivot_passage = TEXTS[route[1]] if len(route) > 2 else (None, None)
    shared = {"group_id": str(number), "answers": [{"text": made[:4], "start": 0}]}
    return (
        {
            "id": f"{number}/{':'.join(route)}/0",
            "question": question,
            "passage": made,
            "question_lang": route[-1],
            "passage_lang": route[-1],
            "pivot_question": pivot_question,
            "pivot_passage": pivot_passage,
            "method": "translation" if len(route) == 2 else "round_trip",
            "route": list(route),
            **shared,
        },
        {
            "id": str(number),
            "question": native,
            "passage": passage,
            "question_lang": route[0],
            "passage_lang": route[0],
            **shared,
        },
    )


def scored(
    pairs: Sequence[tuple[dict[str, Any], ...]], names: frozenset[str]
) -> dict[str, ScoreArray]:
    made, source = zip(*pairs, strict=True)
    batch = CandidateBatch(
        batch_from_rows(list(made), made_schema()),
        batch_from_rows(list(source), native_schema()),
        {},
    )
    return score_batch(build_filters(names, {}), batch, names)


def test_scores_do_not_depend_on_the_other_rows_unless_they_say_so() -> None:
    names = frozenset(
        score.name
        for score in all_scores()
        if score.enabled
        and not score.name.startswith(("duplicates", "contamination"))
        and HEARS_OTHERS not in score.description
    )
    routes: list[tuple[str, ...]] = [(a, b) for a in TEXTS for b in TEXTS if a != b]
    routes += [(a, "en", a) for a in TEXTS if a != "en"]
    pairs = [candidate(number, route[0], route) for number, route in enumerate(routes)]
    together = scored(pairs, names)
    for row, pair in enumerate(pairs):
        for name, alone in scored([pair], names).items():
            assert np.array_equal(alone, together[name][row : row + 1], equal_nan=True), (
                name,
                routes[row],
            )
