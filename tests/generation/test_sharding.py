"""Parts of a run made by jobs of their own, and joined."""

import hashlib
import json
import re
import signal
import time
from dataclasses import replace

import filelock
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_augment.errors import InputError, ModelError, RecipeError, RunFolderError
from bt_augment.generation import Generation, beginning, generate_shard
from bt_augment.generation.scored_units import DamagedUnitError, decode, encode
from bt_augment.generation.shard_claims import Shard
from bt_augment.generation.unit_work import UnitWork
from bt_augment.generation.units import ScoredUnit
from bt_augment.recipe import load_recipe

ROUTES = ("--route", "en:pt:en", "--route", "en:pt")
RUN = "a" * 64

# The command in a process where no model can be loaded.
NO_MODELS = (
    "from bt_augment.generation.unit_work import UnitWork\n"
    "def refuse(*a, **k): raise ZeroDivisionError('models were loaded')\n"
    "UnitWork.maker = refuse\n"
    "from bt_augment.cli.main import main; main()"
)


def stored(run):
    """Return the units that shards have stored, by number, with the time they were written."""
    return {
        int(path.name): path.stat().st_mtime_ns
        for path in (run / ".work" / "scored").glob("[0-9]*")
    }


def wait_for(condition, process, seconds=120):
    until = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None:
            pytest.fail(f"ended with {process.returncode}: {process.stderr.read()}")
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def end(process):
    process.kill()
    process.communicate(timeout=60)


def test_shards_at_once_then_joined_give_the_bytes_of_one_run(
    tmp_path, english, write_rows, make_run, command, arrow_bytes
):
    # Given three jobs in one folder at the same time
    run, single = tmp_path / "run", tmp_path / "single"
    source = write_rows(english[:32])
    arguments = ["generate", source, *ROUTES, "--unit-rows", 4, "--out", run]
    jobs = [
        command.start(*arguments, "--workers", 1, "--shard", f"{k}/3", "--json") for k in (1, 2, 3)
    ]
    done = [(job, *job.communicate(timeout=300)) for job in jobs]
    for job, _, err in done:
        assert job.returncode == 0, err
    said = [json.loads(out) for _, out, _ in done]
    assert [(s["shard"], s["units"]) for s in said] == [("1/3", 3), ("2/3", 3), ("3/3", 2)]
    assert max(s["run_units_made"] for s in said) == 8
    assert sorted(stored(run)) == list(range(8))
    assert not list(run.glob("train/*")), "a shard judged and wrote"

    # When the folder is looked at before they are joined
    for name in ("verify", "inspect"):
        looked = command(name, run)
        assert looked.code == 2
        assert "8 units made by shards, which are not joined yet" in looked.err

    # Then joining needs no model, and the run is the one that a single process makes
    joined = command(*arguments, "--json", program=NO_MODELS)
    assert joined.code == 0, joined.err
    make_run(single, source, "output.unit_rows=4", routes=("en:pt:en", "en:pt"))
    assert arrow_bytes(run) == arrow_bytes(single)
    assert command("verify", run).code == 0
    digest = json.loads((run / "manifest.json").read_bytes())["run_sha256"]
    assert digest == hashlib.sha256((run / "run.json").read_bytes()).hexdigest()
    assert not (run / ".work").exists()
    again = command(*arguments, "--shard", "1/3")
    assert again.code == 0
    assert "complete already" in again.out


@pytest.mark.slow
def test_a_killed_shard_goes_on_and_the_join_makes_what_is_missing(
    tmp_path, calm, command, make_run, arrow_bytes
):
    run = tmp_path / "run"
    source, _ = calm
    arguments = ["generate", source, "--route", "en:pt", "--unit-rows", 8, "--out", run]
    process = command.start(*arguments, "--shard", "2/2", "--workers", 1)
    try:
        wait_for(lambda: stored(run), process)
        process.send_signal(signal.SIGKILL)
    finally:
        end(process)
    before = stored(run)
    assert set(before) <= {1, 3, 5, 7}

    resumed = command(*arguments, "--shard", "2/2", "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.json["resumed_units"] == len(before)
    after = stored(run)
    assert sorted(after) == [1, 3, 5, 7]
    assert {unit: after[unit] for unit in before} == before, "a stored unit was made again"

    joined = command(*arguments, "--json")
    assert joined.code == 0, joined.err
    whole = tmp_path / "whole"
    make_run(whole, source, "output.unit_rows=8", routes=("en:pt",))
    assert arrow_bytes(run) == arrow_bytes(whole)


def test_a_shard_is_made_by_one_process_and_joined_by_none_meanwhile(tmp_path, calm, command):
    run = tmp_path / "run"
    source, _ = calm
    arguments = ["generate", source, "--route", "en:pt", "--unit-rows", 4, "--out", run]
    process = command.start(*arguments, "--shard", "1/2")
    try:
        wait_for(lambda: stored(run), process)  # by then it has let go of the folder as a whole
        process.send_signal(signal.SIGSTOP)  # else it may be done before the others ask
        same = command(*arguments, "--shard", "1/2")
        joining = command(*arguments)
        process.send_signal(signal.SIGCONT)
        _, err = process.communicate(timeout=120)
    finally:
        end(process)
    assert process.returncode == 0, err
    assert same.code == joining.code == 2
    assert "another process is making shard 1/2" in same.err
    assert "shard-1-of-2 of this run is still being made" in joining.err
    assert "Traceback" not in same.err + joining.err

    differs = command(*arguments, "--shard", "2/2", "--candidates", 2)
    assert differs.code == 2
    assert re.search(r"decoding\.candidates was 1, is 2", differs.err)
    assert sorted(stored(run)) == list(range(0, 16, 2))


def test_a_shard_waits_for_the_one_that_reads_and_says_so(tmp_path, calm, command):
    run = tmp_path / "run"
    run.mkdir()
    with filelock.FileLock(run / ".lock"):
        process = command.start(
            "generate", calm[0], "--route", "en:pt", "--unit-rows", 32, "--out", run,
            "--shard", "1/2",
        )  # fmt: skip
        said = process.stderr.readline()
        assert "waiting for another process" in said
    try:
        _, err = process.communicate(timeout=120)
    finally:
        end(process)
    assert process.returncode == 0, err
    assert sorted(stored(run)) == [0]


def test_filter_does_not_clear_a_run_whose_shards_are_being_made(
    tmp_path, calm, command, environment
):
    run = tmp_path / "run"
    arguments = ("generate", calm[0], "--route", "en:pt", "--unit-rows", 32, "--out", run)
    assert command(*arguments, "--shard", "1/2", "-q").code == 0
    with filelock.FileLock(run / ".work" / "shard-2-of-2.lock"):
        done = command("filter", calm[1], "--out", run, "--overwrite")
    assert done.code == 2
    assert "shard-2-of-2 of this run is still being made" in done.err
    assert sorted(stored(run)) == [0]


def test_a_reading_that_fails_once_keeps_the_units_of_shards(
    tmp_path, calm, environment, monkeypatch
):
    recipe = load_recipe(None, {"routes": ["en:pt"], "output.unit_rows": 32})
    request = Generation(
        [str(calm[0])], tmp_path / "run", recipe, device="cpu", environment=environment
    )
    generate_shard(request, Shard(1, 2))
    (tmp_path / "run" / ".work" / "ingested.json").unlink()

    def fail(*_, **__):
        raise InputError("the connection was reset")

    with monkeypatch.context() as patch:
        patch.setattr(beginning, "ingest", fail)
        with pytest.raises(InputError, match="reset"):
            generate_shard(request, Shard(2, 2))
    assert sorted(stored(tmp_path / "run")) == [0]
    assert generate_shard(request, Shard(2, 2)).run_made == 2


def test_a_shard_whose_model_cannot_be_loaded_leaves_the_folder_to_a_mended_run(
    tmp_path, calm, environment, monkeypatch
):
    def request(route):
        recipe = load_recipe(None, {"routes": [route], "output.unit_rows": 32})
        return Generation(
            [str(calm[0])], tmp_path / "run", recipe, device="cpu", environment=environment
        )

    def refuse(*_, **__):
        raise ModelError("its weights are cut off")

    with monkeypatch.context() as patch:
        patch.setattr(UnitWork, "maker", refuse)
        with pytest.raises(ModelError, match="cut off"):
            generate_shard(request("en:pt:en"), Shard(1, 2))
    assert generate_shard(request("en:pt"), Shard(1, 2)).run_made == 1
    with monkeypatch.context() as patch:  # what is made is kept
        patch.setattr(UnitWork, "maker", refuse)
        with pytest.raises(ModelError, match="cut off"):
            generate_shard(request("en:pt"), Shard(2, 2))
    assert sorted(stored(tmp_path / "run")) == [0]


def test_only_the_first_shard_looks_at_the_index_of_duplicates(
    tmp_path, calm, environment, monkeypatch
):
    looked = []
    monkeypatch.setattr(beginning, "discard_unsound", looked.append)
    recipe = load_recipe(None, {"routes": ["en:pt"], "output.unit_rows": 32})
    request = Generation(
        [str(calm[0])], tmp_path / "run", recipe, device="cpu", environment=environment
    )
    for k in (1, 2):
        generate_shard(request, Shard(k, 2))
    assert len(looked) == 1


def test_one_input_may_be_a_string(tmp_path):
    recipe = load_recipe(None, {"routes": ["en:pt"]})
    assert Generation("squad.json", tmp_path, recipe).inputs == ("squad.json",)


def test_a_damaged_unit_is_named_and_made_anew_when_it_is_deleted(
    tmp_path, calm, command, arrow_bytes
):
    run = tmp_path / "run"
    source, undisturbed = calm
    arguments = ["generate", source, "--route", "en:pt", "--unit-rows", 16, "--out", run]
    assert command(*arguments, "--shard", "1/1").code == 0
    path = run / ".work" / "scored" / "00002"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    refused = command(*arguments)
    assert refused.code == 2
    assert "00002: was cut or changed" in refused.err
    path.unlink()
    assert command(*arguments).code == 0
    assert arrow_bytes(run) == arrow_bytes(undisturbed)


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/0", "a/b", "-1/2", "1/2/3", ""])
def test_what_is_no_part_is_refused(text):
    with pytest.raises(RecipeError, match="K/N with K from 1 to N"):
        Shard.parse(text)


@pytest.mark.parametrize(("k", "n"), [(0, 2), (3, 2), (1, 0), (1.0, 2)])
def test_a_shard_is_one_of_its_number(k, n):
    with pytest.raises(RecipeError, match="of a shard is"):
        Shard(k, n)


def test_overwriting_is_not_for_shards(tmp_path, calm, command):
    done = command(
        "generate", calm[0], "--route", "en:pt", "--out", tmp_path / "run",
        "--shard", "1/2", "--overwrite",
    )  # fmt: skip
    assert done.code == 2
    assert "--overwrite and --shard do not go together" in done.err


@given(st.integers(1, 40), st.integers(0, 300))
def test_the_parts_are_all_units_once(n, units):
    parts = [list(Shard(k, n).units(units)) for k in range(1, n + 1)]
    assert sorted(unit for part in parts for unit in part) == list(range(units))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.fixture(scope="module")
def scored(english, tmp_path_factory):
    """Return a unit made for real."""
    from bt_augment.generation import Generation
    from bt_augment.generation.preparation import prepare
    from bt_augment.pairs.schema import batch_from_rows, native_schema
    from bt_augment.recipe import load_recipe

    recipe = load_recipe(None, {"routes": ["en:pt:en", "en:pt"]})
    folder = tmp_path_factory.mktemp("scored")
    prepared = prepare(Generation([str(_written(folder, english))], folder / "run", recipe))
    maker = prepared.work.maker(prepared.models, workers=1)
    rows = [{**row, "group_id": row["id"], "question_lang": "en", "passage_lang": "en"}
            for row in english[:5]]  # fmt: skip
    return maker.make(batch_from_rows(rows, native_schema()), 0)


def _written(folder, rows):
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows[:5]), encoding="utf-8")
    return path


def same(a: ScoredUnit, b: ScoredUnit) -> bool:
    """Tell whether two scored units are the same to the last bit."""
    arrays = [
        (x[name], y[name])
        for x, y in (
            (a.scores, b.scores),
            (a.native_scores, b.native_scores),
            (vars(a.sketches), vars(b.sketches)),
        )
        for name in x.keys() | y.keys()
    ]
    return (
        a.natives.equals(b.natives)
        and a.made.equals(b.made)
        and a.natives.schema == b.natives.schema
        and a.made.schema == b.made.schema
        and all(x.dtype == y.dtype and np.array_equal(x, y, equal_nan=x.dtype.kind == "f")
                for x, y in arrays)
        and (dict(a.not_applicable), a.tokens, a.seconds)
        == (dict(b.not_applicable), b.tokens, b.seconds)
    )  # fmt: skip


def test_a_scored_unit_comes_back_from_bytes_as_it_was(scored):
    assert scored.made.num_rows == 10
    assert any(np.isnan(values).any() for values in scored.scores.values())
    assert same(decode(encode(scored, 0, RUN), 0, RUN), scored)


def test_a_unit_of_no_made_rows_comes_back_too(scored):
    from bt_augment.filtering.duplicates import sketch

    none = replace(
        scored,
        made=scored.made.slice(0, 0),
        scores={name: values[:0] for name, values in scored.scores.items()},
        native_scores={"contamination.question": np.zeros(5, dtype=np.float32)},
        sketches=sketch(scored.made.slice(0, 0)),
    )
    assert same(decode(encode(none, 0, RUN), 0, RUN), none)


def test_bytes_that_were_changed_are_refused_wherever(scored):
    data = encode(scored, 0, RUN)
    for place in (0, 9, 40, len(data) // 2, len(data) - 1):
        changed = bytearray(data)
        changed[place] ^= 0x10
        with pytest.raises(DamagedUnitError):
            decode(bytes(changed), 0, RUN)
    for length in (0, 7, 31, 100, len(data) - 1):
        with pytest.raises(DamagedUnitError):
            decode(data[:length], 0, RUN)


def test_another_units_bytes_are_refused(scored):
    with pytest.raises(DamagedUnitError, match="holds unit 0, not 2"):
        decode(encode(scored, 0, RUN), 2, RUN)


def test_another_runs_unit_is_refused(tmp_path, scored):
    from bt_augment.generation.scored_store import ScoredStore

    ScoredStore(tmp_path, RUN).put(0, scored)
    assert same(ScoredStore(tmp_path, RUN).get(0), scored)
    with pytest.raises(RunFolderError, match=r"is of another run.*Delete the file"):
        ScoredStore(tmp_path, "b" * 64).get(0)


def without_methods(scored):
    place = scored.made.schema.get_field_index("method")
    none = pa.nulls(scored.made.num_rows, pa.string())
    return replace(scored, made=scored.made.set_column(place, "method", none))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (without_methods, "rows without method"),
        (lambda s: replace(s, scores={"no.score": s.scores["fidelity.copy"]}), "no.score"),
        (lambda s: replace(s, scores={"fidelity.copy": s.sketches.keys}), "fidelity.copy"),
        (lambda s: replace(s, sketches=replace(
            s.sketches, passage_index=s.sketches.passage_index + 99)), "sketches"),
        (lambda s: replace(s, sketches=replace(
            s.sketches, keys=s.sketches.keys.astype(np.float64))), "sketches"),
        (lambda s: replace(s, tokens=-1), "tokens"),
        (lambda s: replace(s, seconds=float("nan")), "seconds"),
        (lambda s: replace(s, not_applicable={"en:pt": "many"}), "not_applicable"),
    ],
    ids=["method", "name", "kind", "index", "keys", "tokens", "seconds", "counts"],
)  # fmt: skip
def test_a_made_up_unit_with_a_right_digest_is_refused(scored, change, told):
    with pytest.raises(DamagedUnitError, match=told):
        decode(encode(change(scored), 0, RUN), 0, RUN)


@pytest.mark.parametrize(
    "header",
    [
        {},
        [],
        {"format": 2, "streams": []},
        {"format": 1, "streams": [1, 1, 1]},
        {"format": 1, "streams": [-8, 10**12, 0]},
        {"format": 1, "unit": 0, "run": RUN, "streams": [-8, 10**12, 0]},
    ],
)
def test_a_made_up_header_with_a_right_digest_is_refused(header):
    import hashlib

    written = json.dumps(header).encode()
    body = b"BTASCORE" + len(written).to_bytes(4, "little") + written + b"\xff" * 64
    with pytest.raises(DamagedUnitError):
        decode(body + hashlib.sha256(body).digest(), 0, RUN)


def test_want_of_memory_is_not_told_as_a_damaged_unit(tmp_path, scored, monkeypatch):
    from bt_augment.generation import scored_units
    from bt_augment.generation.scored_store import ScoredStore

    def refuse(*_):
        raise pa.ArrowMemoryError("malloc of size 67108864 failed")

    ScoredStore(tmp_path, RUN).put(0, scored)
    monkeypatch.setattr(scored_units, "_batches", refuse)
    with pytest.raises(MemoryError, match="malloc"):
        ScoredStore(tmp_path, RUN).get(0)


def test_a_link_in_place_of_a_unit_is_not_followed(tmp_path, scored):
    from bt_augment.generation.scored_store import ScoredStore

    store = ScoredStore(tmp_path / "run", RUN)
    store.put(0, scored)
    path = tmp_path / "run" / ".work" / "scored" / "00000"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunFolderError, match="is a symbolic link"):
        store.get(0)


def test_the_file_is_arrow_under_json_and_no_pickle(scored):
    data = encode(scored, 0, RUN)
    length = int.from_bytes(data[8:12], "little")
    header = json.loads(data[12 : 12 + length])
    at, tables = 12 + length, []
    for size in header["streams"]:
        tables.append(pa.ipc.open_stream(data[at : at + size]).read_all())
        at += size
    assert at + 32 == len(data)
    assert tables[1].column("id").to_pylist() == scored.made.column("id").to_pylist()


def test_a_plain_run_may_be_taken_over_by_shards(
    tmp_path, calm, make_run, arrow_bytes, environment
):
    from bt_augment.generation import Generation, generate, generate_shard, writing
    from bt_augment.recipe import load_recipe

    source, undisturbed = calm
    run = tmp_path / "run"
    recipe = load_recipe(None, {"routes": ["en:pt"], "output.unit_rows": 16})
    request = Generation([str(source)], run, recipe, environment=environment, device="cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "judge_unit", _stop_at_second())
        with pytest.raises(KeyboardInterrupt):
            generate(request)
    summary = generate_shard(request, Shard(1, 1))
    assert (summary.units, summary.resumed, summary.run_made) == (4, 1, 4)
    assert sorted(stored(run)) == [1, 2, 3]
    generate(request)
    assert arrow_bytes(run) == arrow_bytes(undisturbed)


def _stop_at_second():
    from bt_augment.generation.units import judge_unit

    calls = []

    def judge(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return judge_unit(*arguments)

    return judge


def test_a_folder_of_shards_of_another_recipe_is_refused(tmp_path, calm, environment):
    from bt_augment.generation import Generation, generate_shard
    from bt_augment.recipe import load_recipe

    source, _ = calm

    def request(route):
        recipe = load_recipe(None, {"routes": [route], "output.unit_rows": 64})
        return Generation([str(source)], tmp_path / "run", recipe, environment=environment)

    generate_shard(request("en:pt"), Shard(1, 2))
    with pytest.raises(RunFolderError, match=r"recipe\.routes was"):
        generate_shard(request("en:pt:en"), Shard(2, 2))
