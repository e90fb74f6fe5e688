"""How memory and time of the commands that read a run grow with the number of its rows.

For each size a run of made-up rows is written (short texts, one route, every score filled in), and
given to the real commands, each in a process of its own. ``peak`` is the largest resident set of
that process in MiB (Linux alone tells), mapped pages of the shards included. Rows are native ones;
the run holds as many made ones. Ten million take about 8 GB, and filter writes as much again.

    python benchmarks/limits.py --rows 100000 --rows 1000000 [--rows 10000000] [--at DIR] [--json]
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bt_augment.filtering.cascade import judge
from bt_augment.filtering.registry import all_scores, score_names
from bt_augment.pairs.schema import NATIVE, TRANSLATION, batch_from_rows, row_schema
from bt_augment.recipe import load_recipe
from bt_augment.shards.manifest import (
    RUN,
    Manifest,
    UnitEntry,
    shard_path,
    total,
    write_json,
    write_manifest,
)
from bt_augment.shards.run_folder import QUARANTINE
from bt_augment.shards.store import REJECTED, SPLITS, TRAIN, finish, write_shard

ROUTE = "en:pt"
# Of the process's own memory: ru_maxrss also counts that of the process which started it.
PEAK = (
    "import re, sys\n"
    "from pathlib import Path\n"
    "from bt_augment.cli.main import main\n"
    "try: main()\n"
    "finally:\n"
    "    status = Path('/proc/self/status').read_text()\n"
    "    peak = int(re.search(r'VmHWM:\\s+(\\d+)', status)[1]) // 1024\n"
    "    print(f'peak {peak}', file=sys.stderr)\n"
)
COMMANDS = ("verify", "filter", "inspect", "export")


def write_run(out: Path, rows: int, unit_rows: int) -> None:
    """Write a finished run of ``rows`` native rows, and as many made ones."""
    out.mkdir(parents=True)
    recipe = load_recipe(None, {"routes": [ROUTE]})
    parts, reasons = _unit(unit_rows, recipe)
    units = -(-rows // unit_rows)
    entries: list[UnitEntry] = []
    for number in range(units):
        count = min(unit_rows, rows - number * unit_rows)
        files, made = {}, Counter[str]()
        for split in SPLITS:
            batch = _numbered(parts[split], number, count)
            made[split] = batch.num_rows - pc.sum(pc.equal(batch.column("method"), NATIVE)).as_py()
            files[split] = write_shard(out, shard_path(split, number, units), batch)
        entries.append(
            UnitEntry(
                unit=number, rows=count, candidates=made.total(), accepted=made[TRAIN],
                rejected=made[REJECTED], native_rejected=0, not_applicable={ROUTE: 0},
                reasons=dict.fromkeys(reasons, made[REJECTED]),
                routes={ROUTE: {"accepted": made[TRAIN], "rejected": made[REJECTED]}},
                seconds=1.0, tokens=count, files=files,
            )
        )  # fmt: skip
    finish(out, row_schema(score_names()), {s: [e.files[s] for e in entries] for s in SPLITS})
    ingested = {
        "rows": rows, "units": units, "languages": {"en": rows}, "quarantined": {}, "left_out": {},
        "notes": {},
    }  # fmt: skip
    write_json(out / RUN, {"recipe": recipe.resolved(), "inputs": [], "models": {}, "switches": {}})
    (out / QUARANTINE).touch()
    totals = total(entries, quarantined=0, left_out=0)
    write_manifest(out, Manifest(totals=totals, ingested=ingested, units=entries))


def _unit(rows: int, recipe: Any) -> tuple[dict[str, pa.RecordBatch], list[str]]:
    """Return the rows of one unit by split, and the reject reasons of the rejected ones.

    Every fourth made row is rejected.
    """
    fine = {s.name: _within(s.min, s.max) for s in all_scores()}
    poor = {**fine, "fidelity.chrf": 1.0}
    arrays = {name: np.array([value], dtype=np.float32) for name, value in poor.items()}
    enabled = [t for t in recipe.thresholds if t.score in arrays]
    reasons = judge(arrays, [TRANSLATION], enabled)[0] or ["fidelity.chrf.low"]

    def row(number: int, *, native: bool) -> dict[str, Any]:
        rejected = not native and number % 4 == 0
        text = f"The lamp of the tower number {number} was lit by hand in the year it was built."
        return {
            "id": f"{number}", "source_id": f"{number}", "group_id": f"g{number // 4}",
            "question": f"Who lit lamp {number}?", "passage": text, "question_lang": "en",
            "passage_lang": "en", "answers": [{"text": "by hand", "start": text.find("by hand")}],
            "method": NATIVE if native else TRANSLATION,
            "route": ["en"] if native else ["en", "pt"], "models": [] if native else ["made-up@0"],
            "scores": None if native else poor if rejected else fine,
            "reject_reasons": reasons if rejected else [],
        }  # fmt: skip

    schema = row_schema(score_names())
    made = [row(n, native=False) for n in range(rows)]
    train = [row(n, native=True) for n in range(rows)]
    train += [r for r in made if not r["reject_reasons"]]
    return {
        TRAIN: batch_from_rows(train, schema),
        REJECTED: batch_from_rows([r for r in made if r["reject_reasons"]], schema),
    }, reasons


def _within(low: float | None, high: float | None) -> float:
    """Return a value that passes a threshold."""
    if low is None and high is None:
        return 0.0
    if low is None or high is None:
        return float(low if low is not None else high or 0.0)
    return (low + high) / 2


def _numbered(batch: pa.RecordBatch, unit: int, count: int) -> pa.RecordBatch:
    """Return the rows of the first ``count`` sources, with ids of this unit."""
    numbers = pc.cast(batch.column("source_id"), pa.int64())
    batch = batch.filter(pc.less(numbers, count))
    sources = pc.binary_join_element_wise(str(unit), batch.column("source_id"), "-")
    made = pc.binary_join_element_wise(sources, f"{ROUTE}/0", "/")
    ids = pc.if_else(pc.equal(batch.column("method"), NATIVE), sources, made)
    for name, values in (("source_id", sources), ("id", ids)):
        index = batch.schema.get_field_index(name)
        batch = batch.set_column(index, batch.schema.field(index), values)
    return batch


def measured(*arguments: object) -> tuple[float, int]:
    """Run the command; return its seconds and its peak in MiB."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    if done.returncode:
        raise click.ClickException(done.stderr[-2000:])
    return seconds, int(done.stderr.split()[-1])


@click.command()
@click.option("--rows", "sizes", type=int, multiple=True, default=(100_000, 1_000_000))
@click.option("--unit-rows", default=1024, show_default=True)
@click.option("--at", type=click.Path(path_type=Path), help="Where the runs are written.")
@click.option("--command", "commands", type=click.Choice(COMMANDS), multiple=True)
@click.option("--json", "as_json", is_flag=True)
def main(
    sizes: tuple[int, ...],
    unit_rows: int,
    at: Path | None,
    commands: tuple[str, ...],
    as_json: bool,
) -> None:
    """Measure each command at each size, and print a table."""
    found: list[dict[str, Any]] = []
    for rows in sizes:
        with tempfile.TemporaryDirectory(dir=at) as name:
            run, out = Path(name, "run"), Path(name, "out")
            started = time.perf_counter()
            write_run(run, rows, unit_rows)
            size = sum(p.stat().st_size for p in run.rglob("*") if p.is_file())
            click.echo(
                f"{rows:,} rows: {size / 1e9:.1f} GB in {time.perf_counter() - started:.0f} s",
                err=True,
            )
            given: dict[str, tuple[object, ...]] = {
                "verify": (run,),
                "filter": (run, "--out", out, "-q", "--set", "filters.fidelity.chrf.min=0"),
                "inspect": (run, "-n", 3, "--no-pager"),
                "export": (run, "--out", out, "--format", "sentence-transformers", "-q"),
            }
            for command in commands or COMMANDS:
                seconds, peak = measured(command, *given[command])
                found.append(
                    {"rows": rows, "command": command, "seconds": round(seconds, 1), "peak": peak}
                )
                click.echo(f"  {command}: {seconds:.1f} s, {peak} MiB", err=True)
                shutil.rmtree(out, ignore_errors=True)
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    click.echo(
        "| native rows | command | seconds | rows a second | peak MiB |\n|---|---|---|---|---|"
    )
    for one in found:
        click.echo(
            f"| {one['rows']:,} | {one['command']} | {one['seconds']:,} "
            f"| {one['rows'] / one['seconds']:,.0f} | {one['peak']:,} |"
        )


if __name__ == "__main__":
    main()
