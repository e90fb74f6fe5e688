"""What augmentation makes of a unit, and how several kinds of it are put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bt_augment.pairs.candidates import CandidateBatch, ScoreArray
from bt_augment.pairs.schema import taken


@dataclass(frozen=True)
class Made:
    """What routes or switches made of a unit.

    Attributes:
        batch: made rows beside the native rows they came from, ordered by native row, then
            route, then candidate.
        at: place of the native row of each made row in the unit.
        tokens: target tokens decoded, over all hops.
        not_applicable: route → native rows that are not in its first language.
    """

    batch: CandidateBatch
    at: tuple[int, ...]
    tokens: int
    not_applicable: Mapping[str, int]


class Augmenter(Protocol):
    """Makes rows of a unit of native rows."""

    def apply(self, natives: pa.RecordBatch, unit: int) -> Made:
        """Return the made rows; a pure function of the rows and the number of the unit."""


def apply_all(augmenters: Sequence[Augmenter], natives: pa.RecordBatch, unit: int) -> Made:
    """Return what all augmenters make of a unit, ordered by native row, then augmenter."""
    parts = [augmenter.apply(natives, unit) for augmenter in augmenters]
    if len(parts) == 1:
        return parts[0]
    at = np.concatenate([np.array(part.at, dtype=np.int64) for part in parts])
    order = np.argsort(at, kind="stable")
    batch = CandidateBatch(
        rows=taken([part.batch.rows for part in parts], order),
        sources=taken([part.batch.sources for part in parts], order),
        evidence=_evidence([part.batch for part in parts], order),
    )
    return Made(
        batch,
        at=tuple(at[order].tolist()),
        tokens=sum(part.tokens for part in parts),
        not_applicable={k: v for part in parts for k, v in part.not_applicable.items()},
    )


def _evidence(
    batches: Sequence[CandidateBatch], order: npt.NDArray[np.int64]
) -> dict[str, ScoreArray]:
    """Return the evidence of all batches; what one of them does not know is NaN."""
    names = dict.fromkeys(name for batch in batches for name in batch.evidence)
    return {
        name: np.concatenate(
            [
                batch.evidence.get(name, np.full(len(batch), np.nan, dtype=np.float32))
                for batch in batches
            ]
        )[order]
        for name in names
    }
