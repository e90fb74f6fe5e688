import json
import re

import pytest
import sentencex
from hypothesis import given
from hypothesis import strategies as st

from bt_augment.translation import segmentation
from bt_augment.translation.segmentation import (
    Layout,
    join_parts,
    needs_spaces,
    split_long,
    split_sentences,
)

TAGS = st.sampled_from(["en", "pt", "de", "ar", "hi", "zh", "ja", "th", "ru", "pt-BR", "sw"])
TEXTS = st.text(max_size=300)


@given(TEXTS, TAGS)
def test_pieces_joined_are_the_text(text, tag):
    assert "".join(split_sentences(text, tag)) == text


@given(st.text(alphabet="aB .?!。«»“”（(\u0e01", min_size=1, max_size=40), TAGS)
def test_pieces_of_a_long_line_joined_are_the_line(text, tag):
    line = text * (12_000 // len(text))
    assert "".join(split_sentences(line, tag)) == line


@given(
    st.text(alphabet="aB3éß ,'’-", max_size=40),
    st.sampled_from(["", "?", ".", "!"]),
    st.sampled_from(["en", "pt", "de", "tr", "vi", "xx"]),
)
def test_a_line_without_marks_is_what_the_splitter_says_too(words, mark, tag):
    line = words + mark
    assert split_sentences(line, tag) == [s for s in sentencex.segment(tag, line) if s]


@given(TEXTS, TAGS)
def test_a_layout_filled_with_its_own_sentences_is_the_text(text, tag):
    layout = Layout.of(text, tag)

    assert layout.fill(layout.sentences) == text


@given(TEXTS, TAGS)
def test_windows_say_where_each_sentence_is(text, tag):
    layout = Layout.of(text, tag)
    new = [sentence[::-1] + "!" for sentence in layout.sentences]
    filled = layout.fill(new, spaced=True)

    assert [filled[s:e] for s, e in layout.windows(new, spaced=True)] == new


@given(TEXTS, TAGS)
def test_sentences_have_a_letter_and_no_line_break_or_white_edge(text, tag):
    for sentence in Layout.of(text, tag).sentences:
        assert any(c.isalpha() for c in sentence)
        assert sentence == sentence.strip()
        assert len(sentence.splitlines()) == 1


def test_a_long_line_is_split_window_by_window_as_it_would_be_as_a_whole(data):
    rows = json.loads((data / "en" / "qa.json").read_text(encoding="utf-8"))["data"]
    passages = [p["context"] for article in rows for p in article["paragraphs"]]
    line = re.sub(r"[\n()\[\]\"'“”‘’]", " ", " ".join(passages))
    assert len(line) > 15_000  # more than three windows
    assert split_sentences(line, "en") == [s for s in sentencex.segment("en", line) if s]


def test_a_line_that_hardly_advances_is_read_in_wider_windows(monkeypatch):
    read = []

    def first_word(lang, text):
        read.append(len(text))
        return ["A. ", text[3:]]

    monkeypatch.setattr(segmentation.sentencex, "segment", first_word)
    line = "A. " + "A" * 20_000
    assert "".join(split_sentences(line, "pt")) == line
    assert read == [5_000, 10_000, 20_000, 20_003]


def test_a_line_break_ends_a_segment_and_stays():
    layout = Layout.of("First line\n  second line.\r\n\r\nThird.\t", "en")

    assert layout.sentences == ("First line", "second line.", "Third.")
    assert layout.fill(["A", "B", "C"]) == "A\n  B\r\n\r\nC\t"


@pytest.mark.parametrize(
    ("tag", "text", "count"),
    [
        ("en", "Dr. Smith paid $3.50 to J. Doe. He left.", 2),
        ("pt", "O Sr. Silva chegou às 8h. Saiu logo.", 2),
        ("zh", "你好。这是一个句子。", 2),
        ("hi", "यह एक वाक्य है। यह दूसरा है।", 2),
        ("ar", "هل هذا سؤال؟ نعم.", 2),
        ("de", "Es ist aus dem 18. Jahrhundert. Am 3. Mai 1990 kam es.", 2),
        ("de", "Das war unter Karl IV. Danach kam nichts. Er ging.", 2),
        ("tr", "Adını 20. Yüzyıldan alır. Bu II. Dünya Savaşı'ndan sonra oldu.", 2),
        ("en", "He came in 18. Then he left.", 2),
        ("en", "It has vitamin C. Then he left.", 2),
        ("pt", "A obra de J. Smith vendeu bem. Depois saiu.", 2),
        ("fr", "Un livre de J. Smith parut au siècle X. Puis il partit.", 2),
        ("ru", "Например, Э. Смит сказал. Потом ушёл.", 2),
        ("ar", "قال إ. مان ذلك. ثم ذهب.", 2),
        ("tr", "Kasırga 110 mph (180 km/s'a azaldı. Sonra (1964'te) bitti. Kent zarar gördü.", 3),
        ("en", "He saw [the first. Then (the second). Then a third.", 3),
        ("en", "It fell (he said. She said so too). Then it rose.", 2),
        ("en", "42. — 🎉", 1),
        ("en", "— 🎉", 0),
        ("en", "", 0),
    ],
)
def test_sentences_are_counted_by_language(tag, text, count):
    pieces = [piece for piece in split_sentences(text, tag) if any(map(str.isalnum, piece))]
    assert len(pieces) == count


def test_white_space_within_a_sentence_takes_linear_time():
    text = "The word" + " " * 400_000 + "ends here."  # a quarter of an hour in quadratic time

    assert Layout.of(f" {text}\u00a0", "en").sentences == (text,)


def test_numbers_and_emoji_alone_are_layout():
    layout = Layout.of("🎉🎉\n1999\nWords here.", "en")

    assert layout.sentences == ("Words here.",)
    assert layout.fill(["Palavras."]) == "🎉🎉\n1999\nPalavras."


def test_sentences_without_spaces_between_get_one_in_a_spaced_language():
    layout = Layout.of("你好。再见。", "zh")

    assert layout.fill(["Hello.", "Goodbye."], spaced=needs_spaces("zh", "en")) == "Hello. Goodbye."
    assert not needs_spaces("en", "zh")


def characters(texts):
    return [len(text) for text in texts]


@given(st.text(alphabet="abc ,;.", max_size=200), st.integers(1, 20))
def test_long_sentences_are_cut_to_the_limit_and_nothing_is_lost(text, limit):
    parts = split_long(text, characters, limit)

    assert "".join(parts) == text
    assert all(len(part) <= limit for part in parts)


def test_the_cut_is_at_the_clause_mark_nearest_the_middle():
    text = "one two, three four five six; seven eight nine ten"

    assert split_long(text, characters, 40) == [
        "one two, three four five six; ",
        "seven eight nine ten",
    ]


def test_ten_thousand_words_without_a_stop_are_cut():
    text = "word " * 10_000

    parts = split_long(text, lambda texts: [len(t.split()) for t in texts], 100)

    assert "".join(parts) == text
    assert max(len(part.split()) for part in parts) <= 100


def test_parts_are_joined_with_the_white_space_of_their_originals():
    assert join_parts(["one, ", "two"], ["um,", "dois"]) == "um, dois"
    assert join_parts(["一，", "二"], ["one,", "two"]) == "one,two"
