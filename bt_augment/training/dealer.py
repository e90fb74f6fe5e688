"""Deals a plan: each step's pairs from the decks of its languages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from bt_augment.training.batch_plan import Plan
from bt_augment.training.buckets import Buckets
from bt_augment.training.decks import Deck

# Salts of the random streams, so that no two of them are the same.
_ORDER, _DECK = 1, 2


class Dealer:
    """Deals the steps of one epoch in turn; two dealers of one key deal the same."""

    def __init__(self, buckets: Buckets, group: npt.NDArray[np.int64], key: Sequence[int]) -> None:
        """Shuffle nothing yet; every deck shuffles its passes by itself.

        Args:
            buckets: the pairs by language.
            group: the group of every pair of the data set.
            key: seeds all that is drawn.
        """
        self._buckets = buckets
        self._rng = np.random.default_rng([*key, _ORDER])
        # Decks by kind (False: native, True: made) and number of the bucket.
        self._decks: dict[bool, list[Deck | None]] = {False: [], True: []}
        for number, bucket in enumerate(buckets.all):
            for made, pairs in ((False, bucket.native), (True, bucket.made)):
                deck = Deck(pairs, group, (*key, _DECK, number, int(made)))
                self._decks[made].append(deck if len(pairs) else None)
        self._touched: set[Deck] = set()

    def deal(self, plan: Plan, *, per_batch: bool) -> Iterator[list[int]]:
        """Yield the pairs of each step, over all ranks.

        Args:
            plan: of the epoch.
            per_batch: a cross-lingual step keeps to the one language pair it drew.
        """
        numbers = np.arange(len(self._buckets.all))
        mixed, only_made = self._buckets.mixed, self._buckets.only_made
        given = 0  # made pairs that mixed buckets gave so far
        wanted_by = plan.made.tolist()
        for step, mono in enumerate(plan.monolingual.tolist()):
            slots = np.repeat(numbers, plan.counts[step])
            if mono or per_batch:
                allowed = range(int(slots[0]), int(slots[0]) + 1)
            else:
                allowed = self._buckets.cross_numbers
                slots = self._rng.permutation(slots)
            made = only_made[slots]
            made[np.flatnonzero(mixed[slots])[: max(0, wanted_by[step] - given)]] = True
            drawn, gave = self._fill(slots[made].tolist(), slots[~made].tolist(), allowed)
            given += gave
            yield [drawn[place] for place in self._rng.permutation(len(drawn)).tolist()]

    def _fill(self, made: list[int], native: list[int], allowed: range) -> tuple[list[int], int]:
        """Draw a pair for each bucket named, and count the made ones that mixed buckets gave."""
        for deck in self._touched:
            deck.begin_batch()
        self._touched.clear()
        used: set[int] = set()
        drawn: list[int] = []
        gave = 0
        # Made pairs first: they are the fewer, as they come from native ones.
        for kind, slots in ((True, made), (False, native)):
            decks = self._decks[kind]
            for slot in slots:
                number, given, pair = slot, kind, self._draw(decks[slot], used)
                if pair is None:
                    number, given, pair = self._stand_in(slot, kind, allowed, used)
                drawn.append(pair)
                gave += given and bool(self._buckets.mixed[number])
        return drawn, gave

    def _draw(self, deck: Deck | None, used: set[int]) -> int | None:
        if deck is None:
            return None
        self._touched.add(deck)
        return deck.draw(used)

    def _stand_in(
        self, slot: int, kind: bool, allowed: range, used: set[int]
    ) -> tuple[int, bool, int]:
        """Draw from elsewhere where a deck has no group left.

        Another language of the same kind of pair stands in, and failing that the other kind;
        what is given too much or too little is made up for later.
        """
        others = [number for number in allowed if number != slot]
        for number, given in (
            *((other, kind) for other in others),
            *((other, not kind) for other in (slot, *others)),
        ):
            pair = self._draw(self._decks[given][number], used)
            if pair is not None:
                return number, given, pair
        # The buckets were checked to hold as many groups as a step has pairs.
        raise RuntimeError("no group is left for a step")
