"""How long a report takes to write and to open, by the browser's own clock.

A run of the sample data is repeated until it has ``--rows`` made rows, every score moved by a
random hundredth of its size, so that no two rows are one. Its report is written, and opened in
headless Chromium ``--times`` times, each in a fresh profile. ``interactive`` is when the page was
parsed (``domInteractive``), ``ready`` when sliders and filters work (the page's own mark at the end
of its script, before ``DOMContentLoaded``), ``painted`` the first contentful paint; milliseconds
from the start of the navigation. ``slider`` is from moving a threshold to all counts on the page.

    python benchmarks/report.py [--rows 50000] [--times 5] [--json]
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from bt_augment.generation import Generation, generate
from bt_augment.pairs.schema import NATIVE
from bt_augment.recipe import load_recipe
from bt_augment.reporting import write_report
from bt_augment.shards.manifest import (
    Manifest,
    UnitEntry,
    read_manifest,
    shard_path,
    total,
    write_manifest,
)
from bt_augment.shards.store import SPLITS, finish, read_shard, write_shard

ROOT = Path(__file__).resolve().parents[1]
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
CLOCK = """
const [page] = performance.getEntriesByType('navigation');
return {
  interactive: page.domInteractive, loaded: page.domContentLoadedEventEnd,
  ready: performance.getEntriesByName('report-ready')[0].startTime,
  painted: performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
};
"""
SLIDE = """
const done = arguments[0];
const slider = document.querySelector('[data-side=low]');
const start = performance.now();
slider.value = Number(slider.value) + 5;
slider.dispatchEvent(new Event('input', {bubbles: true}));
requestAnimationFrame(() => done(performance.now() - start));
"""


def repeat(run: Path, out: Path, rows: int) -> int:
    """Write a run with ``rows`` made rows or a little more, and return their number."""
    manifest = read_manifest(run)
    times = -(-rows // manifest.totals.candidates)
    units = len(manifest.units) * times
    shutil.copytree(run, out, ignore=shutil.ignore_patterns("*.arrow"))
    draw = np.random.default_rng(0)
    entries: list[UnitEntry] = []
    schema = None
    for turn in range(times):
        for unit in manifest.units:
            number = len(entries)
            files = {}
            for split in SPLITS:
                table = _moved(read_shard(run / unit.files[split].path), turn, draw)
                schema = table.schema
                batch = table.combine_chunks().to_batches()[0]
                files[split] = write_shard(out, shard_path(split, number, units), batch)
            entries.append(unit.model_copy(update={"unit": number, "files": files}))
    finish(out, schema, {split: [e.files[split] for e in entries] for split in SPLITS})
    totals = total(entries, quarantined=0, left_out=0)
    write_manifest(out, Manifest(totals=totals, ingested=manifest.ingested, units=entries))
    return totals.candidates


def _moved(table: pa.Table, turn: int, draw: np.random.Generator) -> pa.Table:
    for name in ("id", "source_id"):
        index = table.schema.get_field_index(name)
        named = [f"{value}#{turn}" for value in table.column(name).to_pylist()]
        table = table.set_column(index, table.schema.field(name), pa.array(named))
    field = table.schema.field("scores")
    scores = table.column("scores").combine_chunks()
    native = [method == NATIVE for method in table.column("method").to_pylist()]
    columns = []
    for i in range(field.type.num_fields):
        values = scores.field(i).to_numpy(zero_copy_only=False).astype(np.float32)
        values = values * (1 + 0.01 * draw.standard_normal(len(values)).astype(np.float32))
        columns.append(pa.array(values, from_pandas=True))
    moved = pa.StructArray.from_arrays(
        columns, fields=list(field.type), mask=pa.array(native) if any(native) else None
    )
    return table.set_column(table.schema.get_field_index("scores"), field, moved)


def opened(page: Path) -> dict[str, float]:
    """Open a page in a fresh browser and return its times in milliseconds."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or ""
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        driver = webdriver.Chrome(
            options=options, service=Service(shutil.which("chromedriver") or "")
        )
        try:
            driver.get(page.as_uri())
            time.sleep(1)  # the paint comes after the load
            found: dict[str, float] = driver.execute_script(CLOCK)
            return {**found, "slider": driver.execute_async_script(SLIDE)}
        finally:
            driver.quit()


@click.command()
@click.option("--rows", default=50_000, show_default=True, help="Made rows.")
@click.option("--times", default=5, show_default=True, help="The page is opened.")
@click.option("--json", "as_json", is_flag=True)
def main(rows: int, times: int, as_json: bool) -> None:
    """Measure, and print medians with the slowest in brackets."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        recipe = load_recipe(None, {"routes": ["en:pt:en", "en:pt"]})
        source = str(ROOT / "data" / "en" / "qa.json")
        generate(Generation([source], work / "run", recipe, environment=dict(os.environ)))
        made = repeat(work / "run", work / "large", rows)
        started = time.perf_counter()
        written = write_report([str(work / "large")], work / "report.html")
        seconds = time.perf_counter() - started
        found = [opened(work / "report.html") for _ in range(times)]
    result: dict[str, Any] = {
        "rows": made, "bytes": written.bytes, "write_seconds": round(seconds, 2), "opened": found
    }  # fmt: skip
    if as_json:
        click.echo(json.dumps(result, indent=1))
        return
    click.echo(f"{made:,} made rows: written in {seconds:.1f} s, {written.bytes / 1e6:.2f} MB")
    for name in found[0]:
        values = [each[name] for each in found]
        click.echo(f"  {name:12} {statistics.median(values):7.0f} ms ({max(values):.0f})")


if __name__ == "__main__":
    main()
