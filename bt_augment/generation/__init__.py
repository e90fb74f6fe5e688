"""Pairs in, filtered Arrow shards out: read, route, filter, write, in resumable units."""

from bt_augment.generation.engines.local import LocalThreads
from bt_augment.generation.engines.ray_cluster import RayCluster
from bt_augment.generation.own_pairs import Verdict, judge_pairs
from bt_augment.generation.pipeline import generate
from bt_augment.generation.refiltering import refilter
from bt_augment.generation.request import Generation, Summary
from bt_augment.generation.shard_claims import Shard
from bt_augment.generation.sharding import ShardSummary, generate_shard

__all__ = [
    "Generation",
    "LocalThreads",
    "RayCluster",
    "Shard",
    "ShardSummary",
    "Summary",
    "Verdict",
    "generate",
    "generate_shard",
    "judge_pairs",
    "refilter",
]
