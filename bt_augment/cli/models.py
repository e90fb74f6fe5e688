"""``bt-augment models``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from bt_augment.cli.common import common_options
from bt_augment.cli.terminal import echo, print_json
from bt_augment.translation.convert import QUANTIZATIONS

if TYPE_CHECKING:
    from bt_augment.translation.models import ModelCatalog


@click.group("models")
def command() -> None:
    """List, describe and convert translation models."""


@command.command("list")
@common_options
def list_(quiet: bool, as_json: bool) -> None:
    """List the models on this machine: bundled, and converted before."""
    models = [_info_json(info) for info in _catalog().list_models()]
    if as_json:
        print_json(models)
        return
    for model in models:
        echo(_line(model))
    echo(
        "Also by name: Helsinki-NLP/opus-mt-SRC-TGT, opus-mt, facebook/nllb-200-…, "
        "facebook/m2m100_…, google/madlad400-…, facebook/mbart-large-50-…, or a local folder"
    )


@command.command("info")
@click.argument("name")
@common_options
def info(name: str, quiet: bool, as_json: bool) -> None:
    """Describe model NAME."""
    models = [_info_json(found) for found in _catalog().info(name)]
    if as_json:
        print_json(models)
        return
    for model in models:
        echo("\n".join(f"{key}: {value}" for key, value in model.items()))


@command.command("convert")
@click.argument("name")
@click.option(
    "--quantization",
    type=click.Choice(QUANTIZATIONS),
    metavar="TYPE",
    help=f"{', '.join(QUANTIZATIONS[:-1])} or {QUANTIZATIONS[-1]}.  [default: int8]",
)
@common_options
def convert(name: str, quantization: str | None, quiet: bool, as_json: bool) -> None:
    """Convert model NAME to a CTranslate2 folder in the cache."""
    folder = _catalog().convert(name, quantization=quantization)
    if as_json:
        print_json({"name": name, "folder": str(folder)})
    else:
        echo(f"{name}: {folder}")


def _catalog() -> ModelCatalog:
    from bt_augment.cache import cache_folder
    from bt_augment.translation.models import ModelCatalog

    return ModelCatalog(cache_folder(os.environ))


def _info_json(info: Any) -> dict[str, Any]:
    return {
        "name": info.name,
        "family": info.family,
        "quantization": info.quantization,
        "bytes": info.size_bytes,
        "revision": info.revision,
        "fingerprint": info.fingerprint,
        "folder": str(info.folder),
    }


def _line(model: dict[str, Any]) -> str:
    return (
        f"{model['name']:40} {model['family']:8} {model['quantization']:14} "
        f"{model['bytes'] / 1e6:8.1f} MB  {model['folder']}"
    )
