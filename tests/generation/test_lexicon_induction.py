"""A lexicon from a real run of the bundled model, taken up again by code-switching."""

import pytest

from bt_augment.errors import LexiconError, RunFolderError
from bt_augment.generation import Generation, generate
from bt_augment.generation.lexicon_induction import induce_lexicon, paired, parallel_texts
from bt_augment.recipe import load_recipe
from bt_augment.shards.browsing import Example
from bt_augment.translation.lexicon import Lexicon
from bt_augment.translation.word_alignment import Induction


def sentences_of(example, source, target):
    texts = parallel_texts(example, source, target)
    return [pair for both in texts for pair in paired(*both)]


def row(question, passage, lang, **others):
    return {
        "question": question,
        "passage": passage,
        "question_lang": lang,
        "passage_lang": lang,
        "pivot_question": None,
        "pivot_passage": None,
        "route": ["en", lang],
        **others,
    }


def test_a_translation_gives_its_question_and_each_sentence_of_its_passage():
    native = row("Who?", "One is here. Two is there.", "en")
    made = row("Quem?", "Um está aqui. Dois está ali.", "pt")
    assert sentences_of(Example(made, native), "en", "pt") == [
        ("Who?", "Quem?"),
        ("One is here.", "Um está aqui."),
        ("Two is there.", "Dois está ali."),
    ]
    assert ("Quem?", "Who?") in sentences_of(Example(made, native), "pt", "en")


def test_a_passage_that_lost_a_sentence_gives_none():
    native = row("Who?", "One is here. Two is there.", "en")
    made = row("Quem?", "Um está aqui.", "pt")
    assert sentences_of(Example(made, native), "en", "pt") == [("Who?", "Quem?")]


def test_the_pivot_text_of_a_round_trip_is_parallel_to_both_ends():
    native = row("Who?", "One is here.", "en")
    made = row(
        "Which?",
        "One is at hand.",
        "en",
        route=["en", "pt", "en"],
        pivot_question="Quem?",
        pivot_passage="Um está aqui.",
    )
    assert set(sentences_of(Example(made, native), "en", "pt")) == {
        ("Who?", "Quem?"),
        ("Which?", "Quem?"),
        ("One is here.", "Um está aqui."),
        ("One is at hand.", "Um está aqui."),
    }
    assert sentences_of(Example(made, native), "en", "de") == []


def test_without_native_rows_the_pivot_text_is_what_is_left():
    made = row("Which?", "P", "en", route=["en", "pt", "en"], pivot_question="Qual?")
    assert sentences_of(Example(made, None), "en", "pt") == [("Which?", "Qual?")]


@pytest.fixture(scope="module")
def induced(finished, tmp_path_factory):
    out = tmp_path_factory.mktemp("lexicon") / "en-pt.txt"
    return induce_lexicon(finished, "en", "pt", out), out


def test_common_words_of_a_real_run_get_their_translation(induced):
    made, out = induced
    lexicon = Lexicon.read(str(out))
    assert (lexicon.source, lexicon.target) == ("en", "pt")
    assert sum(map(len, lexicon.entries.values())) == len(made.entries)
    expected = {"and": "e", "of": "de", "water": "água", "years": "anos"}
    for word, translation in expected.items():
        assert translation in lexicon.entries[word], word


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes(induced, finished, tmp_path):
    _, out = induced
    again = tmp_path / "en-pt.txt"
    induce_lexicon(finished, "en", "pt", again)
    assert again.read_bytes() == out.read_bytes()


def test_the_lexicon_switches_words_of_a_new_run(induced, data, tmp_path, split_rows):
    _, out = induced
    recipe = load_recipe(None, {"code_switch.lexicons": [str(out)], "input.limit": 20})
    summary = generate(Generation([str(data / "en" / "qa.json")], tmp_path / "run", recipe))
    assert summary.totals.accepted == 20
    native, switched = (
        next(r for r in split_rows(tmp_path / "run", "train") if r["method"] == method)
        for method in ("native", "code_switch")
    )
    assert switched["passage"] != native["passage"]


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("en", "de", "--route en:de"),
        ("en", "en-GB", "two languages"),
        ("en", "zh", "without spaces"),
    ],
)
def test_languages_that_cannot_be_had_are_refused(finished, tmp_path, source, target, message):
    with pytest.raises(LexiconError, match=message):
        induce_lexicon(finished, source, target, tmp_path / "x.txt")
    assert not (tmp_path / "x.txt").exists()


def test_too_few_sentences_say_what_to_do(calm, tmp_path):
    with pytest.raises(LexiconError, match="smaller --min-count"):
        induce_lexicon(calm[1], "en", "pt", tmp_path / "x.txt", Induction(min_count=100_000))


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunFolderError):
        induce_lexicon(tmp_path, "en", "pt", tmp_path / "x.txt")
