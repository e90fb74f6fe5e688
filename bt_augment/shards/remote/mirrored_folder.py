"""A run on an object store: made in a folder of the cache, sent unit by unit.

A unit's shards are put first and its entry after them, one small object per unit, for objects
cannot be appended to. ``manifest.json`` is put last of all. The store is right: where the folder
of the cache says anything else, it is emptied.
"""

from __future__ import annotations

import logging
import re
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bt_augment.errors import InputError, RunFolderError
from bt_augment.shards.atomic import sha256_of, storage_errors, write_atomically
from bt_augment.shards.claims import LOCK
from bt_augment.shards.journal import Journal, entry_line, parse_line
from bt_augment.shards.manifest import MANIFEST, RUN, WORK, UnitEntry
from bt_augment.shards.remote.leases import LEASE, Lease
from bt_augment.shards.remote.object_store import ObjectStore
from bt_augment.shards.remote.urls import cache_name, place
from bt_augment.shards.run_files import check_overwrite, is_of_split
from bt_augment.shards.run_folder import CARD, QUARANTINE, RunFolder, parse_run
from bt_augment.shards.store import DICT, INDEX, SPLITS

logger = logging.getLogger(__name__)

_ENTRY = re.compile(rf"{re.escape(WORK)}/unit-(\d{{5,}})\.json")
# In the order of sending: a reader finds a manifest only where all else is.
_BOOKS = (QUARANTINE, *INDEX, CARD, MANIFEST)
_FILES = frozenset({*_BOOKS, RUN})


def open_run_folder(out: Path | str, cache: Path) -> RunFolder:
    """Return the run folder at a path, or at a URL (``s3://``, ``gs://``).

    Args:
        out: where the run is to be.
        cache: folder in which a run at a URL is worked on.

    Raises:
        InputError: the URL has credentials in it, or is of a kind that cannot be written to.
        MissingDependencyError: the package for this kind of store is not installed.
    """
    where = out if isinstance(out, Path) else place(out)
    if isinstance(where, Path):
        return RunFolder(where)
    if where.startswith("hf://"):
        raise InputError(
            f"{where}: a run is not written to the Hugging Face Hub unit by unit, as each would "
            "be a commit; choose another --out, then use 'bt-augment publish'"
        )
    return MirroredFolder(where, cache)


class _SentJournal(Journal):
    """A journal whose units are on the store before they are entered, or confirmed."""

    def __init__(self, path: Path, run: str, send: Callable[[UnitEntry], None]) -> None:
        super().__init__(path, run)
        self._send = send

    def append(self, entry: UnitEntry) -> None:
        """Send a unit and enter it."""
        self._send(entry)
        super().append(entry)

    def confirm(self, entry: UnitEntry) -> None:
        """Check a unit that was made again, and send it again."""
        super().confirm(entry)
        self._send(entry)


class MirroredFolder(RunFolder):
    """The files of one run on an object store.

    The folder of the cache holds what the run needs to go on, and the shards of a unit only until
    they are sent.
    """

    def __init__(self, url: str, cache: Path) -> None:
        """Name the URL; nothing is read or written yet.

        Args:
            url: from :func:`bt_augment.shards.remote.urls.place`.
            cache: folder of all caches.
        """
        super().__init__(cache / "unfinished" / cache_name(url), out=url)
        self._store = ObjectStore(url)
        self._lease = Lease(self._store)
        self._units: list[UnitEntry] = []
        self._lost: set[int] = set()  # units of which a sent shard was looked for in vain

    @contextmanager
    def claimed(
        self, *, patience: float = 0, waiting: Callable[[float], None] | None = None
    ) -> Iterator[None]:
        """Hold the folder of the cache and the place on the store against other processes.

        Args:
            patience: seconds to wait for another process of this cache; none for one elsewhere.
            waiting: told, while waiting, how many seconds it has been.

        Raises:
            RunFolderError: another process holds one of them.
            StorageError: the disk or the store refused.
        """
        with (
            self._held(patience, waiting),
            self._lease.held(self._holder()),
        ):
            yield

    @property
    def holds_run(self) -> bool:
        """Tell whether there is a run on the store, whole or not.

        Raises:
            StorageError: the store refused.
        """
        return self._store.read(RUN) is not None

    def begin(self, identity: Mapping[str, Any], *, overwrite: bool) -> None:
        """Make the place this run's, or check that it is; see :meth:`RunFolder.begin`.

        Raises:
            RunFolderError: the place holds something else, or a run that differs.
            StorageError: the disk or the store refused.
        """
        if overwrite:
            self._check_overwrite()
            self._clear()
        stored = self._store.read(RUN)
        if stored is None:
            if not overwrite:
                self._refuse_strangers(self._store.sizes(), "holds objects that are not of a run")
            self._empty()
            super().begin(identity, overwrite=False)
            self._store.upload(self.path / RUN, RUN)
            return
        if not (self.path / RUN).is_file() or (self.path / RUN).read_bytes() != stored:
            self._empty()
            write_atomically(self.path / RUN, stored)
        manifest = self._store.read(MANIFEST)
        with storage_errors(self.path):
            (self.path / MANIFEST).unlink(missing_ok=True)
        super().begin(identity, overwrite=False)
        if manifest is not None:
            write_atomically(self.path / MANIFEST, manifest)
            return
        self._units = self._entries()
        if not self._agrees():
            logger.info("%s: the cache knows other units; it is emptied", self.out)
            self._empty(keep=(RUN,))
            with storage_errors(self.path):
                self.work.mkdir(exist_ok=True)

    def identity(self) -> dict[str, Any] | None:
        """Return what ``run.json`` on the store says, or None where there is none.

        Raises:
            RunFolderError: it is damaged.
            StorageError: the store refused.
        """
        stored = self._store.read(RUN)
        return None if stored is None else parse_run(stored, f"{self.out}/{RUN}")

    def journal(self) -> Journal:
        """Return the units done so far, of which the next ones are sent before they are entered."""
        return _SentJournal(self._journal_path, self.run_sha256(), self._send)

    def damaged_units(self, journal: Journal) -> list[int]:
        """Return the units of which a sent shard is gone, or has another size.

        Shards are not read back: ``verify`` does that. Those that were fetched are known whole.

        Raises:
            StorageError: the store refused.
        """
        if not journal.units:
            return []
        sizes = {name: size for split in SPLITS for name, size in self._store.sizes(split).items()}
        return [
            entry.unit
            for entry in journal.units
            if entry.unit in self._lost
            or any(sizes.get(shard.path) != shard.bytes for shard in entry.files.values())
        ]

    @contextmanager
    def at_hand(self, entry: UnitEntry) -> Iterator[bool]:
        """Have the shards of a unit that was sent in the cache meanwhile; see :class:`RunFolder`.

        Raises:
            StorageError: the disk or the store refused.
        """
        try:
            whole = self._fetch(entry)
            if not whole:
                self._lost.add(entry.unit)
            yield whole
        finally:
            self._drop(entry)

    def rejoined(self, *, rows: bool) -> Iterator[UnitEntry]:
        """Yield the units that are on the store and unknown to the cache; see :class:`RunFolder`.

        Raises:
            StorageError: the disk or the store refused.
        """
        journal = super().journal()  # they are on the store already
        for entry in self._units[len(journal.units) :]:
            if rows:
                with self.at_hand(entry) as whole:
                    if whole:
                        yield entry
            else:
                yield entry
            journal.append(entry)

    def abandon(self) -> None:
        """Remove a run that has no unit yet, so that the place can take a mended one."""
        if not self._units:
            super().abandon()

    def seal(self) -> None:
        """Send the books, ``manifest.json`` last, and remove what only an unfinished run needs.

        Raises:
            RunFolderError: another process has taken over this run.
            StorageError: the store refused.
        """
        for name in _BOOKS:
            if name == MANIFEST:
                self._lease.check()
            if (self.path / name).is_file():
                self._store.upload(self.path / name, name)
        super().seal()

    def discard_work(self) -> None:
        """Remove the entries of the units from the store, and the folder of the cache."""
        self._store.remove(name for name in self._store.sizes(WORK) if _ENTRY.fullmatch(name))
        self._empty()

    def _send(self, entry: UnitEntry) -> None:
        self._lease.check()
        for shard in entry.files.values():
            self._store.upload(self.path / shard.path, shard.path)
        self._store.write(_entry_name(entry.unit), entry_line(entry, self.run_sha256()))
        self._drop(entry)

    def _fetch(self, entry: UnitEntry) -> bool:
        """Return whether the shards of a unit are what was sent; they are in the cache now."""
        return all(
            self._store.download(shard.path, self.path / shard.path)
            and sha256_of(self.path / shard.path) == shard.sha256
            for shard in entry.files.values()
        )

    def _drop(self, entry: UnitEntry) -> None:
        with storage_errors(self.path):
            for shard in entry.files.values():
                (self.path / shard.path).unlink(missing_ok=True)

    def _entries(self) -> list[UnitEntry]:
        """Return the units on the store, up to the first that is missing or cannot be read."""
        names = sorted(n for n in self._store.sizes(WORK) if _ENTRY.fullmatch(n))
        units: list[UnitEntry] = []
        run = self.run_sha256()
        for name, data in self._store.read_many(names).items():
            entry = parse_line(data, run)
            if entry is not None:
                units.append(entry)
            else:
                logger.warning(
                    "%s/%s: is not the entry of a unit that this run sent; its unit and those "
                    "after it are made again",
                    self.out,
                    name,
                )
        units.sort(key=lambda entry: entry.unit)
        whole = 0
        while whole < len(units) and units[whole].unit == whole:
            whole += 1
        return units[:whole]

    def _agrees(self) -> bool:
        """Return whether the journal of the cache is the beginning of what the store has."""
        try:
            here = self.journal().units
        except RunFolderError:
            return False
        return [e.files for e in here] == [e.files for e in self._units[: len(here)]]

    def _check_overwrite(self) -> None:
        names = self._store.sizes()
        if RUN not in names:
            self._refuse_strangers(names, "holds no run, so --overwrite removes nothing")
        else:
            check_overwrite(self.out, names, readable=self._is_readable())

    def _clear(self) -> None:
        names = self._store.sizes()
        own = [name for name in names if _is_own(name)]
        # Half cleared it must neither open, nor look finished, nor have an entry whose shards are
        # gone; and it stays known as a run to the end.
        first = [name for name in (MANIFEST, DICT) if name in names]
        entries = [name for name in own if _ENTRY.fullmatch(name)]
        rest = [name for name in own if name not in {*first, *entries, RUN}]
        for part in (*([name] for name in first), entries, rest, [RUN]):
            self._store.remove(part)
        self._units = []
        self._empty()

    def _refuse_strangers(self, names: Iterable[str], why: str) -> None:
        strangers = [name for name in names if not name.startswith(LEASE)]
        if strangers:
            raise RunFolderError(
                f"{self.out}: {why} ({', '.join(strangers[:3])}); choose an empty place"
            )

    def _empty(self, keep: Sequence[str] = ()) -> None:
        with storage_errors(self.path):
            gone = self.path / ".gone"
            shutil.rmtree(gone, ignore_errors=True)
            if self.work.exists():
                self.work.rename(gone)  # at once, or not at all
            for path in self.path.iterdir():
                if path.name in (LOCK, *keep):
                    continue
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()

    def _holder(self) -> str:
        """Return a name that is this cache's own: processes that share it exclude each other."""
        path = self.path.with_name(f"{self.path.name}.holder")
        if not path.is_file():
            write_atomically(path, uuid.uuid4().hex.encode())
        with storage_errors(path):
            return path.read_text(encoding="utf-8")


def _entry_name(unit: int) -> str:
    return f"{WORK}/unit-{unit:05d}.json"


def _is_own(name: str) -> bool:
    return name in _FILES or is_of_split(name) or bool(_ENTRY.fullmatch(name))
