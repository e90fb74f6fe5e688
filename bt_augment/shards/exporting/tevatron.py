"""JSON lines for Tevatron: the form of its self-contained data sets, which v1 and v2 both read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bt_augment.shards.exporting.base import NO_NEGATIVE, Exporter, Tally, lines, passage_id
from bt_augment.shards.exporting.negatives import Negatives
from bt_augment.shards.exporting.rows import ExportRows

TRAIN = "train.jsonl"
CORPUS = "corpus.jsonl"


class Tevatron(Exporter):
    """``train.jsonl`` with whole passages, and ``corpus.jsonl`` to encode."""

    name = "tevatron"
    paths = (TRAIN, CORPUS)
    negatives = 7  # Tevatron's default group is one positive and seven negatives
    takes_negatives = True
    usage = """```sh
python -m tevatron.retriever.driver.train --dataset_name json --dataset_path FOLDER/train.jsonl …
```

`train_group_size` is one more than the negatives of a row; Tevatron draws some again where a row
has fewer. Use `--train_group_size 1` for an export with `--negatives 0`."""

    def write(self, rows: ExportRows, negatives: Negatives, out: Path) -> Tally:
        """Write a line for each row, and one for each different passage."""
        tally = Tally()
        known: set[str] = set()
        with lines(out / TRAIN) as train, lines(out / CORPUS) as corpus:
            for row in rows:
                positive = _document(row)
                if positive["docid"] not in known:
                    known.add(positive["docid"])
                    corpus.write(positive)
                    tally.files[CORPUS] += 1
                others = [_document(other) for other in negatives.of(row)]
                if negatives.count and not others:
                    tally.left_out[NO_NEGATIVE] += 1
                    continue
                train.write(
                    {
                        "query_id": row["id"],
                        "query": row["question"],
                        "positive_passages": [positive],
                        "negative_passages": others,
                    }
                )
                tally.written += 1
                tally.files[TRAIN] += 1
        return tally


def _document(row: dict[str, Any]) -> dict[str, str]:
    # Tevatron joins title and text; a title that is null would break it.
    return {"docid": passage_id(row), "title": row["title"] or "", "text": row["passage"]}
