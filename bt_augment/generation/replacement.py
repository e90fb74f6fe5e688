"""What a run that may take another one's place says when it is interrupted before it has begun."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bt_augment.shards.run_folder import RunFolder

_NOTHING_REMOVED = "nothing was removed; run the same command again"
_SOME_REMOVED = "run the same command again"


class Replacement:
    """The beginning of a run, with ``--overwrite`` or without.

    Attributes:
        overwrite: whether the run removes what another one left.
        told: what an interrupt says now; None where the caller knows how to go on.
    """

    def __init__(self, *, overwrite: bool) -> None:
        """Begin nothing yet."""
        self.overwrite = overwrite
        self.told = _NOTHING_REMOVED if overwrite else None

    def begin(self, folder: RunFolder, identity: Mapping[str, Any]) -> None:
        """Make a folder this run's; see :meth:`RunFolder.begin`.

        Args:
            folder: claimed.
            identity: what decides the bytes of the run.

        Raises:
            RunFolderError: the folder holds something else, or a run that differs.
            StorageError: the disk or the store refused.
        """
        if self.overwrite:
            self.told = _SOME_REMOVED
        folder.begin(identity, overwrite=self.overwrite)
        self.told = None


@contextmanager
def replacing(*, overwrite: bool) -> Iterator[Replacement]:
    """Give what begins a run, and have an interrupt before it has begun say how to go on.

    With ``--overwrite`` that is to use it again: without it, the next call would be refused as
    another run.

    Raises:
        KeyboardInterrupt: with those words, in place of one that came without any.
    """
    made = Replacement(overwrite=overwrite)
    try:
        yield made
    except KeyboardInterrupt as stop:
        if made.told is None:
            raise
        raise KeyboardInterrupt(made.told) from stop
