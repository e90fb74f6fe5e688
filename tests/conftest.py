"""Small inputs, one finished run made with the bundled model, and the real command."""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pyarrow as pa
import pytest

from bt_augment.generation import Generation, Summary, generate
from bt_augment.recipe import load_recipe

sys.path.insert(0, str(Path(__file__).parent / "faults"))  # kills and small disks, for all tests

from forked import LEARNING, PLAIN, ForkedProcess, ForkServer

ROOT = Path(__file__).resolve().parents[1]
# A shell that starts the tests in the background has SIGINT ignored, and children inherit that.
PROGRAM = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from bt_augment.cli.main import main; main()"
)

# Speed is no matter of tests: a machine that is busy would fail them.
hypothesis.settings.register_profile("any-machine", deadline=None)
hypothesis.settings.load_profile("any-machine")

Rows = list[dict[str, Any]]


def pytest_collection_finish() -> None:
    """Spare the garbage collector what was imported: it looks at millions of objects each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _one_torch_thread() -> None:
    """Take back what an earlier test set: tiny models on two threads take many times as long."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the sample material of the project."""
    return ROOT / "data"


@pytest.fixture(scope="session")
def _untouched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    # Models as small as those of the tests only lose by sharing work between cores.
    cache = str(tmp_path_factory.mktemp("cache"))
    return {**os.environ, "OMP_NUM_THREADS": "1", "BT_AUGMENT_CACHE": cache}


@pytest.fixture(scope="session")
def environment(_untouched: dict[str, str]) -> dict[str, str]:
    """Return an environment with a model cache of this session's own."""
    return dict(_untouched)


@pytest.fixture(scope="session")
def english(data: Path) -> Rows:
    """Return the English sample pairs."""
    lines = (data / "en" / "qa.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture
def write_rows(tmp_path: Path) -> Callable[..., Path]:
    """Write rows as JSON lines; a string is written as it is."""

    def write(rows: Iterable[dict[str, Any] | str], name: str = "pairs.jsonl") -> Path:
        path = tmp_path / name
        lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def make_run(environment: dict[str, str]) -> Callable[..., Summary]:
    """Generate within this process: ``make_run(out, source, "key=value", route="en:pt")``."""

    def make(
        out: Path,
        *arguments: Path | str,
        routes: Sequence[str] = ("en:pt:en",),
        workers: int | None = None,
        overwrite: bool = False,
        decontaminate: dict[str, str] | None = None,
    ) -> Summary:
        sources = [str(a) for a in arguments if isinstance(a, Path)]
        recipe = load_recipe(
            None,
            {"routes": list(routes), "decontaminate": decontaminate or {}},
            [a for a in arguments if isinstance(a, str)],
        )
        return generate(
            Generation(
                inputs=sources,
                out=out,
                recipe=recipe,
                workers=workers,
                device="cpu",
                overwrite=overwrite,
                environment=environment,
            )
        )

    return make


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory, data: Path, make_run: Callable[..., Summary]
) -> Path:
    """Return an undisturbed run over the English sample; read it only."""
    out = tmp_path_factory.mktemp("finished") / "run"
    make_run(out, data / "en" / "qa.json", "output.unit_rows=32", routes=("en:pt:en", "en:pt"))
    return out


@pytest.fixture(scope="session")
def calm(
    tmp_path_factory: pytest.TempPathFactory, english: Rows, make_run: Callable[..., Summary]
) -> tuple[Path, Path]:
    """Return an input of four units of 16, and an undisturbed run over it along en:pt."""
    folder = tmp_path_factory.mktemp("calm")
    source = folder / "pairs.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in english[:64]), encoding="utf-8")
    make_run(folder / "run", source, "output.unit_rows=16", routes=("en:pt",))
    return source, folder / "run"


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """Return a copy of the finished run, to be damaged."""
    return Path(shutil.copytree(finished, tmp_path / "copy"))


@dataclass(frozen=True)
class Outcome:
    """What the command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Command:
    """The real command, in a process of its own."""

    def __init__(self, environment: dict[str, str], server: ForkServer | None = None) -> None:
        """Processes are forked from the server, if there is one and it can; else begun anew."""
        self._environment = environment
        self._server = server

    def __call__(
        self,
        *arguments: object,
        prefix: Sequence[str] = (),
        program: str = PROGRAM,
        **more: Any,
    ) -> Outcome:
        """Run it to its end; ``prefix`` is a command that runs it, ``program`` its Python."""
        process = self.start(*arguments, prefix=prefix, program=program, **more)
        try:
            out, err = process.communicate(timeout=300)
        finally:
            process.kill()
            process.wait()
        return Outcome(process.returncode, out, err)

    def start(
        self,
        *arguments: object,
        prefix: Sequence[str] = (),
        program: str = PROGRAM,
        stderr: int = subprocess.PIPE,
        cwd: Path | None = None,
        **more: Any,
    ) -> subprocess.Popen[str] | ForkedProcess:
        """Start it, to be killed."""
        words = [str(argument) for argument in arguments]
        server = self._server
        if server is not None and not prefix and not more and server.fits(self._environment):
            return server.start(program, words, self._environment, cwd=cwd, stderr=stderr)
        return subprocess.Popen(
            [*prefix, sys.executable, "-c", program, *words],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=self._environment,
            cwd=cwd,
            **more,
        )

    def among(self, **environment: str | None) -> Command:
        """Return the command with other variables in its environment; None removes one."""
        merged = {**self._environment, **environment}
        return type(self)({k: v for k, v in merged.items() if v is not None}, self._server)


@pytest.fixture(scope="session")
def command(environment: dict[str, str], _untouched: dict[str, str]) -> Iterator[Command]:
    server = ForkServer(_untouched, PLAIN, free=("AWS_", "BT_AUGMENT_", "HF_", "STORAGE_"))
    yield Command(environment, server)
    server.close()


@pytest.fixture(scope="session")
def learning_command(environment: dict[str, str], _untouched: dict[str, str]) -> Iterator[Command]:
    """Return the command for what trains or evaluates."""
    server = ForkServer(_untouched, LEARNING, free=("AWS_", "BT_AUGMENT_"))
    yield Command(environment, server)
    server.close()


@pytest.fixture(scope="session")
def new_command(environment: dict[str, str]) -> Command:
    """Return the command as a shell would start it, with nothing imported before."""
    return Command(environment)


@pytest.fixture(scope="session")
def arrow_bytes() -> Callable[[Path], dict[str, bytes]]:
    """Return the bytes of every Arrow file of a run by its path in the run."""

    def read(run: Path) -> dict[str, bytes]:
        return {str(p.relative_to(run)): p.read_bytes() for p in sorted(run.glob("*/*.arrow"))}

    return read


@pytest.fixture(scope="session")
def split_rows() -> Callable[[Path, str], Rows]:
    """Return the rows of a split, read with pyarrow alone."""

    def read(run: Path, split: str) -> Rows:
        rows: Rows = []
        for path in sorted((run / split).glob("*.arrow")):
            with pa.memory_map(str(path)) as source:
                rows += pa.ipc.open_stream(source).read_all().to_pylist()
        return rows

    return read
