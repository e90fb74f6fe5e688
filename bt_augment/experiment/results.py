"""What an experiment leaves in `results`: pages, tables for machines, figures, the summary."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from bt_augment.errors import RunFolderError
from bt_augment.evaluation.results import read_results
from bt_augment.experiment.alphas import said
from bt_augment.experiment.comparisons import Table, comparisons, unmeasured, untested
from bt_augment.experiment.figures import draw, missing_packages
from bt_augment.experiment.pages import comparisons_page, latex_tables, main_page
from bt_augment.experiment.plan import Plan
from bt_augment.experiment.recipe import Experiment
from bt_augment.experiment.rows import Row, collect_rows
from bt_augment.experiment.store import RESULTS, StepStore
from bt_augment.shards.atomic import storage_errors, write_atomically
from bt_augment.shards.manifest import write_json
from bt_augment.shards.whole_folder import by_pattern, refuse_strangers, whole_folder
from bt_augment.translation.devices import available_cores

SUMMARY = "summary.json"
_CONTRACT = 6  # raised when the tables say other things of the same results
# What is written by, as far as a killed process or a damaged summary leaves that to be guessed.
_PATTERNS = (
    "table.*", "comparisons.md", "matrix.csv", SUMMARY, "*.html", "figures/*/*.svg",
    "figures/*/*.pdf", ".*.tmp", "figures/*/.*.tmp",
)  # fmt: skip


def check_results(experiment: Experiment, plan: Plan, store: StepStore) -> None:
    """Refuse early what :func:`write_results` would refuse.

    Raises:
        RunFolderError: ``results/`` has to be written anew, and holds files of others.
        StorageError: the disk refused.
    """
    folder = store.out / RESULTS
    if _known(folder, _key(experiment, plan, store)) is None:
        with storage_errors(folder):
            refuse_strangers(Path(os.path.realpath(folder)), _own, RunFolderError)


def write_results(experiment: Experiment, plan: Plan, store: StepStore) -> dict[str, Any]:
    """Write ``results/``: tables, figures and ``summary.json``, which comes last.

    Where all of them are there for the same results, nothing is done; else the folder is replaced
    at once by a new one.

    Returns:
        What ``summary.json`` holds.

    Raises:
        InputError: a results file cannot be read or compared.
        RunFolderError: the folder holds files of others.
        StorageError: the disk refused.
    """
    folder = store.out / RESULTS
    key = _key(experiment, plan, store)
    known = _known(folder, key)
    if known is not None:
        return known
    rows = collect_rows(experiment, plan, store)
    tables = comparisons(rows, experiment)
    busy = RunFolderError(f"{folder}: another process writes it; wait for it")
    with whole_folder(folder, busy, _own) as partial:
        _write(partial, key, experiment, plan, store, rows, tables)
    return _stored(folder / SUMMARY)


def _write(
    folder: Path,
    key: str,
    experiment: Experiment,
    plan: Plan,
    store: StepStore,
    rows: Sequence[Row],
    tables: Sequence[Table],
) -> None:
    left_out = [
        *said(plan.skipped),
        *unmeasured(rows, experiment),
        *untested(rows, experiment),
        *draw(rows, tables, experiment, folder),
    ]
    main = experiment.comparison.metrics[0]
    for name, text in (
        ("table.md", "\n".join(main_page(experiment, rows, tables, left_out))),
        ("table.tex", "\n\n".join(latex_tables(rows, tables))),
        ("comparisons.md", "\n".join(comparisons_page(experiment, tables))),
        ("table.csv", _csv(rows, tables)),
        ("matrix.csv", _matrix(rows, main)),
    ):
        write_atomically(folder / name, text.encode())
    files = sorted(str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file())
    summary = {"key": key, "files": files, **_summary(experiment, plan, store, rows, tables)}
    write_json(folder / SUMMARY, summary)


def _key(experiment: Experiment, plan: Plan, store: StepStore) -> str:
    decisive = [
        _CONTRACT,
        missing_packages(),
        experiment.content,
        [(cell.arm, cell.alpha, cell.seed, cell.result.key) for cell in plan.cells],
        # Done anew, a step may say something else: of its overlap, or on another machine.
        [store.info(cell.result) for cell in plan.cells],
    ]
    return hashlib.sha256(json.dumps(decisive, default=str).encode()).hexdigest()[:16]


def _known(folder: Path, key: str) -> dict[str, Any] | None:
    """Return the summary of that key; None where it, or a file that it lists, is not there."""
    summary = _stored(folder / SUMMARY)
    names = summary.get("files")
    there = isinstance(names, list) and all((folder / str(name)).is_file() for name in names)
    return summary if there and summary.get("key") == key else None


def _own(folder: Path) -> Callable[[str], bool]:
    listed = _stored(folder / SUMMARY).get("files")
    if isinstance(listed, list):
        return {SUMMARY, *map(str, listed)}.__contains__
    return by_pattern(_PATTERNS)


def _stored(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _csv(rows: Sequence[Row], tables: Sequence[Table]) -> str:
    """Return one line per row and measure, with its comparison with the baseline if there is."""
    effects = {
        (table.judge, table.base, line.arm, line.setting, table.comparison.metric): line
        for table in tables if table.against_baseline
        for line in table.comparison.lines if line.effect
    }  # fmt: skip
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["benchmark", "base_model", "arm", "alpha", "made_share", "setting", "metric", "mean",
         "sd", "runs", "effect", "low", "high", "p", "p_corrected"]
    )  # fmt: skip
    for row in rows:
        for (setting, metric), values in row.values.items():
            line = effects.get((row.judge, row.base, row.label, setting, metric))
            effect = line.effect if line else None
            tested: list[Any] = [""] * 5
            if line and effect:
                tested = [effect.effect, effect.low, effect.high, effect.p, line.corrected]
            spread = stdev(values) if len(values) > 1 else ""
            writer.writerow(
                [row.judge, row.base, row.arm, row.alpha, row.made, setting, metric,
                 mean(values), spread, len(values), *tested]
            )  # fmt: skip
    return out.getvalue()


def _matrix(rows: Sequence[Row], metric: str) -> str:
    """Return the main measure by language pair, of every seed."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["benchmark", "base_model", "arm", "alpha", "run", "query_language",
         "candidate_language", "metric", "value"]
    )  # fmt: skip
    for row in rows:
        for run, path in enumerate(row.results):
            content, _ = read_results(path)
            cells = {
                (query, candidate): value
                for query, part in content["matrix"].get(metric, {}).items()
                for candidate, value in part.items()
            }
            cells |= {
                (query, "multi"): value
                for query, value in content["multi_by_language"].get(metric, {}).items()
            }
            for (query, candidate), value in cells.items():
                writer.writerow(
                    [row.judge, row.base, row.arm, row.alpha, run, query, candidate, metric, value]
                )
    return out.getvalue()


def _summary(
    experiment: Experiment,
    plan: Plan,
    store: StepStore,
    rows: Sequence[Row],
    tables: Sequence[Table],
) -> dict[str, Any]:
    return {
        "format": 1,
        "name": experiment.name,
        "profile": experiment.profile,
        "recipe": dict(experiment.content),
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "cores": available_cores(),
            "python": platform.python_version(),
        },
        "steps": [
            {
                "kind": step.kind,
                "name": step.name,
                "key": step.key,
                "path": str(store.path(step).relative_to(store.out)),
                **{k: v for k, v in (store.info(step) or {}).items() if k not in ("key", "name")},
            }
            for step in plan.steps
        ],
        "skipped": [asdict(skip) for skip in plan.skipped],
        "rows": [
            {
                "benchmark": row.judge,
                "base_model": row.base,
                "arm": row.arm,
                "alpha": row.alpha,
                "made_share": row.made,
                "overlap": row.overlap,
                "results": [str(path.relative_to(store.out)) for path in row.results],
                "values": [
                    {"setting": setting, "metric": metric, "runs": list(values)}
                    for (setting, metric), values in row.values.items()
                ],
            }
            for row in rows
        ],
        "comparisons": [
            {
                "benchmark": table.judge,
                "base_model": table.base,
                "title": table.title,
                "against_baseline": table.against_baseline,
                **table.comparison.as_dict(),
            }
            for table in tables
        ],
    }
