"""What a crew does with a cluster that loses results or hangs, by a stand-in for Ray."""

import sys

import pytest

from bt_augment.errors import EngineError
from bt_augment.generation.engines import ray_crew


class _Method:
    def __init__(self, call):
        self._call = call

    def options(self, **_):
        return self

    def remote(self, *arguments):
        return self._call(*arguments)


class LosingRay:
    """Every unit is said to be made, and its result cannot be had."""

    def __init__(self, exceptions):
        self.exceptions = exceptions
        self.made = 0
        self._values = {}

    def put(self, value):
        return value

    def remote(self, **_):
        return lambda _: _Method(lambda *_: self)

    @property
    def prepare(self):
        return _Method(lambda: self._reference(None))

    @property
    def make(self):
        return _Method(self._make)

    def _make(self, unit, natives):
        self.made += 1
        lost = self.exceptions.RaySystemError("cannot be read")
        return self._reference(None), self._reference(lost)

    def _reference(self, value):
        self._values[len(self._values)] = value
        return len(self._values) - 1

    def wait(self, references, **_):
        return references[:1], references[1:]

    def get(self, reference):
        if isinstance(self._values[reference], Exception):
            raise self._values[reference]
        return self._values[reference]


def test_a_result_that_never_comes_is_not_made_for_ever(monkeypatch):
    ray = LosingRay(pytest.importorskip("ray").exceptions)
    monkeypatch.setitem(sys.modules, "ray", ray)
    crew = ray_crew.Crew(ray_crew.Posts(1, 1, 0, 1), None)
    with pytest.raises(EngineError, match="was made 5 times, and never came back"):
        next(crew.scored_units([0], lambda unit: None))
    assert ray.made == 5


class HangingRay(LosingRay):
    """Units are begun, and after so many seconds not yet made; time passes in ``wait`` alone."""

    def __init__(self, exceptions, *, answers, seconds):
        super().__init__(exceptions)
        self.now = 0.0
        self.killed = 0
        self._answers = answers
        self._seconds = seconds
        self._ready = {}

    def monotonic(self):
        return self.now

    def _make(self, unit, natives):
        self.made += 1
        return self._reference(None, after=self._seconds), self._reference(f"unit {unit}")

    @property
    def answer(self):
        never = 0 if self._answers else float("inf")
        return _Method(lambda: self._reference(None, after=never))

    def kill(self, _):
        self.killed += 1

    def _reference(self, value, after=0):
        reference = super()._reference(value)
        self._ready[reference] = self.now + after
        return reference

    def wait(self, references, *, timeout, **_):
        ready = [reference for reference in references if self._ready[reference] <= self.now][:1]
        if not ready:
            self.now += timeout
        return ready, references


@pytest.fixture
def hanging(monkeypatch):
    exceptions = pytest.importorskip("ray").exceptions

    def make(**how):
        ray = HangingRay(exceptions, **how)
        monkeypatch.setitem(sys.modules, "ray", ray)
        monkeypatch.setattr(ray_crew, "time", ray)
        return ray, ray_crew.Crew(ray_crew.Posts(1, 1, 0, 1), None)

    return make


def test_an_actor_that_hangs_is_given_up_and_its_unit_made_elsewhere(hanging):
    ray, crew = hanging(answers=False, seconds=float("inf"))
    with pytest.raises(EngineError, match=r"3 actors .* died over it.*no sign of life for 360"):
        next(crew.scored_units([0], lambda unit: None))
    assert (ray.made, ray.killed) == (3, 3)


def test_an_actor_that_answers_may_take_hours_for_a_unit(hanging):
    ray, crew = hanging(answers=True, seconds=10_000.0)
    assert next(crew.scored_units([0], lambda unit: None)) == (0, "unit 0")
    assert (ray.made, ray.killed) == (1, 0)


def test_the_time_that_this_process_was_stopped_is_no_silence_of_actors(hanging):
    ray, crew = hanging(answers=False, seconds=100.0)
    wait = ray.wait

    def stopped(references, **how):
        found = wait(references, **how)
        if 50 < ray.now < 60:
            ray.now += 86_400
        return found

    ray.wait = stopped
    assert next(crew.scored_units([0], lambda unit: None)) == (0, "unit 0")
    assert ray.killed == 0
