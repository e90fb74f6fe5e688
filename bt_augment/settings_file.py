"""Settings in YAML, changed by ``--set``, and errors that name the place."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import yaml
from pydantic import TypeAdapter, ValidationError

from bt_augment.errors import BtAugmentError, RecipeError, did_you_mean
from bt_augment.safe_yaml import NotYamlError, parse

Keys = tuple[str | int, ...]

_HANDED_OVER = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/", "/dev/null")
_SHOWN = 200  # characters of a value in a message

# What a value that is to be text has to be written as where YAML reads it otherwise.
_IN_QUOTES = "; YAML reads it so unless it stands in quotes, such as '\"no\"' or '\"1\"'"

_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")


class Places:
    """Says where a key is: the file and line if it is there, and the dotted key."""

    def __init__(self, path: Path | None, text: str) -> None:
        """Remember where the keys of a file are.

        Args:
            path: the file, or None where there is none.
            text: its YAML.
        """
        self._path = path
        self._root = yaml.compose(text, Loader=yaml.SafeLoader) if text else None
        self._overlays: tuple[Keys, ...] = ()
        self._sections: tuple[Keys, ...] = ((),)  # tried in this order
        self._assigned: Mapping[Keys, str] = {}  # key → what goes before it in a message

    def under(self, *section: str | int) -> Places:
        """Return the places of the keys below one section."""
        return self._with(sections=tuple((*s, *section) for s in self._sections))

    def beside(self, *section: str | int) -> Places:
        """Return places that look first in a section whose keys go before these."""
        return self._with(sections=(section, *self._sections))

    def laid_over(self, *section: str | int) -> Places:
        """Return places that look first in a section whose keys replace those of the file."""
        return self._with(overlays=(section, *self._overlays))

    def assigned(self, keys: Iterable[Keys], option: str = "") -> Places:
        """Return places that know of keys whose values are not those of the file.

        Args:
            keys: as :func:`assign` returns them.
            option: that said them, with a blank after it; nothing where a message names the key
                alone.
        """
        return self._with(assigned={**self._assigned, **dict.fromkeys(keys, option)})

    def __call__(self, keys: Sequence[str | int] = ()) -> str:
        """Return the place of a key as a message names it."""
        for whole in (True, False):
            for section in self._sections:
                full = (*section, *keys)
                if (option := self._option(full, below=not whole)) is not None:
                    return f"{option}{_dotted(full)}"
                for place in ((*overlay, *full) for overlay in (*self._overlays, ())):
                    if line := self._line(place, whole=whole):
                        return f"{self._path}, line {line}: {_dotted(place)}"
        return _dotted((*self._sections[-1], *keys))

    @contextmanager
    def at(self, keys: Sequence[str | int]) -> Iterator[None]:
        """Put the place of a key before the message of an error that is raised within."""
        try:
            yield
        except BtAugmentError as error:
            error.args = (f"{self(keys)}: {error}",)
            raise

    def unknown(self, keys: Sequence[str | int], allowed: Iterable[str], kind: str = "key") -> str:
        """Return the message for a name that is not one of those allowed."""
        known = sorted(allowed)
        return (
            f"{self(keys)}: unknown {kind}{did_you_mean(str(keys[-1]), known)}; "
            f"allowed are {', '.join(known)}"
        )

    def refuse(
        self, error: ValidationError, model: Any, keys: Sequence[str | int] = (), *more: str
    ) -> NoReturn:
        """Raise the first finding of a validation.

        Args:
            error: the findings.
            model: what was validated against; its schema knows the allowed keys.
            keys: where the validated part is.
            more: further keys that are allowed there.

        Raises:
            RecipeError: always; names the place, what is allowed and the nearest name.
        """
        first = error.errors()[0]
        place = [*keys, *first["loc"]]
        if first["type"] in _UNKNOWN:
            allowed = (*_keys_of(model, first["loc"][:-1]), *more)
            raise RecipeError(self.unknown(place, allowed)) from error
        near = ""
        if first["type"] == "literal_error":
            known = re.findall(r"'([^']*)'", first.get("ctx", {}).get("expected", ""))
            near = did_you_mean(str(first["input"]), known)
        value = repr(first["input"])
        value = value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"
        shown = "" if first["type"] == "missing" else f", not {value}{near}"
        if first["type"] == "string_type" and first["input"] is not None:
            shown += _IN_QUOTES
        raise RecipeError(f"{self(place)}: {first['msg']}{shown}") from error

    def refuse_flags(self, content: Any, model: Any, keys: Sequence[str | int] = ()) -> None:
        """Refuse true and false where a number is wanted: Python takes them for 1 and 0.

        Args:
            content: what is validated next.
            model: against this.
            keys: where it is.

        Raises:
            RecipeError: names the place.
        """
        schema = _schema_of(model)
        for place, value in _flags(content, schema, schema):
            raise RecipeError(
                f"{self((*keys, *place))}: wants a number, not {str(value).lower()} (YAML reads "
                "yes, no, on and off as true and false)"
            )

    def _with(
        self,
        overlays: tuple[Keys, ...] | None = None,
        sections: tuple[Keys, ...] | None = None,
        assigned: Mapping[Keys, str] | None = None,
    ) -> Places:
        other = Places(self._path, "")
        other._root = self._root
        other._overlays = self._overlays if overlays is None else overlays
        other._sections = self._sections if sections is None else sections
        other._assigned = self._assigned if assigned is None else assigned
        return other

    def _option(self, keys: Keys, *, below: bool) -> str | None:
        """Return what goes before a key that was assigned, or that lies above one."""
        for known, option in self._assigned.items():
            size = min(len(known), len(keys)) if below else len(known)
            if size and known[:size] == keys[:size]:
                return option
        return None

    def _line(self, keys: Sequence[str | int], *, whole: bool) -> int | None:
        """Return the line of a key, or, unless it is to be the whole one, of what stands for it."""
        node = self._root
        line: int | None = None
        for key in keys:
            if isinstance(node, yaml.MappingNode):
                found = [(k, v) for k, v in node.value if k.value == str(key)]
                if not found:
                    return None
                line, node = found[0][0].start_mark.line + 1, found[0][1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(key, int):
                if key >= len(node.value):
                    return line
                node = node.value[key]
                line = node.start_mark.line + 1
            elif whole:
                return None  # a text, where another section may have the key
        return line


def read_settings(path: Path | None) -> tuple[dict[str, Any], Places]:
    """Return the mapping that a YAML file holds, and the places of its keys.

    Args:
        path: the file; None stands for an empty one.

    Raises:
        RecipeError: it cannot be read, is not YAML, or holds no mapping.
    """
    text = _read(path) if path else ""
    content = _parse(text, path)  # first: it refuses what is no YAML
    return content, Places(path, text)


def assign(content: dict[str, Any], key: str, value: Any) -> Keys:
    """Set a dotted key of nested mappings, and return it in its parts.

    A name that is there, such as that of a base model, may itself hold dots.

    Raises:
        RecipeError: a part of the key holds a value, not a section.
    """
    left = key.split(".")
    node = content
    keys: Keys = ()
    while True:
        ends = range(len(left), 0, -1)
        size = next((end for end in ends if ".".join(left[:end]) in node), 1)
        name, left = ".".join(left[:size]), left[size:]
        keys += (name,)
        if not left:
            node[name] = value
            return keys
        child = node.setdefault(name, {})
        if not isinstance(child, dict):
            raise RecipeError(f"{key}: {name} holds a value, not a section")
        node = child


def parse_assignments(texts: Sequence[str], example: str) -> Iterator[tuple[str, Any]]:
    """Yield key and value of each ``KEY=VALUE``, as ``--set`` takes them.

    Args:
        texts: dotted keys with YAML values.
        example: what a message shows.

    Raises:
        RecipeError: one is not of that form.
    """
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise RecipeError(f"--set {text!r}: write KEY=VALUE, such as {example}")
        try:
            content = _assigned(value, text)
        except NotYamlError as error:
            raise RecipeError(f"--set {text!r}: the value is not YAML ({error.cause})") from error
        yield key, content


def _assigned(value: str, text: str) -> Any:
    """Return what the YAML value of the assignment ``text`` stands for.

    No shell's argument has a comment: what YAML would drop behind a text is part of it.

    Raises:
        RecipeError: something else than text stands before what YAML would drop.
    """
    found = parse(value)
    if found is None:
        return value.strip() or None
    if not found.comment:
        return found.content
    if not isinstance(found.content, str):
        raise RecipeError(
            f"--set {text!r}: to YAML {found.comment!r} is a comment; leave it out, or put a text "
            "that holds it in quotes, as in KEY='\"5 #x\"'"
        )
    return value.strip()


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with what ``over`` says instead; mappings are merged key by key."""
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[key] = merged(old, value) if both else value  # type: ignore[arg-type]
    return result


def _dotted(keys: Sequence[str | int]) -> str:
    return ".".join(str(key) for key in keys)


def _keys_of(model: Any, path: Sequence[str | int]) -> list[str]:
    schema = _schema_of(model)
    node = _resolved(schema, schema)
    for key in path:
        inner = node.get("properties", {}).get(str(key))
        if inner is None:  # a mapping of names, or a list
            inner = node.get("additionalProperties") or node.get("items") or {}
        node = _resolved(schema, inner)
    return list(node.get("properties", {}))


@cache
def _schema_of(model: Any) -> dict[str, Any]:
    return TypeAdapter(model).json_schema()


def _flags(
    content: Any, schema: Mapping[str, Any], node: Mapping[str, Any]
) -> Iterator[tuple[Keys, bool]]:
    """Yield the keys of booleans for which the schema allows numbers and no booleans."""
    node = _resolved(schema, node)
    options = [_resolved(schema, option) for option in node.get("anyOf", [node])]
    if isinstance(content, bool):
        kinds = {option.get("type") for option in options}
        if kinds & {"integer", "number"} and "boolean" not in kinds:
            yield (), content
        return
    for option in options:
        inner: Iterable[tuple[str | int, Any, Any]] = ()
        if isinstance(content, dict):
            named = option.get("properties", {})
            rest = option.get("additionalProperties")
            inner = ((key, value, named.get(key, rest)) for key, value in content.items())
        elif isinstance(content, list):
            inner = ((i, value, option.get("items")) for i, value in enumerate(content))
        for key, value, part in inner:
            if isinstance(part, dict):
                for keys, flag in _flags(value, schema, part):
                    yield (key, *keys), flag


def _resolved(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    while reference := node.get("$ref"):
        node = schema["$defs"][reference.rsplit("/", 1)[-1]]
    return node


def waits_for_nobody(path: Path) -> bool:
    """Tell whether reading a path ends: of a pipe, only where a shell hands it over.

    Raises:
        OSError: there is no such path.
    """
    # Reading a pipe waits for a writer; one that a shell hands over has one.
    return stat.S_ISREG(path.stat().st_mode) or str(path).startswith(_HANDED_OVER)


def _read(path: Path) -> str:
    try:
        if not waits_for_nobody(path):
            raise RecipeError(f"{path}: cannot be read as a recipe (it is no regular file)")
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:  # no UTF-8, or a NUL character in the name
        raise RecipeError(f"{path}: cannot be read as a recipe ({error})") from error


def _parse(text: str, path: Path | None) -> dict[str, Any]:
    try:
        found = parse(text)
    except NotYamlError as error:
        raise RecipeError(f"{path}{error.place}: is not YAML: {error.cause}") from error
    content = found.content if found else None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise RecipeError(
            f"{path}: a recipe is a mapping of sections, not {type(content).__name__}"
        )
    return content
