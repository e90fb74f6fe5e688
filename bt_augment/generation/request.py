"""What a generation is asked for, and what it gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bt_augment.cache import own_environment
from bt_augment.errors import InputError
from bt_augment.generation.engines.base import EngineSettings
from bt_augment.generation.engines.local import LocalThreads
from bt_augment.recipe import Recipe
from bt_augment.shards.manifest import Ingested, Totals
from bt_augment.translation.devices import MAX_WORKERS, Device
from bt_augment.values import whole_number


@dataclass(frozen=True)
class Generation:
    """What to generate, and where.

    Attributes:
        inputs: files, folders, hub names, or URLs of files on an object store; one may be a string.
        out: the run folder, or its URL on an object store.
        recipe: everything that decides what is made.
        workers: batches translated at once on CPU, on Ray by each actor; None is one per core,
            on Ray up to 4. Makes no difference to the result.
        device: ``auto``, ``cpu``, ``cuda`` (all GPUs) or some of them, as ``cuda:0,1``.
        overwrite: remove what another run left in ``out``.
        environment: where the cache is looked up (``BT_AUGMENT_CACHE``): of models, and of what is
            on object stores; that of this process by default.
        engine: where units are made: :class:`LocalThreads` or :class:`RayCluster`. Makes no
            difference to the result.

    Raises:
        InputError: there are fewer workers than one, or more than 1,024.
    """

    inputs: Sequence[str]
    out: Path | str
    recipe: Recipe
    workers: int | None = None
    device: Device = "auto"
    overwrite: bool = False
    environment: Mapping[str, str] = field(default_factory=own_environment)
    engine: EngineSettings = field(default_factory=LocalThreads)

    def __post_init__(self) -> None:
        if isinstance(self.inputs, str):
            object.__setattr__(self, "inputs", (self.inputs,))
        if self.workers is not None:
            workers = whole_number("workers", self.workers, InputError, least=1, most=MAX_WORKERS)
            object.__setattr__(self, "workers", workers)


@dataclass(frozen=True)
class Summary:
    """What a run gave.

    Attributes:
        out: the run folder, or its URL.
        totals: sums over all units.
        ingested: what was read, left out, mended and quarantined.
        resumed: units that an earlier call had finished.
        units: units of the run.
        finished: whether the run was whole already.
    """

    out: Path | str
    totals: Totals
    ingested: Ingested
    resumed: int
    units: int
    finished: bool = False
