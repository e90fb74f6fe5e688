"""The accepted rows of run folders, checked and aligned by the native pair they came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bt_augment.errors import TrainingError, did_you_mean
from bt_augment.languages import without_region
from bt_augment.pairs.schema import METHODS, NATIVE
from bt_augment.shards.run_folder import read_run
from bt_augment.shards.store import TRAIN, read_shard, shard_errors
from bt_augment.shards.verification import sound_shards

if TYPE_CHECKING:
    from datasets import Dataset

_TEXTS = ("question", "passage", "title")
_LABELS = ("id", "source_id", "group_id", "question_lang", "passage_lang", "method")


@dataclass(frozen=True)
class Run:
    """One run folder, as the training manifest names it.

    Attributes:
        folder: its path, absolute.
        fingerprint: SHA-256 over the SHA-256 of its shards of accepted rows.
        rows: accepted and native rows in it.
    """

    folder: Path
    fingerprint: str
    rows: int


@dataclass(frozen=True)
class AlignedRows:
    """Rows that may be trained on. The arrays are parallel, one entry a row.

    Attributes:
        runs: where they came from.
        texts: ``question``, ``passage`` and ``title`` of all rows of the runs, memory-mapped.
        at: place of each row in ``texts``.
        source: code of the native pair; equal codes are versions of one pair.
        group: code of ``group_id`` (in ``groups``).
        question_lang: code of the question's language (in ``languages``).
        passage_lang: code of the passage's language.
        method: code of the method (in ``METHODS``).
        groups: the group ids.
        languages: BCP-47 tags.
    """

    runs: tuple[Run, ...]
    texts: Dataset
    at: npt.NDArray[np.int64]
    source: npt.NDArray[np.int64]
    group: npt.NDArray[np.int64]
    question_lang: npt.NDArray[np.int64]
    passage_lang: npt.NDArray[np.int64]
    method: npt.NDArray[np.int64]
    groups: tuple[str, ...]
    languages: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.at)

    @property
    def native(self) -> npt.NDArray[np.bool_]:
        """Return which rows are native."""
        return cast("npt.NDArray[np.bool_]", self.method == METHODS.index(NATIVE))

    def select(self, wanted: npt.NDArray[np.bool_]) -> AlignedRows:
        """Return the rows where ``wanted`` holds; texts are shared, not copied."""
        return replace(
            self,
            at=self.at[wanted],
            source=self.source[wanted],
            group=self.group[wanted],
            question_lang=self.question_lang[wanted],
            passage_lang=self.passage_lang[wanted],
            method=self.method[wanted],
        )

    def counts(self) -> dict[str, dict[str, int]]:
        """Return rows by method and by language of the passage."""
        by_method = np.bincount(self.method, minlength=len(METHODS))
        by_language = np.bincount(self.passage_lang, minlength=len(self.languages))
        return {
            "methods": {m: int(n) for m, n in zip(METHODS, by_method, strict=True) if n},
            "languages": {t: int(n) for t, n in zip(self.languages, by_language, strict=True) if n},
        }


def read_rows(
    folders: Sequence[Path],
    *,
    methods: Collection[str] = METHODS,
    languages: Collection[str] | None = None,
) -> AlignedRows:
    """Read the accepted rows of finished runs; texts stay on the disk, memory-mapped.

    Runs over the same input files share their source ids, so that the translation of one run is
    aligned with the native rows, or the round trip, of another. Rows that two such runs both
    hold count once.

    Args:
        folders: run folders made by ``generate`` or ``filter``.
        methods: methods of the rows to take.
        languages: take rows whose question and passage are both in these; None takes all.

    Raises:
        RunFolderError: a folder is no finished run, or one of its shards was damaged.
        TrainingError: an unknown method, or no row is left.
    """
    if unknown := next((m for m in methods if m not in METHODS), None):
        raise TrainingError(
            f"method {unknown!r} is unknown{did_you_mean(unknown, METHODS)}; "
            f"choose from {', '.join(METHODS)}"
        )
    if not folders:
        raise TrainingError("name one run folder or more to train on")
    runs, shards, labels = _read(folders)
    rows = _aligned(runs, shards, labels)
    wanted = np.isin(rows.method, [METHODS.index(m) for m in methods])
    if languages is not None:
        tags = {without_region(tag) for tag in languages}
        codes = [code for code, tag in enumerate(rows.languages) if tag in tags]
        wanted &= np.isin(rows.question_lang, codes) & np.isin(rows.passage_lang, codes)
    chosen = rows.select(wanted)
    if not len(chosen):
        counts = rows.counts()
        if not len(rows):
            raise TrainingError("no rows to train on: the runs have no accepted row")
        raise TrainingError(
            f"no rows to train on: the runs hold {_said(counts['methods'])} in "
            f"{_said(counts['languages'])}, of which the methods and languages asked for take none"
        )
    return chosen


def _said(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in counts.items())


def _read(folders: Sequence[Path]) -> tuple[list[Run], list[Path], pa.Table]:
    """Return the runs, their shards, and the labels of all rows with ``input``, the input's key."""
    runs, shards, tables = [], [], []
    for folder in dict.fromkeys(f.resolve() for f in folders):
        entries = sound_shards(folder, TRAIN)
        source = _input_key(read_run(folder), folder)
        digest = hashlib.sha256("".join(e.sha256 for e in entries).encode()).hexdigest()
        runs.append(Run(folder, digest, sum(e.rows for e in entries)))
        for entry in entries:
            table = read_shard(folder / entry.path).select(list(_LABELS))
            tables.append(table.append_column("input", pa.array([source] * table.num_rows)))
            shards.append(folder / entry.path)
    return runs, shards, pa.concat_tables(tables)


def _input_key(run: Mapping[str, Any], folder: Path) -> str:
    """Return what runs over the same input share."""
    inputs = run.get("inputs")
    known = [
        source.get("sha256") or [source.get(k) for k in ("path", "config", "split", "revision")]
        for source in inputs or []
    ]
    return json.dumps(known) if known else str(folder)


def _aligned(runs: Sequence[Run], shards: Sequence[Path], labels: pa.Table) -> AlignedRows:
    from datasets import Dataset, concatenate_datasets

    parts = []
    for path in shards:
        with shard_errors(path):
            parts.append(Dataset.from_file(str(path)).select_columns(list(_TEXTS)))
    texts = concatenate_datasets(parts)
    codes = {name: _codes(labels.column(name)) for name in ("group_id", "input", "source_id")}
    sources = codes["input"][0] * (len(codes["source_id"][1]) + 1) + codes["source_id"][0]
    # One list of tags for both columns. A round trip of a text in pt-BR is in pt: one language.
    columns = (labels.column(name).to_pylist() for name in ("question_lang", "passage_lang"))
    tags = [without_region(tag) for column in columns for tag in column]
    languages = tuple(sorted(set(tags)))
    lang_code = {tag: code for code, tag in enumerate(languages)}
    lang_codes = np.array([lang_code[tag] for tag in tags], dtype=np.int64)
    method_code = {name: code for code, name in enumerate(METHODS)}
    rows = AlignedRows(
        runs=tuple(runs),
        texts=texts,
        at=np.arange(labels.num_rows, dtype=np.int64),
        source=np.unique(sources, return_inverse=True)[1].astype(np.int64),
        group=codes["group_id"][0],
        question_lang=lang_codes[: labels.num_rows],
        passage_lang=lang_codes[labels.num_rows :],
        method=np.array(
            [method_code[m] for m in labels.column("method").to_pylist()], dtype=np.int64
        ),
        groups=codes["group_id"][1],
        languages=languages,
    )
    return rows.select(_first_copies(rows, labels)) if len(runs) > 1 else rows


def _codes(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    return encoded.indices.to_numpy().astype(np.int64), tuple(encoded.dictionary.to_pylist())


def _first_copies(rows: AlignedRows, labels: pa.Table) -> npt.NDArray[np.bool_]:
    """Tell which rows are not copies of a row of an earlier run: same source, id and texts."""
    ids, _ = _codes(labels.column("id"))
    _, keys, uses = np.unique(
        np.stack([rows.source, ids]), axis=1, return_inverse=True, return_counts=True
    )
    keep = np.ones(len(rows), dtype=np.bool_)
    seen: set[tuple[int, str, str]] = set()
    for row in np.flatnonzero(uses[keys] > 1):
        text = rows.texts[int(row)]
        mark = (int(keys[row]), text["question"], text["passage"])
        keep[row] = mark not in seen
        seen.add(mark)
    return keep


def held_out(rows: AlignedRows, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Tell which rows belong to the held-out split.

    Whole groups are held out, so that a passage and its translations are on one side. A hash of
    the group's id and the seed decides, so that arms which train on other methods, or on a part
    of the data, hold out the same groups.

    Args:
        rows: all rows.
        share: expected share of the groups, from 0 to below 1; above 0, at least one group.
        seed: salts the choice.
    """
    if share <= 0:
        return np.zeros(len(rows), dtype=np.bool_)
    draws = {code: _draw(rows.groups[code], seed) for code in np.unique(rows.group).tolist()}
    chosen = [code for code, draw in draws.items() if draw < share]
    return np.isin(rows.group, chosen or [min(draws, key=draws.__getitem__)])


def _draw(group: str, seed: int) -> float:
    digest = hashlib.blake2b(f"{seed}\x1f{group}".encode(), digest_size=8).digest()
    return float(int.from_bytes(digest, "big") / 2**64)
