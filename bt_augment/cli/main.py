"""The door of the ``bt-augment`` command: it hears signals before anything large is imported."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130
TERMINATED = 128 + signal.SIGTERM  # as a shell says it
_STANDARD_ERROR = 2


def main() -> NoReturn:
    """Run the command line; see :func:`bt_augment.cli.app.run` for its exit codes."""
    hears_interrupts = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGTERM, _leave)
    if hears_interrupts:  # not ignored, as in the background of a shell
        signal.signal(signal.SIGINT, _leave)
    from bt_augment.cli.app import run

    run(hears_interrupts=hears_interrupts)


def _leave(number: int, frame: FrameType | None) -> None:
    """End at once: nothing has begun."""
    ended = number == signal.SIGTERM
    try:
        os.write(
            _STANDARD_ERROR, b"%s: nothing was begun\n" % (b"ended" if ended else b"interrupted")
        )
    finally:
        os._exit(TERMINATED if ended else INTERRUPTED)
