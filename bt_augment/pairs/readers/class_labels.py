"""Columns of numbers that stand for names: the ``ClassLabel`` of the library ``datasets``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

Labels = Mapping[str, Sequence[str]]  # the names of each such column, in the order of their numbers


def labels_of(schema: pa.Schema) -> Labels:
    """Return the names that ``datasets`` keeps in the metadata of a file, by column."""
    metadata = (schema.metadata or {}).get(b"huggingface")
    if metadata is None:
        return {}
    try:
        features = json.loads(metadata)["info"]["features"]
        named = {
            column: feature["names"]
            for column, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}  # it was not written by datasets; the numbers stay numbers
    return {column: names for column, names in named.items() if _are_names(names)}


def with_names(values: dict[str, Any], labels: Labels) -> dict[str, Any]:
    """Return a row with names for numbers; a number that has none (-1: no label) is null."""
    named = {column: _name(values[column], labels[column]) for column in labels if column in values}
    return {**values, **named} if named else values


def _are_names(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def _name(value: Any, names: Sequence[str]) -> Any:
    if not isinstance(value, int):
        return value
    return names[value] if 0 <= value < len(names) else None
