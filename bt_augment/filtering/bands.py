"""Locality-sensitive hashing of MinHash signatures: rows that share a band are candidates."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bt_augment.filtering.base import ScoreArray
from bt_augment.filtering.sketches import Keys, Signatures, mix

# A candidate shares one band: 6 slots of the question's and 2 of the passage's signature. With
# 16 bands a pair of similarity 0.9 in both is found with probability 0.9999, 0.8 with 0.95, and
# unlike passages hardly ever.
BANDS = 16
QUESTION_SLOTS = 6
PASSAGE_SLOTS = 2
MAX_CANDIDATES_PER_BAND = 64  # the earliest: bounds the work on rows made from one template

Indices = npt.NDArray[np.int64]


def band_keys(language_pairs: Keys, questions: Signatures, passages: Signatures) -> Keys:
    """Return shape (rows, BANDS): equal keys where languages and all slots of a band are equal."""
    keys = np.empty((len(questions), BANDS), dtype=np.uint64)
    for band in range(BANDS):
        hashed = mix(language_pairs.view(np.uint64) + np.uint64(band))
        first = band * QUESTION_SLOTS
        for slot in range(first, first + QUESTION_SLOTS):
            hashed = mix(hashed ^ questions[:, slot])
        first = band * PASSAGE_SLOTS
        for slot in range(first, first + PASSAGE_SLOTS):
            hashed = mix(hashed ^ passages[:, slot])
        keys[:, band] = hashed
    return keys.view(np.int64)


def pairs_within(bands: Keys) -> tuple[Indices, Indices]:
    """Return the pairs (later row, earlier row) of the batch that share a band."""
    buckets: dict[int, list[int]] = {}
    pairs: list[tuple[int, int]] = []
    _, place, counts = np.unique(bands, return_inverse=True, return_counts=True)
    shared = (counts[place] > 1).reshape(bands.shape)
    for row in np.flatnonzero(shared.any(axis=1)).tolist():
        earlier: set[int] = set()
        for key in bands[row][shared[row]].tolist():
            bucket = buckets.setdefault(key, [])
            earlier.update(bucket)
            if len(bucket) < MAX_CANDIDATES_PER_BAND:
                bucket.append(row)
        pairs.extend((row, other) for other in sorted(earlier - {row}))
    array = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return array[:, 0], array[:, 1]


def similarity(one: Signatures, other: Signatures) -> ScoreArray:
    """Return the estimated Jaccard similarity of each line of ``one`` to that of ``other``."""
    shares: ScoreArray = (one == other).mean(axis=1, dtype=np.float32)
    return shares
