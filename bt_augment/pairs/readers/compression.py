"""Opening files as they are: compressed or not, found by their first bytes."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa

UTF8_BOM = b"\xef\xbb\xbf"
_CHUNK = 1 << 16
_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x50\x2a\x4d\x18": "zstd",  # the size of a frame, which pzstd writes before each
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
}


def compression(path: Path) -> str | None:
    """Return ``gzip``, ``zstd``, ``bz2``, ``xz``, or None for a file that is not compressed."""
    with path.open("rb") as file:
        return compression_of(file.read(6))


def compression_of(start: bytes) -> str | None:
    """Return what the first bytes of a file, six or more, say that it is compressed with."""
    return next((name for magic, name in _MAGIC.items() if start.startswith(magic)), None)


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """Open ``path`` for reading its decompressed bytes; a cut file raises where it ends."""
    with ExitStack() as opened:
        stream: Any = opened.enter_context(path.open("rb"))
        match compression(path):
            case "gzip":
                stream = opened.enter_context(gzip.GzipFile(fileobj=stream))
            case "bz2":
                stream = opened.enter_context(bz2.BZ2File(stream))
            case "xz":
                stream = opened.enter_context(lzma.LZMAFile(stream))
            case "zstd":
                stream = io.BufferedReader(opened.enter_context(_Zstandard(path)), _CHUNK)
        yield stream


class _Zstandard(io.RawIOBase):
    """Decompresses zstd up to the byte where the file is cut.

    By Arrow, as zstandard's stream reader takes a cut file for a whole one. But where a read fails
    Arrow drops what it had of it; so that is read again, byte by byte.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._given = 0
        self._broken: Exception | None = None
        self._stream = _arrow_zstd(path)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._broken is not None:
            raise self._broken
        try:
            data = self._stream.read(len(buffer))
        except (OSError, pa.ArrowException) as error:
            self._broken = error
            data = self._up_to_the_break(len(buffer))
            if not data:
                raise
        buffer[: len(data)] = data
        self._given += len(data)
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()

    def _up_to_the_break(self, size: int) -> bytes:
        self._stream.close()
        self._stream = _arrow_zstd(self._path)
        data = bytearray()
        try:
            for start in range(0, self._given, _CHUNK):
                self._stream.read(min(_CHUNK, self._given - start))
            while len(data) < size and (byte := self._stream.read(1)):
                data += byte
        except (OSError, pa.ArrowException):
            return bytes(data)
        return bytes(data)


def _arrow_zstd(path: Path) -> Any:
    return pa.CompressedInputStream(pa.PythonFile(path.open("rb"), mode="r"), "zstd")


class _Available(io.RawIOBase):
    """Gives what there is: filling a whole buffer would lose the part before a cut."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def open_text(path: Path) -> Iterator[BinaryIO]:
    """Open ``path`` as :func:`open_bytes` does, past a UTF-8 byte order mark."""
    with open_bytes(path) as stream:
        buffered = io.BufferedReader(_Available(stream), 1 << 18)
        if buffered.peek(3)[:3] == UTF8_BOM:
            buffered.read(3)
        yield cast(BinaryIO, buffered)
        buffered.detach()


@contextmanager
def open_seekable(path: Path) -> Iterator[BinaryIO]:
    """Open ``path`` for random access; a compressed file is unpacked to a temporary one."""
    if compression(path) is None:
        with path.open("rb") as file:
            yield file
        return
    with tempfile.TemporaryFile() as unpacked, open_bytes(path) as stream:
        shutil.copyfileobj(stream, unpacked, 1 << 20)
        unpacked.seek(0)
        yield cast(BinaryIO, unpacked)


def read_start(path: Path, size: int) -> bytes:
    """Return up to ``size`` decompressed bytes from the start; fewer where the file is cut.

    Raises:
        EOFError: it is cut before the first byte.
    """
    start = bytearray()
    with open_bytes(path) as stream:
        try:
            while len(start) < size and (chunk := cast(Any, stream).read1(size - len(start))):
                start += chunk
        except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
            if not start:
                raise EOFError(str(error)) from error
    return bytes(start)
