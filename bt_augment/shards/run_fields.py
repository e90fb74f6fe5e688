"""The types of what is read of ``run.json``: a run folder may come from anybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from bt_augment.errors import RunFolderError


class _Decoding(BaseModel):
    candidates: int


class _Translation(BaseModel):
    decoding: _Decoding


class _Output(BaseModel):
    native: bool


class _Recipe(BaseModel):
    routes: list[str]
    filters: dict[str, dict[str, dict[str, Any]]]
    decontaminate: dict[str, str]
    output: _Output
    translation: _Translation


class _Model(BaseModel):
    name: str
    fingerprint: str


class _Run(BaseModel):
    """What other modules read; anything else in the file is passed over."""

    recipe: _Recipe
    inputs: list[dict[str, Any]] = []
    models: dict[str, _Model] = {}
    switches: dict[str, list[str]] = {}


def check_fields(name: str, content: Mapping[str, Any]) -> None:
    """Refuse a ``run.json`` of which a part is of another type than ``generate`` writes.

    Args:
        name: what messages call the file.
        content: what it holds.

    Raises:
        RunFolderError: names the part.
    """
    try:
        _Run.model_validate(content, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RunFolderError(
            f"{name}: damaged at {place}: {first['msg']}; the run must be made anew"
        ) from error
