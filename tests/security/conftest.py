"""Tests of what would wait for ever end after a while."""

import signal
from collections.abc import Iterator
from types import FrameType

import pytest

_SECONDS = 60


@pytest.fixture
def in_time() -> Iterator[None]:
    """Fail a test that waits for a pipe."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise AssertionError("it waits for ever")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
