"""How good are the questions that the default filters accept, and what does a stricter score buy?

    python benchmarks/question_grades.py --data DIR

Four readers (large language models, each told to read as a careful bilingual would) graded 600
questions drawn at random from what the filters of 2026-11-29 accepted of SQuADShifts, NQ-open and
FaQuAD: 300 round trips that differ from their source, 300 translations. They saw the native
question, the made one, the answer and the words around it: 2 asks the same and is understood, 1 a
reader has to guess, 0 asks something else or nothing (``labels/questions.jsonl``).

The pairs are made again by the bundled model; a grade counts if the question is still the one that
was read. Prints how many the default filters accept now, and ``fidelity.question_backward`` beside
them at several thresholds, and which share of these was graded 2 and 0. The rules for titles and
prepositions, and the default threshold, were chosen with these questions in view.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
from filters import DefaultVerdict
from labelled import LABELS, digest
from pairs_at_hand import machine_made, read_faquad, read_nq, read_shifts

from bt_augment.pairs.schema import ROUND_TRIP
from bt_augment.translation.route import Route

THRESHOLDS = (-3.0, -2.0, -1.5, -1.2, -1.0, -0.8, -0.6)
GOOD, NONSENSE = 2, 0


class Graded(NamedTuple):
    """A graded question: how it was made, its grade, and what the filters and the engine say."""

    method: str
    grade: int
    is_accepted: bool
    backward: float


@click.command(help=__doc__)
@click.option(
    "--data", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True
)
def main(data: Path) -> None:
    """Print the tables as Markdown."""
    natives = {"squadshifts": read_shifts(data), "nq": read_nq(data), "faquad": read_faquad(data)}
    lines = (LABELS / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    labels = [json.loads(line) for line in lines]
    graded = [
        question
        for name, route in dict.fromkeys((x["set"], x["route"]) for x in labels)
        for question in read_again(
            [x for x in labels if (x["set"], x["route"]) == (name, route)], natives[name], route
        )
    ]
    click.echo(f"{len(graded)} of {len(labels)} questions are still those that were read\n")
    click.echo("| | questions | accepted | graded 2 | graded 0 | of those graded 2, lost |")
    click.echo("|---|---|---|---|---|---|")
    for name, questions in (
        ("round trips", [x for x in graded if x.method == ROUND_TRIP]),
        ("translations", [x for x in graded if x.method != ROUND_TRIP]),
    ):
        click.echo(row(f"{name}, when they were read", questions, questions))
        accepted = [x for x in questions if x.is_accepted]
        click.echo(row(f"{name}, default filters", accepted, questions))
        for least in THRESHOLDS:
            sure = [x for x in accepted if x.backward >= least]
            click.echo(row(f"{name}, `question_backward` {least:g} or more", sure, questions))


def read_again(
    labels: Sequence[dict[str, Any]], native: dict[str, dict[str, Any]], route: str
) -> list[Graded]:
    """Return the labels whose questions the bundled model still makes."""
    by_id = {x["id"]: x for x in labels if x["id"] in native}
    made = machine_made({key: native[key] for key in by_id}, Route.parse(route), "questions")
    sources, rows = made.sources.to_pylist(), made.rows.to_pylist()
    reasons = DefaultVerdict().reasons(sources, rows)
    return [
        Graded(made_row["method"], label["question"], not codes, float(backward))
        for source, made_row, codes, backward in zip(
            sources, rows, reasons, made.evidence["question_backward"], strict=True
        )
        if digest(made_row["question"]) == (label := by_id[source["id"]])["sha256"]
    ]


def row(name: str, kept: Sequence[Graded], of: Sequence[Graded]) -> str:
    """Return a line of the table: what is kept of some questions."""
    good, still, bad = (
        sum(x.grade == grade for x in questions)
        for questions, grade in ((of, GOOD), (kept, GOOD), (kept, NONSENSE))
    )
    shares = ((len(kept), len(of)), (still, len(kept)), (bad, len(kept)), (good - still, good))
    cells = [f"{100 * part / total:.1f} %" if total else "–" for part, total in shares]
    return f"| {name} | {len(kept)} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
