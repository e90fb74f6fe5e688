"""Each export is read back by the tool it is for, or by the rules of its published loader."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from datasets import load_dataset, load_from_disk

from bt_augment.errors import ExportError, RunFolderError
from bt_augment.pairs.readers import InputSettings, Record, read
from bt_augment.shards.exporting import FORMATS, export


@pytest.fixture(scope="module")
def accepted(finished):
    return load_from_disk(str(finished))["train"].to_list()


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("form", FORMATS)
def test_every_row_is_written_or_counted_as_left_out(finished, accepted, tmp_path, form):
    done = export(finished, tmp_path / "out", form)
    assert done.rows == len(accepted) == done.written + sum(done.left_out.values())
    told = json.loads((tmp_path / "out" / "export.json").read_text())
    assert (told["rows"], told["written"]) == (done.rows, done.written)
    assert not list(tmp_path.glob(".*"))  # nothing half-made beside it


def test_pairs_are_what_sentence_transformers_reads(finished, accepted, tmp_path):
    export(finished, tmp_path / "out", "sentence-transformers")
    pairs = load_dataset(str(tmp_path / "out"), "pairs", split="train", cache_dir=tmp_path / "c")
    assert pairs.column_names == ["anchor", "positive"]
    assert list(pairs["anchor"]) == [row["question"] for row in accepted]
    assert list(pairs["positive"]) == [row["passage"] for row in accepted]


def test_triplets_train_a_model_with_sentence_transformers(finished, tmp_path):
    from sentence_transformers import (
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    from bt_augment.training.static_encoder import static_encoder

    export(finished, tmp_path / "out", "sentence-transformers", negatives=2)
    triplets = load_dataset(
        str(tmp_path / "out"), "triplets", split="train", cache_dir=tmp_path / "c"
    )
    assert triplets.column_names == ["anchor", "positive", "negative_1", "negative_2"]
    model = static_encoder("bundled", 16)
    trainer = SentenceTransformerTrainer(
        model=model,
        args=SentenceTransformerTrainingArguments(
            str(tmp_path / "trainer"), use_cpu=True, dataloader_pin_memory=False, report_to="none"
        ),
        train_dataset=triplets.select(range(16)),
        loss=MultipleNegativesRankingLoss(model),
    )
    batch = next(iter(trainer.get_train_dataloader()))
    features, _ = trainer.collect_features(batch)
    assert len(features) == 4


def test_negatives_never_answer(finished, accepted, tmp_path):
    by_question = {(row["question"], row["passage"]): row for row in accepted}
    groups = {row["passage"]: row["group_id"] for row in accepted}
    languages = {row["passage"]: row["passage_lang"] for row in accepted}
    export(finished, tmp_path / "out", "flagembedding", negatives=5)
    entries = lines(tmp_path / "out" / "train.jsonl")
    assert entries
    for entry in entries:
        row = by_question[entry["query"], entry["pos"][0]]
        assert len(set(entry["neg"])) == len(entry["neg"]) == 5
        for negative in entry["neg"]:
            assert groups[negative] != row["group_id"]
            assert languages[negative] == row["passage_lang"]
            for answer in row["answers"]:
                assert answer["text"].casefold() not in negative.casefold()


def test_passages_of_the_same_title_come_first(make_run, tmp_path):
    rows = [
        {
            "id": f"{title}{n}",
            "title": title,
            "question": f"What is the number of {title} {n}?",
            "passage": f"The number of {title} {n} is written on page {n} of the old book.",
        }
        for title in ("Mercury", "Venus", "Earth")
        for n in range(4)
    ]
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    make_run(tmp_path / "run", source, routes=("en:pt",))
    export(tmp_path / "run", tmp_path / "out", "tevatron", negatives=3, methods=["native"])
    for entry in lines(tmp_path / "out" / "train.jsonl"):
        title = entry["positive_passages"][0]["title"]
        assert [p["title"] for p in entry["negative_passages"]] == [title] * 3


def test_tevatron_finds_what_its_loader_looks_for(finished, accepted, tmp_path):
    export(finished, tmp_path / "out", "tevatron")
    train = load_dataset(
        "json",
        data_files=str(tmp_path / "out" / "train.jsonl"),
        split="train",
        cache_dir=tmp_path / "c",
    )
    corpus = {entry["docid"]: entry for entry in lines(tmp_path / "out" / "corpus.jsonl")}
    assert len(corpus) == len(
        {(row["passage_lang"], row["title"], row["passage"]) for row in accepted}
    )
    assert len(set(train["query_id"])) == len(train)
    for group in train:  # as tevatron.retriever.dataset.TrainDataset takes an item apart
        assert len(group["negative_passages"]) >= 7
        for passage in [*group["positive_passages"], *group["negative_passages"]]:
            assert passage["title"] + " " + passage["text"]
            assert corpus[passage["docid"]]["text"] == passage["text"]


def test_flagembedding_finds_what_its_loader_looks_for(finished, accepted, tmp_path):
    export(finished, tmp_path / "out", "flagembedding")
    train = load_dataset(
        "json",
        data_files=str(tmp_path / "out" / "train.jsonl"),
        split="train",
        cache_dir=tmp_path / "c",
    )
    assert [(e["query"], e["pos"]) for e in train] == [
        (row["question"], [row["passage"]]) for row in accepted
    ]
    assert all(len(entry["neg"]) == 7 for entry in train)


# The loader of beir leaves its files for the interpreter to close.
@pytest.mark.filterwarnings("ignore:Exception ignored:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_beir_loads_the_folder(finished, accepted, tmp_path):
    from beir.datasets.data_loader import GenericDataLoader

    export(finished, tmp_path / "out", "beir")
    corpus, queries, qrels = GenericDataLoader(str(tmp_path / "out")).load(split="train")
    assert queries == {row["id"]: row["question"] for row in accepted}
    for row in accepted:
        ((document, relevance),) = qrels[row["id"]].items()
        assert (corpus[document]["text"], relevance) == (row["passage"], 1)


def test_a_beir_export_is_an_input_again(finished, accepted, tmp_path):
    export(finished, tmp_path / "out", "beir")
    records = [r for r in read([str(tmp_path / "out")], InputSettings()) if isinstance(r, Record)]
    assert Counter((r.question, r.passage) for r in records) == Counter(
        (row["question"], row["passage"]) for row in accepted
    )


def test_ids_that_would_break_a_line_of_judgements_stay_apart(
    command, write_rows, english, tmp_path
):
    names = ["a\tb", "a b", "a\rb", "a\nb", '"a b']
    rows = write_rows({**row, "id": name} for row, name in zip(english, names, strict=False))
    assert command("generate", rows, "--route", "en:pt", "--out", tmp_path / "run").code == 0
    export(tmp_path / "run", tmp_path / "out", "beir", methods=["native"])
    records = list(read([str(tmp_path / "out")], InputSettings()))
    assert [(r.question, r.passage) for r in records] == [
        (row["question"], row["passage"]) for row in english[: len(names)]
    ]
    assert records[1].id == "a b"


def test_squad_answers_stand_where_they_are_said_to(finished, accepted, tmp_path):
    done = export(finished, tmp_path / "out", "squad")
    located = [row for row in accepted if any(a["start"] >= 0 for a in row["answers"])]
    assert done.written == len(located)
    assert done.left_out == {"answer_not_located": len(accepted) - len(located)}
    found = {}
    for path in sorted((tmp_path / "out").glob("train.*.json")):
        for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
            for paragraph in article["paragraphs"]:
                for qa in paragraph["qas"]:
                    for answer in qa["answers"]:
                        start = answer["answer_start"]
                        end = start + len(answer["text"])
                        assert paragraph["context"][start:end] == answer["text"]
                    found[qa["id"]] = (qa["question"], paragraph["context"], path.name)
    assert found == {
        row["id"]: (row["question"], row["passage"], f"train.{row['passage_lang']}.json")
        for row in located
    }


def test_a_squad_export_is_an_input_again(finished, tmp_path):
    done = export(finished, tmp_path / "out", "squad")
    paths = sorted(str(p) for p in (tmp_path / "out").glob("train.*.json"))
    assert sum(isinstance(r, Record) for r in read(paths, InputSettings(lang="en"))) == done.written


def test_methods_choose_the_rows(finished, accepted, tmp_path):
    done = export(finished, tmp_path / "out", "beir", methods=["round_trip"])
    assert done.rows == sum(row["method"] == "round_trip" for row in accepted)


def test_the_same_seed_writes_the_same_bytes(finished, tmp_path):
    for name in ("a", "b"):
        export(finished, tmp_path / name, "tevatron", seed=3)
    export(finished, tmp_path / "c", "tevatron", seed=4)
    a, b, c = ((tmp_path / name / "train.jsonl").read_bytes() for name in "abc")
    assert a == b != c


def test_a_damaged_shard_is_named_and_nothing_written(copied, tmp_path):
    shard = sorted((copied / "train").glob("*.arrow"))[0]
    shard.write_bytes(shard.read_bytes()[:-40])
    with pytest.raises(RunFolderError, match=rf"train/{shard.name}: has \d+ bytes"):
        export(copied, tmp_path / "out", "beir")
    assert not (tmp_path / "out").exists()


def test_what_a_killed_export_left_is_cleared(finished, tmp_path):
    (tmp_path / ".out.partial" / "qrels").mkdir(parents=True)
    (tmp_path / ".out.partial" / "corpus.jsonl").write_text("half a li")
    export(finished, tmp_path / "out", "beir")
    assert len(lines(tmp_path / "out" / "corpus.jsonl")) > 1
    assert not (tmp_path / ".out.partial").exists()


def test_a_folder_that_is_not_an_export_is_never_replaced(finished, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    with pytest.raises(ExportError, match="is not an earlier export"):
        export(finished, tmp_path / "out", "beir", overwrite=True)
    assert (tmp_path / "out" / "thesis.tex").read_text() == "mine"


def test_an_earlier_export_is_replaced_only_when_asked(finished, tmp_path):
    export(finished, tmp_path / "out", "beir")
    with pytest.raises(ExportError, match="--overwrite"):
        export(finished, tmp_path / "out", "squad")
    export(finished, tmp_path / "out", "squad", overwrite=True)
    assert not (tmp_path / "out" / "corpus.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"form": "tevatrom"}, r"did you mean 'tevatron'\?"),
        ({"form": "squad", "negatives": 2}, "squad has no place for negatives"),
        ({"form": "beir", "methods": ["round-trip"]}, r"did you mean 'round_trip'\?"),
        ({"form": "beir", "methods": ["pivot"]}, "no accepted rows of these methods"),
        ({"form": "tevatron", "negatives": -1}, "negatives is -1; it must be 0 or more"),
        ({"form": "tevatron", "negatives": 20_000_000}, "it must be 100 or less"),
        ({"form": "tevatron", "negatives": 1.5}, "it must be a whole number"),
        ({"form": "tevatron", "seed": "1"}, "seed is '1'; it must be a whole number"),
    ],
)
def test_what_cannot_be_exported_is_one_clear_error(finished, tmp_path, arguments, message):
    with pytest.raises(ExportError, match=message):
        export(finished, tmp_path / "out", **arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("methods", "code"), [("native,", 0), (",", 2), ("native, rund_trip", 2)])
def test_the_command_takes_methods_as_train_does(finished, tmp_path, command, methods, code):
    out = tmp_path / "out"
    done = command("export", finished, "--format", "squad", "--out", out, "--methods", methods)
    assert done.code == code, done.err
    if code == 0:
        assert json.loads((out / "export.json").read_text())["methods"] == ["native"]


def test_the_command_prints_the_counts(finished, tmp_path, command):
    out = tmp_path / "out"
    done = command("export", finished, "--format", "squad", "--out", out, "--json")
    assert done.code == 0, done.err
    assert done.json["written"] == sum(done.json["files"].values()) > 0
    again = command("export", finished, "--format", "beir", "--out", out)
    assert (again.code, again.out) == (2, "")
    assert "--overwrite" in again.err


def test_the_command_offers_every_format():
    from bt_augment.cli.export import command

    option = next(p for p in command.params if p.name == "form")
    assert list(option.type.choices) == list(FORMATS)


def test_rows_that_are_missing_from_the_triplets_are_counted(make_run, tmp_path):
    rows = [
        {
            "id": f"{language}{n}",
            "lang": language,
            "question": f"What is the number of book {n}?",
            "passage": f"The number of this old book is written on page {n} of it.",
        }
        for language, count in (("en", 4), ("pt", 2))
        for n in range(count)
    ]
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    make_run(tmp_path / "run", source, routes=("en:pt",))
    given = {"negatives": 3, "methods": ["native"]}
    done = export(tmp_path / "run", tmp_path / "out", "sentence-transformers", **given)
    assert done.files == {"pairs/train.parquet": 6, "triplets/train.parquet": 4}
    assert done.partly == {"too_few_negatives": 2}
    assert json.loads((tmp_path / "out" / "export.json").read_text())["partly"] == done.partly
    with pytest.raises(ExportError, match=r"no row of this run has 4, .*ask for 3 or fewer"):
        export(
            tmp_path / "run", tmp_path / "none", "sentence-transformers", **given | {"negatives": 4}
        )
    assert "- 2 too_few_negatives" in (tmp_path / "out" / "README.md").read_text()


@pytest.fixture(scope="module")
def regional(make_run, tmp_path_factory):
    """Return a run of English rows of several regions, two of them on one passage."""
    folder = tmp_path_factory.mktemp("regional")
    rows = [
        {
            "id": str(n),
            "question_lang": question_lang,
            "passage_lang": passage_lang,
            "question": f"What is the number of book {n}?",
            "passage": f"The number of this old book is written on page {page} of it.",
            "answers": [f"page {page}"],
            "title": "Books",
        }
        for n, (question_lang, passage_lang, page) in enumerate(
            [("en", "en", 1), ("en", "en", 2), ("en-US", "en-GB", 3), ("en-GB", "en-GB", 2)]
        )
    ]
    source = folder / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    make_run(folder / "run", source, routes=("en:pt",))
    return folder / "run"


def test_passages_of_another_region_are_negatives(regional, tmp_path):
    given = {"negatives": 2, "methods": ["native"]}
    done = export(regional, tmp_path / "out", "sentence-transformers", **given)
    assert (done.partly, done.files["triplets/train.parquet"]) == ({}, 4)


def test_equal_passages_of_two_regions_are_one_document(regional, tmp_path):
    export(regional, tmp_path / "out", "beir", methods=["native"])
    corpus = lines(tmp_path / "out" / "corpus.jsonl")
    assert [entry["lang"] for entry in corpus] == ["en", "en", "en-GB"]  # as the row says
    judged = (tmp_path / "out" / "qrels" / "train.tsv").read_text().splitlines()[1:]
    assert [line.split("\t")[1] for line in judged] == [
        corpus[place]["_id"] for place in (0, 1, 2, 1)
    ]


def test_squad_has_one_file_for_a_language_whatever_the_regions(regional, tmp_path):
    done = export(regional, tmp_path / "out", "squad", methods=["native"])
    assert (done.left_out, done.files) == ({}, {"train.en.json": 4})


def test_paths_may_be_strings_and_numbers_numpys(finished, tmp_path):
    for name, number in (("a", 3), ("b", np.int64(3))):
        given = {"negatives": number, "seed": number}
        export(str(finished), str(tmp_path / name), "tevatron", **given)
    a, b = ((tmp_path / name / "export.json").read_bytes() for name in "ab")
    assert a == b
