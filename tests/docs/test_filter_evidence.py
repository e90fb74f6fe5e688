"""The evidence page counts what a run holds, and shows text that is in it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import load_from_disk

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "benchmarks" / "filter_evidence.py"


@pytest.fixture(scope="module")
def strict_run(make_run: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run whose thresholds reject for several reasons."""
    out = tmp_path_factory.mktemp("evidence") / "run"
    make_run(
        out,
        ROOT / "data" / "en" / "qa.jsonl",
        "input.limit=40",
        "filters.fidelity.chrf.min=70",
        "filters.text.question_length.max=60",
    )
    return out


@pytest.fixture(scope="module")
def page(strict_run: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(strict_run)], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_shares_are_those_of_the_rows(page: str, strict_run: Path) -> None:
    # Given the rows as datasets reads them
    run = load_from_disk(str(strict_run))
    reasons = [row["reject_reasons"] for row in run["rejected"]]
    made = len(reasons) + sum(1 for row in run["train"] if row["method"] != "native")
    total = Counter(name for row in reasons for name in row)
    alone = Counter(row[0] for row in reasons if len(row) == 1)
    assert total

    # Then each reason has a line with its rows and both shares
    for name, count in total.items():
        line = next(line for line in page.splitlines() if line.startswith(f"| [`{name}`]"))
        cells = [cell.strip() for cell in line.split("|")[3:6]]
        assert cells == [f"{count:,}", f"{count / made:.1%}", f"{alone[name] / made:.1%}"]


def test_examples_are_cut_from_the_rows(page: str, strict_run: Path) -> None:
    run = load_from_disk(str(strict_run))
    texts = [
        " ".join(text.split())
        for split in run.values()
        for row in split
        for text in (row["question"], row["passage"])
    ]
    shown = re.findall(r"^  - \w+: `(.*)`$", page, re.MULTILINE)
    assert len(shown) >= 6
    for text in shown:
        assert any(text.strip("… ") in known for known in texts), text


def test_changed_thresholds_are_named(page: str) -> None:
    assert "- filters: `text.question_length.max=60.0`, `fidelity.chrf.min=70.0`" in page
