"""What the tests of training share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from training_rows import write_run


@pytest.fixture
def run_of(tmp_path: Path) -> Callable[..., Path]:
    """Write a run of the rows given: ``run_of(rows, name="b", source="abc")``."""

    def write(*units: Iterable[dict[str, Any]], name: str = "run", source: str = "abc") -> Path:
        return write_run(tmp_path / name, units, source)

    return write
