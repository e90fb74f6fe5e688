"""A run that is killed and started again ends as if nothing had happened."""

import gzip
import json
import os
import random
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from kills import end, journal_lines, kill_until_done, wait_for

from bt_augment.errors import InputError, RunFolderError
from bt_augment.filtering.duplicates import DuplicateIndex, sketch
from bt_augment.pairs.schema import batch_from_rows, made_schema

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
ROUTES = ("--route", "en:pt:en", "--route", "en:pt")


def without_seconds(run):
    manifest = json.loads((run / "manifest.json").read_text())
    for part in (manifest["totals"], *manifest["units"]):
        del part["seconds"]
    return manifest


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_bytes(
    tmp_path, finished, data, command, arrow_bytes
):
    run = tmp_path / "run"
    seed = int(os.environ.get("BT_AUGMENT_KILL_SEED", "20240607"))
    draw = random.Random(seed)
    arguments = ["generate", data / "en" / "qa.json", *ROUTES, "--unit-rows", 32, "--out", run]
    # Up to the first unit takes about a second; a whole run about four.
    done, landed = kill_until_done(command, arguments, run, 3, lambda: draw.uniform(0.3, 3.0))
    assert landed, f"no kill came before the run was done (seed {seed})"
    assert arrow_bytes(run) == arrow_bytes(finished), f"seed {seed}"
    assert without_seconds(run) == without_seconds(finished)
    # ``seconds`` would differ had a unit of the journal been made again.
    units = json.loads((run / "manifest.json").read_text())["units"]
    assert [json.loads(line)["entry"] for line in done] == units[: len(done)]
    assert command("verify", run).code == 0
    assert not (run / ".work").exists()
    assert not list(run.rglob("*.tmp"))


@pytest.mark.slow
def test_two_thousand_pairs_survive_twenty_kills(tmp_path, english, command, arrow_bytes):
    source = tmp_path / "pairs.jsonl"
    pairs = (
        list(_squadshifts(2000))
        or [
            {**row, "id": f"{row['id']}-{copy}", "question": f"{row['question'][:-1]} ({copy})?"}
            for copy in range(9)
            for row in english
        ][:2000]
    )
    source.write_text("".join(json.dumps(pair) + "\n" for pair in pairs), encoding="utf-8")
    common = ["generate", source, "--route", "en:pt:en", "--unit-rows", 64]
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    started = time.monotonic()
    assert command(*common, "--out", calm).code == 0
    unit = (time.monotonic() - started) / 32
    # Moments follow what is written, not the clock alone: a machine changes its pace.
    draw = random.Random(20)
    written = iter(sorted(draw.randrange(24) for _ in range(20)))
    _, landed = kill_until_done(
        command,
        [*common, "--out", killed],
        killed,
        20,
        lambda: draw.uniform(0, 3 * unit),
        units=lambda: next(written),
    )
    assert landed == 20
    assert arrow_bytes(killed) == arrow_bytes(calm)
    assert without_seconds(killed) == without_seconds(calm)


def _squadshifts(count):
    path = SHARED / "squadshifts-new-wiki" / "new_wiki_v1.0.json.gz"
    if not path.is_file():
        return
    with gzip.open(path, "rt", encoding="utf-8") as file:
        articles = json.load(file)["data"]
    pairs = (
        {"id": qa["id"], "question": qa["question"], "passage": paragraph["context"],
         "answers": [{"text": a["text"], "start": a["answer_start"]} for a in qa["answers"]]}
        for article in articles
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    )  # fmt: skip
    for pair, _ in zip(pairs, range(count), strict=False):
        yield pair


def test_a_second_process_is_refused_and_an_interrupted_run_goes_on(
    tmp_path, calm, command, arrow_bytes
):
    run = tmp_path / "run"
    source, undisturbed = calm
    arguments = ["generate", source, "--route", "en:pt", "--unit-rows", 16, "--out", run]
    process = command.start(*arguments)
    try:
        wait_for(process, lambda: (run / "run.json").exists())
        process.send_signal(signal.SIGSTOP)  # else a fast machine is done before the second asks
        second = command(*arguments)
        process.send_signal(signal.SIGCONT)
        assert second.code == 2
        assert "another process is writing this run" in second.err
        assert "Traceback" not in second.err
        wait_for(process, lambda: journal_lines(run))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        end(process)
    assert process.returncode == 130
    assert "run the same command again to go on" in err
    assert "Traceback" not in err
    kept = len(journal_lines(run))

    resumed = command(*arguments, "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.json["resumed_units"] == kept >= 1
    assert arrow_bytes(run) == arrow_bytes(undisturbed)


_INGEST = """
import sys
from pathlib import Path
from bt_augment.generation.ingestion import ingest
from bt_augment.progress import Silent
from bt_augment.pairs.readers import InputSettings
from bt_augment.shards.run_folder import RunFolder

folder = RunFolder(Path(sys.argv[2]))
folder.path.joinpath(".work").mkdir(parents=True, exist_ok=True)
folder.path.joinpath("run.json").touch()
ingest(folder, [sys.argv[1]], InputSettings(lang="en"), 250, Silent())
"""


def test_killed_while_it_reads_it_reads_the_same_again(tmp_path, english, write_rows, command):
    rows = [
        {**row, "id": f"{row['id']}-{copy}", "question": f"{row['question']} {copy}"}
        for copy in range(13)
        for row in english
    ]
    broken = ["{broken", json.dumps({"question": 3, "passage": "A number for a question."})]
    source = write_rows([*rows[:1000], *broken, *rows[1000:], broken[0]])

    def start(out):
        return command.start(source, out, program=_INGEST)

    calm, killed = tmp_path / "calm", tmp_path / "killed"
    process = start(calm)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    for units in (1, 4, 9):
        process = start(killed)
        last = killed / ".work" / f"natives-{units:05d}.arrow"
        last.unlink(missing_ok=True)
        wait_for(process, last.exists)
        process.send_signal(signal.SIGKILL)
        end(process)
        assert not (killed / ".work" / "ingested.json").exists()
        assert not (killed / "quarantine.jsonl").exists()
    process = start(killed)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err

    assert _ingested(killed) == _ingested(calm)
    assert len((calm / "quarantine.jsonl").read_text().splitlines()) == 3


def _ingested(run):
    files = {p.name: p.read_bytes() for p in (run / ".work").glob("*.arrow")}
    index = _index_rows(run / ".work" / "duplicates.sqlite")
    return (
        files,
        index,
        (run / ".work" / "ingested.json").read_bytes(),
        (run / "quarantine.jsonl").read_bytes(),
    )


def _index_rows(path):
    with closing(sqlite3.connect(path)) as database:
        return [
            database.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            for table in ("rows", "passages", "bands")
        ]


def brief(rows):
    """Return rows with two sentences for a passage: it is not the translation that is tested."""
    return [{**row, "passage": ". ".join(row["passage"].split(". ")[:2])} for row in rows]


STEPS = (
    "write_shard",
    "DuplicateIndex.add",
    "Journal.append",
    "finish",
    "write_card",
    "write_manifest",
    "discard_work",
)


class _Crash(BaseException):
    """Ends the process's work as nothing the code expects would."""


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_around_any_step_of_a_unit_leaves_the_same_bytes(
    tmp_path, english, write_rows, make_run, arrow_bytes, calm_small_run, step, when
):
    from bt_augment.filtering.duplicates import DuplicateIndex
    from bt_augment.generation import writing
    from bt_augment.shards.journal import Journal
    from bt_augment.shards.run_folder import RunFolder

    owner, name = {
        "DuplicateIndex.add": (DuplicateIndex, "add"),
        "Journal.append": (Journal, "append"),
        "discard_work": (RunFolder, "discard_work"),
    }.get(step, (writing, step))
    real = getattr(owner, name)
    made = [0]

    def crash(*arguments, **named):
        # Native rows are indexed in negative units; the crash is to come among the made ones.
        counts = name != "add" or arguments[1] >= 0
        made[0] += counts
        last = counts and made[0] == (1 if step in STEPS[3:] else 2)
        if last and when == "before":
            raise _Crash
        result = real(*arguments, **named)
        if last:
            raise _Crash
        return result

    run, source = tmp_path / "run", write_rows(brief(english[:6]))
    settings = ("output.unit_rows=2", "filters.question_answering.answer.enabled=false")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, crash)
        with pytest.raises(_Crash):
            make_run(run, source, *settings)
    make_run(run, source, *settings)
    assert arrow_bytes(run) == arrow_bytes(calm_small_run)
    assert without_seconds(run)["units"] == without_seconds(calm_small_run)["units"]


def _flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _stop_after_two_units(run, source, settings, make_run):
    from bt_augment.shards.journal import Journal

    real = Journal.append

    def crash(journal, entry):
        real(journal, entry)
        if entry.unit == 1:
            raise _Crash

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "append", crash)
        with pytest.raises(_Crash):
            make_run(run, source, *settings)


SMALL = ("output.unit_rows=2", "filters.question_answering.answer.enabled=false")


@pytest.mark.parametrize(
    "damage",
    [
        _flip_a_bit,
        lambda path: path.unlink(),
        pytest.param(lambda path: os.truncate(path, 100), marks=pytest.mark.slow),
    ],
    ids=["flipped", "lost", "cut"],
)
@pytest.mark.parametrize("split", ["train", "rejected"])
def test_a_shard_damaged_before_the_run_goes_on_is_made_again(
    tmp_path, english, write_rows, make_run, arrow_bytes, calm_small_run, caplog, damage, split
):
    run, source = tmp_path / "run", write_rows(brief(english[:6]))
    _stop_after_two_units(run, source, SMALL, make_run)
    damage(run / split / "data-00000-of-00003.arrow")
    summary = make_run(run, source, *SMALL)
    assert summary.resumed == 1
    assert "unit 0: a shard was changed since it was written; made again" in caplog.text
    assert arrow_bytes(run) == arrow_bytes(calm_small_run)
    assert without_seconds(run)["units"] == without_seconds(calm_small_run)["units"]


def _index_of_another_run(path):
    path.unlink()
    natives = batch_from_rows([], made_schema())
    with DuplicateIndex(path, "another") as index:
        for unit in range(-3, 2):
            index.add(unit, sketch(natives), [])


def _rotten_index(path):
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE rows SET key = key + 1")


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        pytest.param(lambda path: path.write_bytes(b""), marks=pytest.mark.slow),
        pytest.param(lambda path: path.write_bytes(b"noise" * 4096), marks=pytest.mark.slow),
        _index_of_another_run,
        _rotten_index,
    ],
)
def test_a_lost_index_of_duplicates_is_made_again(
    tmp_path, english, write_rows, make_run, arrow_bytes, damage
):
    # Given rows of which later units repeat earlier ones
    rows = [{**row, "id": f"{n}"} for n, row in enumerate(brief(english[:2]) * 3)]
    source = write_rows(rows)
    make_run(tmp_path / "calm", source, *SMALL)
    run = tmp_path / "run"
    _stop_after_two_units(run, source, SMALL, make_run)

    damage(run / ".work" / "duplicates.sqlite")
    make_run(run, source, *SMALL)
    assert without_seconds(run)["totals"]["reasons"]["duplicates.exact.high"] >= 4
    assert arrow_bytes(run) == arrow_bytes(tmp_path / "calm")
    assert without_seconds(run)["units"] == without_seconds(tmp_path / "calm")["units"]


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (".work/natives-00002.arrow", _flip_a_bit),
        (".work/natives-00002.arrow", lambda path: path.unlink()),
        (".work/natives-00002.arrow", lambda path: os.truncate(path, 20)),
        (".work/natives-00002.arrow", lambda path: path.write_bytes(
            path.with_name("natives-00001.arrow").read_bytes())),
        (".work/ingested.json", lambda path: path.write_text(
            path.read_text().replace('"units":3', '"units":2'))),
        (".work/ingested.json", lambda path: path.write_text("{}")),
        ("quarantine.jsonl", lambda path: path.unlink()),
        ("quarantine.jsonl", lambda path: path.write_text("")),
    ],
)  # fmt: skip
def test_what_was_read_and_changed_since_is_named_and_not_used(
    tmp_path, english, write_rows, make_run, name, damage
):
    run, source = tmp_path / "run", write_rows([*brief(english[:6]), "{broken"])
    _stop_after_two_units(run, source, SMALL, make_run)
    before = (run / name).read_bytes()
    damage(run / name)
    assert not (run / name).exists() or (run / name).read_bytes() != before
    with pytest.raises(RunFolderError, match=rf"{Path(name).name}: .*the input is read again"):
        make_run(run, source, *SMALL)
    assert not (run / "manifest.json").exists()


def test_rows_of_another_run_are_named_and_not_used(tmp_path, english, write_rows, make_run):
    runs = [tmp_path / name for name in ("run", "other")]
    for place, run in enumerate(runs):
        rows = brief(english[6 * place : 6 * place + 6])
        _stop_after_two_units(run, write_rows(rows, f"{run.name}.jsonl"), SMALL, make_run)
    ours, theirs = (run / ".work" / "natives-00002.arrow" for run in runs)
    ours.write_bytes(theirs.read_bytes())
    with pytest.raises(RunFolderError, match=r"natives-00002\.arrow: .*the input is read again"):
        make_run(runs[0], tmp_path / "run.jsonl", *SMALL)


def test_an_input_that_changes_while_it_is_read_is_refused(
    tmp_path, english, write_rows, make_run, monkeypatch
):
    from bt_augment.generation import ingestion

    run, source = tmp_path / "run", write_rows(english[:4])
    real = ingestion.read

    def read(*arguments):
        write_rows(english[4:9])
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(ingestion, "read", read)
        with pytest.raises(InputError, match="was changed while it was read"):
            make_run(run, source, routes=("en:pt",))
    assert make_run(run, source, routes=("en:pt",)).totals.native == 5


def test_a_changed_line_of_the_journal_is_named_and_costs_its_unit_alone(
    tmp_path, english, write_rows, make_run, arrow_bytes, calm_small_run
):
    run, source = tmp_path / "run", write_rows(brief(english[:6]))
    _stop_after_two_units(run, source, SMALL, make_run)
    journal = run / ".work" / "journal.jsonl"
    first, second = journal.read_text().splitlines(keepends=True)
    journal.write_text(first.replace('"rows":2', '"rows":3') + second)
    with pytest.raises(RunFolderError, match=r"journal\.jsonl, line 1: is not"):
        make_run(run, source, *SMALL)
    journal.write_text("")  # as the message says
    make_run(run, source, *SMALL)
    assert arrow_bytes(run) == arrow_bytes(calm_small_run)
    assert without_seconds(run)["units"] == without_seconds(calm_small_run)["units"]


def test_the_journal_of_another_run_is_not_taken_for_this_ones(
    tmp_path, english, write_rows, make_run, arrow_bytes, calm_small_run
):
    run, source = tmp_path / "run", write_rows(brief(english[:6]))
    other = tmp_path / "other"
    _stop_after_two_units(run, source, SMALL, make_run)
    _stop_after_two_units(other, source, [*SMALL, "translation.decoding.beam_size=2"], make_run)
    journal = run / ".work" / "journal.jsonl"
    journal.write_bytes((other / ".work" / "journal.jsonl").read_bytes())
    with pytest.raises(RunFolderError, match=r"line 1: is not the entry of a unit that this run"):
        make_run(run, source, *SMALL)
    journal.write_text("")  # as the message says
    make_run(run, source, *SMALL)
    assert arrow_bytes(run) == arrow_bytes(calm_small_run)


def test_a_unit_that_comes_out_otherwise_when_made_again_is_refused(
    tmp_path, english, write_rows, make_run
):
    run, source = tmp_path / "run", write_rows(brief(english[:6]))
    _stop_after_two_units(run, source, SMALL, make_run)
    from bt_augment.shards.journal import Journal
    from bt_augment.shards.run_folder import RunFolder

    old = Journal(run / ".work" / "journal.jsonl", RunFolder(run).run_sha256())
    old.path.unlink()
    new = Journal(old.path, old.run)
    shard = old.units[0].files["train"].model_copy(update={"sha256": "0" * 64})
    files = {**old.units[0].files, "train": shard}
    for entry in (old.units[0].model_copy(update={"files": files}), *old.units[1:]):
        new.append(entry)
    with pytest.raises(RunFolderError, match="unit 0 was damaged, and made again"):
        make_run(run, source, *SMALL)


@pytest.fixture(scope="module")
def calm_small_run(tmp_path_factory, english, make_run):
    folder = tmp_path_factory.mktemp("calm")
    source = folder / "pairs.jsonl"
    source.write_text(
        "".join(json.dumps(row) + "\n" for row in brief(english[:6])), encoding="utf-8"
    )
    make_run(
        folder / "run",
        source,
        "output.unit_rows=2",
        "filters.question_answering.answer.enabled=false",
    )
    return folder / "run"


def test_a_run_does_not_go_on_against_another_benchmark(tmp_path, english, write_rows, make_run):
    benchmark = tmp_path / "benchmark"
    benchmark.mkdir()
    (benchmark / "queries.jsonl").write_text('{"text": "Who else?"}\n')
    (benchmark / "corpus.jsonl").write_text('{"text": "Nobody but he."}\n')
    (benchmark / "notes.txt").write_text("is not read")
    arguments = (tmp_path / "run", write_rows(english[:2]))
    make_run(*arguments, decontaminate={"b": str(benchmark)})
    (benchmark / "notes.txt").write_text("is still not read")
    make_run(*arguments, decontaminate={"b": str(benchmark)})
    (benchmark / "queries.jsonl").write_text('{"text": "Who is it?"}\n')
    with pytest.raises(RunFolderError, match=r"benchmarks\.b\.1\.sha256 was"):
        make_run(*arguments, decontaminate={"b": str(benchmark)})


@pytest.fixture
def hub(monkeypatch, english):
    """Stand in for a hub with one data set; ``newest`` is its commit, None that it is down."""
    import datasets
    import huggingface_hub

    state = SimpleNamespace(newest="a" * 40, read=[])

    def look_up(client, name, revision=None):
        if state.newest is None:
            raise ConnectionError("no route to host")
        return SimpleNamespace(sha=state.newest)

    def load(name, config, *, split, revision, streaming):
        state.read.append(revision)
        return datasets.Dataset.from_list(english[:6]).to_iterable_dataset()

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", look_up)
    monkeypatch.setattr(datasets, "get_dataset_split_names", lambda *a, **k: ["train"])
    monkeypatch.setattr(datasets, "load_dataset", load)
    return state


@pytest.mark.parametrize("later", ["b" * 40, None], ids=["another commit", "offline"])
def test_a_run_on_a_hub_data_set_goes_on_with_the_commit_it_began_with(
    tmp_path, make_run, hub, later
):
    run, source = tmp_path / "run", Path("someone/qa")
    _stop_after_two_units(run, source, SMALL, make_run)
    hub.newest = later
    assert make_run(run, source, *SMALL).resumed == 2
    assert json.loads((run / "run.json").read_text())["inputs"][0]["revision"] == "a" * 40
    assert set(hub.read) == {"a" * 40}
