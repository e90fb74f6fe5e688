"""System calls of a command: which there are, and the command where a single one fails."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Begins when it is traced: what libraries import is read before. Temporary names are the same in
# each process, so that a call can be found again.
TRACED = (
    "import itertools, signal, tempfile, time\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "tempfile._name_sequence = (f'drawn{n}' for n in itertools.count())\n"
    "tempfile.tempdir = None\n"
    "while 'TracerPid:\\t0\\n' in open('/proc/self/status').read(): time.sleep(0.005)\n"
    "from bt_augment.cli.main import main; main()"
)
# What may become of a call, as strace writes it. A call that EINTR ends is to be made again.
FAULTS = {
    "openat": ("EMFILE", "ENOSPC", "EACCES", "EIO", "EDQUOT", "EINTR"),
    "read": ("EIO", "EINTR"),
    "pread64": ("EIO",),
    "write": ("ENOSPC", "EIO", "EDQUOT", "EINTR", "nothing"),
    "pwrite64": ("ENOSPC", "EIO", "EDQUOT"),
    "fsync": ("EIO",),
    "fdatasync": ("EIO",),
    "rename": ("EIO", "ENOSPC", "EXDEV"),
    "unlink": ("EACCES", "EBUSY"),
    "unlinkat": ("EACCES", "EBUSY"),
    "rmdir": ("EBUSY",),
    "mkdir": ("EDQUOT", "ENOSPC"),
    "flock": ("ENOLCK",),
    "fcntl": ("ENOLCK",),
    "mmap": ("ENOMEM",),
    "ftruncate": ("EIO", "ENOSPC"),
    "truncate": ("EIO",),
    "getdents64": ("EIO",),
    "newfstatat": ("ESTALE", "EIO"),
    "close": ("EIO", "EDQUOT"),
}
SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT")
# Calls that change what is on the disk: a signal comes right before one of them.
_CHANGES = frozenset(
    {"write", "pwrite64", "fsync", "fdatasync", "rename", "unlink", "unlinkat", "rmdir", "mkdir"}
)

_PATHS = re.compile(r'<(/[^>]*)>|"(/[^"]*)"')
_CALL = re.compile(r"(\d+) +(\w+)\((.*)")


@dataclass(frozen=True)
class Call:
    """The n-th call of a name on a path by one thread.

    Attributes:
        name: of the system call.
        path: beneath the folder in which the command works.
        number: from 1.
    """

    name: str
    path: str
    number: int


@dataclass(frozen=True)
class Traced:
    """How a traced command ended.

    Attributes:
        code: its exit code; None where it had to be killed, as it hung.
        err: what it said.
        log: of strace.
    """

    code: int | None
    err: str
    log: str

    @property
    def met(self) -> bool:
        """Tell whether it met the fault: another order of its threads makes other calls."""
        return "(INJECTED" in self.log or "--- SIG" in self.log or "+++ killed by" in self.log


def refused() -> str | None:
    """Return why no command can be traced here, or None."""
    strace = shutil.which("strace")
    if strace is None:
        return "needs Debian's package strace"
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            tried = subprocess.run(
                ["timeout", "5", strace, "-qq", "-p", str(process.pid)],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        finally:
            process.kill()
    return None if tried.returncode == 124 else f"strace may trace nothing: {tried.stderr.strip()}"


class Tracer:
    """Runs commands beneath strace."""

    def __init__(self, command: Any, place: Path, log: Path) -> None:
        """Name what is traced.

        Args:
            command: as the fixture; forks its processes.
            place: the folder in which calls count.
            log: a file for strace.
        """
        self._command = command
        self._place = place
        self._log = log

    def calls(self, arguments: Iterable[object]) -> tuple[Traced, list[Call]]:
        """Run a command; return how it ended, and its calls on what is beneath the place."""
        done = self._run(arguments, ["-e", f"trace={','.join(FAULTS)}"])
        return done, list(_calls(done.log.splitlines(), f"{self._place}/"))

    def with_fault(self, arguments: Iterable[object], call: Call, fault: str) -> Traced:
        """Run a command of which one call meets a fault, from :func:`drawn`."""
        path = str(self._place / call.path)
        injected = f"inject={call.name}:{fault}:when={call.number}"
        return self._run(arguments, ["-P", path, "-e", f"trace={call.name}", "-e", injected])

    def _run(self, arguments: Iterable[object], options: Sequence[str]) -> Traced:
        self._log.write_bytes(b"")
        process = self._command.start(*arguments, program=TRACED)
        command = ["strace", "-f", "-y", "-qq", "-s", "0", "-o", str(self._log), *options]
        strace = subprocess.Popen([*command, "-p", str(process.pid)], stderr=subprocess.PIPE)
        try:
            _, err = process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            process.kill()
            _, err = process.communicate(timeout=60)
            return Traced(None, err, "")
        finally:
            strace.communicate(timeout=60)
        return Traced(process.returncode, err, self._log.read_text(errors="replace"))


def _calls(lines: Iterable[str], beneath: str) -> Iterator[Call]:
    """Yield the calls in a log as strace counts them: by thread, name and each of their paths."""
    seen: Counter[tuple[str, str, str]] = Counter()
    for line in lines:
        found = _CALL.match(line)
        if found is None:
            continue
        thread, name, rest = found.groups()
        paths = {named or opened for opened, named in _PATHS.findall(rest.split(" = ")[0])}
        for path in sorted(paths):
            if path.startswith(beneath) and not path.endswith(" (deleted)"):
                seen[thread, name, path] += 1
                yield Call(name, path.removeprefix(beneath), seen[thread, name, path])


def drawn(calls: Sequence[Call], draw: random.Random) -> Iterator[tuple[Call, str]]:
    """Yield calls with what is to become of them, without end.

    The first and the last call of each name come early; the others by name, then by path.
    """
    by_name: dict[str, list[Call]] = {}
    for call in calls:
        by_name.setdefault(call.name, []).append(call)
    ends = [call for of_name in by_name.values() for call in (of_name[0], of_name[-1])]
    draw.shuffle(ends)
    while True:
        if ends and draw.random() < 0.5:
            call = ends.pop()
        else:
            of_name = by_name[draw.choice(sorted(by_name))]
            path = draw.choice(sorted({call.path for call in of_name}))
            call = draw.choice([call for call in of_name if call.path == path])
        yield call, _fault(call, draw)


def _fault(call: Call, draw: random.Random) -> str:
    if call.name in _CHANGES and draw.random() < 0.35:
        return f"signal={draw.choice(SIGNALS)}"
    error = draw.choice(FAULTS[call.name])
    return "retval=0" if error == "nothing" else f"error={error}"
