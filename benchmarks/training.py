"""Speed of training with hybrid batches beside sentence-transformers' default sampler.

    python benchmarks/training.py RUN [--base-model NAME ...] [--batch-size 32] [--steps 30]

Both arms train the same model on the same pairs with the same trainer, loss and batch size; only
the sampler and the data set differ. The default arm is what its users have: the texts of the pairs
in a data set, shuffled. To make its work the same, that data set holds the very pairs that the
hybrid arm draws: hybrid batches draw languages in other proportions, and texts differ in length.

The arms take turns, a few steps at a time, and change their order every round, so that a machine
that slows down slows both. A round's ratio is hybrid over default in pairs per second; the median
over rounds is reported, by the clock and by the process's CPU time, which other processes disturb
less. `random` is a small untrained BERT over the bundled vocabulary; a real encoder takes seconds a
step on a CPU, so give it few --steps. Prints Markdown.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import transformers
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from transformers import PrinterCallback, TrainerCallback, set_seed
from transformers.utils import logging

from bt_augment.training.aligned_rows import read_rows
from bt_augment.training.base_model import load_base_model
from bt_augment.training.callbacks import QuietTrainer
from bt_augment.training.examples import compose_pairs
from bt_augment.training.hybrid_batches import BatchMix, HybridBatchSampler, hybrid_batches
from bt_augment.training.optimization import contrastive_loss
from bt_augment.training.settings import TrainingSettings
from bt_augment.training.static_encoder import load_tokenizer

MIX = BatchMix(alpha=0.5, augmented_share=0.5)
ARMS = ("default", "hybrid")


@dataclass
class Clock(TrainerCallback):
    """Takes the time from the end of the first step to the end of the last."""

    started: tuple[float, float] | None = None
    steps: int = 0

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Note the time."""
        now = (time.perf_counter(), time.process_time())
        if self.started is None:
            self.started = now
        else:
            self.steps += 1
        self.now = now

    def speeds(self, batch_size: int) -> tuple[float, float]:
        """Return pairs per second, by the clock and by CPU time."""
        pairs = self.steps * batch_size
        begun = self.started or self.now
        wall, cpu = (end - begin for begin, end in zip(begun, self.now, strict=True))
        return pairs / wall, pairs / cpu


def main() -> None:
    """Train both arms in turns, for every base model, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--base-model", action="append", help="default: static:bundled, random")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--mini-batch-size", type=int, default=32)
    parser.add_argument("--max-length", type=int, default=256)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    options = parser.parse_args()
    datasets.disable_progress_bars()
    logging.disable_progress_bar()
    pairs = compose_pairs(read_rows(options.runs))
    print(
        f"{len(pairs):,} pairs, batch {options.batch_size}, {options.rounds} rounds of "
        f"{options.steps} steps; hybrid over default, median of rounds (lowest, highest)\n"
    )
    print("| model | default, pairs/s | hybrid, pairs/s | by the clock | by CPU time |")
    print("|---|---|---|---|---|")
    for name in options.base_model or ["static:bundled", "random"]:
        print(line(name, pairs, options), flush=True)
    print()
    loaders(pairs, options)


def line(name: str, pairs: datasets.Dataset, options: argparse.Namespace) -> str:
    """Measure one model and return its line of the table."""
    speeds: dict[str, list[tuple[float, float]]] = {arm: [] for arm in ARMS}
    for number in range(options.rounds + 1):
        data = {"hybrid": pairs, "default": as_texts(pairs, drawn(pairs, options, number))}
        for arm in ARMS if number % 2 else ARMS[::-1]:
            speed = train(name, arm, data[arm], options, number)
            if number:  # the first round warms up
                speeds[arm].append(speed)
    wall, cpu = (
        [h[kind] / d[kind] for h, d in zip(speeds["hybrid"], speeds["default"], strict=True)]
        for kind in (0, 1)
    )
    clocks = (f"{statistics.median(s[0] for s in speeds[arm]):,.0f}" for arm in ARMS)
    return f"| {Path(name).name} | {' | '.join(clocks)} | {spread(wall)} | {spread(cpu)} |"


def spread(ratios: list[float]) -> str:
    """Return the median, the lowest and the highest."""
    return f"{statistics.median(ratios):.3f} ({min(ratios):.3f}, {max(ratios):.3f})"


def drawn(pairs: datasets.Dataset, options: argparse.Namespace, seed: int) -> list[int]:
    """Return the pairs of the hybrid arm's training."""
    sampler = HybridBatchSampler(pairs, options.batch_size, mix=MIX, steps=options.steps, seed=seed)
    return [pair for batch in sampler for pair in batch]


def as_texts(pairs: datasets.Dataset, numbers: list[int]) -> datasets.Dataset:
    """Return pairs as a data set of texts."""
    return datasets.Dataset.from_list(pairs.__getitems__(numbers))


def train(
    name: str, arm: str, data: datasets.Dataset, options: argparse.Namespace, seed: int
) -> tuple[float, float]:
    """Return pairs per second of one training, by the clock and by CPU time."""
    settings = TrainingSettings(
        name,
        batch_size=options.batch_size,
        mini_batch_size=options.mini_batch_size,
        steps=options.steps,
    ).resolved(len(data))
    set_seed(seed)
    device = "cpu" if options.device == "cpu" else None
    model = (
        random_encoder(options.max_length, device)
        if name == "random"
        else load_base_model(name, max_length=options.max_length, device=device)
    )
    sampler = hybrid_batches(MIX, steps=options.steps)
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = QuietTrainer(
            model=model.float(),
            args=SentenceTransformerTrainingArguments(
                output_dir=folder,
                max_steps=options.steps,
                per_device_train_batch_size=options.batch_size,
                learning_rate=settings.learning_rate or 0.0,
                batch_sampler=sampler if arm == "hybrid" else "batch_sampler",
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
    return clock.speeds(options.batch_size)


def random_encoder(max_length: int, device: str | None) -> SentenceTransformer:
    """Return an untrained BERT of 4 layers, 128 wide, over the bundled vocabulary."""
    tokenizer = load_tokenizer("bundled")
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="</s>", unk_token="<unk>", model_max_length=max_length
    )
    config = transformers.BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=128,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=512,
    )
    with tempfile.TemporaryDirectory() as folder:
        transformers.BertModel(config).save_pretrained(folder)
        fast.save_pretrained(folder)
        transformer = Transformer(folder)
    transformer.max_seq_length = max_length
    modules = [transformer, Pooling(128, pooling_mode="mean")]
    return SentenceTransformer(modules=modules, device=device)


def loaders(pairs: datasets.Dataset, options: argparse.Namespace, batches: int = 1000) -> None:
    """Print what drawing a batch, and looking its texts up, takes by themselves."""
    from sentence_transformers.base.sampler import DefaultBatchSampler
    from torch.utils.data import RandomSampler

    plain = as_texts(pairs, list(range(len(pairs))))
    hybrid = HybridBatchSampler(pairs, options.batch_size, mix=MIX, steps=batches)
    default = DefaultBatchSampler(
        RandomSampler(plain, num_samples=batches * options.batch_size), options.batch_size, True
    )
    print("| a batch, CPU microseconds | drawn | looked up |\n|---|---|---|")
    for arm, sampler, data in (("default", default, plain), ("hybrid", hybrid, pairs)):
        started = time.process_time()
        listed = list(sampler)
        after = time.process_time()
        for batch in listed:
            data.__getitems__(batch)
        ended = time.process_time()
        times = (f"{1e6 * t / len(listed):.0f}" for t in (after - started, ended - after))
        print(f"| {arm} | {' | '.join(times)} |")


if __name__ == "__main__":
    main()
