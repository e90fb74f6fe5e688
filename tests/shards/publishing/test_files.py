"""Parquet files: each row once, in order, the same bytes each time."""

from itertools import pairwise

import pyarrow.parquet as pq
import pytest

from bt_augment.shards.manifest import read_manifest
from bt_augment.shards.publishing import files
from bt_augment.shards.publishing.files import FILE_PATTERN, fingerprints, write_files
from bt_augment.shards.store import SPLITS


@pytest.fixture
def written(finished):
    """Write the finished run's files into a folder."""
    units = read_manifest(finished).units
    shards = {split: [unit.files[split] for unit in units] for split in SPLITS}
    return lambda out: write_files(finished, shards, ["en:pt:en", "en:pt"], out)


def rows_of(out, found):
    return [row for file in found for row in pq.read_table(out / file.path).to_pylist()]


def test_every_row_is_written_once_in_the_order_of_the_run(written, finished, split_rows, tmp_path):
    found = written(tmp_path)
    train, rejected = (split_rows(finished, split) for split in SPLITS)
    groups = {"native": ["en"], "en:pt:en": ["en", "pt", "en"], "en:pt": ["en", "pt"]}
    assert list(found.accepted) == list(groups)
    for group, route in groups.items():
        assert rows_of(tmp_path, found.accepted[group]) == [r for r in train if r["route"] == route]
    assert rows_of(tmp_path, found.rejected) == rejected
    assert found.languages == ["en", "pt"]


def test_the_same_run_gives_the_same_bytes(written, tmp_path):
    written(tmp_path / "one")
    written(tmp_path / "two")
    assert fingerprints(tmp_path / "one") == fingerprints(tmp_path / "two")
    assert len(fingerprints(tmp_path / "one")) == 4


def test_large_groups_are_cut_into_numbered_files(written, tmp_path, monkeypatch):
    whole = written(tmp_path / "whole")
    monkeypatch.setattr(files, "FILE_BYTES", 100_000)
    monkeypatch.setattr(files, "ROW_GROUP_BYTES", 20_000)
    found = written(tmp_path / "cut")
    assert len(found.accepted["native"]) > 1
    assert max(file.memory for file in found) <= 100_000
    for group in found.accepted:
        assert rows_of(tmp_path / "cut", found.accepted[group]) == rows_of(
            tmp_path / "whole", whole.accepted[group]
        )
    names = [file.path for group in found.accepted.values() for file in group]
    total = len(names)
    assert names == [f"data/train-{n:05d}-of-{total:05d}.parquet" for n in range(total)]
    assert sorted(p.name for p in (tmp_path / "cut" / "data").iterdir()) == sorted(
        file.path.split("/")[1] for file in found
    )
    assert all(a.path < b.path for a, b in pairwise(found.accepted["native"]))


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "data/mine.parquet",
        "data/../x-00000-of-00001.parquet",
        "x/data/train-00000-of-00001.parquet",
        "data/train-00000-of-00001.parquet\n",
    ],
)
def test_only_names_that_this_tool_gives_are_taken_for_its_own(path):
    assert not FILE_PATTERN.fullmatch(path)
    assert FILE_PATTERN.fullmatch("data/train-00000-of-00001.parquet")
