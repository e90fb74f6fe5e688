"""A pipe in place of a file is refused by all who read a folder of unknown origin; nobody waits."""

import os

import pytest

from bt_augment.errors import BtAugmentError, LexiconError, ModelError
from bt_augment.generation import refilter
from bt_augment.generation.refiltering import stored_recipe
from bt_augment.shards.browsing import browse
from bt_augment.shards.exporting import export
from bt_augment.shards.publishing import Terms, dry_run
from bt_augment.shards.verification import verify
from bt_augment.translation.lexicon import Lexicon
from bt_augment.translation.model_file import read_variables
from bt_augment.translation.tokenizers import read_json

pytestmark = pytest.mark.usefixtures("in_time")


def report(run, out):
    from bt_augment.reporting import write_report

    write_report([str(run)], out)


READERS = {
    "verify": lambda run, out: verify(run),
    "inspect": lambda run, out: browse(run, 1, route="en:pt:en"),
    "filter": lambda run, out: refilter(run, out, stored_recipe(run)),
    "export": lambda run, out: export(run, out, "beir"),
    "publish": lambda run, out: dry_run(run, Terms("me/qa"), out),
    "report": report,
}


def replace_by_pipe(path):
    path.unlink(missing_ok=True)
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("reader", "name"),
    [
        *((reader, "manifest.json") for reader in READERS),
        *((reader, "run.json") for reader in READERS if reader != "export"),
        *(("verify", f"{split}/state.json") for split in ("train", "rejected")),
        ("verify", "dataset_dict.json"),
        ("verify", "quarantine.jsonl"),
        ("publish", "train/state.json"),
        ("publish", "dataset_dict.json"),
        ("filter", "quarantine.jsonl"),
    ],
)
def test_a_pipe_in_a_run_folder_is_refused(copied, tmp_path, reader, name):
    replace_by_pipe(copied / name)
    with pytest.raises(BtAugmentError, match="neither a file nor a folder"):
        READERS[reader](copied, tmp_path / "out")


@pytest.mark.parametrize("reader", READERS)
def test_a_pipe_in_place_of_a_shard_is_refused(copied, tmp_path, reader):
    replace_by_pipe(copied / "train" / "data-00000-of-00008.arrow")
    if reader == "verify":
        assert "is missing" in verify(copied).problems[0]
        return
    with pytest.raises(BtAugmentError):
        READERS[reader](copied, tmp_path / "out")


@pytest.mark.parametrize(
    "name",
    [
        "run.json",
        ".work/journal.jsonl",
        ".work/ingested.json",
        ".work/natives-00000.arrow",
        "train",
    ],
)
def test_a_pipe_in_an_unfinished_run_is_refused(tmp_path, english, write_rows, make_run, name):
    source, run = write_rows(english[:4]), tmp_path / "run"
    make_run(run, source, "output.unit_rows=2")
    (run / "manifest.json").unlink()  # as if it were not finished
    (run / ".work").mkdir(exist_ok=True)
    if (run / name).is_dir():
        (run / name).rename(run / "rejected" / "away")
    replace_by_pipe(run / name)
    with pytest.raises(BtAugmentError, match="neither a file nor a folder"):
        make_run(run, source, "output.unit_rows=2")


@pytest.mark.parametrize(
    ("name", "read"), [("model.bin", read_variables), ("config.json", read_json)]
)
def test_a_pipe_in_a_model_folder_is_refused(tmp_path, name, read):
    os.mkfifo(tmp_path / name)
    with pytest.raises(ModelError, match="is not a file"):
        read(tmp_path / name)


def test_a_pipe_in_place_of_a_lexicon_is_refused(tmp_path):
    os.mkfifo(tmp_path / "en-pt.txt")
    with pytest.raises(LexiconError, match="no regular file"):
        Lexicon.read(str(tmp_path / "en-pt.txt"))
