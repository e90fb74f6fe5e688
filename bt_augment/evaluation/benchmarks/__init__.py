"""Benchmarks: one module per layout of files."""

from bt_augment.evaluation.benchmarks.base import Benchmark, Candidates, Collection, Queries
from bt_augment.evaluation.benchmarks.registry import BENCHMARKS, load

__all__ = ["BENCHMARKS", "Benchmark", "Candidates", "Collection", "Queries", "load"]
