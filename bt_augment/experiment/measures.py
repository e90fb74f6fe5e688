"""Which measures the results on a benchmark have."""

from __future__ import annotations

from collections.abc import Collection

from bt_augment.evaluation.benchmarks.base import MULTI
from bt_augment.evaluation.results import PEER, RANK_DISTANCE

BIAS = (RANK_DISTANCE, PEER)  # measured in the pool of several languages


def measures_in(settings: Collection[str], measures: Collection[str]) -> tuple[str, ...]:
    """Return what is measured in these settings.

    Args:
        settings: of an evaluation.
        measures: of the benchmark.
    """
    return (*measures, *(BIAS if MULTI in settings else ()))
