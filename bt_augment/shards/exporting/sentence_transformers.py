"""Parquet for sentence-transformers: columns in the order that its losses read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bt_augment.errors import ExportError
from bt_augment.shards.exporting.base import TOO_FEW_NEGATIVES, Exporter, Tally
from bt_augment.shards.exporting.negatives import Negatives
from bt_augment.shards.exporting.rows import ExportRows

PAIRS = "pairs/train.parquet"
TRIPLETS = "triplets/train.parquet"


class SentenceTransformers(Exporter):
    """``pairs`` (anchor, positive), and with negatives ``triplets`` (…, negative_1, …) as well."""

    name = "sentence-transformers"
    paths = (PAIRS, TRIPLETS)
    takes_negatives = True
    usage = """```python
from datasets import load_dataset

pairs = load_dataset("FOLDER", "pairs", split="train")  # anchor, positive
```

With `--negatives N` there is also the config `triplets`: the same with `negative`, or `negative_1`
to `negative_N`. Rows for which the run has too few negatives (`too_few_negatives`) are in `pairs`
only."""

    def front_matter(self) -> str:
        """Return the configs; ``datasets`` leaves out those without files."""
        return (
            "configs:\n- config_name: pairs\n  data_files: pairs/*.parquet\n"
            "- config_name: triplets\n  data_files: triplets/*.parquet\n"
        )

    def write(self, rows: ExportRows, negatives: Negatives, out: Path) -> Tally:
        """Write one Parquet file for each config, a row group for each shard.

        Raises:
            ExportError: no row has as many negatives.
        """
        tally = Tally()
        count = negatives.count
        columns = ["negative"] if count == 1 else [f"negative_{n + 1}" for n in range(count)]
        pairs = _Table(out / PAIRS, ["anchor", "positive"])
        most = 0
        triplets = _Table(out / TRIPLETS, ["anchor", "positive", *columns]) if count else None
        try:
            for shard in rows.by_shard():
                pairs.write([(row["question"], row["passage"]) for row in shard])
                tally.written += len(shard)
                tally.files[PAIRS] += len(shard)
                if triplets is None:
                    continue
                whole = []
                for row in shard:
                    others = [other["passage"] for other in negatives.of(row)]
                    most = max(most, len(others))
                    if len(others) == count:
                        whole.append((row["question"], row["passage"], *others))
                triplets.write(whole)
                tally.files[TRIPLETS] += len(whole)
                tally.partly[TOO_FEW_NEGATIVES] += len(shard) - len(whole)
        finally:
            pairs.close()
            if triplets is not None:
                triplets.close()
        tally.partly = +tally.partly  # without what is 0
        if tally.written and count and not tally.files[TRIPLETS]:
            raise ExportError(
                f"negatives: no row of this run has {count}, so that triplets would be empty; "
                + (f"ask for {most} or fewer" if most else "leave them out")
            )
        return tally


class _Table:
    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._schema = pa.schema([(name, pa.string()) for name in columns])
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")

    def write(self, rows: Sequence[tuple[str, ...]]) -> None:
        if rows:
            arrays = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        self._writer.close()
