"""Numbers that Python's JSON reads and the streaming parser does not cost no more than one pair."""

import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading_samples import paragraph, peak_memory, question, read_all, squad

from bt_augment.pairs.readers.json_numbers import NumberMender, plain_number
from bt_augment.pairs.readers.json_stream import events, value_of

NUMBERS = [
    "NaN", "Infinity", "-Infinity", "100000000000000000000", "-9223372036854775809", "1e400",
    "1.5", "-0.0", "12", "-3e-5", "1e99999999999999999999", "-1e-99999999999999999999",
    "9" * 5000,
]  # fmt: skip
SAME_TEXT = 'is "NaN", -Infinity: NaN, \\" 99999999999999999999, NaN'


def parsed(tmp_path, data):
    path = tmp_path / "a.json"
    path.write_bytes(data)
    with path.open("rb") as file:
        stream = events(file)
        return value_of(next(stream), stream)


def same(one, other):
    return one == other or (one != one and other != other)


@pytest.mark.parametrize("number", NUMBERS[:-1])
@pytest.mark.parametrize("space", ["", " ", "\n\t"])
def test_a_number_is_what_pythons_json_makes_of_it(tmp_path, number, space):
    text = f"[{space}{number}{space},{space}{number}{space}]"
    got = parsed(tmp_path, text.encode())
    expected = json.loads(text)
    assert [type(value) for value in got] == [type(value) for value in expected]
    assert all(same(*both) for both in zip(got, expected, strict=True))


def test_an_integer_that_python_refuses_is_infinite(tmp_path):
    assert parsed(tmp_path, b"[" + NUMBERS[-1].encode() + b"]") == [math.inf]


def test_text_that_reads_like_such_numbers_is_left_alone(tmp_path):
    document = {"a": [SAME_TEXT, float("inf")], SAME_TEXT: SAME_TEXT * 5000, "b": 10**20}
    assert parsed(tmp_path, json.dumps(document).encode()) == document


@pytest.mark.parametrize("text", ["{NaN: 1}", "[1Infinity]", "[NaN5]", "[--Infinity]", "[nan]"])
def test_what_pythons_json_refuses_stays_refused(write, text):
    outcome = read_all(write("a.json", f'[{{"question": "Who?", "passage": "A."}}, {text}]'))
    assert len(outcome.records) == 1
    assert outcome.causes == ["broken_json"]
    assert outcome.quarantined[0].place.value == "[1]"
    assert text.strip("[]{}")[:3] in outcome.quarantined[0].message  # what stands there


@pytest.mark.parametrize("number", ["1e" + "9" * 20, "-1E-" + "9" * 20, "9" * 5000])
@pytest.mark.parametrize("around", ["{}x", "{}.", "{}-1", "0{}", "x{}", "1.5.{}", "1-{}", "true{}"])
def test_numbers_of_many_digits_in_what_is_no_number_end_the_document(write, number, around):
    word = around.format(number.lstrip("-"))
    outcome = read_all(write("a.json", f'[{{"question": "Who?", "passage": "A."}}, {word}]'))
    assert len(outcome.records) == 1
    assert outcome.causes[-1] == "broken_json"
    document = json.dumps(squad(paragraph("A lamp.", question("What?"))))
    for end in ("", " ", document):  # after a document, as another one
        outcome = read_all(write("b.json", f"{document}{word}{end}"))
        assert outcome.records[0].question == "What?"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.text('aN"\\ ,:0'), max_size=8),
    words=st.lists(st.sampled_from(NUMBERS[:-1]), min_size=1, max_size=8),
    cuts=st.lists(st.integers(0, 400), max_size=4),
)
def test_pieces_of_any_size_give_the_same_document(texts, words, cuts):
    value = [[text, "NaN", f"{text} NaN"] for text in texts]
    tokens = [json.dumps(value), *words]
    data = ("[" + ", ".join(tokens) + "]").encode()
    # As the stream cuts: after a byte that is inside no number and no escape.
    at = sorted({data.rfind(b" ", 0, cut) + 1 for cut in cuts})
    pieces = [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True)]
    mender = NumberMender()
    mended = b"".join(map(mender.mend, pieces))
    assert mended == NumberMender().mend(data)
    read = [plain_number(item) for item in json.loads(mended, parse_float=_decimal)]
    expected = json.loads(data)
    assert read[0] == expected[0]
    assert all(same(*both) for both in zip(read[1:], expected[1:], strict=True))


def _decimal(text):
    from decimal import Decimal

    return Decimal(text)


@pytest.mark.parametrize("number", NUMBERS)
def test_an_odd_number_in_a_field_that_nobody_reads_harms_nothing(write, number):
    rows = [{"id": str(n), "question": "Who?", "passage": f"A {n}.", "score": n} for n in range(4)]
    text = json.dumps(rows).replace('"score": 1}', f'"score": {number}}}')
    outcome = read_all(write("a.json", text))
    assert [(r.id, r.passage) for r in outcome.items] == [(str(n), f"A {n}.") for n in range(4)]
    document = squad(
        *(paragraph(f"Text {n}.", question("Why?", f"q{n}", score=n)) for n in range(4))
    )
    text = json.dumps({"made": 1, **document})
    text = text.replace('"score": 1}', f'"score": {number}}}').replace(
        '"made": 1', f'"m": {number}'
    )
    outcome = read_all(write("b.json", text))
    assert [r.id for r in outcome.items] == ["q0", "q1", "q2", "q3"]


def test_a_bare_list_of_articles_is_found_behind_an_odd_number(write):
    articles = squad(paragraph("One.", question("A?", "a")))["data"]
    text = json.dumps([{"size": float("nan"), "views": 10**20, **articles[0]}])
    assert [r.id for r in read_all(write("a.json", text)).items] == ["a"]


@pytest.mark.parametrize("start", [10**20, float("nan"), 1e400, 2.0, 2])
def test_an_offset_means_what_it_means_in_json_lines(write, start):
    rows = [
        {"id": "a", "question": "?", "passage": "A man, a plan.",
         "answers": [{"text": "man", "answer_start": start}]},
        {"id": "b", "question": "?", "passage": "A canal."},
    ]  # fmt: skip
    document = squad(
        *(
            paragraph(r["passage"], question("?", r["id"], answers=r.get("answers", [])))
            for r in rows
        )
    )
    lines = read_all(write("a.jsonl", rows)).records
    assert [r.id for r in lines] == ["a", "b"]
    for path in (write("b.json", json.dumps(rows)), write("c.json", document)):
        records = read_all(path).items
        assert [(r.id, r.answers, r.notes) for r in records] == [
            (r.id, r.answers, r.notes) for r in lines
        ]


def test_a_number_for_a_text_names_its_own_place(write):
    document = squad(
        paragraph("One.", question("A?", "a"), question(10**30, "b"), question("C?", "c"))
    )
    outcome = read_all(write("a.json", document))
    assert [record.id for record in outcome.records] == ["a", "c"]
    (bad,) = outcome.quarantined
    assert (bad.cause, bad.place.value) == ("wrong_type", "data[0].paragraphs[0].qas[1]")
    assert bad.message == "the question is a number, not text"


def test_odd_numbers_do_not_make_memory_grow_with_the_file(write):
    def peak(count):
        row = {"question": "Why?", "passage": "word " * 150, "score": float("nan"), "n": 10**25}
        path = write(f"{count}.json", json.dumps([row] * count))
        return peak_memory(path, count)

    peak(10)  # imports and caches
    small, large = peak(500), peak(6000)
    assert large < small + 1_000_000  # the files differ by 4 MB
