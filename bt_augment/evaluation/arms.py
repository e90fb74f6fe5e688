"""Arms of an experiment, and the scores per query of their runs."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bt_augment.errors import InputError
from bt_augment.evaluation.encoders import CTRANSLATE2
from bt_augment.evaluation.results import read_results
from bt_augment.evaluation.strata import linearised, weighted
from bt_augment.names import refuse_impossible

Floats = npt.NDArray[np.float64]
Names = npt.NDArray[np.str_]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Arm:
    """One way of training, by the results of its runs.

    Attributes:
        name: what the table calls it.
        results: one results file per run (seed).
    """

    name: str
    results: tuple[Path, ...]

    def __post_init__(self) -> None:
        """Take strings for paths.

        Raises:
            InputError: there are no results.
        """
        object.__setattr__(self, "results", tuple(map(Path, self.results)))
        for path in self.results:
            refuse_impossible(path, InputError)
        if not self.results:
            raise InputError(f"arm {self.name!r} has no results; name a results file of each run")

    @classmethod
    def parse(cls, text: str) -> Arm:
        """Return the arm written as ``FILE``, or as ``NAME=FILE,FILE,...``.

        Raises:
            InputError: the arm or a file has no name, or a file is there twice, and would count as
                two runs.
        """
        name, equals, files = text.partition("=")
        # Not by Path.is_file, which raises for a list of files that is longer than a name can be.
        if os.path.isfile(text) or not equals:  # noqa: PTH113
            return cls(Path(text).name.removesuffix(".json"), (Path(text),))
        named = [file.strip() for file in files.split(",")]
        if not name.strip():
            raise InputError(f"{text}: an arm has no name; write NAME=FILE,FILE,...")
        if not all(named):
            raise InputError(
                f"{text}: a name of a file is empty; write NAME=FILE,FILE,... with a comma "
                "between two files alone"
            )
        results = tuple(map(Path, named))
        places = [os.path.realpath(path) for path in results]  # one may be spelled in two ways
        if twice := next(
            (path for path, place in zip(results, places, strict=True) if places.count(place) > 1),
            None,
        ):
            raise InputError(
                f"{text}: {twice} is there twice; each run of an arm is one results file"
            )
        return cls(name.strip(), results)


def refuse_same_names(arms: Sequence[Arm]) -> None:
    """Refuse arms that tables and figures could not tell apart.

    Raises:
        InputError: two arms have one name.
    """
    names = [arm.name for arm in arms]
    if len(set(names)) < len(names):
        raise InputError(f"two arms have one name ({', '.join(names)}); write NAME=FILE")


class QuestionScores(NamedTuple):
    """What each question says of a macro average.

    Attributes:
        ids: of the questions, ascending.
        values: linearised, shape (runs, questions), for variances, intervals and t-tests.
        weighted: each question's own scores, weighted, shape (runs, questions), for tests that
            swap those of two arms. The mean of both is the macro average.
    """

    ids: Names
    values: Floats
    weighted: Floats


@dataclass(frozen=True)
class LoadedArm:
    """An arm with its results, as far as one measure goes.

    Attributes:
        arm: whose they are.
        contents: the results file of each run.
        tables: of each run, the scores per query by the measure.
    """

    arm: Arm
    contents: tuple[dict[str, Any], ...]
    tables: tuple[pa.Table, ...]

    @property
    def name(self) -> str:
        """Return the arm's name."""
        return self.arm.name

    def by_question(self, setting: str) -> QuestionScores | None:
        """Return the scores of the questions in a setting; None where a run was not measured in it.

        The scores of a question in all languages and pairs of languages are one, weighted as in
        the macro average.

        Raises:
            InputError: the runs were evaluated on different questions.
        """
        wanted = pc.field("setting") == setting
        return self._scores(table.filter(wanted) for table in self.tables)

    def by_pair(self, query_language: str, candidate_language: str) -> Floats | None:
        """Return the scores of one pair of languages, shape (runs, questions).

        Raises:
            InputError: the runs were evaluated on different questions.
        """
        pair = (query_language, candidate_language)
        found = self._scores(
            table.take(rows.get(pair, np.empty(0, np.int64)))
            for table, rows in zip(self.tables, self._rows_by_pair, strict=True)
        )
        return None if found is None else found.weighted

    @cached_property
    def _rows_by_pair(self) -> list[dict[tuple[str, str], npt.NDArray[np.int64]]]:
        """Return where the scores of each pair are: a benchmark has a hundred, all asked for."""
        return [_rows_by_pair(table) for table in self.tables]

    def _scores(self, chosen_rows: Iterable[pa.Table]) -> QuestionScores | None:
        runs: list[QuestionScores] = []
        for path, chosen in zip(self.arm.results, chosen_rows, strict=True):
            if not chosen.num_rows:
                return None
            runs.append(_by_question(chosen))
            if not np.array_equal(runs[0].ids, runs[-1].ids):
                raise InputError(
                    f"{path}: was evaluated on other questions than {self.arm.results[0]}"
                )
        return QuestionScores(
            runs[0].ids,
            np.stack([run.values for run in runs]),
            np.stack([run.weighted for run in runs]),
        )


def load_arms(arms: Sequence[Arm], metric: str) -> list[LoadedArm]:
    """Return the arms with their results.

    Args:
        arms: one or more.
        metric: the measure whose scores are wanted.

    Raises:
        InputError: results that cannot be read, or that are not of one benchmark.
    """
    if not arms:
        raise InputError("name one arm or more: results files, or NAME=FILE,FILE,... for seeds")
    loaded = []
    for arm in arms:
        read = [_read(path, metric) for path in arm.results]
        loaded.append(LoadedArm(arm, tuple(c for c, _ in read), tuple(t for _, t in read)))
    _check_same([pair for part in loaded for pair in
                 zip(part.arm.results, part.contents, strict=True)])  # fmt: skip
    return loaded


def _read(path: Path, metric: str) -> tuple[dict[str, Any], pa.Table]:
    content, table = read_results(path)
    return content, table.filter(pc.field("measure") == metric)


def _check_same(results: Sequence[tuple[Path, dict[str, Any]]]) -> None:
    first_path, first = results[0]
    for path, content in results[1:]:
        for key in ("benchmark", "candidate_text", "counts"):
            if content.get(key) != first.get(key):
                raise InputError(
                    f"{path} and {first_path} cannot be compared: {key} is "
                    f"{_short(content.get(key))} in the one and {_short(first.get(key))} in the "
                    "other"
                )
        digests = [part.get("benchmark_digest") for part in (first, content)]
        if all(digests) and digests[0] != digests[1]:  # results of earlier versions have none
            raise InputError(
                f"{path} and {first_path} cannot be compared: their {first.get('benchmark')} had "
                "other texts or judgements; evaluate both on one folder"
            )
    int8 = [path for path, content in results if content.get("backend") == CTRANSLATE2]
    if 0 < len(int8) < len(results):
        logger.warning(
            "%s: evaluated in int8 (--backend ctranslate2), as others here are not; a difference "
            "may be of that alone",
            ", ".join(map(str, int8)),
        )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _rows_by_pair(table: pa.Table) -> dict[tuple[str, str], npt.NDArray[np.int64]]:
    columns = [
        table.column(name).combine_chunks().cast(pa.string()).fill_null("").dictionary_encode()
        for name in ("query_language", "candidate_language")
    ]
    words = [column.dictionary.to_pylist() for column in columns]
    codes = [column.indices.to_numpy() for column in columns]
    pair = codes[0].astype(np.int64) * max(1, len(words[1])) + codes[1]
    order = np.argsort(pair, kind="stable")
    found, starts = np.unique(pair[order], return_index=True)
    return {
        (words[0][number // len(words[1])], words[1][number % len(words[1])]): rows
        for number, rows in zip(found.tolist(), np.split(order, starts[1:]), strict=True)
    }


def _by_question(table: pa.Table) -> QuestionScores:
    """Return the scores of one run, shape (questions,)."""
    pairs = [
        table.column(name).combine_chunks().cast(pa.string()).fill_null("").to_numpy(False)
        for name in ("query_language", "candidate_language")
    ]
    _, pair = np.unique(np.char.add(np.char.add(pairs[0].astype(str), " "), pairs[1].astype(str)),
                        return_inverse=True)  # fmt: skip
    names, question = np.unique(table.column("query").to_numpy().astype(str), return_inverse=True)
    scores = table.column("value").to_numpy().astype(np.float64)
    return QuestionScores(
        names, linearised(scores, question, pair), weighted(scores, question, pair)
    )
