"""What the reader tests share: small documents, and a reading sorted by kind."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bt_augment.pairs.readers import InputSettings, LeftOut, Quarantined, Record, read


class Outcome:
    """Everything one reading gave, sorted by kind."""

    def __init__(self, items: Sequence[Record | Quarantined | LeftOut]) -> None:
        self.items = list(items)
        self.records = [item for item in items if isinstance(item, Record)]
        self.quarantined = [item for item in items if isinstance(item, Quarantined)]
        self.left_out = [item for item in items if isinstance(item, LeftOut)]

    @property
    def causes(self) -> list[str]:
        return [item.cause for item in self.quarantined]


def read_all(*paths: Path | str, **settings: Any) -> Outcome:
    settings.setdefault("lang", "en")
    return Outcome(list(read([str(path) for path in paths], InputSettings(**settings))))


def peak_memory(path: Path, count: int) -> int:
    """Return the bytes that reading ``count`` pairs takes at most."""
    tracemalloc.start()
    seen = sum(1 for _ in read([str(path)], InputSettings(lang="en")))
    _, top = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen == count
    return top


def squad(*paragraphs: dict[str, Any], version: str = "1.1", **article: Any) -> dict[str, Any]:
    return {
        "version": version,
        "data": [{"title": "Lamps", "paragraphs": list(paragraphs), **article}],
    }


def paragraph(context: str, *questions: dict[str, Any]) -> dict[str, Any]:
    return {"context": context, "qas": list(questions)}


def question(text: Any, id: str = "q1", **more: Any) -> dict[str, Any]:  # noqa: A002 - the key it writes
    return {"question": text, "id": id, "answers": [], **more}
