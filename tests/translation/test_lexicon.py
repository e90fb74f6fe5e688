import random

import pytest

from bt_augment.augmentation.code_switching import switch_words
from bt_augment.errors import LanguageError, LexiconError
from bt_augment.translation.lexicon import Lexicon


def test_muse_files_say_their_languages_by_name(tmp_path):
    path = tmp_path / "en-pt.0-5000.txt"
    path.write_text("the o\nthe a\nThe o\ncat\tgato\nice cream\tsorvete\n\n", encoding="utf-8")
    lexicon = Lexicon.read(str(path))
    assert (lexicon.source, lexicon.target) == ("en", "pt")
    assert lexicon.entries == {"the": ("o", "a"), "cat": ("gato",), "ice cream": ("sorvete",)}
    name, _, digest = lexicon.label.partition("@")
    assert name == path.name
    assert len(digest) == 16


def test_languages_may_be_said_beside_the_path(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("cat gato", encoding="utf-8")
    lexicon = Lexicon.read(f"EN:pt_BR={path}")
    assert (lexicon.source, lexicon.target) == ("en", "pt-BR")


def test_a_byte_order_mark_is_no_part_of_the_first_word(tmp_path):
    (tmp_path / "en-pt.txt").write_bytes(b"\xef\xbb\xbfcat gato\r\n")
    assert Lexicon.read(str(tmp_path / "en-pt.txt")).entries == {"cat": ("gato",)}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("words.txt", b"cat gato", "write en:pt=PATH"),
        ("en-en.txt", b"cat gato", "not of en twice"),
        ("en-pt.txt", b"\n\n", "holds no words"),
        ("en-pt.txt", b"cat gato\ndog\n", "line 2: 'dog' is not a word"),
        ("en-pt.txt", b"cat\tgato\t0.9\n", "line 1: 'cat.tgato.t0.9' is not a word"),
        ("en-pt.txt", b"cat gato\n\xff\xfe x\n", "line 2: is not UTF-8"),
        ("en-pt.txt", b"a" * 20_000, "line 1: 20,000 bytes"),
    ],
)
def test_a_broken_lexicon_is_one_clear_error(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LexiconError, match=message):
        Lexicon.read(str(tmp_path / name))


@pytest.mark.parametrize(
    ("word", "asked"), [("cafe\u0301", "Caf\u00e9"), ("caf\u00e9", "CAFE\u0301")]
)
def test_a_word_is_found_however_its_marks_are_encoded(tmp_path, word, asked):
    (tmp_path / "en-pt.txt").write_text(f"{word} cafezinho", encoding="utf-8")
    lexicon = Lexicon.read(str(tmp_path / "en-pt.txt"))
    switched = switch_words(f"A {asked}!", [lexicon], 1, random.Random(0))
    assert switched.text.lower() == "a cafezinho!"


@pytest.mark.parametrize(
    ("text", "said"),
    [("en-pt.\0.txt", "no file can have this name"), ("en:pt=", "write en:pt=PATH")],
)
def test_what_names_no_file_is_refused(text, said):
    with pytest.raises(LexiconError, match=said):
        Lexicon.read(text)


def test_a_missing_lexicon_and_a_wrong_tag_are_named(tmp_path):
    with pytest.raises(LexiconError, match=r"en-pt\.txt: cannot be read"):
        Lexicon.read(str(tmp_path / "en-pt.txt"))
    with pytest.raises(LanguageError):
        Lexicon.read(f"e:pt={tmp_path}/x")


def test_a_name_that_no_file_can_have_is_refused():
    with pytest.raises(LexiconError, match="no file can have this name"):
        Lexicon.read("en-pt.\0.txt")
