"""Runs written by hand: a few native pairs and what was made of them, in real shards."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bt_augment.pairs.schema import batch_from_rows, row_schema
from bt_augment.shards.manifest import Manifest, UnitEntry, shard_path, total, write_manifest
from bt_augment.shards.store import REJECTED, TRAIN, finish, write_shard


def a_row(source: str, lang: str, method: str = "native", **more: Any) -> dict[str, Any]:
    """Return a row whose texts say what they are."""
    name = f"{source}.{lang}.{method}"
    return {
        "id": source if method == "native" else f"{source}/{method}/{lang}",
        "source_id": source,
        "group_id": f"g{source}",
        "question": f"question {name}",
        "passage": f"passage {name}",
        "question_lang": lang,
        "passage_lang": lang,
        "title": "A title",
        "answers": [],
        "method": method,
        "route": [lang] if method == "native" else ["en", lang],
        "models": [],
        "reject_reasons": [],
        **more,
    }


def write_run(folder: Path, units: Iterable[Iterable[dict[str, Any]]], source: str = "abc") -> Path:
    """Write a finished run with these units of accepted rows."""
    folder.mkdir(parents=True, exist_ok=True)
    schema = row_schema(["text.length"])
    entries, shards = [], {TRAIN: [], REJECTED: []}
    units = [list(unit) for unit in units]
    for number, rows in enumerate(units):
        files = {
            split: write_shard(
                folder, shard_path(split, number, len(units)), batch_from_rows(chosen, schema)
            )
            for split, chosen in ((TRAIN, rows), (REJECTED, []))
        }
        for split, entry in files.items():
            shards[split].append(entry)
        native = sum(row["method"] == "native" for row in rows)
        entries.append(
            UnitEntry(
                unit=number,
                rows=native,
                candidates=len(rows) - native,
                accepted=len(rows) - native,
                rejected=0,
                native_rejected=0,
                not_applicable={},
                reasons={},
                routes={},
                seconds=0,
                tokens=0,
                files=files,
            )
        )
    finish(folder, schema, shards)
    totals = total(entries, quarantined=0, left_out=0)
    ingested = {
        "rows": totals.native, "units": len(entries), "languages": {}, "quarantined": {},
        "left_out": {}, "notes": {},
    }  # fmt: skip
    write_manifest(folder, Manifest(totals=totals, ingested=ingested, units=entries))
    recipe = {
        "routes": [], "filters": {}, "decontaminate": {}, "output": {"native": True},
        "translation": {"decoding": {"candidates": 1}},
    }  # fmt: skip
    run = {"recipe": recipe, "inputs": [{"path": "qa.json", "sha256": source}]}
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    return folder
