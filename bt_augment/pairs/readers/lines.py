"""Lines of a text file, none of them held beyond a size: a small archive may be one huge line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, AnyStr

# Bytes of a line of JSON, characters of a CSV record.
MAX_RECORD = 1 << 26
OVERSIZED = f"longer than {MAX_RECORD >> 20} MiB, which no pair is"


def bounded_lines(stream: IO[AnyStr], longest: int = MAX_RECORD) -> Iterator[tuple[AnyStr, bool]]:
    """Yield each line and whether it is whole: of a longer one, the beginning, and False.

    Args:
        stream: what to read, of bytes or text.
        longest: length of the longest line that is held, its end included.
    """
    while line := stream.readline(longest):
        whole = len(line) < longest or _ends(line)
        yield line, whole
        while not whole and (rest := stream.readline(longest)):
            whole = _ends(rest)


def _ends(line: bytes | str) -> bool:
    return line[-1] in (10, "\n", "\r")
