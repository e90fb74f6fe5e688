"""Whatever is written in a pair, what stands between its sentences comes out as it went in."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from bt_augment.augmentation.back_translation import BackTranslator
from bt_augment.pairs.schema import batch_from_rows, native_schema
from bt_augment.translation.decoding import Decoding, Hypothesis
from bt_augment.translation.route import Route

TAGS = st.sampled_from(["en", "pt", "de", "ar", "hi", "ja", "th", "ru", "zh-Hant", "sw"])
# Any Unicode that UTF-8 can hold, and texts that are mostly of what separates.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200) | st.text(
    "ab. \n\r\t\u2028\u2029\x85\u00a0\u3000。？!\u200b🙂ء", max_size=80
)
LINE_BREAKS = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


class StandIn:
    """Translates by a function, in no time."""

    class model:
        label = "stand-in@0"

    def __init__(self, translate):
        self._translate = translate

    def translate(self, sentences, decoding, *, salt=0):
        return [[Hypothesis(self._translate(s))] * decoding.candidates for s in sentences]


def through(translate, tag, question, passage):
    """Return question and passage after a round trip by way of another language."""
    pivot = "fi" if tag != "fi" else "et"
    stand_in = StandIn(translate)
    maker = BackTranslator(
        [Route.parse(f"{tag}:{pivot}:{tag}")],
        {(tag, pivot): stand_in, (pivot, tag): stand_in},
        Decoding(),
    )
    row = {
        "id": "a", "group_id": "g", "question": question, "passage": passage,
        "question_lang": tag, "passage_lang": tag, "answers": [],
    }  # fmt: skip
    made = maker.apply(batch_from_rows([row], native_schema()), 0).batch.rows
    return made.column("question")[0].as_py(), made.column("passage")[0].as_py()


@given(TAGS, TEXTS, TEXTS)
@example("en", "who wrote it", "A.\r\n\r\n\tB.  C.\u2028 ")
@example("en", "iPhone price", "")
@example("tr", "ılık su", "")
@example("zh-Hant", "誰？", "甲。乙。\u3000丙。\n")
@example("zh-Hant", "誰？", "\uf900。")  # a sign that normal forms replace
def test_a_translator_that_changes_nothing_gives_the_same_text(tag, question, passage):
    made_question, made_passage = through(lambda s: s, tag, question, passage)
    assert made_passage == passage
    assert made_question == question


@given(TAGS, TEXTS)
def test_one_that_changes_every_word_leaves_the_white_space_between_sentences(tag, passage):
    _, made = through(lambda s: "x", tag, "A question?", passage)
    assert LINE_BREAKS.findall(made) == LINE_BREAKS.findall(passage)
    assert made[: len(made) - len(made.lstrip())] == passage[: len(passage) - len(passage.lstrip())]
    assert made[len(made.rstrip()) :] == passage[len(passage.rstrip()) :]


@given(TAGS, TEXTS)
def test_one_that_gives_nothing_leaves_what_is_no_sentence(tag, passage):
    _, made = through(lambda s: "", tag, "A question?", passage)
    # Joined, as \r and \n with nothing left between them are one line break.
    assert "".join(LINE_BREAKS.findall(made)) == "".join(LINE_BREAKS.findall(passage))
    assert not any(c.isalpha() for c in made)
