"""Pairs in, filtered Arrow shards out: read, route, filter, write, in resumable units."""

from bt_augment.generation.pipeline import Generation, Summary, generate
from bt_augment.generation.refiltering import refilter

__all__ = ["Generation", "Summary", "generate", "refilter"]
