import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_augment.pairs import answers
from bt_augment.pairs.answers import locate, relocate

PASSAGE = (
    "In 1823 the French physicist Augustin-Jean Fresnel installed a new type of lens, "
    "worth 1,500 francs, at the lighthouse of Cordouan."
)


@pytest.mark.parametrize(
    ("text", "hint", "start"),
    [
        ("red", 0, 0),
        ("red", 11, 11),
        ("red", 3, -1),  # twice
        ("red", None, -1),
        ("blue", 99, 5),
        ("blue", -1, 5),
        ("green", 0, -1),
        ("", 0, -1),
    ],
)
def test_locate(text, hint, start):
    assert locate(text, "red, blue, red", hint) == start


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("Augustin-Jean Fresnel", "Augustin-Jean Fresnel"),
        ("the french physicist", "the French physicist"),
        ("Augustin Jean Fresnel", "Augustin-Jean Fresnel"),
        ("French physicists", "French physicist"),
        ("Fresne", "Fresnel"),
        ("a new kind of lens", "a new type of lens"),
        ("1823", "1823"),
        ("1,500", "1,500"),
        ("1832", ""),  # another year
        ("500", ""),  # part of 1,500
        ("1", ""),
        ("1,800 francs", ""),
        ("in Portugal", ""),
        ("", ""),
    ],
)
def test_relocate(answer, found):
    text, start, similarity = relocate(answer, PASSAGE)
    assert text == found
    assert start == (PASSAGE.index(found) if found else -1)
    assert (similarity == 1.0) == (bool(found) and found.lower() == answer.lower())


def test_a_letter_that_is_two_in_lower_case_cuts_nothing_off():
    passage = "Bugün i\u0307stanbul çok güzel."  # as models write İ in lower case
    assert relocate("\u0130stanbul", passage) == ("i\u0307stanbul", 6, 1.0)
    assert relocate("i\u0307stanbul", "Bugün \u0130stanbul.")[:2] == ("\u0130stanbul", 6)


def test_similarity_is_normalized_indel():
    # "Fresne" to "Fresnel": one insertion over 13 characters
    assert relocate("Fresne", PASSAGE)[2] == pytest.approx(1 - 1 / 13)


@pytest.mark.parametrize(
    ("answer", "passage", "found"),
    [
        ("กรุงเทพ", "เมืองกรุงเทพมหานคร", "กรุงเทพ"),
        ("北京", "他在北京工作", "北京"),
        ("पैंथर", "पैंथर्स की", "पैंथर्स"),  # never cut between a letter and its vowel
        ("10", "in 2010, 10km", "10"),
    ],
)
def test_words_of_other_scripts_are_kept_whole(answer, passage, found):
    assert relocate(answer, passage)[0] == found


def test_only_the_window_is_searched():
    passage = "Lisbon is old. Lisbon is white."
    assert relocate("Lisbon", passage, (10, 31))[1] == 15
    assert relocate("Lisbon", passage, (0, 3)) == ("", -1, 0.0)
    assert relocate("Lisboa", passage, (7, 14))[1] == -1


def test_the_threshold_is_kept():
    assert relocate("a new kind of lens", PASSAGE, None, 0.9) == ("", -1, 0.0)


@given(st.text(max_size=12), st.text(max_size=60), st.integers(-5, 70), st.integers(-5, 70))
def test_what_is_found_is_a_slice_inside_the_window(answer, passage, low, high):
    text, start, similarity = relocate(answer, passage, (low, high), 0.3)
    if start == -1:
        assert (text, similarity) == ("", 0.0)
    else:
        assert text
        assert passage[start : start + len(text)] == text
        assert max(low, 0) <= start <= start + len(text) <= high
        assert 0.3 <= similarity <= 1.0


@given(st.text("abc déß", min_size=1, max_size=10), st.text("xyz .", max_size=30))
def test_an_answer_between_spaces_is_found_again(answer, around):
    if not answer.strip():
        return
    text, _, similarity = relocate(answer, f"{around} {answer} {around}")
    assert (text, similarity) == (answer.strip(), 1.0)


@given(
    st.text(
        st.sampled_from("aZéßµª²¼7_ '’.,-—\n½ðʼ") | st.characters(max_codepoint=0x24F), max_size=60
    )
    | st.text(st.characters(max_codepoint=0x206F, min_codepoint=0x2000) | st.sampled_from("ab1"))
)
def test_plain_words_are_the_words_of_all_scripts(text):
    if answers._BEYOND_PLAIN.search(text) is None:
        plain = [match.span() for match in answers._PLAIN_WORDS.finditer(text)]

        assert plain == [match.span() for match in answers._words().finditer(text)]


def test_each_plain_character_is_a_letter_to_both():
    for code in (*range(0x250), *range(0x2000, 0x2070)):
        character = chr(code)
        plain = answers._PLAIN_WORDS.fullmatch(character) is not None

        assert plain == (answers._words().fullmatch(character) is not None), hex(code)
