"""A name that is no text is refused before anything is made."""

import os

import pytest

NAME = os.fsdecode(b"caf\xe9\xff")


@pytest.mark.parametrize("place", ["input", "out"])
def test_a_name_that_is_not_utf_8_is_refused_before_anything_is_made(
    new_command, write_rows, english, tmp_path, place
):
    source = write_rows(english[:1])
    if place == "input":
        source = source.rename(tmp_path / NAME)
    out = tmp_path / (NAME if place == "out" else "run")
    done = new_command("generate", source, "--route", "en:pt", "--out", out)
    assert done.code == 2, done.err
    assert r"caf\udce9\udcff: is not UTF-8" in done.err
    assert not out.exists()


def test_a_name_within_an_input_folder_is_looked_at_too(new_command, tmp_path):
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text('{"_id": "d", "text": "Ana wrote it in 1901."}\n')
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "Who wrote it?"}\n')
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\nq\td\t1\n")
    (folder / NAME).write_text("notes")
    done = new_command("generate", folder, "--route", "en:pt", "--out", tmp_path / "run")
    assert done.code == 2, done.err
    assert r"caf\udce9\udcff: its name is not UTF-8" in done.err
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_working_folder_that_is_gone_is_told(new_command, finished):
    program = (
        "import os, tempfile; gone = tempfile.mkdtemp(); os.chdir(gone); os.rmdir(gone)\n"
        "from bt_augment.cli.main import main; main()"
    )
    for arguments in (("filter", finished, "--out", "new"), ("doctor",)):
        done = new_command(*arguments, program=program)
        assert done.code == 2
        assert "the working folder of this command has disappeared" in done.err
        assert "Traceback" not in done.err
