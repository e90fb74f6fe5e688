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
UNTOUCHED = "interrupted: nothing was removed; run the same command again\n"
TRAINED = "interrupted: checkpoints are kept; run the same command with {} to go on\n"
MAKING = ["generate", "{one}", "--route", "en:pt", "--out", "{new}", "-q"]
JUDGING = ["filter", "{run}", "--out", "{new}", "-q"]
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
        ("generation.pipeline:prepare", MAKING, UNITS.format("")),
        ("generation.pipeline:prepare", [*MAKING, "--overwrite"], UNTOUCHED),
        ("shards.run_folder:RunFolder._clear", [*MAKING, "--overwrite"], ANEW),
        ("generation:refilter", ["filter", "{run}", "--out", "{new}"], UNITS.format("")),
        ("generation.refiltering:read_manifest", [*JUDGING, "--overwrite"], UNTOUCHED),
        ("shards.run_folder:RunFolder._clear", [*JUDGING, "--overwrite"], ANEW),
        (
            "generation.refiltering:_judged_unit",
            [*JUDGING, "--overwrite"],
            UNITS.format(" without --overwrite"),
        ),
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


@pytest.mark.parametrize(
    ("where", "said", "left"),
    [
        ("generation.rehearsal:read", UNTOUCHED, True),
        ("generation.refiltering:_read", UNTOUCHED, True),
        ("shards.run_folder:write_json", ANEW, False),
    ],
)
def test_what_interrupted_overwriting_advises_is_done(
    command, finished, write_rows, english, tmp_path, where, said, left
):
    one, run = write_rows(english[:1]), tmp_path / "run"
    making = ["generate", one, "--route", "en:pt", "--out", run, "-q"]
    assert command(*making).code == 0
    if where.startswith("generation.refiltering"):
        again = ["filter", finished, "--out", run, "-q", "--overwrite"]
    else:
        again = [*making, "--no-native", "--overwrite"]  # another run
    module, _, name = where.partition(":")
    told = command(*again, program=PROGRAM.format(module=f"bt_augment.{module}", name=name))
    assert (told.code, told.err.lstrip()) == (130, said)
    assert (command("verify", run).code == 0) == left
    assert command(*again).code == 0
    assert command("verify", run).code == 0
