"""A hundred SIGKILLs at random moments, and signals that ask."""

import random
import signal
import time

import pytest
from kills import journal_lines, killed_after

pytestmark = pytest.mark.endurance


def progress_of(job, out):
    """Return what must never be lost again: units in the journal, or the last whole checkpoint."""
    if job.name == "train":
        marks = (out / "training").glob("checkpoint-*/complete")
        return max((int(mark.parent.name.split("-")[1]) for mark in marks), default=0)
    return journal_lines(out)


def nothing_lost(job, out, before):
    after = progress_of(job, out)
    if (out / "manifest.json").exists() or (out / "training_manifest.json").exists():
        return after  # done: what only an unfinished one needs is gone
    if job.name == "train":
        assert after >= before
    else:
        assert after[: len(before)] == before
    return after


@pytest.mark.parametrize("name", ["generate", "filter", "export", "train"])
def test_killed_at_random_moments_it_ends_as_if_nothing_had_happened(
    jobs, patient, command, kills, draw, tmp_path, name
):
    job, rounds = jobs[name], 0
    wanted, landed = kills(name), 0
    while landed < wanted:
        out = tmp_path / f"out-{rounds}"
        rounds += 1
        assert rounds <= 3 * wanted, "the command is over before a kill can come"
        before = progress_of(job, out)
        while landed < wanted:
            # Half of the moments are after it began to write: starting up takes most of the time.
            late = draw.random() < 0.5
            seconds = draw.uniform(0, job.seconds * (0.5 if late else 1.2))
            since = (lambda: job.begun(out)) if late else None  # noqa: B023 - called at once
            in_time = killed_after(patient, job.to(out), seconds, since)
            if name == "export" and out.exists():
                job.check(out)  # whole, or not there
            before = nothing_lost(job, out, before)
            if not in_time:
                break
            landed += 1
        done = patient(*job.to(out), "-q")
        assert done.code == 0, done.err
        job.check(out)
        if name in ("generate", "filter"):
            assert command("verify", out).code == 0


@pytest.mark.parametrize("name", ["generate", "filter", "train"])
@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGTERM, 143, "ended: "), (signal.SIGINT, 130, "interrupted: ")],
)
def test_told_to_end_it_says_how_to_go_on_and_does(
    jobs, patient, draw, tmp_path, name, number, code, word
):
    job, out = jobs[name], tmp_path / "out"
    for attempt in range(20):
        process = patient.start(*job.to(out))
        while not job.begun(out) and process.poll() is None:
            time.sleep(0.002)
        time.sleep(draw.uniform(0, job.seconds * 0.4))
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        # Python gives the signals their old meaning as it leaves: the work is done by then.
        assert process.returncode in (0, code, -number), (attempt, err)
        if process.returncode == code:
            break
        if process.returncode == -number:
            job.check(out)
        out = tmp_path / f"out-{attempt}"
    assert word in err
    assert "run the same command" in err
    assert ("--resume" in err) == (name == "train")
    assert "Traceback" not in err
    assert patient(*job.to(out), "-q").code == 0
    job.check(out)


@pytest.mark.parametrize("name", ["generate", "filter", "export", "train"])
def test_of_two_processes_on_one_folder_the_second_is_refused(
    jobs, patient, tmp_path, stopped, name
):
    job, out = jobs[name], tmp_path / "out"
    first = patient.start(*job.to(out))
    stopped.append(first)
    while not job.begun(out) and first.poll() is None:
        time.sleep(0.001)
    first.send_signal(signal.SIGSTOP)
    if first.poll() is not None or _is_done(out):
        pytest.skip("too quick to be stopped on this machine")
    second = patient(*job.to(out))
    assert second.code == 2, second.err
    assert "another process" in second.err
    first.send_signal(signal.SIGCONT)
    _, err = first.communicate(timeout=600)
    assert first.returncode == 0, err
    job.check(out)


def _is_done(out):
    names = ("manifest.json", "training_manifest.json", "export.json")
    return any((out / name).exists() for name in names)


@pytest.mark.parametrize("name", ["generate", "filter", "export"])
def test_started_at_once_three_processes_harm_nothing(
    jobs, patient, draw: random.Random, tmp_path, name
):
    job = jobs[name]
    for attempt in range(3):
        out = tmp_path / f"out-{attempt}"
        processes = []
        for _ in range(3):
            processes.append(patient.start(*job.to(out)))
            time.sleep(draw.uniform(0, 0.3))
        told = [process.communicate(timeout=600)[1] for process in processes]
        codes = [process.returncode for process in processes]
        assert 0 in codes, told
        assert set(codes) <= {0, 2}, told
        assert not any("Traceback" in err for err in told), told
        job.check(out)
