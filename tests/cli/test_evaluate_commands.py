"""``evaluate`` and ``compare`` as a user runs them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "the": 1, "who": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    folder = tmp_path_factory.mktemp("model") / "static"
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)]).save(str(folder))
    return folder


def test_evaluate_and_compare(learning_command, model, data, tmp_path):
    out = tmp_path / "a.json"
    arguments = ("evaluate", model, "--benchmark", "xquad-r", "--data", data / "parallel")
    done = learning_command(*arguments, "--out", out, "--run-files", tmp_path / "runs")
    assert done.code == 0, done.err
    assert "144 queries, 254 candidates (en, pt)" in done.out
    assert "not checked" in done.out
    results = json.loads(out.read_bytes())
    assert results["settings"].keys() == {"mono", "cross", "multi"}
    assert (tmp_path / "runs" / "en-pt.run").is_file()

    again = learning_command(
        *arguments, "--out", tmp_path / "b.json", "--json", "-q", "--settings", "mono"
    )
    assert again.json["encoded"] == 0  # the vectors were kept
    assert again.json["matrix"]["AP"]["en"]["en"] == results["matrix"]["AP"]["en"]["en"]

    compared = learning_command("compare", out, tmp_path / "b.json")
    assert compared.code == 0, compared.err
    assert "| mono | b |" in compared.out
    assert "cross" not in compared.out
    drawn = learning_command("compare", out, tmp_path / "b.json", "--figures", tmp_path / "figures")
    assert drawn.code == 0, drawn.err
    assert drawn.out == compared.out  # the table alone
    assert "no curve of alpha" in drawn.err
    assert len(list((tmp_path / "figures").glob("*.svg"))) == 3
    as_json = learning_command("compare", out, tmp_path / "b.json", "--json").json
    assert as_json["lines"][1]["effect"]["p"] == 1.0


def test_user_errors_exit_with_2_and_no_traceback(learning_command, model, data, tmp_path):
    arguments = ("--data", data / "parallel", "--out", tmp_path / "r.json")
    for extra, message in (
        ((model, "--benchmark", "xquad-r", "--languages", "en,th"), "has no language th"),
        ((model, "--benchmark", "squad"), "unknown benchmark 'squad'"),
        ((model, "--benchmark", "xquad-r", "--settings", ","), "no setting is named"),
        ((tmp_path, "--benchmark", "xquad-r"), "so it holds no encoder"),
    ):
        done = learning_command("evaluate", *extra, *arguments)
        assert done.code == 2, done.err
        assert message in done.err
        assert "Traceback" not in done.err
    assert learning_command("compare", tmp_path / "none.json", tmp_path / "b.json").code == 2


@pytest.mark.slow
def test_a_killed_evaluation_goes_on(new_command, environment, model, data, tmp_path):
    stored = Path(environment["BT_AUGMENT_CACHE"]) / "embeddings"
    arguments = ("evaluate", model, "--benchmark", "xquad-r", "--data", data / "parallel",
                 "--candidate-text", "sentence+context", "--out", tmp_path / "r.json")  # fmt: skip
    process = new_command.start(*arguments)
    before = sum(p.stat().st_size for p in stored.rglob("keys.u64")) if stored.exists() else 0
    for _ in range(600):
        size = sum(p.stat().st_size for p in stored.rglob("keys.u64")) if stored.exists() else 0
        if size > before or process.poll() is not None:
            break
        time.sleep(0.05)
    process.kill()
    process.communicate()
    done = new_command(*arguments, "--json", "-q")
    assert done.code == 0, done.err
    clean = new_command(*arguments, "--json", "-q", "--no-cache")
    assert done.json["matrix"] == clean.json["matrix"]
