"""What a run that may take another one's place says when it is interrupted before it has begun."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from bt_augment.shards.run_folder import RunFolder

_NOTHING_REMOVED = "nothing was removed; run the same command again"
_SOME_REMOVED = "run the same command again"


class Replacement:
    """The beginning of a run, with ``--overwrite`` or without.

    With it, a :class:`KeyboardInterrupt` that leaves the ``with`` before the run has begun says
    to use it again: without it, the next call would be refused as another run. Afterwards the
    caller says how to go on.

    Attributes:
        overwrite: whether the run removes what another one left.
    """

    def __init__(self, *, overwrite: bool) -> None:
        """Begin nothing yet."""
        self.overwrite = overwrite
        self._told = _NOTHING_REMOVED if overwrite else None

    def __enter__(self) -> Replacement:
        """Watch for an interrupt."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Say what is true of an interrupt."""
        if isinstance(error, KeyboardInterrupt) and self._told:
            raise KeyboardInterrupt(self._told) from error

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
            self._told = _SOME_REMOVED
        folder.begin(identity, overwrite=self.overwrite)
        self._told = None
