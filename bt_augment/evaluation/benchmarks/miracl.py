"""MIRACL (Zhang et al. 2023, TACL): ad hoc retrieval in 18 languages, each in its own corpus.

Two layouts of the Hugging Face hub are read:

- ``miracl/miracl`` and ``miracl/miracl-corpus``: ``miracl-v1.0-<lang>/topics/*.tsv``,
  ``miracl-v1.0-<lang>/qrels/*.tsv`` and ``miracl-corpus-v1.0-<lang>/docs-*.jsonl.gz``;
- ``mteb/MIRACLRetrieval`` and its hard-negatives subset: folders ``<lang>-queries``,
  ``<lang>-qrels`` and ``<lang>-corpus`` of Parquet or JSON lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bt_augment.errors import InputError, LanguageError
from bt_augment.evaluation.benchmarks.base import (
    MONO,
    Benchmark,
    Candidates,
    Collection,
    Qrels,
    Queries,
    choose_languages,
)
from bt_augment.evaluation.benchmarks.beir import only_judged
from bt_augment.evaluation.benchmarks.files import (
    check_qrels,
    find_file,
    merged,
    read_candidates,
    read_qrels,
    read_queries,
    read_tsv_queries,
)
from bt_augment.languages import normalize_tag
from bt_augment.pairs.readers.beir import COMPRESSED

_SPLIT = "dev"  # its answers are public, those of test-a and test-b are not
_SUFFIXES = (".parquet", ".jsonl", ".tsv", *COMPRESSED[1:])
_FOLDER = re.compile(r"miracl-v1\.0-([\w-]+)|([\w-]+)-queries")


class _Judged(NamedTuple):
    queries: Sequence[Path]
    qrels: Sequence[Path]


class Miracl(Benchmark):
    """MIRACL's development split, or the subset of it with hard negatives alone."""

    settings = (MONO,)

    def load(self, folder: Path, languages: Sequence[str] | None) -> Collection:
        """Return the languages of a folder; ids are ``<lang>:<id>``, as corpora share theirs."""
        available = _languages(folder)
        queries: dict[str, Queries] = {}
        candidates: dict[str, Candidates] = {}
        qrels: Qrels = {}
        for tag in choose_languages(folder, available, languages):
            paths, corpus = _judged(available[tag], tag), _corpus(available[tag], tag)
            parts = [read_qrels(path, f"{tag}:") for path in paths.qrels]
            own = merged(paths.qrels, parts)
            read = _queries(paths.queries, tag)
            queries[tag] = only_judged(read, set(own))
            judged = {name for grades in own.values() for name in grades}
            candidates[tag] = read_candidates(corpus, judged, f"{tag}:")
            found = set(candidates[tag].positions)
            for path, part in zip(paths.qrels, parts, strict=True):
                check_qrels(path, part, set(read.ids), found, f"{tag}:")
            qrels |= own
        return self.collection(queries, candidates, qrels, parallel=False)


def _queries(paths: Sequence[Path], tag: str) -> Queries:
    if ".tsv" in paths[0].suffixes:
        return read_tsv_queries(paths[0], f"{tag}:")
    return read_queries(paths, f"{tag}:")


def _languages(folder: Path) -> dict[str, Path]:
    """Return the folder of the queries of each language, at the top or one level below."""
    if not folder.is_dir():
        raise InputError(f"{folder}: is not a folder; give the benchmark's folder with --data")
    found: dict[str, Path] = {}
    for path in sorted([*folder.iterdir(), *folder.glob("*/*")]):
        match = _FOLDER.fullmatch(path.name)
        if match is None or not path.is_dir():
            continue
        try:
            found.setdefault(normalize_tag(match[1] or match[2]), path)
        except LanguageError:
            continue
    return found


def _spelled(queries: Path, tag: str) -> str:
    match = _FOLDER.fullmatch(queries.name)
    return (match[1] or match[2]) if match else tag


def _judged(queries: Path, tag: str) -> _Judged:
    spelled = _spelled(queries, tag)
    if queries.name.endswith("-queries"):
        qrels = _some(queries.parent / f"{spelled}-qrels", "*", tag)
        return _Judged(_some(queries, "*", tag), _of_split(qrels))
    name = f"miracl-v1.0-{spelled}-{_SPLIT}.tsv"
    return _Judged(
        _table(queries / "topics", f"topics.{name}", tag),
        _table(queries / "qrels", f"qrels.{name}", tag),
    )


def _corpus(queries: Path, tag: str) -> Sequence[Path]:
    spelled = _spelled(queries, tag)
    if queries.name.endswith("-queries"):
        return _some(queries.parent / f"{spelled}-corpus", "*", tag)
    corpus = f"miracl-corpus-v1.0-{spelled}"
    places = [queries.parent / corpus, *queries.parent.parent.glob(f"*/{corpus}")]
    place = next((p for p in places if p.is_dir()), places[0])
    return _some(place, "docs-*.jsonl*", tag)


def _of_split(files: Sequence[Path]) -> Sequence[Path]:
    """Return the files of the development split; all of them where none is named after it."""
    return [path for path in files if path.name.startswith(_SPLIT)] or files


def _table(folder: Path, name: str, tag: str) -> list[Path]:
    path = find_file(folder, name)
    if path is None:
        raise InputError(f"{folder}: has no {name}, which MIRACL needs for {tag!r}")
    return [path]


def _some(folder: Path, pattern: str, tag: str) -> list[Path]:
    found = sorted(p for p in folder.glob(pattern) if p.is_file() and p.suffix in _SUFFIXES)
    if not found:
        raise InputError(f"{folder}: has no {pattern}, which MIRACL needs for {tag!r}")
    return found
