"""Models that are no encoders, or not whole: one clear error each, before anything is encoded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from bt_augment import translation
from bt_augment.errors import ModelError
from bt_augment.evaluation import Evaluation, evaluate
from bt_augment.evaluation.encoders import check_model, load_encoder
from bt_augment.training.base_model import load_base_model


@pytest.fixture(scope="module")
def bert(transformer_model):
    return transformer_model("bert")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "has neither modules.json nor config.json"),
        ({"config.json": {"model_type": "nothing"}}, "is a nothing, not a dense text encoder"),
        ({"config.json": {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}},
         "is a GPT2LMHeadModel"),
        ({"config.json": {"model_type": "marian", "is_encoder_decoder": True}}, "is a marian"),
        ({"config.json": {"model_type": "bert", "is_decoder": True}}, "is a bert"),
        ({"config.json": {}}, "is a model of unknown type"),
        ({"config.json": '{"model_type"'}, "config.json: is damaged"),
        ({"modules.json": [], "config_sentence_transformers.json": {"model_type": "CrossEncoder"}},
         "is a CrossEncoder, not a dense text encoder"),
    ],
)  # fmt: skip
def test_a_folder_that_holds_no_encoder_is_refused(parallel, tmp_path, files, message):
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / name).write_text(text)
    with pytest.raises(ModelError, match=message):
        evaluate(Evaluation(str(tmp_path), "xquad-r", parallel, device="cpu"))


def test_a_translation_model_is_refused():
    folder = Path(translation.__file__).parent / "bundled" / "mini-en-pt"
    with pytest.raises(ModelError, match="not a dense text encoder"):
        check_model(str(folder))


@pytest.mark.parametrize("name", ["./nowhere", "/no/where", "~/nowhere-at-all", "a/b/c"])
def test_a_folder_that_is_not_there_is_not_looked_for_on_the_hub(name):
    with pytest.raises(ModelError, match="there is no such folder"):
        check_model(name)


@pytest.mark.parametrize("lacking", ["layer.1", "word_embeddings"])
def test_weights_that_the_files_lack_are_not_made_up(bert, tmp_path, lacking):
    folder = shutil.copytree(bert, tmp_path / "model")
    path = next(folder.rglob("model.safetensors"))
    weights = {key: value for key, value in load_file(path).items() if lacking not in key}
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=f"lack.*of the weights.*{lacking}"):
        load_encoder(str(folder), tmp_path / "cache", device="cpu")


def test_a_static_encoder_with_the_tokenizer_of_another_is_refused(static_model, tmp_path):
    folder = shutil.copytree(static_model, tmp_path / "model")
    path = next(folder.rglob("model.safetensors"))
    (name, weights), *_ = load_file(path).items()
    save_file({name: weights[:-1].contiguous()}, path)
    with pytest.raises(ModelError, match=f"vectors for {len(weights) - 1} of the {len(weights)} "):
        load_encoder(str(folder), tmp_path / "cache", device="cpu")
    with pytest.raises(ModelError, match=f"vectors for {len(weights) - 1} of the {len(weights)} "):
        load_base_model(str(folder), max_length=64, device="cpu")


def test_a_masked_language_checkpoint_without_a_pooler_is_an_encoder(bert, tmp_path):
    from transformers import AutoConfig, AutoTokenizer, BertForMaskedLM

    config = AutoConfig.from_pretrained(bert)
    BertForMaskedLM(config).save_pretrained(tmp_path / "plain")
    AutoTokenizer.from_pretrained(bert).save_pretrained(tmp_path / "plain")
    encoder = load_encoder(str(tmp_path / "plain"), tmp_path / "cache", device="cpu")
    assert encoder.encode(["a"], "query").shape == (1, 32)
