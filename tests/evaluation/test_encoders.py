"""Encoders against plain sentence-transformers; int8 against float32."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from bt_augment.errors import ModelError
from bt_augment.evaluation.encoders import TorchEncoder, load_encoder
from bt_augment.evaluation.int8_encoder import Int8Encoder, converted

TEXTS = [
    "Who solved the jamming problem of the early zipper?",
    "a",
    "O zíper foi vendido primeiro em botas. " * 12,  # longer than the model takes
    "Ünïcode ✓ 中文",
]


@pytest.fixture
def model(static_model, tmp_path):
    return shutil.copytree(static_model, tmp_path / "model")


def test_vectors_are_those_of_sentence_transformers(static_model, tmp_path):
    encoder = load_encoder(str(static_model), tmp_path, device="cpu")
    plain = SentenceTransformer(str(static_model), device="cpu")
    for kind, prompt in (("query", "ask: "), ("passage", "say: ")):
        expected = plain.encode([prompt + t for t in TEXTS], normalize_embeddings=True)
        np.testing.assert_allclose(encoder.encode(TEXTS, kind), expected, atol=1e-6)
        assert encoder.prompt(kind) == prompt


@pytest.mark.parametrize(
    ("prompts", "default", "expected"),
    [
        ({"query": "Q ", "document": "D "}, None, ("Q ", "D ")),
        ({"query": "Q ", "document": "", "passage": "P "}, None, ("Q ", "P ")),
        ({}, None, ("", "")),
        ({"any": "A "}, "any", ("A ", "A ")),
    ],
)
def test_stored_prompts_are_used(model, tmp_path, prompts, default, expected):
    path = model / "config_sentence_transformers.json"
    config = json.loads(path.read_text()) | {"prompts": prompts, "default_prompt_name": default}
    path.write_text(json.dumps(config))
    encoder = load_encoder(str(model), tmp_path, device="cpu")
    assert (encoder.prompt("query"), encoder.prompt("passage")) == expected


def test_a_dot_product_model_keeps_the_length_of_its_vectors(model, tmp_path):
    path = model / "config_sentence_transformers.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"similarity_fn_name": "dot"}))
    vectors = load_encoder(str(model), tmp_path, device="cpu").encode(TEXTS, "query")
    assert not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"similarity_fn_name": "manhattan"}))
    with pytest.raises(ModelError, match="compares vectors by manhattan"):
        load_encoder(str(model), tmp_path, device="cpu")


def test_the_fingerprint_follows_what_decides_the_vectors(model, tmp_path):
    def fingerprint():
        return load_encoder(str(model), tmp_path, device="cpu").fingerprint

    before = fingerprint()
    (model / "README.md").write_text("another card")
    (model / "training_manifest.json").write_text("{}")
    assert fingerprint() == before
    path = model / "config_sentence_transformers.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"prompts": {"query": "other "}}))
    changed = fingerprint()
    assert changed != before


def test_vectors_of_another_device_or_precision_are_told_apart(static_model):
    plain = SentenceTransformer(str(static_model), device="cpu")
    assert TorchEncoder("m", plain, "abc").fingerprint == "abc"
    plain.to("meta")  # any device but the CPU
    single = TorchEncoder("m", plain, "abc").fingerprint
    half = TorchEncoder("m", plain.half(), "abc").fingerprint
    assert len({"abc", single, half}) == 3


def test_the_fingerprint_follows_modules_within_modules(router_model, tmp_path):
    def fingerprint(seed):
        return load_encoder(str(router_model(seed)), tmp_path, device="cpu").fingerprint

    before = fingerprint(0)
    assert fingerprint(1) != before
    for beside in ("training", "training/checkpoint-3", "checkpoint-4"):
        (tmp_path / "router" / beside).mkdir()
        (tmp_path / "router" / beside / "model.safetensors").write_bytes(b"of a training")
    assert fingerprint(0) == before


@pytest.mark.parametrize("place", ["__init__", "encode_query"])
@pytest.mark.parametrize("said", ["CUDA out of memory. Tried to allocate 20.00 MiB.", "no sense"])
def test_want_of_memory_is_no_fault_of_the_model(static_model, tmp_path, monkeypatch, place, said):
    def fail(*_, **__):
        raise torch.OutOfMemoryError(said) if "memory" in said else RuntimeError(said)

    monkeypatch.setattr(SentenceTransformer, place, fail)
    with pytest.raises(MemoryError if "memory" in said else ModelError, match=said[:12]):
        load_encoder(str(static_model), tmp_path, device="cpu")


@pytest.mark.parametrize("damage", ["weights", "modules", "empty"])
def test_a_damaged_model_is_one_clear_error(model, tmp_path, damage):
    if damage == "weights":
        next(model.rglob("*.safetensors")).write_bytes(b"cut")
    elif damage == "modules":
        (model / "modules.json").write_text("[{]")
    else:
        shutil.rmtree(model)
        model.mkdir()
    with pytest.raises(ModelError, match=str(model)):
        load_encoder(str(model), tmp_path, device="cpu")


@pytest.mark.parametrize("family", ["bert", "xlm-roberta"])
def test_int8_is_close_to_torch_and_float32_the_same(
    transformer_model, tmp_path, monkeypatch, family
):
    folder = str(transformer_model(family))
    exact = load_encoder(folder, tmp_path, device="cpu")
    int8 = load_encoder(folder, tmp_path, device="cpu", backend="ctranslate2", threads=2)
    assert int8.fingerprint == f"{exact.fingerprint}-int8"
    assert (tmp_path / "encoders" / int8.fingerprint / "model.bin").is_file()
    plain = SentenceTransformer(folder, device="cpu")
    made = converted(folder, plain, exact.fingerprint, tmp_path, "float32")
    monkeypatch.delattr(os, "sched_getaffinity")  # macOS has none
    float32 = Int8Encoder(folder, plain, exact.fingerprint, made)
    for kind in ("query", "passage"):
        expected = exact.encode(TEXTS, kind)
        np.testing.assert_allclose(float32.encode(TEXTS, kind), expected, atol=2e-5)
        cosines = (int8.encode(TEXTS, kind) * expected).sum(axis=1)
        assert cosines.min() > 0.98, cosines


def test_int8_refuses_what_it_cannot_run(static_model, tmp_path):
    with pytest.raises(ModelError, match=r"StaticEmbedding encoder.*--backend torch"):
        load_encoder(str(static_model), tmp_path, device="cpu", backend="ctranslate2")
