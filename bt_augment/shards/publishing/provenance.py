"""Where a run came from, as far as others may know it: no folder of the publisher's machine."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import yaml

RECIPE = "recipe.yaml"

_NAMED_INPUTS = 5  # more are not written out in the command
_COMMIT = re.compile(r"[0-9a-f]{40}")
_BUNDLED_LICENSE = "mpl-2.0"  # bt_augment/translation/bundled/LICENSE


@dataclass(frozen=True)
class Source:
    """One input of a run, or a lexicon that its words were switched by.

    Attributes:
        name: of a hub data set, or the last part of a path, with as many folders before it as
            tell it apart.
        version: what pins it: SHA-256, or config, split and commit.
        on_hub: whether it is a data set of the Hub.
        license: its licence as the publisher names it, or None.
        is_input: whether it is an input; else a lexicon.
    """

    name: str
    version: str
    on_hub: bool
    license: str | None = None
    is_input: bool = True


@dataclass(frozen=True)
class Model:
    """The model of one hop.

    Attributes:
        hop: such as ``en:pt``.
        name: as on the Hub, or the last part of a local path.
        revision: commit or fingerprint of what was converted.
        fingerprint: SHA-256 over the converted weights, shortened.
        on_hub: whether ``name`` is a model of the Hub.
        license: where this package knows it.
        local_name: the name with its folders, where ``name`` leaves them out; rows hold it.
    """

    hop: str
    name: str
    revision: str
    fingerprint: str
    on_hub: bool
    license: str | None
    local_name: str | None = None


def sources(run: Mapping[str, Any], licenses: Mapping[str, str]) -> list[Source]:
    """Return the inputs of a run in order, then its lexicons.

    Args:
        run: ``run.json``.
        licenses: name of a source → its licence.
    """
    inputs: Sequence[Mapping[str, Any]] = run.get("inputs", [])
    names = _names([str(entry["path"]) for entry in inputs if "sha256" in entry])
    found = []
    for entry in inputs:
        path: str = entry["path"]
        if "sha256" in entry:
            name = names[path]
            version = f"sha256 {entry['sha256']}"
        else:
            name = path
            pins = (entry.get("config"), entry.get("split"), entry.get("revision"))
            version = " ".join(pin for pin in pins if pin)
        found.append(Source(name, version, "sha256" not in entry, licenses.get(name)))
    labels = dict.fromkeys(label for used in run.get("switches", {}).values() for label in used)
    for label in labels:
        name, _, digest = label.rpartition("@")
        found.append(Source(name, f"sha256 {digest}…", False, licenses.get(name), is_input=False))
    return found


def _names(paths: Sequence[str]) -> dict[str, str]:
    """Return of each path its last parts, as few as no other one ends in."""
    parts = {path: PurePath(path).relative_to(PurePath(path).anchor).parts for path in paths}
    tails = {path: ["/".join(p[-n:]) for n in range(1, len(p) + 1)] for path, p in parts.items()}
    shared = Counter(tail for found in tails.values() for tail in found)
    return {
        path: next((tail for tail in found if shared[tail] == 1), found[-1])
        for path, found in tails.items()
    }


def routes(run: Mapping[str, Any]) -> list[str]:
    """Return all that rows were made along: routes, then kinds of code-switching."""
    return [*run["recipe"]["routes"], *run.get("switches", {})]


def models(run: Mapping[str, Any]) -> Iterator[Model]:
    """Yield the model of each hop."""
    for hop, model in run.get("models", {}).items():
        name, revision = model["name"], model["revision"]
        yield Model(
            hop=hop,
            name=public_name(name),
            revision=revision,
            fingerprint=model["fingerprint"],
            on_hub=bool(_COMMIT.fullmatch(revision)),
            license=_BUNDLED_LICENSE if name.startswith("bundled:") else None,
            local_name=name if public_name(name) != name else None,
        )


def public_name(name: str) -> str:
    """Return the name of a model as others may see it: of a local folder, only its last part."""
    private = name.startswith(("/", "~", ".")) or name.count("/") > 1 or "\\" in name
    return PurePath(name.replace("\\", "/")).name if private else name


def public_recipe(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recipe of a run, without the folders in which what it names lay."""
    recipe: dict[str, Any] = dict(run["recipe"])
    translation = dict(recipe["translation"])
    translation["models"] = [_public_override(name) for name in translation.get("models", [])]
    benchmarks = recipe["decontaminate"]
    if "code_switch" in recipe:
        lexicons = recipe["code_switch"].get("lexicons", [])
        shown = [_public_lexicon(text) for text in lexicons]
        recipe["code_switch"] = {**recipe["code_switch"], "lexicons": shown}
    return {
        **recipe,
        "translation": translation,
        "decontaminate": {name: Path(folder).name for name, folder in benchmarks.items()},
    }


def recipe_yaml(run: Mapping[str, Any]) -> str:
    """Return the recipe as ``--recipe`` takes it."""
    return yaml.safe_dump(public_recipe(run), sort_keys=False, allow_unicode=True, width=100)


def commands(run: Mapping[str, Any], found: Sequence[Source]) -> list[str]:
    """Return the shell lines that make the run again from its sources and ``recipe.yaml``."""
    names = [source.name for source in found if source.is_input]
    given = names if 0 < len(names) <= _NAMED_INPUTS else ["INPUT..."]
    words = ["bt-augment", "generate", *given, "--recipe", RECIPE, "--out", "run"]
    pinned = {source.version.rsplit(" ", 1)[-1] for source in found if source.on_hub}
    if len(pinned) == 1 and not run["recipe"].get("input", {}).get("revision"):
        words += ["--set", f"input.revision={pinned.pop()}"]
    if run.get("device") == "cuda":
        words += ["--device", "cuda"]
    version = run.get("versions", {}).get("bt-augment")
    package = f"bt-augment=={version}" if version else "bt-augment"
    return [
        shlex.join(["pip", "install", package]),
        shlex.join(words).replace("'INPUT...'", "INPUT..."),
    ]


def _public_lexicon(text: str) -> str:
    languages, equals, path = text.rpartition("=")
    return f"{languages}{equals}{PurePath(path).name}"


def _public_override(name: str) -> str:
    hop, equals, model = name.rpartition("=")
    return f"{hop}{equals}{public_name(model)}"
