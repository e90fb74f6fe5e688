"""Filters used on pairs that were made elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import load_from_disk

from bt_augment import judge_pairs, load_recipe
from bt_augment.errors import InputError

ROOT = Path(__file__).resolve().parents[2]

NATIVE = {
    "question": "When was a new lens installed at the Cordouan lighthouse?",
    "passage": "In 1823 the physicist Fresnel installed a new lens at the Cordouan lighthouse.",
    "lang": "en",
    "answers": ["1823"],
}
REWORDED = {
    "question": "When was a new kind of lens installed at the lighthouse of Cordouan?",
    "passage": "In 1823, the physicist Fresnel fitted a new lens at the lighthouse of Cordouan.",
    "lang": "en",
}


def test_a_paraphrase_is_accepted_and_a_changed_year_is_named() -> None:
    # Given a paraphrase without a pivot, and one with another year
    wrong = REWORDED | {"passage": REWORDED["passage"].replace("1823", "1824")}

    # When both are judged
    good, bad = judge_pairs([NATIVE, NATIVE], [REWORDED, wrong])

    # Then the first passes, and nothing is held against it that it cannot have
    assert good.accepted
    assert good.scores["question_answering.answer"] == 1
    assert good.scores["language.pivot_question"] is None
    assert "question_answering.numbers_invented.high" in bad.reasons
    assert not bad.accepted


def test_a_translation_is_judged_as_one() -> None:
    made = {
        "question": "Quando foi instalada uma nova lente no farol de Cordouan?",
        "passage": "Em 1823 o físico Fresnel instalou uma nova lente no farol de Cordouan.",
        "lang": "pt-br",
    }
    (verdict,) = judge_pairs([NATIVE], [made])
    assert verdict.accepted
    assert verdict.scores["fidelity.chrf"] is None  # of round trips alone


def test_a_recipe_decides() -> None:
    recipe = load_recipe(None, {}, ["filters.fidelity.chrf.min=90"])
    (verdict,) = judge_pairs([NATIVE], [REWORDED], recipe)
    assert verdict.reasons == ("fidelity.chrf.low",)


def test_verdicts_are_those_of_a_run(make_run: Callable[..., Any], tmp_path: Path) -> None:
    # Given the made rows of a run, and their native ones
    make_run(tmp_path / "run", ROOT / "data" / "en" / "qa.jsonl", "input.limit=20")
    run = load_from_disk(str(tmp_path / "run"))
    rows = {row["id"]: row for split in run.values() for row in split}
    made = [row for row in rows.values() if row["method"] != "native"]
    natives = [rows[row["source_id"]] for row in made]
    pairs = [row | {"pivot_lang": row["route"][1] if row["pivot_question"] else None}
             for row in made]  # fmt: skip

    # When they are judged by themselves
    verdicts = judge_pairs(natives, pairs)

    # Then the reasons are the same, but for those that look at the whole run
    for row, verdict in zip(made, verdicts, strict=True):
        reasons = [r for r in row["reject_reasons"] if not r.startswith("duplicates.")]
        assert list(verdict.reasons) == reasons, row["id"]


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ({"passage": "Here.", "lang": "en"}, "made pair 0: question is None"),
        ({"question": "Where?", "passage": "Here."}, "made pair 0: lang is None"),
        ({"question": "Where?", "passage": "Here.", "lang": "english!"}, "made pair 0: "),
        (REWORDED | {"answers": {"text": ["1823"], "start": [3]}}, "made pair 0: answers is"),
        (REWORDED | {"answers": [1823]}, "made pair 0: an answer is 1823"),
        (REWORDED | {"answers": [{"text": "1823", "start": "3"}]}, "made pair 0: an answer is"),
    ],
)
def test_what_a_pair_lacks_is_named(pair: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        judge_pairs([NATIVE], [pair])


def test_as_many_made_as_native() -> None:
    with pytest.raises(InputError, match="1 native pairs and 0 made ones"):
        judge_pairs([NATIVE], [])
