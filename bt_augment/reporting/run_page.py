"""The report of a run: what went in, what came out and why, and what other thresholds would do."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any

from bt_augment._version import __version__
from bt_augment.filtering.registry import all_scores
from bt_augment.generation.refiltering import stored_recipe
from bt_augment.names import as_argument
from bt_augment.pairs.schema import NATIVE
from bt_augment.reporting.examples import choose, examples
from bt_augment.reporting.line_chart import Chart, Line, Point, draw
from bt_augment.reporting.page import Written, check_jinja, json_block, write_page
from bt_augment.reporting.run_scan import ACCEPTED, Scan, scan
from bt_augment.reporting.score_cards import cards
from bt_augment.shards.manifest import Manifest, UnitEntry, read_manifest
from bt_augment.shards.outputs import check_file_out
from bt_augment.shards.provenance import filter_models, sources
from bt_augment.shards.run_folder import read_run
from bt_augment.shards.store import REJECTED

EXAMPLES = 200  # by default: all kinds of a usual run are among them, in a megabyte

_SCRIPTS = ("columns.js", "verdicts.js", "thresholds.js", "examples.js", "run.js")
_SIDES = {"low": "below the floor", "high": "above the ceiling", "null": "could not be computed"}
_POINTS = 120  # of the throughput charts: units of longer runs are put together


def write_run_report(
    folder: Path, out: Path, *, count: int = EXAMPLES, seed: int = 0, named: str | None = None
) -> Written:
    """Write the report of a finished run; the same run and options give the same bytes.

    Args:
        folder: the run folder; every shard is checked against the manifest.
        out: the HTML file; one that is there is replaced.
        count: pairs to show at most.
        seed: of their draw.
        named: what the page calls the run, where ``folder`` is a copy of it; its URL.

    Raises:
        RunFolderError: the folder is no finished run, or damaged.
        RecipeError: the run is of another version, with other scores.
        MissingDependencyError: jinja2 is not installed.
        InputError: ``out`` is a folder.
        StorageError: the disk refused.
    """
    check_jinja()
    check_file_out(out, "report.html")
    manifest, run = read_manifest(folder), read_run(folder)
    thresholds = stored_recipe(folder).thresholds
    found = scan(folder, manifest, [threshold.score for threshold in thresholds], seed=seed)
    declared = {score.name: score for score in all_scores()}
    shown = cards(found, thresholds, declared, manifest.totals.reasons)
    chosen = choose(found.strata, count, seed)
    pairs = examples(folder, manifest, found, chosen)
    run_named = shlex.quote(as_argument(named or str(folder)))
    data = {**shown[1], "command": f"bt-augment filter {run_named}"}
    size = write_page(
        out,
        "run.html.j2",
        {
            "title": f"Run {PurePosixPath(named).name if named else folder.resolve().name}",
            "version": __version__,
            "totals": manifest.totals,
            "ingested": manifest.ingested,
            "run": run,
            "paths": [*run["recipe"]["routes"], *run.get("switches", ())],
            "native_kept": run["recipe"]["output"]["native"],
            "routes": _routes(manifest),
            "languages": _languages(found),
            "reasons": _reasons(manifest, found),
            "cards": shown[0],
            "families": [list(part) for _, part in groupby(shown[0], key=lambda c: c.family)],
            "charts": _throughput(manifest.units),
            "units": len(manifest.units),
            "examples": pairs,
            "example_reasons": sorted({r for p in pairs for r in p.content["reject_reasons"]}),
            "sources": sources(run),
            "filter_models": list(filter_models(run)),
            "models": run.get("models", {}),
            "versions": run.get("versions", {}),
            "scan": found,
            "data": json_block(data),
        },
        _SCRIPTS,
    )
    return Written(out, size, {"rows": found.made, "examples": len(pairs)})


def _routes(manifest: Manifest) -> list[dict[str, Any]]:
    skipped: dict[str, int] = {}
    for unit in manifest.units:
        for route, rows in unit.not_applicable.items():
            skipped[route] = skipped.get(route, 0) + rows
    known = manifest.totals.routes
    return [
        {
            "route": route,
            "accepted": known.get(route, {}).get(ACCEPTED, 0),
            "rejected": known.get(route, {}).get(REJECTED, 0),
            "skipped": skipped.get(route, 0),
        }
        for route in dict.fromkeys([*known, *skipped])
    ]


def _languages(found: Scan) -> list[dict[str, Any]]:
    return [
        {"languages": tags, **{kind: counts[kind] for kind in (NATIVE, ACCEPTED, REJECTED)}}
        for tags, counts in sorted(found.languages.items())
    ]


def _reasons(manifest: Manifest, found: Scan) -> list[dict[str, Any]]:
    descriptions = {score.name: score.description for score in all_scores()}
    rows = []
    for reason, count in manifest.totals.reasons.items():
        name, _, side = reason.rpartition(".")
        rows.append(
            {
                "reason": reason,
                "rows": count,
                "alone": found.alone[reason],
                "side": _SIDES.get(side, ""),
                "description": descriptions.get(name, ""),
            }
        )
    return rows


def _throughput(units: Sequence[UnitEntry]) -> list[Chart]:
    timed = [unit for unit in units if unit.seconds > 0]
    if len(timed) < 2:
        return []
    size = -(-len(timed) // _POINTS)
    parts = [timed[start : start + size] for start in range(0, len(timed), size)]
    measures: Mapping[str, str] = {"candidates": "rows made", "tokens": "tokens"}
    return [
        draw(
            f"{label} per second",
            "unit",
            [Line(label, tuple(_rate(part, field) for part in parts))],
            from_zero=True,
        )
        for field, label in measures.items()
    ]


def _rate(units: Sequence[UnitEntry], field: str) -> Point:
    seconds = sum(unit.seconds for unit in units)
    return Point(units[0].unit, sum(getattr(unit, field) for unit in units) / seconds)
