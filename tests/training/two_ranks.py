"""A training script as anyone would write it, run by torchrun: RUN TOKENIZER OUT.

Writes what each rank was given, in the order of its steps, to OUT/rank-<r>.json.
"""

import json
import sys
from pathlib import Path

import torch
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer

from bt_augment.training.examples import training_pairs
from bt_augment.training.hybrid_batches import hybrid_batches


class Recorder:
    """Notes the languages and sources of every batch, as its texts name them."""

    def __init__(self, collator):
        self.collator = collator
        self.valid_label_columns = collator.valid_label_columns
        self.given = []

    def __call__(self, items):
        self.given.append(
            [
                [item[name].removeprefix(f"{name} ").split(".")[:2] for name in item]
                for item in items
            ]
        )
        return self.collator(items)


def main(run: Path, tokenizer: Path, out: Path) -> None:
    torch.manual_seed(0)
    embedding = StaticEmbedding(Tokenizer.from_file(str(tokenizer)), embedding_dim=16)
    model = SentenceTransformer(modules=[embedding], device="cpu")
    args = SentenceTransformerTrainingArguments(
        output_dir=str(out / "work"),
        max_steps=12,
        per_device_train_batch_size=5,
        batch_sampler=hybrid_batches(alpha=0.5, augmented_share=0.5, steps=12),
        seed=7,
        use_cpu=True,
        dataloader_pin_memory=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    trainer = SentenceTransformerTrainer(
        model=model,
        args=args,
        train_dataset=training_pairs([run]),
        loss=MultipleNegativesRankingLoss(model),
    )
    trainer.data_collator = recorder = Recorder(trainer.data_collator)
    trainer.train()
    name = f"rank-{args.process_index}.json"
    (out / name).write_text(json.dumps(recorder.given[: trainer.state.global_step]))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
