"""What the system refuses of a path that a user named is told, whichever command looks at it."""

import pytest

PROGRAM = """
import errno, os
seen = os.stat
def stat(path, *arguments, **options):
    if "closed" in str(path):
        raise OSError(errno.{name}, os.strerror(errno.{name}), str(path))
    return seen(path, *arguments, **options)
os.stat = stat
from bt_augment.cli.main import main; main()
"""


UNNAMED = """
import errno, os
from pathlib import Path
def seen(*_):
    raise OSError(errno.EIO, os.strerror(errno.EIO))  # as read raises it
import bt_augment.cli.verify as command
import bt_augment.shards.verification as verification
verification.verify = seen
from bt_augment.cli.main import main; main()
"""


def test_what_the_system_refuses_of_an_open_file_is_no_traceback(command, tmp_path):
    told = command("verify", tmp_path, program=UNNAMED)
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith("error: a file, it does not say which: the system refuses it")
    assert "Traceback" not in told.err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("EACCES", "refuses it (Permission denied); change its permissions, or name another"),
        (
            "EIO",
            "refuses it (Input/output error); look at the disk, and run the same command again",
        ),
    ],
)
@pytest.mark.parametrize(
    "arguments",
    [
        ("generate", "closed/qa.json", "--route", "en:pt", "--out", "run"),
        ("verify", "closed/run"),
        ("compare", "closed/a.json", "b.json"),
        ("models", "info", "closed/model"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_path_that_the_system_refuses_is_told(command, tmp_path, arguments, name, said):
    told = command(*arguments, cwd=tmp_path, program=PROGRAM.format(name=name))
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith("error: closed/"), told.err
    assert said in told.err
    assert len(told.err.splitlines()) == 1
