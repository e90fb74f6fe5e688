"""A run folder while it is being made: whose it is, and what is done of it."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bt_augment.errors import RunFolderError
from bt_augment.shards.atomic import read_errors, sha256_of, storage_errors, temporary_name
from bt_augment.shards.claims import LOCK, claimed
from bt_augment.shards.journal import Journal
from bt_augment.shards.links import own_file, refuse_links
from bt_augment.shards.manifest import MANIFEST, RUN, WORK, UnitEntry, no_run, write_json
from bt_augment.shards.run_fields import check_fields
from bt_augment.shards.run_files import check_overwrite, names_of_splits
from bt_augment.shards.store import DICT, SPLITS, file_problem

logger = logging.getLogger(__name__)

QUARANTINE = "quarantine.jsonl"
CARD = "README.md"
_DISCARDED = ".discarded"
# In the order of removal: a folder half cleared must neither open nor look finished, and stays
# known as a run to the end.
_OWN = (MANIFEST, DICT, _DISCARDED, *SPLITS, QUARANTINE, CARD, RUN)
_BEFORE_RUN = frozenset({LOCK, WORK, temporary_name(Path(RUN)).name})


class RunFolder:
    """The files of one run.

    Attributes:
        path: the folder.
        out: the folder, or the URL it stands for: what messages name.
        work: a folder beneath it that is removed when the run is finished.
    """

    def __init__(self, path: Path, out: Path | str | None = None) -> None:
        """Name the folder; nothing is read or written yet.

        Args:
            path: the folder.
            out: what messages name; None is the path.
        """
        self.path = path
        self.out = out if out is not None else path
        self.work = path / WORK

    @contextmanager
    def claimed(
        self, *, patience: float = 0, waiting: Callable[[float], None] | None = None
    ) -> Iterator[None]:
        """Hold the folder against other processes; a process that dies lets go of it.

        Args:
            patience: seconds to wait for another process that holds it.
            waiting: told, while waiting, how many seconds it has been.

        Raises:
            RunFolderError: another process holds it, or it is not a run's.
            StorageError: the folder cannot be made.
        """
        self._refuse_foreign()
        with self._held(patience, waiting):
            yield

    @contextmanager
    def _held(self, patience: float, waiting: Callable[[float], None] | None) -> Iterator[None]:
        busy = RunFolderError(
            f"{self.out}: another process is writing this run; wait for it, or choose another --out"
        )
        with claimed(self.path, busy, patience=patience, waiting=waiting):
            yield

    @property
    def finished(self) -> bool:
        """Tell whether the run is whole."""
        return (self.path / MANIFEST).is_file()

    @property
    def holds_run(self) -> bool:
        """Tell whether there is a run, whole or not."""
        return (self.path / RUN).is_file()

    def begin(self, identity: Mapping[str, Any], *, overwrite: bool) -> None:
        """Make the folder this run's, or check that it is.

        Args:
            identity: what decides the bytes of the run: recipe, input and models.
            overwrite: remove what another run left.

        Raises:
            RunFolderError: the folder holds something else, or a run that differs; the message
                names what differs.
        """
        if overwrite:
            self._check_overwrite()
            self._clear()
        refuse_links(self.path, (*_OWN, WORK))
        known = self.identity()
        if known is None:
            if not overwrite:
                self._refuse_foreign()
            with storage_errors(self.path):
                self.work.mkdir(exist_ok=True)
            write_json(self.path / RUN, dict(identity))
            return
        changes = list(_differences(known, _as_json(identity)))
        if changes:
            raise RunFolderError(
                f"{self.out}: this folder holds another run. What differs: "
                f"{'; '.join(changes[:5])}. Choose another --out, or start anew with --overwrite"
            )
        if not self.finished:
            with storage_errors(self.path):
                self.work.mkdir(exist_ok=True)

    def identity(self) -> dict[str, Any] | None:
        """Return what ``run.json`` says, or None where there is none.

        Raises:
            RunFolderError: it is damaged.
        """
        return read_run(self.path) if (self.path / RUN).exists() else None

    def run_sha256(self) -> str:
        """Return the SHA-256 of ``run.json``, for the manifest.

        Raises:
            StorageError: it cannot be read.
        """
        with storage_errors(self.path):
            return sha256_of(self.path / RUN)

    def quarantine_sha256(self) -> str | None:
        """Return the SHA-256 of what could not be read, for the manifest; None where there is none.

        Raises:
            StorageError: it cannot be read.
        """
        path = self.path / QUARANTINE
        with storage_errors(path):
            return sha256_of(path) if path.is_file() else None

    def journal(self) -> Journal:
        """Return the units done so far."""
        return Journal(self._journal_path, self.run_sha256())

    def damaged_units(self, journal: Journal) -> list[int]:
        """Return the units whose shards are not, or no longer, as they were entered.

        Args:
            journal: of the units done so far.

        Raises:
            StorageError: a shard cannot be read.
        """
        with storage_errors(self.path):
            return [
                unit.unit
                for unit in journal.units
                if any(file_problem(self.path, entry) for entry in unit.files.values())
            ]

    def units_to_remake(self, journal: Journal) -> list[int]:
        """Return the damaged units, and tell of each."""
        damaged = self.damaged_units(journal)
        for unit in damaged:
            logger.warning("unit %d: a shard was changed since it was written; made again", unit)
        return damaged

    @contextmanager
    def at_hand(self, entry: UnitEntry) -> Iterator[bool]:  # noqa: ARG002 - the contract
        """Have the shards of a finished unit in the folder meanwhile; here they always are.

        Args:
            entry: of the journal.

        Returns:
            Whether they are as they were entered; if not, the unit counts as damaged from then on.
        """
        yield True

    def rejoined(self, *, rows: bool) -> Iterator[UnitEntry]:  # noqa: ARG002 - the contract
        """Yield the units that another machine has made, each entered when the next is asked for.

        A folder of this machine has none. A unit whose shards are gone or were changed is entered
        and not yielded: it is one of the damaged units, and is made again.

        Args:
            rows: whether the shards of each are to be in the folder meanwhile.
        """
        yield from ()

    def abandon(self) -> None:
        """Remove a run that has no unit yet, so that the folder can take a mended one."""
        if not self.finished and not self.journal().units:
            self._clear()

    def seal(self) -> None:
        """Make the run whole; called when all its files are written."""
        self.discard_work()

    def discard_work(self) -> None:
        """Remove what only an unfinished run needs."""
        for left in (self.work, self.path / _DISCARDED):
            shutil.rmtree(left, ignore_errors=True)

    @property
    def _journal_path(self) -> Path:
        return self.work / "journal.jsonl"

    def _check_overwrite(self) -> None:
        if not (self.path / RUN).exists():
            if self._strangers():
                raise RunFolderError(
                    f"{self.path}: holds no run, so --overwrite removes nothing; choose an empty "
                    "folder"
                )
            return
        with storage_errors(self.path):
            names = [*names_of_splits(self.path), *([WORK] if self.work.is_dir() else ())]
        check_overwrite(self.out, names, readable=self._is_readable())

    def _is_readable(self) -> bool:
        try:
            return self.identity() is not None
        except RunFolderError:
            return False

    def _clear(self) -> None:
        with storage_errors(self.path):
            if self.work.exists():
                _remove(self.path / _DISCARDED)  # of a removal that was cut short
                self.work.rename(self.path / _DISCARDED)  # gone at once, or not at all
            for name in _OWN:
                _remove(self.path / name)

    def _refuse_foreign(self) -> None:
        """Refuse a folder of something else: before it is held, as a lock is left in it."""
        strangers = self._strangers() if self.path.is_dir() else []
        if strangers and not (self.path / RUN).exists():
            raise RunFolderError(
                f"{self.out}: holds files that are not of a run ({', '.join(strangers[:3])}); "
                "choose an empty folder"
            )

    def _strangers(self) -> list[str]:
        with storage_errors(self.path):
            return sorted(p.name for p in self.path.iterdir() if p.name not in _BEFORE_RUN)


def _remove(target: Path) -> None:
    temporary_name(target).unlink(missing_ok=True)
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)


def read_run(folder: Path) -> dict[str, Any]:
    """Return ``run.json`` of a run folder.

    Raises:
        RunFolderError: it is missing or damaged.
        StorageError: the disk does not give it.
    """
    path = own_file(folder, RUN)
    try:
        with read_errors(path):
            data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise no_run(folder) from error
    return parse_run(data, str(path))


def parse_run(data: bytes, name: str) -> dict[str, Any]:
    """Return the content of a ``run.json``.

    Args:
        data: the file.
        name: what messages call it.

    Raises:
        RunFolderError: it is damaged.
    """
    try:
        content = json.loads(data)
        json.dumps(content, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise RunFolderError(
            f"{name}: cannot be read ({error}); the run must be made anew"
        ) from error
    if not isinstance(content, dict):
        raise RunFolderError(f"{name}: is not a JSON object; the run must be made anew")
    check_fields(name, content)
    return content


def _as_json(content: Mapping[str, Any]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(json.dumps(content))
    return loaded


def _differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    if place.startswith("versions.") and place != "versions.bt-augment":
        return  # another version of a library is noted, and no reason to start anew
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            inner = f"{place}.{key}" if place else str(key)
            if key not in old or key not in new:
                yield f"{inner} is {'new' if key not in old else 'gone'}"
            else:
                yield from _differences(old[key], new[key], inner)
    elif _records(old) and _records(new) and len(old) == len(new):
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _differences(before, after, f"{place}.{number}")
    elif old != new:
        yield f"{place} was {_short(old)}, is {_short(new)}"


def _records(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "…"
