"""No file names another one outside its folder: links, manifests, indexes, model folders."""

import json
import os
import shutil

import pytest

from bt_augment.errors import BtAugmentError, InputError, ModelError, RunFolderError
from bt_augment.generation import refilter
from bt_augment.generation.refiltering import stored_recipe
from bt_augment.shards.browsing import browse
from bt_augment.shards.exporting import export
from bt_augment.shards.publishing import Terms, dry_run
from bt_augment.shards.verification import verify

SHARD = "train/data-00000-of-00008.arrow"


def filtered(run, out):
    refilter(run, out, stored_recipe(run))


def report(run, out):
    from bt_augment.reporting import write_report

    write_report([str(run)], out)


def train(run, out):
    from bt_augment.training.aligned_rows import read_rows

    read_rows([run])


READERS = {
    "verify": lambda run, out: raise_problems(verify(run).problems),
    "inspect": lambda run, out: browse(run, 1),
    "filter": filtered,
    "export": lambda run, out: export(run, out, "beir"),
    "publish": lambda run, out: dry_run(run, Terms("me/qa"), out),
    "report": report,
    "train": train,
}


def raise_problems(problems):
    if problems:
        raise RunFolderError("\n".join(problems))


def move_out_and_link(run, name, outside):
    """Replace a part of a run by a link to a sound copy of it elsewhere."""
    outside.mkdir(exist_ok=True)
    target = outside / name.replace("/", "-")
    shutil.move(run / name, target)
    (run / name).symlink_to(target)


@pytest.mark.parametrize("name", ["manifest.json", "train", SHARD])
@pytest.mark.parametrize("reader", READERS)
def test_a_link_in_a_run_folder_is_refused_by_all_who_read_it(copied, tmp_path, reader, name):
    move_out_and_link(copied, name, tmp_path / "outside")
    with pytest.raises(RunFolderError, match=r"symbolic link|leads out of the run folder"):
        READERS[reader](copied, tmp_path / "out")
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").glob("*/*.arrow"))


@pytest.mark.parametrize(
    ("reader", "name"),
    [
        ("verify", "run.json"),
        ("filter", "run.json"),
        ("publish", "run.json"),
        ("report", "run.json"),
        ("train", "run.json"),
        ("verify", "quarantine.jsonl"),
        ("filter", "quarantine.jsonl"),
        ("publish", "quarantine.jsonl"),
        ("verify", "train/state.json"),
        ("publish", "dataset_dict.json"),
    ],
)
def test_a_link_in_place_of_another_file_is_refused(copied, tmp_path, reader, name):
    move_out_and_link(copied, name, tmp_path / "outside")
    with pytest.raises(RunFolderError, match="symbolic link"):
        READERS[reader](copied, tmp_path / "out")


def test_a_run_folder_that_is_itself_a_link_can_be_read(finished, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(finished)
    for name, reader in READERS.items():
        reader(link, tmp_path / name)


@pytest.mark.parametrize("name", [".work", "train", "rejected", "quarantine.jsonl"])
def test_nothing_is_written_through_a_link(tmp_path, english, write_rows, make_run, name):
    source, run, outside = write_rows(english[:4]), tmp_path / "run", tmp_path / "outside"
    make_run(run, source, "output.unit_rows=2")
    (run / "manifest.json").unlink()  # as if it were not finished
    if (run / name).is_dir():
        shutil.rmtree(run / name)
    (run / name).unlink(missing_ok=True)
    outside.mkdir()
    (run / name).symlink_to(outside, target_is_directory=True)
    with pytest.raises(RunFolderError, match="symbolic link"):
        make_run(run, source, "output.unit_rows=2")
    assert not list(outside.iterdir())


def saved_dataset(folder, english):
    from datasets import Dataset, DatasetDict

    rows = [{k: row[k] for k in ("id", "question", "passage")} for row in english[:2]]
    DatasetDict({"train": Dataset.from_list(rows)}).save_to_disk(folder)
    return folder


@pytest.mark.parametrize("name", ["../secret.arrow", "{outside}/secret.arrow", "..", "", 3])
def test_a_saved_data_set_cannot_name_files_outside_its_folder(tmp_path, english, name):
    from bt_augment.pairs.readers import InputSettings, fingerprint, read

    folder = saved_dataset(tmp_path / "set", english)
    shard = next((folder / "train").glob("*.arrow"))
    shutil.copy(shard, tmp_path / "secret.arrow")
    shutil.copy(shard, folder / "secret.arrow")
    named = name.format(outside=tmp_path) if isinstance(name, str) else name
    state = folder / "train" / "state.json"
    content = json.loads(state.read_text())
    content["_data_files"] = [{"filename": named}]
    state.write_text(json.dumps(content))
    settings = InputSettings(lang="en")
    with pytest.raises(InputError, match="not the name of a file beside it"):
        list(read([str(folder)], settings))

    index = folder / "dataset_dict.json"
    index.write_text(json.dumps({"splits": [named]}))
    for act in (fingerprint, lambda *given: list(read(*given))):
        with pytest.raises(InputError, match="not the name of a file beside it"):
            act([str(folder)], settings)


def refused_conversion(tmp_path, listed, with_files=("model.npz",)):
    """Return what is said of a Marian folder with such a decoder.yml."""
    import yaml

    from bt_augment.translation.convert import convert

    folder = tmp_path / "marian"
    folder.mkdir(exist_ok=True)
    whole = {"models": ["model.npz"], "vocabs": ["vocab.yml", "vocab.yml"]}
    (folder / "decoder.yml").write_text(yaml.safe_dump(whole | listed))
    for name in ("source.spm", "target.spm", "vocab.yml", *with_files):
        (folder / name).touch()
    with pytest.raises(ModelError) as refused:
        convert(folder, tmp_path / "made", name="m", revision="r", quantization="int8")
    assert not (tmp_path / "made").exists()
    return str(refused.value)


@pytest.mark.parametrize("name", ["../model.npz", "/etc/passwd", "a/b.npz", "..", "", 3])
@pytest.mark.parametrize("key", ["models", "vocabs"])
def test_a_marian_folder_cannot_name_files_outside_it(tmp_path, key, name):
    assert "file beside it" in refused_conversion(tmp_path, {key: [name, name]})


@pytest.mark.parametrize(
    "listed",
    [
        {"vocabs": {"../secret": 0}, "models": ["model.npz"] * 3},
        {"vocabs": ["vocab.yml"] * 3, "models": {0: "../secret"}},
        {"vocabs": "../secret"},
        {"models": "../secret"},
        {"models": [], "vocabs": ["vocab.yml"] * 3},
        {"models": ["model.npz"] * 3, "vocabs": []},
    ],
)
def test_a_marian_folder_names_its_files_in_lists(tmp_path, listed):
    (tmp_path / "secret").write_text("a token of mine : no number\n")
    assert "is no list of" in refused_conversion(tmp_path, listed)


def test_a_pipe_in_a_marian_folder_is_not_waited_for(tmp_path):
    (tmp_path / "marian").mkdir()
    os.mkfifo(tmp_path / "marian" / "model.npz")
    assert "model.npz: is neither a file nor" in refused_conversion(tmp_path, {}, with_files=())


@pytest.mark.parametrize("path", ["../elsewhere", "/elsewhere", "1_Dense/../../elsewhere"])
def test_an_encoder_folder_cannot_name_modules_outside_it(tmp_path, path):
    from bt_augment.evaluation.encoder_folder import identity

    folder = tmp_path / "encoder"
    folder.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (folder / "modules.json").write_text(json.dumps([{"path": path}]))
    with pytest.raises(ModelError, match="leads out of the folder"):
        identity(folder, tmp_path / "cache")


def test_what_is_published_holds_no_file_that_was_put_beside_the_run(copied, tmp_path):
    (copied / "train" / "secret.txt").write_text("canary")
    (copied / "secret.txt").symlink_to("/etc/passwd")
    out = tmp_path / "dry"
    dry_run(copied, Terms("me/qa"), out)
    written = [path for path in out.rglob("*") if path.is_file()]
    assert written
    assert not any(b"canary" in path.read_bytes() for path in written)
    assert not any(path.is_symlink() or path.name == "secret.txt" for path in out.rglob("*"))


def test_no_error_of_a_reader_shows_what_a_link_leads_to(copied, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("canary\n")
    (copied / "manifest.json").unlink()
    (copied / "manifest.json").symlink_to(secret)
    for name, reader in READERS.items():
        with pytest.raises(BtAugmentError) as caught:
            reader(copied, tmp_path / name)
        assert "canary" not in str(caught.value)
