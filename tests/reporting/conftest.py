"""Results files of made-up arms, with the trainings that their figures need; a browser."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from bt_augment.evaluation import Arm
from bt_augment.evaluation.metrics import Scores
from bt_augment.evaluation.results import ScoreTable, write_results
from bt_augment.reporting import write_report

sys.path.insert(0, str(Path(__file__).parent))

from browser import Page, start

METRIC = "RR@20"


def training(**changes: object) -> dict[str, object]:
    return {
        "base_model": "e5", "runs": ["f" * 64], "methods": ["native", "round_trip"], "rows": 1000,
        "rows_by_method": {}, "pairs": 1000, "alpha": 0.5, "augmented_share": 0.5, "steps": 10,
        "batch_size": 8, "seed": 0,
    } | changes  # fmt: skip


@pytest.fixture
def arm(tmp_path: Path) -> Callable[..., Arm]:
    """Make an arm: ``arm("name", mono=0.8, cross=0.6, multi=0.5, seeds=1, alpha=0.5)``."""

    def make(
        name: str, *, mono: float = 0.8, cross: float = 0.6, multi: float = 0.5, seeds: int = 1,
        languages: tuple[str, ...] = ("en", "pt"), questions: int = 60, trained: bool = True,
        measures: tuple[str, ...] = (METRIC,), better: tuple[str, str] | None = None,
        noise: float = 0.1, **changes: object,
    ) -> Arm:  # fmt: skip
        paths = []
        ids = [f"q{n:03d}" for n in range(questions)]
        difficulty = np.random.default_rng(1).normal(0, noise, questions)
        for seed in range(seeds):
            random = np.random.default_rng([seed, *name.encode()])
            table = ScoreTable(measures)
            for query in languages:
                for pool in (*languages, None):
                    mean = multi if pool is None else mono if pool == query else cross
                    gain = 0.3 if (query, pool) == better else 0.0
                    values = mean + gain + difficulty + random.normal(0, noise / 10, questions)
                    scores = Scores(np.arange(questions), dict.fromkeys(measures, values))
                    table.add(query, pool, ids, scores)
            path = tmp_path / f"{len(list(tmp_path.iterdir())):03d}-{seed}.json"
            content = {
                "model": name, "benchmark": "xtyle", "candidate_text": "sentence",
                "counts": {"queries": dict.fromkeys(languages, questions)},
                "settings": table.settings(), "matrix": table.matrix,
                "training": training(seed=seed, **changes) if trained else None,
            }  # fmt: skip
            write_results(path, content, table.per_query())
            paths.append(path)
        return Arm(name, tuple(paths))

    return make


@pytest.fixture
def grid() -> list[tuple[str, str]]:
    return list(itertools.product(("en", "pt"), repeat=2))


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    driver = start(tmp_path_factory.mktemp("profile"))
    yield Page(driver)
    driver.quit()


@pytest.fixture(scope="session")
def report(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the report of the finished run."""
    out = tmp_path_factory.mktemp("report") / "report.html"
    write_report([str(finished)], out)
    return out
