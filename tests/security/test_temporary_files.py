"""Nothing that lies at the temporary name of a file is opened, whatever it is."""

import os

import pytest

from bt_augment.errors import BtAugmentError
from bt_augment.shards.atomic import temporary_name, write_atomically
from bt_augment.translation import model_folder

RUN_FILES = [
    ".run.json.tmp",
    ".manifest.json.tmp",
    ".dataset_dict.json.tmp",
    ".quarantine.jsonl.tmp",
    ".README.md.tmp",
    "train/.state.json.tmp",
    "train/.data-00000-of-00002.arrow.tmp",
]


@pytest.fixture
def precious(tmp_path):
    path = tmp_path / "precious"
    path.write_text("precious")
    return path


def test_a_link_at_a_temporary_name_is_replaced_and_not_followed(tmp_path, precious):
    target = tmp_path / "file.json"
    temporary_name(target).symlink_to(precious)
    write_atomically(target, b"new")
    assert (target.read_bytes(), target.is_symlink()) == (b"new", False)
    assert precious.read_text() == "precious"
    assert not temporary_name(target).exists()


def test_a_link_to_what_is_not_there_makes_nothing(tmp_path):
    (tmp_path / ".file.json.tmp").symlink_to(tmp_path / "elsewhere")
    write_atomically(tmp_path / "file.json", b"new")
    assert not (tmp_path / "elsewhere").exists()


def test_a_pipe_at_a_temporary_name_is_not_waited_for(tmp_path, in_time):
    os.mkfifo(tmp_path / ".file.json.tmp")
    write_atomically(tmp_path / "file.json", b"new")
    assert (tmp_path / "file.json").read_bytes() == b"new"


def test_a_model_folder_is_not_written_through_a_link(tmp_path, precious):
    (tmp_path / f"config.json.{os.getpid()}.tmp").symlink_to(precious)
    model_folder.write_shared_json(tmp_path / "config.json", {"a": 1})
    assert precious.read_text() == "precious"


@pytest.mark.parametrize("name", RUN_FILES)
def test_an_unfinished_run_is_not_written_through_a_link(
    tmp_path, english, write_rows, make_run, precious, name
):
    source, run = write_rows(english[:4]), tmp_path / "run"
    make_run(run, source, "output.unit_rows=2")
    (run / "manifest.json").unlink()  # as if it were not finished
    (run / name).symlink_to(precious)
    with pytest.raises(BtAugmentError, match="symbolic link"):
        make_run(run, source, "output.unit_rows=2")
    assert precious.read_text() == "precious"


def test_a_new_run_is_not_written_through_a_link(tmp_path, english, write_rows, make_run, precious):
    run = tmp_path / "run"
    run.mkdir()
    (run / ".run.json.tmp").symlink_to(precious)
    with pytest.raises(BtAugmentError, match="symbolic link"):
        make_run(run, write_rows(english[:2]))
    assert precious.read_text() == "precious"
