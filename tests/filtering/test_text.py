"""The text family: length, script, repetition and leftovers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_augment.filtering.base import CandidateBatch
from bt_augment.filtering.leftovers import count_mangled
from bt_augment.filtering.repetition import loop_masses, repeated_ngram_shares, tokenize
from bt_augment.filtering.scripts import effective_length, expected_scripts, script_ratio
from bt_augment.filtering.text import TextFilter
from bt_augment.pairs.schema import batch_from_rows, made_schema, native_schema

QUESTION = "Who built the old bridge over the river?"
PASSAGE = "The old bridge was built by Ana Prado in 1912. It has carried trains since then."
SCORES = {score.name: score for score in TextFilter.scores}


def batch(*pairs: dict[str, Any], **evidence: list[float]) -> CandidateBatch:
    """Return candidates; each pair gives what differs from an undamaged English round trip."""
    default = {
        "question": QUESTION,
        "passage": PASSAGE,
        "question_lang": "en",
        "passage_lang": "en",
        "method": "round_trip",
    }
    made = [default | pair.get("made", {}) for pair in pairs]
    source = [default | pair.get("source", {}) for pair in pairs]
    return CandidateBatch(
        batch_from_rows(made, made_schema()),
        batch_from_rows(source, native_schema()),
        {name: np.array(values, dtype=np.float32) for name, values in evidence.items()},
    )


def value(name: str, made: dict[str, str], source: dict[str, str] | None = None) -> float:
    scored = TextFilter().score(batch({"made": made, "source": source or {}}), {name})
    assert set(scored) == {name}
    assert scored[name].dtype == np.float32
    return float(scored[name][0])


def accepted(name: str, measured: float) -> bool:
    score = SCORES[name]
    low = score.min is not None and measured < score.min
    high = score.max is not None and measured > score.max
    return not (low or high or math.isnan(measured))


def test_an_undamaged_copy_is_within_every_default() -> None:
    scored = TextFilter().score(batch({}, truncated=[0.0]), set(SCORES))
    assert set(scored) == set(SCORES)
    rejected = [name for name, values in scored.items() if not accepted(name, float(values[0]))]
    assert rejected == []


def test_scores_keep_the_order_of_rows_when_texts_repeat() -> None:
    pairs = [{"made": {"question": text}} for text in ("a" * 10, "b" * 20, "a" * 10)]
    scored = TextFilter().score(batch(*pairs), {"text.question_length"})
    assert scored["text.question_length"].tolist() == [10, 20, 10]


def test_an_empty_batch_has_empty_scores() -> None:
    scored = TextFilter().score(batch(), set(SCORES))
    assert {values.shape for values in scored.values()} == {(0,)}


def test_length_counts_a_han_character_as_three_and_a_half() -> None:
    # 3 Han (10.5) + full-width question mark (1)
    assert value("text.question_length", {"question": "谁来了？"}) == pytest.approx(11.5)


def test_length_ignores_white_space_at_the_ends_only() -> None:
    assert value("text.question_length", {"question": "  ab cd \n"}) == 5


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("text.question_length", "Why?"),
        ("text.question_length", "why " * 200),
        ("text.passage_length", "No."),
        ("text.passage_length", "word " * 5000),
    ],
)
def test_texts_too_short_or_long_are_out_of_bounds(name: str, text: str) -> None:
    assert not accepted(name, value(name, {name.split(".")[1].split("_")[0]: text}))


def test_length_ratio_is_smoothed_by_fifteen_characters() -> None:
    made, source = {"question": "x" * 45}, {"question": "x" * 15}
    assert value("text.question_length_ratio", made, source) == pytest.approx(60 / 30)


def test_a_passage_cut_to_a_third_is_rejected_by_its_ratio() -> None:
    name = "text.passage_length_ratio"
    assert not accepted(name, value(name, {"passage": PASSAGE[:20]}))


def test_script_ratio_counts_letters_of_the_wanted_script_only() -> None:
    # Ελλάδα: 6 Greek letters; abc: 3 Latin; digits and punctuation do not count
    made = {"passage": "Ελλάδα, abc 123!", "passage_lang": "el"}
    assert value("text.script_ratio", made) == pytest.approx(6 / 9)


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("ja", "東京はどこですか"),
        ("ko", "서울은 어디에 있나요"),
        ("zh-Hant", "臺北在哪裡"),
        ("sr", "Где је Београд"),
        ("sr", "Gde je Beograd"),
        ("pt-BR", "Onde fica São Paulo"),
        ("hi", "दिल्ली कहाँ है"),
        ("ru", "Где Москва"),
    ],
)
def test_scripts_of_a_language_are_all_of_its_scripts(tag: str, text: str) -> None:
    scripts = expected_scripts(tag)
    assert scripts is not None
    assert script_ratio(text, scripts) == 1.0


def test_script_ratio_of_a_text_without_letters_is_unknown() -> None:
    assert math.isnan(value("text.script_ratio", {"question": "🙂 2+2?"}))


def test_script_ratio_does_not_judge_code_switching() -> None:
    assert "code_switch" not in SCORES["text.script_ratio"].methods


@pytest.mark.parametrize(
    ("text", "mass"),
    [
        ("one two three", 0),
        ("it is is here", 1),
        ("the the the the end", 3),
        ("the The THE the end", 3),
        ("for ever and for ever and gone", 3),
        ("go, go, go, go, stop", 4.5),  # three more "go" and their commas, half a word each
        ("wait...", 1),  # two more full stops
        ("hahahahaha", 4),  # five times "ha": eight letters more
        ("1,000,000,000 people", 0),
        ("1000000000", 0),
        ("好好好好", 3),
        ("New York, New York", 0),  # no unit stands twice in a row without its comma
        ("ـــــــــ", 0),  # a ruled line of tatweel is one token
    ],
)
def test_loop_mass_by_hand(text: str, mass: float) -> None:
    assert loop_masses(tokenize([text]))[0] == pytest.approx(mass)


def test_loops_do_not_run_from_one_text_into_the_next() -> None:
    assert loop_masses(tokenize(["the end", "end the", "the", "the"])).tolist() == [0, 0, 0, 0]


words = st.lists(st.sampled_from(["abc", "de", "fg", "hij", "k", "lm"]), min_size=1, max_size=12)


@given(words, st.integers(1, 6), st.integers(2, 6), words)
def test_a_looped_phrase_has_at_least_its_further_copies(
    before: list[str], width: int, copies: int, after: list[str]
) -> None:
    phrase = [f"w{i}" for i in range(width)]
    text = " ".join([*before, *phrase * copies, *after])
    assert loop_masses(tokenize([text]))[0] >= width * (copies - 1)


@given(st.lists(st.text(max_size=60), max_size=6))
def test_texts_are_measured_independently(texts: list[str]) -> None:
    together = loop_masses(tokenize(texts)), repeated_ngram_shares(tokenize(texts))
    alone = [
        (loop_masses(tokenize([t]))[0], repeated_ngram_shares(tokenize([t]))[0]) for t in texts
    ]
    assert np.array_equal(np.array(together).T.reshape(-1, 2), np.array(alone).reshape(-1, 2))


def reference_share(tokens: list[str]) -> float:
    grams = [tuple(tokens[i : i + 4]) for i in range(len(tokens) - 3)]
    return 1 - len(set(grams)) / len(grams) if len(grams) >= 8 else 0.0


@given(st.lists(st.sampled_from(["ab", "cd", "ef"]), min_size=1, max_size=40))
def test_ngram_share_of_words_equals_a_plain_count(tokens: list[str]) -> None:
    share = repeated_ngram_shares(tokenize([" ".join(tokens)]))[0]
    assert share == pytest.approx(reference_share(tokens))


@pytest.mark.parametrize(
    "text",
    [
        PASSAGE.replace("bridge", "bridge bridge bridge bridge"),
        PASSAGE.replace("in 1912", "in 1912 in 1912 in 1912"),
        PASSAGE + " " + "ha" * 20,
        PASSAGE + " " + ". " * 30,
        PASSAGE.replace("trains", "and the trains and the trains"),
    ],
)
def test_a_loop_that_the_source_has_not_is_rejected(text: str) -> None:
    name = "text.repetition"
    assert not accepted(name, value(name, {"passage": text}))
    assert accepted(name, value(name, {"passage": text}, {"passage": text}))


def test_sentences_that_come_back_are_rejected_by_the_ngram_share() -> None:
    name = "text.ngram_repetition"
    assert not accepted(name, value(name, {"passage": f"{PASSAGE} However: {PASSAGE}"}))


@pytest.mark.parametrize(
    "leftover",
    [
        ">>por<<",
        "<2pt>",
        "por_Latn",
        "pt_XX",
        "__pt__",
        "</s>",
        "<unk>",
        "<b>",
        "&quot;",
        "&#39;",
        "▁",
        "[UNK]",
        "de@@ ",
    ],
)
def test_leftovers_count_unless_the_source_has_them(leftover: str) -> None:
    damaged = {"question": f"{leftover} {QUESTION}"}
    assert value("text.leftovers", damaged) == 1
    assert value("text.leftovers", damaged, damaged) == 0


@pytest.mark.parametrize("text", ["Is 3 < 4 > 2?", "R&D; and AT&T", "mail me @ home", "[1] x"])
def test_ordinary_signs_are_no_leftovers(text: str) -> None:
    assert value("text.leftovers", {"question": text}) == 0


@pytest.mark.parametrize("char", ["\ufffd", "\u2047", "\ue000", "\x07", "\x81"])
def test_characters_that_stand_for_nothing_count(char: str) -> None:
    assert value("text.unknown_characters", {"passage": PASSAGE + char * 2}) == 2
    source = {"passage": PASSAGE + char}
    assert value("text.unknown_characters", {"passage": PASSAGE + char * 2}, source) == 1


@pytest.mark.parametrize(
    "text", ["line\nbreak\ttab\r\n", "می\u200cخواهم", "👩\u200d🚀 ok", "naïve é"]
)
def test_white_space_joiners_and_emoji_are_no_unknown_characters(text: str) -> None:
    assert value("text.unknown_characters", {"passage": text}) == 0


@pytest.mark.parametrize(
    ("source", "made", "count"),
    [
        ("See https://a.org/x_y.", "See https: //a.org/x y.", 1),
        ("See https://a.org/x_y.", "Look at HTTPS://A.org/x_y!", 0),
        ("Write to ann@b.com now", "Write to Ann @ b. com now", 1),
        ("Call read_file twice: read_file", "Call read_file", 1),
        ("It is ____ here", "It is here", 1),
        ("plain", "plain", 0),
        ("a clarinet in B♭ or E♭", "um clarinete em B ou E♭", 1),
        ("x ∈ X and y ∈ Y → x ≤ y", "x E X e y ∈ Y → x - y", 2),
        ("3 × 4 → 12", "3 x 4 → 12", 0),
        ("2 1\u20442-story, 6\u22156, f\u2217, \u223c9, a\u22c5b", "2 1/2, 6/6, f*, ~9, a·b", 0),
        ("Na⁺ at −5 °C ＋ about ~40 | <i>x</i>", "Na+ a -5 °C + cerca de 40, x", 0),
        ("no symbols", "none, then 2 + 2", 0),
    ],
)
def test_what_no_language_rewords_is_counted_where_it_is_mangled(
    source: str, made: str, count: int
) -> None:
    assert value("text.mangled", {"question": made}, {"question": source}) == count


@pytest.mark.parametrize("run", ["a" * 300_000, "a.b+" * 75_000])
def test_what_is_mangled_is_counted_in_linear_time(run: str) -> None:
    # Ten minutes and more, were each letter tried as the beginning of all that follows.
    assert count_mangled("", f"user_id {run}") == 1


def test_truncation_comes_from_the_engine_and_its_absence_rejects_nothing() -> None:
    name = "text.truncated"
    told = TextFilter().score(batch({}, {}, truncated=[0, 2]), {name})[name]
    assert told.tolist() == [0, 2]
    assert np.isnan(TextFilter().score(batch({}), {name})[name]).all()
    assert not SCORES[name].reject_null


@given(st.text())
def test_effective_length_is_never_below_the_number_of_characters(text: str) -> None:
    assert effective_length(text) >= len(text)


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_can_be_scored(question: str, passage: str) -> None:
    made = {"question": question, "passage": passage}
    candidates = batch({"made": made}, {"source": made})
    scored = TextFilter().score(candidates, set(SCORES))
    assert all(values.shape == (2,) for values in scored.values())
