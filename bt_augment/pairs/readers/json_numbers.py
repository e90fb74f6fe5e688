"""Numbers that Python's JSON has and the streaming parser refuses.

``json.dump`` writes ``NaN``, ``Infinity`` and integers of up to 4,000 digits, and JSON lines, which
Python reads, may hold them. The parser would lose the rest of the file over one; so they are
rewritten on their way to it, and read back from its numbers.
"""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from typing import Any, Final

# A number that nobody writes: what NaN is called on its way through the parser. It is a number,
# not a text, so that NaN stays refused where JSON has no number, as for a key.
_NAN: Final = Decimal("-0e-9999")
_REWRITTEN = {b"NaN": b"-0e-9999", b"Infinity": b"1e9999", b"-Infinity": b"-1e9999"}

# Longer runs of digits may be an exponent that Decimal, or an integer that int refuses.
_LONG = 18
_MOST_DIGITS = 4000  # of an integer; Python's limit is 4300, unless it is set lower
_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)

# A whole text, or one that does not end here, is passed over; else what may need rewriting. A
# number is one to the parser whatever stands around it, and over one that is too long it crashes.
_TOKEN = re.compile(
    rb'"[^"\\]*(?:\\.[^"\\]*)*"?'
    rb"|(?<![\w.+-])(NaN|-?Infinity)(?![\w.+-])"
    rb"|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)",
    re.DOTALL,
)
_REST_OF_TEXT = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_EXPONENT = re.compile(rb"[eE][+-]?([0-9]+)\Z")


class NumberMender:
    """Rewrites numbers that the parser refuses, in a document that comes piece by piece.

    A piece may end inside a text, but not inside a number or an escape.
    """

    def __init__(self) -> None:
        self._in_text = False

    def mend(self, piece: bytes) -> bytes:
        """Return the next piece of the document as the parser can read it."""
        start_in_text = self._in_text
        self._in_text ^= _odd_quotes(piece)
        if not _may_need_mending(piece):
            return piece
        first = _REST_OF_TEXT.match(piece) if start_in_text else None
        start = first.end() if first else 0
        return piece[:start] + _TOKEN.sub(_mended, piece[start:])


def plain_number(value: Any) -> Any:
    """Return a number of the parser's as ``json.loads`` gives it: an int or a float."""
    if not isinstance(value, Decimal):
        return value
    if value.is_zero() and value.as_tuple() == _NAN.as_tuple():
        return float("nan")
    return float(value)


def as_written(text: str) -> str:
    """Return a piece of the mended document, quoted in a message, as the file has it."""
    for written, rewritten in reversed(_REWRITTEN.items()):  # -Infinity before Infinity
        text = text.replace(rewritten.decode(), written.decode())
    return text


def _odd_quotes(piece: bytes) -> bool:
    """Return whether a piece that begins inside a text ends outside, or the other way round."""
    if b"\\" in piece:
        piece = piece.replace(b"\\\\", b"").replace(b'\\"', b"")
    return piece.count(b'"') % 2 == 1


def _may_need_mending(piece: bytes) -> bool:
    # Plain searches: this looks at every byte of every file, a pattern would take half the time.
    if b"NaN" in piece or b"Infinity" in piece:
        return True
    return b"0" * _LONG in piece.translate(_DIGITS)


def _mended(token: re.Match[bytes]) -> bytes:
    word, number = token[1], token[2]
    if word is not None:
        return _REWRITTEN[word]
    if number is None or not _is_refused(number):
        return token[0]
    return repr(float(number)).replace("inf", "1e9999").encode()


def _is_refused(number: bytes) -> bool:
    exponent = _EXPONENT.search(number)
    if exponent is not None and len(exponent[1]) >= _LONG:
        return True
    return len(number) > min(_MOST_DIGITS, sys.get_int_max_str_digits() or _MOST_DIGITS)
