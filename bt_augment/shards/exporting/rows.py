"""The rows that an export writes, read shard by shard."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bt_augment.shards.manifest import ShardEntry
from bt_augment.shards.store import read_shard

_COLUMNS = [
    "id",
    "group_id",
    "question",
    "passage",
    "question_lang",
    "passage_lang",
    "title",
    "answers",
    "method",
]


@dataclass(frozen=True)
class ExportRows:
    """Accepted rows of a run, in its order.

    Attributes:
        folder: the run folder.
        shards: its shards of accepted rows, checked.
        methods: methods of the rows to take.
    """

    folder: Path
    shards: list[ShardEntry]
    methods: Collection[str]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the rows."""
        for shard in self.by_shard():
            yield from shard

    def by_shard(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows of one shard after another."""
        for entry in self.shards:
            table = read_shard(self.folder / entry.path).select(_COLUMNS)
            yield [row for row in table.to_pylist() if row["method"] in self.methods]
