"""Values that no machine bears are a user's error, not a bug; and no thread starts for them."""

import shutil
from pathlib import Path

import pytest

from bt_augment.cli.generate import command as generate_command
from bt_augment.recipe import recipe_schema
from bt_augment.translation import models

BUNDLED = Path(models.__file__).parent / "bundled"

HUGE = 10**23
SAMPLING = ("--set", "translation.decoding.method=sampling")


@pytest.mark.parametrize("option", ["-n", "--page", "--sample"])
def test_inspect_says_how_many_pairs_it_can_show(command, finished, option):
    done = command("inspect", finished, option, HUGE)
    assert done.code == 2, done.err
    assert f"Invalid value for '{option}'" in done.err
    assert "is not in the range" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("generate", "pairs.jsonl", "--route", "en:pt", "--out", "run"),
        ("evaluate", "m", "--benchmark", "beir", "--data", "d", "--out", "r.json"),
    ],
)
@pytest.mark.parametrize("workers", [999_999_999_999, 5_000])
def test_workers_are_at_most_1024(command, tmp_path, arguments, workers):
    done = command(*arguments, "--workers", workers, cwd=tmp_path)
    assert done.code == 2, done.err
    assert "not in the range 1<=x<=1024" in done.err


@pytest.mark.parametrize(
    ("option", "section"),
    [("candidates", "DecodingSection"), ("unit_rows", "OutputSection")],
)
def test_an_option_has_the_bounds_of_its_setting(option, section):
    types = {parameter.name: parameter.type for parameter in generate_command.params}
    bounds = recipe_schema()["$defs"][section]["properties"][option]
    assert (types[option].min, types[option].max) == (bounds["minimum"], bounds["maximum"])


@pytest.mark.parametrize("topk", [99_999_999_999, 32_001])
def test_sampling_among_more_tokens_than_there_are_is_refused(
    command, write_rows, english, tmp_path, topk
):
    done = command(
        "generate", write_rows(english[:1]), "--route", "en:pt:en", *SAMPLING,
        "--set", f"translation.decoding.topk={topk}", "--out", tmp_path / "run",
    )  # fmt: skip
    assert done.code == 2, done.err
    assert f"translation.decoding.topk: {topk} is more than the 32000 tokens" in done.err
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_vocabulary_can_be_drawn_from_as_a_whole(command, write_rows, english, tmp_path):
    done = command(
        "generate", write_rows(english[:1]), "--route", "en:pt", *SAMPLING, "-q",
        "--set", "translation.decoding.topk=32000", "--out", tmp_path / "run",
    )  # fmt: skip
    assert done.code == 0, done.err


@pytest.mark.parametrize("setting", ["max_output_tokens", "batch_tokens"])
def test_lengths_have_an_upper_bound(command, tmp_path, write_rows, english, setting):
    done = command(
        "generate", write_rows(english[:1]), "--route", "en:pt", "--out", tmp_path / "run",
        "--set", f"translation.decoding.{setting}={HUGE}",
    )  # fmt: skip
    assert done.code == 2, done.err
    assert f"translation.decoding.{setting}: Input should be less than or equal to" in done.err


@pytest.mark.slow
def test_an_output_longer_than_the_models_positions_is_told(command, tmp_path, write_rows, english):
    done = command(
        "generate", write_rows(english[:1]), "--route", "en:pt", "--out", tmp_path / "run",
        *SAMPLING, "--set", "translation.decoding.topk=0",
        "--set", "translation.decoding.temperature=1000",
        "--set", "translation.decoding.max_output_tokens=4096",
    )  # fmt: skip
    assert done.code == 2, done.err
    assert "max_output_tokens: 4096 is more than model 'bundled:mini' can write" in done.err
    again = command(
        "generate", write_rows(english[:1]), "--route", "en:pt", "--out", tmp_path / "run", "-q"
    )
    assert again.code == 0, again.err  # no unit was made, so the mended recipe is no other run's


@pytest.mark.parametrize("name", ["report", "compare"])
def test_a_seed_is_not_negative(command, finished, tmp_path, name):
    out = ("--out", tmp_path / "r.html") if name == "report" else ()
    done = command(name, finished, *out, "--seed", -3)
    assert done.code == 2, done.err
    assert "Invalid value for '--seed'" in done.err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *((option, "nan") for option in ("--temperature", "--lr", "--weight-decay", "--alpha")),
        ("--lr", "inf"), ("--dimensions", 999_999_999_999),
        *((option, HUGE) for option in ("--seed", "--steps", "--batch-size", "--patience")),
        *((option, HUGE) for option in ("--max-length", "--hard-negatives", "--save-steps")),
    ],
)  # fmt: skip
def test_no_training_begins_with_them(command, finished, tmp_path, option, value):
    out = tmp_path / "model"
    done = command("train", finished, "--base-model", "static:bundled", "--out", out, option, value)
    assert done.code == 2, done.err
    assert str(value) in done.err
    assert not out.exists()


def test_a_shard_of_thousands_of_digits_is_refused(command, tmp_path):
    done = command(
        "generate", "pairs.jsonl", "--route", "en:pt", "--out", tmp_path / "run",
        "--shard", f"{'1' * 5_000}/{'2' * 5_000}",
    )  # fmt: skip
    assert done.code == 2, done.err
    assert "--shard" in done.err
    assert len(done.err) < 1_000


@pytest.mark.parametrize("name", ["loop", "loop/run"])
def test_a_folder_behind_links_in_a_circle_is_refused(command, write_rows, tmp_path, english, name):
    (tmp_path / "loop").symlink_to("loop")
    source = write_rows(english[:1])
    for arguments in (("generate", source, "--route", "en:pt", "--out", name), ("verify", name)):
        done = command(*arguments, cwd=tmp_path)
        assert done.code == 2, done.err
        assert "lead in a circle" in done.err


def test_a_model_whose_family_is_no_name_is_judged_by_its_files(
    command, write_rows, english, tmp_path
):
    model = tmp_path / "model"
    shutil.copytree(BUNDLED / "mini-en-pt", model)
    (model / "bt_augment.json").write_text('{"family": {"a": 1}}')
    done = command(
        "generate", write_rows(english[:1]), "--route", "en:pt", "--model", model,
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("variable", "value"), [("CT2_VERBOSE", "9"), ("CT2_FORCE_CPU_ISA", "avx3")]
)
def test_what_the_engine_does_not_know_of_the_environment_is_named(
    new_command, write_rows, english, tmp_path, variable, value
):
    done = new_command.among(**{variable: value})(
        "generate", write_rows(english[:1]), "--route", "en:pt", "--out", tmp_path / "run"
    )
    assert done.code == 2, done.err
    assert f"the environment variable {variable} cannot be used" in done.err
