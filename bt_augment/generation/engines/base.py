"""The contract of an engine: scored units, in the order of the units."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from types import TracebackType
from typing import Literal, Protocol, Self

import pyarrow as pa

from bt_augment.generation.unit_work import Hop, UnitWork
from bt_augment.generation.units import ScoredUnit
from bt_augment.recipe import Recipe
from bt_augment.translation.devices import Device
from bt_augment.translation.models import ResolvedModel

UNITS_AHEAD = 2  # one translating while another is scored; more only holds memory

ReadUnit = Callable[[int], pa.RecordBatch]  # number of a unit → its native rows
ScoredUnits = Generator[tuple[int, ScoredUnit], None, None]  # number of a unit and the unit


class Engine(Protocol):
    """Makes units. Use as a context manager."""

    def scored_units(self, units: Sequence[int], read: ReadUnit) -> ScoredUnits:
        """Yield the units in the order given while later ones are being made.

        What is in memory is bounded, however slowly the units are taken. Nothing is loaded for no
        units.

        Args:
            units: their numbers.
            read: gives the native rows of one.

        Raises:
            BtAugmentError: a unit cannot be made; those before it have been yielded.
        """

    def __enter__(self) -> Self:
        """Return the engine; nothing is loaded or connected before it is needed."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of what the engine holds."""


class EngineSettings(Protocol):
    """Which engine, as a user chooses it."""

    def resolve_device(self, device: Device) -> Literal["cpu", "cuda"]:
        """Return where models run.

        Raises:
            ModelError: there is no such device.
        """

    def gpu_batch_tokens(self, device: Device) -> int:
        """Return how many tokens a batch has on the GPUs, where the recipe does not say."""

    def check_filters(self, recipe: Recipe) -> None:
        """Refuse a recipe whose filters take packages that are not where units are made.

        Nothing is known of other machines, so only an engine that is this one refuses.

        Raises:
            MissingDependencyError: an optional filter's package is missing.
        """

    def open(
        self,
        work: UnitWork,
        models: Mapping[Hop, ResolvedModel],
        *,
        workers: int | None,
        device: Device,
    ) -> Engine:
        """Return an engine for a run.

        Args:
            work: how its units are made.
            models: of this machine, one for each hop.
            workers: CPU threads, of each process that makes units.
            device: as the user wrote it.

        Raises:
            BtAugmentError: the engine cannot be had.
        """
