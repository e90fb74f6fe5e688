import gzip
import json

import pytest
from reading_samples import paragraph, peak_memory, question, read_all, squad

from bt_augment.pairs.readers import Answer


def test_a_question_becomes_a_record_with_its_paragraph_and_title(write):
    text = "Oil lamps 🔥 burn oil."
    answer = {"text": "burn oil", "answer_start": 12}
    document = squad(paragraph(text, question("What do they burn?", answers=[answer])))
    (record,) = read_all(write("a.json", document)).records
    assert (record.id, record.question, record.passage) == ("q1", "What do they burn?", text)
    assert record.title == "Lamps"
    assert record.answers == (Answer("burn oil", 12),)  # code points: the flame counts as one
    assert record.notes == ()
    assert record.question_lang == record.passage_lang == "en"


def test_a_title_after_the_paragraphs_is_found(write):
    body = '{"data": [{"paragraphs": [%s], "title": "Late"}]}'
    path = write("a.json", body % json.dumps(paragraph("Some text.", question("Why?"))))
    assert [record.title for record in read_all(path).records] == ["Late"]


def test_questions_of_one_passage_are_one_group(write):
    document = squad(
        paragraph("One.", question("A?", "a"), question("B?", "b")),
        paragraph("Two.", question("C?", "c")),
    )
    first, second, third = (r.group_id for r in read_all(write("a.json", document)).records)
    assert first == second != third
    assert len(first) == 16


def test_unanswerable_questions_of_version_2_are_left_out(write):
    found = {"text": "One", "answer_start": 0}
    document = squad(
        paragraph(
            "One.",
            question("A?", "a", is_impossible=True),
            question("B?", "b", is_impossible=False, answers=[found]),
            question("C?", "c", is_impossible=False),
            question("D?", "d"),
        ),
        version="v2.0",
    )
    outcome = read_all(write("a.json", document))
    assert [item.id for item in outcome.left_out] == ["a", "c", "d"]
    assert [item.id for item in outcome.records] == ["b"]


def test_a_question_without_answers_of_version_1_is_kept(write):
    outcome = read_all(write("a.json", squad(paragraph("One.", question("A?")))))
    assert [record.answers for record in outcome.records] == [()]


def test_a_file_cut_in_the_middle_keeps_what_was_read(write):
    paragraphs = [paragraph(f"Text {n}.", question("Why?", f"q{n}")) for n in range(50)]
    text = json.dumps(squad(*paragraphs))
    cut = text[: text.index("Text 30.")]
    outcome = read_all(write("a.json", cut))
    assert [record.id for record in outcome.records] == [f"q{n}" for n in range(30)]
    assert outcome.causes == ["broken_json"]
    assert outcome.quarantined[0].place.value == "data[0].paragraphs[30]"


def test_a_cut_gzip_file_keeps_what_was_read(write):
    paragraphs = [paragraph(f"Text {n} {hash(n * 7919)}.", question("Why?")) for n in range(9000)]
    packed = gzip.compress(json.dumps(squad(*paragraphs)).encode())
    outcome = read_all(write("a.json.gz", packed[: len(packed) // 2]))
    assert 100 < len(outcome.records) < 9000
    assert outcome.causes == ["broken_json"]
    assert "end" in outcome.quarantined[0].message


@pytest.mark.parametrize(
    ("bad", "cause"),
    [
        (b'"half \\ud800 pair"', "lone_surrogate"),
        (b'"half \\udc00"', "lone_surrogate"),
        (b'"latin \xe9t\xe9"', "invalid_utf8"),
        (b'"null \\u0000 byte"', "nul"),
        (b'"null \x00 byte"', "nul"),
        (b'" \\t"', "empty_question"),
        (b'"\\u200b"', "empty_question"),
        (b"null", "missing_question"),
        (b"true", "wrong_type"),
        (b"17", "wrong_type"),
        (b'["a"]', "wrong_type"),
    ],
)
def test_a_bad_question_costs_itself_only(write, bad, cause):
    document = squad(
        paragraph("One.", question("A?", "a"), question("BAD", "b"), question("C?", "c"))
    )
    data = json.dumps(document).encode().replace(b'"BAD"', bad)
    outcome = read_all(write("a.json", data))
    assert [record.id for record in outcome.records] == ["a", "c"]
    assert outcome.causes == [cause]
    assert outcome.quarantined[0].place.value == "data[0].paragraphs[0].qas[1]"
    outcome.quarantined[0].raw.encode()


def test_escapes_that_look_like_surrogates_are_left_alone(write):
    document = squad(paragraph("One.", question("PLACE")))
    data = json.dumps(document).replace('"PLACE"', r'"a \\ud800 and \ud83d\ude00"')
    (record,) = read_all(write("a.json", data)).records
    assert record.question == "a \\ud800 and 😀"


@pytest.mark.parametrize("broken", ["text", {"context": "One."}, {"qas": 3}, None])
def test_a_paragraph_of_the_wrong_shape_costs_itself_only(write, broken):
    document = squad(broken, paragraph("Two.", question("Why?")))
    outcome = read_all(write("a.json", document))
    assert len(outcome.records) == len(outcome.quarantined) == 1
    assert outcome.quarantined[0].place.value == "data[0].paragraphs[0]"


def test_memory_does_not_grow_with_the_file(write):
    def peak(count):
        paragraphs = [
            paragraph(f"Text {n}. " + "word " * 150, question("Why?", f"q{n}"))
            for n in range(count)
        ]
        path = write(f"{count}.json", squad(*paragraphs))
        return peak_memory(path, count)

    peak(10)  # imports and caches
    small, large = peak(500), peak(8000)
    assert large < small + 1_000_000  # the files differ by 6 MB


@pytest.mark.parametrize(
    ("name", "pairs", "passages"),
    [
        ("squadshifts-new-wiki/new_wiki_v1.0.json.gz", 7938, 1581),
        ("faquad-pt/train.json.gz", 837, 211),
        ("faquad-pt/dev.json.gz", 63, 38),
        ("xquad-r/th.json.gz", 1190, 240),
    ],
)
def test_real_sets_are_read_whole(shared, name, pairs, passages):
    with gzip.open(shared / name, "rt", encoding="utf-8") as file:
        articles = json.load(file)["data"]
    truth = {
        q["id"]: (q["question"], p["context"])
        for a in articles
        for p in a["paragraphs"]
        for q in p["qas"]
    }
    outcome = read_all(shared / name)
    assert {r.id: (r.question, r.passage) for r in outcome.records} == truth
    assert len(outcome.items) == len(outcome.records) == pairs
    assert len({record.group_id for record in outcome.records}) == passages
    for record in outcome.records:
        for text, start in record.answers:
            assert start == -1 or record.passage[start : start + len(text)] == text


@pytest.mark.parametrize("layout", ["wrapped", "bare"])
def test_articles_without_the_object_around_them_are_read(write, layout):
    document = squad(paragraph("One.", question("A?", "a")), paragraph("Two.", question("B?", "b")))
    found = read_all(write("a.json", document if layout == "wrapped" else document["data"]))
    assert [(r.id, r.passage, r.title) for r in found.records] == [
        ("a", "One.", "Lamps"),
        ("b", "Two.", "Lamps"),
    ]
    assert found.quarantined == []


@pytest.mark.parametrize(
    ("after", "cause", "said"),
    [
        (" {}", "wrong_type", "no array 'data'"),
        (" 7", "wrong_type", "not a JSON object"),
        ("\n]", "broken_json", "near"),
        (" {", "broken_json", "premature EOF"),
    ],
)
@pytest.mark.parametrize("layout", ["wrapped", "bare"])
def test_what_follows_a_document_is_not_lost_unseen(write, layout, after, cause, said):
    document = squad(paragraph("One.", question("A?")))
    text = json.dumps(document if layout == "wrapped" else document["data"]) + after
    found = read_all(write("a.json", text))
    assert len(found.records) == 1
    (bad,) = found.quarantined
    assert (bad.cause, bad.place.value) == (cause, "documents[1]")
    assert said in bad.message


@pytest.mark.parametrize("between", ["", "\n", " \n\n"])
def test_documents_that_follow_each_other_are_all_read(write, between):
    asked = [question("A?"), question("B?", "b", is_impossible=True), question("C?", "c")]
    for item in asked:
        del item["id"]
    first = squad(paragraph("One.", asked[0]))
    second = squad(paragraph("Two.", asked[1], 5, asked[2]), version="v2.0")
    found = read_all(write("a.json", json.dumps(first) + between + json.dumps(second)))
    assert [(r.id, r.passage, r.place.value) for r in found.records] == [
        ("a:0.0.0", "One.", "data[0].paragraphs[0].qas[0]")
    ]
    # An empty list of answers means none in version 2, which the second document is.
    assert [(item.id, item.place.value) for item in found.left_out] == [
        ("a:1.0.0.0", "documents[1].data[0].paragraphs[0].qas[0]"),
        ("a:1.0.0.2", "documents[1].data[0].paragraphs[0].qas[2]"),
    ]
    assert [item.place.value for item in found.quarantined] == [
        "documents[1].data[0].paragraphs[0].qas[1]"
    ]


def test_bad_bytes_are_quarantined_as_they_are(write):
    document = squad(paragraph("One.", question("BAD")))
    data = json.dumps(document).encode().replace(b"BAD", b"caf\xe9 \xff")
    (bad,) = read_all(write("a.json", data)).quarantined
    assert "caf\\xe9 \\xff" in bad.raw


def test_a_flat_file_of_questions_is_read(write):
    answers = {"text": ["Lisbon"], "answer_start": [3]}
    rows = [
        {
            "id": "x",
            "title": "T",
            "context": "In Lisbon.",
            "question": "Where?",
            "answers": answers,
        },
        {"id": "y", "context": "In Lisbon.", "question": "Why?"},
    ]
    found = read_all(write("a.json", {"version": "0.1.0", "data": rows}))
    assert [(r.id, r.title, r.question, r.passage) for r in found.records] == [
        ("x", "T", "Where?", "In Lisbon."),
        ("y", None, "Why?", "In Lisbon."),
    ]
    assert found.records[0].answers == (Answer("Lisbon", 3),)


def test_an_article_with_neither_paragraphs_nor_a_question_is_quarantined(write):
    good = squad(paragraph("One.", question("A?")))["data"]
    found = read_all(write("a.json", {"data": [{"title": "Lost", "body": 1}, *good]}))
    assert len(found.records) == 1
    (lost,) = found.quarantined
    assert (lost.cause, lost.place.value) == ("missing_question", "data[0]")
    assert json.loads(lost.raw) == {"title": "Lost", "body": 1}


@pytest.mark.parametrize("ascii_only", [True, False])
def test_text_that_looks_like_the_mark_of_a_bad_character_is_left_alone(write, ascii_only):
    text = "A \ufdd0S\ufdd1, \ufdd0B\ufdd1, \ufdd0N\ufdd1, \ufdd0 and \\ufdd0."
    document = json.dumps(squad(paragraph(text, question("Why?"))), ensure_ascii=ascii_only)
    (record,) = read_all(write("a.json", document)).records
    assert record.passage == text


def test_a_paragraph_that_has_a_title_keeps_it(write):
    parts = [paragraph("One.", question("A?", "a")) | own for own in ({"title": "Own"}, {})]
    records = read_all(write("a.json", squad(*parts))).records
    assert [record.title for record in records] == ["Own", "Lamps"]


@pytest.mark.parametrize("data", [[], [1, 2], ["x"], [[{}]]])
def test_a_column_data_of_json_lines_makes_no_squad(write, data):
    row = {"data": data, "question": "Who?", "context": "A man."}
    assert len(read_all(write("a.jsonl", [row, row])).records) == 2
    assert len(read_all(write("b.jsonl", [dict(reversed(row.items()))])).records) == 1
