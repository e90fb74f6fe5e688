"""What ``run.json`` says, as far as anything reads it: a run folder may come from anybody."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import Annotated, Literal

from annotated_types import Ge, MaxLen
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from bt_augment.errors import BtAugmentError, RunFolderError
from bt_augment.shards.manifest import refused
from bt_augment.translation.route import Route

# No system opens a longer one.
_Path = Annotated[str, MaxLen(4_096)]

# generate writes six; what writes a recipe as YAML calls itself for each, and has an end.
_DEEPEST = 20


def _parsed(route: str) -> str:
    try:
        Route.parse(route)
    except BtAugmentError as error:
        raise refused(str(error)) from error
    return route


def _with_name(path: str) -> str:
    if not PurePath(path).name:
        raise refused(f"{path!r} names no file or data set")
    return path


class _Part(BaseModel):
    """What is named is of the type that ``generate`` writes; other keys are passed over."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Setting(_Part):
    enabled: bool
    min: float | None = None
    max: float | None = None
    on_null: Literal["reject", "pass"] = "reject"


class _Input(_Part):
    revision: str | None = None


class _CodeSwitch(_Part):
    lexicons: list[str] = []


class _Decoding(_Part):
    candidates: int


class _Translation(_Part):
    models: list[str] = []
    decoding: _Decoding


class _Output(_Part):
    native: bool


class _Recipe(_Part):
    input: _Input = _Input()
    routes: list[Annotated[str, AfterValidator(_parsed)]]
    code_switch: _CodeSwitch = _CodeSwitch()
    translation: _Translation
    filters: dict[str, dict[str, _Setting]]
    output: _Output
    decontaminate: dict[str, str]


class _Source(_Part):
    """A file, with its ``sha256`` and the ``folder`` named, or a data set of the Hub."""

    path: Annotated[_Path, AfterValidator(_with_name)]
    folder: _Path | None = None
    sha256: str = ""
    config: str | None = None
    split: str | None = None
    revision: str | None = None


class _Model(_Part):
    name: str
    revision: str
    fingerprint: str


class _FilterModel(_Part):
    """A file or folder, with its ``fingerprint``, or a model of the Hub."""

    name: str
    fingerprint: str | None = None
    revision: str | None = None


class _Run(_Part):
    """The whole file; sections with a default are absent in runs of earlier versions."""

    recipe: _Recipe
    earlier_filters: list[dict[str, dict[str, _Setting]]] = []
    device: str = "cpu"
    batch_tokens: Annotated[int, Ge(1)] | None = None
    inputs: list[_Source] = []
    models: dict[str, _Model] = {}
    switches: dict[str, list[str]] = {}
    filter_models: dict[str, _FilterModel] = {}
    benchmarks: dict[str, list[_Source]] = {}
    versions: dict[str, str] = {}


def check_fields(name: str, content: object) -> None:
    """Refuse a ``run.json`` that lacks a part, or has one of another type than is written.

    Args:
        name: what messages call the file.
        content: what it holds.

    Raises:
        RunFolderError: names the part.
    """
    if _too_deep(content):
        raise RunFolderError(
            f"{name}: damaged: lists or objects lie in each other more than {_DEEPEST} deep; the "
            "run must be made anew"
        )
    try:
        _Run.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        what = f"damaged at {place}: {first['msg']}"
        if first["type"] == "missing":
            what = f"lacks {place}"
        elif first["type"] == "model_type":  # its own words name a class of ours
            what = f"damaged at {place}: it is no JSON object"
        raise RunFolderError(f"{name}: {what}; the run must be made anew") from error


def _too_deep(content: object) -> bool:
    level = [content]
    for _ in range(_DEEPEST + 1):
        level = [inner for value in level for inner in _within(value)]
    return bool(level)


def _within(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
