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

_BUNDLED = "bundled:"
_BUNDLED_LICENSE = "mpl-2.0"  # bt_augment/translation/bundled/LICENSE


@dataclass(frozen=True)
class Source:
    """One input of a run, or a lexicon that its words were switched by.

    Attributes:
        name: of a hub data set, or the last part of a path, with as many folders before it as
            tell it apart.
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
        name: as on the Hub, without what pins it, or the last part of a local path.
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
        name: as on the Hub, or the last part of a local path.
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
    licenses = licenses or {}
    inputs: dict[str, list[Mapping[str, Any]]] = {}
    for entry in run.get("inputs", []):
        inputs.setdefault(entry.get("folder") or entry["path"], []).append(entry)
    names = _names([path for path, entries in inputs.items() if "sha256" in entries[0]])
    found = []
    for path, entries in inputs.items():
        name = names.get(path, path)
        version, revision = _version(path, entries)
        found.append(Source(name, version, revision, licenses.get(name)))
    labels = dict.fromkeys(label for used in run.get("switches", {}).values() for label in used)
    for label in labels:
        name, _, digest = label.rpartition("@")
        found.append(Source(name, f"sha256 {digest}…", license=licenses.get(name), is_input=False))
    return found


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


def _names(paths: Sequence[str]) -> dict[str, str]:
    """Return of each path its last parts, as few as no other one ends in."""
    names: dict[str, str] = {}
    left = {path: PurePath(path).relative_to(PurePath(path).anchor).parts for path in paths}
    length = 0
    while left:
        length += 1
        tails = {path: "/".join(parts[-length:]) for path, parts in left.items()}
        shared = Counter(tails.values())
        for path, tail in tails.items():
            if shared[tail] == 1 or length >= len(left[path]):
                names[path] = tail or path
                del left[path]
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
    for hop, model in run.get("models", {}).items():
        name, revision = model["name"], model["revision"]
        # A folder may hold what was converted from the Hub, and its commit.
        is_folder = os.path.isdir(name)  # noqa: PTH112 - Path raises where it may not look
        on_hub = None if is_folder else hub_name(name, revision)
        bundled = name.startswith(_BUNDLED)
        shown = on_hub or (name if bundled else last_part(name))
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
    for score, model in run.get("filter_models", {}).items():
        name, revision = model["name"], model.get("revision")
        if revision:
            yield FilterModel(score, name, revision, on_hub=True)
        else:
            yield FilterModel(score, last_part(name), model.get("fingerprint") or "", on_hub=False)


def last_part(path: str) -> str:
    """Return the last part of a path of any system."""
    return PurePath(path.replace("\\", "/")).name
