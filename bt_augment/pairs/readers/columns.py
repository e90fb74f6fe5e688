"""Finding a record's fields among the columns of a row."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bt_augment.errors import InputError, did_you_mean
from bt_augment.pairs.readers.base import InputSettings

ABSENT = object()  # no such column; a column that is there and null gives None

# The usual names, in the order in which they are tried. The paths are the layouts of DPR and
# FiD (ctxs, positive_ctxs), Tevatron (positive_passages) and FlagEmbedding (pos).
ALIASES: Mapping[str, tuple[str, ...]] = {
    "question": ("question", "query", "anchor"),
    "passage": (
        "passage",
        "context",
        "text",
        "positive",
        "document",
        "ctxs.0.text",
        "positive_ctxs.0.text",
        "positive_passages.0.text",
        "pos.0",
    ),
    "answers": ("answers", "answer"),
    "id": ("id", "_id", "qid", "query_id", "question_id"),
    "title": ("title", "ctxs.0.title", "positive_ctxs.0.title", "positive_passages.0.title"),
    "group": ("group_id",),
    "question_lang": ("question_lang", "lang", "language"),
    "passage_lang": ("passage_lang", "lang", "language"),
}

UNANSWERABLE = "is_impossible"  # SQuAD 2.0's column of questions that have no answer

_PATH_START = re.compile(r"[^.\[]*")
_INDEX = re.compile(r"\[(\d+)\]")
_PLACE = re.compile(r"[0-9]{1,9}")  # in a list; int() refuses thousands of digits, and "²"
_IN_FIRST = re.compile(r"(.+?)\.0(\.|$)")


def lookup(values: Mapping[str, Any], path: str) -> Any:
    """Return the value at a column name or dotted path, or :data:`ABSENT`.

    A column whose name itself holds dots is found before the path is taken apart.
    """
    if path in values:
        return values[path]
    if "." not in path and "[" not in path:
        return ABSENT
    value: Any = values
    for part in _INDEX.sub(r".\1", path).split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif (
            isinstance(value, Sequence)
            and not isinstance(value, str | bytes)
            and _PLACE.fullmatch(part)
        ):
            if int(part) >= len(value):
                return ABSENT
            value = value[int(part)]
        else:
            return ABSENT
    return value


class Columns:
    """The columns of one input: those that the settings name, and the usual ones.

    A named column is taken as it is. Of the usual ones the first that is not null is taken,
    whatever its capitals. NaN counts as null.
    """

    def __init__(self, settings: InputSettings) -> None:
        self._named = {field: getattr(settings, field) for field in ALIASES}

    def names(self, field: str) -> tuple[str, ...]:
        """Return the column names or paths tried for ``field``."""
        named = self._named[field]
        if named is None:
            return ALIASES[field]
        return (named,) if named else ()

    def get(self, values: Mapping[str, Any], field: str) -> Any:
        """Return the value of ``field`` in a row, or :data:`ABSENT`."""
        found = self._first(values, field)
        if found is ABSENT and self._named[field] is None:
            found = self._first(_folded(values), field)
        return found

    def leaves_others(self, values: Mapping[str, Any], field: str) -> bool:
        """Return whether ``field`` is the first of a list of a row that holds more than one."""
        if self._named[field] is None and self._first(values, field) is ABSENT:
            values = _folded(values)
        for name in self.names(field):
            in_first = _IN_FIRST.match(_INDEX.sub(r".\1", name))
            if not in_first and lookup(values, name) not in (ABSENT, None):
                return False
            listed = lookup(values, in_first[1]) if in_first else None
            if isinstance(listed, list | tuple) and listed:
                return len(listed) > 1
        return False

    def top_level(self) -> set[str] | None:
        """Return the names of all columns that may be read; None where they cannot be told.

        A named column with a dot may be a path or a plain name, so nothing can be left out.
        """
        if any("." in (named or "") or "[" in (named or "") for named in self._named.values()):
            return None
        named = {name.split(".")[0] for field in ALIASES for name in self.names(field)}
        return {*named, UNANSWERABLE}

    def needed(self, names: Sequence[str]) -> list[str]:
        """Return the columns of a table that are to be read, of all its names.

        All of them where none can hold the question, or none the passage: the message that says
        so lists what there is.
        """
        wanted = self.top_level()
        if wanted is None:
            return list(names)
        kept = [name for name in names if name in wanted or name.strip().casefold() in wanted]
        have = {*kept, *(name.strip().casefold() for name in kept)}
        tried = (map(_first_part, self.names(field)) for field in ("question", "passage"))
        return kept if all(have.intersection(parts) for parts in tried) else list(names)

    def refuse_twins(self, source: str, names: Sequence[str]) -> None:
        """Refuse a table in which two columns have a name that may be read.

        Raises:
            InputError: there are two; which of them is meant cannot be told.
        """
        spelt: dict[str, list[str]] = {}  # folded name → columns, as :meth:`get` reads them
        for name in names:
            spelt.setdefault(name.strip().casefold(), []).append(name)
        for field in ALIASES:
            read = {part for name in self.names(field) for part in (name, _first_part(name))}
            for folded, same in spelt.items():
                exact = [name for name in same if name in read]
                twins = exact or (same if folded in read else [])
                if len(twins) > 1:
                    raise InputError(
                        f"{source} has {len(twins)} columns named {twins[0]!r}, whatever the "
                        f"capitals, and which of them is the {field} cannot be told; rename one, "
                        f"or name another column with --set input.{field}=COLUMN"
                    )

    def check(self, source: str, heads: Sequence[Mapping[str, Any]], lang: str | None) -> None:
        """Refuse an input whose first rows lack a column without which nothing can be read.

        Raises:
            InputError: no row of ``heads`` has a question, a passage or a language, or a column
                that the settings name.
        """
        if not heads:
            return
        present = list(dict.fromkeys(str(name) for values in heads for name in values))
        for field, named in self._named.items():
            if named and all(lookup(values, named) is ABSENT for values in heads):
                raise InputError(
                    f"{source} has no column {named!r} (input.{field})"
                    f"{did_you_mean(named, present)}; {_listed(present)}"
                )
        for field in ("question", "passage"):
            if all(self.get(values, field) is ABSENT for values in heads):
                raise InputError(
                    f"{source} has no column for the {field}; {_listed(present)}; "
                    f"name it with --set input.{field}=COLUMN"
                )
        if lang is not None:
            return
        for field in ("question_lang", "passage_lang"):
            if all(self.get(values, field) is ABSENT for values in heads):
                raise InputError(
                    f"{source} does not say which language its "
                    f"{field.removesuffix('_lang')}s are in; say it with --lang, such as "
                    f"--lang en, or name a column with --set input.{field}=COLUMN"
                )

    def _first(self, values: Mapping[str, Any], field: str) -> Any:
        null: Any = ABSENT
        for name in self.names(field):
            value = lookup(values, name)
            if value is None or is_nan(value):
                null = None
            elif value is not ABSENT:
                return value
        return null


def _folded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name.strip().casefold(): value for name, value in values.items()}


def is_nan(value: Any) -> bool:
    """Return whether a value is NaN: what pandas writes where there is none."""
    return isinstance(value, float) and math.isnan(value)


def _first_part(path: str) -> str:
    found = _PATH_START.match(path)
    return found[0] if found else path


def _listed(names: Iterable[str]) -> str:
    listed = list(names)
    if not listed:
        return "its first rows have no columns"
    more = f" and {len(listed) - 20} more" if len(listed) > 20 else ""
    return f"its columns are {', '.join(listed[:20])}{more}"
