"""Where a run came from, as far as others may know it: no folder of the machine it was made on."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from bt_augment.translation.hub import hub_name
from bt_augment.translation.lexicon import named_lexicon

_BUNDLED = "bundled:"
_BUNDLED_LICENSE = "mpl-2.0"  # bt_augment/translation/bundled/LICENSE


@dataclass(frozen=True)
class Source:
    """One input of a run, or a lexicon that its words were switched by.

    Attributes:
        name: of a hub data set, or as :func:`public_names` has it.
        version: what pins it: SHA-256 of a file, or of the list of a folder's files, or config,
            split and commit.
        revision: the commit of a hub data set; else None.
        license: its licence as the publisher names it, or None.
        is_input: whether it is an input; else a lexicon.
    """

    name: str
    version: str
    revision: str | None = None
    license: str | None = None
    is_input: bool = True


@dataclass(frozen=True)
class Model:
    """The model of one hop.

    Attributes:
        hop: such as ``en:pt``.
        name: as on the Hub, without what pins it, or as :func:`public_names` has a local path.
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

    @property
    def pinned(self) -> str:
        """Return the name as a recipe names it, with the commit where there is one."""
        return f"{self.name}@{self.revision}" if self.on_hub else self.name


@dataclass(frozen=True)
class FilterModel:
    """The model that a score asks.

    Attributes:
        score: such as ``fidelity.embedding_cosine``.
        name: as on the Hub, or as :func:`public_names` has a local path.
        version: the commit on the Hub, or the fingerprint of the local file or folder.
        on_hub: whether ``name`` is a model of the Hub.
    """

    score: str
    name: str
    version: str
    on_hub: bool

    @property
    def kind(self) -> str:
        """Return what ``version`` is."""
        return "revision" if self.on_hub else "fingerprint"

    @property
    def pinned(self) -> str:
        """Return the name as a recipe names it, with the commit where there is one."""
        return f"{self.name}@{self.version}" if self.on_hub else self.name


def sources(run: Mapping[str, Any], licenses: Mapping[str, str] | None = None) -> list[Source]:
    """Return the inputs of a run in order, then its lexicons.

    A folder that was named as an input is one source, whatever files are in it.

    Args:
        run: ``run.json``.
        licenses: name of a source → its licence.
    """
    licenses, names = licenses or {}, public_names(run)
    inputs: dict[str, dict[str, Mapping[str, Any]]] = {}
    for entry in run.get("inputs", []):
        inputs.setdefault(entry.get("folder") or entry["path"], {})[entry["path"]] = entry
    found = []
    for path, entries in inputs.items():
        name = names.get(path, path)
        version, revision = _version(path, list(entries.values()))
        found.append(Source(name, version, revision, licenses.get(name)))
    for name, digest in _lexicons(run, names):
        found.append(Source(name, f"sha256 {digest}…", license=licenses.get(name), is_input=False))
    return found


def inputs_as_given(run: Mapping[str, Any]) -> Iterator[str]:
    """Yield the name of each input as others may know it, in order; one given twice comes twice.

    Args:
        run: ``run.json``.
    """
    names = public_names(run)
    first: dict[str, str] = {}
    for entry in run.get("inputs", []):
        path = entry.get("folder") or entry["path"]
        if first.setdefault(path, entry["path"]) == entry["path"]:  # else another file of a folder
            yield names.get(path, path)


def public_names(run: Mapping[str, Any]) -> dict[str, str]:
    """Return of each local path that a run names its last parts, as few as tell it from the others.

    Args:
        run: ``run.json``.
    """
    recipe = run.get("recipe", {})
    inputs = (e for e in run.get("inputs", []) if "sha256" in e)
    paths = [
        *(e.get("folder") or e["path"] for e in inputs),
        *map(_lexicon_path, recipe.get("code_switch", {}).get("lexicons", [])),
        *recipe.get("decontaminate", {}).values(),
    ]
    of_models = [
        *(m["name"] for m in run.get("models", {}).values() if _is_local(m)),
        *(m["name"] for m in run.get("filter_models", {}).values() if not m.get("revision")),
    ]
    return _told_apart(
        {
            **{path: PurePath(path) for path in paths},
            **{name: _path_of_any_system(name) for name in of_models},
        }
    )


def _lexicon_path(text: str) -> str:
    return str(named_lexicon(text)[1])


def _lexicons(run: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the name and the digest of each lexicon."""
    # Each lexicon makes one switch by itself, in the order of the recipe.
    labels = [used[0] for used in run.get("switches", {}).values() if len(used) == 1]
    texts = run.get("recipe", {}).get("code_switch", {}).get("lexicons", [])
    for label, text in dict.fromkeys(zip(labels, texts, strict=False)):
        yield names[_lexicon_path(text)], label.rpartition("@")[2]


def _version(path: str, entries: Sequence[Mapping[str, Any]]) -> tuple[str, str | None]:
    """Return what pins an input, and the commit where it is a data set of the Hub."""
    first = entries[0]
    if "sha256" not in first:
        pins = (first.get("config"), first.get("split"), first.get("revision"))
        return " ".join(pin for pin in pins if pin), first.get("revision")
    if "folder" not in first:
        return f"sha256 {first['sha256']}", None
    listed = "".join(f"{e['sha256']}  {e['path'].removeprefix(f'{path}/')}\n" for e in entries)
    digest = hashlib.sha256(listed.encode()).hexdigest()
    return f"{len(entries)} files, sha256 of what sha256sum prints of them {digest}", None


def _told_apart(paths: Mapping[str, PurePath]) -> dict[str, str]:
    """Return of each path its last parts, as few as no other one ends in."""
    names: dict[str, str] = {}
    left = {name: path.relative_to(path.anchor).parts for name, path in paths.items()}
    length = 0
    while left:
        length += 1
        tails = {name: "/".join(parts[-length:]) for name, parts in left.items()}
        shared = Counter(tails.values())
        for name, tail in tails.items():
            if shared[tail] == 1 or length >= len(left[name]):
                names[name] = tail or name
                del left[name]
    return names


def judgements(run: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    """Return the ``filters`` sections that judged a run, in order: that it was generated by first.

    The last is its own. None where ``filter`` made the run, or one that it came from, before it
    noted what had judged them.

    Args:
        run: ``run.json``.
    """
    if "filtered_from" in run and "earlier_filters" not in run:
        return None
    return [*run.get("earlier_filters", ()), run["recipe"]["filters"]]


def routes(run: Mapping[str, Any]) -> list[str]:
    """Return all that rows were made along: routes, then kinds of code-switching."""
    return [*run["recipe"]["routes"], *run.get("switches", {})]


def models(run: Mapping[str, Any]) -> Iterator[Model]:
    """Yield the model of each hop."""
    names = public_names(run)
    for hop, model in run.get("models", {}).items():
        name, revision = model["name"], model["revision"]
        bundled = name.startswith(_BUNDLED)
        on_hub = None if bundled or _is_local(model) else hub_name(name, revision)
        shown = on_hub or (name if bundled else names[name])
        yield Model(
            hop=hop,
            name=shown,
            revision=revision,
            fingerprint=model["fingerprint"],
            on_hub=on_hub is not None,
            license=_BUNDLED_LICENSE if bundled else None,
            local_name=name if shown != name and not on_hub else None,
        )


def filter_models(run: Mapping[str, Any]) -> Iterator[FilterModel]:
    """Yield the models that the scores of a run ask."""
    names = public_names(run)
    for score, model in run.get("filter_models", {}).items():
        name, revision = model["name"], model.get("revision")
        if revision:
            yield FilterModel(score, name, revision, on_hub=True)
        else:
            yield FilterModel(score, names[name], model.get("fingerprint") or "", on_hub=False)


def last_part(path: str) -> str:
    """Return the last part of a path of any system."""
    return _path_of_any_system(path).name


def _is_local(model: Mapping[str, Any]) -> bool:
    name = model["name"]
    if name.startswith(_BUNDLED):
        return False
    # A folder may hold what was converted from the Hub, and its commit.
    is_folder = os.path.isdir(name)  # noqa: PTH112 - Path raises where it may not look
    return is_folder or hub_name(name, model["revision"]) is None


def _path_of_any_system(path: str) -> PurePath:
    return PurePath(path.replace("\\", "/"))
