"""Digests by which an index of duplicates is known to be as its run wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bt_augment.filtering.sketches import Keys, Signatures

_LOW = 2**32 - 1

# The sums of :class:`BandSums` of each unit whose entries are stored, its number first. Takes the
# bits of a row's id below the unit's number, and those bits as a mask.
SUMS_OF_UNITS = f"""
    SELECT row >> ?, count(*), sum(key & {_LOW}), sum(key >> 32), sum(row & ?)
    FROM bands GROUP BY 1
"""  # noqa: S608 - of constants


class BandSums(NamedTuple):
    """What tells the entries of a unit's bands from others, whatever their order.

    Attributes:
        entries: their number.
        low: sum of the lower halves of their keys.
        high: sum of the upper halves.
        places: sum of their rows' places in the unit.
    """

    entries: int = 0
    low: int = 0
    high: int = 0
    places: int = 0

    @classmethod
    def of(cls, bands: Keys, places: npt.NDArray[np.int64]) -> BandSums:
        """Return the sums of keys of shape (rows, bands) and of the rows' places."""
        if not bands.size:
            return cls()
        low, high = (bands & _LOW).sum(), (bands >> 32).sum()
        return cls(bands.size, int(low), int(high), int(places.sum()) * bands.shape[1])


def unit_digest(
    run: str,
    unit: int,
    columns: Sequence[Keys],
    signatures: Sequence[Signatures],
    sums: BandSums,
) -> bytes:
    """Return the digest of all that an index holds of a unit.

    Args:
        run: what tells the run from others.
        unit: its number.
        columns: ids, keys, sources and language pairs of its rows, in the order of the ids.
        signatures: of their questions and of their passages.
        sums: of its bands.
    """
    digest = blake2b(repr((run, unit, tuple(sums))).encode(), digest_size=16)
    for column in columns:
        digest.update(column.astype("<i8").tobytes())
    for signature in signatures:
        digest.update(signature.astype("<u2").tobytes())
    return digest.digest()
