"""Do two Ray actors of one CPU each make twice what one makes?

    python benchmarks/cluster.py --input new_wiki_v1.0.json.gz --pairs 2000

Runs ``generate`` on a Ray cluster of this machine with one actor and with two, in turns, and prints
Markdown. The first units, which carry the start of the actors, are not counted: speed is that from
the end of unit ``SKIPPED`` to the end of the last. The process that judges and writes takes its
part of the same cores.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from bt_augment.generation import Generation, RayCluster, generate
from bt_augment.generation.progress import Silent
from bt_augment.recipe import load_recipe

DATA = Path(__file__).parent.parent / "data" / "en" / "qa.json"
ROUTE = "en:pt:en"
SKIPPED = 4  # units


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
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--unit-rows", type=int, default=32)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(arguments.repeat):
        for actors, found in rates.items():
            found.append(_rate(arguments, actors))
    medians = {actors: statistics.median(found) for actors, found in rates.items()}
    print("| actors of one CPU | pairs/s | times one |")
    print("|---|---|---|")
    for actors, rate in medians.items():
        print(f"| {actors} | {rate:.1f} | {rate / medians[1]:.2f} |")


def _rate(arguments: argparse.Namespace, actors: int) -> float:
    clock = Clock()
    settings = {
        "routes": [ROUTE],
        "input.lang": "en",
        "input.limit": arguments.pairs,
        "output.unit_rows": arguments.unit_rows,
    }
    with tempfile.TemporaryDirectory() as folder:
        request = Generation(
            [str(arguments.input)],
            Path(folder) / "run",
            load_recipe(None, settings),
            workers=1,
            device="cpu",
            environment=os.environ,
            engine=RayCluster(actors=actors),
        )
        generate(request, clock)
    return clock.rate()


if __name__ == "__main__":
    main()
