"""A finished run, written in another tool's form: the whole folder or none of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from pathlib import Path

from bt_augment.errors import ExportError, did_you_mean
from bt_augment.pairs.schema import METHODS
from bt_augment.shards.atomic import storage_errors
from bt_augment.shards.exporting.base import Export, Exporter
from bt_augment.shards.exporting.beir import Beir
from bt_augment.shards.exporting.flagembedding import FlagEmbedding
from bt_augment.shards.exporting.negatives import MOST_NEGATIVES, Negatives
from bt_augment.shards.exporting.rows import ExportRows
from bt_augment.shards.exporting.sentence_transformers import SentenceTransformers
from bt_augment.shards.exporting.squad import Squad
from bt_augment.shards.exporting.tevatron import Tevatron
from bt_augment.shards.manifest import read_manifest
from bt_augment.shards.outputs import refuse_in_run
from bt_augment.shards.store import TRAIN
from bt_augment.shards.verification import sound_shards
from bt_augment.shards.whole_folder import by_pattern, whole_folder
from bt_augment.temporary_database import TemporaryDatabase
from bt_augment.values import whole_number

EXPORT = "export.json"
README = "README.md"

FORMATS: Mapping[str, type[Exporter]] = {
    kind.name: kind for kind in (SentenceTransformers, Tevatron, FlagEmbedding, Beir, Squad)
}


def export(
    folder: Path | str,
    out: Path | str,
    form: str,
    *,
    negatives: int | None = None,
    methods: Collection[str] = METHODS,
    seed: int = 0,
    overwrite: bool = False,
) -> Export:
    """Write the accepted rows of a run, and the native ones it keeps, for another tool.

    The folder appears when it is whole; a process killed before leaves ``.<name>.partial``, which
    the next call removes. Memory holds one shard, a thousand passages of each language where there
    are negatives, and an id for each passage where the form needs passages to be told apart;
    passages of the same title lie in a temporary database.

    Args:
        folder: a finished run.
        out: the folder to write.
        form: a key of ``FORMATS``.
        negatives: passages that do not answer, for each row, up to 100; None is the form's own
            number.
        methods: methods of the rows to take.
        seed: of the choice of negatives.
        overwrite: replace an earlier export, unless files of others lie in it.

    Raises:
        ExportError: the form, a method or the number of negatives is not possible, ``out`` is
            taken or holds files of others, or no row can be written.
        RunFolderError: the folder is no finished run, one of its shards was damaged, or ``out``
            lies in a run.
        StorageError: the disk refused.
    """
    folder, out = Path(folder), Path(out)
    exporter = _exporter(form)
    count = _negatives(exporter, negatives)
    seed = whole_number("seed", seed, ExportError)
    methods = _methods(methods)
    refuse_in_run(out)
    _check_out(out, overwrite=overwrite)
    rows = ExportRows(folder, sound_shards(folder, TRAIN), methods)
    busy = ExportError(f"{out}: another process is writing this export; wait for it")
    with (
        whole_folder(out, busy, _own) as partial,
        storage_errors(out),
        TemporaryDatabase() as database,
    ):
        tally = exporter.write(rows, Negatives(rows, count, seed, database), partial)
        left_out = dict(tally.left_out)
        done = Export(
            format=form,
            rows=tally.written + sum(left_out.values()),
            written=tally.written,
            left_out=left_out,
            partly=dict(tally.partly),
            files=dict(sorted(tally.files.items())),
        )
        if not done.written:
            raise ExportError(f"{folder}: no row can be written as {form}: {_why(done)}")
        told = {
            **asdict(done),
            "negatives": count,
            "methods": sorted(methods),
            "seed": seed,
            "run_fingerprint": read_manifest(folder).fingerprint(),
        }
        (partial / EXPORT).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        (partial / README).write_text(_readme(exporter, done), encoding="utf-8")
    return done


def _exporter(form: str) -> Exporter:
    if form not in FORMATS:
        raise ExportError(
            f"format {form!r} is unknown{did_you_mean(form, FORMATS)}; "
            f"choose from {', '.join(FORMATS)}"
        )
    return FORMATS[form]()


def _negatives(exporter: Exporter, asked: int | None) -> int:
    if asked is None:
        return exporter.negatives
    asked = whole_number("negatives", asked, ExportError, least=0, most=MOST_NEGATIVES)
    if asked and not exporter.takes_negatives:
        raise ExportError(f"the format {exporter.name} has no place for negatives; leave them out")
    return asked


def _methods(asked: Collection[str]) -> frozenset[str]:
    methods = frozenset(asked)
    if not methods:
        raise ExportError("methods names nothing to write; leave it out for all")
    for unknown in sorted(methods - set(METHODS)):
        raise ExportError(
            f"method {unknown!r} is unknown{did_you_mean(unknown, METHODS)}; "
            f"choose from {', '.join(METHODS)}"
        )
    return methods


def _check_out(out: Path, *, overwrite: bool) -> None:
    with storage_errors(out):
        if not out.exists() or (out.is_dir() and not any(out.iterdir())):
            return
        earlier = (out / EXPORT).is_file()
    if not earlier:
        raise ExportError(f"{out}: is not an earlier export; choose another --out")
    if not overwrite:
        raise ExportError(f"{out}: holds an earlier export; choose another --out, or --overwrite")


def _own(folder: Path) -> Callable[[str], bool]:
    """Return what tells the files of an export: a finished one has a list of them."""
    try:
        listed = json.loads((folder / EXPORT).read_bytes())["files"]
        return {EXPORT, README, *listed}.__contains__
    except FileNotFoundError:  # one that was killed
        return by_pattern([EXPORT, README, *(p for kind in FORMATS.values() for p in kind.paths)])
    except (ValueError, KeyError, TypeError, RecursionError):
        return {EXPORT}.__contains__


def _why(done: Export) -> str:
    if not done.left_out:
        return "the run has no accepted rows of these methods"
    return ", ".join(f"{count:,} {reason}" for reason, count in done.left_out.items())


def _readme(exporter: Exporter, done: Export) -> str:
    matter = exporter.front_matter()
    head = f"---\n{matter}---\n\n" if matter else ""
    counts = "\n".join(f"| `{path}` | {count:,} |" for path, count in done.files.items())
    left_out, partly = (
        "".join(f"- {count:,} {reason}\n" for reason, count in part.items())
        for part in (done.left_out, done.partly)
    )
    return (
        f"{head}# Question-answer pairs for {exporter.name}\n\n"
        f"Written by bt-augment. {done.written:,} of {done.rows:,} accepted rows.\n\n"
        f"| file | entries |\n|---|---|\n{counts}\n\n"
        + (f"Left out:\n\n{left_out}\n" if left_out else "")
        + (f"Not in all files:\n\n{partly}\n" if partly else "")
        + f"{exporter.usage}\n\nThe licence of the run's input also holds for what is here.\n"
    )
