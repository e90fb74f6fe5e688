"""Export and dry run replace what they wrote themselves, and nothing else."""

import subprocess
from pathlib import Path

import pytest

from bt_augment.errors import ExportError, PublishError, RunFolderError, StorageError
from bt_augment.shards.exporting import FORMATS, export
from bt_augment.shards.publishing import Terms, dry_run
from bt_augment.shards.verification import verify
from bt_augment.shards.whole_folder import whole_folder

WRITERS = {
    "export": (
        lambda run, out: export(run, out, "beir", overwrite=True),
        ExportError,
        "corpus.jsonl",
    ),
    "publish": (
        lambda run, out: dry_run(run, Terms("me/qa"), out, overwrite=True),
        PublishError,
        "recipe.yaml",
    ),
}
each_writer = pytest.mark.parametrize(
    ("write", "error", "own"), WRITERS.values(), ids=WRITERS.keys()
)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@each_writer
@pytest.mark.parametrize("name", ["mine.txt", "deep/er/mine.txt", "qrels/mine.tsv"])
def test_files_that_were_added_are_named_and_kept(finished, out, write, error, own, name):
    write(finished, out)
    mine = out / name
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("mine")
    before = (out / own).stat().st_mtime_ns
    with pytest.raises(error, match=name):
        write(finished, out)
    assert mine.read_text() == "mine"
    assert (out / own).stat().st_mtime_ns == before
    assert sorted(path.name for path in out.parent.iterdir()) == ["out"]
    mine.unlink()
    write(finished, out)
    assert (out / own).stat().st_mtime_ns > before


def test_a_file_that_is_added_while_it_is_written_is_kept(finished, out, monkeypatch):
    export(finished, out, "beir")
    written = FORMATS["beir"].write

    def write(*given):
        (out / "mine.txt").write_text("mine")
        return written(*given)

    monkeypatch.setattr(FORMATS["beir"], "write", write)
    with pytest.raises(ExportError, match=r"mine\.txt"):
        export(finished, out, "beir", overwrite=True)
    assert (out / "mine.txt").read_text() == "mine"


@each_writer
@pytest.mark.parametrize("left", [".out.partial", ".out.replaced"])
def test_a_folder_of_others_beside_it_is_kept(finished, out, write, error, own, left):
    (out.parent / left).mkdir()
    (out.parent / left / "mine.txt").write_text("mine")
    with pytest.raises(error, match=rf"{left}.*mine\.txt"):
        write(finished, out)
    assert (out.parent / left / "mine.txt").read_text() == "mine"
    assert not out.exists()


@each_writer
@pytest.mark.parametrize("left", [".out.partial", ".out.replaced"])
def test_a_file_of_others_beside_it_is_kept(finished, out, write, error, own, left):
    (out.parent / left).write_text("mine")
    with pytest.raises(error, match="is not a folder"):
        write(finished, out)
    assert (out.parent / left).read_text() == "mine"


@each_writer
def test_what_a_killed_process_left_is_removed(finished, out, write, error, own):
    for left in (".out.partial", ".out.replaced"):
        (out.parent / left).mkdir()
        (out.parent / left / own).write_text("half")
    (out.parent / ".out.partial" / "data").mkdir()
    if error is PublishError:
        (out.parent / ".out.partial" / "data" / ".train-0-0").write_text("half")
    write(finished, out)
    assert sorted(path.name for path in out.parent.iterdir()) == ["out"]


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_knows_its_own_files(finished, out, form):
    negatives = 1 if FORMATS[form].takes_negatives else None
    for _ in range(2):
        export(finished, out, form, negatives=negatives, overwrite=True)
    export(finished, out, "beir", overwrite=True)


@each_writer
def test_a_link_is_followed_to_the_folder_it_stands_for(finished, out, write, error, own):
    real = out.parent / "elsewhere" / "real"
    real.mkdir(parents=True)
    out.symlink_to(real)
    for _ in range(2):
        write(finished, out)
        assert out.is_symlink()
        assert (real / own).is_file()
        assert [path.name for path in real.parent.iterdir()] == ["real"]
        assert sorted(path.name for path in out.parent.iterdir()) == ["elsewhere", "out"]


@each_writer
def test_a_link_that_was_left_goes_without_what_it_leads_to(
    finished, copied, out, write, error, own
):
    for left in (".out.partial", ".out.replaced"):
        (out.parent / left).symlink_to(copied)
    write(finished, out)
    assert sorted(path.name for path in out.parent.iterdir() if path != copied) == ["out"]
    assert not verify(copied).problems


@each_writer
@pytest.mark.parametrize("length", [246, 255, 256])
def test_a_name_that_is_too_long_is_one_clear_error(finished, tmp_path, write, error, own, length):
    with pytest.raises(StorageError, match="too long"):
        write(finished, tmp_path / ("n" * length))
    assert not list(tmp_path.iterdir())


def test_what_a_kill_between_the_two_renames_left_is_put_back(out):
    replaced = out.with_name(".out.replaced")
    replaced.mkdir()
    (replaced / "a.txt").write_text("earlier")
    with (
        pytest.raises(ZeroDivisionError),
        whole_folder(out, ExportError("busy"), lambda _: {"a.txt"}.__contains__),
    ):
        raise ZeroDivisionError
    assert (out / "a.txt").read_text() == "earlier"
    assert [path.name for path in out.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["train.my.json", "corpus.jsonl"])
def test_a_file_that_another_export_might_have_written_is_kept(finished, out, name):
    export(finished, out, "squad")
    (out / name).write_text("mine")
    with pytest.raises(ExportError, match=name):
        export(finished, out, "squad", overwrite=True)
    assert (out / name).read_text() == "mine"


def test_a_list_of_files_that_cannot_be_read_lists_none(finished, out):
    export(finished, out, "beir")
    (out / "export.json").write_text("{")
    with pytest.raises(ExportError, match=r"corpus\.jsonl"):
        export(finished, out, "beir", overwrite=True)


def test_a_file_that_came_into_an_empty_folder_meanwhile_is_kept(finished, out, monkeypatch):
    out.mkdir()
    written = FORMATS["beir"].write

    def write(*given):
        (out / "corpus.jsonl").write_text("mine")
        return written(*given)

    monkeypatch.setattr(FORMATS["beir"], "write", write)
    with pytest.raises(ExportError, match=r"corpus\.jsonl"):
        export(finished, out, "beir")
    assert (out / "corpus.jsonl").read_text() == "mine"


@each_writer
def test_a_dry_run_or_export_never_goes_into_a_run(copied, write, error, own):
    with pytest.raises(RunFolderError, match="lies in the run folder"):
        write(copied, copied / "sub")
    assert not (copied / "sub").exists()


@each_writer
def test_a_mount_point_is_told_as_such_before_the_work(finished, out, write, error, own):
    out.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "none", out], capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        with pytest.raises(error, match=f"mount point.*name a folder below it, such as {out}/"):
            write(finished, out)
        write(finished, out / "new")
    finally:
        subprocess.run(["umount", out], check=True)


@each_writer
def test_where_nothing_can_be_written_nobody_is_said_to_write(finished, write, error, own):
    with pytest.raises(StorageError, match="cannot be made"):
        write(finished, Path("/proc/nowhere"))
