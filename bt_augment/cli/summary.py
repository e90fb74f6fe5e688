"""What a run gave, in a few lines or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bt_augment.cli.terminal import echo

if TYPE_CHECKING:
    from bt_augment.generation import ShardSummary, Summary
    from bt_augment.shards.manifest import Totals

_TOP_REASONS = 8


def summary_json(summary: Summary) -> dict[str, Any]:
    """Return the summary for machines."""
    return {
        "out": str(summary.out),
        "units": summary.units,
        "resumed_units": summary.resumed,
        **summary.totals.model_dump(),
        "quarantined_by_cause": summary.ingested.quarantined,
        "left_out_by_reason": summary.ingested.left_out,
        "notes": summary.ingested.notes,
        "languages": summary.ingested.languages,
    }


def print_summary(summary: Summary) -> None:
    """Print what this call did, and the counts of the run."""
    if summary.finished:
        echo("already complete:")
    elif summary.resumed:
        echo(f"resumed after {summary.resumed} finished units")
    for cause, count in summary.ingested.quarantined.items():
        echo(f"quarantined {cause}: {count:,}")
    for note, count in summary.ingested.notes.items():
        echo(f"{note}: {count:,}")
    print_totals(summary.totals)
    echo(f"{'' if summary.finished else 'wrote '}{summary.out}; open it with:")
    echo(f'    from datasets import load_from_disk; load_from_disk("{summary.out}")["train"]')


def print_totals(totals: Totals) -> None:
    """Print the counts of a run, and the commonest reject reasons."""
    made = max(1, totals.candidates)
    echo(
        f"read {totals.read:,}: {totals.native:,} pairs, {totals.quarantined:,} quarantined, "
        f"{totals.left_out:,} left out"
    )
    echo(
        f"made {totals.candidates:,}: {totals.accepted:,} accepted "
        f"({totals.accepted / made:.0%}), {totals.rejected:,} rejected"
    )
    if totals.not_applicable:
        echo(f"not applicable {totals.not_applicable:,}: in another language than a route's first")
    for route, counts in totals.routes.items():
        echo(f"    {route}: {counts['accepted']:,} accepted, {counts['rejected']:,} rejected")
    if totals.native_rejected:
        echo(f"{totals.native_rejected:,} native pairs overlap a benchmark: rejected")
    if totals.reasons:
        echo("rejected because (a pair may have several reasons):")
        for reason, count in list(totals.reasons.items())[:_TOP_REASONS]:
            echo(f"    {reason}: {count:,}")


def shard_json(summary: ShardSummary) -> dict[str, Any]:
    """Return what a job of one part did, for machines."""
    return {
        "out": str(summary.out),
        "shard": str(summary.shard),
        "units": summary.units,
        "resumed_units": summary.resumed,
        "run_units": summary.run_units,
        "run_units_made": summary.run_made,
        "finished": summary.finished,
    }


def print_shard(summary: ShardSummary) -> None:
    """Print what a job of one part did, and what is left to do."""
    if summary.finished:
        echo(f"{summary.out}: the run is complete already")
        return
    before = f", {summary.resumed:,} of them before" if summary.resumed else ""
    echo(f"shard {summary.shard}: {summary.units:,} units made{before}")
    echo(
        f"{summary.run_made:,} of the run's {summary.run_units:,} units are made; when all shards "
        "are done, join them with the same command without --shard"
    )
