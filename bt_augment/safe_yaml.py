"""YAML read safely: no tags, no key twice, and no page that stands for more than memory holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

# Numbers, dates and explicit tags raise their own errors when their text is none.
_ERRORS = (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError, RecursionError)

# Aliases can make a page of YAML stand for more than any memory holds.
_MOST_VALUES = 100_000
_DEEPEST = 50
_LONGEST_NUMBER = 128  # bits; Python does not write numbers of more than 4,300 digits
_MERGE = "tag:yaml.org,2002:merge"


class NotYamlError(Exception):
    """A text is no YAML, or stands for too much.

    Attributes:
        place: such as ``, line 3, column 7``; empty where it is not known.
        cause: in one line.
    """

    def __init__(self, place: str, cause: str) -> None:
        super().__init__(cause)
        self.place = place
        self.cause = cause


@dataclass(frozen=True)
class Document:
    """What a text stands for.

    Attributes:
        content: no two parts of it are one object.
        comment: what stands behind a value without quotes and means nothing to YAML.
    """

    content: Any
    comment: str


def parse(text: str) -> Document | None:
    """Return what a text stands for; None where it holds comments at most.

    Raises:
        NotYamlError: it is no YAML, or is deeper or larger than settings are.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        content = _bounded(loader.construct_document(node))
    except _ERRORS as error:
        raise NotYamlError(*_fault(error, text)) from error
    rest = text[node.end_mark.index :].strip()
    commented = rest.startswith("#") and getattr(node, "style", None) not in ("'", '"')
    return Document(content, rest if commented else "")


class _Loader(yaml.SafeLoader):
    """Refuses a key that is there twice, of which YAML would keep the last.

    Keys merged by ``<<`` are counted: a few lines of them stand for more than any memory holds.
    """

    _merged = 0

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        for key, value in node.value:
            if key.tag != _MERGE:
                continue
            for part in value.value if isinstance(value, yaml.SequenceNode) else (value,):
                if isinstance(part, yaml.MappingNode):
                    self.flatten_mapping(part)
                    self._merged += len(part.value)
                if self._merged > _MOST_VALUES:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"more than {_MOST_VALUES:,} merged keys", key.start_mark
                    )
        super().flatten_mapping(node)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        # As it is written: merging puts keys of others before those that override them.
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.composer.ComposerError(
                    None, None, f"the key {key.value!r} is there twice", key.start_mark
                )
            seen.add(key.value)
        return node


def _bounded(content: Any) -> Any:
    """Return what a YAML text stands for, if it is no deeper and no larger than settings are.

    No two parts of it are one object, as what aliases name is: setting one must not set the other.

    Raises:
        ValueError: it is, or has a whole number so long that Python does not write it.
    """
    left = [(content, 1)]
    values = 0
    while left:
        value, depth = left.pop()
        values += 1
        if values > _MOST_VALUES or depth > _DEEPEST:
            raise ValueError(f"more than {_MOST_VALUES:,} values, or {_DEEPEST} levels of nesting")
        for number in (value, *value) if isinstance(value, dict) else (value,):
            if isinstance(number, int) and number.bit_length() > _LONGEST_NUMBER:
                raise ValueError(f"a whole number of more than {_LONGEST_NUMBER} bits")
        if isinstance(value, dict):
            left += [(item, depth + 1) for item in value.values()]
        elif isinstance(value, list | tuple | set):
            left += [(item, depth + 1) for item in value]
    return _unshared(content)


def _unshared(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _unshared(value) for key, value in content.items()}
    return [_unshared(value) for value in content] if isinstance(content, list) else content


def _fault(error: Exception, text: str) -> tuple[str, str]:
    """Return where YAML ends to be YAML, as messages write it, and why; each in one line."""
    cause = str(error)
    line = column = 0
    if isinstance(error, yaml.MarkedYAMLError):
        cause = ": ".join(part for part in (error.context, error.problem) if part)
        if mark := error.problem_mark or error.context_mark:
            line, column = mark.line + 1, mark.column + 1
    elif isinstance(error, yaml.reader.ReaderError):
        cause = f"the character {error.character!r} is not allowed"
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
    place = f", line {line}, column {column}" if line else ""
    return place, " ".join(cause.split())
