"""What a crew does with a cluster that loses results, by a stand-in for Ray."""

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

    def remote(self, _):
        return _Method(lambda *_: self)

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
