"""Unique ids, in memory that does not grow with their number."""

from __future__ import annotations

import re
from hashlib import blake2b
from types import TracebackType
from typing import Self

from bt_augment.temporary_database import TemporaryDatabase

_BITS = 64
# Ends as the id of a made row does, <source>/<route>/<candidate>: a row made of <source> takes it.
_MADE = re.compile(r"/[^/]*:[^/]*/[0-9]+\Z")

# Counts one more use of an id, and says how many there are now.
_CLAIM = (
    "INSERT INTO seen (hash, uses) VALUES (?, 1) "
    "ON CONFLICT (hash) DO UPDATE SET uses = uses + 1 RETURNING uses"
)
_REMEMBER = "UPDATE seen SET uses = ? WHERE hash = ?"


class UniqueIds:
    """Gives the second use of an id the suffix ``-2``, the third ``-3``.

    An id that looks like one of a made row counts as used.

    Only 64-bit hashes are kept. Two ids of one hash (one chance in a million at six million ids)
    cost the second a suffix that it did not need; ids stay unique.
    """

    def __init__(self) -> None:
        self._database = TemporaryDatabase()
        self._database.execute("CREATE TABLE seen (hash INTEGER PRIMARY KEY, uses INTEGER)")

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Drop the temporary file."""
        self._database.close()

    def claim(self, wanted: str) -> str:
        """Return ``wanted``, or its first form with a suffix that is free.

        Raises:
            StorageError: the disk of temporary files refused.
        """
        is_made = bool(_MADE.search(wanted))
        first = number = self._use(wanted) + is_made
        if number == 1:
            return wanted
        # A suffixed form may be taken by an id that was written so in the input.
        while self._use(f"{wanted}-{number}") > 1:
            number += 1
        if number > first:  # else the next use would walk over the same forms again
            self._database.execute(_REMEMBER, (number - is_made, _hash(wanted)))
        return f"{wanted}-{number}"

    def _use(self, text: str) -> int:
        ((uses,),) = self._database.execute(_CLAIM, (_hash(text),))
        return int(uses)


def _hash(text: str) -> int:
    digest = blake2b(text.encode(), digest_size=_BITS // 8).digest()
    return int.from_bytes(digest, "big", signed=True)
