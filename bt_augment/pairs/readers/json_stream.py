"""JSON documents larger than memory, as a stream of events."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import ijson

from bt_augment.pairs.readers.base import READ_ERRORS
from bt_augment.pairs.readers.json_numbers import NumberMender, as_written, plain_number

Event = tuple[str, Any]

# What stands for text that the parser would refuse, or change without a word (yajl makes "?" of
# half a surrogate pair): a letter, or a bad byte's value, between noncharacters. One that the text
# itself holds is marked too, so that no text can be taken for a mark.
_HALF_PAIR: Final = "\ufdd0S\ufdd1"
_NONCHARACTER: Final = "\ufdd0N\ufdd1"
_MARK = re.compile("\ufdd0([SN]|[89a-f][0-9a-f])\ufdd1")
_MEANT = {"S": "\ud800", "N": "\ufdd0"} | {
    f"{byte:02x}": chr(0xDC00 + byte) for byte in range(128, 256)
}

_CHUNK = 1 << 16
_MAX_TEXT = 1 << 24  # bytes; the parser takes the square of the time for a longer one
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_MAYBE_MARKED = re.compile(rb"\\u([dD][89a-fA-F]|[fF][dD][dD]0)")
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"  # half of one
    rb"|(\\u[fF][dD][dD]0)"
    rb"|\\.",
    re.DOTALL,
)
_CUTS = b" \n,:"  # bytes that are inside no escape and no UTF-8 sequence


class JsonBreakError(Exception):
    """The document is not JSON from some point on; the message is one line."""


def inside_document(number: int) -> str:
    """Return how a path into the ``number``-th document of a file begins; the first has no name."""
    return f"documents[{number}]" if number else ""


class MendedStream:
    """A byte stream of JSON in which bad bytes and half surrogate pairs are marked.

    One bad character, or one number that only Python reads, then costs no more than its record.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream: Any = stream
        self._kept: list[bytes] = []  # read, and not yet known to end between two characters
        self._ready = b""
        self._ended = False
        self.since_event = 0  # bytes read since the parser last had one
        self._numbers = NumberMender()

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, and none at the end."""
        if size == 0:
            return b""  # ijson asks so whether this is a stream of bytes
        while not self._ready and not self._ended:
            # What there is: filling a whole buffer would lose the part before a cut.
            chunk = self._stream.read1(_CHUNK)
            self.since_event += len(chunk)
            if self.since_event > _MAX_TEXT:
                raise JsonBreakError(
                    f"a text is longer than {_MAX_TEXT >> 20} MiB, which is no passage; the file "
                    "is not read further"
                )
            self._ended = not chunk
            cut = len(chunk) if self._ended else 1 + max(chunk.rfind(bytes([c])) for c in _CUTS)
            if cut or self._ended:
                data = b"".join([*self._kept, chunk[:cut]])
                self._ready, self._kept = self._numbers.mend(_mended(data)), []
            self._kept.append(chunk[cut:])
        if size < 0 or size >= len(self._ready):
            taken, self._ready = self._ready, b""
        else:
            taken, self._ready = self._ready[:size], self._ready[size:]
        return taken


def _mended(data: bytes) -> bytes:
    data = data.replace("\ufdd0".encode(), _NONCHARACTER.encode())
    if _CONTROL.search(data):
        data = _CONTROL.sub(lambda match: rb"\u%04x" % match[0][0], data)
    if _MAYBE_MARKED.search(data):
        data = _ESCAPE.sub(_marked, data)
    try:
        data.decode()
    except UnicodeDecodeError:
        text = data.decode("utf-8", "surrogateescape")
        data = re.sub("[\udc80-\udcff]", _bad_byte, text).encode()
    return data


def _bad_byte(found: re.Match[str]) -> str:
    return f"\ufdd0{ord(found[0]) - 0xDC00:02x}\ufdd1"


def _marked(escape: re.Match[bytes]) -> bytes:
    if escape[1]:
        return _HALF_PAIR.encode()
    return _NONCHARACTER.encode() if escape[2] else escape[0]


def unmark(value: Any) -> Any:
    """Return ``value`` with each mark made what it stands for.

    Bad bytes and half pairs become surrogates, which the builder of records refuses.
    """
    if isinstance(value, str):
        return _MARK.sub(lambda mark: _MEANT[mark[1]], value) if "\ufdd0" in value else value
    if isinstance(value, dict):
        return {unmark(key): unmark(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unmark(item) for item in value]
    return value


def events(stream: BinaryIO) -> Iterator[Event]:
    """Yield the parser's events: of one document, or of several one after the other.

    Raises:
        JsonBreakError: a document is broken, or ends early.
    """
    mended = MendedStream(stream)
    try:
        # Without use_float: its integers have 64 bits, and one that is longer ends the file.
        for event in ijson.basic_parse(mended, buf_size=_CHUNK, multiple_values=True):
            mended.since_event = 0
            yield event
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise JsonBreakError(f"the file is not JSON from here on: {_why(error)}") from error
    except READ_ERRORS as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise JsonBreakError(f"the file cannot be read further: {why}") from error


def _why(error: Exception) -> str:
    """Return what the parser says, and the text around the place: it gives both in lines."""
    text = error.args[0] if error.args else ""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    said, *context = str(text).splitlines() or [type(error).__name__]
    near = as_written(unmark(context[0].strip())) if context else ""
    return f"{said.rstrip('.')}, near {near!r}" if near else said


def value_of(first: Event, rest: Iterator[Event]) -> Any:
    """Return the whole value that begins with the event ``first``, taking what it needs."""
    kind, value = first
    if kind == "start_map":
        made: dict[str, Any] = {}
        for kind, key in rest:
            if kind == "end_map":
                break
            made[key] = value_of(next(rest), rest)
        return made
    if kind == "start_array":
        items = []
        for event in rest:
            if event[0] == "end_array":
                break
            items.append(value_of(event, rest))
        return items
    return plain_number(value)
