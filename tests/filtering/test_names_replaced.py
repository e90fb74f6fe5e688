"""Names of a translation: exchanged for others, or in the target language's own form."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_augment.filtering.names_replaced import Pair, names_replaced
from bt_augment.filtering.ordinary_words import has_words, is_ordinary, places

FLOWN = "The machine that Orville Kendrick flew stood in Dayton."


def replaced(source: str, source_lang: str, made: str, made_lang: str) -> float:
    pair = (source, source_lang, made, made_lang)
    return names_replaced([pair])[pair]


@pytest.mark.parametrize(
    ("made", "lang"),
    [
        ("A máquina que Alberto Kowalczyk pilotou ficava em Dayton.", "pt"),
        ("La máquina que pilotó Orville Guatemala estaba en Dayton.", "es"),
        ("Orville Novak'ın uçurduğu makine Dayton'da duruyordu.", "tr"),
        ("Машина Orville Gutenberg стояла в Dayton.", "ru"),
        ("Orville Gutenberg 驾驶的机器在 Dayton。", "zh"),
    ],
)
def test_another_name_stands_in_a_names_place(made: str, lang: str) -> None:
    assert replaced(FLOWN, "en", made, lang) >= 1


@pytest.mark.parametrize(
    ("source", "made", "lang"),
    [
        (FLOWN, "A máquina que Orville Kendrick pilotou ficava em Dayton.", "pt"),
        (FLOWN, "Machine 一架 Orville Kendrick 驾驶的机器停在 Dayton。", "zh"),
        ("Born in Germany, he left Munich.", "Nascido na Alemanha, deixou Munique.", "pt"),
        ("It ended after the Second World War.", "Terminó después de la Guerra Mundial.", "es"),
        ("The WHO of the United Nations.", "A OMS das Nações Unidas.", "pt"),
        ("There King Henry married in May.", "Allí el rey Enrique se casó en Mayo.", "es"),
        ("The scientist came from Norway.", "Bilim insanı Norveç'ten geldi.", "tr"),
    ],
)  # fmt: skip
def test_names_in_the_targets_own_form_are_not_replaced(source: str, made: str, lang: str) -> None:
    assert replaced(source, "en", made, lang) == 0


def test_a_vietnamese_syllable_is_no_name_but_a_longer_word_is() -> None:
    source = "The engine was built by Kendrick in Dayton."
    assert replaced(source, "en", "Động cơ do Nguyên chế tạo ở Dayton.", "vi") == 0
    assert replaced(source, "en", "Động cơ do Novak chế tạo ở Dayton.", "vi") == 1


def test_works_from_portuguese_too() -> None:
    source = "A fábrica que Beatriz Tavares abriu fica em Curitiba."
    kept = "The factory that Beatriz Tavares opened is in Curitiba."
    other = "The factory that Beatriz Kowalczyk opened is in Curitiba."
    assert replaced(source, "pt", kept, "en") == 0
    assert replaced(source, "pt", other, "en") == 1


def test_other_texts_of_the_batch_show_that_an_ordinary_word_is_a_name() -> None:
    # Given texts that keep "Bowl" in Spanish, and one that has another name for it
    kept = [
        (f"They won the Bowl of {year} at home.", "en", f"Ganaron el Bowl de {year} en casa.", "es")
        for year in (1994, 1997)
    ]
    other = ("They lost the Bowl at home.", "en", "Perdieron el Pacto en casa.", "es")
    # When the text is judged alone, it may be a translation; among the others it is none
    assert names_replaced([other])[other] == 0
    assert names_replaced([*kept, other])[other] == 1


def test_a_word_that_is_written_small_too_is_a_name_only_where_nearly_all_keep_it() -> None:
    other = ("They met in the Park at noon.", "en", "Se vieron en el Jardín al mediodía.", "es")
    kept = [
        (f"They won the Park of {year} then.", "en", f"Ganaron el Park de {year} entonces.", "es")
        for year in (1994, 1995, 1996)
    ]
    small = ("It is a park.", "en", "Es un parque.", "es")
    translated = ("We saw the Park at night.", "en", "Vimos el Bosque de noche.", "es")
    assert names_replaced([kept[0], other])[other] == 1  # always with a capital
    assert names_replaced([*kept[:2], small, other])[other] == 0
    assert names_replaced([*kept, small, other])[other] == 1
    assert names_replaced([*kept, small, translated, other])[other] == 0


def test_other_texts_of_the_batch_show_that_a_new_word_is_a_name() -> None:
    # Given texts that have "Plowshares" and "Kuznets" in both languages
    shown = [
        (f"In {y} Kuznets wrote it.", "en", f"En {y} lo escribió Kuznets.", "es") for y in (1, 2)
    ]
    # When one made text has the name, and its source an ordinary word in its place
    other = ("It was led by the Plowshares then.", "en", "La dirigía entonces Kuznets.", "es")
    # Then no list of words tells that Kuznets is a name, but the other texts do
    assert names_replaced([other])[other] == 0
    assert names_replaced([*shown, other])[other] == 1


def test_a_name_that_all_others_translate_is_not_missed() -> None:
    # Given a name without likeness to its form in the other language, in three texts
    texts = [
        (f"In {year} the Zhurchen came.", "en", f"En {year} llegaron los Yurches.", "es")
        for year in (1234, 1235)
    ]
    other = ("Then the Zhurchen left the land.", "en", "Luego los Manchúes la dejaron.", "es")
    # When it is judged alone, another name stands in its place; the others show that none does
    assert names_replaced([other])[other] == 1
    assert names_replaced([*texts, other])[other] == 0


def test_a_name_at_the_start_of_a_sentence_is_told_by_the_other_texts() -> None:
    # Given a text whose sentence begins with a name, and one that has it in mid-sentence
    other = ("Plovdiv lies on a river.", "en", "Junto a un río está Kowalczyk.", "es")
    middle = ("We saw Plovdiv at night.", "en", "Vimos Plovdiv de noche.", "es")
    assert names_replaced([other])[other] == 0
    assert names_replaced([middle, other])[other] == 1

    # When a text has the word without a capital, its capital tells nothing there
    small = ("A plovdiv is a kind of boat.", "en", "Un plovdiv es un barco.", "es")
    assert names_replaced([middle, small, other])[other] == 0


def test_a_word_that_translation_makes_of_others_is_no_foreign_name() -> None:
    made = [
        ("He left for Germany in May.", "en", "Salió hacia Alemania en mayo.", "es"),
        ("She left for Germany in June.", "en", "Ella salió hacia Alemania en junio.", "es"),
    ]
    assert not any(names_replaced(made).values())


def test_a_text_is_no_evidence_for_itself_however_often_it_comes() -> None:
    other = ("They lost the Bowl at home.", "en", "Perdieron el Pacto en casa.", "es")
    assert names_replaced([other] * 5) == {other: 0.0}


@pytest.mark.parametrize(
    ("source", "source_lang", "made", "made_lang"),
    [
        (FLOWN, "en", "The machine that Alberto Novak flew stood in Dayton.", "en-GB"),
        ("Машина Райта стояла в Дейтоне.", "ru", "A máquina de Novak ficava em Dayton.", "pt"),
    ],
)
def test_what_cannot_be_told_is_null(
    source: str, source_lang: str, made: str, made_lang: str
) -> None:
    assert math.isnan(replaced(source, source_lang, made, made_lang))


def test_a_language_without_names_in_cldr_is_no_error() -> None:
    assert places("germany", "xx") == frozenset()
    assert not has_words("xx")
    assert replaced(FLOWN, "en", "Mexanika Orville Kendrick Dayton.", "xx") == 0


@pytest.mark.parametrize("word", ["worlds", "parliament", "germany", "spaniards", "iranian"])
def test_ordinary_words_are_known_with_their_forms(word: str) -> None:
    assert is_ordinary(word, "en")


@pytest.mark.parametrize("word", ["kowalczyk", "gutenberg", "beyonce", "dayton"])
def test_names_that_stay_are_not_ordinary(word: str) -> None:
    assert not is_ordinary(word, "en")


def parallel(data: Path) -> list[Pair]:
    def passages(lang: str) -> list[str]:
        articles = json.loads((data / "parallel" / f"{lang}.json").read_text("utf-8"))["data"]
        return [p["context"] for article in articles for p in article["paragraphs"]]

    return [(one, "en", two, "pt") for one, two in zip(passages("en"), passages("pt"), strict=True)]


def test_swaps_in_human_translations_are_found_and_good_ones_pass(data: Path) -> None:
    pairs = parallel(data)
    damaged = []
    for source, source_lang, made, made_lang in pairs:
        names = re.findall(r"(?<=[a-z,] )[A-Z][a-z]{3,}(?= [a-z])", made)
        shared = [name for name in names if name in source]
        if shared:
            damaged.append((source, source_lang, made.replace(shared[0], "Kowalczyk"), made_lang))
    assert len(damaged) >= 10
    assert not any(names_replaced(pairs).values())
    found = names_replaced(damaged)
    assert sum(found[pair] > 0 for pair in damaged) >= 0.8 * len(damaged)


@given(st.permutations(range(6)))
def test_the_order_of_the_batch_does_not_matter(order: list[int]) -> None:
    pairs = [
        (f"In {i} the Bowl of Dayton was full.", "en", f"En {i} el Bowl de Dayton estaba.", "es")
        for i in range(5)
    ]
    pairs.append(("The Bowl was full.", "en", "Y el Pacto estaba.", "es"))
    assert names_replaced([pairs[i] for i in order]) == names_replaced(pairs)
