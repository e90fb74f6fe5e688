"""Values that no machine bears are a user's error, not a bug; and no thread starts for them."""

import pytest

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


def test_an_output_longer_than_the_models_positions_is_told(command, tmp_path, write_rows, english):
    done = command(
        "generate", write_rows(english[:1]), "--route", "en:pt", "--out", tmp_path / "run",
        *SAMPLING, "--set", "translation.decoding.topk=0",
        "--set", "translation.decoding.temperature=1000",
        "--set", "translation.decoding.max_output_tokens=4096",
    )  # fmt: skip
    assert done.code == 2, done.err
    assert "max_output_tokens: 4096 is more than model 'bundled:mini' can write" in done.err


@pytest.mark.parametrize("name", ["report", "compare"])
def test_a_seed_is_not_negative(command, finished, tmp_path, name):
    out = ("--out", tmp_path / "r.html") if name == "report" else ()
    done = command(name, finished, *out, "--seed", -3)
    assert done.code == 2, done.err
    assert "Invalid value for '--seed'" in done.err
