"""Words are aligned by the real aligner, in sentences whose translations are known."""

import itertools

import pytest

from bt_augment.errors import LexiconError
from bt_augment.translation.word_alignment import Induction, induce

SUBJECTS = {"dog": "Hund", "cat": "Katze", "bird": "Vogel", "child": "Kind", "woman": "Frau"}
VERBS = {"sees": "sieht", "hears": "hört", "eats": "isst", "finds": "findet"}


@pytest.fixture(scope="module")
def sentences():
    """Return every subject with every verb and object; the German verb comes last."""
    return [
        (
            f"Today every {s} {v} this {o}.",
            f"Heute jede {SUBJECTS[s]} dieses {SUBJECTS[o]} {VERBS[v]}.",
        )
        for s, v, o in itertools.product(SUBJECTS, VERBS, SUBJECTS)
        if s != o
    ]


def test_words_that_translate_each_other_are_found_across_the_order(sentences):
    found = {e.word: e.translation for e in induce(sentences, Induction())}
    assert {word: found.get(word) for word in (*SUBJECTS, *VERBS)} == {**SUBJECTS, **VERBS}


def test_the_most_frequent_comes_first_and_counts_are_of_links(sentences):
    entries = induce(sentences, Induction())
    counts = [e.count for e in entries]
    assert counts == sorted(counts, reverse=True)
    # 20 pairs of subject and object for each verb; 8 of these 20, 4 verbs each, hold a noun.
    assert next(e for e in entries if e.word == "sees").count == 20
    assert next(e for e in entries if e.word == "dog").count == 32


def test_a_translation_keeps_the_spelling_it_has_within_sentences(sentences):
    found = {e.word: e.translation for e in induce(sentences, Induction())}
    assert found["dog"] == "Hund"  # a German noun
    assert found["sees"] == "sieht"


def test_words_are_spelt_as_they_are_and_not_as_they_are_compared():
    subjects = {"Straße": "Λόγος", "Gruß": "Νόμος", "Maß": "Τόπος"}
    verbs = {"fällt": "πέφτει", "steht": "στέκει", "geht": "πάει"}
    sentences = [
        (f"{s} {v}.", f"{subjects[s]} {verbs[v]}.") for s, v in itertools.product(subjects, verbs)
    ]
    found = {e.word: e.translation for e in induce(sentences, Induction())}
    assert {word: found.get(word) for word in ("straße", "gruß", "maß")} == {
        "straße": "λόγος",
        "gruß": "νόμος",
        "maß": "τόπος",
    }


def test_rare_and_unsure_words_are_left_out(sentences):
    rare = [*sentences, ("Today every fox sees this dog.", "Heute jede Füchsin dieses Hund sieht.")]
    assert "fox" in {e.word for e in induce(rare, Induction(min_count=1, min_share=0))}
    assert "fox" not in {e.word for e in induce(rare, Induction(min_count=2, min_share=0))}


def test_a_word_with_two_translations_has_both_or_none(sentences):
    torn = [
        (f"Today every {s} {v} this ball.", f"Heute jede {SUBJECTS[s]} dieses {made} {VERBS[v]}.")
        for s, v in itertools.product(SUBJECTS, VERBS)
        for made in ("Ball", "Tanz")
    ]
    of_ball = {
        share: {
            e.translation
            for e in induce([*sentences, *torn], Induction(min_share=share))
            if e.word == "ball"
        }
        for share in (0.3, 0.6)
    }
    assert of_ball == {0.3: {"Ball", "Tanz"}, 0.6: set()}


def test_sentences_without_words_and_endless_ones_are_passed_over(sentences):
    odd = [("", "x"), ("12, 13", "?!"), ("so " * 101, "also")]
    assert induce([*odd, *sentences], Induction()) == induce(sentences, Induction())
    assert induce(odd, Induction()) == []


@pytest.mark.parametrize(
    "values", [{"min_share": float("nan")}, {"min_share": 2}, {"min_count": 0}]
)
def test_what_no_word_can_reach_is_refused(values):
    with pytest.raises(LexiconError, match=next(iter(values))):
        Induction(**values)
