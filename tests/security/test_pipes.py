"""A pipe in place of a file is refused by all who read a folder of unknown origin; nobody waits."""

import os
import signal

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


def test_a_pipe_in_a_saved_data_set_is_refused(tmp_path, english):
    from datasets import Dataset, DatasetDict

    from bt_augment.errors import InputError
    from bt_augment.pairs.readers import InputSettings, read

    rows = [{name: row[name] for name in ("question", "passage")} for row in english[:2]]
    DatasetDict({"train": Dataset.from_list(rows)}).save_to_disk(tmp_path / "saved")
    replace_by_pipe(tmp_path / "saved" / "train" / "state.json")
    with pytest.raises(InputError, match=r"state\.json cannot be read \(it is no file\)"):
        list(read([str(tmp_path / "saved")], InputSettings(lang="en")))


@pytest.mark.parametrize("name", ["config_sentence_transformers.json", "1_Pooling/config.json"])
def test_a_pipe_in_an_encoder_or_a_checkpoint_is_refused(tmp_path, name):
    signal.alarm(0)  # a busy machine is long at importing it
    pytest.importorskip("sentence_transformers")
    signal.alarm(60)
    from bt_augment.evaluation.encoders import load_encoder
    from bt_augment.filtering.encoder import Encoder
    from bt_augment.training.base_model import check_base_model
    from bt_augment.translation.convert import convert

    folder = tmp_path / "encoder"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "modules.json").write_text("[]")
    (folder / "config.json").write_text('{"model_type": "marian"}')
    replace_by_pipe(folder / name)
    for load in (
        lambda: load_encoder(str(folder), tmp_path / "cache", device="cpu"),
        lambda: check_base_model(str(folder)),
        lambda: Encoder(str(folder), "the test").encode(["a"], "query"),
        lambda: convert(folder, tmp_path / "to", name="m", revision="r", quantization="int8"),
    ):
        with pytest.raises(ModelError, match="neither a file nor a folder"):
            load()
