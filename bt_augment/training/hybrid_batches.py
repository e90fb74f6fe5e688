"""Hybrid batches: each step is monolingual with probability alpha, else cross-lingual.

The method is that of Elmahdy et al., "Synergistic Approach for Simultaneous Optimization of
Monolingual, Cross-lingual, and Multilingual Information Retrieval" (LREC-COLING 2024). Needs
sentence-transformers 6 and torch; use it in any of its training scripts::

    args = SentenceTransformerTrainingArguments(..., batch_sampler=hybrid_batches(alpha=0.5))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import torch.distributed
from sentence_transformers.base.sampler import DefaultBatchSampler

from bt_augment.errors import TrainingError
from bt_augment.training.buckets import Bucket, sort_into_buckets
from bt_augment.training.decks import Deck
from bt_augment.training.pair_index import PairIndex

if TYPE_CHECKING:
    from datasets import Dataset

MONOLINGUAL = "monolingual"
CROSS_LINGUAL = "cross-lingual"

# Salts of the random streams, so that no two of them are the same.
_PLAN, _STEP, _DECK = range(3)


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
        if not 0 <= self.alpha <= 1:
            raise TrainingError(f"alpha is {self.alpha}; it must be from 0 to 1")
        if self.augmented_share is not None and not 0 <= self.augmented_share <= 1:
            raise TrainingError(
                f"augmented share is {self.augmented_share}; it must be from 0 to 1"
            )


@dataclass(frozen=True)
class _Plan:
    """An epoch before any pair is drawn.

    Attributes:
        monolingual: kind of each step.
        counts: pairs of each step from each bucket, shape (steps, buckets).
        made: made pairs that the mixed buckets should have given by the end of each step.
    """

    monolingual: npt.NDArray[np.bool_]
    counts: npt.NDArray[np.int32]
    made: npt.NDArray[np.int64]


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
            TrainingError: the pairs cannot fill such batches.
        """
        super().__init__(dataset, batch_size, drop_last, valid_label_columns, generator, seed)
        if pairs is None:
            if dataset is None:
                raise TrainingError("HybridBatchSampler needs a data set or its PairIndex")
            pairs = PairIndex.of(dataset)
        self.index = pairs
        self._mix = mix or BatchMix()
        self._ranks = world_size or _world_size()
        self._examples = batch_size * self._ranks
        buckets = sort_into_buckets(
            pairs,
            alpha=self._mix.alpha,
            augmented_share=self._mix.augmented_share,
            examples=self._examples,
            pairs_per_batch=self._mix.language_pair_per == "batch",
        )
        self._buckets = (*buckets.monolingual, *buckets.cross_lingual)
        self._monolinguals = len(buckets.monolingual)
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
        names = tuple(bucket.name for bucket in self._buckets)
        return {
            MONOLINGUAL: names[: self._monolinguals],
            CROSS_LINGUAL: names[self._monolinguals :],
        }

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
        for step, drawn in enumerate(self._draw(self._plan())):
            # Steps before the first are drawn too, as they decide what is left in the decks.
            if step < first:
                continue
            for rank in range(offset if step == first else 0, self._ranks):
                self._position += 1
                yield drawn[rank * self.batch_size : (rank + 1) * self.batch_size]

    def _plan(self) -> _Plan:
        rng = np.random.default_rng([self.seed, self.epoch, _PLAN])
        mono = rng.random(self._steps) < self._mix.alpha
        counts = np.zeros((self._steps, len(self._buckets)), dtype=np.int32)
        for same, begin, end in (
            (True, 0, self._monolinguals),
            (False, self._monolinguals, len(self._buckets)),
        ):
            steps = np.flatnonzero(mono == same)
            if not len(steps):
                continue
            sizes = np.array([bucket.size for bucket in self._buckets[begin:end]], dtype=float)
            weights = sizes if self._mix.draw == "size" else np.ones_like(sizes)
            weights = weights / weights.sum()
            if same or self._mix.language_pair_per == "batch":
                drawn = rng.multinomial(1, weights, size=len(steps)) * self._examples
            else:
                drawn = rng.multinomial(self._examples, weights, size=len(steps))
            counts[steps, begin:end] = drawn
        return _Plan(mono, counts, self._made_by(counts))

    def _made_by(self, counts: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """Return how many made pairs mixed buckets should have given after each step.

        The share among them is such that, with the buckets of one kind, the epoch as a whole has
        the share that was asked for, or comes nearest to it.
        """
        share = self._mix.augmented_share or 0.0
        mixed = np.array([bucket.mixed for bucket in self._buckets])
        only_made = np.array([not len(bucket.native) for bucket in self._buckets])
        free = counts[:, mixed].sum(axis=1, dtype=np.int64).cumsum()
        wanted = share * counts.sum(dtype=np.int64) - counts[:, only_made].sum(dtype=np.int64)
        among = min(max(wanted / free[-1], 0.0), 1.0) if free[-1] else 0.0
        made: npt.NDArray[np.int64] = np.floor(among * free + 0.5).astype(np.int64)
        return made

    def _draw(self, plan: _Plan) -> Iterator[list[int]]:
        """Yield the pairs of each step, over all ranks."""
        decks = [self._decks(number, bucket) for number, bucket in enumerate(self._buckets)]
        mixed = np.array([bucket.mixed for bucket in self._buckets])
        given = 0  # made pairs that mixed buckets gave so far
        for step in range(self._steps):
            rng = np.random.default_rng([self.seed, self.epoch, _STEP, step])
            slots = np.repeat(np.arange(len(decks)), plan.counts[step])
            slots = slots[rng.permutation(len(slots))]
            free = np.flatnonzero(mixed[slots])
            made = np.array([not len(self._buckets[slot].native) for slot in slots])
            made[free[: max(0, int(plan.made[step]) - given)]] = True
            low = 0 if plan.monolingual[step] else self._monolinguals
            high = self._monolinguals if plan.monolingual[step] else len(decks)
            if plan.monolingual[step] or self._mix.language_pair_per == "batch":
                low, high = int(slots[0]), int(slots[0]) + 1
            drawn, gave = _fill(decks, slots, made, range(low, high), mixed)
            given += gave
            yield [drawn[i] for i in rng.permutation(len(drawn))]

    def _decks(self, number: int, bucket: Bucket) -> dict[bool, Deck]:
        key = (self.seed, self.epoch, _DECK, number)
        return {
            made: Deck(pairs, self.index.group, (*key, int(made)))
            for made, pairs in ((False, bucket.native), (True, bucket.made))
            if len(pairs)
        }


def _fill(
    decks: list[dict[bool, Deck]],
    slots: npt.NDArray[np.int64],
    made: npt.NDArray[np.bool_],
    allowed: range,
    mixed: npt.NDArray[np.bool_],
) -> tuple[list[int], int]:
    """Draw one pair for each slot, and count the made ones that mixed buckets gave.

    Where a deck has no group left, another language of the same kind of pair stands in, and
    failing that the other kind; what is given too much or too little is made up for later.
    """
    for number in allowed:
        for deck in decks[number].values():
            deck.begin_batch()
    used: set[int] = set()
    drawn: list[int] = []
    gave = 0
    # Made pairs first: they are the fewer, as they come from native ones.
    for place in np.argsort(~made, kind="stable").tolist():
        slot, kind = int(slots[place]), bool(made[place])
        others = [n for n in allowed if n != slot]
        for number, wanted in (
            *((n, kind) for n in (slot, *others)),
            *((n, not kind) for n in (slot, *others)),
        ):
            chosen = decks[number].get(wanted)
            pair = chosen.draw(used) if chosen else None
            if pair is not None:
                drawn.append(pair)
                gave += wanted and bool(mixed[number])
                break
    return drawn, gave


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
        TrainingError: a value is out of range.
    """
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


def _world_size() -> int:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return int(torch.distributed.get_world_size())
    return 1
