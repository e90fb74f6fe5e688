"""A short run of each fuzz target with fixed draws; ``make fuzz`` goes on for as long as told."""

import random
import signal

import pytest
from mutation import mutated
from seeds import seeds, words
from targets import TARGETS, run

SECONDS = 20  # an input that keeps a target for longer hangs it
RUNS = 400
SLOWER = {"run_folder": 12, "experiment": 40}

SEEDS = seeds()


@pytest.fixture(autouse=True)
def clock():
    """Stop a target that hangs; what it raises then is no BtAugmentError."""

    def stop(number, frame):
        raise TimeoutError(f"still at work after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", TARGETS)
def test_what_the_real_writers_wrote_and_what_once_failed(name, tmp_path):
    for data in SEEDS[name]:
        signal.alarm(SECONDS)
        run(TARGETS[name], data, tmp_path / "at")


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_inputs_give_typed_errors_alone(name, tmp_path):
    draw = random.Random(f"bt-augment {name}")
    for number in range(SLOWER.get(name, RUNS)):
        data = mutated(draw, SEEDS[name], words())
        signal.alarm(SECONDS)
        try:
            run(TARGETS[name], data, tmp_path / "at")
        except Exception as error:
            error.add_note(f"input {number} of {name}: {data[:2000]!r}")
            raise
