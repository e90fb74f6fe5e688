"""Candidates by the million: held in memory while they are few, else in a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import pyarrow as pa

from bt_augment.errors import InputError, StorageError
from bt_augment.evaluation.benchmarks.base import Candidates
from bt_augment.pairs.readers.base import Place

_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("context", pa.string()),
        ("title_length", pa.int32()),
    ]
)
_SPOOL_ROWS = 1 << 14
_IN_MEMORY_ROWS = 1 << 18  # some 100 MB of passages; more of them wait on disk


def spooled(
    items: Iterable[tuple[Place | str, str, str, str | None, int]],
    judged: Mapping[str, Any] | set[str],
) -> Candidates:
    """Return candidates; many of them are kept on disk.

    An empty candidate stays one: corpora of the field have some.

    Args:
        items: place, then the columns of :class:`Candidates`.
        judged: ids whose rows must be known afterwards.

    Raises:
        InputError: two candidates of one id.
        StorageError: the temporary folder refused.
    """
    positions: dict[str, int] = {}
    hashes: list[int] = []
    batches: list[pa.RecordBatch] = []
    pending: list[tuple[str, str, str | None, int]] = []
    count = 0
    with _spool_errors(), ExitStack() as opened:
        writer: Any = None
        file: Any = None

        def flush() -> None:
            nonlocal writer, file
            columns = zip(*pending, strict=True)
            arrays = [pa.array(c, t) for c, t in zip(columns, _SCHEMA.types, strict=True)]
            batches.append(pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA))
            pending.clear()
            if writer is None and count > _IN_MEMORY_ROWS:
                file = opened.enter_context(tempfile.NamedTemporaryFile(suffix=".arrow"))
                writer = opened.enter_context(pa.ipc.new_file(file, _SCHEMA))
            if writer is not None:
                for batch in batches:
                    writer.write_batch(batch)
                batches.clear()

        for place, name, text, context, title_length in items:
            check_text(place, name, text, context or "")
            if name in judged:
                if name in positions:
                    raise InputError(f"{place}: the candidate id {name!r} is there twice")
                positions[name] = count
            hashes.append(hash(name))
            pending.append((name, text, context, title_length))
            count += 1
            if len(pending) == _SPOOL_ROWS:
                flush()
        if pending:
            flush()
        if writer is not None:
            writer.close()
            file.flush()
            # The mapping outlives the name, which is gone when this block ends.
            table = pa.ipc.open_file(pa.memory_map(file.name)).read_all()
        else:
            table = pa.Table.from_batches(batches, _SCHEMA)
    _check_unique(table, hashes)
    return Candidates(table, positions)


@contextmanager
def _spool_errors() -> Iterator[None]:
    """Tell what the system refuses to the file of candidates; readers tell of theirs themselves."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{tempfile.tempdir or 'the temporary folder'}: cannot hold a large corpus ({error}). "
            "Free some space there, or set TMPDIR to a folder with more"
        ) from error


def check_text(place: Place | str, *texts: str) -> None:
    """Refuse text that no encoder can be given.

    Raises:
        InputError: one holds half a surrogate pair.
    """
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f"{place}: U+{ord(text[error.start]):04X} is half a surrogate pair; mend the file"
            ) from error


def _check_unique(table: pa.Table, hashes: list[int]) -> None:
    values, counts = np.unique(np.array(hashes, dtype=np.int64), return_counts=True)
    if values.size == len(hashes):
        return
    repeated = set(values[counts > 1].tolist())
    seen: set[str] = set()
    for name in table.column("id").to_pylist():
        if name in seen:
            raise InputError(f"the candidate id {name!r} is there twice in one language's corpus")
        if hash(name) in repeated:
            seen.add(name)
