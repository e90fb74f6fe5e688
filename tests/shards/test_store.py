"""Shards are what ``datasets`` saves, and nothing opens before all of them are there."""

import errno
import os

import pyarrow as pa
import pytest

from bt_augment.errors import RunFolderError, StorageError
from bt_augment.pairs.schema import row_schema
from bt_augment.shards.store import read_shard, write_shard


def test_real_datasets_open_a_run_with_the_same_rows(finished, split_rows):
    from datasets import load_from_disk

    opened = load_from_disk(str(finished))
    assert list(opened) == ["train", "rejected"]
    for split in ("train", "rejected"):
        assert opened[split].to_list() == split_rows(finished, split)
        assert opened[split].features.arrow_schema.names == opened[split].column_names
        with pa.memory_map(str(next((finished / split).glob("*.arrow")))) as source:
            stored = pa.ipc.open_stream(source).schema
        assert opened[split].features.arrow_schema.remove_metadata() == stored


def test_a_half_made_folder_does_not_open(tmp_path, english, write_rows, make_run, monkeypatch):
    from datasets import load_from_disk

    from bt_augment.generation import writing

    run = tmp_path / "run"

    def crash(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "finish", crash)
    with pytest.raises(KeyboardInterrupt):
        make_run(run, write_rows(english[:4]), "output.unit_rows=2")
    assert list((run / "train").glob("*.arrow"))
    with pytest.raises(FileNotFoundError):
        load_from_disk(str(run))
    with pytest.raises(FileNotFoundError):
        load_from_disk(str(run / "train"))


def test_a_shard_of_no_rows_is_read_back_with_its_columns(tmp_path):
    schema = row_schema(["text.length"])
    entry = write_shard(
        tmp_path, "train/data-00000-of-00001.arrow", pa.RecordBatch.from_pylist([], schema=schema)
    )
    table = read_shard(tmp_path / entry.path)
    assert (entry.rows, table.num_rows, table.schema) == (0, 0, schema)
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize("damage", ["cut", "text", "gone"])
def test_a_damaged_shard_is_a_typed_error_that_names_it(tmp_path, damage):
    batch = pa.RecordBatch.from_pylist([{"id": "a"}], schema=pa.schema([("id", pa.string())]))
    path = tmp_path / "train" / "data-00000-of-00001.arrow"
    write_shard(tmp_path, "train/data-00000-of-00001.arrow", batch)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "text":
        path.write_text("no shard")
    else:
        path.unlink()
    with pytest.raises(RunFolderError, match=r"data-00000-of-00001\.arrow: cannot be read"):
        read_shard(path)


@pytest.mark.parametrize("code", [errno.EIO, errno.EMFILE, errno.EACCES, errno.ESTALE])
def test_a_shard_that_the_disk_does_not_give_is_not_called_damaged(tmp_path, monkeypatch, code):
    batch = pa.RecordBatch.from_pylist([{"id": "a"}], schema=pa.schema([("id", pa.string())]))
    entry = write_shard(tmp_path, "train/data-00000-of-00001.arrow", batch)

    def refuse(*_):
        raise OSError(code, "Failed to open local file")

    monkeypatch.setattr(pa, "memory_map", refuse)
    said = rf"data-00000-of-00001\.arrow: cannot be read \({os.strerror(code)}\); (?!.*anew)"
    with pytest.raises(StorageError, match=said):
        read_shard(tmp_path / entry.path)
