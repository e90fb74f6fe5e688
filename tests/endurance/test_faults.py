"""Disks that fill, folders that go, clocks that jump, bits that flip, models that rot."""

import json
import os
import re
import shutil
import signal
import time
from pathlib import Path

import pytest
from clocks import jumping_clock, libfaketime
from disks import enlarge, small_disk, unprivileged
from jobs import contents
from kills import journal_lines, killed_after

from bt_augment.errors import BtAugmentError, RunFolderError

pytestmark = pytest.mark.endurance

JOBS = ["generate", "filter", "export", "train"]


def said(outcome, *words):
    assert outcome.code == 2, (outcome.code, outcome.err)
    assert "Traceback" not in outcome.err
    assert any(word in outcome.err for word in words), outcome.err


@pytest.mark.parametrize("name", JOBS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.95])
def test_a_disk_that_fills_stops_it_and_it_goes_on_when_there_is_space(
    jobs, patient, draw, tmp_path, name, share
):
    job = jobs[name]
    needed = sum(-(-p.stat().st_size // 4096) * 4 for p in job.calm.rglob("*") if p.is_file())
    kib = max(40, int(needed * share * draw.uniform(0.9, 1.1)))
    with small_disk(tmp_path / "disk", kib) as disk:
        out = disk / "out"
        first = patient(*job.to(out))
        assert first.code in (0, 2), first.err  # 0: checkpoints of a training make its disk full
        if first.code == 2:
            said(first, "full", "cannot be written", "refused")
        assert "Traceback" not in first.err
        kept = journal_lines(out)
        enlarge(disk)
        done = patient(*job.to(out), "--json")
        assert done.code == 0, done.err
        if name == "generate" and first.code == 2:
            assert done.json["resumed_units"] == len(kept)
        job.check(out)


@pytest.mark.parametrize("name", JOBS)
def test_a_folder_that_becomes_read_only_stops_it_and_it_goes_on(
    jobs, patient, draw, tmp_path, stopped, name
):
    job, out = jobs[name], tmp_path / "place" / "out"
    out.parent.mkdir()
    process = patient.start(*job.to(out), prefix=unprivileged())
    stopped.append(process)
    folders = _stop_at_work(process, job, out, draw)
    for folder in folders:
        folder.chmod(0o555)
    try:
        process.send_signal(signal.SIGCONT)
        _, err = process.communicate(timeout=600)
    finally:
        for folder in folders:
            if folder.exists():
                folder.chmod(0o755)
    assert process.returncode in (0, 2), err
    assert "Traceback" not in err
    if process.returncode == 2:
        # SQLite calls a journal that it may not remove an I/O error.
        told = ("permission denied", "readonly", "refused", "read-only", "folder is writable")
        assert any(word in err for word in told), err
    _go_on(job, patient, out)


@pytest.mark.parametrize("name", JOBS)
def test_a_folder_that_disappears_stops_it_and_come_back_it_goes_on(
    jobs, patient, draw, tmp_path, stopped, name
):
    job, out = jobs[name], tmp_path / "place" / "out"
    out.parent.mkdir()
    process = patient.start(*job.to(out))
    stopped.append(process)
    _stop_at_work(process, job, out, draw)
    away = tmp_path / "away"
    (out.parent).rename(away)
    process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=600)
    assert process.returncode in (0, 2), err
    assert "Traceback" not in err
    if out.parent.exists():  # torch makes a folder that is gone, until that is noticed
        assert name == "train"
        assert not (out / "training_manifest.json").exists()
        shutil.rmtree(out.parent)
    away.rename(out.parent)
    _go_on(job, patient, out)


def _stop_at_work(process, job, out, draw):
    """Stop a process at a random moment after it began; return the folders it writes into."""
    while not job.begun(out) and process.poll() is None:
        time.sleep(0.001)
    time.sleep(draw.uniform(0, job.seconds * 0.3))
    process.send_signal(signal.SIGSTOP)
    found = [path for path in out.parent.rglob("*") if path.is_dir()]
    return [out.parent, *found]


def _go_on(job, patient, out):
    done = patient(*job.to(out), "-q")
    assert done.code == 0, done.err
    job.check(out)


# The clock of Python alone, to be had anywhere; what durations are taken by must be another one.
JUMPING = (
    "import random, time\n"
    "real, real_ns = time.time, time.time_ns\n"
    "jump = lambda: random.choice((-10, 0, 10)) * 31_536_000\n"
    "time.time = lambda: max(0.0, real() + jump())\n"
    "time.time_ns = lambda: max(0, real_ns() + jump() * 10**9)\n"
    "from bt_augment.cli.main import main; main()"
)


@pytest.mark.parametrize("name", JOBS)
def test_a_clock_that_jumps_by_years_changes_nothing(jobs, patient, tmp_path, name):
    job, out = jobs[name], tmp_path / "out"
    done = patient(*job.to(out), program=JUMPING)
    _untroubled(job, out, done)


@pytest.mark.parametrize("name", JOBS)
def test_a_clock_that_jumps_beneath_all_libraries_changes_nothing(
    jobs, patient, draw, tmp_path, name
):
    library = libfaketime()
    if library is None:
        pytest.skip("needs Debian's package libfaketime")
    job, out = jobs[name], tmp_path / "out"
    with jumping_clock(library, tmp_path, draw) as prefix:
        done = patient(*job.to(out), prefix=prefix)
    _untroubled(job, out, done)


def _untroubled(job, out, done):
    assert done.code == 0, done.err
    assert not re.search(r"-\d[\d,]* (rows/s|s left)", done.err)
    job.check(out)
    _sane_times(out)


def _sane_times(out):
    for name in ("manifest.json", "training_manifest.json"):
        if (out / name).exists():
            content = json.loads((out / name).read_text())
            parts = [content, content.get("totals", {}), *content.get("units", ())]
            assert all(0 <= part.get("seconds", 0) < 3600 for part in parts)


def test_one_flipped_bit_of_a_shard_is_named_by_all_who_would_use_it(many_units, draw, tmp_path):
    from bt_augment.generation import refilter
    from bt_augment.generation.lexicon_induction import induce_lexicon
    from bt_augment.generation.refiltering import stored_recipe
    from bt_augment.reporting import write_report
    from bt_augment.shards.exporting import export
    from bt_augment.shards.publishing import Terms, dry_run
    from bt_augment.shards.verification import verify
    from bt_augment.training.aligned_rows import read_rows

    run = Path(shutil.copytree(many_units[1], tmp_path / "run"))
    acts = {
        "filter": lambda: refilter(run, tmp_path / "filtered", stored_recipe(run), overwrite=True),
        "export": lambda: export(run, tmp_path / "exported", "squad"),
        "publish": lambda: dry_run(run, Terms("me/qa"), tmp_path / "dry"),
        "report": lambda: write_report([str(run)], tmp_path / "report.html"),
        "train": lambda: read_rows([run]),
        "lexicon": lambda: induce_lexicon(run, "en", "pt", tmp_path / "en-pt.txt"),
    }
    shards = sorted(run.glob("*/*.arrow"))
    for _ in range(40):
        shard = draw.choice(shards)
        content = bytearray(shard.read_bytes())
        place, bit = draw.randrange(len(content)), draw.randrange(8)
        content[place] ^= 1 << bit
        shard.write_bytes(content)
        problems = verify(run).problems
        assert problems, (shard, place, bit)
        assert all(problem.startswith(f"{shard.parent.name}/{shard.name}") for problem in problems)
        for name, act in acts.items():
            if name in ("export", "train") and shard.parent.name == "rejected":
                continue  # they read accepted rows alone
            with pytest.raises(BtAugmentError, match=shard.name):
                act()
        content[place] ^= 1 << bit
        shard.write_bytes(content)
    assert verify(run).problems == ()
    refilter(run, tmp_path / "filtered", stored_recipe(run), overwrite=True)
    assert verify(tmp_path / "filtered").problems == ()


def test_a_truncated_manifest_is_named_and_harms_nothing(many_units, draw, command, tmp_path):
    from bt_augment.shards.manifest import read_manifest
    from bt_augment.shards.verification import verify

    source, whole = many_units
    run = Path(shutil.copytree(whole, tmp_path / "run"))
    path = run / "manifest.json"
    content = path.read_bytes()
    lengths = [0, 1, len(content) - 2, *(draw.randrange(len(content) - 1) for _ in range(30))]
    for length in lengths:
        path.write_bytes(content[:length])
        with pytest.raises(RunFolderError, match=r"manifest\.json: damaged at"):
            read_manifest(run)
    again = ("generate", source, "--route", "en:pt:en", "--route", "en:pt", "--unit-rows", 2)
    said(command(*again, "--out", run), "manifest.json: damaged at")
    for name in ("verify", "inspect"):
        said(command(name, run), "manifest.json: damaged at")
    path.write_bytes(content)
    assert verify(run).problems == ()
    assert command(*again, "--out", run, "-q").code == 0


@pytest.mark.parametrize(
    "same_time", [False, True], ids=["written", "written, and its time set back"]
)
def test_a_model_that_rots_between_two_runs_is_seen_and_made_good_it_goes_on(
    many_units, command, draw, tmp_path, same_time
):
    from bt_augment.translation.models import ModelCatalog

    source, _ = many_units
    whole = ModelCatalog(tmp_path / "cache").resolve("bundled:mini", "en", "pt").folder
    model = Path(shutil.copytree(whole, tmp_path / "model"))
    arguments = ("generate", source, "--route", "en:pt", "--unit-rows", 2, "--model", model)
    calm, run = tmp_path / "calm", tmp_path / "run"
    assert command(*arguments, "--out", calm, "-q").code == 0
    # Given a run that was killed in the middle
    begun = lambda: len(journal_lines(run)) > 2  # noqa: E731 - a condition to wait for
    assert killed_after(command, (*arguments, "--out", run), 0, begun)
    kept = journal_lines(run)
    # When one bit of the weights flips after the fingerprint was taken
    weights = model / "model.bin"
    before, times = weights.read_bytes(), weights.stat()
    damaged = bytearray(before)
    damaged[draw.randrange(len(damaged) // 2, len(damaged))] ^= 1 << draw.randrange(8)
    weights.write_bytes(damaged)
    if same_time:
        os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))
    # Then the run does not go on with it
    said(command(*arguments, "--out", run), "models.en:pt.fingerprint was")
    assert journal_lines(run) == kept
    # And with the model made good it ends as if nothing had happened
    weights.write_bytes(before)
    assert command(*arguments, "--out", run, "-q").code == 0
    assert contents(run).keys() == contents(calm).keys()
    for path in calm.glob("*/*.arrow"):
        assert (run / path.parent.name / path.name).read_bytes() == path.read_bytes()
    assert command("verify", run).code == 0
