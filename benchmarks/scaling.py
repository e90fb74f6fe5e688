"""What do two workers make of two cores? Beside it, what the machine makes of two of the engine.

    python benchmarks/scaling.py --input new_wiki_v1.0.json.gz --pairs 4000

Prints Markdown: pairs per second with one and with two, in turns, of

- ``translate_batch`` alone, both hops, in threads of one engine and in processes of their own:
  cores that share a cache, a clock or a physical core make less than twice as much;
- a whole ``generate`` with ``--workers``, its start included. Reading, filters and writing run
  beside the engine: with one worker they have a core for themselves;
- ``generate`` on a Ray cluster of this machine with actors of one CPU each (extra ``[ray]``). The
  first units, which carry the start of the actors, are not counted. The process that judges and
  writes, and Ray's own, take their part of the same cores.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

import ctranslate2
from generation import DATA, HOPS, ROUTE, read_records, sentences_of, time_raw

from bt_augment.cache import cache_folder
from bt_augment.generation import Generation, LocalThreads, RayCluster, generate
from bt_augment.progress import Progress, Silent
from bt_augment.recipe import load_recipe
from bt_augment.translation.models import BUNDLED_MINI, ModelCatalog

SKIPPED = 4  # units

_barrier: Barrier  # of the processes that translate at once

Rate = Callable[[argparse.Namespace, int], float]


class Clock(Silent):
    """Notes when how many rows were done."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.marks: list[tuple[float, int]] = []

    def advance(self, stage: str, done: int) -> None:
        """Note the time."""
        if stage == "generate":
            self.marks.append((time.monotonic(), done))

    def rate(self) -> float:
        """Return rows per second after the first units."""
        (since, before), (until, after) = self.marks[SKIPPED], self.marks[-1]
        return (after - before) / (until - since)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input", type=Path, default=DATA)
    parser.add_argument("--pairs", type=int, default=4000)
    parser.add_argument("--unit-rows", type=int, default=128, help="of the runs on Ray")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument(
        "--only", nargs="+", default=(), help="of threads, processes, workers and actors"
    )
    arguments = parser.parse_args()
    ctranslate2.set_log_level(40)
    arguments.pairs = len(read_records(arguments.input, arguments.pairs))
    if arguments.pairs <= (SKIPPED + 1) * arguments.unit_rows:
        parser.error(f"{arguments.pairs} pairs are too few units of {arguments.unit_rows} rows")
    rates: dict[str, tuple[str, Rate]] = {
        "threads": ("the engine alone, threads", threads),
        "processes": ("the engine alone, processes", processes),
        "workers": ("`generate --workers`", workers),
    }
    if find_spec("ray") is not None:
        rates["actors"] = ("`generate --engine ray --actors`", actors)
    if unknown := set(arguments.only) - rates.keys():
        parser.error(f"--only {' '.join(sorted(unknown))}: here are {', '.join(rates)}")
    chosen = [rates[name] for name in arguments.only or rates]
    found: dict[str, list[tuple[float, float]]] = {name: [] for name, _ in chosen}
    for _ in range(arguments.repeat):
        for name, rate in chosen:
            found[name].append((rate(arguments, 1), rate(arguments, 2)))
    print(f"{platform.machine()}, {os.cpu_count()} cores, {arguments.pairs} pairs, {ROUTE}\n")
    print("| | one, pairs/s | two | times one, median (lowest, highest) |\n|---|---|---|---|")
    for name, pairs in found.items():
        one, two = (statistics.median(values) for values in zip(*pairs, strict=True))
        times = sorted(after / before for before, after in pairs)
        print(
            f"| {name} | {one:.1f} | {two:.1f} | **{statistics.median(times):.2f}** "
            f"({times[0]:.2f}, {times[-1]:.2f}) |"
        )


def threads(arguments: argparse.Namespace, count: int) -> float:
    """Return pairs per second of one engine with so many threads."""
    return arguments.pairs / _translate(arguments.input, arguments.pairs, 0, 1, count)


def processes(arguments: argparse.Namespace, count: int) -> float:
    """Return pairs per second of so many processes, each of which translates its part."""
    context = get_context("spawn")
    with ProcessPoolExecutor(count, context, _meet, (context.Barrier(count),)) as pool:
        parts = [
            pool.submit(_translate, arguments.input, arguments.pairs, part, count, 1)
            for part in range(count)
        ]
        return arguments.pairs / max(part.result() for part in parts)


def _meet(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier
    ctranslate2.set_log_level(40)


def _translate(path: Path, pairs: int, part: int, parts: int, threads: int) -> float:
    """Return the seconds of translating one part of the sentences, there and back."""
    catalog = ModelCatalog(cache_folder(os.environ))
    models = [catalog.resolve(BUNDLED_MINI, *hop) for hop in HOPS]
    records = read_records(path, pairs)
    unique = dict.fromkeys(s for record in records for s in sentences_of(record, models[0]))
    if parts > 1:
        _barrier.wait()
    return time_raw(models, list(unique)[part::parts], threads)


def workers(arguments: argparse.Namespace, count: int) -> float:
    """Return pairs per second of a whole ``generate`` in this process."""
    started = time.monotonic()
    _generate(arguments, LocalThreads(), {}, workers=count)
    return arguments.pairs / (time.monotonic() - started)


def actors(arguments: argparse.Namespace, count: int) -> float:
    """Return pairs per second of ``generate`` on a Ray cluster of this machine."""
    clock = Clock()
    settings = {"output.unit_rows": arguments.unit_rows}
    _generate(arguments, RayCluster(actors=count), settings, workers=1, progress=clock)
    return clock.rate()


def _generate(
    arguments: argparse.Namespace,
    engine: LocalThreads | RayCluster,
    settings: dict[str, int],
    *,
    workers: int,
    progress: Progress | None = None,
) -> None:
    own = {"routes": [ROUTE], "input.lang": "en", "input.limit": arguments.pairs, **settings}
    with tempfile.TemporaryDirectory() as folder:
        request = Generation(
            [str(arguments.input)],
            Path(folder) / "run",
            load_recipe(None, own),
            workers=workers,
            device="cpu",
            environment=os.environ,
            engine=engine,
        )
        generate(request, progress)


if __name__ == "__main__":
    main()
