"""The actors of one run: who makes which unit, and what happens when one dies.

Ray is not asked to restart actors: while one restarts, Ray fails what it is given, and a unit
would be blamed for that. A new actor takes the place of a dead one, and gets work when it is ready.
"""

from __future__ import annotations

import heapq
import logging
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from bt_augment._version import __version__
from bt_augment.errors import BtAugmentError, EngineError
from bt_augment.generation.engines.base import ReadUnit, ScoredUnits
from bt_augment.generation.engines.ray_actor import PULSE, UnitActor
from bt_augment.generation.unit_work import UnitWork
from bt_augment.generation.units import ScoredUnit

logger = logging.getLogger(__name__)

MOST_LOSSES = 5  # of one unit after it was made
MOST_DEATHS = 3  # of actors over one unit; and of each actor in a row before any is ready
PATIENCE_SECONDS = 900.0  # for a first actor to be ready: a cluster may have to start machines
ASKED_SECONDS = 60.0  # of silence until a working actor is asked for a sign of life
SILENCE_SECONDS = 360.0  # until it is given up
_TOLD_EVERY = 60.0
_TICK_SECONDS = 5.0
_WINDOW = 2  # units handed out or finished and not yet taken, for each that is being made


@dataclass(frozen=True)
class Posts:
    """How many actors there are to be, and what each of them is given.

    Attributes:
        count: of actors.
        cpus: of each, and so its threads.
        gpus: of each; below 1 several share one.
        ahead: units it works at.
    """

    count: int
    cpus: int
    gpus: float
    ahead: int

    def __str__(self) -> str:
        """Return what one actor is given, in words."""
        gpus = f" and {self.gpus:g} GPUs" if self.gpus else ""
        return f"{self.cpus} CPUs{gpus}"


class _Sign(Enum):
    """What an actor is asked for beside units."""

    READY = "that it has its models"
    LIFE = "that it answers"


@dataclass(eq=False)
class _Member:
    actor: Any
    ready: bool = False
    units: set[int] = field(default_factory=set)
    silence: float = 0.0  # seconds of work that were waited for without hearing of it
    asked: bool = False  # for a sign of life


class Crew:
    """Makes units with actors that it hires, and replaces when they die."""

    def __init__(self, posts: Posts, work: UnitWork) -> None:
        """Hire nobody yet; this process must be on Ray."""
        import ray

        self._ray = ray
        self._posts = posts
        self._work = ray.put(work)
        self._class = ray.remote(concurrency_groups={PULSE: 1})(UnitActor)
        self._members: list[_Member] = []
        # Reference of a state → whose it is, and of which unit or of what else it tells.
        self._awaited: dict[Any, tuple[_Member, int | _Sign]] = {}
        self._results: dict[int, Any] = {}  # unit → reference of what was made of it
        self._made: set[int] = set()
        self._again: list[int] = []  # units to be made again, a heap
        self._deaths: Counter[int] = Counter()
        self._losses: Counter[int] = Counter()
        self._false_starts = 0
        self._refused: dict[int, BtAugmentError] = {}
        self._since = self._told = time.monotonic()  # without anyone ready

    def close(self) -> None:
        """Dismiss all actors."""
        for member in self._members:
            self._ray.kill(member.actor)
        self._members.clear()

    def scored_units(self, units: Sequence[int], read: ReadUnit) -> ScoredUnits:
        """Yield units in order; results wait in Ray's object store for their turn.

        Raises:
            EngineError: actors cannot start, or die over one unit again and again.
            BtAugmentError: an actor raised it.
        """
        wanted = min(self._posts.count, len(units))
        window = _WINDOW * wanted * self._posts.ahead
        coming = deque(units)
        for unit in units:
            while (scored := self._taken(unit)) is None:
                if unit in self._refused:
                    raise self._refused[unit]
                self._hire(wanted)
                self._hand_out(coming, window, read)
                self._wait()
            yield unit, scored

    def _taken(self, unit: int) -> ScoredUnit | None:
        """Return a unit that is made, if it is; one whose machine died since is made again."""
        if unit not in self._made:
            return None
        self._made.discard(unit)
        try:
            scored: ScoredUnit = self._ray.get(self._results.pop(unit))
        except self._ray.exceptions.RayError as error:
            self._losses[unit] += 1
            if self._losses[unit] == MOST_LOSSES:
                raise EngineError(
                    f"unit {unit}: was made {MOST_LOSSES} times, and never came back from the Ray "
                    f"cluster: {_told(error)}. The units before it are written. Look at Ray's logs "
                    "and at the room for objects on its machines, and run the same command again"
                ) from error
            logger.warning(
                "unit %d was lost after it was made (%s); made again", unit, _told(error)
            )
            heapq.heappush(self._again, unit)
            return None
        return scored

    def _hire(self, wanted: int) -> None:
        while len(self._members) < wanted:
            actor = self._class.options(
                num_cpus=self._posts.cpus,
                num_gpus=self._posts.gpus,
                max_restarts=0,
                max_task_retries=0,
                max_concurrency=self._posts.ahead,
            ).remote(self._work, __version__, self._posts.cpus, max(1, int(self._posts.gpus)))
            member = _Member(actor)
            self._members.append(member)
            self._awaited[actor.prepare.remote()] = (member, _Sign.READY)

    def _hand_out(self, coming: deque[int], window: int, read: ReadUnit) -> None:
        """Give units to those who have time, the least busy first."""
        while self._again or (coming and not self._refused and len(self._results) < window):
            unit = self._again[0] if self._again else coming[0]
            free = [m for m in self._members if self._may_take(m, unit)]
            if not free:
                return
            if self._again:
                heapq.heappop(self._again)
            else:
                coming.popleft()
            member = min(free, key=lambda m: len(m.units))
            state, result = member.actor.make.options(num_returns=2).remote(unit, read(unit))
            member.units.add(unit)
            self._awaited[state] = (member, unit)
            self._results[unit] = result

    def _may_take(self, member: _Member, unit: int) -> bool:
        """Tell whether a member has time; a unit over which one died is made alone."""
        if not member.ready:
            return False
        if self._deaths[unit] or any(self._deaths[own] for own in member.units):
            return not member.units
        return len(member.units) < self._posts.ahead

    def _wait(self) -> None:
        began = time.monotonic()
        ready, _ = self._ray.wait(list(self._awaited), num_returns=1, timeout=_TICK_SECONDS)
        # Not more than was waited for: this process, too, may have been stopped for a while.
        self._feel_pulses(min(time.monotonic() - began, _TICK_SECONDS))
        for state in ready:
            if state in self._awaited:
                self._settle(state)
        if any(member.ready for member in self._members):
            self._since = self._told = time.monotonic()
        else:
            self._complain()

    def _settle(self, state: Any) -> None:
        member, told = self._awaited.pop(state)
        try:
            failure = self._ray.get(state)
        except self._ray.exceptions.RayTaskError:
            raise  # a bug of ours, with the traceback of the other process
        except self._ray.exceptions.RayError as error:
            self._bury(member, told, error)
            return
        member.silence, member.asked = 0.0, False
        if isinstance(told, int):
            member.units.discard(told)
            if failure is None:
                self._made.add(told)
            else:
                self._refused[told] = failure.error()
        elif told is _Sign.READY:
            if failure is not None:
                raise failure.error()
            member.ready = True
            self._false_starts = 0

    def _feel_pulses(self, waited: float) -> None:
        """Ask those who work and say nothing for a sign of life; give up who gives none.

        Ray sees that a process or a machine is gone, not that it hangs.
        """
        for member in [m for m in self._members if m.units]:
            member.silence += waited
            if member.silence >= SILENCE_SECONDS:
                silent = f"no sign of life for {SILENCE_SECONDS:g} seconds"
                self._give_up(member, EngineError(silent))
            elif member.silence >= ASKED_SECONDS and not member.asked:
                sign = member.actor.answer.options(concurrency_group=PULSE).remote()
                self._awaited[sign] = (member, _Sign.LIFE)
                member.asked = True

    def _give_up(self, member: _Member, error: Exception) -> None:
        """Take an actor for dead, whatever it says later."""
        for state, (other, told) in list(self._awaited.items()):
            if other is member:
                del self._awaited[state]
                self._bury(member, told, error)

    def _bury(self, member: _Member, told: int | _Sign, error: Exception) -> None:
        """Make good for a dead actor; called once for each thing that it was asked for."""
        if member in self._members:
            self._members.remove(member)
            self._ray.kill(member.actor)  # it may only have been out of reach
        if isinstance(told, int):
            self._make_again(told, error)
        elif told is _Sign.READY:
            self._false_starts += 1
            if self._false_starts >= MOST_DEATHS * self._posts.count:
                raise EngineError(
                    f"actors of the Ray cluster die before they are ready, "
                    f"{self._false_starts} in a row: "
                    f"{_told(error)}. Check that their machines have bt-augment and memory for "
                    f"the models; each was to have {self._posts}"
                ) from error

    def _make_again(self, unit: int, error: Exception) -> None:
        self._results.pop(unit)
        self._deaths[unit] += 1
        if self._deaths[unit] < MOST_DEATHS:
            logger.warning("unit %d: its actor died and it is made again (%s)", unit, _told(error))
            heapq.heappush(self._again, unit)
            return
        self._refused[unit] = EngineError(
            f"unit {unit}: {MOST_DEATHS} actors of the Ray cluster died over it, the last "
            f"{MOST_DEATHS - 1} with no other unit in hand: {_told(error)}. The units before it "
            "are written. If their machines ran out of memory, give each actor more "
            "(fewer --actors, or more --workers so that fewer fit on a machine), and run the same "
            "command again; else look at Ray's logs of these actors"
        )

    def _complain(self) -> None:
        now = time.monotonic()
        if now - self._since > PATIENCE_SECONDS:
            raise EngineError(
                f"no actor was ready after {PATIENCE_SECONDS / 60:.0f} minutes. Each needs "
                f"{self._posts} on one machine; {self._held()}. Ask for less by --workers and "
                "--actor-gpus, or give the cluster larger machines"
            )
        if now - self._told > _TOLD_EVERY:
            self._told = now
            logger.warning(
                "waiting for a first actor; each needs %s on one machine; %s",
                self._posts,
                self._held(),
            )

    def _held(self) -> str:
        held = self._ray.cluster_resources()
        free = self._ray.available_resources()
        return ", ".join(
            f"{free.get(name, 0):g} of the cluster's {held.get(name, 0):g} {name}s are free"
            for name in ("CPU", "GPU")
            if name == "CPU" or self._posts.gpus
        )


def _told(error: Exception) -> str:
    """Return an error of Ray's in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return "; ".join(lines)[:400] or type(error).__name__
