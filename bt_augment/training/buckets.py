"""Buckets: the pairs of one language, or of one language pair, and which of them can be used."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from bt_augment.errors import TrainingError
from bt_augment.training.pair_index import PairIndex

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bucket:
    """The pairs of one language (``en``) or language pair (``en-pt``).

    Attributes:
        name: language, or question's and passage's language.
        native: numbers of the pairs with a native text.
        made: numbers of the others.
    """

    name: str
    native: npt.NDArray[np.int64]
    made: npt.NDArray[np.int64]

    @property
    def size(self) -> int:
        """Return the number of pairs."""
        return len(self.native) + len(self.made)

    @property
    def mixed(self) -> bool:
        """Tell whether there are pairs of both kinds."""
        return len(self.native) > 0 and len(self.made) > 0

    @property
    def pairs(self) -> npt.NDArray[np.int64]:
        """Return the numbers of all pairs."""
        return np.concatenate([self.native, self.made])


@dataclass(frozen=True)
class Buckets:
    """What monolingual and what cross-lingual batches are drawn from."""

    monolingual: tuple[Bucket, ...]
    cross_lingual: tuple[Bucket, ...]

    @cached_property
    def all(self) -> tuple[Bucket, ...]:
        """Return all buckets, the monolingual ones first; a bucket's place is its number."""
        return (*self.monolingual, *self.cross_lingual)

    @property
    def monolingual_numbers(self) -> range:
        """Return the numbers of the monolingual buckets."""
        return range(len(self.monolingual))

    @property
    def cross_numbers(self) -> range:
        """Return the numbers of the cross-lingual buckets."""
        return range(len(self.monolingual), len(self.all))

    @cached_property
    def mixed(self) -> npt.NDArray[np.bool_]:
        """Tell by number which buckets have pairs of both kinds."""
        return np.array([bucket.mixed for bucket in self.all], dtype=np.bool_)

    @cached_property
    def only_made(self) -> npt.NDArray[np.bool_]:
        """Tell by number which buckets have made pairs only."""
        return np.array([not len(bucket.native) for bucket in self.all], dtype=np.bool_)


def sort_into_buckets(
    index: PairIndex,
    *,
    alpha: float,
    augmented_share: float | None,
    examples: int,
    ranks: int,
    pairs_per_batch: bool,
) -> Buckets:
    """Return the buckets that can fill a step; a language too small for that is left out.

    Args:
        index: all pairs.
        alpha: probability of a monolingual step.
        augmented_share: 0 leaves made pairs out, 1 leaves native ones out.
        examples: pairs of a step, over all ranks.
        ranks: processes that share a step.
        pairs_per_batch: whether one language pair has to fill a cross-lingual step by itself.

    Raises:
        TrainingError: there are no pairs, or alpha asks for a kind of step that they cannot fill.
    """
    if not len(index):
        raise TrainingError("the data set has no pairs, so that no batch can be filled")
    found = _buckets(index, augmented_share)
    mono = [bucket for bucket, same in found if same]
    cross = [bucket for bucket, same in found if not same]
    if alpha > 0:
        mono = _large_enough(index, mono, examples, ranks, "monolingual")
    if alpha < 1:
        if not cross:
            raise TrainingError(
                f"alpha {alpha:g} asks for cross-lingual batches, but no question is aligned with "
                f"a passage of another language: the pairs are in {', '.join(index.languages)}. "
                "Generate translations too (--route en:pt), name their run as well, or train "
                "with --alpha 1"
            )
        if pairs_per_batch:
            cross = _large_enough(index, cross, examples, ranks, "cross-lingual")
        else:
            _check(index, cross, examples, ranks)
    return Buckets(tuple(mono) if alpha > 0 else (), tuple(cross) if alpha < 1 else ())


def _buckets(index: PairIndex, share: float | None) -> list[tuple[Bucket, bool]]:
    wide = len(index.languages) + 1
    codes = index.question_lang * wide + index.passage_lang
    made = np.zeros(len(index), dtype=np.bool_) if share is None else index.made
    found = []
    for code in np.unique(codes).tolist():
        members = np.flatnonzero(codes == code)
        question, passage = divmod(code, wide)
        bucket = Bucket(
            index.pair_name(question, passage),
            native=members[~made[members]] if share != 1 else members[:0],
            made=members[made[members]] if share != 0 else members[:0],
        )
        if bucket.size:
            found.append((bucket, question == passage))
    return found


def _large_enough(
    index: PairIndex, buckets: Sequence[Bucket], examples: int, ranks: int, kind: str
) -> list[Bucket]:
    if not buckets:
        raise TrainingError(
            f"no {kind} batch can be filled: no pair is of that kind and of those that the "
            "augmented share asks for. Choose another alpha, or augmented share"
        )
    groups = {b.name: len(np.unique(index.group[b.pairs])) for b in buckets}
    large = [b for b in buckets if groups[b.name] >= examples]
    small = {name: n for name, n in groups.items() if n < examples}
    said = ", ".join(f"{name}: {n:,}" for name, n in small.items())
    if not large:
        raise TrainingError(
            f"no {kind} batch of {examples:,} pairs can be filled, since no two may share a "
            f"passage or its translation (different passages by language: {said}). "
            f"{_advice(max(groups.values()), ranks)}"
        )
    if small:
        logger.warning(
            "left out of %s batches, as they have fewer than %d different passages: %s",
            kind, examples, said,
        )  # fmt: skip
    return large


def _check(index: PairIndex, buckets: Sequence[Bucket], examples: int, ranks: int) -> None:
    groups = len(np.unique(index.group[np.concatenate([b.pairs for b in buckets])]))
    if groups < examples:
        raise TrainingError(
            f"no cross-lingual batch of {examples:,} pairs can be filled, since no two may share "
            f"a passage or its translation, and there are {groups:,} different passages. "
            f"{_advice(groups, ranks)}"
        )


def _advice(groups: int, ranks: int) -> str:
    if groups < ranks:
        return f"Take more data, or fewer than these {ranks:,} processes"
    return f"Lower --batch-size to {groups // ranks:,} or less, or take more data"
