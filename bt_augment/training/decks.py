"""Decks: pairs drawn in shuffled passes, never two of one group in a batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_CHUNK = 1024  # pairs made Python numbers at once: quick to draw from, small in memory


class Deck:
    """Pairs that are drawn one by one; each at most once in a pass, less often in large groups."""

    def __init__(
        self,
        pairs: npt.NDArray[np.int64],
        group: npt.NDArray[np.int64],
        key: Sequence[int],
    ) -> None:
        """Take the pairs of the deck.

        Args:
            pairs: their numbers.
            group: the group of every pair of the data set.
            key: seeds the shuffling of each pass, together with the pass's number.
        """
        self._pairs = pairs
        self._group = group
        self._groups = frozenset(group[pairs].tolist())
        self._key = key
        self._passes = 0
        self._order = pairs[:0]
        self._next = 0
        self._ready: deque[tuple[int, int]] = deque()  # (pair, group), drawn from the left
        self._held: list[tuple[int, int]] = []  # in conflict with the batch in hand

    def begin_batch(self) -> None:
        """Give the pairs that the last batch could not take the first turn in the next."""
        self._ready.extendleft(reversed(self._held))
        self._held.clear()

    def draw(self, used: set[int]) -> int | None:
        """Return the next pair of a group that is not in ``used``, and enter its group there.

        None where every group of the deck is used.
        """
        while True:
            while self._ready:
                pair, group = self._ready.popleft()
                if group not in used:
                    used.add(group)
                    return pair
                self._held.append((pair, group))
            if not self._refill() and not self._new_pass(used):
                return None

    def _refill(self) -> bool:
        chunk = self._order[self._next : self._next + _CHUNK]
        self._next += len(chunk)
        self._ready.extend(zip(chunk.tolist(), self._group[chunk].tolist(), strict=True))
        return len(chunk) > 0

    def _new_pass(self, used: set[int]) -> bool:
        if self._groups <= used:
            return False
        # What is held lost its turn, so that a large group cannot pile up over the passes.
        self._held.clear()
        rng = np.random.default_rng([*self._key, self._passes])
        self._order = rng.permutation(self._pairs)
        self._next = 0
        self._passes += 1
        return True
