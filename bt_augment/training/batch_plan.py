"""What an epoch's batches are made of, drawn before any pair is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from bt_augment.errors import TrainingError
from bt_augment.training.buckets import Buckets
from bt_augment.values import check_fields


@dataclass(frozen=True)
class BatchMix:
    """What the batches are made of.

    Attributes:
        alpha: probability that a step is monolingual, 0 to 1.
        augmented_share: share of pairs without a native text, 0 to 1; None lets it fall as it
            may. Held over the epoch as a whole, and within one pair in each batch where every
            language drawn has pairs of both kinds. A language that has one kind only gives that,
            and the others make up for it as far as they can.
        draw: how a language, or language pair, is drawn: each as likely as any other
            (``uniform``), or by its number of pairs (``size``).
        language_pair_per: whether a language pair is drawn for each ``example`` of a
            cross-lingual step, or one for the whole ``batch``.
    """

    alpha: float = 0.5
    augmented_share: float | None = None
    draw: Literal["uniform", "size"] = "uniform"
    language_pair_per: Literal["example", "batch"] = "example"

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            TrainingError: a value is out of range.
        """
        check_fields(self, TrainingError)
        if not 0 <= self.alpha <= 1:
            raise TrainingError(f"alpha is {self.alpha}; it must be from 0 to 1")
        if self.augmented_share is not None and not 0 <= self.augmented_share <= 1:
            raise TrainingError(
                f"augmented share is {self.augmented_share}; it must be from 0 to 1"
            )


@dataclass(frozen=True)
class Plan:
    """An epoch before any pair is drawn.

    Attributes:
        monolingual: kind of each step.
        counts: pairs of each step from each bucket, shape (steps, buckets).
        made: made pairs that the mixed buckets should have given by the end of each step.
        made_share: share of made pairs over the epoch; 0 where none was asked for.
    """

    monolingual: npt.NDArray[np.bool_]
    counts: npt.NDArray[np.int32]
    made: npt.NDArray[np.int64]
    made_share: float


def draw_plan(
    mix: BatchMix, buckets: Buckets, *, steps: int, examples: int, key: Sequence[int]
) -> Plan:
    """Draw the kind of each step and its languages.

    Args:
        mix: what the batches are made of.
        buckets: the pairs by language.
        steps: steps of the epoch.
        examples: pairs of a step, over all ranks.
        key: seeds the draw.
    """
    rng = np.random.default_rng(key)
    mono = rng.random(steps) < mix.alpha
    counts = np.zeros((steps, len(buckets.all)), dtype=np.int32)
    for same, chosen in ((True, buckets.monolingual_numbers), (False, buckets.cross_numbers)):
        of_kind = np.flatnonzero(mono == same)
        if not len(of_kind):
            continue
        sizes = np.array([buckets.all[number].size for number in chosen], dtype=float)
        weights = sizes if mix.draw == "size" else np.ones_like(sizes)
        weights = weights / weights.sum()
        if same or mix.language_pair_per == "batch":
            drawn = rng.multinomial(1, weights, size=len(of_kind)) * examples
        else:
            drawn = rng.multinomial(examples, weights, size=len(of_kind))
        counts[of_kind, chosen.start : chosen.stop] = drawn
    made, share = _made_by(counts, buckets, mix.augmented_share or 0.0)
    return Plan(mono, counts, made, share)


def _made_by(
    counts: npt.NDArray[np.int32], buckets: Buckets, share: float
) -> tuple[npt.NDArray[np.int64], float]:
    """Return how many made pairs mixed buckets should have given after each step, and the share.

    The share among them is such that, with the buckets of one kind, the epoch as a whole has
    the share that was asked for, or comes nearest to it.
    """
    only_made = counts[:, buckets.only_made].sum(dtype=np.int64)
    free = counts[:, buckets.mixed].sum(axis=1, dtype=np.int64).cumsum()
    total = counts.sum(dtype=np.int64)
    among = min(max((share * total - only_made) / free[-1], 0.0), 1.0) if free[-1] else 0.0
    made: npt.NDArray[np.int64] = np.floor(among * free + 0.5).astype(np.int64)
    return made, float((made[-1] + only_made) / total)
