"""Work is done also where nobody can be told of it, and every encoding is printed in."""

import json
import re
from types import SimpleNamespace

import pytest

from bt_augment.cli import common

UTF8_OFF = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": None}


def shell(line):
    """Return a prefix that runs the command, ``"$@"`` in the line, from a shell."""
    return ("bash", "-c", f"set -o pipefail; {line}", "bash")


@pytest.mark.parametrize(
    "line",
    [
        '"$@" 2>&-',
        pytest.param('"$@" 2>&1 | true', marks=pytest.mark.slow),
        pytest.param('"$@" 2>/dev/full', marks=pytest.mark.slow),
        pytest.param('"$@" >&-', marks=pytest.mark.slow),
    ],
)
def test_a_run_is_finished_where_progress_cannot_be_told(
    new_command, write_rows, english, tmp_path, line
):
    out = tmp_path / "run"
    source = write_rows(english[:4])
    done = new_command(
        "generate", source, "--route", "en:pt", "--unit-rows", 2, "--out", out, prefix=shell(line)
    )
    assert done.code == 0, done.err
    again = tmp_path / "again"
    done = new_command("filter", out, "--out", again, prefix=shell(line))
    assert done.code == 0, done.err
    assert new_command("verify", again).code == 0


def test_a_closed_standard_error_is_no_file_of_the_run(new_command, finished, tmp_path):
    out = tmp_path / "again"
    line = 'ls -l /proc/self/fd >/dev/null; "$@" 0<&- >&- 2>&-'
    done = new_command("filter", finished, "--out", out, "-v", prefix=shell(line))
    assert done.code == 0
    assert new_command("verify", out).code == 0


@pytest.mark.parametrize(
    "arguments",
    [("verify", "{run}"), ("inspect", "{run}"), ("inspect", "{run}", "--json"), ("-h",)],
)
def test_a_result_that_a_full_disk_refuses_is_told(new_command, finished, arguments):
    words = [word.format(run=finished) for word in arguments]
    done = new_command(*words, prefix=shell('"$@" >/dev/full'))
    assert done.code == 2, done.err
    assert done.err == (
        "error: standard output: the result cannot be written (No space left on device)\n"
    )


@pytest.mark.parametrize(
    "arguments", [("inspect", "{run}", "-n", "100"), ("inspect", "{run}", "--json"), ("-h",)]
)
def test_a_reader_that_had_enough_ends_a_command_quietly(new_command, finished, arguments):
    words = [word.format(run=finished) for word in arguments]
    done = new_command(*words, prefix=shell('"$@" | true'))
    assert (done.code, done.out, done.err) == (0, "", "")


def test_damage_is_told_also_where_nobody_reads_the_result(new_command, copied):
    next(copied.glob("train/*.arrow")).unlink()
    done = new_command("verify", copied, "--json", prefix=shell('"$@" | true'))
    assert done.code == 2
    assert "is damaged" in done.err


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({"PYTHONIOENCODING": "ascii"}, marks=pytest.mark.slow),
        pytest.param({"PYTHONIOENCODING": "latin-1"}, marks=pytest.mark.slow),
        pytest.param({**UTF8_OFF, "LC_ALL": "POSIX"}, marks=pytest.mark.slow),
        {**UTF8_OFF, "LC_ALL": "C"},
    ],
)
def test_what_an_encoding_lacks_is_written_as_an_escape(new_command, finished, tmp_path, variables):
    command = new_command.among(**variables)
    done = command("inspect", finished, "-n", 100, encoding="latin-1")
    assert done.code == 0, done.err
    assert re.search(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4})", done.out)
    done = command("inspect", finished, "-n", 20, "--json")
    assert json.loads(done.out) == new_command("inspect", finished, "-n", 20, "--json").json
    done = command("verify", tmp_path / "日本")
    assert done.code == 2
    assert "Traceback" not in done.err
    assert re.search(r"\\u(65e5|dce6)", done.err)


def test_want_of_memory_is_told_without_a_traceback(new_command, finished):
    program = (
        "import bt_augment.shards.verification as v\n"
        "def fail(*_): raise MemoryError('Unable to allocate 8.0 GiB')\n"
        "v.verify = fail\n"
        "from bt_augment.cli.main import main; main()"
    )
    done = new_command("verify", finished, program=program)
    assert done.code == 2
    assert "error: not enough memory (Unable to allocate 8.0 GiB). Free some" in done.err
    assert "Traceback" not in done.err


def test_a_stage_that_begins_anew_is_told_at_its_own_rate(monkeypatch, capsys):
    clock = iter(range(0, 10_000, 20))  # seconds
    monkeypatch.setattr(common, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    lines = common.Lines()
    for _ in range(2):  # as --overwrite reads the input twice
        lines.start("read", None)
        for done in (1000, 2000, 3000):
            lines.advance("read", done)
    told = capsys.readouterr().err.splitlines()
    assert told[:3] == told[3:] == [
        "read: 1,000 rows", "read: 2,000 rows, 50 rows/s", "read: 3,000 rows, 50 rows/s"
    ]  # fmt: skip
