"""A BEIR folder: corpus, queries, and which passage answers which query."""

from __future__ import annotations

import re
from hashlib import blake2b
from pathlib import Path

from bt_augment.shards.exporting.base import Exporter, Tally, lines, passage_id
from bt_augment.shards.exporting.negatives import Negatives
from bt_augment.shards.exporting.rows import ExportRows

CORPUS = "corpus.jsonl"
QUERIES = "queries.jsonl"
QRELS = "qrels/train.tsv"
# What parts the columns and lines of the judgements, and the quote that opens one of BEIR's.
_BREAKS = re.compile(r'[\t\r\n]|^"')
_HEAD = "query-id\tcorpus-id\tscore\n"


class Beir(Exporter):
    """``corpus.jsonl``, ``queries.jsonl`` and ``qrels/train.tsv``; equal passages are one."""

    name = "beir"
    paths = (CORPUS, QUERIES, QRELS)
    usage = """```python
from beir.datasets.data_loader import GenericDataLoader

corpus, queries, qrels = GenericDataLoader("FOLDER").load(split="train")
```"""

    def write(self, rows: ExportRows, negatives: Negatives, out: Path) -> Tally:  # noqa: ARG002
        """Write a query and a judgement for each row, and a document for each passage."""
        tally = Tally()
        known: set[str] = set()
        (out / QRELS).parent.mkdir(parents=True)
        with (
            lines(out / CORPUS) as corpus,
            lines(out / QUERIES) as queries,
            (out / QRELS).open("w", encoding="utf-8") as qrels,
        ):
            qrels.write(_HEAD)
            for row in rows:
                document = passage_id(row)
                if document not in known:
                    known.add(document)
                    corpus.write(
                        {
                            "_id": document,
                            "title": row["title"] or "",
                            "text": row["passage"],
                            "lang": row["passage_lang"],
                        }
                    )
                    tally.files[CORPUS] += 1
                query = _query_id(row["id"])
                queries.write(
                    {
                        "_id": query,
                        "text": row["question"],
                        "lang": row["question_lang"],
                        "method": row["method"],
                    }
                )
                qrels.write(f"{query}\t{document}\t1\n")
                tally.written += 1
                tally.files[QUERIES] += 1
                tally.files[QRELS] += 1
        return tally


def _query_id(name: str) -> str:
    """Return a row's id as judgements can hold it."""
    plain = _BREAKS.sub(" ", name).strip()
    # With its digest, as another row may have the plain one.
    return name if plain == name else f"{plain}-{blake2b(name.encode(), digest_size=8).hexdigest()}"
