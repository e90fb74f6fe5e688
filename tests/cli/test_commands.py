"""The command as a user or a script calls it: exit codes, JSON, silence, messages.

Each sub-command is also begun anew once, so that it finds all that it needs by itself.
"""

import json
import re
from importlib.metadata import metadata

import pytest

SUMMARY_KEYS = {
    "out", "units", "resumed_units", "read", "native", "quarantined", "left_out", "candidates",
    "accepted", "rejected", "native_rejected", "not_applicable", "reasons", "routes", "tokens",
    "seconds", "quarantined_by_cause", "left_out_by_reason", "notes", "languages",
}  # fmt: skip


def user_error(outcome, *said):
    """Check that this is a message for a user, not a bug."""
    assert outcome.code == 2, outcome.err
    assert "Traceback" not in outcome.err
    for text in said:
        assert text in outcome.err
    return outcome.err


@pytest.fixture
def one(write_rows, english):
    """Return an input of one pair."""
    return write_rows(english[:1])


def test_generate_prints_its_summary_as_json(new_command, one, tmp_path):
    done = new_command("generate", one, "--route", "en:pt", "--out", tmp_path / "run", "--json")
    assert done.code == 0
    assert set(done.json) == SUMMARY_KEYS
    assert done.json["native"] == done.json["candidates"] == 1
    assert done.json["languages"] == {"en": 1}


def test_generate_prints_a_summary_and_how_to_open_the_folder(command, one, tmp_path):
    run = tmp_path / "run"
    done = command("generate", one, "--route", "en:pt", "--out", run)
    assert done.code == 0
    assert f'load_from_disk("{run}")' in done.out
    assert "generate: 1 of 1 rows" in done.err  # plain lines where there is no terminal
    again = command("generate", one, "--route", "en:pt", "--out", run)
    assert again.code == 0
    assert "already complete" in again.out
    assert "wrote" in done.out
    assert "wrote" not in again.out


def test_the_summary_counts_pairs_that_a_route_does_not_apply_to(
    command, write_rows, english, tmp_path
):
    rows = write_rows([english[0], {**english[1], "lang": "de"}])
    done = command("generate", rows, "--route", "en:pt", "--out", tmp_path / "run")
    assert "read 2: 2 pairs" in done.out
    assert "not applicable 1: in another language than a route's first" in done.out


def test_quiet_prints_nothing(command, one, tmp_path, finished):
    quiet = [
        command("generate", one, "--route", "en:pt", "--out", tmp_path / "run", "-q"),
        command("filter", tmp_path / "run", "--out", tmp_path / "filtered", "-q"),
        command("verify", finished, "--quiet"),
    ]
    assert [(x.code, x.out, x.err) for x in quiet] == [(0, "", "")] * 3


def test_a_recipe_file_options_and_set_in_rising_rank(command, one, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "routes: [en:pt:en]\n"
        "output: {unit_rows: 7, native: false}\n"
        "filters: {fidelity: {chrf: {min: 1, max: 99}}}\n"
    )
    done = command(
        "generate", one, "--recipe", recipe, "--route", "en:pt", "--unit-rows", 5,
        "--set", "output.unit_rows=3", "--set", "filters.fidelity.chrf.min=2",
        "--out", tmp_path / "run", "-q",
    )  # fmt: skip
    assert done.code == 0, done.err
    stored = json.loads((tmp_path / "run" / "run.json").read_text())["recipe"]
    assert stored["routes"] == ["en:pt"]
    assert stored["output"] == {"native": False, "unit_rows": 3}
    assert stored["filters"]["fidelity"]["chrf"]["min"] == 2
    assert stored["filters"]["fidelity"]["chrf"]["max"] == 99


def test_filter_judges_anew_and_prints_json(new_command, finished, tmp_path):
    done = new_command(
        "filter", finished, "--set", "filters.fidelity.chrf.min=75", "--out", tmp_path / "f",
        "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert set(done.json) == SUMMARY_KEYS
    assert done.json["accepted"] + done.json["rejected"] == done.json["candidates"] == 476
    assert new_command("verify", tmp_path / "f").code == 0


@pytest.mark.parametrize(
    "setting",
    ["translation.models=[x]", "routes=[en:fr]", "output.native=false", "input.limit=1",
     "decontaminate.xquad=data", "code_switch.ratio=0.1"],
)  # fmt: skip
def test_filter_refuses_settings_that_only_generate_follows(command, finished, tmp_path, setting):
    said = user_error(
        command("filter", finished, "--set", setting, "--out", tmp_path / "f"),
        "judges the pairs of a run anew", "only filters.… settings count",
    )  # fmt: skip
    assert setting.partition("=")[0] in said
    assert not (tmp_path / "f").exists()


def test_filter_takes_the_filters_of_a_recipe_in_place_of_the_runs(command, finished, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("filters: {fidelity: {chrf: {min: 80}}}\n")
    out = tmp_path / "f"
    assert command("filter", finished, "--recipe", recipe, "--out", out, "-q").code == 0
    stored = json.loads((out / "run.json").read_text())["recipe"]
    assert stored["filters"]["fidelity"]["chrf"]["min"] == 80
    assert stored["routes"] == ["en:pt:en", "en:pt"]


def test_verify_says_sound_or_names_the_damage(command, copied):
    sound = command("verify", copied, "--json")
    assert sound.code == 0
    assert sound.json == {"sound": True, "shards": 16, "rows": 714, "problems": []}
    assert "sound; 16 shards" in command("verify", copied).out
    (copied / "train" / "data-00003-of-00008.arrow").unlink()
    user_error(command("verify", copied), "data-00003-of-00008.arrow: is missing", "--overwrite")
    broken = command("verify", copied, "--json")
    assert broken.code == 2
    assert broken.json["sound"] is False
    assert broken.json["problems"] == ["train/data-00003-of-00008.arrow: is missing"]


def test_inspect_shows_original_pivot_new_text_scores_and_verdict(new_command, finished):
    shown = new_command("inspect", finished, "-n", 1, "--route", "en:pt:en")
    assert "wrote" not in shown.out  # it only looks
    assert shown.code == 0
    (row,) = new_command("inspect", finished, "-n", 1, "--route", "en:pt:en", "--json").json
    words = re.sub(r"\s+", " ", shown.out)
    assert row["row"]["id"] in words
    for text in (row["source"]["question"], row["row"]["pivot_question"], row["row"]["question"]):
        assert text[:20] in words
    assert "accepted" in words
    assert "chrf" in words


def test_inspect_marks_what_a_round_trip_changed(command, finished):
    (pair,) = command("inspect", finished, "-n", 1, "--route", "en:pt:en", "--json").json
    shown = command("inspect", finished, "-n", 1, "--route", "en:pt:en", "--diff", "--full").out
    flat = " ".join(line[10:].strip() for line in shown.splitlines())
    assert "[-" in flat
    assert "{+" in flat
    kept = re.sub(r"\[-(.*?)-\]", r"\1", flat)
    assert " ".join(pair["source"]["question"].split()) in kept
    # And a translation, all of which differs, is left unmarked
    assert "[-" not in command("inspect", finished, "-n", 1, "--route", "en:pt", "--diff").out


def test_inspect_turns_pages_and_greps(command, finished):
    first, second = (
        [e["row"]["id"] for e in command("inspect", finished, "-n", 2, "--page", n, "--json").json]
        for n in (1, 2)
    )
    assert len({*first, *second}) == 4
    assert "--page 3 shows more" in command("inspect", finished, "-n", 2, "--page", 2).out
    assert "there are fewer" in command("inspect", finished, "--page", 9999).out
    accepted = len(command("inspect", finished, "-n", 1000, "--json").json)
    assert len(command("inspect", finished, "-n", accepted - 1, "--json").json) == accepted - 1
    assert "shows more" in command("inspect", finished, "-n", accepted - 1).out
    assert "shows more" not in command("inspect", finished, "-n", accepted).out
    found = command("inspect", finished, "--grep", "LIGHTHOUSE", "--json").json
    assert found
    assert all("lighthouse" in json.dumps(pair).lower() for pair in found)
    broken = command("inspect", finished, "--grep", "(")
    assert broken.code == 2
    assert "not a regular expression" in broken.err
    assert command("inspect", finished, "--sample", 2, "--page", 2).code == 2


@pytest.mark.parametrize("route", ["EN:por", " en:pt", "eng:pt"])
def test_inspect_takes_a_route_in_any_spelling(command, finished, route):
    shown = command("inspect", finished, "--route", route, "-n", 3, "--json").json
    assert [pair["row"]["route"] for pair in shown] == [["en", "pt"]] * 3


@pytest.mark.parametrize(
    ("route", "said"),
    [
        ("xx", "route 'xx' needs two or more language tags"),
        ("en:xx", "'xx' is not a BCP-47 language tag"),
        ("en:en", "goes from 'en' to itself"),
        ("en:fr", "has no route en:fr"),
        ("en:en+pt", "has no route en:en+pt"),
    ],
)
def test_inspect_refuses_what_is_no_route_of_the_run(command, finished, route, said):
    told = user_error(command("inspect", finished, "--route", route), said)
    if "has no route" in said:
        assert "its routes are en:pt:en, en:pt" in told


@pytest.mark.parametrize("more", [(), ("--overwrite",), ("--shard", "1/2")])
def test_a_strangers_folder_is_left_as_it_was(command, one, finished, tmp_path, more):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("mine")
    calls = [("generate", one, "--route", "en:pt", "--out", foreign, *more)]
    if "--shard" not in more:
        calls.append(("filter", finished, "--out", foreign, *more))
    for call in calls:
        user_error(command(*call), "thesis.txt")
        assert [path.name for path in foreign.iterdir()] == ["thesis.txt"]


def test_inspect_selects_rejected_rows_by_reason_and_route(command, finished):
    rejected = command("inspect", finished, "--rejected", "-n", 1000, "--json").json
    assert all(example["row"]["reject_reasons"] for example in rejected)
    prefix = "question_answering.answer"
    by_reason = command("inspect", finished, "--reason", prefix, "-n", 1000, "--json").json
    expected = [
        example["row"]["id"]
        for example in rejected
        if any(reason.startswith(prefix) for reason in example["row"]["reject_reasons"])
    ]
    assert [example["row"]["id"] for example in by_reason] == expected
    by_route = command("inspect", finished, "--route", "en:pt", "--json").json
    assert {tuple(example["row"]["route"]) for example in by_route} == {("en", "pt")}
    slip = command("inspect", finished, "--reason", "fidelty")
    assert "no such pair in this run (did you mean 'fidelity'?)" in slip.out
    nothing = command("inspect", finished, "--reason", "no.such")
    assert nothing.code == 0
    assert "no such pair" in nothing.out


def test_models_list_and_info_name_the_bundled_models(new_command):
    listed = new_command("models", "list", "--json").json
    assert {m["name"] for m in listed} >= {"bundled:mini (en:pt)", "bundled:mini (pt:en)"}
    assert set(listed[0]) == {
        "name", "family", "quantization", "bytes", "revision", "fingerprint", "folder",
    }  # fmt: skip
    info = new_command("models", "info", "bundled:mini")
    assert info.code == 0
    assert info.out.count("fingerprint: ") == 2
    assert new_command("models", "list").code == 0


def test_an_unknown_model_is_refused_with_a_suggestion(command):
    user_error(command("models", "info", "bundled:mni"), "did you mean 'bundled:mini'?")
    user_error(command("models", "convert", "no such model"), "unknown model 'no such model'")


def test_a_name_with_nothing_to_convert_says_why(command, tmp_path):
    user_error(command("models", "convert", "bundled:mini"), "bundled:mini comes with the package")
    user_error(command("models", "convert", "opus-mt"), "opus-mt picks a model by the languages")
    user_error(command("models", "convert", tmp_path), str(tmp_path), "config.json")


def test_converting_a_folder_that_is_converted_names_it(command, tmp_path):
    folder = next(
        model["folder"]
        for model in command("models", "list", "--json").json
        if model["name"].startswith("bundled:mini")
    )
    done = command("models", "convert", folder, "--json")
    assert done.code == 0, done.err
    assert done.json == {"name": folder, "folder": folder}


def test_doctor_tries_each_part(new_command):
    done = new_command("doctor", "--json")
    assert done.code == 0, done.err
    found = {item["check"]: item for item in done.json}
    assert found["bundled:mini"]["ok"]
    assert "→" in found["bundled:mini"]["detail"]
    assert {"python", "ctranslate2", "model cache", "devices"} <= set(found)
    assert new_command("doctor").out.count("ok  ") == len(found)
    extras = {check.removeprefix("extra ") for check in found if check.startswith("extra ")}
    declared = metadata("bt-augment").get_all("Provides-Extra")
    assert extras == {*declared} - {"all", "docs", "test"}
    assert found["extra convert"]["detail"].count("protobuf") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Usage"),
        (("--help",), "generate"),
        (("generate", "--help"), "--route"),
        (("filter", "--help"), "--set"),
        (("inspect", "--help"), "--rejected"),
        (("verify", "--help"), "DIR"),
        (("models", "--help"), "convert"),
        (("models", "convert", "--help"), "--quantization"),
        (("doctor", "--help"), "--json"),
        (("--version",), "bt-augment"),
    ],
)
def test_help_is_there(command, arguments, said):
    done = command(*arguments)
    assert done.code == (0 if arguments else 2)
    assert said in done.out + done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("generat",), "No such command 'generat' (did you mean 'generate'?)"),
        (("xyz",), "No such command 'xyz'."),
        (("generate", "--out", "x"), "INPUT"),
        (("generate", "{one}", "--route", "en:pt"), "--out"),
        (("generate", "{one}", "--out", "{new}"), "--route en:pt:en"),
        (("generate", "{one}", "--route", "en", "--out", "{new}"), "route 'en' needs two"),
        (("generate", "{one}", "--route", "en:en", "--out", "{new}"), "to itself"),
        (("generate", "{one}", "--route", "en:pt", "--out", "{one}"), "is a file"),
        (("generate", "{one}", "--route", "en:pt", "--limit", "0", "--out", "{new}"), "--limit"),
        (
            ("generate", "{one}", "--route", "en:pt", "--format", "sqaud", "--out", "{new}"),
            "did you mean 'squad'",
        ),
        (
            (
                "generate",
                "{one}",
                "--route",
                "en:pt",
                "--decontaminate",
                "x=a",
                "--decontaminate",
                "x=b",
                "--out",
                "{new}",
            ),
            "--decontaminate x: stands for both a and b",
        ),
        (
            ("generate", "{one}", "--route", "en:pt", "--decontaminate", "x", "--out", "{new}"),
            "BENCHMARK=DIR",
        ),
        (
            (
                "generate",
                "{one}",
                "--route",
                "en:pt",
                "--decontaminate",
                "x=none",
                "--out",
                "{new}",
            ),
            "there is no folder none",
        ),
        (
            ("generate", "{one}", "--route", "en:pt", "--device", "cuda", "--out", "{new}"),
            "",
        ),
        (
            ("generate", "{one}", "--route", "en:pt", "--recipe", "{new}/r.yaml", "--out", "{new}"),
            "r.yaml",
        ),
        (("generate", "{one}", "--route", "en:pt", "--set", "a", "--out", "{new}"), "KEY=VALUE"),
        (("filter", "{new}", "--out", "{new}2"), "there is no such folder"),
        (("inspect", "{new}"), "there is no such folder"),
        (("inspect", "{new}", "--route", "en:pt"), "there is no such folder"),
        (("verify", "{new}"), "there is no such folder"),
        (("export", "{new}", "--format", "beir", "--out", "{new}2"), "there is no such folder"),
        (("filter", ".", "--out", "{new}2"), "is not a run folder"),
        (("inspect", "."), "is not a run folder"),
        (("verify", "."), "is not a run folder"),
        (("export", ".", "--format", "beir", "--out", "{new}2"), "is not a run folder"),
    ],
)
def test_a_users_error_is_one_message_and_exit_2(command, one, tmp_path, arguments, said):
    import ctranslate2

    if "cuda" in arguments and ctranslate2.get_cuda_device_count():
        pytest.skip("there is a GPU")
    filled = [a.format(one=one, new=tmp_path / "new") for a in arguments]
    user_error(command(*filled, cwd=tmp_path), said)
    assert not (tmp_path / "new" / "run.json").exists()


def test_a_bug_is_a_traceback_and_exit_1(command, one, tmp_path):
    code = (
        "from bt_augment.generation import beginning\n"
        "def broken(*a, **k): raise ZeroDivisionError('a bug')\n"
        "beginning.ingest = broken\n"
        "from bt_augment.cli.main import main; main()"
    )
    arguments = ("generate", one, "--route", "en:pt", "--out", tmp_path / "run")
    done = command(*arguments, program=code)
    assert done.code == 1
    assert "Traceback" in done.err
    assert "ZeroDivisionError: a bug" in done.err


def test_progress_on_a_terminal_is_a_bar_with_rate(command, one, tmp_path):
    import os
    import pty

    master, slave = pty.openpty()
    arguments = ("generate", one, "--route", "en:pt", "--out", tmp_path / "run")
    try:
        process = command.start(*arguments, stderr=slave)
        os.close(slave)
        out, _ = process.communicate(timeout=120)
        shown = b""
        try:
            while block := os.read(master, 65536):
                shown += block
        except OSError:
            pass  # Linux says EIO where the other end is closed
    finally:
        os.close(master)
    assert process.returncode == 0
    assert b"generate" in shown
    assert b"1/1" in shown
    assert b"rows/s" in shown
    assert "load_from_disk" in out
