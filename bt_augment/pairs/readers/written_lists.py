"""Lists and objects that a cell of a table spells out, in JSON or as Python prints them."""

from __future__ import annotations

import ast
import io
import json
import math
import re
import tokenize
import warnings
from itertools import pairwise
from typing import Any

from bt_augment.pairs.readers.columns import is_nan

# How a cell that spells out a list or an object begins; "[sic] no" and "{x | x > 0}" are text.
_SPELT_OUT = re.compile(r"(\[\s*)?(\{\s*)?['\"]|\[\s*array\(")
ABSENT_CELLS = ("nan", "NaN")  # how pandas writes an absent value as text

# numpy's wrappers around what it prints: array(['a'], dtype=object), np.str_('a').
_WRAPPERS = re.compile(r"array|str_|u?int(8|16|32|64)|float(16|32|64)|bool_?")

_PARSE_ERRORS = (
    ValueError,
    TypeError,
    SyntaxError,
    RecursionError,
    MemoryError,
    tokenize.TokenError,
)


class UnreadableCellError(ValueError):
    """The cell spells out a list or an object, and breaks off or is of no known form."""


def from_cell(text: str) -> Any:
    """Return the list or object that a cell spells out, or the text itself.

    Nothing of the cell is run.

    Raises:
        UnreadableCellError: it begins like a list or an object that cannot be read.
    """
    stripped = text.strip()
    if not stripped.startswith(("[", "{")):
        return text
    for parse in (json.loads, _printed):
        try:
            value = parse(stripped)
        except _PARSE_ERRORS:
            continue
        if isinstance(value, dict) or (isinstance(value, list) and _may_be_answers(value)):
            return value
    if _SPELT_OUT.match(stripped):
        raise UnreadableCellError("it begins like a list or an object, and cannot be read as one")
    return text


def _may_be_answers(items: list[Any]) -> bool:
    """Return whether a list is empty, or holds texts, objects or nothing: ``[1945]`` is a text."""
    return not items or any(
        item is None or is_nan(item) or isinstance(item, str | dict) for item in items
    )


def _printed(text: str) -> Any:
    """Return the value that Python or numpy printed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of "\d", which is no escape
        tree = ast.parse(_with_commas(text), mode="eval")
    return ast.literal_eval(_Unwrapped().visit(tree))


class _Unwrapped(ast.NodeTransformer):
    """Puts what numpy's wrappers hold in their place."""

    def visit_Call(self, node: ast.Call) -> Any:
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if _WRAPPERS.fullmatch(name) and len(node.args) == 1:
            return self.visit(node.args[0])
        return node  # which literal_eval refuses

    def visit_Name(self, node: ast.Name) -> Any:
        # What pandas prints where a list lacks a value.
        return ast.Constant(math.nan) if node.id in ABSENT_CELLS else node


def _with_commas(text: str) -> str:
    """Return ``text`` with a comma between texts that follow each other.

    numpy's lists have none, and Python would take ``['a' 'b']`` for one text.
    """
    ends: dict[int, list[int]] = {}  # row → columns where a comma is lacking
    before = None
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.NL, tokenize.NEWLINE):
            continue
        if before is not None and before.type == token.type == tokenize.STRING:
            row, column = before.end
            ends.setdefault(row, []).append(column)
        before = token
    lines = enumerate(io.StringIO(text), start=1)
    return "".join(_joined_at(line, ends.get(row, [])) for row, line in lines)


def _joined_at(line: str, columns: list[int]) -> str:
    """Return a line with a comma at each of the columns, which ascend."""
    parts = (line[start:end] for start, end in pairwise([0, *columns, len(line)]))
    return ",".join(parts)
