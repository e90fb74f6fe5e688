"""A run's rows as Parquet files, each row once: native ones first, then route by route.

A file holds rows of one group only, so that a config is a list of files: a route's config lists
its own, and ``default`` lists all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bt_augment.pairs.schema import NATIVE
from bt_augment.shards.atomic import sha256_of
from bt_augment.shards.manifest import ShardEntry
from bt_augment.shards.store import REJECTED, TRAIN, read_split

DATA = "data"
FILE_PATTERN = re.compile(rf"{DATA}/({TRAIN}|{REJECTED})-\d{{5,}}-of-\d{{5,}}\.parquet")

FILE_BYTES = 500 << 20  # of rows in memory; what datasets' own push_to_hub cuts at
ROW_GROUP_BYTES = 16 << 20  # one waits in memory for each route; readers fetch one at a time


@dataclass(frozen=True)
class DataFile:
    """One Parquet file.

    Attributes:
        path: within the repository.
        rows: in it.
        bytes: of the file.
        memory: bytes of its rows as Arrow; what ``dataset_info`` calls ``num_bytes``.
    """

    path: str
    rows: int
    bytes: int
    memory: int


@dataclass(frozen=True)
class DataFiles:
    """All Parquet files of a run.

    Attributes:
        schema: of every row.
        accepted: group → its files, in order: ``native``, then each route such as ``en:pt:en``.
            A group without a row is absent.
        rejected: files of the rejected rows.
        languages: tags of questions and passages of the accepted rows, sorted.
    """

    schema: pa.Schema
    accepted: Mapping[str, Sequence[DataFile]]
    rejected: Sequence[DataFile]
    languages: Sequence[str]

    def __iter__(self) -> Iterator[DataFile]:
        """Yield every file, in order of its name within its split."""
        for files in self.accepted.values():
            yield from files
        yield from self.rejected


def write_files(
    run: Path, shards: Mapping[str, Sequence[ShardEntry]], routes: Sequence[str], out: Path
) -> DataFiles:
    """Write the rows of checked shards below ``out/data``; the same shards give the same bytes.

    Memory holds one shard, and one row group for each route.

    Args:
        run: the run folder.
        shards: split → its shards, in order; both splits.
        routes: the order of the routes; others follow as they appear.
        out: a folder without ``data``.

    Raises:
        OSError: the disk refused.
    """
    (out / DATA).mkdir(parents=True)
    accepted = _Split(out, TRAIN, [NATIVE, *routes])
    rejected = _Split(out, REJECTED, [REJECTED])
    languages: set[str] = set()
    schema = pa.schema([])
    for table in read_split(run, TRAIN, shards[TRAIN]):
        schema = table.schema
        for column in ("question_lang", "passage_lang"):
            languages.update(table.column(column).unique().to_pylist())
        for group, rows in _by_group(table):
            accepted.write(group, rows)
    for table in read_split(run, REJECTED, shards[REJECTED]):
        rejected.write(REJECTED, table)
    return DataFiles(
        schema=schema,
        accepted=accepted.close(),
        rejected=rejected.close().get(REJECTED, ()),
        languages=sorted(languages - {None}),
    )


def _by_group(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Yield the rows of each group, in the order of the table."""
    places: dict[str, list[int]] = {}
    methods, routes = (table.column(name).to_pylist() for name in ("method", "route"))
    for place, (method, tags) in enumerate(zip(methods, routes, strict=True)):
        places.setdefault(NATIVE if method == NATIVE else ":".join(tags), []).append(place)
    for group, rows in places.items():
        yield group, table.take(rows)


@dataclass
class _Written:
    path: Path
    rows: int
    memory: int


@dataclass
class _Group:
    """The files of one group; the last is being written."""

    stem: Path
    files: list[_Written] = field(default_factory=list)
    waiting: list[pa.Table] = field(default_factory=list)
    waiting_bytes: int = 0
    writer: pq.ParquetWriter | None = None

    def write(self, rows: pa.Table) -> None:
        self.waiting.append(rows)
        self.waiting_bytes += rows.nbytes
        if self.waiting_bytes >= ROW_GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        if not self.waiting:
            return
        rows = pa.concat_tables(self.waiting).combine_chunks()
        self.waiting, self.waiting_bytes = [], 0
        if self.writer is not None and self.files[-1].memory + rows.nbytes > FILE_BYTES:
            self.close()
        if self.writer is None:
            path = self.stem.with_name(f"{self.stem.name}-{len(self.files)}")
            self.writer = _writer(path, rows.schema)
            self.files.append(_Written(path, 0, 0))
        self.writer.write_table(rows)
        self.files[-1].rows += rows.num_rows
        self.files[-1].memory += rows.nbytes

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path,
        schema.remove_metadata(),
        compression="zstd",
        write_page_index=True,
        # Pages cut by content: where rows are added, the Hub's store takes only the new chunks.
        use_content_defined_chunking=True,
    )


class _Split:
    """The groups of one split, each with its files under a name for the time being."""

    def __init__(self, out: Path, split: str, order: Sequence[str]) -> None:
        self._out = out
        self._split = split
        self._order = list(order)
        self._groups: dict[str, _Group] = {}

    def write(self, group: str, rows: pa.Table) -> None:
        if not rows.num_rows:
            return
        if group not in self._groups:
            number = len(self._groups)
            self._groups[group] = _Group(self._out / DATA / f".{self._split}-{number}")
        self._groups[group].write(rows)

    def close(self) -> dict[str, list[DataFile]]:
        """Give the files their names, numbered through all groups."""
        names = [name for name in self._order if name in self._groups]
        names += [name for name in self._groups if name not in names]
        for group in self._groups.values():
            group.flush()
            group.close()
        total = sum(len(group.files) for group in self._groups.values())
        named: dict[str, list[DataFile]] = {}
        number = 0
        for name in names:
            for written in self._groups[name].files:
                path = f"{DATA}/{self._split}-{number:05d}-of-{total:05d}.parquet"
                target = written.path.replace(self._out / path)
                named.setdefault(name, []).append(
                    DataFile(path, written.rows, target.stat().st_size, written.memory)
                )
                number += 1
        return named


def fingerprints(out: Path) -> dict[str, dict[str, int | str]]:
    """Return path → ``bytes`` and ``sha256`` of every file below ``out``, sorted by path."""
    return {
        path.relative_to(out).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }
