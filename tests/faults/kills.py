"""Processes of ours that are killed, stopped and waited for."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest


def wait_for(process: Any, condition: Callable[[], Any]) -> None:
    """Wait until the condition holds; fail if the process ends before."""
    while not condition():
        if process.poll() is not None:
            pytest.fail(f"the run ended with {process.returncode}: {process.stderr.read()}")
        time.sleep(0.01)


def end(process: Any) -> None:
    """Kill a process of ours and let go of its pipes."""
    process.kill()
    process.communicate(timeout=60)


def journal_lines(run: Path) -> list[bytes]:
    """Return the whole lines of the journal of an unfinished run."""
    path = run / ".work" / "journal.jsonl"
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


def killed_after(
    command: Any, arguments: Any, seconds: float, since: Callable[[], Any] | None = None
) -> bool:
    """Start the command and kill it; return whether it had not ended by then.

    Args:
        command: the fixture.
        arguments: of the command.
        seconds: to wait.
        since: when to begin to wait; None is at once.
    """
    process = command.start(*arguments)
    while since is not None and not since() and process.poll() is None:
        time.sleep(0.002)
    landed = False
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        landed = True
    _, err = process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGKILL), err
    return landed and process.returncode != 0


def kill_until_done(
    command: Any,
    arguments: Any,
    run: Path,
    kills: int,
    moments: Callable[[], float],
    units: Callable[[], int] = lambda: 0,
) -> tuple[list[bytes], int]:
    """Start the command ``kills`` times and kill it; then let it finish.

    Args:
        command: the fixture.
        arguments: of the command.
        run: the run folder.
        kills: how many.
        moments: gives the seconds before a kill.
        units: gives how many the journal has when those seconds begin.

    Returns:
        The units that were in the journal at the last kill, and how often a kill came in time.
    """
    done: list[bytes] = []
    landed = 0
    for _ in range(kills):
        since = partial(_has_units, run, units())
        in_time = killed_after(command, arguments, moments(), since)
        landed += in_time
        if not in_time:
            break
        after = journal_lines(run)
        assert after[: len(done)] == done, "a finished unit was made again"
        done = after
    finished = command(*arguments, "--json")
    assert finished.code == 0, finished.err
    if in_time:
        assert finished.json["resumed_units"] == len(done)
    return done, landed


def _has_units(run: Path, count: int) -> bool:
    return len(journal_lines(run)) >= count
