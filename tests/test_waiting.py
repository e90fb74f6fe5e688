"""Waiting for other threads."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from bt_augment.waiting import awaited

# A signal that the system hands to another thread than the main one, which sleeps meanwhile.
ELSEWHERE = """
import signal, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from bt_augment.waiting import awaited

signal.signal(signal.{name}, signal.default_int_handler)
waits, release, main = threading.Event(), threading.Event(), threading.main_thread().ident

def work():
    waits.wait(30)
    while sys._current_frames()[main].f_code.co_name != "wait":
        time.sleep(0.01)
    signal.pthread_kill(threading.get_ident(), signal.{name})
    release.wait(30)

with ThreadPoolExecutor(1) as pool:
    future = pool.submit(work)
    waits.set()
    try:
        awaited(future)
    except KeyboardInterrupt:
        print("interrupted", "too late" if future.done() else "at once")
    release.set()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_that_another_thread_is_handed_ends_the_waiting(name):
    program = ELSEWHERE.format(name=name)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, "interrupted at once\n"), done.stderr


def test_what_the_work_gives_or_raises_is_the_waiters():
    with ThreadPoolExecutor(1) as pool:
        assert awaited(pool.submit(int, "7")) == 7
        with pytest.raises(ValueError, match="invalid literal"):
            awaited(pool.submit(int, "seven"))
