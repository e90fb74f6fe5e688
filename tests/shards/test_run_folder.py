"""A folder is one run's, or it is refused and left as it is."""

import os
import shutil

import pytest

from bt_augment.errors import RunFolderError, StorageError
from bt_augment.shards import run_folder
from bt_augment.shards.journal import Journal
from bt_augment.shards.manifest import read_manifest
from bt_augment.shards.run_files import check_overwrite
from bt_augment.shards.run_folder import RunFolder

IDENTITY = {
    "recipe": {
        "routes": ["en:pt"],
        "filters": {},
        "decontaminate": {},
        "output": {"native": True},
        "translation": {"decoding": {"candidates": 1}},
    },
    "inputs": [{"path": "a.json", "sha256": "1"}],
    "versions": {"pyarrow": "1"},
}


def begin(path, identity=IDENTITY, *, overwrite=False):
    folder = RunFolder(path)
    with folder.claimed():
        folder.begin(identity, overwrite=overwrite)
    return folder


@pytest.mark.parametrize(
    "name", ["notes.txt", "README.md", "train/data.arrow", "dataset_dict.json", "manifest.json"]
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_something_else_is_refused_and_not_touched(tmp_path, name, overwrite):
    # A saved data set of the user's has the same names as a run.
    path = tmp_path / "out" / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(RunFolderError, match="choose an empty folder"):
        begin(tmp_path / "out", overwrite=overwrite)
    assert path.read_text() == "mine"
    assert not (tmp_path / "out" / "run.json").exists()


def test_a_name_that_merely_begins_as_a_runs_folders_do_is_another(tmp_path):
    """On an object store all that lies there is looked at."""
    check_overwrite("s3://bucket/run", ["training.log", "rejected.txt"], readable=True)
    with pytest.raises(RunFolderError, match="not that of a run"):
        check_overwrite("s3://bucket/run", [".workflow.yml"], readable=False)


def test_overwrite_removes_the_run_and_nothing_else(tmp_path):
    folder = begin(tmp_path / "out")
    (folder.path / "train").mkdir()
    (folder.path / "train" / "data-00000-of-00001.arrow").write_bytes(b"old")
    (folder.path / "notes.txt").write_text("mine")
    (folder.work / "journal.jsonl").write_text("old")
    begin(tmp_path / "out", {**IDENTITY, "inputs": []}, overwrite=True)
    assert not (folder.path / "train").exists()
    assert not (folder.work / "journal.jsonl").exists()
    assert (folder.path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("run", "name", "message"),
    [
        ('{"experiment": 7}', "train/weights.bin", "holds files that are not of a run"),
        ('{"experiment": 7}', "README.md", "not that of a run of bt-augment"),
        ('{"experiment": 7}', "manifest.json", "not that of a run of bt-augment"),
        (None, "train/notes.txt", r"holds files .*train/notes\.txt"),
        (None, "rejected/sub/data-00000-of-00001.arrow", "holds files that are not of a run"),
    ],
)
def test_overwrite_removes_nothing_where_files_of_others_would_go_too(tmp_path, run, name, message):
    folder = begin(tmp_path / "out")
    if run is not None:
        shutil.rmtree(folder.work)
        (folder.path / "run.json").write_text(run)
    mine = folder.path / name
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("mine")
    before = sorted(folder.path.rglob("*"))
    with pytest.raises(RunFolderError, match=message):
        begin(tmp_path / "out", overwrite=True)
    assert sorted(folder.path.rglob("*")) == before


@pytest.mark.parametrize("mark", ["train/data-00000-of-00002.arrow", ".work/journal.jsonl"])
def test_overwrite_removes_a_run_whose_run_json_was_damaged(tmp_path, mark):
    folder = begin(tmp_path / "out")
    (folder.path / mark).parent.mkdir(exist_ok=True)
    (folder.path / mark).write_text("old")
    (folder.path / "train").mkdir(exist_ok=True)
    for name in ("state.json", ".state.json.tmp", "cache-0123.arrow"):  # the last by datasets
        (folder.path / "train" / name).write_text("old")
    (folder.path / "run.json").write_text("{")
    begin(tmp_path / "out", overwrite=True)
    assert not (folder.path / "train").exists()
    assert not (folder.work / "journal.jsonl").exists()


def test_overwrite_does_not_follow_a_link(tmp_path):
    folder = begin(tmp_path / "out")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine.txt").write_text("mine")
    (folder.path / "train").symlink_to(outside)
    begin(tmp_path / "out", overwrite=True)
    assert (outside / "mine.txt").read_text() == "mine"
    assert not (folder.path / "train").exists()


def test_a_link_in_an_unfinished_folder_is_refused_before_anything_is_written(tmp_path):
    folder = begin(tmp_path / "out")
    outside = tmp_path / "mine.arrow"
    outside.write_text("mine")
    (folder.path / "train").mkdir()
    (folder.path / "train" / "data-00000-of-00001.arrow").symlink_to(outside)
    with pytest.raises(RunFolderError, match=r"data-00000-of-00001\.arrow: is a symbolic link"):
        begin(tmp_path / "out")
    assert outside.read_text() == "mine"


def test_overwrite_killed_at_any_file_can_be_repeated(tmp_path, monkeypatch):
    real = os.unlink
    for survivors in range(8):
        path = tmp_path / str(survivors)
        folder = begin(path)
        names = ("manifest.json", "dataset_dict.json", "quarantine.jsonl", "README.md")
        for name in names:
            (path / name).write_text("{}")
        (folder.work / "journal.jsonl").write_text("old")
        removed = []

        def unlink(target, *arguments, removed=removed, limit=survivors, **named):
            if len(removed) == limit:
                raise KeyboardInterrupt
            result = real(target, *arguments, **named)
            removed.append(target)
            return result

        with monkeypatch.context() as patch:
            patch.setattr(os, "unlink", unlink)
            try:
                begin(path, overwrite=True)
            except KeyboardInterrupt:
                assert (path / "run.json").exists()  # still known as a run
        begin(path, overwrite=True)
        assert not any((path / name).exists() for name in names)
        assert not (folder.work / "journal.jsonl").exists()


def test_overwrite_after_one_that_was_cut_short_removes_all_work(tmp_path):
    folder = begin(tmp_path / "out")
    (folder.path / ".discarded").mkdir()  # the earlier removal was killed here
    (folder.path / ".discarded" / "old.arrow").write_bytes(b"older")
    (folder.work / "natives-00000.arrow").write_bytes(b"of another input")
    begin(tmp_path / "out", {**IDENTITY, "inputs": []}, overwrite=True)
    assert list(folder.work.iterdir()) == []
    assert not (folder.path / ".discarded").exists()


def test_a_first_start_killed_before_run_json_was_whole_can_be_repeated(tmp_path):
    path = tmp_path / "out"
    (path / ".work").mkdir(parents=True)
    (path / ".lock").touch()
    (path / ".run.json.tmp").write_text('{"recipe": ')
    begin(path)
    assert (path / "run.json").exists()


def test_what_differs_is_named_by_its_place(tmp_path):
    begin(tmp_path / "out")
    other = {**IDENTITY, "inputs": [{"path": "a.json", "sha256": "2"}], "device": "cuda"}
    with pytest.raises(RunFolderError) as caught:
        begin(tmp_path / "out", other)
    assert 'inputs.0.sha256 was "1", is "2"' in str(caught.value)
    assert "device is new" in str(caught.value)


def test_one_input_more_is_another_run(tmp_path):
    begin(tmp_path / "out")
    inputs = [*IDENTITY["inputs"], {"path": "b.json", "sha256": "2"}]
    with pytest.raises(RunFolderError, match=r'inputs was \[\{"path": "a\.json".*\], is \['):
        begin(tmp_path / "out", {**IDENTITY, "inputs": inputs})


def test_a_unit_is_entered_when_the_disk_has_it(tmp_path, finished, monkeypatch):
    journal, synced = Journal(tmp_path / "journal.jsonl", "run"), []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_size))
    journal.append(read_manifest(finished).units[0])
    assert synced == [journal.path.stat().st_size]


def test_other_library_versions_are_no_other_run(tmp_path):
    begin(tmp_path / "out")
    begin(tmp_path / "out", {**IDENTITY, "versions": {"pyarrow": "2"}})


def test_another_version_of_this_package_is_another_run(tmp_path):
    begin(tmp_path / "out", {**IDENTITY, "versions": {"bt-augment": "1"}})

    with pytest.raises(RunFolderError, match=r"versions\.bt-augment"):
        begin(tmp_path / "out", {**IDENTITY, "versions": {"bt-augment": "2"}})


def test_only_one_may_hold_the_folder(tmp_path):
    second = RunFolder(tmp_path / "out").claimed()
    with (
        RunFolder(tmp_path / "out").claimed(),
        pytest.raises(RunFolderError, match="another process"),
    ):
        second.__enter__()
    with RunFolder(tmp_path / "out").claimed():
        pass


def test_a_file_in_place_of_the_folder_is_a_storage_error(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(StorageError, match="out"):
        begin(tmp_path / "out" / "run")


def test_abandoning_keeps_a_run_that_has_units(tmp_path, monkeypatch):
    folder = begin(tmp_path / "out")
    monkeypatch.setattr(
        run_folder.RunFolder, "journal", lambda self: type("J", (), {"units": [1]})()
    )
    folder.abandon()
    assert (folder.path / "run.json").exists()
