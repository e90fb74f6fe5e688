"""The benchmarks by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bt_augment.errors import InputError, did_you_mean
from bt_augment.evaluation.benchmarks.base import Benchmark, Collection, LanguageTexts
from bt_augment.evaluation.benchmarks.beir import Beir
from bt_augment.evaluation.benchmarks.lareqa import Lareqa
from bt_augment.evaluation.benchmarks.miracl import Miracl
from bt_augment.evaluation.benchmarks.toolret import ToolRet
from bt_augment.evaluation.benchmarks.xtyle import Xtyle
from bt_augment.languages import normalize_tag

BENCHMARKS: Mapping[str, Benchmark] = {
    benchmark.name: benchmark
    for benchmark in (
        Lareqa("xquad-r"),
        Lareqa("mlqa-r"),
        Miracl("miracl"),
        Miracl("miracl-hard-negatives"),
        Beir("beir"),
        ToolRet("toolret"),
        ToolRet("toolret-instructed", instructed=True),
        Xtyle("xtyle"),
    )
}


def load(name: str, folder: Path, languages: Sequence[str] | None = None) -> Collection:
    """Return a benchmark, all of it checked.

    Args:
        name: one of :data:`BENCHMARKS`.
        folder: where its files are.
        languages: tags of the wanted languages; None for all in the folder.

    Raises:
        InputError: no such benchmark, or its files cannot be used.
        LanguageError: ``languages`` holds something else.
    """
    if name not in BENCHMARKS:
        raise InputError(
            f"unknown benchmark {name!r}{did_you_mean(name, BENCHMARKS)}; "
            f"one of {', '.join(BENCHMARKS)}"
        )
    if languages is not None and not languages:
        raise InputError("no language is named; leave --languages out for all of them")
    wanted = None if languages is None else [normalize_tag(tag) for tag in languages]
    return BENCHMARKS[name].load(folder, wanted)


def other_texts(name: str, folder: Path, languages: Sequence[str]) -> Iterator[LanguageTexts]:
    """Yield what a folder says in languages that were not loaded, to be read as it is wanted.

    Args:
        name: one of :data:`BENCHMARKS`.
        folder: where its files are.
        languages: normalized tags of those that were loaded.

    Raises:
        InputError: a file is broken; also when the texts are read.
    """
    return BENCHMARKS[name].other_texts(folder, languages)
