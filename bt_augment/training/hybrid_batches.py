"""Hybrid batches: each step is monolingual with probability alpha, else cross-lingual.

The method is that of Elmahdy et al., "Synergistic Approach for Simultaneous Optimization of
Monolingual, Cross-lingual, and Multilingual Information Retrieval" (LREC-COLING 2024). Needs
sentence-transformers 6 and torch; use it in any of its training scripts::

    args = SentenceTransformerTrainingArguments(..., batch_sampler=hybrid_batches(alpha=0.5))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch.distributed
from sentence_transformers.base.sampler import DefaultBatchSampler

from bt_augment.errors import TrainingError
from bt_augment.training.batch_plan import BatchMix, Plan, draw_plan
from bt_augment.training.buckets import sort_into_buckets
from bt_augment.training.dealer import Dealer
from bt_augment.training.pair_index import PairIndex
from bt_augment.values import whole_number

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["CROSS_LINGUAL", "MONOLINGUAL", "BatchMix", "HybridBatchSampler", "hybrid_batches"]

MONOLINGUAL = "monolingual"
CROSS_LINGUAL = "cross-lingual"

_PLAN = 0  # salt of the plan's random stream; the dealer has the others


class HybridBatchSampler(DefaultBatchSampler):
    """A batch sampler for sentence-transformers 6.

    A step's batches, one for each of ``world_size`` ranks, follow each other (Accelerate gives
    rank r the batches r, r + W, ...) and are cut from one draw: they are of one kind, and no two
    pairs in any of them share a group. The sequence is a function of seed and epoch alone.

    Attributes:
        index: what is known of the pairs.
    """

    def __init__(
        self,
        dataset: Dataset | None,
        batch_size: int,
        drop_last: bool = True,
        valid_label_columns: list[str] | None = None,
        generator: torch.Generator | None = None,
        seed: int = 0,
        *,
        mix: BatchMix | None = None,
        pairs: PairIndex | None = None,
        steps: int | None = None,
        world_size: int | None = None,
    ) -> None:
        """Sort the pairs into languages; nothing is drawn yet.

        Args:
            dataset: the pairs; read for their index unless ``pairs`` is given.
            batch_size: pairs of a batch, on one rank.
            drop_last: taken for sentence-transformers; every batch is full.
            valid_label_columns: taken for sentence-transformers; not used.
            generator: taken for sentence-transformers; not used, ``seed`` decides.
            seed: of the sequence.
            mix: what the batches are made of.
            pairs: the index, where the data set itself has no such columns.
            steps: steps of an epoch; by default an epoch has as many examples as there are pairs.
            world_size: number of ranks; by default that of ``torch.distributed``.

        Raises:
            TrainingError: a number is out of range, or the pairs cannot fill such batches.
        """
        batch_size = whole_number("batch_size", batch_size, TrainingError, least=1)
        seed = whole_number("seed", seed, TrainingError, least=0)
        steps, world_size = _counted(steps, world_size)
        super().__init__(dataset, batch_size, drop_last, valid_label_columns, generator, seed)
        if pairs is None:
            if dataset is None:
                raise TrainingError("HybridBatchSampler needs a data set or its PairIndex")
            pairs = PairIndex.of(dataset)
        elif dataset is not None and len(dataset) != len(pairs):
            raise TrainingError(
                f"the index is of {len(pairs):,} pairs, the data set has {len(dataset):,}; pass "
                "the PairIndex of this data set"
            )
        self.index = pairs
        self._mix = mix or BatchMix()
        self._ranks = world_size or _world_size()
        self._examples = batch_size * self._ranks
        self._buckets = sort_into_buckets(
            pairs,
            alpha=self._mix.alpha,
            augmented_share=self._mix.augmented_share,
            examples=self._examples,
            ranks=self._ranks,
            pairs_per_batch=self._mix.language_pair_per == "batch",
        )
        self._steps = steps or max(1, len(pairs) // self._examples)
        self._start = 0  # first batch of the next iteration
        self._position = 0  # batches given in this epoch
        # Accelerate tells the epoch to a sharded batch sampler's ``sampler`` only.
        self.sampler: Any = _EpochHook(self)

    def __len__(self) -> int:
        """Return the batches of an epoch, over all ranks."""
        return self._steps * self._ranks

    @property
    def kinds(self) -> list[str]:
        """Return the kind of each step of the current epoch."""
        return [MONOLINGUAL if mono else CROSS_LINGUAL for mono in self._plan().monolingual]

    @property
    def languages(self) -> dict[str, tuple[str, ...]]:
        """Return the languages, and language pairs, that are drawn from, by kind of step."""
        return {
            MONOLINGUAL: tuple(bucket.name for bucket in self._buckets.monolingual),
            CROSS_LINGUAL: tuple(bucket.name for bucket in self._buckets.cross_lingual),
        }

    @property
    def passage_languages(self) -> tuple[str, ...]:
        """Return the languages of the passages that are drawn from."""
        drawn = np.concatenate([bucket.pairs for bucket in self._buckets.all])
        return tuple(self.index.languages[c] for c in np.unique(self.index.passage_lang[drawn]))

    @property
    def made_share(self) -> float:
        """Return the share of made pairs over the current epoch, 0 to 1.

        It differs from what was asked for where too few languages have pairs of both kinds. Where
        no share was asked for, it is known when the epoch is drawn, which takes a moment.
        """
        if self._mix.augmented_share is None:
            return float(np.mean([self.index.made[step].mean() for step in self._deal()]))
        return self._plan().made_share

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; an epoch other than the current one starts at its first batch."""
        if epoch != self.epoch:
            self.epoch = epoch
            self._start = self._position = 0

    def state_dict(self) -> dict[str, int]:
        """Return where the sequence is: seed, epoch and batches given so far.

        A loader with workers fetches ahead; set ``batch`` to the batches that were trained on.
        """
        return {"seed": self.seed, "epoch": self.epoch, "batch": self._position}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on after ``state["batch"]`` batches of an epoch.

        Raises:
            TrainingError: the state is of a sampler with another seed.
        """
        if state["seed"] != self.seed:
            raise TrainingError(
                f"the sampler's state has seed {state['seed']}, the sampler {self.seed}"
            )
        self.epoch = state["epoch"]
        self._start = self._position = state["batch"]

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the rest of the epoch's batches; the next iteration begins at its first."""
        self._position, self._start = self._start, 0
        first, offset = divmod(self._position, self._ranks)
        for step, drawn in enumerate(self._deal()):
            # Steps before the first are drawn too, as they decide what is left in the decks.
            if step < first:
                continue
            for rank in range(offset if step == first else 0, self._ranks):
                self._position += 1
                yield drawn[rank * self.batch_size : (rank + 1) * self.batch_size]

    def _plan(self) -> Plan:
        return draw_plan(
            self._mix,
            self._buckets,
            steps=self._steps,
            examples=self._examples,
            key=(self.seed, self.epoch, _PLAN),
        )

    def _deal(self) -> Iterator[list[int]]:
        dealer = Dealer(self._buckets, self.index.group, (self.seed, self.epoch))
        return dealer.deal(self._plan(), per_batch=self._mix.language_pair_per == "batch")


class _EpochHook:
    def __init__(self, sampler: HybridBatchSampler) -> None:
        self._sampler = sampler

    def set_epoch(self, epoch: int) -> None:
        self._sampler.set_epoch(epoch)


def hybrid_batches(
    mix: BatchMix | None = None,
    *,
    pairs: PairIndex | None = None,
    steps: int | None = None,
    world_size: int | None = None,
    **options: Any,
) -> Callable[..., DefaultBatchSampler]:
    """Return a value for ``batch_sampler=`` of ``SentenceTransformerTrainingArguments``.

    Args:
        mix: what the batches are made of; or give its fields, as in ``hybrid_batches(alpha=0.4)``.
        pairs: the index of the training data set, where its own columns are texts only. Data
            sets of another length (for evaluation) are then read in order.
        steps: steps of an epoch.
        world_size: number of ranks; by default that of ``torch.distributed``.
        options: fields of :class:`BatchMix`.

    Raises:
        TrainingError: a value is out of range, or a mix is given and its fields are too.
    """
    if mix is not None and options:
        raise TrainingError(
            f"a mix is given, and {', '.join(options)} as well; write all of it into one BatchMix"
        )
    steps, world_size = _counted(steps, world_size)
    return _SamplerFactory(mix or BatchMix(**options), pairs, steps, world_size)


@dataclass(frozen=True)
class _SamplerFactory:
    """A class and not a closure, as the trainer pickles its arguments into every checkpoint."""

    mix: BatchMix
    pairs: PairIndex | None
    steps: int | None
    world_size: int | None

    def __call__(
        self, dataset: Dataset, batch_size: int, drop_last: bool, **rest: Any
    ) -> DefaultBatchSampler:
        if self.pairs is not None and len(self.pairs) != len(dataset):
            from torch.utils.data import SequentialSampler

            return DefaultBatchSampler(SequentialSampler(dataset), batch_size, drop_last, **rest)
        return HybridBatchSampler(
            dataset, batch_size, drop_last, **rest, mix=self.mix, pairs=self.pairs,
            steps=self.steps, world_size=self.world_size,
        )  # fmt: skip


def _counted(steps: int | None, world_size: int | None) -> tuple[int | None, int | None]:
    """Return both as whole numbers of 1 or more, or None."""
    found = [
        None if value is None else whole_number(name, value, TrainingError, least=1)
        for name, value in (("steps", steps), ("world_size", world_size))
    ]
    return found[0], found[1]


def _world_size() -> int:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return int(torch.distributed.get_world_size())
    return 1
