"""How long work tells of its progress, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives what has been done."""

    def start(self, stage: str, total: int | None) -> None:
        """Begin a stage of ``total`` items (rows, pairs, texts), or of an unknown number."""

    def advance(self, stage: str, done: int) -> None:
        """Say that ``done`` items of the stage are done, all told."""


class Silent:
    """Tells nobody."""

    def start(self, stage: str, total: int | None) -> None:
        """Do nothing."""

    def advance(self, stage: str, done: int) -> None:
        """Do nothing."""
