"""Whether a process holds a lock file, whatever lies in its place."""

import errno
import os
from pathlib import Path

import filelock
import pytest

from bt_augment.errors import RunFolderError, StorageError
from bt_augment.shards import claims
from bt_augment.shards.claims import claimed, is_claimed


def test_a_lock_is_claimed_while_it_is_held(tmp_path):
    with claimed(tmp_path, RunFolderError("busy"), name="a.lock"):
        assert is_claimed(tmp_path / "a.lock")
    assert not is_claimed(tmp_path / "a.lock")


def test_one_that_has_patience_gets_what_the_other_lets_go_of(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "_BETWEEN_SECONDS", 0.01)
    other, told = claimed(tmp_path, RunFolderError("busy")), []
    other.__enter__()

    def waiting(seconds):
        told.append(seconds)
        if len(told) == 3:
            other.__exit__(None, None, None)

    with claimed(tmp_path, RunFolderError("busy"), patience=60, waiting=waiting):
        assert len(told) == 3
        with (
            pytest.raises(RunFolderError, match="busy"),
            claimed(tmp_path, RunFolderError("busy"), patience=0.05, waiting=told.append),
        ):
            pass
    assert len(told) > 3


@pytest.mark.parametrize(
    "put", [Path.mkdir, lambda path: path.symlink_to("/etc/passwd")], ids=["folder", "link"]
)
def test_what_cannot_be_held_is_named_with_what_to_do(tmp_path, put):
    put(tmp_path / ".lock")
    with (
        pytest.raises(StorageError, match=r"\.lock: is a .* run the same command again"),
        claimed(tmp_path, RunFolderError("busy")),
    ):
        pass


def test_a_link_in_place_of_a_lock_costs_the_file_it_leads_to_nothing(tmp_path):
    """Of ``filelock`` before 3.20.1 the file is emptied: our floor is there for this."""
    (tmp_path / "precious").write_text("kept")
    (tmp_path / ".lock").symlink_to("precious")
    with pytest.raises(StorageError), claimed(tmp_path, RunFolderError("busy")):
        pass
    assert (tmp_path / "precious").read_text() == "kept"


@pytest.mark.parametrize(
    "put",
    [
        lambda path: path.mkdir(),
        lambda path: path.symlink_to("/etc/passwd"),
        lambda path: path.symlink_to("nowhere"),
        os.mkfifo,
    ],
    ids=["folder", "link", "dangling", "pipe"],
)
def test_what_is_no_lock_file_is_refused(tmp_path, put):
    put(tmp_path / "shard-1-of-2.lock")
    with pytest.raises(RunFolderError, match="is not a file"):
        is_claimed(tmp_path / "shard-1-of-2.lock")
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_in_place_of_the_lock_of_a_shard_stops_a_run_with_a_message(
    tmp_path, english, write_rows, make_run
):
    source, run = write_rows(english[:2]), tmp_path / "run"
    make_run(run, source)
    (run / "manifest.json").unlink()  # as if it were not finished
    (run / ".work" / "shard-1-of-2.lock").mkdir(parents=True)
    with pytest.raises(RunFolderError, match=r"shard-1-of-2\.lock: is not a file"):
        make_run(run, source)


def test_a_file_system_that_does_not_take_a_lock_back_ends_no_finished_work(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    with monkeypatch.context() as patch, claimed(tmp_path, RunFolderError("busy")):
        patch.setattr(filelock.FileLock, "_release", refuse)
