import gzip
import json
import os
import random

import pytest
from reading_samples import read_all

from bt_augment.errors import InputError
from bt_augment.pairs.readers import InputSettings, Tally, read


@pytest.fixture
def beir(write, tmp_path):
    write(
        "b/queries.jsonl",
        [{"_id": "q1", "text": "Who?"}, {"_id": "q2", "text": "What?", "lang": "pt"}],
    )
    corpus = [
        {"_id": "d1", "title": "Men", "text": "A man."},
        {"_id": "d2", "text": "A thing."},
        {"_id": "d3", "text": "Never asked for."},
    ]
    packed = gzip.compress("".join(json.dumps(row) + "\n" for row in corpus).encode())
    write("b/corpus.jsonl.gz", packed)
    header = "query-id\tcorpus-id\tscore\n"
    write("b/qrels/train.tsv", header + "q2\td2\t1\nq1\td1\t2\nq1\td2\t0\nq1\td2\t1\n")
    write("b/qrels/test.tsv", "q2 0 d1 1\n")
    return tmp_path / "b"


def test_relevant_judgements_become_records_in_their_order(beir):
    outcome = read_all(beir)
    assert [(r.id, r.question, r.passage, r.title, r.question_lang) for r in outcome.records] == [
        ("q2", "What?", "A thing.", None, "pt"),
        ("q1", "Who?", "A man.", "Men", "en"),
        ("q1-2", "Who?", "A thing.", None, "en"),
    ]
    assert outcome.records[0].group_id == outcome.records[2].group_id
    assert [(out.reason, out.place.value) for out in outcome.left_out] == [("not_relevant", 4)]


def test_a_folder_without_a_relevant_judgement_is_told_by_its_reason(beir, write):
    write("b/qrels/train.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t0\nq1\td2\t0\n")
    tally = Tally()
    for item in read_all(beir).items:
        tally.add(item)
    with pytest.raises(InputError, match=r"all that was read is left out \(not_relevant: 2\)"):
        tally.check([str(beir)])


def test_each_text_has_its_own_language_and_none_of_the_others(write, beir):
    (beir / "corpus.jsonl.gz").unlink()
    write(
        "b/corpus.jsonl", [{"_id": "d1", "text": "A."}, {"_id": "d2", "text": "B.", "lang": "fr"}]
    )
    write("b/queries.jsonl", [{"_id": q, "text": "Who?", "lang": "de"} for q in ("q1", "q2")])
    langs = [(r.question_lang, r.passage_lang) for r in read_all(beir).records]
    assert langs == [("de", "fr"), ("de", "en"), ("de", "fr")]


def test_another_split_in_trec_columns(beir):
    assert [(r.id, r.passage) for r in read_all(beir, split="test").records] == [("q2", "A man.")]


def test_an_unknown_split_is_refused_with_those_there(beir):
    with pytest.raises(InputError, match=r"no split 'dev'.*test, train"):
        read([str(beir)], InputSettings(lang="en", split="dev"))


@pytest.mark.parametrize("table", ["queries", "corpus"])
def test_a_folder_whose_texts_have_another_name_is_refused_with_file_and_fields(write, beir, table):
    (beir / "corpus.jsonl.gz").unlink()
    rows = {"queries": [{"_id": "q1", "text": "Who?"}], "corpus": [{"_id": "d1", "text": "A man."}]}
    rows[table] = [{"_id": rows[table][0]["_id"], "contents": "x"}]
    for name, lines in rows.items():
        write(f"b/{name}.jsonl", lines)
    with pytest.raises(InputError, match=rf"{table}\.jsonl has no field 'text'.*_id, contents"):
        read_all(beir)


def test_no_field_of_a_query_stands_for_the_text_of_a_document(write, beir):
    write("b/queries.jsonl", [{"_id": q, "text": "Who?", "passage": "Mine."} for q in ("q1", "q2")])
    (beir / "corpus.jsonl.gz").unlink()
    write("b/corpus.jsonl", [{"_id": "d1", "text": "A man."}, {"_id": "d2"}])
    outcome = read_all(beir)
    assert [r.passage for r in outcome.records] == ["A man."]
    assert outcome.causes == ["missing_passage", "missing_passage"]


def test_broken_lines_and_unknown_ids_are_quarantined(beir):
    with (beir / "queries.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"_id": "q3", \n')
    with (beir / "qrels" / "train.tsv").open("a", encoding="utf-8") as file:
        file.write("q3\td1\t1\nq1\td9\t1\nnonsense\n")
    outcome = read_all(beir)
    assert len(outcome.records) == 3
    assert [
        (item.place.file.rpartition("/")[2], item.place.value, item.cause)
        for item in outcome.quarantined
    ] == [
        ("queries.jsonl", 3, "broken_json"),
        ("train.tsv", 6, "unknown_query"),
        ("train.tsv", 7, "unknown_document"),
        ("train.tsv", 8, "ragged_row"),
    ]


@pytest.mark.parametrize("table", ["queries", "corpus"])
def test_a_second_line_of_one_id_is_quarantined_where_it_is_asked_for(beir, table):
    asked = {"queries": "q2", "corpus": "d1"}[table]
    rows = [{"_id": asked, "text": "First."}, {"_id": asked, "text": "Second."}]
    path = beir / f"{table}.jsonl"
    rows += [{"_id": "never", "text": "Once."}, {"_id": "never", "text": "Twice."}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    outcome = read_all(beir, split="test")
    (record,) = outcome.records
    assert "First." in (record.question, record.passage)
    (bad,) = outcome.quarantined
    assert (bad.cause, bad.place.file, bad.place.value) == ("repeated_id", str(path), 2)
    assert asked in bad.message
    assert "Second." in bad.raw


def test_a_judgement_whose_score_is_nan_is_quarantined(beir):
    with (beir / "qrels" / "train.tsv").open("a", encoding="utf-8") as file:
        file.write("q1\td1\tnan\n")
    outcome = read_all(beir)
    assert len(outcome.records) == 3
    (bad,) = outcome.quarantined
    assert (bad.cause, bad.place.value, bad.raw) == ("wrong_type", 6, "q1\td1\tnan\n")


def test_of_qrels_that_are_cut_what_comes_before_is_read_and_the_break_has_its_line(beir):
    lines = [f"q{n % 2 + 1}\td{n % 3 + 1}\t1\n" for n in range(4000)]
    packed = gzip.compress("".join(random.Random(0).sample(lines, len(lines))).encode())
    (beir / "qrels" / "dev.tsv.gz").write_bytes(packed[: len(packed) // 2])
    outcome = read_all(beir, split="dev")
    (bad,) = outcome.quarantined
    assert (bad.cause, bad.place.file) == ("broken_file", str(beir / "qrels" / "dev.tsv.gz"))
    assert bad.place.value == len(outcome.records) + 1 > 1000


def test_qrels_are_regular_files_and_of_two_forms_the_plain_one_is_read(beir):
    qrels = beir / "qrels"
    (qrels / "train.tsv.gz").write_bytes(gzip.compress(b"q1\td1\t1\n"))
    os.mkfifo(qrels / "dev.tsv")
    assert len(read_all(beir, split="train").records) == 3
    with pytest.raises(InputError, match=r"no split 'dev'.*test, train"):
        read([str(beir)], InputSettings(lang="en", split="dev"))
    (qrels / "dev.tsv").unlink()
    (qrels / "dev.tsv").symlink_to("nowhere.tsv")
    with pytest.raises(InputError, match=r"dev\.tsv: is a link that leads nowhere"):
        read([str(beir)], InputSettings(lang="en"))


def test_a_saved_data_set_that_lacks_a_shard_is_refused_before_anything_is_read(tmp_path):
    import datasets

    rows = [{"question": "Who?", "context": f"Man {n}."} for n in range(30)]
    datasets.Dataset.from_list(rows).save_to_disk(tmp_path / "one", num_shards=3)
    shard = tmp_path / "one" / "data-00001-of-00003.arrow"
    shard.unlink()
    with pytest.raises(InputError, match=r"data-00001-of-00003\.arrow is missing.*not whole"):
        read([str(tmp_path / "one")], InputSettings(lang="en"))


def test_numbers_that_stand_for_names_are_read_as_the_names(tmp_path):
    import datasets

    features = datasets.Features(
        {
            "question": datasets.Value("string"),
            "context": datasets.Value("string"),
            "lang": datasets.ClassLabel(names=["en", "pt"]),
            "title": datasets.ClassLabel(names=["Men", "Women"]),
        }
    )
    columns = {"question": ["A?", "B?", "C?"], "context": ["A.", "B.", "C."],
               "lang": [1, 0, -1], "title": [0, 1, None]}  # fmt: skip
    data = datasets.Dataset.from_dict(columns, features=features)
    data.save_to_disk(tmp_path / "saved")
    data.to_parquet(str(tmp_path / "a.parquet"))
    for name in ("saved", "a.parquet"):
        records = read_all(tmp_path / name, lang="fr").items
        assert [(r.question_lang, r.passage_lang, r.title) for r in records] == [
            ("pt", "pt", "Men"), ("en", "en", "Women"), ("fr", "fr", None),
        ]  # fmt: skip


def test_a_saved_data_set_and_a_saved_dict_are_read(tmp_path):
    import datasets

    rows = [{"id": str(n), "question": f"Who {n}?", "context": f"Man {n}."} for n in range(2500)]
    data = datasets.Dataset.from_list(rows)
    data.save_to_disk(tmp_path / "one", num_shards=3)
    datasets.DatasetDict({"train": data, "test": data.select([7])}).save_to_disk(tmp_path / "two")
    for name in ("one", "two"):
        records = read_all(tmp_path / name).items
        assert [(r.id, r.question, r.passage) for r in records] == [
            (row["id"], row["question"], row["context"]) for row in rows
        ]
    assert [r.id for r in read_all(tmp_path / "two", split="test").records] == ["7"]


def test_a_folder_of_neither_kind_is_refused(tmp_path):
    with pytest.raises(InputError, match="neither a BEIR folder"):
        read([str(tmp_path)], InputSettings(lang="en"))
