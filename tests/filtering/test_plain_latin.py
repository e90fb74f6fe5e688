"""The short cut for Latin text says what the Unicode properties say."""

from __future__ import annotations

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from bt_augment.filtering import capitals, copying, repetition
from bt_augment.filtering.leftovers import _stands_for_nothing
from bt_augment.filtering.scripts import _WEIGHTS, is_plain_latin, script_ratio

plain = st.text(st.characters(codec="utf-8", max_codepoint=0x20AC).filter(is_plain_latin))


@given(plain)
def test_plain_text_has_the_tokens_of_any_text(text: str) -> None:
    folded = text.casefold()
    if is_plain_latin(folded):
        assert repetition._PLAIN_TOKEN.findall(folded) == repetition._TOKEN.findall(folded)
    assert copying._PLAIN_WORD.findall(text) == copying._WORD.findall(text)
    assert capitals._PLAIN_TOKEN.findall(text) == capitals._TOKEN.findall(text)


def test_each_plain_character_has_the_tokens_of_any_text() -> None:
    for character in filter(is_plain_latin, map(chr, range(0x20AD))):
        for text in (character, f"a{character}b", f"1{character}2"):
            assert repetition._PLAIN_TOKEN.findall(text) == repetition._TOKEN.findall(text)
            assert copying._PLAIN_WORD.findall(text) == copying._WORD.findall(text)
            assert capitals._PLAIN_TOKEN.findall(text) == capitals._TOKEN.findall(text)


@given(plain)
def test_plain_text_has_no_other_letters_and_nothing_unknown(text: str) -> None:
    assert not any(pattern.search(text) for pattern, _ in _WEIGHTS)
    assert not any(map(_stands_for_nothing, text))
    letters = regex.findall(r"\p{L}", text)
    assert all(regex.match(r"[\p{Script=Latn}\p{Script=Zyyy}]", letter) for letter in letters)
    assert script_ratio(text, frozenset({"Latn"})) == 1.0 or not letters


@pytest.mark.parametrize("text", ["Ελλάδα", "日本", "e\u0301", "\x00", "\u2047", "x\x1fy", "ไทย"])
def test_other_text_is_not_plain(text: str) -> None:
    assert not is_plain_latin(text)


def test_accents_and_quotes_are_plain() -> None:
    assert is_plain_latin("“São João” – 5½ m², naïve…\n")
