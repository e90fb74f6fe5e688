"""JSON lines for FlagEmbedding (BGE): ``query``, ``pos`` and ``neg``."""

from __future__ import annotations

from pathlib import Path

from bt_augment.shards.exporting.base import NO_NEGATIVE, Exporter, Tally, lines
from bt_augment.shards.exporting.negatives import Negatives
from bt_augment.shards.exporting.rows import ExportRows

TRAIN = "train.jsonl"


class FlagEmbedding(Exporter):
    """``train.jsonl``; its trainer wants at least one negative for each query."""

    name = "flagembedding"
    paths = (TRAIN,)
    negatives = 7  # its trainer's default group is one positive and seven negatives
    takes_negatives = True
    usage = """```sh
torchrun -m FlagEmbedding.finetune.embedder.encoder_only.base --train_data FOLDER/train.jsonl …
```

`train_group_size` is one more than the negatives of a row. Use `--train_group_size 1` for an
export with `--negatives 0`."""

    def write(self, rows: ExportRows, negatives: Negatives, out: Path) -> Tally:
        """Write a line for each row."""
        tally = Tally()
        with lines(out / TRAIN) as train:
            for row in rows:
                others = [other["passage"] for other in negatives.of(row)]
                if negatives.count and not others:
                    tally.left_out[NO_NEGATIVE] += 1
                    continue
                train.write({"query": row["question"], "pos": [row["passage"]], "neg": others})
                tally.written += 1
                tally.files[TRAIN] += 1
        return tally
