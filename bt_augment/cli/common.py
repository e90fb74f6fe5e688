"""What the commands share: verbosity, progress on the terminal, JSON."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, TypeVar

import click

from bt_augment.cli.terminal import echo

F = TypeVar("F", bound=Callable[..., Any])

_LINE_SECONDS = 10.0  # between two plain progress lines


def common_options(function: F) -> F:
    """Add ``-v``, ``-q`` and ``--json``."""
    function = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")(
        function
    )
    function = click.option(
        "-q", "--quiet", is_flag=True, help="No progress, and only errors.", callback=_quiet
    )(function)
    return click.option(
        "-v",
        "--verbose",
        count=True,
        help="More detail; twice for all.",
        callback=_verbose,
        expose_value=False,
    )(function)


def set_option(example: str = "filters.fidelity.chrf.min=45") -> Callable[[F], F]:
    """Return what adds ``--set KEY=VALUE``, with an example for its help."""
    return click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="KEY=VALUE",
        help=f"Set a recipe key, such as {example}. Repeatable; wins over all.",
    )


def _verbose(context: click.Context, parameter: click.Parameter, value: int) -> None:
    if value:
        logging.getLogger().setLevel(logging.INFO if value == 1 else logging.DEBUG)


def _quiet(context: click.Context, parameter: click.Parameter, value: bool) -> bool:
    if value:
        logging.getLogger().setLevel(logging.ERROR)
    return value


def names(text: str | None) -> tuple[str, ...] | None:
    """Return the names of a list ``NAME,...``, which may be none; None where it is not given."""
    if text is None:
        return None
    return tuple(name.strip() for name in text.split(",") if name.strip())


@contextmanager
def told_when_interrupted(how: str) -> Iterator[None]:
    """Have Ctrl-C, and being told to end, say how to go on, unless what is done says so itself."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(str(stop) or how) from stop


def units_are_kept(*, overwrite: bool) -> str:
    """Return how a command that makes units goes on."""
    anew = " without --overwrite" if overwrite else ""
    return f"finished units are kept; run the same command again{anew} to go on"


def silence_libraries() -> None:
    """Keep the libraries' bars, and their warnings unless -v is given, off the terminal."""
    if find_spec("transformers") is None or find_spec("datasets") is None:
        return  # what needs them says so
    from datasets import disable_progress_bars
    from transformers.utils import logging as transformers_logging

    disable_progress_bars()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if logging.getLogger().level > logging.INFO:
        transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]


def progress_for(*, quiet: bool) -> Reporter:
    """Return a progress bar on a terminal, plain lines elsewhere, and nothing when quiet."""
    if quiet:
        return Reporter()
    return Bar() if sys.stderr.isatty() else Lines()


class Reporter:
    """Tells nobody; the base of the two below."""

    def __enter__(self) -> Reporter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def start(self, stage: str, total: int | None) -> None:
        """Begin a stage."""

    def advance(self, stage: str, done: int) -> None:
        """Say how many rows are done."""

    def close(self) -> None:
        """Let go of the terminal."""


class Bar(Reporter):
    """A bar with rate and time left."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._progress = Progress(
            TextColumn("{task.description:>9}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, Any] = {}
        self._started: dict[str, tuple[float, int | None]] = {}
        self._progress.start()

    def start(self, stage: str, total: int | None) -> None:
        """Show a bar."""
        self._tasks[stage] = self._progress.add_task(stage, total=total, rate="")
        self._started[stage] = (time.monotonic(), None)

    def advance(self, stage: str, done: int) -> None:
        """Move the bar."""
        started, first = self._started[stage]
        if first is None:
            first = done if stage == "generate" else 0
            self._started[stage] = (started, first)
        rate = (done - first) / max(1e-9, time.monotonic() - started)
        self._progress.update(self._tasks[stage], completed=done, rate=f"{rate:,.0f} rows/s")

    def close(self) -> None:
        """Leave the bars as they are."""
        self._progress.stop()


class Lines(Reporter):
    """A line now and then, for logs."""

    def __init__(self) -> None:
        self._total: dict[str, int | None] = {}
        self._started: dict[str, tuple[float, int]] = {}
        self._last = 0.0

    def start(self, stage: str, total: int | None) -> None:
        """Note the stage's size."""
        self._total[stage] = total
        self._started.pop(stage, None)  # of an earlier stage by this name
        self._last = time.monotonic()

    def advance(self, stage: str, done: int) -> None:
        """Print a line if some time has passed, or the stage is done."""
        now = time.monotonic()
        total = self._total[stage]
        if stage not in self._started:
            self._started[stage] = (now, done)
        if now - self._last < _LINE_SECONDS and done != total:
            return
        self._last = now
        started, first = self._started[stage]
        rate = (done - first) / max(1e-9, now - started)
        text = f"{stage}: {done:,}" + (f" of {total:,}" if total else "") + " rows"
        if rate > 0:
            text += f", {rate:,.0f} rows/s"
            if total and done < total:
                text += f", {(total - done) / rate:,.0f} s left"
        echo(text, err=True)
