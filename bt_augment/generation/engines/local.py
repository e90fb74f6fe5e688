"""Units made in threads of this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Literal, Self

from bt_augment.generation.engines.base import UNITS_AHEAD, Engine, ReadUnit, ScoredUnits
from bt_augment.generation.unit_work import Hop, UnitWork, filters_of
from bt_augment.generation.units import ScoredUnit, UnitMaker
from bt_augment.recipe import Recipe
from bt_augment.translation.devices import (
    Device,
    gpu_batch_tokens,
    gpu_indices,
    resolve_device,
)
from bt_augment.translation.models import ResolvedModel
from bt_augment.waiting import awaited

# Seconds. Units take the engine in turns: if the second comes first, the first is scored last, and
# as it has to be written before a third begins, the engine stands still meanwhile.
_HEAD_START = 0.3


@dataclass(frozen=True)
class LocalThreads:
    """This process makes the units: on its CPU cores, or on the GPUs of this machine."""

    def resolve_device(self, device: Device) -> Literal["cpu", "cuda"]:
        """Return where models run on this machine.

        Raises:
            ModelError: there is no such device.
        """
        return resolve_device(device)

    def gpu_batch_tokens(self, device: Device) -> int:
        """Return the tokens of a batch by the memory of the smallest GPU."""
        return gpu_batch_tokens(gpu_indices(device))

    def check_filters(self, recipe: Recipe) -> None:
        """Build them once, which loads nothing.

        Raises:
            MissingDependencyError: an optional filter's package is missing.
        """
        filters_of(recipe)

    def open(
        self,
        work: UnitWork,
        models: Mapping[Hop, ResolvedModel],
        *,
        workers: int | None,
        device: Device,
    ) -> Engine:
        """Return the engine; models are loaded with its first unit."""
        gpus = gpu_indices(device) if work.device == "cuda" else ()
        return _LocalEngine(work, models, workers, gpus)


class _LocalEngine:
    def __init__(
        self,
        work: UnitWork,
        models: Mapping[Hop, ResolvedModel],
        workers: int | None,
        gpus: Sequence[int],
    ) -> None:
        self._work = work
        self._models = models
        self._workers = workers
        self._gpus = gpus

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    @cached_property
    def _maker(self) -> UnitMaker:
        return self._work.maker(self._models, workers=self._workers, gpus=self._gpus)

    def scored_units(self, units: Sequence[int], read: ReadUnit) -> ScoredUnits:
        if not units:
            return  # and load nothing
        maker = self._maker

        def make(unit: int) -> ScoredUnit:
            return maker.make(read(unit), unit)

        pool = ThreadPoolExecutor(UNITS_AHEAD, thread_name_prefix="unit")
        waiting: deque[tuple[int, Future[ScoredUnit]]] = deque()
        try:
            for place, unit in enumerate(units):
                if place == 1 and waiting:
                    wait([waiting[0][1]], timeout=_HEAD_START)
                waiting.append((unit, pool.submit(make, unit)))
                if len(waiting) == UNITS_AHEAD:
                    number, future = waiting.popleft()
                    yield number, awaited(future)
            while waiting:
                number, future = waiting.popleft()
                yield number, awaited(future)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
