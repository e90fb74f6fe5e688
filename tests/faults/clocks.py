"""A wall clock that jumps for a whole process, C libraries and all: Debian's libfaketime."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_EVERY_SECONDS = 0.1


def libfaketime() -> Path | None:
    """Return the library, if it is installed."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


@contextmanager
def jumping_clock(library: Path, folder: Path, draw: random.Random) -> Iterator[tuple[str, ...]]:
    """Yield the words before a command whose clock jumps by years and hours until the end.

    The monotonic clock is left alone: no setting of a real machine's time moves it.
    """
    told = folder / "offset"
    told.write_text("+0\n", encoding="utf-8")
    over = threading.Event()

    def jump() -> None:
        while not over.wait(_EVERY_SECONDS):
            offset = draw.choice(("+10y", "-10y", "+1h", "-1h", "+0"))
            (folder / "next").write_text(f"{offset}\n", encoding="utf-8")
            (folder / "next").replace(told)

    thread = threading.Thread(target=jump)
    thread.start()
    try:
        yield (
            "env", f"LD_PRELOAD={library}", f"FAKETIME_TIMESTAMP_FILE={told}",
            "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1",
        )  # fmt: skip
    finally:
        over.set()
        thread.join()
