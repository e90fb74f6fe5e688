"""Training end to end, over real shards and tiny encoders of the real layouts."""

import json
import logging
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator
from training_rows import a_row

from bt_augment.errors import InputError, ModelError, RunFolderError, TrainingError
from bt_augment.evaluation.encoders import load_encoder
from bt_augment.sentence_encoders import Prompts
from bt_augment.training import held_out_retrieval as held_out_retrieval_module
from bt_augment.training import model_folder
from bt_augment.training.aligned_rows import read_rows
from bt_augment.training.base_model import load_base_model
from bt_augment.training.held_out_retrieval import NAME, held_out_retrieval, reported
from bt_augment.training.model_folder import ModelFolder
from bt_augment.training.settings import TrainingSettings
from bt_augment.training.trainer import train

torch.set_num_threads(1)  # models this small only lose by sharing work between cores


@pytest.fixture(scope="module")
def trained_static(tiny_static, finished, tmp_path_factory):
    """Return a finished model; read it only."""
    out = tmp_path_factory.mktemp("trained") / "model"
    train([finished], out, settings_of(tiny_static))
    return out


def settings_of(base, **more):
    values = {"batch_size": 8, "mini_batch_size": 4, "steps": 4, "max_length": 48, "device": "cpu"}
    return TrainingSettings(str(base), **{**values, **more})


def weights(folder):
    """Return all weights of a saved model by file and name."""
    return {
        f"{path.relative_to(folder)}:{name}": tensor
        for path in sorted(folder.rglob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }


def moved(before, after):
    """Return the names of the weights that training changed."""
    assert before.keys() == after.keys()
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_a_plain_xlmr_checkpoint_trains_with_mean_pooling(xlmr, finished, tmp_path):
    out = tmp_path / "model"
    train([finished], out, settings_of(xlmr))
    model = SentenceTransformer(str(out), device="cpu", local_files_only=True)
    assert [type(module).__name__ for module in model] == ["Transformer", "Pooling"]
    assert model[1].get_config_dict()["pooling_mode"] in ("mean", ("mean",))
    assert model.max_seq_length == 48
    trained, base = weights(out), load_file(xlmr / "model.safetensors")
    name = "encoder.layer.0.attention.self.query.weight"
    assert not torch.equal(trained[f"model.safetensors:{name}"], base[f"roberta.{name}"])


def test_labse_keeps_its_four_modules_and_trains_them(labse, finished, tmp_path):
    out = tmp_path / "model"
    train([finished], out, settings_of(labse))
    model = SentenceTransformer(str(out), device="cpu", local_files_only=True)
    assert [type(m).__name__ for m in model] == ["Transformer", "Pooling", "Dense", "Normalize"]
    assert model[1].get_config_dict()["pooling_mode"] in ("cls", ("cls",))
    changed = moved(weights(labse), weights(out))
    assert "2_Dense/model.safetensors:linear.weight" in changed
    assert any(name.startswith("model.safetensors:encoder") for name in changed)
    assert np.allclose(np.linalg.norm(model.encode(["a", "b c"]), axis=1), 1, atol=1e-5)


def test_e5_gets_its_prompts_and_stores_them(labse, finished, tmp_path):
    base = tmp_path / "multilingual-e5-small"
    shutil.copytree(labse, base)
    untrained = load_encoder(str(base), tmp_path / "cache", device="cpu")
    assert (untrained.prompt("query"), untrained.prompt("passage")) == ("query: ", "passage: ")
    out = tmp_path / "model"
    trained = train([finished], out, settings_of(base, steps=1))
    assert trained.manifest["prompts"] == {"query": "query: ", "passage": "passage: "}
    model = SentenceTransformer(str(out), device="cpu", local_files_only=True)
    for encode, text in ((model.encode_query, "query: x"), (model.encode_document, "passage: x")):
        assert np.array_equal(encode(["x"]), model.encode([text]))


def test_prompts_of_the_model_win_over_its_family_and_options_over_both(labse, finished, tmp_path):
    base = tmp_path / "e5-own"
    shutil.copytree(labse, base)
    path = base / "config_sentence_transformers.json"
    path.write_text(json.dumps({"prompts": {"query": "Q ", "document": "D "}}))
    own = train([finished], tmp_path / "own", settings_of(base, steps=1)).manifest
    assert own["prompts"] == {"query": "Q ", "passage": "D "}
    given = settings_of(base, steps=1, query_prompt="", passage_prompt="P ")
    assert train([finished], tmp_path / "given", given).manifest["prompts"] == {
        "query": "",
        "passage": "P ",
    }


def test_that_a_model_was_trained_without_prompts_stays_known(labse, finished, tmp_path):
    base, out = tmp_path / "e5-base", tmp_path / "e5-without"
    shutil.copytree(labse, base)
    train([finished], out, settings_of(base, steps=1, query_prompt="", passage_prompt=""))
    encoder = load_encoder(str(out), tmp_path / "cache", device="cpu")
    assert (encoder.prompt("query"), encoder.prompt("passage")) == ("", "")


@pytest.mark.parametrize("options", [{}, {"query_prompt": "Q: "}, {"passage_prompt": ""}])
def test_a_model_is_evaluated_with_the_prompts_it_was_trained_with(
    labse, finished, tmp_path, options
):
    base = tmp_path / "base"
    shutil.copytree(labse, base)
    path = base / "config_sentence_transformers.json"
    stored = {"prompts": {"sts": "R: ", "corpus": "C: "}, "default_prompt_name": "sts"}
    path.write_text(json.dumps(stored))
    trained = train([finished], tmp_path / "out", settings_of(base, steps=1, **options)).manifest
    given = {name.removesuffix("_prompt"): prompt for name, prompt in options.items()}
    assert trained["prompts"] == {"query": "R: ", "passage": "C: "} | given
    encoder = load_encoder(str(tmp_path / "out"), tmp_path / "cache", device="cpu")
    used = {"query": encoder.prompt("query"), "passage": encoder.prompt("passage")}
    assert used == trained["prompts"]


def test_prompts_are_trained_with(tiny_static, run_of, tmp_path):
    run = run_of([a_row(str(i), "en") for i in range(12)])
    options = {"alpha": 1, "held_out": 0, "batch_size": 4}
    train([run], tmp_path / "a", settings_of(tiny_static, **options))
    train([run], tmp_path / "b", settings_of(tiny_static, query_prompt="zzz ", **options))
    assert moved(weights(tmp_path / "a"), weights(tmp_path / "b"))


def test_the_memory_of_a_mini_batch_does_not_change_the_weights(labse, finished, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(labse, base)
    config = json.loads((base / "config.json").read_text())
    config.update(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    (base / "config.json").write_text(json.dumps(config))
    whole, cached = tmp_path / "whole", tmp_path / "cached"
    train([finished], whole, settings_of(base, mini_batch_size=8, learning_rate=1e-3))
    train([finished], cached, settings_of(base, mini_batch_size=3, learning_rate=1e-3))
    name = "2_Dense/model.safetensors:linear.weight"
    start, one, other = (weights(folder)[name] for folder in (base, whole, cached))
    # AdamW divides by the gradient's size, so that rounding shows where a gradient is near 0.
    assert (one - other).abs().mean() < 0.1 * (one - start).abs().mean()


def test_a_static_encoder_learns_to_retrieve_across_languages(finished, tmp_path):
    # Given untrained vectors over the bundled vocabulary, and pairs of which a fifth is held out
    settings = TrainingSettings(
        "static:bundled", batch_size=32, steps=40, dimensions=64, held_out=0.2, device="cpu"
    )
    untrained = load_base_model("static:bundled", max_length=256, dimensions=64)
    rows = read_rows([finished])
    before = reported(held_out_retrieval(rows, Prompts(), 64)(untrained))

    # When it is trained for a moment
    out = tmp_path / "model"
    trained = train([finished], out, settings)

    # Then it finds the passages it was trained on, and says what it scores on the others
    model = SentenceTransformer(str(out), device="cpu")
    after = reported(held_out_retrieval(rows, Prompts(), 64)(model))
    assert after["nDCG@10"] > before["nDCG@10"] + 0.2
    assert 0 < trained.manifest["scores"]["nDCG@10"] <= 1
    assert model.get_embedding_dimension() == 64


def test_the_manifest_says_what_was_done(tiny_static, finished, tmp_path, split_rows):
    out = tmp_path / "model"
    settings = settings_of(tiny_static, steps=20, held_out=0.1, methods=("native", "translation"))
    train([finished], out, settings)
    manifest = json.loads((out / "training_manifest.json").read_text())
    rows = [r for r in split_rows(finished, "train") if r["method"] != "round_trip"]
    counts = manifest["counts"]
    assert counts["rows"] + counts["held_out_rows"] == len(rows)
    assert counts["groups"] + counts["held_out_groups"] == len({r["group_id"] for r in rows})
    assert sum(counts["methods"].values()) == counts["rows"]
    assert manifest["runs"][0]["folder"] == str(finished.resolve())
    assert manifest["runs"][0]["rows"] == len(split_rows(finished, "train"))
    drawn = manifest["drawn"]
    assert drawn["monolingual_steps"] + drawn["cross_lingual_steps"] == manifest["steps"] == 20
    assert manifest["settings"]["alpha"] == 0.5
    assert manifest["settings"]["learning_rate"] == 0.02
    assert manifest["settings"]["temperature"] == 0.1
    assert set(manifest["scores"]) == {"nDCG@10", "MRR@10", "R@10"}
    assert {"bt-augment", "sentence-transformers", "torch"} <= set(manifest["versions"])


def test_the_card_names_data_recipe_and_scores(tiny_static, finished, tmp_path):
    out = tmp_path / "model"
    trained = train([finished], out, settings_of(tiny_static, held_out=0.1))
    card = (out / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: sentence-transformers\n")
    assert f"| round trip | {trained.manifest['counts']['methods']['round_trip']} |" in card
    assert "hybrid batches, monolingual with probability 0.5" in card
    assert f"{trained.manifest['scores']['nDCG@10']:.4f}" in card
    assert str(finished.parent) not in card
    assert not list((out / "training").glob("checkpoint-*"))


def test_the_card_says_norwegian_not_false(tiny_static, run_of, tmp_path):
    run = run_of([a_row(str(i), "no" if i % 2 else "en") for i in range(12)])
    out = tmp_path / "model"
    train([run], out, settings_of(tiny_static, alpha=1, held_out=0, batch_size=4))
    matter = yaml.safe_load((out / "README.md").read_text().split("---")[1])
    assert sorted(matter["language"]) == ["en", "no"]
    assert matter["pipeline_tag"] == "sentence-similarity"


def test_the_two_baselines(tiny_static, finished, tmp_path):
    mono = train([finished], tmp_path / "mono", settings_of(tiny_static, alpha=1)).manifest
    cross = train([finished], tmp_path / "cross", settings_of(tiny_static, alpha=0)).manifest
    assert (mono["drawn"]["monolingual_steps"], mono["drawn"]["cross_lingual_steps"]) == (4, 0)
    assert (cross["drawn"]["monolingual_steps"], cross["drawn"]["cross_lingual_steps"]) == (0, 4)
    assert "X-X-mono" in (tmp_path / "mono" / "README.md").read_text()
    assert "X-Y" in (tmp_path / "cross" / "README.md").read_text()


def test_the_same_command_gives_the_same_weights_and_another_seed_others(
    tiny_static, finished, tmp_path
):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train([finished], tmp_path / name, settings_of(tiny_static, seed=seed))
    assert not moved(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert moved(weights(tmp_path / "a"), weights(tmp_path / "c"))


def test_the_questions_measured_on_are_of_all_runs_and_languages(run_of, monkeypatch):
    # Given more questions than are measured, one language after the other
    monkeypatch.setattr(held_out_retrieval_module, "_MAX_QUERIES", 20)
    runs = [
        run_of([a_row(f"{lang}{i}", lang) for i in range(30)], name=lang) for lang in ("en", "pt")
    ]
    evaluator = held_out_retrieval(read_rows(runs), Prompts(), 8)
    languages = [question.split(".")[1] for question in evaluator.queries]
    assert len(languages) == 20
    assert 5 <= languages.count("en") <= 15
    assert [len(evaluator.relevant_docs[number]) for number in evaluator.queries_ids] == [1] * 20


def test_early_stopping_takes_the_best_weights(tiny_static, finished, tmp_path):
    out = tmp_path / "model"
    settings = settings_of(
        tiny_static, steps=40, held_out=0.1, patience=2, eval_steps=4, learning_rate=1e-9
    )
    trained = train([finished], out, settings)
    assert trained.manifest["steps"] == 12  # the first is best; two more are no better
    assert trained.manifest["drawn"]["monolingual_steps"] <= 12


def test_training_reports_to_tensorboard(tiny_static, finished, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    out = tmp_path / "model"
    train([finished], out, settings_of(tiny_static, steps=10, report_to="tensorboard"))
    (log,) = out.rglob("events.out.tfevents.*")
    events = EventAccumulator(str(log))
    events.Reload()
    assert len(events.Scalars("train/loss")) == 10


def test_progress_is_told_in_pairs(tiny_static, finished, tmp_path):
    told = []

    class Listener:
        def start(self, stage, total):
            told.append((stage, total))

        def advance(self, stage, done):
            told.append((stage, done))

    train([finished], tmp_path / "model", settings_of(tiny_static), progress=Listener())
    assert told == [("train", 32), *(("train", 8 * step) for step in (1, 2, 3, 4))]


def test_a_finished_training_is_not_done_again_and_another_is_refused(
    tiny_static, finished, tmp_path
):
    out = tmp_path / "model"
    first = train([finished], out, settings_of(tiny_static))
    again = train([finished], out, settings_of(tiny_static), resume=True)
    assert again.already
    assert again.manifest == first.manifest
    with pytest.raises(TrainingError, match="--resume"):
        train([finished], out, settings_of(tiny_static))
    with pytest.raises(TrainingError, match=r"alpha was 0\.5, is 1\b.*--overwrite"):
        train([finished], out, settings_of(tiny_static, alpha=1), resume=True)
    with pytest.raises(InputError, match="lies in"):
        train([finished], out, settings_of(str(out)), overwrite=True)
    with pytest.raises(TrainingError, match="--overwrite removes the training that --resume"):
        train([finished], out, settings_of(tiny_static), resume=True, overwrite=True)
    assert train([finished], out, settings_of(tiny_static), resume=True).already
    anew = train([finished], out, settings_of(tiny_static, alpha=1), overwrite=True)
    assert anew.manifest["settings"]["alpha"] == 1


def test_a_finished_training_that_had_checkpoints_is_complete(tiny_static, finished, tmp_path):
    out, settings = tmp_path / "model", settings_of(tiny_static, save_steps=2)
    train([finished], out, settings)
    assert train([finished], out, settings, resume=True).already


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("model.safetensors", None, r"model\.safetensors: was removed or changed"),
        ("model.safetensors", b"cut", r"model\.safetensors: was removed or changed"),
        ("training_manifest.json", b"{}", r"training_manifest\.json: lacks counts\.methods; train"),
        ("training_manifest.json", b"[]", "is not a JSON object"),
    ],
)
def test_a_finished_model_is_not_believed_when_it_was_damaged(
    trained_static, tiny_static, finished, tmp_path, name, content, said
):
    out = shutil.copytree(trained_static, tmp_path / "model")
    if content is None:
        (out / name).unlink()
    else:
        (out / name).write_bytes(content)
    with pytest.raises(TrainingError, match=said):
        train([finished], out, settings_of(tiny_static), resume=True)


def test_a_model_in_a_run_folder_is_refused(tiny_static, finished):
    with pytest.raises(RunFolderError, match="lies in the run folder"):
        train([finished], finished / "model", settings_of(tiny_static))
    assert not (finished / "model").exists()


def test_a_folder_of_other_files_is_never_cleared(tiny_static, finished, tmp_path):
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter.txt").write_text("years of work")
    for options in ({}, {"overwrite": True}, {"resume": True}):
        with pytest.raises(TrainingError):
            train([finished], out, settings_of(tiny_static), **options)
    assert (out / "chapter.txt").read_text() == "years of work"


def test_a_checkpoint_cut_off_by_a_crash_is_not_resumed(tiny_static, finished, tmp_path):
    folder = ModelFolder(tmp_path)
    for step, mark in ((5, True), (10, True), (15, False)):
        (folder.work / f"checkpoint-{step}").mkdir(parents=True)
        if mark:
            folder.mark_checkpoint(step)
    folder.remove_cut_off_checkpoints()
    assert folder.last_checkpoint() == folder.work / "checkpoint-10"
    assert not (folder.work / "checkpoint-15").exists()


def test_a_checkpoint_is_marked_when_the_disk_has_it(tmp_path, monkeypatch):
    folder, synced = ModelFolder(tmp_path), []
    checkpoint = folder.work / "checkpoint-5"
    checkpoint.mkdir(parents=True)
    (checkpoint / "weights").write_bytes(b"weights")
    monkeypatch.setattr(
        model_folder, "sync_tree", lambda path: synced.append((path, folder.last_checkpoint()))
    )
    folder.mark_checkpoint(5)
    assert synced == [(checkpoint, None)]
    assert folder.last_checkpoint() == checkpoint


@pytest.mark.parametrize("name", ["weights", "complete"])
def test_a_checkpoint_that_was_changed_is_named_and_not_resumed(tmp_path, name):
    folder = ModelFolder(tmp_path)
    for step in (5, 10):
        checkpoint = folder.work / f"checkpoint-{step}"
        checkpoint.mkdir(parents=True)
        (checkpoint / "weights").write_bytes(b"weights")
        folder.mark_checkpoint(step)
    assert folder.last_checkpoint() == checkpoint
    (checkpoint / name).write_bytes(b"weighty")
    with pytest.raises(TrainingError, match=rf"checkpoint-10/{name}: was removed or changed"):
        folder.last_checkpoint()
    shutil.rmtree(checkpoint)  # as the message says
    assert folder.last_checkpoint() == folder.work / "checkpoint-5"


NOT_ENCODERS = {
    "decoder": ({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}, "a GPT2LMHeadModel"),
    "translator": (
        {"model_type": "marian", "is_encoder_decoder": True, "architectures": ["MarianMTModel"]},
        "a MarianMTModel, an encoder-decoder",
    ),
    "images": ({"model_type": "vit", "architectures": ["ViTModel"]}, "a ViTModel"),
    "unknown": ({}, "a model of unknown type"),
    "odd": ({"model_type": ["bert"], "architectures": 5}, r"a \['bert'\]"),
}


@pytest.mark.parametrize("kind", NOT_ENCODERS)
def test_a_base_model_that_is_no_encoder_is_refused_before_any_work(kind, finished, tmp_path):
    config, said = NOT_ENCODERS[kind]
    base = tmp_path / kind
    base.mkdir()
    (base / "config.json").write_text(json.dumps(config))
    with pytest.raises(TrainingError, match=f"is no dense text encoder: it is {said}"):
        train([finished], tmp_path / "out", settings_of(base))


@pytest.mark.parametrize("kind", ["CrossEncoder", "SparseEncoder", "MultiVectorEncoder"])
def test_a_base_model_of_another_kind_is_refused_as_in_evaluation(kind, finished, tmp_path):
    (tmp_path / "modules.json").write_text("[]")
    said = {"model_type": kind}
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(said))
    with pytest.raises(TrainingError, match=f"is no dense text encoder: it is a {kind}"):
        train([finished], tmp_path / "out", settings_of(tmp_path))
    with pytest.raises(ModelError, match=f"is a {kind}, not a dense text encoder"):
        load_encoder(str(tmp_path), tmp_path / "cache")


@pytest.mark.parametrize("name", ["no such", "bundled:mini", "./nowhere", "static:nowhere/x.spm"])
def test_a_base_model_that_is_not_there_is_refused(name, finished, tmp_path):
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        train([finished], tmp_path / "out", settings_of(name))


def test_a_folder_without_a_model_or_with_a_broken_one_is_refused(finished, xlmr, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ModelError, match="holds no model"):
        train([finished], tmp_path / "out", settings_of(empty))
    broken = tmp_path / "broken"
    shutil.copytree(xlmr, broken)
    (broken / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(ModelError, match="cannot be loaded"):
        train([finished], tmp_path / "out2", settings_of(broken))


def test_a_cross_lingual_alpha_needs_aligned_languages(tiny_static, finished, tmp_path):
    settings = settings_of(tiny_static, methods=("native", "round_trip"))
    with pytest.raises(TrainingError, match=r"the pairs are in en\. .*--route en:pt"):
        train([finished], tmp_path / "out", settings)
    assert not (tmp_path / "out").exists()


def test_a_damaged_run_is_refused(tiny_static, copied, tmp_path):
    path = copied / "train" / "data-00001-of-00008.arrow"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RunFolderError, match=r"data-00001-of-00008\.arrow: has .* bytes"):
        train([copied], tmp_path / "out", settings_of(tiny_static))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"methods": ("roundtrip",)}, "did you mean 'round_trip'"),
        ({"report_to": "tensorbord"}, "did you mean 'tensorboard'"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"base": "model", "dimensions": 8}, "'model' has vectors of its own length"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"temperature": 5e-324}, "temperature is 5e-324; it must be 0.0001 or more"),
        ({"alpha": 2}, "alpha is 2"),
        ({"methods": ()}, "methods names nothing to train on; leave it out"),
        ({"languages": ()}, "languages names nothing to train on; leave it out"),
        ({"alpha": float("nan")}, "alpha is nan; it must be a number"),
        ({"steps": 1.5}, r"steps is 1\.5; it must be a whole number"),
        ({"precision": "x"}, "precision is 'x'; it must be auto or fp32 or"),
        ({"device": "x"}, "device is 'x'; it must be auto or cpu or cuda"),
        ({"held_out": 1.0}, "held_out is 1.0"),
        ({"held_out": 0.0, "patience": 1}, "early stopping measures"),
    ],
)
def test_settings_out_of_range_are_refused(options, said):
    with pytest.raises(TrainingError, match=said):
        settings_of(**{"base": "static:bundled", **options})


def test_by_default_all_ranks_together_see_as_many_pairs_as_there_are_rows():
    settings = TrainingSettings("static:bundled", batch_size=10)
    assert settings.resolved(8000).steps == 800
    assert settings.resolved(8000, ranks=4).steps == 200


def test_a_base_model_may_lie_in_a_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "model").mkdir()
    assert TrainingSettings("~/model").base_model == str(tmp_path / "model")


def test_settings_may_be_a_path_and_numpys_numbers():
    plain = settings_of("model", steps=3, seed=1, alpha=0.5)
    given = settings_of("model", steps=np.int64(3), seed=np.int32(1), alpha=np.float32(0.5))
    assert json.dumps(given.identity()) == json.dumps(plain.identity())
    assert TrainingSettings(Path("model")).base_model == "model"


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")
@pytest.mark.parametrize(
    "options", [{"device": "cuda"}, {"precision": "fp16"}, {"precision": "bf16"}]
)
def test_a_device_or_precision_that_is_not_there_is_refused(
    options, tiny_static, finished, tmp_path
):
    with pytest.raises(TrainingError, match="GPU"):
        train([finished], tmp_path / "out", settings_of(tiny_static, **options))


def test_half_precision_checkpoints_are_trained_in_full(xlmr, finished, tmp_path, caplog):
    import transformers

    base = tmp_path / "half"
    shutil.copytree(xlmr, base)
    transformers.AutoModelForMaskedLM.from_pretrained(base).half().save_pretrained(base)
    with caplog.at_level(logging.ERROR):
        train([finished], tmp_path / "out", settings_of(base, steps=1))
    assert {str(w.dtype) for w in weights(tmp_path / "out").values() if w.is_floating_point()} == {
        "torch.float32"
    }


def test_hard_negatives_are_of_the_title_and_the_language_and_outside_the_batch(run_of):
    from bt_augment.training.examples import compose_pairs
    from bt_augment.training.hard_negatives import HardNegatives

    run = run_of(
        [
            a_row(f"{title}{i}", lang, "native" if lang == "en" else "translation", title=title)
            for title in "AB"
            for i in range(4)
            for lang in ("en", "pt")
        ]
    )
    rows = read_rows([run])
    pairs = compose_pairs(rows)
    lookup = HardNegatives(rows, count=2)
    pairs = pairs.with_transform(lookup, columns=["question_row", "passage_row"])
    for batch in ([0, 2], [1, 9], [3, 30]):
        items = pairs.__getitems__(batch)
        groups = {item["passage"].split(".")[0] for item in items}
        for item in items:
            source, lang, _ = item["passage"].removeprefix("passage ").split(".")
            found = [item["negative_1"], item["negative_2"]]
            assert len(set(found)) == 2
            for negative in found:
                other, other_lang, _ = negative.removeprefix("passage ").split(".")
                assert other_lang == lang
                assert other[0] == source[0]
                assert negative.split(".")[0] not in groups


def test_hard_negatives_of_many_passages_are_drawn_without_ordering_them_all(run_of, monkeypatch):
    from bt_augment.training import hard_negatives

    run = run_of([a_row(str(i), "en", title="A" if i < 3 else f"T{i}") for i in range(40)])
    rows = read_rows([run])
    monkeypatch.setattr(hard_negatives, "_MANY", 10)
    lookup = hard_negatives.HardNegatives(rows, count=4)
    ordered = []

    class Stream(np.random.Generator):
        """Notes how many places it brings into an order."""

        def permutation(self, places):
            ordered.append(len(places))
            return super().permutation(places)

    monkeypatch.setattr(np.random, "default_rng", lambda seed: Stream(np.random.PCG64(seed)))

    def negatives(batch):
        texts = lookup({"question_row": batch, "passage_row": batch})
        return [[texts[f"negative_{n}"][i] for n in (1, 2, 3, 4)] for i in range(len(batch))], texts

    (first, second), texts = negatives([0, 7])
    assert max(ordered) <= 10
    assert len({*first, *texts["passage"]}) == len({*second, *texts["passage"]}) == 6
    assert {rows.texts[i]["passage"] for i in (1, 2)} == set(first[:2])  # of the title

    # And where nearly all are in the batch, those that are left are found
    monkeypatch.setattr(hard_negatives, "_TRIES", 0)
    found, texts = negatives(list(range(35)))
    assert len(set(found[0]) - set(texts["passage"])) == 4


def test_hard_negatives_train(tiny_static, finished, tmp_path):
    out = tmp_path / "model"
    train([finished], out, settings_of(tiny_static, hard_negatives=1))
    train([finished], tmp_path / "without", settings_of(tiny_static))
    assert moved(weights(out), weights(tmp_path / "without"))


def test_hard_negatives_need_titles_and_passages(tiny_static, run_of, tmp_path):
    bare = run_of([a_row(str(i), "en", title=None) for i in range(20)])
    settings = settings_of(tiny_static, hard_negatives=1, alpha=1)
    with pytest.raises(TrainingError, match="have no titles"):
        train([bare], tmp_path / "a", settings)
    few = run_of([a_row(str(i), "en") for i in range(8)], name="few")
    with pytest.raises(TrainingError, match=r"only 8 different passages.*--batch-size to 7"):
        train(
            [few], tmp_path / "b", settings_of(tiny_static, hard_negatives=1, alpha=1, held_out=0)
        )
    with pytest.raises(TrainingError, match=r"only 8 different .* with 9 .*fewer --hard-negatives"):
        train(
            [few], tmp_path / "c", settings_of(tiny_static, hard_negatives=9, alpha=1, held_out=0)
        )


def test_a_language_that_no_batch_is_of_needs_no_hard_negatives(
    tiny_static, run_of, tmp_path, caplog
):
    run = run_of(
        [a_row(str(i), "en") for i in range(40)]
        + [a_row(f"pt{i}", "pt", group_id=f"pt{i}") for i in range(3)]
    )
    train([run], tmp_path / "m", settings_of(tiny_static, hard_negatives=3, alpha=1, held_out=0))
    assert "left out of monolingual batches" in caplog.text
    assert "pt: 3" in caplog.text


def test_patience_without_a_measurement_is_refused(tiny_static, finished, tmp_path):
    settings = settings_of(tiny_static, steps=6, patience=2, eval_steps=50)
    with pytest.raises(TrainingError, match=r"every 50 steps \(eval_steps\).* only 6 steps"):
        train([finished], tmp_path / "m", settings)
    assert not (tmp_path / "m").exists()


def test_a_plain_bert_checkpoint_trains_with_mean_pooling(labse, finished, tmp_path):
    base = labse.with_name(f"{labse.name}-bert")  # what lies beneath LaBSE's modules
    out = tmp_path / "model"
    train([finished], out, settings_of(base))
    model = SentenceTransformer(str(out), device="cpu", local_files_only=True)
    assert [type(module).__name__ for module in model] == ["Transformer", "Pooling"]
    name = "encoder.layer.0.attention.self.query.weight"
    trained, before = load_file(out / "model.safetensors"), load_file(base / "model.safetensors")
    assert not torch.equal(trained[name], before[name])


def test_a_batch_larger_than_the_data_is_refused_before_any_model_is_read(
    tiny_static, finished, tmp_path, monkeypatch
):
    from bt_augment.training import trainer

    monkeypatch.setattr(trainer, "load_base_model", lambda *a, **k: pytest.fail("model read"))
    with pytest.raises(TrainingError, match="Lower --batch-size to "):
        train([finished], tmp_path / "out", settings_of(tiny_static, batch_size=500))
    assert not (tmp_path / "out").exists()


def test_a_share_that_cannot_be_had_is_said(tiny_static, run_of, tmp_path, caplog):
    # Given translations only: Portuguese is all made, and every pair across has a native text
    rows = [
        row for i in range(20) for row in (a_row(str(i), "en"), a_row(str(i), "pt", "translation"))
    ]
    run = run_of(rows)
    settings = settings_of(tiny_static, alpha=0, augmented_share=0.5, held_out=0)
    with caplog.at_level(logging.WARNING):
        drawn = train([run], tmp_path / "out", settings).manifest["drawn"]
    assert drawn["made_share"] == 0
    assert "is 0.0 %, not the 50.0 % asked for" in caplog.text
    caplog.clear()
    native = settings_of(tiny_static, alpha=1, methods=("native",), held_out=0)
    train([run], tmp_path / "native", native)
    assert "asked for" not in caplog.text


def test_a_static_encoder_starts_with_longer_vectors_for_rarer_subwords(xlmr):
    from bt_augment.training.static_encoder import load_tokenizer, static_encoder

    torch.manual_seed(0)
    first = static_encoder(f"static:{xlmr}", dimensions=512)[0].embedding.weight.detach()
    pieces = json.loads(load_tokenizer(str(xlmr)).to_str())["model"]["vocab"]
    probability = torch.tensor([score for _, score in pieces], dtype=torch.float64).exp()
    # Arora et al. 2017: a / (a + p), times the length of 512 standard normals
    expected = 1e-4 / (1e-4 + probability) * 512**0.5
    assert torch.allclose(first.norm(dim=1).double(), expected, rtol=0.15)


class Stop(Exception):
    """What a user's interruption is to the trainer."""


@pytest.mark.parametrize("patience", [pytest.param(0, marks=pytest.mark.slow), 5])
def test_a_static_encoder_resumes_to_the_same_weights(tiny_static, finished, tmp_path, patience):
    settings = settings_of(
        tiny_static, steps=20, save_steps=4, eval_steps=4, held_out=0.1, patience=patience
    )

    class Interruption:
        def start(self, stage, total):
            pass

        def advance(self, stage, done):
            if done == 10 * 8:
                raise Stop

    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    train([finished], whole, settings)
    with pytest.raises(Stop):
        train([finished], stopped, settings, progress=Interruption())
    resumed = train([finished], stopped, settings, resume=True)
    assert resumed.resumed_at == 8
    assert not moved(weights(whole), weights(stopped))


@pytest.mark.parametrize(
    "damage", [None, "changed", pytest.param("removed", marks=pytest.mark.slow)]
)
def test_a_training_that_stopped_early_and_was_killed_is_not_gone_on_with(
    tiny_static, finished, tmp_path, monkeypatch, damage
):
    # Each measurement is worse than the one before, until training would be gone on with.
    scores, measure = [0.9, 0.5, 0.4, *([0.99] * 20)], f"{NAME}_cosine_ndcg@10"
    monkeypatch.setattr(
        InformationRetrievalEvaluator, "__call__", lambda *_, **__: {measure: scores.pop(0)}
    )
    settings = settings_of(
        tiny_static, steps=40, held_out=0.1, patience=2, eval_steps=4, learning_rate=0.01
    )
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert train([finished], whole, settings).manifest["steps"] == 12

    check = ModelFolder.check_there

    def stop_when_saved(folder):
        """Stand for a kill between the last checkpoint and the manifest."""
        if (folder.work / "checkpoint-12" / "complete").exists():
            raise Stop
        check(folder)

    scores[:0] = [0.9, 0.5, 0.4]
    with monkeypatch.context() as patch:
        patch.setattr(ModelFolder, "check_there", stop_when_saved)
        with pytest.raises(Stop):
            train([finished], killed, settings)
    best = killed / "training" / "checkpoint-4"
    if damage:
        assert best.is_dir()
        shutil.rmtree(best) if damage == "removed" else next(best.rglob("*.json")).write_text("{}")
        with pytest.raises(TrainingError, match=r"checkpoint-4/.*removed or changed since"):
            train([finished], killed, settings, resume=True)
        return
    resumed = train([finished], killed, settings, resume=True)
    assert (resumed.resumed_at, resumed.manifest["steps"]) == (12, 12)
    assert not moved(weights(whole), weights(killed))


def measured_as(monkeypatch, scores):
    """Have each measurement give the next of these scores."""
    left, measure = list(scores), f"{NAME}_cosine_ndcg@10"
    monkeypatch.setattr(
        InformationRetrievalEvaluator, "__call__", lambda *_, **__: {measure: left.pop(0)}
    )


def killed_when(monkeypatch, name, condition, run):
    """Stand for a kill where a method of the model's folder is called and the condition holds."""
    method = getattr(ModelFolder, name)

    def stop(folder, *arguments):
        if condition(folder, *arguments):
            raise Stop
        return method(folder, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(ModelFolder, name, stop)
        with pytest.raises(Stop):
            run()


def test_a_training_with_patience_takes_the_best_weights_after_a_move(
    tiny_static, finished, tmp_path, monkeypatch
):
    settings = settings_of(
        tiny_static, steps=6, held_out=0.1, patience=9, eval_steps=2, learning_rate=0.01
    )
    measured_as(monkeypatch, [0.5, 0.9, 0.4, 0.9, 0.5, 0.9, 0.4, 0.9, 0.9])
    whole, killed, away = tmp_path / "whole", tmp_path / "killed", tmp_path / "moved"
    train([finished], whole, settings)
    killed_when(
        monkeypatch,
        "check_there",
        lambda folder: (folder.work / "checkpoint-6" / "complete").exists(),
        lambda: train([finished], killed, settings),
    )
    killed.rename(away)
    best, aside = away / "training" / "checkpoint-4", tmp_path / "aside"
    best.rename(aside)
    with pytest.raises(TrainingError, match=r"checkpoint-4/complete: was removed or changed"):
        train([finished], away, settings, resume=True)
    aside.rename(best)
    assert train([finished], away, settings, resume=True).resumed_at == 6
    assert not moved(weights(whole), weights(away))


def test_the_best_checkpoint_stays_until_a_better_one_is_whole(
    tiny_static, finished, tmp_path, monkeypatch
):
    settings = settings_of(tiny_static, steps=8, held_out=0.1, patience=9, eval_steps=2)
    measured_as(monkeypatch, [0.5, 0.4, 0.9, 0.3])
    out = tmp_path / "out"
    killed_when(
        monkeypatch,
        "mark_checkpoint",
        lambda _, step: step == 6,
        lambda: train([finished], out, settings),
    )
    assert ModelFolder(out).best_checkpoint(2).is_dir()


@pytest.mark.parametrize("place", ["__init__", "encode", "forward"])
def test_want_of_memory_is_told_as_such(labse, finished, tmp_path, monkeypatch, place):
    def fail(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(SentenceTransformer, place, fail)
    with pytest.raises(MemoryError, match=r"20\.00 MiB"):
        train([finished], tmp_path / "model", settings_of(labse))


@pytest.mark.slow
def test_training_reports_to_wandb(tiny_static, finished, tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    for name, value in (("WANDB_MODE", "offline"), ("WANDB_DIR", str(tmp_path))):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WANDB_SILENT", "true")
    out = tmp_path / "model"
    train([finished], out, settings_of(tiny_static, steps=10, report_to="wandb"))
    import wandb

    wandb.finish()
    (log,) = (tmp_path / "wandb").glob("offline-run-*/*.wandb")
    until = time.monotonic() + 60  # W&B writes in a process of its own, and a busy machine waits
    while b"train/loss" not in log.read_bytes():
        assert time.monotonic() < until
        time.sleep(0.2)


def test_a_static_model_that_was_trained_can_be_trained_further(tiny_static, run_of, tmp_path):
    run = run_of([a_row(str(i), "en") for i in range(12)])
    options = {"alpha": 1, "held_out": 0, "batch_size": 4}
    train([run], tmp_path / "a", settings_of(tiny_static, **options))
    train([run], tmp_path / "b", settings_of(tmp_path / "a", **options))
    assert moved(weights(tmp_path / "a"), weights(tmp_path / "b"))


def test_a_copy_of_a_checkpoint_that_somebody_keeps_is_left_alone(tmp_path):
    folder = ModelFolder(tmp_path)
    (folder.work / "checkpoint-5").mkdir(parents=True)
    folder.mark_checkpoint(5)
    (folder.work / "checkpoint-5.bak").mkdir()
    (folder.work / "checkpoint-notes").write_text("hi")
    folder.remove_cut_off_checkpoints()
    assert folder.last_checkpoint() == folder.work / "checkpoint-5"
    assert (folder.work / "checkpoint-5.bak").is_dir()


def test_regions_make_no_other_language(tiny_static, run_of, tmp_path):
    native = [a_row(str(i), "pt-BR") for i in range(12)]
    made = [a_row(str(i), "pt", "round_trip") for i in range(12)]
    run = run_of([*native, *made])
    with pytest.raises(TrainingError, match=r"the pairs are in pt\. "):
        train([run], tmp_path / "out", settings_of(tiny_static, augmented_share=None))
    rows = read_rows([run], languages=["pt"])
    assert rows.counts()["languages"] == {"pt": 24}
    assert len(read_rows([run], languages=["pt-PT"])) == 24
