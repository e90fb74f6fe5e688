import gzip
import json

import pytest
from reading_samples import read_all

from bt_augment.errors import InputError
from bt_augment.pairs.readers import InputSettings, read


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
    records = read_all(beir).items
    assert [(r.id, r.question, r.passage, r.title, r.question_lang) for r in records] == [
        ("q2", "What?", "A thing.", None, "pt"),
        ("q1", "Who?", "A man.", "Men", "en"),
        ("q1-2", "Who?", "A thing.", None, "en"),
    ]
    assert records[0].group_id == records[2].group_id


def test_another_split_in_trec_columns(beir):
    assert [(r.id, r.passage) for r in read_all(beir, split="test").records] == [("q2", "A man.")]


def test_an_unknown_split_is_refused_with_those_there(beir):
    with pytest.raises(InputError, match=r"no split 'dev'.*test, train"):
        read([str(beir)], InputSettings(lang="en", split="dev"))


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
