"""What an interrupted command says is what its user can do."""

import pytest

PROGRAM = """
import {module} as module
def interrupted(*arguments, **options): raise KeyboardInterrupt
module.{name} = interrupted
from bt_augment.cli.main import main; main()
"""
ANEW = "interrupted: run the same command again\n"
UNITS = "interrupted: finished units are kept; run the same command again{} to go on\n"
TRAINED = "interrupted: checkpoints are kept; run the same command with {} to go on\n"
MAKING = ["generate", "{one}", "--route", "en:pt", "--out", "{new}", "-q"]
TRAINING = ["train", "{run}", "--base-model", "static:bundled", "--out", "{new}"]


@pytest.mark.parametrize(
    ("where", "arguments", "said"),
    [
        ("generation.beginning:ingest", MAKING, UNITS.format("")),
        (
            "generation.beginning:ingest",
            [*MAKING, "--overwrite"],
            UNITS.format(" without --overwrite"),
        ),
        ("generation:refilter", ["filter", "{run}", "--out", "{new}"], UNITS.format("")),
        ("training.trainer:train", TRAINING, TRAINED.format("--resume")),
        (
            "training.trainer:train",
            [*TRAINING, "--overwrite"],
            TRAINED.format("--resume in place of --overwrite"),
        ),
        (
            "shards.exporting:export",
            ["export", "{run}", "--format", "squad", "--out", "{new}", "--overwrite"],
            ANEW,
        ),
        ("reporting:write_report", ["report", "{run}", "--out", "{new}"], ANEW),
        ("shards.verification:verify", ["verify", "{run}"], ANEW),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_interrupted_it_says_how_to_go_on(
    command, finished, write_rows, english, tmp_path, where, arguments, said
):
    module, _, name = where.partition(":")
    program = PROGRAM.format(module=f"bt_augment.{module}", name=name)
    filled = [
        word.format(one=write_rows(english[:1]), run=finished, new=tmp_path / "new")
        for word in arguments
    ]
    told = command(*filled, program=program, cwd=tmp_path)
    assert (told.code, told.err.lstrip()) == (130, said)  # click ends the line first


def test_interrupted_while_it_looks_at_the_input_anew_it_removes_nothing(
    command, write_rows, english, tmp_path
):
    one, run = write_rows(english[:1]), tmp_path / "run"
    making = ("generate", one, "--route", "en:pt", "--out", run, "-q")
    assert command(*making).code == 0
    program = PROGRAM.format(module="bt_augment.generation.rehearsal", name="read")
    told = command(*making, "--overwrite", program=program)
    assert told.code == 130
    assert "interrupted: nothing was removed; run the same command again\n" in told.err
    assert command("verify", run).code == 0
