"""Values that a caller sets: of their kind and in their range, numbers as Python's own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from numbers import Integral, Real
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le

from bt_augment.errors import BtAugmentError


def whole_number(
    name: str,
    value: Any,
    kind: type[BtAugmentError],
    *,
    least: float | None = None,
    most: float | None = None,
) -> int:
    """Return a whole number as an ``int``, which JSON and all libraries take; numpy's may not do.

    Raises:
        BtAugmentError: of the type ``kind``: it is no whole number, or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise kind(f"{name} is {_shown(value)}; it must be a whole number")
    number = int(value)
    if least is not None and number < least:
        raise kind(f"{name} is {_shown(number)}; it must be {least} or more")
    if most is not None and number > most:
        raise kind(f"{name} is {_shown(number)}; it must be {most:,} or less")
    return number


def check_fields(settings: Any, kind: type[BtAugmentError]) -> None:
    """Check the fields of a frozen dataclass against their annotations.

    Looked at are ``int``, ``float``, ``bool`` and ``Literal``, each with the bounds it is annotated
    with and None where that is allowed; numbers of other types, as of numpy, become Python's own.

    Raises:
        BtAugmentError: of the type ``kind``; names the field and what it may be.
    """
    owner: Any = type(settings)
    for name, hint in _hints(owner).items():
        value = getattr(settings, name)
        options = [hint] if get_origin(hint) in (Annotated, Literal) else get_args(hint) or [hint]
        if value is None and NoneType in options:
            continue
        checked = _checked(name, value, options[0], kind)
        object.__setattr__(settings, name, checked)


@cache
def _hints(owner: Any) -> Mapping[str, Any]:
    hints = get_type_hints(owner, include_extras=True)
    return {field.name: hints[field.name] for field in fields(owner)}


def _checked(name: str, value: Any, hint: Any, kind: type[BtAugmentError]) -> Any:
    plain, *bounds = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    if get_origin(plain) is Literal:
        if value not in get_args(plain):
            raise kind(f"{name} is {value!r}; it must be {' or '.join(get_args(plain))}")
    elif plain is bool:
        if not isinstance(value, bool):
            raise kind(f"{name} is {value!r}; it must be True or False")
    elif plain is int:
        value = whole_number(name, value, kind)
    elif plain is float:
        value = _number(name, value, kind)
    for bound in bounds:
        if isinstance(bound, Ge) and value < bound.ge:
            raise kind(f"{name} is {_shown(value)}; it must be {bound.ge} or more")
        if isinstance(bound, Gt) and value <= bound.gt:
            raise kind(f"{name} is {_shown(value)}; it must be above {bound.gt}")
        if isinstance(bound, Le) and value > bound.le:
            raise kind(f"{name} is {_shown(value)}; it must be {bound.le} or less")
    return value


def _number(name: str, value: Any, kind: type[BtAugmentError]) -> int | float:
    if isinstance(value, bool) or not isinstance(value, Real) or not _is_finite(value):
        raise kind(f"{name} is {_shown(value)}; it must be a number")
    return int(value) if isinstance(value, Integral) else float(value)


def _is_finite(value: Real) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def _shown(value: object) -> str:
    try:
        return repr(value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of thousands of digits"
