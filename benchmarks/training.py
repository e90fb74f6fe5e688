"""Speed of training with hybrid batches beside sentence-transformers' default sampler.

    python benchmarks/training.py RUN [--base-model NAME] [--batch-size 32] [--steps 30]

Both arms train the same model on the same pairs with the same trainer, loss and batch size, in
turns; only the sampler differs. Speed is in pairs per second by the median step after the first.
Longer texts take longer, and hybrid batches draw languages in other proportions: a --max-length
that all passages reach makes the arms alike. Prints Markdown.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import datasets
from sentence_transformers import SentenceTransformerTrainingArguments
from transformers import PrinterCallback, TrainerCallback, set_seed
from transformers.utils import logging

from bt_augment.training.aligned_rows import read_rows
from bt_augment.training.base_model import load_base_model
from bt_augment.training.callbacks import QuietTrainer
from bt_augment.training.examples import compose_pairs
from bt_augment.training.hybrid_batches import BatchMix, HybridBatchSampler, hybrid_batches
from bt_augment.training.settings import TrainingSettings
from bt_augment.training.trainer import contrastive_loss


class Clock(TrainerCallback):
    """Takes the time at the end of every step."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())


def main() -> None:
    """Train both arms in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--base-model", default="static:bundled")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--mini-batch-size", type=int, default=32)
    parser.add_argument("--max-length", type=int, default=256)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    options = parser.parse_args()
    datasets.disable_progress_bars()
    logging.disable_progress_bar()
    rows = read_rows(options.runs)
    pairs = compose_pairs(rows)
    # The default arm as its users have it: the texts themselves, and nothing else to look up.
    plain = datasets.Dataset.from_dict(pairs[:])
    speeds: dict[str, list[float]] = {"default": [], "hybrid": []}
    for number in range(options.rounds):
        names = list(speeds) if number % 2 else list(speeds)[::-1]
        for name in names:
            data = plain if name == "default" else pairs
            speeds[name].append(speed(data, name, options, number))
    report(speeds, pairs, options)


def speed(data: datasets.Dataset, name: str, options: argparse.Namespace, seed: int) -> float:
    """Return pairs per second of one training."""
    settings = TrainingSettings(
        options.base_model,
        batch_size=options.batch_size,
        mini_batch_size=options.mini_batch_size,
        steps=options.steps,
    ).resolved(len(data))
    set_seed(seed)
    device = "cpu" if options.device == "cpu" else None
    model = load_base_model(options.base_model, max_length=options.max_length, device=device)
    clock = Clock()
    sampler = hybrid_batches(alpha=0.5, augmented_share=0.5, steps=options.steps)
    with tempfile.TemporaryDirectory() as folder:
        trainer = QuietTrainer(
            model=model.float(),
            args=SentenceTransformerTrainingArguments(
                output_dir=folder,
                max_steps=options.steps,
                per_device_train_batch_size=options.batch_size,
                learning_rate=settings.learning_rate or 0.0,
                batch_sampler=sampler if name == "hybrid" else "batch_sampler",
                seed=seed,
                use_cpu=model.device.type == "cpu",
                bf16=model.device.type == "cuda",
                dataloader_pin_memory=model.device.type == "cuda",
                dataloader_drop_last=True,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
            ),
            train_dataset=data,
            loss=contrastive_loss(model, settings),
            callbacks=[clock],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    steps = [after - before for before, after in pairwise(clock.times)]
    return float(options.batch_size / statistics.median(steps))


def report(
    speeds: dict[str, list[float]], pairs: datasets.Dataset, options: argparse.Namespace
) -> None:
    """Print the table, and what the sampler alone takes."""
    ratios = [h / d for h, d in zip(speeds["hybrid"], speeds["default"], strict=True)]
    print(
        f"{options.base_model}, batch {options.batch_size}, {options.steps} steps, "
        f"{options.rounds} rounds, {len(pairs):,} pairs\n"
    )
    print("| sampler | pairs/s, median | of each round |\n|---|---|---|")
    for name, values in speeds.items():
        listed = ", ".join(f"{value:,.0f}" for value in values)
        print(f"| {name} | {statistics.median(values):,.0f} | {listed} |")
    print(f"\nhybrid over default, median of rounds: {statistics.median(ratios):.3f}")
    sampler = HybridBatchSampler(
        pairs, options.batch_size, mix=BatchMix(augmented_share=0.5), steps=1000
    )
    started = time.perf_counter()
    drawn = sum(len(batch) for batch in sampler)
    print(f"sampler alone: {drawn / (time.perf_counter() - started):,.0f} pairs/s")


if __name__ == "__main__":
    main()
