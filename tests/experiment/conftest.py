"""A tiny experiment: 40 pairs, the bundled model, a static encoder of a few dimensions."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from bt_augment.experiment import Experiment, Outcome, load_experiment, run_experiment

torch.set_num_threads(1)  # models this small only lose by sharing work between cores

Load = Callable[..., Experiment]

CONTENT: dict[str, Any] = {
    "name": "tiny",
    "generation": {"input": {"lang": "en"}, "routes": ["en:pt:en", "en:pt"]},
    "runs": {"pairs": {"inputs": "pairs"}},
    "arms": {
        "native": {"methods": ["native"]},
        "raw": {"methods": ["native", "round_trip"], "filtered": False},
        "all": {
            "methods": ["native", "round_trip", "translation"], "augmented_share": "any"
        },
    },
    "alphas": [0.5, 1],
    "seeds": [0, 1],
    "base_models": {"static": {"model": "static:bundled"}},
    "training": {
        "steps": 6, "batch_size": 8, "dimensions": 16, "held_out": 0, "save_steps": 3,
    },
    "benchmarks": {"parallel": {"benchmark": "xquad-r", "data": "parallel"}},
    "comparison": {
        "baseline": "native",
        "contrasts": [["all@1", "all@0.5"]],
        "metrics": ["RR@20", "rank_distance"],
        "figures": False,
    },
}  # fmt: skip


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory, english: list[dict[str, Any]]) -> Path:
    """Return a file of 64 English pairs."""
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in english[:64]), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory, english: list[dict[str, Any]]) -> Path:
    """Return a file of pairs of 24 passages, for experiments that must generate by themselves."""
    path = tmp_path_factory.mktemp("few") / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in english[::10]), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def content(pairs: Path, data: Path) -> dict[str, Any]:
    """Return the recipe of the tiny experiment; do not change it."""
    return {**CONTENT, "data": {"pairs": str(pairs), "parallel": str(data / "parallel")}}


@pytest.fixture
def recipe(content: dict[str, Any], tmp_path: Path) -> Callable[..., Path]:
    """Write the recipe with other sections: ``recipe(seeds=[0])``."""

    def write(**sections: Any) -> Path:
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump({**content, **sections}, sort_keys=False), encoding="utf-8")
        return path

    return write


@pytest.fixture
def load(recipe: Callable[..., Path]) -> Load:
    """Load the tiny experiment with other sections."""
    return lambda *assignments, **sections: load_experiment(recipe(**sections), assignments)


@pytest.fixture(scope="session")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory,
    content: dict[str, Any],
    environment: dict[str, str],
) -> Outcome:
    """Return the tiny experiment, run from beginning to end; read it only."""
    folder = tmp_path_factory.mktemp("experiment")
    (folder / "recipe.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    experiment = load_experiment(folder / "recipe.yaml")
    return run_experiment(experiment, folder / "out", environment=environment)


@pytest.fixture
def done(undisturbed: Outcome, tmp_path: Path) -> Path:
    """Return a copy of the finished experiment, to go on with."""
    return Path(shutil.copytree(undisturbed.out, tmp_path / "done"))


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory, english: list[dict[str, Any]]) -> Path:
    """Return a tiny random encoder in XLM-R's layout; read it only."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "training"))
    from tiny_encoders import make_xlmr

    texts = [row[name] for row in english[:40] for name in ("question", "passage")]
    return make_xlmr(tmp_path_factory.mktemp("encoder") / "xlmr", texts)
