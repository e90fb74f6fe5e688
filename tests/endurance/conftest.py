"""Endurance: kills and faults at random moments. ``make test-endurance``, or with draws of yours:

pytest tests/endurance -m endurance --seed 7 --kills 300
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from jobs import Job

# Of the kills, how many in a hundred go to each command.
SHARES = {"generate": 35, "filter": 20, "export": 15, "train": 30}
# And of the calls that fail, of which there are half as many.
CALLS = {"generate": 25, "filter": 20, "export": 15, "report": 10, "verify": 10, "train": 20}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("endurance")
    group.addoption("--seed", type=int, default=1, help="of the random moments (default: 1)")
    group.addoption(
        "--kills",
        type=int,
        default=100,
        help="SIGKILLs in all, and twice the system calls that fail (default: 100)",
    )


def pytest_report_header(config: pytest.Config) -> str:
    return f"endurance: --seed {seed_of(config)} --kills {kills_of(config)}"


def seed_of(config: pytest.Config) -> int:
    return int(config.getoption("--seed", default=1))


def kills_of(config: pytest.Config) -> int:
    return int(config.getoption("--kills", default=100))


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> random.Random:
    """Return the draws of one test; a failure names the seed in the report's header."""
    return random.Random(f"{seed_of(request.config)} {request.node.name}")


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> Callable[[str], int]:
    """Return how often a command is to be killed."""
    total = kills_of(request.config)
    return lambda name: max(1, round(total * SHARES[name] / 100))


@pytest.fixture
def faults(request: pytest.FixtureRequest) -> Callable[[str], int]:
    """Return how many system calls of a command are to fail."""
    total = kills_of(request.config) / 2
    return lambda name: max(1, round(total * CALLS[name] / 100))


@pytest.fixture(scope="session")
def patient(command: Any, environment: dict[str, str]) -> Any:
    """Return the command with one thread for torch, so that weights are the same each time."""
    return type(command)({**environment, "OMP_NUM_THREADS": "1"})


@pytest.fixture(scope="session")
def many_units(
    tmp_path_factory: pytest.TempPathFactory, english: list[dict[str, Any]], make_run: Any
) -> tuple[Path, Path]:
    """Return an input, and a run of forty-eight units over it."""
    folder = tmp_path_factory.mktemp("many")
    source = folder / "pairs.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in english[:96]), encoding="utf-8")
    make_run(folder / "run", source, "output.unit_rows=2", routes=("en:pt:en", "en:pt"))
    return source, folder / "run"


@pytest.fixture(scope="session")
def jobs(
    tmp_path_factory: pytest.TempPathFactory, many_units: tuple[Path, Path], patient: Any
) -> dict[str, Job]:
    """Return each command with what it gives undisturbed."""
    source, run = many_units
    calm = tmp_path_factory.mktemp("calm")
    arguments: dict[str, tuple[Any, ...]] = {
        "generate": (source, "--route", "en:pt:en", "--route", "en:pt", "--unit-rows", 2),
        "filter": (run, "--set", "filters.fidelity.chrf.min=40"),
        "export": (run, "--format", "tevatron"),
        "train": (
            run, "--base-model", "static:bundled", "--dimensions", 32, "--steps", 60,
            "--save-steps", 3, "--batch-size", 8, "--device", "cpu", "--held-out", 0.1,
        ),
    }  # fmt: skip
    again = {"train": ("--resume",), "export": ("--overwrite",)}
    made = {}
    for name, given in arguments.items():
        started = time.monotonic()
        done = patient(name, *given, "--out", calm / name, "-q")
        assert done.code == 0, done.err
        made[name] = Job(name, given, calm / name, time.monotonic() - started, again.get(name, ()))
    return made


@pytest.fixture
def stopped() -> Iterator[list[Any]]:
    """Collect processes that a test stops, so that none is left behind."""
    processes: list[Any] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=60)
