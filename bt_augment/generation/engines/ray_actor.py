"""What runs on a Ray cluster: a process that holds the models and makes units."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

import pyarrow as pa

from bt_augment import errors
from bt_augment._version import __version__
from bt_augment.cache import cache_folder
from bt_augment.errors import BtAugmentError, EngineError
from bt_augment.generation.filter_models import check_filter_models
from bt_augment.generation.memory import settle_memory
from bt_augment.generation.unit_work import UnitWork
from bt_augment.generation.units import ScoredUnit, UnitMaker
from bt_augment.translation.models import ModelCatalog

PULSE = "pulse"  # the group of Ray's threads, beside those that work, in which an actor answers


@dataclass(frozen=True)
class Failure:
    """A user's error on its way to the user: errors do not travel well as objects.

    Attributes:
        kind: name of the error's class.
        message: what it says.
        place: the machine it was raised on.
    """

    kind: str
    message: str
    place: str

    @classmethod
    def of(cls, error: BtAugmentError) -> Failure:
        """Return an error raised on this machine."""
        return cls(type(error).__name__, str(error), socket.gethostname())

    def error(self) -> BtAugmentError:
        """Return the error, of its own class."""
        named = getattr(errors, self.kind, None)
        kind = named if isinstance(named, type) and issubclass(named, BtAugmentError) else None
        error = BtAugmentError.__new__(kind or EngineError)
        # Not by the class's own constructor, which may want other arguments than a message.
        Exception.__init__(error, f"on {self.place}: {self.message}")
        return error


class UnitActor:
    """Makes units in a process of its own."""

    def __init__(self, work: UnitWork, driver_version: str, workers: int, gpus: int) -> None:
        """Take what decides the units; nothing is loaded yet.

        Args:
            work: how units are made.
            driver_version: version of this package where the run is written.
            workers: CPU threads.
            gpus: number of GPUs that Ray lets this process see.
        """
        settle_memory()
        self._work = work
        self._driver_version = driver_version
        self._workers = workers
        self._gpus = gpus
        self._maker: UnitMaker | None = None

    def prepare(self) -> Failure | None:
        """Find and load the models."""
        try:
            if self._driver_version != __version__:
                raise EngineError(
                    f"bt-augment is {__version__} here and {self._driver_version} where the run "
                    "is written; install the same version on all machines"
                )
            cache = cache_folder(os.environ)
            check_filter_models(self._work.recipe, self._work.filter_models, cache)
            catalog = ModelCatalog(cache)
            self._maker = self._work.maker(
                self._work.find_models(catalog), workers=self._workers, gpus=range(self._gpus)
            )
        except BtAugmentError as error:
            return Failure.of(error)
        return None

    def make(self, unit: int, natives: pa.RecordBatch) -> tuple[Failure | None, ScoredUnit | None]:
        """Return the scored unit, or why it cannot be made."""
        if self._maker is None:
            raise RuntimeError("make() before prepare()")
        try:
            return None, self._maker.make(natives, unit)
        except BtAugmentError as error:
            return Failure.of(error), None

    def answer(self) -> None:
        """Give a sign of life."""
