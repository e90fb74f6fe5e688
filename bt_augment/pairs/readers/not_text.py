"""What a file is that is no input: other encodings of text, archives, documents, databases."""

from __future__ import annotations

from collections.abc import Mapping

_BYTE_ORDER_MARKS: Mapping[bytes, str] = {
    b"\xff\xfe\x00\x00": "UTF-32",  # before UTF-16, whose mark it begins with
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
# Which bytes of each four are NUL where text of ASCII is written in an encoding without a mark.
_NUL_BYTES: Mapping[str, tuple[bool, bool, bool, bool]] = {
    "UTF-32LE": (False, True, True, True),
    "UTF-32BE": (True, True, True, False),
    "UTF-16LE": (False, True, False, True),
    "UTF-16BE": (True, False, True, False),
}
_SAMPLE = 64  # bytes: the names of the columns, which are ASCII in most files

_KINDS: Mapping[bytes, str] = {
    b"PK\x03\x04": "a zip archive, or a workbook of Excel: unpack it, or save the sheet as CSV",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it",
    b"Rar!": "a rar archive: unpack it",
    b"%PDF-": "a PDF document: its questions and passages have to be taken out of it first",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "a document of an old Excel or Word: save it as CSV",
    b"SQLite format 3\x00": "an SQLite database: export its table as CSV",
}
_TAR_MARK = (b"ustar", 257)


def encoding_of(start: bytes) -> str | None:
    """Return the encoding that a file is in, where its first bytes show that it is not UTF-8."""
    for mark, name in _BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            return name
    sample = start[: min(_SAMPLE, len(start) // 4 * 4)]
    if len(sample) < 8:
        return None
    for name, pattern in _NUL_BYTES.items():
        columns = (sample[place::4] for place in range(4))
        if all(
            column.count(0) >= 0.75 * len(column) if nul else 0 not in column
            for column, nul in zip(columns, pattern, strict=True)
        ):
            return name
    return None


def kind_of(start: bytes) -> str | None:
    """Return what a file is that is known and no input, and what to do with it."""
    mark, offset = _TAR_MARK
    if start.startswith(mark, offset):
        return "a tar archive: unpack it"
    return next((kind for magic, kind in _KINDS.items() if start.startswith(magic)), None)
