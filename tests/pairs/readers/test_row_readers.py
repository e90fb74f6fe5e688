import bz2
import csv
import datetime as dt
import gzip
import io
import json
import lzma
import random
import uuid
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading_samples import read_all

from bt_augment.errors import InputError
from bt_augment.pairs.readers import Answer
from bt_augment.pairs.readers.written_lists import ABSENT_CELLS

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
    pq.write_table(as_table(rows), sink)
    return sink.getvalue()


def as_table(rows):
    return rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows)


def as_arrow(rows, new=pa.ipc.new_stream):
    table = as_table(rows)
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
    "frames of pzstd": lambda data: b"\x50\x2a\x4d\x18\4\0\0\0\x63\0\0\0" + zstd(data),
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
    causes = {"empty_question", "empty_passage", "nul"}
    if kind in ("csv", "tsv", "semicolon") and any(
        text in ABSENT_CELLS for pair in pairs for text in pair
    ):
        causes |= {"missing_question", "missing_passage"}
    assert set(outcome.causes) <= causes


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


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet", "arrow file"])
def test_a_row_marked_unanswerable_is_left_out_of_any_format(write, kind):
    rows = [{**row, "answer": "A", "is_impossible": row["id"] == "b"} for row in ROWS]
    outcome = read_all(write("a", WRITERS[kind](rows)))
    assert [item.id for item in outcome.left_out] == ["b"]
    assert [record.id for record in outcome.records] == ["a", "c"]


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


def test_white_space_around_a_passage_makes_no_other_group(write):
    rows = [{**ROWS[0], "passage": text} for text in ("A river.", " A river.\n", "A  river.")]
    one, same, other = (r.group_id for r in read_all(write("a.jsonl", rows)).records)
    assert one == same != other


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
    assert outcome.quarantined[0].raw == "1,Who?,caf\\xe9"
    assert [record.id for record in outcome.records] == ["2"]


def test_tab_separated_quotes_that_quote_nothing_are_text(write):
    body = 'id\tquestion\tpassage\n1\t"No" who said?\tA.\n2\t"Open\tB.\n3\tWho?\tC.\n'
    records = read_all(write("a.tsv", body)).records
    assert [(r.id, r.question) for r in records] == [
        ("1", '"No" who said?'),
        ("2", '"Open'),
        ("3", "Who?"),
    ]


@pytest.mark.parametrize("absent", ["nan", "NaN"])
def test_what_pandas_writes_for_nothing_is_nothing_in_any_column_of_csv(write, absent):
    rows = [
        {"id": absent, "question": "Who?", "passage": "A.", "title": absent, "answer": absent},
        {"id": "b", "question": absent, "passage": "B.", "title": "T", "answer": "B"},
        {"id": "c", "question": "Who?", "passage": absent, "title": "T", "answer": "C"},
    ]
    outcome = read_all(write("a.csv", as_csv(rows)))
    assert [(r.id, r.title, r.answers) for r in outcome.records] == [("a:2", None, ())]
    assert outcome.causes == ["missing_question", "missing_passage"]


def test_nan_in_lower_case_is_a_language(write):
    rows = [{**ROWS[0], "lang": tag} for tag in ("NaN", "nan")]
    records = read_all(write("a.csv", as_csv(rows))).items
    assert [record.question_lang for record in records] == ["en", "nan"]


def test_blank_lines_before_a_header_hide_no_delimiter(write):
    (record,) = read_all(write("a.csv", b"\r\n\r\n" + as_csv(ROWS[2:], ";"))).items
    assert (record.id, record.passage) == ("c", ROWS[2]["passage"])


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


@pytest.mark.parametrize("count", [20, 100])
@pytest.mark.parametrize("packer", ["gzip", "zstd"])
@pytest.mark.parametrize("kind", ["jsonl", "array", "csv"])
def test_a_small_cut_file_keeps_what_was_read_as_a_large_one_does(write, kind, packer, count):
    noise = random.Random(7)
    rows = [
        {"id": str(n), "question": "Who?", "passage": noise.randbytes(50).hex()}
        for n in range(count)
    ]
    whole = WRITERS[kind](rows)
    assert len(whole) < 1 << 16  # all of it is looked at to find the format
    packed = gzip.compress(whole) if packer == "gzip" else zstd_in_blocks(whole)
    good = write("good.jsonl", as_jsonl(ROWS))
    outcome = read_all(write("a.bin", packed[: len(packed) * 2 // 3]), good)
    first, later = outcome.records[:-3], outcome.records[-3:]
    assert [(r.id, r.passage) for r in first] == [
        (row["id"], row["passage"]) for row in rows[: len(first)]
    ]
    assert 0.4 * count < len(first) < 0.75 * count
    assert [r.passage for r in later] == [row["passage"] for row in ROWS]
    assert outcome.causes[-1] == ("broken_json" if kind == "array" else "broken_file")


def zstd_in_blocks(data):
    """Compress as a program does that writes a row at a time, and flushes."""
    sink = io.BytesIO()
    with pa.CompressedOutputStream(pa.PythonFile(sink, mode="w"), "zstd") as stream:
        for start in range(0, len(data), 150):
            stream.write(data[start : start + 150])
            stream.flush()
        stream.flush()
        return sink.getvalue()


@pytest.mark.parametrize("kind", ["parquet", "arrow stream", "arrow file", "csv"])
def test_two_columns_of_one_needed_name_are_refused_by_name(write, kind):
    table = pa.table([["A?"], ["B?"], ["C."]], names=["question", "question", "passage"])
    data = b"question,question,passage\nA?,B?,C.\n" if kind == "csv" else WRITERS[kind](table)
    path = write("a.bin", data)
    with pytest.raises(InputError, match=r"2 columns named 'question'.*input.question=") as caught:
        read_all(path)
    assert str(path) in str(caught.value)
    with pytest.raises(InputError, match="2 columns named 'question'"):
        read_all(path, passage="passage.text")


@pytest.mark.parametrize("kind", ["parquet", "arrow stream", "arrow file", "csv"])
@pytest.mark.parametrize("named", [{}, {"title": "x.y"}])
def test_two_columns_of_one_name_that_nobody_needs_are_fine(write, kind, named):
    names = ["note", "question", "note", "passage", "x.y"]
    table = pa.table([["1"], ["A?"], ["2"], ["B."], ["T"]], names=names)
    text = (",".join(names) + "\n1,A?,2,B.,T\n").encode()
    (record,) = read_all(write("a", text if kind == "csv" else WRITERS[kind](table)), **named).items
    assert (record.question, record.passage) == ("A?", "B.")


def test_where_only_unneeded_columns_are_there_twice_the_message_is_about_the_lacking_one(write):
    table = pa.table([["1"], ["2"]], names=["note", "note"])
    with pytest.raises(InputError, match="no column for the question"):
        read_all(write("a.parquet", as_parquet(table)))


def test_arrays_that_follow_each_other_are_all_read(write):
    text = as_array(ROWS[:1]) + b"\n" + as_array(ROWS[1:2]) + json.dumps(ROWS[2]).encode() + b" 7"
    outcome = read_all(write("a.json", text), lang=None)
    assert [(r.id, r.place.value) for r in outcome.records] == [
        ("a", "[0]"), ("b", "documents[1][0]"), ("c", "documents[2]"),
    ]  # fmt: skip
    assert [(x.cause, x.place.value) for x in outcome.quarantined] == [
        ("not_an_object", "documents[3]")
    ]


NAN = float("nan")


@pytest.mark.parametrize(
    ("field", "column"),
    [
        ("title", "title"), ("lang", "lang"), ("lang", "question_lang"), ("lang", "passage_lang"),
        ("id", "id"), ("group", "group_id"), ("answers", "answers"),
    ],
)  # fmt: skip
def test_nan_in_an_optional_column_is_absent(write, field, column):
    row = {"question": "Who?", "passage": "A man, nan."}
    for path in (
        write("a.jsonl", [{**row, column: NAN}]),
        write("a.json", json.dumps([{**row, column: NAN}])),
        write("a.parquet", as_parquet([{**row, column: NAN}])),
    ):
        (record,) = read_all(path).items
        assert (record.title, record.answers, record.question_lang) == (None, (), "en")
        assert record.id.startswith("a:")


def test_a_column_of_nan_gives_way_to_the_next_usual_one(write):
    rows = [{"question": "Who?", "passage": NAN, "text": "A man."}, {"question": "?", "text": NAN}]
    outcome = read_all(write("a.jsonl", rows))
    assert [r.passage for r in outcome.records] == ["A man."]
    assert outcome.causes == ["missing_passage"]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("nan", []),
        ("[nan]", []),
        ("['Ann', nan]", ["Ann"]),
        ("Nan Goldin", ["Nan Goldin"]),
        ("{'text': array(['Ann'], dtype=object), 'answer_start': array([3], dtype=int32)}",
         [("Ann", 3)]),
        ("{'text': array(['Ann', \"O'Neil, dtype=object)\"],\n      dtype=object), "
         "'answer_start': array([3, 9])}", [("Ann", 3), "O'Neil, dtype=object)"]),
        ("['Ann' 'Bob']", ["Ann", "Bob"]),
        ("['Ann'\n \"O'Neil\"]", ["Ann", "O'Neil"]),
        ("[{'text': np.str_('Ann'), 'start': np.int64(3)}]", [("Ann", 3)]),
        ("['Ann', \"O'Neil\"]", ["Ann", "O'Neil"]),
        ("[sic] no", ["[sic] no"]),
        ("[[Ann]]", ["[[Ann]]"]),
        ("{x | x > 0}", ["{x | x > 0}"]),
        ("array([1, 2])", ["array([1, 2])"]),
    ],
)  # fmt: skip
def test_a_csv_cell_of_answers_is_read_as_what_it_is(write, cell, expected):
    row = {"question": "Who?", "passage": "An Ann and a man.", "answers": cell}
    (record,) = read_all(write("a.csv", as_csv([row]))).items
    wanted = [(item, -1) if isinstance(item, str) else item for item in expected]
    assert [(text, -1 if text != "Ann" else start) for text, start in record.answers] == [
        (text, -1 if text != "Ann" else 3) for text, _ in wanted
    ]


@pytest.mark.parametrize(
    "cell",
    [
        "['Ann', 'Bo",
        "{'text': ['Ann'",
        "{'text': array(open('x')), 'answer_start': []}",
        "['a' 'b' ... 'y' 'z']",
    ],
)
def test_a_cell_of_answers_that_cannot_be_made_out_is_no_answer(write, cell):
    row = {"question": "Who?", "passage": "A man.", "answers": cell}
    outcome = read_all(write("a.csv", as_csv([row, {**row, "answers": "man"}])))
    assert [r.answers for r in outcome.records] == [(("man", 2),)]
    (bad,) = outcome.quarantined
    assert bad.cause in ("unreadable_value", "wrong_type")
    assert cell[:5] in bad.raw
    assert "--set 'input.answers=\"\"'" in bad.message


NOW = dt.datetime(2024, 5, 1, 12, 30)  # noqa: DTZ001 - Arrow's times without a zone


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.5, "3.5"), (7.0, "7"), (7, "7"), (Decimal("7.50"), "7.50"), (2**62, str(2**62)),
        (NOW, "2024-05-01 12:30:00"), (NOW.date(), "2024-05-01"), (NOW.time(), "12:30:00"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    ],
)  # fmt: skip
def test_ids_titles_and_groups_may_be_numbers_dates_and_uuids(write, value, text):
    kind = pa.uuid() if isinstance(value, uuid.UUID) else None
    column = pa.array([value.bytes if kind else value], kind)
    names = ["question", "passage", "id", "title", "group_id"]
    table = pa.table([["Who?"], ["A man."], column, column, column], names=names)
    (record,) = read_all(write("a.arrow", as_arrow(table))).items
    assert (record.id, record.title, record.group_id) == (text, text, text)


@pytest.mark.parametrize(
    ("column", "value", "said", "option"),
    [
        ("id", [1], "the id is a list", "input.id"),
        ("id", True, "the id is true or false", "input.id"),
        ("title", {"en": "T"}, "the title is an object", "input.title"),
        ("group_id", {}, "the group is an object", "input.group"),
        ("lang", 3, "the question_lang is a number", "input.passage_lang"),
        ("answers", [True], "the answer is true or false", "input.answers"),
        ("answers", [{"answer": "man"}], "the answer is an object", "input.answers"),
    ],
)
def test_an_optional_column_that_cannot_be_used_says_how_to_do_without(
    write, column, value, said, option
):
    path = write("a.jsonl", [{"question": "Who?", "passage": "A man.", column: value}])
    (bad,) = read_all(path).quarantined
    assert bad.cause == "wrong_type"
    assert said in bad.message
    assert f"--set '{option}=\"\"'" in bad.message
    field = option.removeprefix("input.")
    without = {"question_lang": "", "passage_lang": ""} if field.endswith("_lang") else {field: ""}
    assert len(read_all(path, **without).records) == 1


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("named", [b"sep=;\r\n", b"sep=;\n", b'"sep=;"\n'])
def test_excels_first_line_names_the_delimiter_and_is_no_header(write, bom, named):
    path = write("a.csv", bom + named + b'question;passage\n"A?";B, C\nlost\nD?;E\n')
    outcome = read_all(path)
    assert [(r.id, r.question, r.passage) for r in outcome.records] == [
        ("a:3", "A?", "B, C"),
        ("a:5", "D?", "E"),
    ]
    assert [(x.cause, x.place.value) for x in outcome.quarantined] == [("ragged_row", 4)]


def test_real_natural_questions_are_read_with_and_without_a_mapping(shared):
    path = shared / "nq-open-oracle" / "nq-open-oracle.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    truth = [(r["question"], r["ctxs"][0]["text"], r["ctxs"][0]["title"]) for r in rows]
    assert len(truth) == 2655
    for mapping in ({}, {"passage": "ctxs.0.text", "title": "ctxs.0.title"}):
        records = read_all(path, **mapping).items
        assert [(r.question, r.passage, r.title) for r in records] == truth


@pytest.mark.parametrize(
    ("answer", "read"),
    [("nan", "nan"), ('["Hello," she said', '["Hello," she said'), (1998.0, "1998"), (7, "7")],
)
def test_an_answer_of_a_format_with_types_is_what_it_says(write, answer, read):
    row = {"question": "What?", "passage": f"It said {read} in the end.", "answer": answer}
    (record,) = read_all(write("a.jsonl", [row])).records
    assert record.answers == (Answer(read, 8),)


def test_columns_that_differ_in_capitals_alone_are_twins(write):
    path = write("a.csv", b"question,passage,Title,TITLE\nWho?,A man.,x,y\n")
    with pytest.raises(InputError, match="2 columns named 'Title', whatever the capitals"):
        read_all(path)
    path = write("b.csv", b"question,passage,title,TITLE\nWho?,A man.,x,y\n")
    assert read_all(path).records[0].title == "x"


@pytest.mark.parametrize("value", [True, 1, 1.0, "true", "True ", "1", "yes"])
@pytest.mark.parametrize("name", ["is_impossible", "Is_Impossible"])
def test_questions_marked_unanswerable_are_left_out_however_it_is_written(write, name, value):
    row = {"question": "Who?", "passage": "A lamp."}
    outcome = read_all(write("a.jsonl", as_jsonl([row | {name: value}, row | {name: False}])))
    assert (len(outcome.left_out), len(outcome.records)) == (1, 1)
