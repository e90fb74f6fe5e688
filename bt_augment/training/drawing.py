"""What a training draws from its rows: the pairs, and the batches they are put into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bt_augment.training.examples import compose_pairs
from bt_augment.training.hard_negatives import HardNegatives
from bt_augment.training.hybrid_batches import BatchMix, HybridBatchSampler

if TYPE_CHECKING:
    from datasets import Dataset

    from bt_augment.training.aligned_rows import AlignedRows
    from bt_augment.training.settings import TrainingSettings


def drawn(
    rows: AlignedRows, settings: TrainingSettings, ranks: int = 1
) -> tuple[Dataset, HybridBatchSampler]:
    """Return the pairs of rows and their sampler; no model is read for it.

    Args:
        rows: trained on.
        settings: resolved.
        ranks: processes that train together.

    Raises:
        TrainingError: batches, or their hard negatives, cannot be filled.
    """
    pairs = compose_pairs(rows, cross_lingual=settings.alpha < 1)
    sampler = HybridBatchSampler(
        pairs,
        settings.batch_size,
        seed=settings.seed,
        mix=mix_of(settings),
        steps=settings.steps,
        world_size=ranks,
    )
    if settings.hard_negatives:
        lookup = HardNegatives(rows, settings.hard_negatives)
        lookup.check(sampler.passage_languages, settings.batch_size)
        pairs = pairs.with_transform(lookup, columns=["question_row", "passage_row"])
    return pairs, sampler


def mix_of(settings: TrainingSettings) -> BatchMix:
    """Return what the batches of a training are made of."""
    return BatchMix(
        alpha=settings.alpha,
        augmented_share=settings.augmented_share,
        draw=settings.draw,
        language_pair_per=settings.language_pair_per,
    )
