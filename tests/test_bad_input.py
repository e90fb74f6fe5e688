"""DESIGN, section 10: one test or more for each row of its table, through the real command."""

import gzip
import json
import os
import resource
import shutil
import subprocess
import sys
from unicodedata import normalize

import pytest
from datasets import load_from_disk
from disks import enlarge, small_disk, unprivileged

from bt_augment.errors import StorageError


def user_error(outcome, *said):
    assert outcome.code == 2, (outcome.code, outcome.err)
    assert "Traceback" not in outcome.err
    for text in said:
        assert text in outcome.err
    return outcome.err


# Row 1: unreadable records are quarantined, and the run goes on.

BROKEN = {
    b'{"question": "Who?", "passage": "A man."': "broken_json",
    b'{"passage": "No question."}': "missing_question",
    b'{"question": "No passage?"}': "missing_passage",
    b'{"question": " \\u200b ", "passage": "White space."}': "empty_question",
    b'{"question": "Empty?", "passage": ""}': "empty_passage",
    b'{"question": 7, "passage": "A number."}': "wrong_type",
    b'{"question": "Bytes?", "passage": "caf\xe9"}': "invalid_utf8",
    b'{"question": "Half?", "passage": "a \\ud800 b"}': "lone_surrogate",
    b'{"question": "Nul?", "passage": "a \\u0000 b"}': "nul",
    b'["a", "list"]': "not_an_object",
}


def test_unreadable_records_are_quarantined_with_their_place_and_cause(
    command, english, tmp_path, split_rows
):
    good = [json.dumps(row).encode() for row in english[:2]]
    source, run = tmp_path / "mixed.jsonl", tmp_path / "run"
    source.write_bytes(b"\n".join([good[0], *BROKEN, good[1]]) + b"\n")
    done = command("generate", source, "--route", "en:pt", "--out", run, "--json")
    assert done.code == 0, done.err
    assert (done.json["native"], done.json["quarantined"]) == (2, len(BROKEN))
    lines = [json.loads(line) for line in (run / "quarantine.jsonl").read_text().splitlines()]
    assert [(x["line"], x["cause"]) for x in lines] == list(enumerate(BROKEN.values(), start=2))
    assert {x["file"] for x in lines} == {str(source)}
    assert all(x["raw"] and x["message"] for x in lines)
    assert command("verify", run).code == 0
    summary = command("generate", source, "--route", "en:pt", "--out", run)
    assert f"{len(BROKEN)} quarantined" in summary.out


# Row 2: an input that is unusable as a whole.


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.json", None, "missing.json"),
        ("empty.jsonl", b"", "is empty"),
        ("prose.txt", b"Once upon a time.\n", "unknown format"),
        ("all.jsonl", b"{broken\n{again\n", "nothing in"),
        (
            "cut.json.gz",
            gzip.compress(b'{"version": "1.1", "data": [', mtime=0)[:20],
            "cut.json.gz",
        ),
    ],
)
def test_an_unusable_input_is_exit_2_and_leaves_the_folder_free(
    command, english, tmp_path, name, content, said
):
    source, run = tmp_path / name, tmp_path / "run"
    if content is not None:
        source.write_bytes(content)
    arguments = ("generate", source, "--route", "en:pt", "--out", run)
    user_error(command(*arguments), said, name)
    good = tmp_path / "good.jsonl"
    good.write_text(json.dumps(english[0]) + "\n")
    assert command("generate", good, "--route", "en:pt", "--out", run, "-q").code == 0


def test_a_file_that_breaks_in_the_middle_keeps_what_came_before(command, english, tmp_path):
    source, run = tmp_path / "cut.jsonl.gz", tmp_path / "run"
    rows = english[:40]
    packed = gzip.compress(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    source.write_bytes(packed[: int(len(packed) * 0.9)])
    done = command("generate", source, "--route", "en:pt", "--out", run, "--json")
    assert done.code == 0, done.err
    assert 0 < done.json["native"] < len(rows)
    assert done.json["quarantined_by_cause"].get("broken_file") == 1


# Row 3 and 4: answers that do not fit, ids that are there twice.


def test_offsets_are_mended_and_ids_made_unique_and_noted(
    tmp_path, english, write_rows, make_run, split_rows
):
    passage = "The old lamp was lit in 1823. The new lamp was lit in 1901."
    rows = [
        {"id": "a", "question": "When was the old lamp lit?", "passage": passage,
         "answers": [{"text": "1823", "answer_start": 3}]},
        {"id": "a", "question": "What was lit in 1901?", "passage": passage,
         "answers": [{"text": "lamp", "answer_start": 1}]},
    ]  # fmt: skip
    summary = make_run(tmp_path / "run", write_rows(rows), routes=("en:pt",))
    natives = [r for r in split_rows(tmp_path / "run", "train") if r["method"] == "native"]
    assert natives[0]["answers"] == [{"text": "1823", "start": passage.index("1823")}]
    assert natives[1]["answers"] == [{"text": "lamp", "start": -1}]  # found twice: whose?
    assert natives[0]["id"] == "a" != natives[1]["id"]
    assert natives[1]["id"].startswith("a")
    assert summary.ingested.notes == {
        "answer_relocated": 1, "answer_not_located": 1, "id_suffixed": 1,
    }  # fmt: skip


def test_a_made_row_takes_no_id_of_the_input(tmp_path, english, write_rows, make_run, split_rows):
    rows = [{**english[0], "id": name} for name in ("a", "a/en:pt/0", "a/en:pt/0-2", "a/en:pt/0")]
    rows = [{**row, "question": f"{n}: {row['question']}"} for n, row in enumerate(rows)]
    summary = make_run(tmp_path / "run", write_rows(rows), routes=("en:pt", "en:pt:en"))
    written = [r for s in ("train", "rejected") for r in split_rows(tmp_path / "run", s)]
    ids = [row["id"] for row in written]
    assert len(ids) == len(set(ids)) == 4 * 3
    natives = [row["id"] for row in written if row["method"] == "native"]
    assert natives == ["a", "a/en:pt/0-2", "a/en:pt/0-2-2", "a/en:pt/0-3"]
    assert summary.ingested.notes["id_suffixed"] == 3


# Row 5: text that is hard to handle.


def test_decomposed_letters_are_translated_and_judged_as_composed_ones(
    tmp_path, write_rows, make_run, split_rows
):
    passage = "José Núñez and André Lefèvre lived in São João. They loved the town of São João."
    pair = {"id": "a", "question": "Where did José Núñez live?", "passage": passage,
            "answers": [{"text": "São João", "start": passage.index("São")}]}  # fmt: skip
    made = {}
    for form in ("NFC", "NFD"):
        row = json.loads(normalize(form, json.dumps(pair, ensure_ascii=False)))
        row["answers"][0]["start"] = row["passage"].index(row["answers"][0]["text"])
        source = write_rows([row], f"{form}.jsonl")
        make_run(tmp_path / form, source, routes=("en:pt:en", "en:pt"))
        rows = [r for s in ("train", "rejected") for r in split_rows(tmp_path / form, s)]
        assert [r["passage"] for r in rows if r["method"] == "native"] == [row["passage"]]
        made[form] = [
            (r["question"], r["passage"], r["answers"][0]["start"], r["scores"])
            for r in rows
            if r["method"] != "native"
        ]
    assert "José" in made["NFC"][0][0]
    assert repr(made["NFD"]) == repr(made["NFC"])  # null scores are equal too


LONG_SENTENCE = "The keeper of the lamp " + "walked along the shore and " * 2000 + "slept."
HARD = {
    "emoji": ("🦊🦊🦊 🚲?", "🌊🌊🌊 🏔️ 👩‍👩‍👧‍👦 🇧🇷 ✨"),
    "arabic": ("ما هي عاصمة فرنسا؟", "باريس هي عاصمة فرنسا. \u202bيسكنها\u202c ملايين."),
    "hebrew_in_english": ("What does שלום mean?", "The word שלום (shalom) means peace in Hebrew."),
    "mixed_scripts": ("Где 東京 and Αθήνα?", "東京は日本の首都です。 Αθήνα is in Greece. Москва."),
    "html": ("What is <b>bold</b>?", "<p>Some <b>bold</b> &amp; plain text.</p><script>x</script>"),
    "controls": ("What\tis\x07 this\x1b?", "A \x01line\x0b with\r\ncontrol\x85 characters\u2028."),
    "one_character": ("?", "."),
    "zero_width": ("Who\u200b is\ufeff it?", "It\u200d is\u00ad a\u2060 keeper of the lamp."),
    "combining": ("Z" + "\u0301" * 500 + "?", "a" + "\u0308" * 3000),
    "no_spaces": ("What is this?", "x" * 4_000),
    "long_sentence": ("Who walked along the shore?", LONG_SENTENCE),
    "underscores": ("What is _____?", "See https://example.org/a_b?c=d&e=f and snake_case_name."),
    "newlines": ("Who\nwrote\nit?", "\n\n\nA man.\n\n\n\nA book.\n"),
}


def test_hard_text_is_handled_and_limits_become_reasons(
    tmp_path, english, write_rows, make_run, split_rows
):
    from bt_augment.shards.verification import verify

    assert len(LONG_SENTENCE.split()) > 10_000 - 1
    rows = [{"id": name, "question": q, "passage": p} for name, (q, p) in HARD.items()]
    rows.append({**english[0], "id": "plain"})
    run = tmp_path / "run"
    summary = make_run(run, write_rows(rows), "output.unit_rows=4", routes=("en:pt:en", "en:pt"))
    assert summary.totals.quarantined == 0
    assert summary.totals.candidates == 2 * len(rows)
    assert verify(run).problems == ()
    train = split_rows(run, "train")
    natives = {row["id"]: row for row in train if row["method"] == "native"}
    assert {name: (row["question"], row["passage"]) for name, row in natives.items()} == {
        row["id"]: (row["question"], row["passage"]) for row in rows
    }
    made = [row for row in train if row["method"] != "native"]
    assert "plain" in {row["source_id"] for row in made}
    unfit = {"emoji", "arabic", "one_character", "combining", "no_spaces", "long_sentence"}
    assert not unfit & {row["source_id"] for row in made}
    reasons = {
        reason
        for row in split_rows(run, "rejected")
        if row["source_id"] == "long_sentence"
        for reason in row["reject_reasons"]
    }
    assert "text.passage_length.high" in reasons


@pytest.mark.parametrize(
    ("column", "text"), [("question", "Who very %s led it?"), ("passage", "Ann very %s led it.")]
)
def test_a_text_too_long_to_translate_is_rejected_on_every_kind_of_route(
    tmp_path, english, write_rows, command, column, text
):
    routes = ("en:pt:en", "en:pt", "en:pt:en:pt")
    long = {**english[0], "id": "long", "answers": [], column: text % ("very " * 13_000)}
    source = write_rows([english[4], long])
    every = [option for route in routes for option in ("--route", route)]
    done = command("generate", source, *every, "--out", tmp_path / "run", "--json")
    assert done.code == 0, done.err
    rows = load_from_disk(str(tmp_path / "run"))["rejected"]
    reasons = {tuple(r["route"]): r["reject_reasons"] for r in rows if r["source_id"] == "long"}
    assert reasons.keys() == {tuple(route.split(":")) for route in routes}
    assert all(f"text.{column}_length.high" in found for found in reasons.values())
    assert command("verify", tmp_path / "run").code == 0


@pytest.mark.parametrize("name", ["pipe", "/dev/zero", "/dev/tty"])
def test_a_recipe_that_is_no_file_is_refused_at_once(tmp_path, new_command, name):
    os.mkfifo(tmp_path / "pipe")
    for command in (("generate", "pairs.jsonl"), ("run",)):
        recipe = ("--recipe", name) if command[0] == "generate" else (name,)
        done = new_command(
            *command, *recipe, "--out", "run", cwd=tmp_path, prefix=("timeout", "30")
        )
        assert done.code == 2, done.err
        assert name in done.err


def test_a_recipe_may_come_from_a_shell(tmp_path, new_command):
    line = ("bash", "-c", 'exec "$@" --recipe <(echo "routes: [en:xx]")', "bash")
    done = new_command("generate", "pairs.jsonl", "--out", "run", cwd=tmp_path, prefix=line)
    assert done.code == 2
    assert "'xx' is not a BCP-47" in done.err


def test_a_passage_of_a_megabyte_is_handled_in_bounded_memory(
    tmp_path, english, write_rows, environment
):
    sentences = [s for row in english[::20] for s in row["passage"].split(". ")]
    passage = ""
    while len(passage) < 1_000_000:
        passage += ". ".join(sentences) + ".\n"
    source = write_rows([english[4], {**english[0], "id": "big", "passage": passage}])
    program = (
        "import re, sys\n"
        "from bt_augment.cli.main import main\n"
        "try: main()\n"
        # ru_maxrss would also count the memory of the process which started this one.
        "finally: print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1],"
        " file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "generate", str(source), "--route", "en:pt",
         "--out", str(tmp_path / "run"), "--json"],
        capture_output=True, text=True, env=environment, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["native"] == 2
    assert json.loads(done.stdout)["reasons"]["text.passage_length.high"] == 1
    totals = json.loads((tmp_path / "run" / "manifest.json").read_text())["totals"]
    assert totals["tokens"] < 5_000  # it was not translated
    peak = int(done.stderr.split()[-1]) / 1024
    assert peak < 400  # MiB; two ordinary pairs take about 200


# Row 6: languages and models.


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--route", "en:klingonese"), ["klingonese"]),
        (("--route", "en:pt", "--lang", "notalanguage"), ["notalanguage"]),
        (("--route", "en:ja:en"), ["bundled:mini does not translate en to ja", "en:pt"]),
        (("--route", "en:pt", "--model", "bundled:maxi"), ["did you mean 'bundled:mini'?"]),
        (("--route", "en:pt", "--model", "no-such-folder"), ["no-such-folder"]),
    ],
)
def test_unknown_languages_and_models_are_refused_before_any_work(
    command, english, write_rows, tmp_path, options, said
):
    run = tmp_path / "run"
    user_error(command("generate", write_rows(english[:1]), *options, "--out", run), *said)
    assert not run.exists()


@pytest.mark.parametrize("damage", ["cut", "gone", "config", "vocabulary"])
def test_a_damaged_model_folder_is_refused_before_any_work(
    command, english, write_rows, tmp_path, damage
):
    from bt_augment.translation.models import ModelCatalog

    whole = ModelCatalog(tmp_path / "cache").resolve("bundled:mini", "en", "pt").folder
    model = tmp_path / "model"
    shutil.copytree(whole, model)
    if damage == "cut":
        os.truncate(model / "model.bin", (model / "model.bin").stat().st_size // 2)
    elif damage == "gone":
        (model / "model.bin").unlink()
    elif damage == "config":
        (model / "config.json").write_text("{cut")
    else:
        (model / "shared_vocabulary.json").write_text("[]")
    run = tmp_path / "run"
    user_error(
        command("generate", write_rows(english[:1]), "--route", "en:pt", "--model", model,
                "--out", run),
        str(model),
    )  # fmt: skip
    assert not run.exists()


# Row 7: recipes; every kind of mistake is in test_recipe.py.


def test_a_misspelt_recipe_key_is_refused_with_place_and_suggestion(
    command, english, write_rows, tmp_path
):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("routes: [en:pt]\noutput:\n  unit_row: 5\n")
    run = tmp_path / "run"
    error = user_error(
        command("generate", write_rows(english[:1]), "--recipe", recipe, "--out", run),
        "mine.yaml, line 3: output.unit_row: unknown key (did you mean 'unit_rows'?)",
        "allowed are native, unit_rows",
    )
    assert error.count("\n") == 1
    assert not run.exists()


# Row 8: what the disk refuses.


def arguments_for(source, run):
    return ("generate", source, "--route", "en:pt", "--unit-rows", 16, "--out", run)


@pytest.mark.parametrize(
    "kib", [200, *(pytest.param(kib, marks=pytest.mark.slow) for kib in (60, 400))]
)
def test_a_full_disk_stops_the_run_which_goes_on_when_there_is_space(
    command, tmp_path, calm, arrow_bytes, kib
):
    # What does not fit is the index of duplicates, then the index with what was read, then shards.
    source, undisturbed = calm
    with small_disk(tmp_path / "disk", kib) as disk:
        run = disk / "run"
        user_error(command(*arguments_for(source, run)), "full")
        assert not (run / "manifest.json").exists()
        kept = run / ".work" / "journal.jsonl"
        done = len(kept.read_bytes().splitlines()) if kept.exists() else 0
        enlarge(disk)
        resumed = command(*arguments_for(source, run), "--json")
        assert resumed.code == 0, resumed.err
        assert resumed.json["resumed_units"] == done
        assert arrow_bytes(run) == arrow_bytes(undisturbed)


def test_a_file_that_may_not_grow_stops_the_run_which_goes_on(command, tmp_path, calm, arrow_bytes):
    source, undisturbed = calm
    run = tmp_path / "run"

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))  # bytes: less than a unit

    user_error(command(*arguments_for(source, run), preexec_fn=limited), str(run))
    assert not (run / "manifest.json").exists()
    assert command(*arguments_for(source, run), "-q").code == 0
    assert arrow_bytes(run) == arrow_bytes(undisturbed)


def test_a_read_only_folder_is_refused(command, english, write_rows, tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir()
    source = write_rows(english[:1])
    folder.chmod(0o555)
    try:
        for out in (folder, folder / "run"):
            arguments = ("generate", source, "--route", "en:pt", "--out", out)
            user_error(command(*arguments, prefix=unprivileged()), "permission denied", str(out))
        assert not list(folder.iterdir())
    finally:
        folder.chmod(0o755)


def test_a_run_made_read_only_can_still_be_read(command, copied):
    folders = [copied, copied / "train", copied / "rejected"]
    for folder in folders:
        folder.chmod(0o555)
    try:
        prefix = unprivileged()
        assert command("verify", copied, prefix=prefix).code == 0
        assert command("inspect", copied, "-n", 1, prefix=prefix).code == 0
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_a_folder_of_another_run_is_refused_and_unharmed(
    command, english, write_rows, copied, arrow_bytes
):
    before = arrow_bytes(copied)
    error = user_error(
        command("generate", write_rows(english[:1]), "--route", "en:pt", "--out", copied),
        "holds another run",
        "recipe.routes",
        "--overwrite",
    )
    assert error.count("\n") == 1
    assert arrow_bytes(copied) == before
    assert command("verify", copied).code == 0


def test_a_full_disk_in_the_middle_of_a_shard_leaves_nothing_half_made(
    tmp_path, english, write_rows, make_run, monkeypatch
):
    import errno

    from bt_augment.shards import store

    real, calls = store.os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == 14:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor)

    run, source = tmp_path / "run", write_rows(english[:6])
    with monkeypatch.context() as patch:
        patch.setattr(store.os, "fsync", full)
        with pytest.raises(StorageError, match=r"the disk is full.*same command again"):
            make_run(run, source, "output.unit_rows=2")
    assert not list(run.rglob("*.arrow.tmp"))
    make_run(run, source, "output.unit_rows=2")
    assert (run / "manifest.json").exists()


# Row 9: shards that changed after they were written; every kind is in test_verification.py.


@pytest.mark.parametrize("name", ["verify", "filter"])
def test_a_changed_shard_is_named_and_refused(command, copied, tmp_path, name):
    shard = copied / "train" / "data-00002-of-00008.arrow"
    content = bytearray(shard.read_bytes())
    content[-200] ^= 1
    shard.write_bytes(content)
    options = ("--out", tmp_path / "out") if name == "filter" else ()
    user_error(command(name, copied, *options), "train/data-00002-of-00008.arrow", "changed")


def test_inspecting_a_cut_shard_is_a_users_error(command, copied):
    shard = copied / "train" / "data-00000-of-00008.arrow"
    shard.write_bytes(shard.read_bytes()[:5000])
    user_error(command("inspect", copied), "data-00000-of-00008.arrow")
