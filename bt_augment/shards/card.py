"""The data card of a run folder: what is in it, where it came from, how to open it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bt_augment.shards.atomic import write_atomically
from bt_augment.shards.manifest import Totals
from bt_augment.shards.markdown import code, harmless, span
from bt_augment.shards.provenance import filter_models, sources
from bt_augment.shards.run_folder import CARD, read_run


def write_card(folder: Path, totals: Totals) -> None:
    """Write ``README.md`` from ``run.json`` and the totals.

    Raises:
        StorageError: the disk refused.
    """
    write_atomically(folder / CARD, "\n".join(_lines(read_run(folder), totals)).encode())


def _lines(run: Mapping[str, Any], totals: Totals) -> Iterator[str]:
    yield "# Question-answer pairs made by bt-augment\n"
    yield "```python"
    yield "from datasets import load_from_disk"
    yield 'load_from_disk("PATH/TO/THIS/FOLDER")["train"]'
    yield "```\n"
    yield "## Counts\n"
    yield "| records read | native | quarantined | left out | made | accepted | rejected |"
    yield "|---|---|---|---|---|---|---|"
    yield (
        f"| {totals.read:,} | {totals.native:,} | {totals.quarantined:,} | {totals.left_out:,} "
        f"| {totals.candidates:,} | {totals.accepted:,} | {totals.rejected:,} |\n"
    )
    if totals.native_rejected:
        yield f"{totals.native_rejected:,} native rows are among the rejected ones.\n"
    yield "| route | accepted | rejected |\n|---|---|---|"
    for route, counts in totals.routes.items():
        yield f"| {harmless(route)} | {counts['accepted']:,} | {counts['rejected']:,} |"
    yield "\n## Reject reasons\n"
    yield "A row may have several.\n\n| reason | rows |\n|---|---|"
    for reason, rows in totals.reasons.items():
        yield f"| {code(reason)} | {rows:,} |"
    yield "\n## Sources and models\n"
    for source in sources(run):
        yield f"- {'input' if source.is_input else 'lexicon'} {span(source.name)}"
    for hop, model in run.get("models", {}).items():
        made = f"{span(model['name'])}, fingerprint {span(model['fingerprint'])}"
        yield f"- {harmless(hop)}: {made}"
    for asked in filter_models(run):
        version = f"{asked.kind} {span(asked.version)}"
        yield f"- {harmless(asked.score)}: {span(asked.name)}, {version}"
    yield "\nThe licence of the input also holds for what is made from it.\n"
