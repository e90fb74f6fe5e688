"""Made rows on their way from a route to the filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from unicodedata import normalize

import numpy as np
import numpy.typing as npt
import pyarrow as pa

ScoreArray = npt.NDArray[np.float32]  # shape (rows,); NaN where a score could not be computed

_TEXTS = frozenset({"question", "passage", "title", "pivot_question", "pivot_passage"})


@dataclass(frozen=True)
class CandidateBatch:
    """Made rows with the native rows they came from, line by line.

    Attributes:
        rows: record batch of made rows (``pairs.schema.made_schema``).
        sources: record batch of the same length: the native row of each made row
            (``pairs.schema.native_schema``).
        evidence: what only the engine knows, one float per row: ``logprob`` (the lowest mean
            token log-probability over hops and texts, nats) and ``truncated`` (number of
            segments that hit a token limit) and ``untranslated`` (1 where the pair was too long to
            be translated, and the made texts are empty). A key may be absent.
    """

    rows: pa.RecordBatch
    sources: pa.RecordBatch
    evidence: Mapping[str, ScoreArray] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of candidates."""
        return int(self.rows.num_rows)

    def made(self, column: str) -> list[Any]:
        """Return a column of the made rows as Python values (converted once), texts in NFC."""
        return self._column("made", self.rows, column)

    def source(self, column: str) -> list[Any]:
        """Return a column of the native rows as Python values (converted once), texts in NFC."""
        return self._column("source", self.sources, column)

    @cached_property
    def _columns(self) -> dict[tuple[str, str], list[Any]]:
        return {}

    def _column(self, side: str, batch: pa.RecordBatch, column: str) -> list[Any]:
        if (side, column) not in self._columns:
            self._columns[side, column] = _composed(column, batch.column(column).to_pylist())
        return self._columns[side, column]


def _composed(column: str, values: list[Any]) -> list[Any]:
    """Return values with letters and their accents as one character, as models write them."""
    if column in _TEXTS:
        return [value and normalize("NFC", value) for value in values]
    if column == "answers":
        return [
            answers and [{**a, "text": normalize("NFC", a["text"])} for a in answers]
            for answers in values
        ]
    return values
