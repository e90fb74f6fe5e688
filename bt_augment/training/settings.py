"""The settings of a training, with their defaults and ranges."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from bt_augment.errors import TrainingError, did_you_mean
from bt_augment.pairs.schema import METHODS
from bt_augment.training.static_encoder import PREFIX, is_static
from bt_augment.translation.model_folder import named_path
from bt_augment.values import check_fields

# Both chosen on data/pt and its translations, not on the benchmark: of 0.01, 0.02 and 0.05, and of
# 0.02, 0.05 and 0.1. Words in common tell most of a batch's pairs apart already, and a softer
# softmax still learns from them.
STATIC_LEARNING_RATE = 0.02
STATIC_TEMPERATURE = 0.1
ENCODER_TEMPERATURE = 0.05
STATIC_SAVE_STEPS = 1000  # a checkpoint of its 200 MB takes as long as a dozen steps
ENCODER_LEARNING_RATE = 3e-5  # Elmahdy et al. 2024, as batch size, weight decay and alpha
_REPORTERS = ("none", "tensorboard", "wandb")


@dataclass(frozen=True)
class TrainingSettings:
    """What a training does. Everything but the last three fields decides the weights.

    Attributes:
        base_model: ``static:bundled``, ``static:<tokenizer>``, a folder, or a hub name,
            ``NAME@REVISION`` to pin it.
        methods: methods of the rows to train on.
        languages: take rows in these languages only; None takes all.
        alpha: probability that a step is monolingual; 1 is the baseline X-X-mono, 0 is X-Y.
        augmented_share: share of pairs without a native text; None lets it fall as it may.
        draw: how languages are drawn: ``uniform``, or by ``size``.
        language_pair_per: cross-lingual steps draw a language pair per ``example`` or ``batch``.
        steps: optimizer steps; None shows as many pairs as there are rows, over all ranks, in 100
            steps at least.
        batch_size: pairs of a step on one device.
        mini_batch_size: pairs encoded at once; what is in memory. A batch no larger than that is
            encoded in one go. Static encoders have no need of it.
        hard_negatives: passages of the same title given to each pair as further negatives.
        learning_rate: highest learning rate; None takes 3e-5, and 0.02 for a static encoder.
        weight_decay: of AdamW.
        warmup: share of the steps over which the learning rate rises; then it falls to 0.
        temperature: of the softmax over cosines, the loss's scale is 1 / temperature; None takes
            0.05, and 0.1 for a static encoder.
        max_length: longest input in tokens.
        dimensions: length of the vectors of a ``static:`` encoder, and of no other; None takes
            512.
        query_prompt: put before questions; None takes the base model's own.
        passage_prompt: put before passages; None takes the base model's own.
        held_out: share of the passages, with all their questions and translations, that is kept
            out and measured on.
        patience: stop after so many measurements without a better nDCG@10 on the held-out
            split, and take the best weights; 0 never stops early.
        eval_steps: steps between measurements; None measures ten times.
        precision: ``auto`` takes bf16 where the device has it, else fp16 on a GPU, else fp32.
        seed: of everything drawn.
        save_steps: steps between checkpoints; None saves ten times, a static encoder at most every
            1,000 steps.
        device: ``auto``, ``cpu`` or ``cuda``.
        report_to: ``none``, ``tensorboard`` or ``wandb``.
    """

    base_model: str
    methods: tuple[str, ...] = METHODS
    languages: tuple[str, ...] | None = None
    alpha: float = 0.5
    augmented_share: float | None = 0.5
    draw: Literal["uniform", "size"] = "uniform"
    language_pair_per: Literal["example", "batch"] = "example"
    steps: int | None = None
    batch_size: int = 100
    mini_batch_size: int = 32
    hard_negatives: int = 0
    learning_rate: float | None = None
    weight_decay: float = 0.01
    warmup: float = 0.1
    temperature: float | None = None
    max_length: int = 256
    dimensions: int | None = None
    query_prompt: str | None = None
    passage_prompt: str | None = None
    held_out: float = 0.05
    patience: int = 0
    eval_steps: int | None = None
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    seed: int = 0
    save_steps: int | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    report_to: str = "none"

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            TrainingError: a value is out of range.
            ModelError: no base model can have this name.
        """
        name = str(self.base_model)
        if name.startswith("~"):  # as a recipe has it; a shell replaces it
            name = str(named_path(name))
        object.__setattr__(self, "base_model", name)
        check_fields(self, TrainingError)
        for name in ("methods", "languages"):
            chosen = getattr(self, name)
            if chosen is not None and not chosen:
                raise TrainingError(f"{name} names nothing to train on; leave it out for all")
        for name in self.methods:
            if name not in METHODS:
                raise TrainingError(
                    f"method {name!r} is unknown{did_you_mean(name, METHODS)}; "
                    f"choose from {', '.join(METHODS)}"
                )
        if self.report_to not in _REPORTERS:
            raise TrainingError(
                f"cannot report to {self.report_to!r}{did_you_mean(self.report_to, _REPORTERS)}; "
                f"choose from {', '.join(_REPORTERS)}"
            )
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise TrainingError(f"{name} is {value}; it must be {least} or more")
        for name, most in _MOST.items():
            value = getattr(self, name)
            if value is not None and value > most:
                raise TrainingError(f"{name} is {value}; it must be {most} or less")
        for name in ("temperature", "learning_rate"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise TrainingError(f"{name} is {value}; it must be above 0")
        for name in ("alpha", "augmented_share", "warmup"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise TrainingError(f"{name} is {value}; it must be from 0 to 1")
        if not 0 <= self.held_out < 1:
            raise TrainingError(f"held_out is {self.held_out}; it must be from 0 to below 1")
        if self.dimensions is not None and not is_static(self.base_model):
            raise TrainingError(
                f"dimensions are those of a static encoder ({PREFIX}...), and base model "
                f"{self.base_model!r} has vectors of its own length; leave dimensions out"
            )
        if self.patience and not self.held_out:
            raise TrainingError(
                "early stopping measures on a held-out split; set held_out above 0, such as 0.05"
            )

    def resolved(self, rows: int, ranks: int = 1) -> TrainingSettings:
        """Return the settings with a number in place of each None.

        Args:
            rows: rows trained on.
            ranks: processes that train together, each on a batch of its own.

        Raises:
            TrainingError: the training would end before anything was measured to stop it by.
        """
        static = is_static(self.base_model)
        steps = self.steps or max(100, round(rows / (self.batch_size * ranks)))
        if self.patience and (self.eval_steps or 0) > steps:
            raise TrainingError(
                f"patience is for measurements every {self.eval_steps:,} steps (eval_steps), and "
                f"there are only {steps:,} steps; lower eval_steps, or leave it out to measure "
                "ten times"
            )
        tenth = max(1, round(steps / 10))
        return replace(
            self,
            steps=steps,
            learning_rate=self.learning_rate
            or (STATIC_LEARNING_RATE if static else ENCODER_LEARNING_RATE),
            temperature=self.temperature or (STATIC_TEMPERATURE if static else ENCODER_TEMPERATURE),
            eval_steps=self.eval_steps or tenth,
            save_steps=self.save_steps or (max(tenth, STATIC_SAVE_STEPS) if static else tenth),
        )

    def identity(self) -> dict[str, Any]:
        """Return what decides the weights, as JSON has it."""
        values = asdict(self)
        for name in ("save_steps", "device", "report_to"):
            del values[name]
        folder = Path(self.base_model)
        values["base_model"] = str(folder.resolve()) if folder.is_dir() else self.base_model
        values["methods"] = list(self.methods)
        values["languages"] = None if self.languages is None else list(self.languages)
        return values


_LEAST = {
    "batch_size": 1,
    "mini_batch_size": 1,
    "steps": 1,
    "eval_steps": 1,
    "save_steps": 1,
    "max_length": 1,
    "dimensions": 1,
    "hard_negatives": 0,
    "patience": 0,
    "weight_decay": 0,
    "seed": 0,
    "temperature": 0.0001,
}
# What is above is a slip of the hand, and ends in an error of some library.
_MOST = {
    "batch_size": 10**6,
    "mini_batch_size": 10**6,
    "steps": 10**9,
    "eval_steps": 10**9,
    "save_steps": 10**9,
    "max_length": 10**6,
    "dimensions": 2**16,
    "hard_negatives": 1000,
    "patience": 10**9,
    "weight_decay": 1000,
    "learning_rate": 1000,
    "temperature": 1000,
    "seed": 2**32 - 1,  # the most that numpy takes
}
