"""Databases in temporary files: what a full temporary folder is told as."""

from __future__ import annotations

import json

import pytest
from disks import small_disk

from bt_augment.errors import StorageError
from bt_augment.pairs.readers.ids import UniqueIds


def test_a_temporary_file_that_cannot_grow_is_told_as_that():
    with UniqueIds() as ids:
        ids._database.execute("PRAGMA max_page_count = 3")
        with pytest.raises(StorageError, match=r"disk is full.*set TMPDIR"):
            list(map(ids.claim, map(str, range(1_000))))


@pytest.mark.parametrize("variable", ["SQLITE_TMPDIR", "TMPDIR"])
def test_a_full_temporary_folder_is_named(new_command, tmp_path, variable):
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "Who?"}\n')
    documents = [{"_id": f"d{n}", "text": f"{n} " * 400_000} for n in range(6)]
    (folder / "corpus.jsonl").write_text("".join(f"{json.dumps(d)}\n" for d in documents))
    (folder / "qrels" / "test.tsv").write_text("".join(f"q\td{n}\t1\n" for n in range(6)))
    arguments = ("generate", folder, "--lang", "en", "--route", "en:pt", "--out", tmp_path / "run")
    with small_disk(tmp_path / "disk", 256) as disk:
        told = new_command.among(**{variable: str(disk)})(*arguments)
    assert told.code == 2, told.err
    assert f"error: {disk}: no temporary database can be kept there (database or disk" in told.err
    assert "Traceback" not in told.err
