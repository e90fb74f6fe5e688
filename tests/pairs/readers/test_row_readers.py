import bz2
import csv
import gzip
import io
import json
import lzma

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading_samples import read_all

ROWS = [
    {"id": "a", "question": "Who?", "passage": 'A man,\nsaid "no";\tthen left.', "lang": "en"},
    {"id": "b", "question": "O quê?", "passage": "Uma coisa.", "lang": "pt_br"},
    {"id": "c", "question": "谁?", "passage": "一个人。", "lang": "zh"},
]


def zstd(data):
    return pa.compress(data, "zstd", asbytes=True)


def as_jsonl(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def as_array(rows):
    return json.dumps(rows, indent=1).encode()


def as_csv(rows, delimiter=",", bom=b""):
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, rows[0].keys(), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return bom + out.getvalue().encode()


def as_parquet(rows):
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def as_arrow(rows, new=pa.ipc.new_stream):
    table = pa.Table.from_pylist(rows)
    sink = io.BytesIO()
    with new(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return sink.getvalue()


WRITERS = {
    "jsonl": as_jsonl,
    "array": as_array,
    "csv": as_csv,
    "tsv": lambda rows: as_csv(rows, "\t"),
    "semicolon": lambda rows: as_csv(rows, ";", b"\xef\xbb\xbf"),
    "jsonl with BOM": lambda rows: b"\xef\xbb\xbf" + as_jsonl(rows),
    "parquet": as_parquet,
    "arrow stream": as_arrow,
    "arrow file": lambda rows: as_arrow(rows, pa.ipc.new_file),
}
PACKERS = {
    "plain": bytes,
    "gzip": gzip.compress,
    "two gzip members": lambda data: gzip.compress(data[:40]) + gzip.compress(data[40:]),
    "zstd": zstd,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("kind", WRITERS)
def test_every_format_is_found_by_content_under_any_compression(write, kind, packer):
    path = write("no-suffix-at-all", PACKERS[packer](WRITERS[kind](ROWS)))
    outcome = read_all(path, lang=None)
    assert [(r.id, r.question, r.passage) for r in outcome.items] == [
        (row["id"], row["question"], row["passage"]) for row in ROWS
    ]
    assert [r.passage_lang for r in outcome.records] == ["en", "pt-BR", "zh"]


TEXT = st.text(min_size=1, max_size=40)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pairs=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=6))
@pytest.mark.parametrize("kind", WRITERS)
def test_any_text_round_trips_or_is_quarantined_and_none_is_lost(write, kind, pairs):
    rows = [{"id": str(n), "question": f"{q}", "passage": f"{p}"} for n, (q, p) in enumerate(pairs)]
    outcome = read_all(write("rows.bin", WRITERS[kind](rows)))
    assert len(outcome.items) == len(rows)
    texts = {row["id"]: (row["question"], row["passage"]) for row in rows}
    for record in outcome.records:
        assert (record.question, record.passage) == texts[record.id]
    visible = sum(bool(q.strip() and p.strip()) and "\0" not in q + p for q, p in pairs)
    invisible = len(pairs) - visible
    assert len(outcome.quarantined) >= invisible
    assert set(outcome.causes) <= {"empty_question", "empty_passage", "nul"}


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (b'{"question": "Who', "broken_json"),
        (b"not json", "broken_json"),
        (b'["a"]', "not_an_object"),
        (b'{"question": "Who?"}', "missing_passage"),
        (b'{"passage": "A."}', "missing_question"),
        (b'{"question": "", "passage": "A."}', "empty_question"),
        (b'{"question": "Who?", "passage": "\\u00a0\\n"}', "empty_passage"),
        (b'{"question": true, "passage": "A."}', "wrong_type"),
        (b'{"question": 3.5, "passage": "A."}', "wrong_type"),
        (b'{"question": "Who?", "passage": {"text": "A."}}', "wrong_type"),
        (b'{"question": "Who?", "passage": "caf\xe9"}', "invalid_utf8"),
        (b'{"question": "Who?", "passage": "\\ud800"}', "lone_surrogate"),
        (b'{"question": "Who?", "passage": "a\\u0000b"}', "nul"),
        (b'{"question": "Who?", "passage": "a\x00b"}', "nul"),
        (b'{"question": "Who?", "passage": "A.", "lang": "klingonese"}', "unknown_language"),
        (b'{"question": "Who?", "passage": "A.", "id": []}', "wrong_type"),
        (b'{"question": "Who?", "passage": "A.", "answers": [true]}', "wrong_type"),
        (b"[" * 100_000, "broken_json"),
    ],
)
def test_a_bad_line_is_quarantined_with_its_place_and_the_rest_is_read(write, line, cause):
    good = b'{"id": "%d", "question": "Who?", "passage": "A man."}\n'
    path = write("a.jsonl", good % 1 + b"\n" + line + b"\n" + good % 2)
    outcome = read_all(path)
    assert [record.id for record in outcome.records] == ["1", "2"]
    (bad,) = outcome.quarantined
    assert (bad.cause, bad.place.file, bad.place.value) == (
        cause,
        str(path),
        3,
    )
    assert bad.as_row()["line"] == 3
    assert len(bad.raw) <= 10_000
    json.dumps(bad.as_row(), ensure_ascii=False).encode()


def test_a_row_without_any_language_is_quarantined(write):
    rows = [{**ROWS[0]}, {**ROWS[1], "lang": None}]
    outcome = read_all(write("a.jsonl", rows), lang=None)
    assert outcome.causes == ["no_language"]
    assert len(outcome.records) == 1


def test_a_row_without_language_has_the_default(write):
    rows = [{**ROWS[0]}, {**ROWS[1], "lang": None}]
    assert [r.question_lang for r in read_all(write("a.jsonl", rows), lang="pt").records] == [
        "en",
        "pt",
    ]


def test_question_and_passage_may_differ_in_language(write):
    row = {"query": "Quem?", "text": "A man.", "question_lang": "pt", "passage_lang": "en"}
    (record,) = read_all(write("a.jsonl", [row]), lang=None).records
    assert (record.question_lang, record.passage_lang) == ("pt", "en")


def test_columns_are_named_by_dotted_paths(write):
    row = {"q": {"en": "Who?"}, "docs": [{"body": "B."}, {"body": "A man."}], "a.b": "title"}
    (record,) = read_all(
        write("a.jsonl", [row]), question="q.en", passage="docs[1].body", title="a.b"
    ).records
    assert (record.question, record.passage, record.title) == ("Who?", "A man.", "title")


def test_dotted_paths_reach_into_parquet(write):
    row = {"query": "Who?", "ctxs": [{"text": "A man.", "title": "Men"}]}
    path = write("a.parquet", as_parquet([row]))
    for named in ({}, {"passage": "ctxs.0.text", "title": "ctxs.0.title"}):
        (record,) = read_all(path, **named).records
        assert (record.passage, record.title) == ("A man.", "Men")


@pytest.mark.parametrize(
    "row",
    [
        {"question": "Who?", "positive_ctxs": [{"title": "Men", "text": "A man."}]},
        {"query": "Who?", "positive_passages": [{"docid": "1", "title": "Men", "text": "A man."}]},
        {"Question": "Who?", "Context": "A man.", "TITLE": "Men"},
    ],
)
def test_common_layouts_need_no_mapping(write, row):
    (record,) = read_all(write("a.jsonl", [row])).records
    assert (record.question, record.passage, record.title) == ("Who?", "A man.", "Men")


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["man"], [("man", 2)]),
        ("man", [("man", 2)]),
        ([{"text": "man", "start": 2}], [("man", 2)]),
        ([{"text": "man", "answer_start": 0}], [("man", 2)]),
        ({"text": ["man", "A"], "answer_start": [2, 0]}, [("man", 2), ("A", 0)]),
        ([1968], [("1968", -1)]),
        (["a"], [("a", -1)]),  # found twice: in man and in saw
        ('["man", "A"]', [("man", 2), ("A", 0)]),
        ([], []),
        (None, []),
    ],
)
def test_answers_in_every_layout(write, answers, expected):
    row = {"question": "Who?", "passage": "A man saw.", "answers": answers}
    (record,) = read_all(write("a.jsonl", [row])).records
    assert list(record.answers) == expected


def test_a_wrong_offset_is_mended_where_the_text_occurs_once_and_noted(write):
    rows = [
        {"question": "?", "passage": "red, blue, red", "answers": [{"text": "blue", "start": 4}]},
        {"question": "?", "passage": "red, blue, red", "answers": [{"text": "red", "start": 4}]},
        {"question": "?", "passage": "red, blue, red", "answers": [{"text": "red", "start": 11}]},
    ]
    records = read_all(write("a.jsonl", rows)).records
    assert [r.answers[0].start for r in records] == [5, -1, 11]
    assert [r.notes for r in records] == [("answer_relocated",), ("answer_not_located",), ()]


def test_the_hub_layout_of_squad_2_marks_unanswerable_by_empty_lists(write):
    empty = {"text": [], "answer_start": []}
    outcome = read_all(write("a.jsonl", [{"id": 7, **ROWS[0], "answers": empty}]))
    assert [item.reason for item in outcome.left_out] == ["unanswerable"]


def test_the_second_of_an_id_gets_a_suffix_and_a_note_across_files(write):
    rows = [{**ROWS[0], "id": name} for name in ("x", "x-2", "x", "x", 5, "5")]
    path = write("a.jsonl", rows)
    ids = [record.id for record in read_all(path, path).records]
    assert ids[:6] == ["x", "x-2", "x-3", "x-4", "5", "5-2"]
    assert len(set(ids)) == 12
    assert ids == [record.id for record in read_all(path, path).records]
    assert read_all(path).records[2].notes == ("id_suffixed",)


def test_rows_without_id_are_named_by_file_and_line(write):
    rows = [{"question": "Who?", "passage": "A."}] * 2
    assert [r.id for r in read_all(write("set.jsonl", rows)).records] == ["set:1", "set:2"]
    path = write("set.csv.gz", gzip.compress(as_csv(rows)))
    assert [r.id for r in read_all(path).records] == ["set:2", "set:3"]


def test_a_group_column_overrides_the_hash_of_the_passage(write):
    rows = [{**ROWS[0], "group_id": "g"}, {**ROWS[1], "group_id": None}]
    records = read_all(write("a.jsonl", rows)).records
    assert records[0].group_id == "g"
    assert len(records[1].group_id) == 16


def test_the_limit_counts_records(write):
    rows = [{"question": "", "passage": "A."}, *ROWS]
    outcome = read_all(write("a.jsonl", rows), limit=2)
    assert (len(outcome.records), len(outcome.quarantined)) == (2, 1)


@pytest.mark.parametrize(
    ("body", "ids", "bad"),
    [
        (
            "1,Who?,A.\n2,Who?\n3,Who?,A.,B\n4,Who?,A.\n",
            ["1", "4"],
            [(3, "ragged_row"), (4, "ragged_row")],
        ),
        ('1,Who?,"A\n\nB"\n2,"W"ho?,A\n3,Who?,A\n', ["1", "3"], [(5, "broken_csv")]),
        ('1,Who?,A\n2,"Who?,A\n3,Who?,A\n4,Who?,A\n', ["1", "3", "4"], [(3, "broken_csv")]),
        ("1,Who?,A\n2,,A\n", ["1"], [(3, "empty_question")]),
    ],
)
def test_bad_csv_lines_cost_themselves_only(write, body, ids, bad):
    outcome = read_all(write("a.csv", "id,question,passage\n" + body))
    assert [record.id for record in outcome.records] == ids
    assert [(item.place.value, item.cause) for item in outcome.quarantined] == bad


def test_latin_1_bytes_in_csv_cost_their_rows_only(write):
    body = b"id,question,passage\n1,Who?,caf\xe9\n2,Who?,cafe\n"
    outcome = read_all(write("a.csv", body))
    assert outcome.causes == ["invalid_utf8"]
    assert [record.id for record in outcome.records] == ["2"]


def test_tab_separated_quotes_that_quote_nothing_are_text(write):
    body = 'id\tquestion\tpassage\n1\t"No" who said?\tA.\n2\t"Open\tB.\n3\tWho?\tC.\n'
    records = read_all(write("a.tsv", body)).records
    assert [(r.id, r.question) for r in records] == [
        ("1", '"No" who said?'),
        ("2", '"Open'),
        ("3", "Who?"),
    ]


def test_a_megabyte_in_one_csv_field_is_read(write):
    rows = [{"question": "Who?", "passage": "word, " * 200_000}]
    (record,) = read_all(write("a.csv", as_csv(rows))).records
    assert record.passage == rows[0]["passage"]


def test_text_that_is_not_utf8_in_arrow_costs_its_row_only(write):
    raw = pa.array([b"A.", b"caf\xe9", b"C."]).cast(pa.binary())
    passages = pa.Array.from_buffers(pa.string(), 3, raw.buffers())
    table = pa.table({"question": ["Who?"] * 3, "passage": passages})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    outcome = read_all(write("a.arrow", sink.getvalue()))
    assert [record.id for record in outcome.records] == ["a:1", "a:3"]
    assert [(item.cause, item.as_row()["row"]) for item in outcome.quarantined] == [
        ("invalid_utf8", 2)
    ]


@pytest.mark.parametrize(
    ("kind", "packer"), [("jsonl", "gzip"), ("csv", "zstd"), ("arrow stream", "plain")]
)
def test_a_cut_file_keeps_what_was_read(write, kind, packer):
    rows = [
        {"id": str(n), "question": f"Who? {n * 7919 % 10007}", "passage": f"{n}"}
        for n in range(20_000)
    ]
    whole = PACKERS[packer](WRITERS[kind](rows))
    outcome = read_all(write("a.bin", whole[: len(whole) * 2 // 3]))
    assert 100 < len(outcome.records) < 20_000
    assert outcome.quarantined[-1].cause == "broken_file"
    assert len(outcome.quarantined) <= 2  # the break, and a line that it cut


def test_real_natural_questions_are_read_with_and_without_a_mapping(shared):
    path = shared / "nq-open-oracle" / "nq-open-oracle.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    truth = [(r["question"], r["ctxs"][0]["text"], r["ctxs"][0]["title"]) for r in rows]
    assert len(truth) == 2655
    for mapping in ({}, {"passage": "ctxs.0.text", "title": "ctxs.0.title"}):
        records = read_all(path, **mapping).items
        assert [(r.question, r.passage, r.title) for r in records] == truth
