"""Overlap of a benchmark with what a model was really trained on, by the trainer's manifest."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bt_augment.errors import ModelError, TrainingError
from bt_augment.evaluation import Evaluation, evaluate, overlap, training_record
from bt_augment.evaluation.benchmarks import load
from bt_augment.evaluation.encoders import load_encoder
from bt_augment.evaluation.overlap import PASSAGE_SHARE, count_overlapping, training_overlap
from bt_augment.evaluation.training_record import _digest, read_training_record, training_rows
from bt_augment.pairs.contamination import BenchmarkPassage, BenchmarkText
from bt_augment.shards.store import rows_of
from bt_augment.training.settings import TrainingSettings
from bt_augment.training.trainer import train


@pytest.fixture(scope="module")
def trained(finished, tmp_path_factory):
    """Return two models trained for a moment on one run: native rows alone, and all."""
    folder = tmp_path_factory.mktemp("trained")
    run = shutil.copytree(finished, folder / "run")

    def make(name, **more):
        settings = TrainingSettings(
            "static:bundled", steps=2, batch_size=8, dimensions=8, held_out=0, seed=3,
            device="cpu", **more,
        )  # fmt: skip
        train([run], folder / name, settings)
        return folder / name

    native = make("native", methods=("native",), alpha=1.0, augmented_share=None)
    return {"native": native, "all": make("all"), "run": run}


@pytest.fixture
def benchmark(english, finished, split_rows, tmp_path, write_jsonl):
    """Return a benchmark with one native pair, and one pair that the run's round trip made."""
    made = next(
        row for row in split_rows(finished, "train")
        if row["method"] == "round_trip" and row["passage"] not in {r["passage"] for r in english}
    )  # fmt: skip
    folder = tmp_path / "benchmark"
    texts = [(english[0]["question"].upper(), english[0]["passage"]),
             (made["question"], made["passage"])]  # fmt: skip
    for tag in ("en", "pt"):
        known = texts if tag == "en" else [("Outra coisa?", "Outro texto.")] * 2
        write_jsonl(
            folder / f"queries.{tag}.jsonl",
            [{"id": f"q{n}", "text": question} for n, (question, _) in enumerate(known)],
        )
        write_jsonl(
            folder / f"corpus.{tag}.jsonl",
            [{"id": f"{tag}{n}", "text": passage} for n, (_, passage) in enumerate(known)],
        )
    (folder / "qrels.tsv").write_text("q0\ten0\t1\nq0\tpt0\t1\n")
    return folder


def evaluated(model, folder, tmp_path, name="xtyle", **more):
    cache = {"BT_AUGMENT_CACHE": str(tmp_path / "cache")}
    return evaluate(Evaluation(str(model), name, folder, device="cpu", environment=cache, **more))


def test_only_the_rows_trained_on_are_held_against_the_benchmark(trained, benchmark, tmp_path):
    native = evaluated(trained["native"], benchmark, tmp_path)["overlap"]
    everything = evaluated(trained["all"], benchmark, tmp_path)["overlap"]
    assert native["checked"] is everything["checked"] is True
    assert native["questions"] >= 1
    assert native["passages"] >= 1
    assert everything["questions"] + everything["passages"] > (
        native["questions"] + native["passages"]
    )


def test_text_of_languages_that_are_not_evaluated_counts_too(trained, benchmark, tmp_path):
    of_all = evaluated(trained["native"], benchmark, tmp_path)["overlap"]
    of_portuguese = evaluated(trained["native"], benchmark, tmp_path, languages=("pt",))
    assert list(of_portuguese["counts"]["queries"]) == ["pt"]
    assert of_portuguese["overlap"] == of_all
    assert of_all["questions"] > 0


def test_a_language_that_cannot_be_read_leaves_the_overlap_unknown(trained, parallel, tmp_path):
    folder = shutil.copytree(parallel, tmp_path / "parallel")
    (folder / "pt.json").write_text('{"data": [')
    found = evaluated(trained["native"], folder, tmp_path, "xquad-r", languages=("en",))
    assert found["overlap"]["checked"] is False
    assert "pt.json: cannot be read" in found["overlap"]["reason"]
    assert found["settings"]["mono"]["RR@20"] > 0


def texts_of(record):
    return {
        text for table in training_rows(record) for text in table.column("question").to_pylist()
    }


def test_what_made_rows_were_made_of_counts_too(trained, benchmark):
    """Translations into Portuguese alone were taken; the benchmark has the English questions."""
    record = replace(read_training_record(str(trained["all"])), methods=("translation",))
    rows = [row for path in (trained["run"] / "train").glob("*.arrow")
            for row in pa.ipc.open_stream(path.read_bytes()).read_all().to_pylist()]  # fmt: skip
    sources = {row["source_id"] for row in rows if row["method"] == "translation"}
    natives = {row["question"] for row in rows if row["id"] in sources}
    translations = {row["question"] for row in rows if row["method"] == "translation"}
    assert texts_of(record) == natives | translations
    assert natives - translations
    found = training_overlap(record, load("xtyle", benchmark))
    assert found == {"checked": True, "questions": 1, "passages": found["passages"]}
    assert found["passages"] >= 1


def test_a_source_is_found_among_the_rejected_rows_and_need_not_be_there(trained, monkeypatch):
    record = replace(read_training_record(str(trained["all"])), methods=("translation",))
    before = texts_of(record)
    moved = {}

    def without_natives(folder, entry):
        table = rows_of(folder, entry)
        native = pc.equal(table.column("method"), "native")
        split, _, name = entry.path.partition("/")
        if split == "train":
            moved[name] = table.filter(native)
            return table.filter(pc.invert(native))
        return pa.concat_tables([table, moved.get(name, table.slice(0, 0))])

    monkeypatch.setattr(training_record, "rows_of", without_natives)
    assert texts_of(record) == before
    monkeypatch.setattr(training_record, "rows_of", lambda folder, entry: (
        without_natives(folder, entry) if entry.path.startswith("train/")
        else rows_of(folder, entry)
    ))  # fmt: skip
    assert set() < texts_of(record) < before


def test_only_rows_of_the_languages_trained_on_are_read(trained):
    record = read_training_record(str(trained["all"]))
    everything = sum(table.num_rows for table in training_rows(record))
    of_english, of_both = (
        sum(table.num_rows for table in training_rows(replace(record, languages=tags)))
        for tags in (("en",), ("en", "pt"))
    )
    assert 0 < of_english < of_both == everything


def test_what_the_base_model_was_trained_on_counts_too(trained, benchmark, tmp_path):
    """Of a model trained from one that was trained from one, with other rows each time."""
    first = evaluated(trained["all"], benchmark, tmp_path)["overlap"]
    base = trained["all"]
    for name in ("second", "third"):
        settings = TrainingSettings(
            str(base), languages=("pt",), steps=1, batch_size=4, held_out=0, alpha=1.0,
            augmented_share=None, device="cpu",
        )  # fmt: skip
        train([trained["run"]], tmp_path / name, settings)
        base = tmp_path / name
    alone = replace(read_training_record(str(base)), earlier=())
    assert training_overlap(alone, load("xtyle", benchmark))["questions"] < first["questions"]
    assert evaluated(base, benchmark, tmp_path)["overlap"] == first
    assert "The base model was trained on rows of these runs" in (base / "README.md").read_text()


def test_a_damaged_manifest_of_the_base_model_is_refused_before_training(trained, tmp_path):
    base = shutil.copytree(trained["all"], tmp_path / "base")
    (base / "training_manifest.json").write_text("{}")
    settings = TrainingSettings(str(base), steps=1, batch_size=4, device="cpu")
    with pytest.raises(TrainingError, match=r"base model was trained on .*remove the file"):
        train([trained["run"]], tmp_path / "model", settings)
    assert not (tmp_path / "model" / "training").exists()


def test_a_run_and_its_model_may_move_together(trained, benchmark, tmp_path):
    before = evaluated(trained["native"], benchmark, tmp_path)["overlap"]
    moved = shutil.copytree(trained["run"].parent, tmp_path / "moved")
    path = moved / "native" / "training_manifest.json"
    path.write_text(path.read_text().replace(str(trained["run"]), str(tmp_path / "gone")))
    assert evaluated(path.parent, benchmark, tmp_path)["overlap"] == before
    assert before["checked"]


def test_a_clean_benchmark_has_none(trained, parallel, tmp_path):
    found = evaluated(trained["all"], parallel, tmp_path, "xquad-r")["overlap"]
    assert found == {"checked": True, "questions": 0, "passages": 0}


def test_results_say_how_the_model_was_trained(trained, benchmark, tmp_path):
    native = evaluated(trained["native"], benchmark, tmp_path)["training"]
    everything = evaluated(trained["all"], benchmark, tmp_path)["training"]
    manifest = json.loads((trained["all"] / "training_manifest.json").read_bytes())
    assert everything["rows"] == manifest["counts"]["rows"] > native["rows"]
    assert native["rows_by_method"] == {"native": native["rows"]}
    assert (native["alpha"], everything["alpha"]) == (1.0, 0.5)
    assert (native["augmented_share"], everything["augmented_share"]) == (None, 0.5)
    assert (native["seed"], native["steps"], native["batch_size"]) == (3, 2, 8)
    assert native["base_model"] == "static:bundled"
    assert native["settings_digest"] != everything["settings_digest"]


def test_alpha_the_seed_and_the_machine_leave_the_digest_of_the_settings_alone():
    once = {"alpha": 1.0, "seed": 3, "device": "cpu", "batch_size": 8, "languages": None}
    same = {**once, "alpha": 0.0, "seed": 4, "device": "cuda"}
    assert _digest(once) == _digest(same) != _digest({**once, "languages": ["en"]})


def test_a_run_that_changed_or_is_gone_is_not_taken_for_checked(trained, benchmark, tmp_path):
    model = shutil.copytree(trained["all"], tmp_path / "model")
    path = model / "training_manifest.json"
    manifest = json.loads(path.read_bytes())
    for change, reason in (
        ({"fingerprint": "0" * 64}, "holds other rows than at the training"),
        ({"folder": str(tmp_path / "nowhere")}, "nowhere is no longer there"),
    ):
        path.write_text(json.dumps(manifest | {"runs": [manifest["runs"][0] | change]}))
        found = evaluated(model, benchmark, tmp_path)["overlap"]
        assert found["checked"] is False
        assert found["questions"] is found["passages"] is None
        assert reason in found["reason"]


@pytest.mark.parametrize("content", ["{", "[]", '{"runs": []}'])
def test_a_damaged_manifest_is_an_error_before_any_work(
    trained, benchmark, tmp_path, monkeypatch, content
):
    model = shutil.copytree(trained["all"], tmp_path / "model")
    (model / "training_manifest.json").write_text(content)
    monkeypatch.setattr("bt_augment.evaluation.evaluator.load", lambda *_: pytest.fail("loaded"))
    with pytest.raises(ModelError, match=r"training_manifest\.json: cannot be read"):
        evaluated(model, benchmark, tmp_path)


def test_weights_that_were_changed_since_are_named(trained, benchmark, tmp_path):
    model = shutil.copytree(trained["all"], tmp_path / "model")
    (weights,) = model.rglob("*.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 0x80
    weights.write_bytes(content)
    with pytest.raises(ModelError, match=f"{weights.name}: was changed since the model was"):
        evaluated(model, benchmark, tmp_path)
    (model / "training_manifest.json").unlink()
    assert evaluated(model, benchmark, tmp_path)["training"] is None


@pytest.mark.parametrize("name", ["{outside}/secret", "../outside/secret"])
def test_no_manifest_has_a_file_outside_the_model_read(trained, tmp_path, name):
    model, outside = shutil.copytree(trained["all"], tmp_path / "model"), tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    path = model / "training_manifest.json"
    content = json.loads(path.read_text())
    content["weights"] = {name.format(outside=outside): "0" * 64}
    path.write_text(json.dumps(content))
    with pytest.raises(ModelError, match="leads out of the folder"):
        read_training_record(str(model))


def test_the_manifest_does_not_change_the_encoder(trained, tmp_path):
    model = shutil.copytree(trained["all"], tmp_path / "model")
    (model / "training_manifest.json").unlink()
    assert read_training_record(str(model)) is None
    one, other = (
        load_encoder(str(path), tmp_path / "cache", device="cpu").fingerprint
        for path in (model, trained["all"])
    )
    assert one == other


@pytest.mark.parametrize("title", ["Lighthouse", "", None])
def test_short_benchmark_passages_count_with_a_title_and_without(title, tmp_path, write_jsonl):
    text = "The lighthouse was built by Ana in 1901."
    folder = tmp_path / "beir"
    write_jsonl(folder / "queries.jsonl", [{"_id": "q", "text": "Who built it?"}])
    write_jsonl(folder / "corpus.jsonl", [{"_id": "d", "title": title, "text": text}])
    (folder / "qrels").mkdir()
    (folder / "qrels" / "test.tsv").write_text("q\td\t1\n")
    corpus = load("beir", folder)
    training = [text, f"Lighthouse {text}", "The lighthouse was built by Bea in 1902."]
    filtered = BenchmarkText.from_folders({"beir": folder})
    rejected = sum(filtered.passage_overlap(t) > PASSAGE_SHARE for t in training)
    assert count_overlapping(training, corpus.texts_of("en").passages) == rejected
    assert rejected == (2 if title else 1)


WORDS = st.text("abc", min_size=1, max_size=2)
PASSAGES = st.lists(st.lists(WORDS, max_size=40).map(" ".join), max_size=8)


@settings(max_examples=60, deadline=None)
@given(training=PASSAGES, benchmark=PASSAGES, block=st.integers(1, 5))
def test_blocks_count_what_the_filter_of_contamination_rejects(training, benchmark, block):
    corpus = [BenchmarkPassage(text) for text in benchmark]
    known = BenchmarkText((), corpus)
    expected = sum(known.passage_overlap(text) > PASSAGE_SHARE for text in training)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlap, "_BLOCK_PASSAGES", block)
        assert count_overlapping(training, lambda: corpus) == expected
