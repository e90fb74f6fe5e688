"""A place on an object store held by one process at a time.

There is no lock that a dying process lets go of: the holder puts an object and renews it, and one
that has not been renewed for a while is taken for abandoned. Age is told by the store's own clock,
from when it says objects were put; clocks of machines are not compared.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bt_augment.errors import RunFolderError, StorageError
from bt_augment.shards.remote.object_store import ObjectStore

logger = logging.getLogger(__name__)

LEASE = ".lock"
_PROBE = f"{LEASE}-probe"  # one name: what a killed process left, the next one removes
LEASE_SECONDS = 180.0  # unrenewed for so long, it is abandoned
_RENEW_SECONDS = 30.0
_SETTLE_SECONDS = 1.0  # after a takeover, for another one at the same moment to be seen


def _now() -> float:
    """Return seconds of a clock that goes on while the machine sleeps, where there is one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Lease:
    """The right to write beneath a URL."""

    def __init__(
        self,
        store: ObjectStore,
        *,
        seconds: float = LEASE_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Name what is held; nothing is asked of the store yet.

        Args:
            store: the place.
            seconds: after which an unrenewed lease is abandoned.
            sleep: waits.
        """
        self._store = store
        self._holder = ""
        self._seconds = seconds
        self._sleep = sleep
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._lost = False
        self._renewed = 0.0

    @contextmanager
    def held(self, holder: str) -> Iterator[None]:
        """Hold the place, renewing the lease in a thread.

        Args:
            holder: the same for processes that exclude each other by other means; one of them
                takes over at once what another left.

        Raises:
            RunFolderError: another process holds it.
            StorageError: the store refused.
        """
        self._holder = holder
        keeper = threading.Thread(target=self._keep, name="lease", daemon=True)
        try:
            self._acquire()
            keeper.start()
            yield
        finally:
            self._stop.set()
            if keeper.is_alive():
                keeper.join()
            self._release()  # it may have been made before the store refused, or Ctrl-C came

    def check(self) -> None:
        """Return if the place is still held; called before what others must not see from two.

        Raises:
            RunFolderError: another process has taken it over.
            StorageError: the store refused.
        """
        if self._lost or _now() - self._renewed > self._seconds / 2:
            self._renew()

    def _acquire(self) -> None:
        if not self._store.create(LEASE, self._body()):
            self._take_over()
        self._renewed = _now()
        if (now := self._read()) is None or now.get("holder") != self._holder:
            raise self._busy(now or {}, 0.0)

    def _take_over(self) -> None:
        other = self._read()
        if other is not None and other.get("holder") != self._holder:
            age = self._age()
            if age < self._seconds:
                raise self._busy(other, age)
            logger.warning("%s: taking over from a process not heard of for %d s", self._url, age)
        self._store.write(LEASE, self._body())
        self._sleep(_SETTLE_SECONDS)

    def _renew(self) -> None:
        with self._lock:
            other = self._read()
            if other is None or other.get("holder") != self._holder:
                self._lost = True
                raise RunFolderError(
                    f"{self._store.url}: another process has taken over this run, as nothing was "
                    "heard of this one for a while, or its lock was deleted. What is finished is "
                    "kept; run the same command again once the other is done"
                )
            self._store.write(LEASE, self._body())
            self._renewed = _now()

    def _keep(self) -> None:
        while not self._stop.wait(_RENEW_SECONDS):
            try:
                self._renew()
            except StorageError as error:  # check() decides whether that lasts too long
                logger.warning("the lock could not be renewed: %s", error)
            except RunFolderError:
                return  # check() says so

    def _release(self) -> None:
        try:
            other = self._read()
            if other is not None and other.get("holder") == self._holder:
                self._store.remove([LEASE])
        except StorageError as error:  # what made the run stop is the news
            logger.warning("the lock could not be removed: %s", error)

    def _body(self) -> bytes:
        return json.dumps({"holder": self._holder, "host": socket.gethostname()}).encode()

    def _read(self) -> dict[str, Any] | None:
        data = self._store.read(LEASE)
        if data is None:
            return None
        try:
            content = json.loads(data)
        except ValueError:
            content = None
        return content if isinstance(content, dict) else {}

    def _age(self) -> float:
        """Return the seconds since the lease was renewed, by the store's clock."""
        self._store.write(_PROBE, b"")
        try:
            now, then = self._store.modified(_PROBE), self._store.modified(LEASE)
        finally:
            self._store.remove([_PROBE])
        if then is None:
            return self._seconds
        # Where another process that asks just now has removed the probe, it is for it to take over.
        return (now - then).total_seconds() if now else 0.0

    @property
    def _url(self) -> str:
        return self._store.url

    def _busy(self, other: dict[str, Any], age: float) -> RunFolderError:
        left = max(0.0, self._seconds - age)
        host = f" on {other['host']}" if isinstance(other.get("host"), str) else ""
        return RunFolderError(
            f"{self._url}: another process is writing this run{host}; it was heard of {age:.0f} s "
            "ago. Wait for it, or choose another --out. If it has died, this command works in "
            f"{left:.0f} s, or at once after the object {self._url}/{LEASE} is deleted"
        )
