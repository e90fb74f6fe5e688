"""What the tests of training share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from tiny_encoders import make_labse, make_xlmr
from training_rows import write_run


@pytest.fixture
def run_of(tmp_path: Path) -> Callable[..., Path]:
    """Write a run of the rows given: ``run_of(rows, name="b", source="abc")``."""

    def write(*units: Iterable[dict[str, Any]], name: str = "run", source: str = "abc") -> Path:
        return write_run(tmp_path / name, units, source)

    return write


@pytest.fixture(scope="session")
def sample_texts(finished: Path, split_rows: Callable[..., Any]) -> list[str]:
    """Return questions and passages in both languages."""
    rows = split_rows(finished, "train")
    return [row[name] for row in rows for name in ("question", "passage")]


@pytest.fixture(scope="session")
def xlmr(tmp_path_factory: pytest.TempPathFactory, sample_texts: list[str]) -> Path:
    """Return a plain checkpoint in XLM-R's layout; read it only."""
    return make_xlmr(tmp_path_factory.mktemp("encoders") / "xlmr", sample_texts)


@pytest.fixture(scope="session")
def labse(tmp_path_factory: pytest.TempPathFactory, sample_texts: list[str]) -> Path:
    """Return a sentence-transformers folder in LaBSE's layout; read it only."""
    return make_labse(tmp_path_factory.mktemp("encoders") / "labse", sample_texts)


@pytest.fixture(scope="session")
def tiny_static(tmp_path_factory: pytest.TempPathFactory, xlmr: Path) -> str:
    """Return the name of a static encoder over a few hundred subwords."""
    return f"static:{xlmr}"
