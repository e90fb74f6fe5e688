"""The results file, and the scores per query that are kept beside it."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bt_augment.errors import InputError, StorageError
from bt_augment.evaluation.benchmarks.base import CROSS, MONO, MULTI
from bt_augment.evaluation.metrics import Floats, Scores
from bt_augment.shards.atomic import read_errors, write_atomically

RANK_DISTANCE, PEER = "rank_distance", "peer"


@dataclass
class ScoreTable:
    """Collects the scores per query of all settings, and averages them.

    Attributes:
        measures: names of the measures.
        matrix: mean by measure, query language and candidate language.
        multi: mean by measure and query language, over the pool of all languages.
    """

    measures: tuple[str, ...]
    matrix: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    multi: dict[str, dict[str, float]] = field(default_factory=dict)
    bias: dict[str, dict[str, float]] = field(default_factory=dict)
    _batches: list[pa.Table] = field(default_factory=list)

    def add(self, language: str, pool: str | None, ids: list[str], scores: Scores) -> None:
        """Add the scores of one pair of languages; no pool means all languages together."""
        means = scores.means()
        for name in self.measures:
            if pool is None:
                self.multi.setdefault(name, {})[language] = means[name]
            else:
                self.matrix.setdefault(name, {}).setdefault(language, {})[pool] = means[name]
        setting = MULTI if pool is None else MONO if pool == language else CROSS
        self._rows(setting, language, pool, ids, scores.values)

    def add_bias(self, language: str, measure: str, ids: list[str], values: Floats) -> None:
        """Add a measure of language bias, per query of a language."""
        if values.size:
            self.bias.setdefault(measure, {})[language] = float(values.mean())
            self._rows(MULTI, language, None, ids, {measure: values})

    def settings(self) -> dict[str, dict[str, float]]:
        """Return the macro averages of each setting: over languages, or pairs of them."""
        averages: dict[str, dict[str, float]] = {}
        for name, rows in self.matrix.items():
            cells = [(q == c, value) for q, row in rows.items() for c, value in row.items()]
            for setting, diagonal in ((MONO, True), (CROSS, False)):
                chosen = [value for same, value in cells if same is diagonal]
                if chosen:
                    averages.setdefault(setting, {})[name] = _mean(chosen)
        for name, by_language in self.multi.items():
            averages.setdefault(MULTI, {})[name] = _mean(by_language.values())
        return averages

    def language_bias(self) -> dict[str, dict[str, float]]:
        """Return each measure of bias: its mean over languages, and by language."""
        return {name: {"mean": _mean(part.values()), **part} for name, part in self.bias.items()}

    def per_query(self) -> pa.Table:
        """Return one row per query, pool and measure."""
        return pa.concat_tables(self._batches)

    def _rows(
        self,
        setting: str,
        language: str,
        pool: str | None,
        ids: list[str],
        values: Mapping[str, Floats],
    ) -> None:
        for name, column in values.items():
            size = len(ids)
            columns: list[list[str | None]] = [
                [setting] * size, [language] * size, [pool] * size, [name] * size
            ]  # fmt: skip
            arrays = [pa.array(c, pa.string()).dictionary_encode() for c in columns]
            self._batches.append(
                pa.table([*arrays, pa.array(ids, pa.string()), pa.array(column)], _SCHEMA)
            )


_WORD = pa.dictionary(pa.int32(), pa.string())
_MOST_DIGITS = 300  # more are none that is counted, and no float holds them
_SCHEMA = pa.schema(
    [
        ("setting", _WORD),
        ("query_language", _WORD),
        ("candidate_language", _WORD),
        ("measure", _WORD),
        ("query", pa.string()),
        ("value", pa.float64()),
    ]
)

_BEGINNING = re.compile(rb'\s*\{\s*"model"\s*:')  # as write_results has it
_LOOKED_AT = 64  # bytes

_LONGEST_NUMBER = 64  # bits; JSON may hold whole numbers that are no float


def per_query_path(results: Path) -> Path:
    """Return the file of scores per query beside a results file."""
    return results.with_name(f"{results.name.removesuffix('.json')}.per_query.parquet")


def write_results(path: Path, content: Mapping[str, Any], per_query: pa.Table) -> None:
    """Write a results file and, before it, its scores per query.

    Raises:
        StorageError: the disk refused.
    """
    buffer = io.BytesIO()
    pq.write_table(per_query, buffer, compression="zstd")
    write_atomically(per_query_path(path), buffer.getvalue())
    text = json.dumps(content, ensure_ascii=False, indent=1)
    write_atomically(path, f"{text}\n".encode())


def _whole_number(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def read_content(path: Path) -> dict[str, Any]:
    """Return a results file, without its scores per query.

    Raises:
        InputError: it is missing or damaged.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; name one that evaluate wrote")
    try:
        with read_errors(path):
            content = json.loads(path.read_bytes(), parse_int=_whole_number)
        known = isinstance(content, dict) and {"model", "benchmark", "settings"} <= content.keys()
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: cannot be read as a results file ({error}); name one that evaluate wrote. If "
            "it is one, it was damaged: evaluate again with the same --out, or, of an experiment, "
            "run the same command again"
        ) from error
    if not known:
        raise InputError(f"{path}: is not a results file of bt-augment evaluate")
    loaded: dict[str, Any] = content
    return loaded


def is_results(path: Path) -> bool:
    """Return whether a file is a results file, by what it holds."""
    try:
        with path.open("rb") as file:
            if not _BEGINNING.match(file.read(_LOOKED_AT)):
                return False  # without reading all of a tokenizer
        read_content(path)
    except (OSError, InputError, StorageError):
        return False
    return True


def read_results(path: Path) -> tuple[dict[str, Any], pa.Table]:
    """Return a results file and its scores per query.

    Raises:
        InputError: one of the two is missing or damaged, or they are of two evaluations.
    """
    content = read_content(path)
    for key in ("settings", "language_bias"):
        if not _are_numbers(content.get(key, {})):
            raise InputError(f"{path}: is not a results file of bt-augment evaluate: {key}")
    beside = per_query_path(path)
    try:
        with read_errors(beside):
            table = pq.read_table(beside, schema=_SCHEMA)
        table.validate(full=True)  # words may be numbered beyond the dictionary
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"{beside}: cannot be read ({error}); it is written beside {path.name}, so keep the "
            "two together, or delete both and evaluate again (of an experiment, run the same "
            "command again)"
        ) from error
    # Two files cannot be replaced at once: a killed evaluation, or a second one with the same
    # --out, leaves the scores of one model beside the means of another.
    means = _macro_averages(table)
    for setting, part in content["settings"].items():
        for name, stated in part.items():
            found = means.get((setting, name), math.nan)
            if not math.isclose(found, stated, rel_tol=1e-6, abs_tol=1e-9):
                raise InputError(
                    f"{beside}: holds the scores of another evaluation than {path.name} ({name}, "
                    f"{setting}: mean {found:.6g}, not {stated:.6g}); evaluate again"
                )
    return content, table


def _macro_averages(table: pa.Table) -> dict[tuple[str, str], float]:
    """Return setting and measure → mean over languages, or pairs of them."""
    cells = table.unify_dictionaries().group_by(_SCHEMA.names[:4]).aggregate([("value", "mean")])
    found: dict[tuple[str, str], list[float]] = {}
    for cell in cells.to_pylist():
        if cell["value_mean"] is not None:
            found.setdefault((cell["setting"], cell["measure"]), []).append(cell["value_mean"])
    return {key: _mean(values) for key, values in found.items()}


def _are_numbers(table: Any) -> bool:
    return isinstance(table, dict) and all(
        isinstance(part, dict) and all(map(_is_number, part.values())) for part in table.values()
    )


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return not math.isinf(value)
    return isinstance(value, int) and value.bit_length() <= _LONGEST_NUMBER


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)
