"""The one way by which commands print text: a terminal shows it, and never obeys it.

What cannot be printed stops no work: see :func:`take_streams`.
"""

from __future__ import annotations

import errno
import io
import json
import os
import re
import select
import sys
from typing import TYPE_CHECKING, Any, TextIO

import click

from bt_augment.errors import TURNING_MARKS, StorageError, printable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# What JSON leaves as it is and a terminal would obey; JSON itself escapes the rest.
_RAW_IN_JSON = re.compile(rf"[\x7f-\x9f{TURNING_MARKS}\ud800-\udfff]")

_STDOUT, _STDERR = 1, 2


class _Output(io.FileIO):
    """A descriptor whose reader may go away; from then on nothing is written.

    Attributes:
        gone: whether it went.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.gone = False

    def write(self, text: ReadableBuffer, /) -> int:
        """Write, or drop it.

        Raises:
            StorageError: it is standard output, and something else than its reader is at fault.
        """
        size = memoryview(text).nbytes
        if self.gone:
            return size
        try:
            # None where a descriptor that does not block takes nothing more at the moment.
            while (written := super().write(text)) is None:
                if self.fileno() == _STDERR:
                    return size
                select.select([], [self.fileno()], [])
            return written
        except OSError as error:
            self.gone = True
            if self.fileno() == _STDERR or error.errno == errno.EPIPE:
                return size
            raise StorageError(
                f"standard output: the result cannot be written ({error.strerror})"
            ) from error


def take_streams() -> None:
    """Make standard output and standard error such that printing stops no work.

    Standard error drops what it cannot write: progress is not worth a run. Standard output drops
    what nobody reads any more, as with ``| head``, and raises a typed error for a full disk. What
    an encoding lacks is written as an escape. A closed descriptor is opened on nothing: otherwise
    the next file that is opened gets its number, and a library's warnings go into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdout = _taken(sys.stdout, _STDOUT)
    sys.stderr = _taken(sys.stderr, _STDERR)


def _taken(stream: TextIO | None, number: int) -> TextIO:
    encoding = "utf-8"
    lines = number == _STDERR
    if stream is not None:
        try:
            if stream.fileno() != number:
                return stream  # a caller's own
            stream.flush()
        except (OSError, ValueError):
            pass
        encoding = stream.encoding
        lines = lines or stream.isatty()
    return io.TextIOWrapper(
        io.BufferedWriter(_Output(number)),
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=lines,
    )


def reader_gone() -> bool:
    """Tell whether nobody reads standard output any more."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(raw, _Output) and raw.gone


def echo(text: str = "", *, err: bool = False, nl: bool = True) -> None:
    """Print text of any origin, with control characters written out.

    Args:
        text: one or more lines.
        err: print to standard error.
        nl: end with a line break.
    """
    # Of its own accord click would write UTF-8 where ASCII is asked for.
    click.echo(printable(text), file=sys.stderr if err else sys.stdout, nl=nl)


def print_json(content: Any) -> None:
    r"""Print JSON; characters that a terminal would obey are ``\u`` escapes of it."""
    unicode = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")
    text = json.dumps(content, ensure_ascii=not unicode, indent=1)
    click.echo(_RAW_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text), file=sys.stdout)


def printable_values(value: Any) -> Any:
    """Return lists, mappings and texts in them as :func:`echo` prints them, for a layout."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [printable_values(item) for item in value]
    if isinstance(value, dict):
        return {printable_values(key): printable_values(item) for key, item in value.items()}
    return value
