"""A command that writes one file replaces none of a run."""

from pathlib import Path

import pytest

from bt_augment.errors import InputError, RunFolderError, StorageError
from bt_augment.evaluation.evaluator import Evaluation, evaluate
from bt_augment.generation import refilter
from bt_augment.recipe import load_recipe
from bt_augment.reporting import write_report
from bt_augment.shards.exporting import export
from bt_augment.shards.verification import verify

RUN_FILES = [
    "manifest.json",
    "run.json",
    "dataset_dict.json",
    "train/state.json",
    "train/data-00000-of-00008.arrow",
    "report.html",
    ".work/new/report.html",
]
LONG = "n" * 256


def evaluated(out):
    evaluate(Evaluation(model="nowhere", benchmark="xquad-r", data=Path("nowhere"), out=out))


WRITERS = {
    "report": lambda run, out: write_report([str(run)], out),
    "evaluate": lambda _, out: evaluated(out),
}


@pytest.mark.parametrize("name", RUN_FILES)
@pytest.mark.parametrize("writer", WRITERS)
def test_no_file_is_written_into_a_run(copied, finished, writer, name):
    before = (copied / name).read_bytes() if (copied / name).exists() else None
    for run in (copied, finished):
        with pytest.raises(RunFolderError, match="choose another --out"):
            WRITERS[writer](run, copied / name)
    assert ((copied / name).read_bytes() if before is not None else None) == before
    assert not verify(copied).problems


def test_a_link_to_a_run_is_a_run(copied, tmp_path):
    (tmp_path / "link").symlink_to(copied)
    with pytest.raises(RunFolderError, match="choose another --out"):
        write_report([str(copied)], tmp_path / "link" / "manifest.json")


def test_an_unfinished_run_is_a_run(copied, finished):
    for name in ("manifest.json", "dataset_dict.json"):
        (copied / name).unlink()
    (copied / ".work").mkdir()
    with pytest.raises(RunFolderError, match="choose another --out"):
        write_report([str(finished)], copied / "manifest.json")


def test_a_folder_with_a_file_of_the_same_name_is_no_run(finished, tmp_path):
    (tmp_path / "manifest.json").write_text("{}")
    write_report([str(finished)], tmp_path / "report.html", examples=1)
    assert (tmp_path / "report.html").is_file()


def test_a_report_does_not_replace_what_it_is_made_of(tmp_path):
    results = tmp_path / "results.json"
    results.write_text("{}")
    with pytest.raises(InputError, match="choose another --out"):
        write_report([str(results)], results)
    assert results.read_text() == "{}"


@pytest.mark.parametrize("name", [LONG, f"{LONG}/report.html"])
@pytest.mark.parametrize("writer", WRITERS)
def test_a_name_that_is_too_long_is_one_clear_error(finished, tmp_path, writer, name):
    with pytest.raises(StorageError, match="too long"):
        WRITERS[writer](finished, tmp_path / name)


@pytest.mark.parametrize("name", ["n" * 252, "n" * 255])
def test_a_name_too_long_for_a_temporary_one_is_one_clear_error(finished, tmp_path, name):
    with pytest.raises(StorageError, match="too long"):
        write_report([str(finished)], tmp_path / name, examples=1)


def test_no_run_or_export_is_written_into_a_run(copied, finished, make_run, data):
    with pytest.raises(RunFolderError, match="lies in the run folder"):
        refilter(finished, copied / "loose", load_recipe())
    with pytest.raises(RunFolderError, match="lies in the run folder"):
        make_run(copied / "train" / "sub", data / "en" / "qa.json")
    with pytest.raises(RunFolderError, match="lies in the run folder"):
        export(finished, copied / "exported", "squad")
    assert not verify(copied).problems
