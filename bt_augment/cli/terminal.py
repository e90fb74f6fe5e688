"""The one way by which commands print text: a terminal shows it, and never obeys it."""

from __future__ import annotations

import json
import re
from typing import Any

import click

from bt_augment.errors import printable

# What JSON leaves as it is and a terminal would obey; JSON itself escapes the rest.
_RAW_IN_JSON = re.compile(r"[\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def echo(text: str = "", *, err: bool = False, nl: bool = True) -> None:
    """Print text of any origin, with control characters written out.

    Args:
        text: one or more lines.
        err: print to standard error.
        nl: end with a line break.
    """
    click.echo(printable(text), err=err, nl=nl)


def print_json(content: Any) -> None:
    r"""Print one JSON object; characters that a terminal would obey are ``\u`` escapes of it."""
    text = json.dumps(content, ensure_ascii=False, indent=1)
    click.echo(_RAW_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def printable_values(value: Any) -> Any:
    """Return lists, mappings and texts in them as :func:`echo` prints them, for a layout."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [printable_values(item) for item in value]
    if isinstance(value, dict):
        return {printable_values(key): printable_values(item) for key, item in value.items()}
    return value
