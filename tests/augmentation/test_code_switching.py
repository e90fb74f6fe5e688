"""Words replaced from lexicons: how often, by what, and where the answers are then."""

import math
import random
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_augment.augmentation.code_switching import (
    CodeSwitcher,
    Switching,
    switch_words,
    switches,
)
from bt_augment.errors import LexiconError
from bt_augment.pairs.schema import batch_from_rows, native_schema
from bt_augment.translation.lexicon import Lexicon

WORDS = ["cat", "dog", "sea", "ship", "light", "old", "house", "long"]


def lexicon(target="pt", entries=None):
    known = entries or {word: (f"{word}-{target}",) for word in WORDS}
    return Lexicon("en", target, known, f"en-{target}.txt@0")


@given(
    st.lists(st.sampled_from([*WORDS, "unknown", "Xyz"]), min_size=200, max_size=400),
    st.floats(0, 1),
    st.integers(0, 2**32),
)
def test_words_are_replaced_at_the_ratio(words, ratio, seed):
    done = switch_words(" ".join(words), [lexicon()], ratio, random.Random(seed))
    eligible = sum(word in WORDS for word in words)
    assert done.eligible == eligible
    # Six standard deviations: a true 1 in 500 million
    bound = 6 * math.sqrt(eligible * ratio * (1 - ratio)) + 1e-9
    assert abs(len(done.spans) - eligible * ratio) <= bound


def test_in_multilingual_text_each_language_has_its_share():
    words = [random.Random(1).choice(WORDS) for _ in range(3000)]
    lexicons = [lexicon("pt"), lexicon("de"), lexicon("es")]
    done = switch_words(" ".join(words), lexicons, 0.6, random.Random(7))
    drawn = Counter(word.rpartition("-")[2] for word in done.text.split() if "-" in word)
    assert set(drawn) == {"pt", "de", "es"}
    total = sum(drawn.values())
    for count in drawn.values():
        assert abs(count - total / 3) < 5 * math.sqrt(total * 2 / 9)


@given(st.text(max_size=120), st.integers(0, 1000))
def test_what_is_not_replaced_stays_as_it_is(text, seed):
    done = switch_words(text, [lexicon()], 0.5, random.Random(seed))
    end = new_end = 0
    for start, stop, new_start, new_stop in done.spans:
        assert done.text[new_end:new_start] == text[end:start]
        assert text[start:stop].casefold() in WORDS
        end, new_end = stop, new_stop
    assert done.text[new_end:] == text[end:]


def test_nothing_is_replaced_at_ratio_0_and_all_at_1():
    text = "The old ship, the OLD house: Long light."
    assert switch_words(text, [lexicon()], 0, random.Random(0)).text == text
    done = switch_words(text, [lexicon()], 1, random.Random(0)).text
    assert done == "The old-pt ship-pt, the OLD-PT house-pt: Long-pt light-pt."


def test_one_of_several_translations_is_drawn():
    entries = {"bank": ("banco", "margem")}
    drawn = {
        switch_words("bank", [lexicon("pt", entries)], 1, random.Random(n)).text for n in range(20)
    }
    assert drawn == {"banco", "margem"}


@given(st.data())
def test_an_answer_keeps_its_words(data):
    words = data.draw(st.lists(st.sampled_from([*WORDS, "the", "."]), min_size=1, max_size=30))
    text = " ".join(words)
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    start = len(" ".join(words[:first])) + (1 if first else 0)
    end = len(" ".join(words[: last + 1]))
    done = switch_words(text, [lexicon()], 0.5, random.Random(data.draw(st.integers(0, 99))))
    new_start, new_end = done.moved(start, end)
    switched = done.text[new_start:new_end].split()
    assert [word.removesuffix("-pt") for word in switched] == words[first : last + 1]


def natives():
    rows = [
        {
            "id": f"q{n}",
            "group_id": "g",
            "question": f"Where is the old ship {n}?",
            "passage": "The old ship is by the long house. A dog guards the light.",
            "question_lang": lang,
            "passage_lang": lang,
            "title": None,
            "answers": [{"text": "by the long house", "start": 16}],
        }
        for n, lang in enumerate(["en", "en-GB", "pt"])
    ]
    return batch_from_rows(rows, native_schema())


def test_rows_are_aligned_and_answers_stand_in_them():
    kinds = switches([lexicon("pt"), lexicon("de")])
    assert [str(kind) for kind in kinds] == ["en:en+pt", "en:en+de", "en:en+pt+de"]
    made = CodeSwitcher(kinds, Switching(ratio=1), 2).apply(natives(), 0)
    rows = made.batch.rows.to_pylist()
    assert [row["id"] for row in rows[:3]] == ["q0/en:en+pt/0", "q0/en:en+pt/1", "q0/en:en+de/0"]
    assert made.not_applicable == {str(kind): 1 for kind in kinds}
    assert made.at == (0,) * 6 + (1,) * 6
    assert made.batch.sources.column("id").to_pylist() == ["q0"] * 6 + ["q1"] * 6
    for row in rows:
        assert row["method"] == "code_switch"
        (answer,) = row["answers"]
        place = slice(answer["start"], answer["start"] + len(answer["text"]))
        assert row["passage"][place] == answer["text"]
        assert answer["text"].startswith("by the long-")
        assert row["question_lang"] == ("en" if row["source_id"] == "q0" else "en-GB")
    # And one passage is one text again in each version
    assert len({row["passage"] for row in rows if row["route"] == ["en", "en+pt"]}) == 1


def test_a_seed_decides_whatever_the_unit_holds():
    def passages(batch, seed):
        settings = Switching(ratio=0.5, seed=seed)
        made = CodeSwitcher(switches([lexicon()]), settings).apply(batch, 3)
        return made.batch.rows.column("passage").to_pylist()

    whole = natives()
    assert passages(whole, 1)[1:] == passages(whole.slice(1), 1)
    assert any(passages(whole, 1) != passages(whole, seed) for seed in range(2, 6))


def test_two_lexicons_of_one_pair_are_refused():
    with pytest.raises(LexiconError, match="en-pt; join them"):
        switches([lexicon(), lexicon()])


def test_an_empty_unit_makes_nothing():
    made = CodeSwitcher(switches([lexicon()]), Switching()).apply(natives().slice(0, 0), 0)
    assert (len(made.batch), made.at) == (0, ())
    assert isinstance(made.batch.rows, pa.RecordBatch)
