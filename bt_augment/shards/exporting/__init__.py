"""Accepted rows in the form that another tool trains on; one module per form."""

from bt_augment.shards.exporting.base import Export
from bt_augment.shards.exporting.export import FORMATS, export

__all__ = ["FORMATS", "Export", "export"]
