"""Small benchmarks, a tiny encoder, and the real data where it is at hand."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of real data beside the repository."""
    folder = Path(os.environ.get("BT_AUGMENT_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip("the shared data is not at hand")
    return folder


@pytest.fixture(scope="session")
def parallel(data: Path) -> Path:
    """Return the project's own English and Portuguese benchmark."""
    return data / "parallel"


def _write_jsonl(path: Path, rows: list) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def write_jsonl():
    """Write rows as JSON lines: ``write_jsonl(path, rows)``; a string is written as it is."""
    return _write_jsonl


@pytest.fixture
def xtyle(tmp_path: Path) -> Path:
    """Return a folder in the xtyle layout: two languages, three queries, four candidates."""
    folder = tmp_path / "xtyle"
    for tag in ("en", "pt"):
        _write_jsonl(
            folder / f"queries.{tag}.jsonl",
            [{"_id": f"q{n}", "text": f" {tag} question {n} "} for n in range(3)],
        )
        _write_jsonl(
            folder / f"corpus.{tag}.jsonl",
            [{"_id": f"{tag}{n}", "text": f"{tag} passage {n}"} for n in range(4)],
        )
    lines = [f"q{n}\t{tag}{n}\t1" for n in range(3) for tag in ("en", "pt")]
    (folder / "qrels.tsv").write_text(
        "query-id\tcorpus-id\tscore\n" + "".join(f"{line}\n" for line in lines), encoding="utf-8"
    )
    return folder
