"""What an interrupted command says is what its user can do."""

import pytest

PROGRAM = """
import bt_augment.cli.{module} as module
def interrupted(**options): raise KeyboardInterrupt
module.command.callback = interrupted
from bt_augment.cli.main import main; main()
"""
ANEW = "interrupted: run the same command again\n"
GOES_ON = "interrupted: finished units are kept; run the same command again{} to go on\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["generate", "qa.json", "--route", "en:pt", "--out", "run"], GOES_ON.format("")),
        (["filter", "run", "--out", "new", "--overwrite"], GOES_ON.format(" without --overwrite")),
        (["export", "run", "--format", "squad", "--out", "out", "--overwrite"], ANEW),
        (["report", "run", "--out", "page.html"], ANEW),
        (["verify", "run"], ANEW),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_only_what_is_made_unit_by_unit_goes_on(new_command, tmp_path, arguments, said):
    (tmp_path / "run").mkdir()
    told = new_command(*arguments, program=PROGRAM.format(module=arguments[0]), cwd=tmp_path)
    assert (told.code, told.err.lstrip()) == (130, said)  # click ends the line first
