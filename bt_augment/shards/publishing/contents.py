"""The folder that is uploaded: the same run and settings give the same bytes."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bt_augment._version import __version__
from bt_augment.errors import PublishError, RunFolderError, did_you_mean
from bt_augment.shards.atomic import storage_errors
from bt_augment.shards.browsing import Example, browse
from bt_augment.shards.manifest import read_manifest
from bt_augment.shards.provenance import models, routes, sources
from bt_augment.shards.publishing.card import Card
from bt_augment.shards.publishing.files import DATA, FILE_PATTERN, fingerprints, write_files
from bt_augment.shards.publishing.metadata import configs
from bt_augment.shards.publishing.remaking import RECIPE, recipe_yaml
from bt_augment.shards.run_folder import CARD, read_run
from bt_augment.shards.store import SPLITS
from bt_augment.shards.verification import verify

logger = logging.getLogger(__name__)

RECORD = "bt-augment.json"  # what this tool put into a repository, and so may remove from it

_FORMAT = 1
_UNFINISHED = re.compile(rf"{DATA}/\.({'|'.join(SPLITS)})-[^/]*")
_EXAMPLES = 2  # of each route, and of the rejected rows
_ROUTES_SHOWN = 4
_LICENSE = re.compile(r"[a-z0-9][a-z0-9.+-]*")
_LISTED = 5


@dataclass(frozen=True)
class Terms:
    """What only the publisher knows.

    Attributes:
        repo: ``NAMESPACE/NAME``.
        revision: branch, or None for the main one.
        license: the data set's licence as the Hub names it, such as ``cc-by-sa-4.0``.
        source_licenses: name of an input, as the card shows it → its licence; None is none.
    """

    repo: str
    revision: str | None = None
    license: str | None = None
    source_licenses: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "source_licenses", dict(self.source_licenses or {}))


@dataclass(frozen=True)
class Contents:
    """What was written.

    Attributes:
        folder: where.
        configs: name → rows.
        files: path → ``bytes`` and ``sha256``, of every file.
        fingerprint: of the run.
    """

    folder: Path
    configs: Mapping[str, int]
    files: Mapping[str, Mapping[str, int | str]]
    fingerprint: str


def write_contents(run: Path, terms: Terms, out: Path) -> Contents:
    """Write all files of the repository below ``out``, which exists and is empty.

    Raises:
        PublishError: a licence is no identifier or is for an unknown source, or nothing was
            accepted.
        RunFolderError: the folder is no finished run, or is damaged.
        StorageError: the disk refused.
    """
    for name in (terms.license, *terms.source_licenses.values()):
        if name is not None and not (isinstance(name, str) and _LICENSE.fullmatch(name)):
            raise PublishError(
                f"licence {name!r}: give an identifier as the Hub lists them, such as "
                "cc-by-sa-4.0, apache-2.0 or other"
            )
    _check(run)
    manifest, about = read_manifest(run), read_run(run)
    origins = sources(about, terms.source_licenses)
    known = [source.name for source in origins]
    if stranger := next((name for name in terms.source_licenses if name not in known), None):
        raise PublishError(
            f"a licence is given for {stranger!r}, which is no input of this run"
            f"{did_you_mean(stranger, known)}; its inputs are {', '.join(known[:_LISTED])}"
        )
    versions = Counter(name for name, _ in {(source.name, source.version) for source in origins})
    if several := next((name for name in terms.source_licenses if versions[name] > 1), None):
        raise PublishError(
            f"a licence is given for {several!r}, but {versions[several]} different sources of "
            "this run have that name; leave it out, or rename one of them and generate again"
        )
    used = list(models(about))
    if private := sorted({model.local_name for model in used if model.local_name}):
        logger.warning(
            "the column 'models' names local models as they were named, folders included: %s. "
            "Generate with names relative to the working folder where that tells too much",
            ", ".join(private),
        )
    with storage_errors(out):
        shards = {split: [unit.files[split] for unit in manifest.units] for split in SPLITS}
        files = write_files(run, shards, routes(about), out)
        if not files.accepted:
            raise PublishError(f"{run}: has no accepted row, so there is nothing to publish")
        found = configs(files)
        card = Card(
            repo=terms.repo,
            revision=terms.revision,
            license=terms.license,
            run=about,
            manifest=manifest,
            files=files,
            configs=found,
            sources=origins,
            models=used,
            examples=_examples(run, routes(about)),
        )
        (out / CARD).write_text(card.text(), encoding="utf-8")
        (out / RECIPE).write_text(recipe_yaml(about), encoding="utf-8")
        listed = fingerprints(out)
        record = _record(manifest.fingerprint(), listed, card)
        (out / RECORD).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
        return Contents(
            folder=out,
            configs={config.name: config.rows for config in found},
            files=fingerprints(out),
            fingerprint=manifest.fingerprint(),
        )


def own(_: Path) -> Callable[[str], bool]:
    """Return what tells of a path whether :func:`write_contents` writes it, in whatever folder."""
    return lambda path: (
        path in (CARD, RECIPE, RECORD)
        or bool(FILE_PATTERN.fullmatch(path) or _UNFINISHED.fullmatch(path))
    )


def _check(run: Path) -> None:
    checked = verify(run)
    if checked.problems:
        raise RunFolderError(f"{run}: is damaged:\n{checked.told(_LISTED)}")


def _record(
    fingerprint: str, listed: Mapping[str, Mapping[str, int | str]], card: Card
) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "bt-augment": __version__,
        "run_fingerprint": fingerprint,
        "sources": [
            {"name": source.name, "version": source.version, "license": source.license}
            for source in card.sources
        ],
        "files": {path: entry for path, entry in listed.items() if path.startswith(f"{DATA}/")},
    }


def _examples(run: Path, along: Sequence[str]) -> list[Example]:
    found: list[Example] = []
    for route in along[:_ROUTES_SHOWN]:
        found += browse(run, _EXAMPLES, route=route)
    return found + browse(run, _EXAMPLES, rejected=True)
