"""Run folders of made-up rows, written by the project's own store."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bt_augment.filtering.registry import score_names
from bt_augment.pairs.schema import NATIVE, batch_from_rows, row_schema
from bt_augment.shards.manifest import Manifest, UnitEntry, shard_path, total, write_manifest
from bt_augment.shards.store import REJECTED, SPLITS, TRAIN, finish, write_shard

Row = dict[str, Any]


def write_run(out: Path, like: Path, units: Sequence[Iterable[Row]]) -> Path:
    """Write a finished run with the given rows, and the recipe of another run."""
    out.mkdir(parents=True)
    shutil.copy(like / "run.json", out / "run.json")
    (out / "quarantine.jsonl").touch()
    schema = row_schema(score_names())
    entries = []
    for number, rows in enumerate(units):
        listed = list(rows)
        made = [row for row in listed if row["method"] != NATIVE]
        rejected = [row for row in made if row["reject_reasons"]]
        parts = {
            TRAIN: [row for row in listed if not row["reject_reasons"]],
            REJECTED: rejected,
        }
        files = {
            split: write_shard(
                out, shard_path(split, number, len(units)), batch_from_rows(parts[split], schema)
            )
            for split in SPLITS
        }
        reasons = Counter(reason for row in made for reason in row["reject_reasons"])
        routes: dict[str, Counter[str]] = {}
        for row in made:
            verdict = "rejected" if row["reject_reasons"] else "accepted"
            routes.setdefault(":".join(row["route"]), Counter(accepted=0, rejected=0))[verdict] += 1
        entries.append(
            UnitEntry(
                unit=number, rows=len(listed) - len(made), candidates=len(made),
                accepted=len(made) - len(rejected), rejected=len(rejected), native_rejected=0,
                not_applicable={}, reasons=dict(reasons),
                routes={name: dict(counts) for name, counts in routes.items()},
                seconds=1.5 + number % 7, tokens=100 * len(made), files=files,
            )
        )  # fmt: skip
    finish(out, schema, {split: [entry.files[split] for entry in entries] for split in SPLITS})
    ingested = {
        "rows": sum(e.rows for e in entries), "units": len(entries), "languages": {},
        "quarantined": {}, "left_out": {}, "notes": {},
    }  # fmt: skip
    totals = total(entries, quarantined=0, left_out=0)
    write_manifest(out, Manifest(totals=totals, ingested=ingested, units=entries))
    return out


def stored_filters(run: Path) -> dict[str, dict[str, Any]]:
    """Return full score name → setting, as run.json has it."""
    filters = json.loads((run / "run.json").read_bytes())["recipe"]["filters"]
    return {
        f"{family}.{name}": setting
        for family, scores in filters.items()
        for name, setting in scores.items()
    }
