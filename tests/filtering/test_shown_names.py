"""Names that other texts of a batch have in both versions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bt_augment.filtering.names import names_exchanged
from bt_augment.filtering.shown_names import shown_names

BOTH, NEW, OTHERWISE = ({"kuznets"}, {"kuznets"}), ({"kuznets"}, {"smith"}), ({"haus"}, {"house"})


def test_a_word_is_shown_by_others_that_have_it_in_both_versions() -> None:
    assert shown_names([NEW, BOTH], others=1) == {"kuznets"}
    assert shown_names([NEW, BOTH], others=2) == frozenset()
    assert shown_names([NEW, BOTH, BOTH], others=2) == {"kuznets"}


def test_a_word_made_of_others_or_too_short_is_not() -> None:
    assert shown_names([OTHERWISE] * 3, others=1) == frozenset()
    assert shown_names([NEW, NEW, BOTH], others=1) == frozenset()
    assert shown_names([({"ana"}, {"ana"})] * 3, others=1) == frozenset()


def test_nine_of_ten_others_suffice() -> None:
    assert shown_names([NEW, NEW, *[BOTH] * 9], others=1) == {"kuznets"}
    assert shown_names([NEW, NEW, *[BOTH] * 8], others=1) == frozenset()


def test_a_name_shown_by_others_is_an_exchange_where_the_pivot_tells_nothing() -> None:
    # Given a pivot that has neither name, but a word a little like the new one
    source, made = "It was led by Tesla in Paris.", "It was led by Kuznets in Paris."
    pivot = "Foi dirigido por kuzneta em Paris."
    assert names_exchanged(source, pivot, made, "en") == 0
    assert names_exchanged(source, pivot, made, "en", frozenset({"kuznets"})) == 1
    assert names_exchanged(source, pivot, source, "en", frozenset({"kuznets"})) == 0


@given(st.lists(st.sampled_from([BOTH, NEW, OTHERWISE])), st.randoms())
def test_the_order_of_the_texts_does_not_matter(texts, random) -> None:
    shuffled = list(texts)
    random.shuffle(shuffled)
    assert shown_names(shuffled, 1) == shown_names(texts, 1)
