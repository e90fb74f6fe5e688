import pytest

from bt_augment.pairs.readers import Answer, InputSettings, Quarantined, records
from bt_augment.pairs.readers.base import Place, Row
from bt_augment.pairs.readers.ids import UniqueIds
from bt_augment.pairs.readers.records import RecordBuilder


@pytest.fixture
def searched(monkeypatch):
    """The texts that were looked for."""
    texts = []
    locate = records.locate

    def noted(text, passage, hint):
        texts.append(text)
        return locate(text, passage, hint)

    monkeypatch.setattr(records, "locate", noted)
    return texts


def build(passage, answers):
    values = {"question": "Who?", "passage": passage, "answers": answers}
    builder = RecordBuilder(InputSettings(lang="en"), str)
    return builder.build(Row(Place("a", "row", 1), values, "a:1"))


def test_an_answer_that_a_row_has_often_is_looked_for_once(searched):
    built = build("A man.", ["man", {"text": "man", "start": 1}, "woman"] * 1_000)
    assert built.answers == (Answer("man", 2), Answer("man", 2), Answer("woman", -1)) * 1_000
    assert built.notes == ("answer_relocated", "answer_not_located")
    assert searched == ["man", "man", "woman"]


@pytest.mark.parametrize("start", [None, -1, 7])
def test_thousands_of_answers_in_a_very_long_passage_are_not_all_looked_for(
    searched, monkeypatch, start
):
    monkeypatch.setattr(records, "_MAX_SEARCHED", 1 << 20)
    answers = [{"text": f"woman {n}", "start": start} for n in range(100_000)]
    built = build("A man. " * 10_000, answers)
    assert isinstance(built, Quarantined)
    assert built.cause == "unreadable_value"
    assert "--set 'input.answers=\"\"'" in built.message
    assert len(searched) == 15  # of 70,000 characters each


def test_answers_that_say_where_they_are_are_not_too_many(monkeypatch):
    monkeypatch.setattr(records, "_MAX_SEARCHED", 1_000)
    answers = [{"text": f"man {n:03}", "start": 8 * n} for n in range(500)]
    built = build(" ".join(answer["text"] for answer in answers), answers)
    assert [answer.start for answer in built.answers] == [8 * n for n in range(500)]


@pytest.mark.parametrize(
    ("passages", "noted"),
    [
        ({"passage": "A man."}, False),
        ({"passage": "A man.", "pos": ["A man.", "Men."]}, False),
        ({"pos": ["A man."]}, False),
        ({"pos": ["A man.", "Men."]}, True),
        ({"pos": ("A man.", "Men.")}, True),
        ({"positive_passages": [{"text": "A man."}, {"text": "Men."}]}, True),
        ({"passage": None, "ctxs": [{"text": "A man."}, {"text": "Men."}]}, True),
        ({"ctxs": [], "pos": ["A man."]}, False),
    ],
)
def test_a_row_with_more_positives_than_the_one_that_is_read_says_so(passages, noted):
    row = Row(Place("a", "row", 1), {"question": "Who?", **passages}, "a:1")
    built = RecordBuilder(InputSettings(lang="en"), str).build(row)
    assert built.passage == "A man."
    assert (built.notes == ("first_of_several_passages",)) is noted


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_nothing_among_the_answers_is_no_answer(nothing):
    assert build("A man.", [nothing, "man", {"text": nothing}]).answers == (Answer("man", 2),)
    assert build("A man.", [nothing]).answers == ()


@pytest.mark.parametrize(
    ("column", "settings"),
    [("Pos", {}), (" pos", {}), ("pos", {"passage": "pos[0]"}), ("pos", {"passage": "pos.0"})],
)
def test_the_first_of_several_passages_is_told_however_it_is_found(column, settings):
    builder = RecordBuilder(InputSettings(lang="en", **settings), str)
    row = Row(Place("a", "row", 1), {"question": "Who?", column: ["A man.", "A woman."]}, "a:1")
    assert builder.build(row).notes == ("first_of_several_passages",)


@pytest.mark.parametrize("place", ["²", "1" * 5_000, "٣"])
def test_what_is_no_place_in_a_list_is_no_column(place):
    builder = RecordBuilder(InputSettings(lang="en", passage=f"ctxs.{place}"), str)
    row = Row(Place("a", "row", 1), {"question": "Who?", "ctxs": ["A man."] * 9}, "a:1")
    assert builder.build(row).cause == "missing_passage"


def test_ids_stay_unique_where_those_with_suffixes_are_taken():
    with UniqueIds() as ids:
        taken = [ids.claim(f"a-{n}") for n in range(2, 40)]
        given = [ids.claim("a") for _ in range(40)]
        assert given == ["a", *(f"a-{n}" for n in range(40, 79))]
        steps = ids._database.execute("SELECT uses FROM seen WHERE uses > 2")
    assert len(set(taken)) == 38
    assert steps == [(78,)]  # of "a" alone: each taken form was looked at once
