"""Does this installation work? Each part tried for real."""

from __future__ import annotations

import platform
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from bt_augment.cache import cache_folder
from bt_augment.errors import BtAugmentError
from bt_augment.translation.decoding import Decoding
from bt_augment.translation.devices import available_cores, int8_sums_saturate, resolve_device
from bt_augment.translation.models import BUNDLED_MINI, ModelCatalog
from bt_augment.translation.translator import Translator

_PACKAGES = ("ctranslate2", "sentencepiece", "pyarrow", "datasets", "sentencex", "fastchrf")
_OF_AN_EXTRA = re.compile(r"([\w.-]+)[^;]*;.*\bextra == [\"']([\w-]+)[\"']")
_NOT_FOR_USERS = ("docs", "test", "all")  # the last is the sum of the others


@dataclass(frozen=True)
class Finding:
    """One check: what was tried, whether it works, and what was seen."""

    check: str
    ok: bool
    detail: str


def diagnose(environment: Mapping[str, str], folder: Path) -> list[Finding]:
    """Return the findings of all checks; ``folder`` is where runs would be written."""
    return [
        Finding("python", sys.version_info >= (3, 11), platform.python_version()),
        Finding("machine", True, f"{platform.system()} {platform.machine()}"),
        *_packages(),
        _try("devices", _devices),
        _try("model cache", lambda: _writable(cache_folder(environment))),
        _try("working folder", lambda: _writable(folder)),
        _try(BUNDLED_MINI, lambda: _translation(environment)),
    ]


def _packages() -> Iterator[Finding]:
    for name in _PACKAGES:
        found = _version(name)
        yield Finding(name, found is not None, found or "missing; install bt-augment again")
    for extra, names in _extras().items():
        found_all = [f"{name} {_version(name) or 'not installed'}" for name in names]
        hint = "" if all(map(_version, names)) else f" (pip install 'bt-augment[{extra}]')"
        yield Finding(f"extra {extra}", True, ", ".join(found_all) + hint)


def _extras() -> dict[str, list[str]]:
    """Return the packages of each extra that a user may want, as this package names them."""
    extras: dict[str, list[str]] = {}
    for requirement in requires("bt-augment") or ():
        found = _OF_AN_EXTRA.match(requirement)
        if found and found[2] not in _NOT_FOR_USERS:
            extras.setdefault(found[2], []).append(found[1])
    return extras


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _try(check: str, attempt: Callable[[], str]) -> Finding:
    try:
        return Finding(check, True, attempt())
    except (BtAugmentError, OSError) as error:
        return Finding(check, False, str(error))


def _devices() -> str:
    device = resolve_device("auto")
    eased = device == "cpu" and int8_sums_saturate()
    note = ", int8 weights are eased (no VNNI)" if eased else ""
    return f"{available_cores()} CPU cores, translation on {device}{note}"


def _writable(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        return str(folder)


def _translation(environment: Mapping[str, str]) -> str:
    catalog = ModelCatalog(cache_folder(environment))
    model = catalog.resolve(BUNDLED_MINI, "en", "pt")
    sentence = "Where does the river begin?"
    found = Translator(model, device="cpu", workers=1).translate([sentence], Decoding())
    return f"{sentence} → {found[0][0].text}"
