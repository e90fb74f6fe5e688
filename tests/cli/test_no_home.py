"""Containers and batch jobs run as users that no list of users names, without a home."""

import pytest

PROGRAM = """
import pwd
def unknown(number): raise KeyError(number)
pwd.getpwuid = unknown
from bt_augment.cli.main import main; main()
"""


@pytest.fixture
def homeless(new_command):
    without = {"HOME": None, "XDG_CACHE_HOME": None, "HF_HOME": None, "BT_AUGMENT_CACHE": None}
    return new_command.among(**without)


def test_a_run_is_checked_by_a_user_without_a_home(homeless, finished):
    done = homeless("verify", finished, program=PROGRAM)
    assert (done.code, done.err) == (0, "")


def test_a_cache_is_asked_for_where_one_is_needed(homeless, write_rows, english, tmp_path):
    making = ("generate", write_rows(english[:2]), "--route", "en:pt", "--out", tmp_path / "run")
    done = homeless(*making, program=PROGRAM, cwd=tmp_path)
    assert done.code == 2, done.err
    assert "set BT_AUGMENT_CACHE to a folder" in done.err
    assert not (tmp_path / "~").exists()
    homed = homeless.among(BT_AUGMENT_CACHE=str(tmp_path / "cache"))
    assert homed(*making, program=PROGRAM, cwd=tmp_path).code == 0


@pytest.mark.parametrize("model", ["~/model", "~nobody-of-that-name/model"])
def test_a_model_in_a_home_that_is_not_known_is_not_found(
    homeless, write_rows, english, tmp_path, model
):
    done = homeless.among(BT_AUGMENT_CACHE=str(tmp_path / "cache"))(
        "generate", write_rows(english[:2]), "--route", "en:pt", "--out", tmp_path / "run",
        "--model", model, program=PROGRAM,
    )  # fmt: skip
    assert done.code == 2, done.err
    assert model in done.err
