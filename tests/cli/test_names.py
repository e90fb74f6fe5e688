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
