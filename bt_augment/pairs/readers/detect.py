"""Finding the format of an input by its content."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

from bt_augment.errors import InputError, did_you_mean
from bt_augment.names import refuse_impossible
from bt_augment.pairs.readers.arrow import (
    FILE_MAGIC,
    PARQUET_MAGIC,
    STREAM_MAGIC,
    ArrowReader,
    ParquetReader,
    SavedDatasetReader,
    SavedSplitsReader,
)
from bt_augment.pairs.readers.base import READ_ERRORS, InputSettings, Reader
from bt_augment.pairs.readers.beir import BeirReader, is_beir
from bt_augment.pairs.readers.compression import UTF8_BOM, compression_of, read_start
from bt_augment.pairs.readers.delimited import DelimitedReader, sniff_delimiter
from bt_augment.pairs.readers.hub import HubReader, looks_like_name
from bt_augment.pairs.readers.json_lines import JsonArrayReader, JsonLinesReader
from bt_augment.pairs.readers.json_stream import JsonBreakError, events
from bt_augment.pairs.readers.not_text import encoding_of, kind_of
from bt_augment.pairs.readers.squad import SquadReader

FORMATS = ("auto", "squad", "jsonl", "csv", "parquet", "arrow", "beir", "hub")

_START_BYTES = 1 << 16
_BINARY = (PARQUET_MAGIC, FILE_MAGIC, STREAM_MAGIC)
_LINES = 50  # lines looked at for one that is a JSON object
_READERS: Mapping[str, type[Reader]] = {
    "squad": SquadReader,
    "jsonl": JsonLinesReader,
    "csv": DelimitedReader,
    "parquet": ParquetReader,
    "arrow": ArrowReader,
    "beir": BeirReader,
    "hub": HubReader,
}


def find_reader(source: str, settings: InputSettings, copy: Path | None = None) -> Reader:
    """Return the reader of an input, by its content or by ``settings.format``.

    Args:
        source: the input as the user wrote it.
        settings: how it is read.
        copy: file to read in its place, where the source is elsewhere.

    Raises:
        InputError: the input is missing, empty, cannot be opened, or is of unknown format.
    """
    if settings.format not in FORMATS:
        raise InputError(
            f"unknown input format {settings.format!r}{did_you_mean(settings.format, FORMATS)}; "
            f"one of {', '.join(FORMATS)}"
        )
    path = copy or Path(source)
    if copy is None and on_hub(source, settings):
        return HubReader(source, settings)
    if path.is_dir():
        return _folder_reader(source, path, settings)
    start = _start(source, path)
    if settings.format == "auto":
        return _by_content(source, path, start, settings)(source, settings, path)
    if settings.format == "jsonl" and start.lstrip().startswith(b"["):
        return JsonArrayReader(source, settings, path)
    _check_named(source, start, settings.format)
    return _READERS[settings.format](source, settings, path)


def on_hub(source: str, settings: InputSettings) -> bool:
    """Return whether an input is a hub data set, and not a file or folder of this disk.

    Raises:
        InputError: it is neither, or it is a pipe, which could be read only once, or no file can
            have its name.
    """
    if settings.format == "hub":
        return True
    refuse_impossible(source, InputError)
    path = Path(source)
    if path.is_file() or path.is_dir():
        return False
    if "://" in source:
        raise InputError(
            f"{source} is not on this machine; only generate takes URLs of files, download it first"
        )
    if source == "-" or path.exists():
        raise InputError(
            f"{source} is not a file: an input is read more than once; write it to a file first"
        )
    if settings.format == "auto" and looks_like_name(source) and not path.parent.is_dir():
        return True
    raise InputError(
        f"{source} does not exist; for a data set of the Hugging Face hub say --format hub"
    )


def _folder_reader(source: str, path: Path, settings: InputSettings) -> Reader:
    if settings.format in ("auto", "beir") and (settings.format == "beir" or is_beir(path)):
        return BeirReader(source, settings, path)
    if settings.format in ("auto", "arrow"):
        if (path / "dataset_dict.json").is_file():
            return SavedSplitsReader(source, settings, path)
        if (path / "state.json").is_file():
            return SavedDatasetReader(source, settings, path)
    raise InputError(
        f"{source} is a folder, but neither a BEIR folder (queries.jsonl, corpus.jsonl, qrels/) "
        "nor a saved data set (dataset_dict.json or state.json); name the files in it instead"
    )


def _start(source: str, path: Path) -> bytes:
    try:
        start = read_start(path, _START_BYTES)
    except READ_ERRORS as error:
        raise InputError(f"{source} cannot be opened: {error}") from error
    start = start.removeprefix(UTF8_BOM)
    if not start.strip():
        raise InputError(f"{source} is empty")
    if not start.startswith(_BINARY):
        _check_text(source, start)
    return start


def _check_text(source: str, start: bytes) -> None:
    """Refuse a file that is of no format at all, saying what it is."""
    encoding = encoding_of(start)
    if encoding is not None:
        raise InputError(f"{source} is {encoding}; make it UTF-8: iconv -f {encoding} -t UTF-8")
    again = compression_of(start)
    if again is not None:
        raise InputError(f"{source} is compressed twice, first with {again}; unpack it once")
    kind = kind_of(start)
    if kind is not None:
        raise InputError(f"{source} is of unknown format: it is {kind}")


def _check_named(source: str, start: bytes, name: str) -> None:
    """Refuse a file that cannot be of the format that the user names."""
    binary = start.startswith(_BINARY)
    fits = {
        "parquet": start.startswith(PARQUET_MAGIC),
        "arrow": start.startswith((FILE_MAGIC, STREAM_MAGIC)),
        "beir": False,
    }
    if not fits.get(name, not binary):
        raise InputError(f"{source} is not of format {name}; leave --format out to have it found")


def _by_content(source: str, path: Path, start: bytes, settings: InputSettings) -> type[Reader]:
    if start.startswith(PARQUET_MAGIC):
        return ParquetReader
    if start.startswith((FILE_MAGIC, STREAM_MAGIC)):
        return ArrowReader
    stripped = start.lstrip()
    if stripped[:1] == b"[" and stripped[1:].lstrip()[:1] in (b"{", b"]"):
        return SquadReader if _has_paragraphs(stripped) else JsonArrayReader
    if stripped[:1] == b"{" and _is_squad(stripped):
        return SquadReader
    suffixes = {suffix.lower() for suffix in path.suffixes}
    if _has_json_line(stripped) or suffixes & {".jsonl", ".ndjson"}:
        return JsonLinesReader
    header = stripped.partition(b"\n")[0]
    is_table = sniff_delimiter(start, settings) is not None or suffixes & {".csv", ".tsv"}
    if stripped[:1] not in (b"{", b"[") and b"\0" not in header and is_table:
        return DelimitedReader
    if _is_object(stripped):
        raise InputError(
            f"{source} is of unknown format: it is a JSON object over several lines, without the "
            "array 'data' of SQuAD; a list of objects is wanted, or JSON lines: one object on "
            "each line"
        )
    raise InputError(
        f"{source} is of unknown format: neither SQuAD nor JSON lines, CSV or TSV with a header, "
        "Parquet or Arrow; say which with --format"
    )


def _is_squad(start: bytes) -> bool:
    """Return whether a JSON object has an array ``data`` of objects, or an empty one alone."""
    depth = 0
    keys = [""]
    is_empty = False
    try:
        parsed = events(io.BytesIO(start))
        for kind, value in parsed:
            if kind == "map_key" and depth == 1:
                keys.append(value)
            elif kind == "start_array" and depth == 1 and keys[-1] == "data":
                first, _ = next(parsed)
                if first != "end_array":
                    return first == "start_map"
                is_empty = True
                continue
            depth += _deeper(kind)
            if depth == 0:
                return is_empty and {"", "data", "version"}.issuperset(keys)
    except JsonBreakError:
        return False
    return False


def _is_object(start: bytes) -> bool:
    """Return whether a text begins as a JSON object does, with a key or its end."""
    try:
        parsed = events(io.BytesIO(start))
        return next(parsed)[0] == "start_map" and next(parsed)[0] in ("map_key", "end_map")
    except (JsonBreakError, StopIteration):
        return False


def _has_paragraphs(start: bytes) -> bool:
    """Return whether a JSON array begins with an article of SQuAD."""
    depth = 0
    key = ""
    try:
        for kind, value in events(io.BytesIO(start)):
            if kind == "map_key" and depth == 2:
                key = value
            elif kind == "start_array" and depth == 2 and key == "paragraphs":
                return True
            depth += _deeper(kind)
            if kind == "end_map" and depth == 1:
                return False
    except JsonBreakError:
        return False
    return False


def _deeper(kind: str) -> int:
    """Return by how much an event of the parser changes the depth."""
    return {"start": 1, "end": -1}.get(kind.partition("_")[0], 0)


def _has_json_line(start: bytes) -> bool:
    """Return whether one of the first lines is a JSON object, or may be one that goes on."""
    lines = start.split(b"\n", _LINES)
    if len(lines) == 1 and len(start) > _START_BYTES // 2:
        return start.startswith(b"{")
    for line in lines[:_LINES]:
        try:
            if isinstance(json.loads(line, strict=False), dict):
                return True
        except (ValueError, RecursionError):
            continue
    return False
