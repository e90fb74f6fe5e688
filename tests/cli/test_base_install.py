"""Without the extras: commands that need them say what to install, before any work."""

from __future__ import annotations

import json

import pytest

# Given as if only what the base install has were there: nothing else is found.
PROGRAM = """
import sys
from importlib.machinery import PathFinder

EXTRA = {"torch", "transformers", "sentence_transformers", "accelerate", "scipy", "faiss"}

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in EXTRA else super().find_spec(name, path, target)

sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]
from bt_augment.cli.main import main
main()
"""
EXPERIMENT = """
name: t
data: {{pairs: {run}, parallel: {data}/parallel}}
runs: {{pairs: {{folder: pairs}}}}
arms: {{native: {{methods: [native], alphas: [1]}}}}
seeds: [0]
base_models: {{a: "{model}"}}
benchmarks: {{parallel: {{benchmark: xquad-r, data: parallel}}}}
"""


@pytest.fixture
def plain(tmp_path):
    """Return a folder that is a plain encoder checkpoint by its configuration."""
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    return folder


@pytest.mark.parametrize("model", ["static:bundled", "{plain}"])
@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (("train", "{run}", "--base-model", "{model}", "--out", "{out}"), "train"),
        (("run", "{out}.yaml", "--out", "{out}"), "train"),
        (("evaluate", "{model}", "--benchmark", "xquad-r", "--data", "{data}/parallel",
          "--out", "{out}.json"), "evaluate"),
    ],
)  # fmt: skip
def test_what_to_install_is_said(new_command, finished, data, plain, tmp_path, model, words, extra):
    names = {"run": finished, "data": data, "model": model.format(plain=plain),
             "out": tmp_path / "out"}  # fmt: skip
    (tmp_path / "out.yaml").write_text(EXPERIMENT.format(**names))
    done = new_command(*(word.format(**names) for word in words), program=PROGRAM)
    assert done.code == 2, done.err
    assert f"pip install 'bt-augment[{extra}]'" in done.err
    assert "Traceback" not in done.err
