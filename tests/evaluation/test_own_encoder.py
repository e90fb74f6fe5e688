"""Evaluating a function of the user's, without a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bt_augment import Evaluation, evaluate
from bt_augment.errors import ModelError


def wanted(data: Path, cache: Path, **more: Any) -> Evaluation:
    environment = {"BT_AUGMENT_CACHE": str(cache)}
    return Evaluation("mine", "xtyle", data, environment=environment, **more)


def test_a_function_is_evaluated_like_the_model_it_asks(
    static_model: Path, xtyle: Path, tmp_path: Path
) -> None:
    # Given a model on the disk, and the same one behind a function
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(static_model), device="cpu")

    def encode(texts: list[str], kind: str) -> Any:
        prompt = {"query": "ask: ", "passage": "say: "}[kind]
        return model.encode([prompt + text for text in texts], normalize_embeddings=True)

    # When both are evaluated
    cache = tmp_path / "cache"
    by_name = evaluate(Evaluation(str(static_model), "xtyle", xtyle, keep_embeddings=False))
    own = evaluate(wanted(xtyle, cache, out=tmp_path / "own.json"), encode=encode)

    # Then they score alike, the results say what it was, and no vector is left
    assert own["settings"] == by_name["settings"]
    assert own["language_bias"] == by_name["language_bias"]
    assert (own["model"], own["backend"]) == ("mine", "own")
    assert own["overlap"]["checked"] is False
    assert (tmp_path / "own.json").exists()
    assert not (cache / "embeddings").exists()


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        (np.ones(3), r"mine: gives an array of shape \(3,\) for 1 texts"),
        (np.ones((2, 3)), r"mine: gives an array of shape \(2, 3\) for 1 texts"),
        (np.array([[np.nan, 1.0]]), "mine: gives vectors that are not finite"),
    ],
)
def test_what_is_no_encoder_is_refused(
    vectors: Any, said: str, xtyle: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=said):
        evaluate(wanted(xtyle, tmp_path), encode=lambda texts, kind: vectors)
