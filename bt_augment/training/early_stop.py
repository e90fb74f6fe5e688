"""Early stopping across processes: a training that had stopped is not gone on with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bt_augment.errors import TrainingError
from bt_augment.shards.atomic import json_of

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_STATE = "trainer_state.json"  # transformers writes it into every checkpoint


@dataclass(frozen=True)
class Stop:
    """Where a training stopped early.

    Attributes:
        step: its last one.
        best: step of the checkpoint whose measurement was best.
    """

    step: int
    best: int


def stop_in(checkpoint: Path, patience: int) -> Stop | None:
    """Return where the training stopped early by its last checkpoint; None where it did not.

    transformers restores how often the measurements were no better, and then looks at it only
    after the next one.

    Args:
        checkpoint: the last one.
        patience: measurements without a better one that end the training; 0 never does.

    Raises:
        TrainingError: the checkpoint does not say.
    """
    if not patience:
        return None
    path = checkpoint / _STATE
    try:
        state: Any = json_of(path)
        kept = state["stateful_callbacks"]["EarlyStoppingCallback"]["attributes"]
        waited, step = int(kept["early_stopping_patience_counter"]), int(state["global_step"])
        return Stop(step, int(state["best_global_step"])) if waited >= patience else None
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise TrainingError(
            f"{path}: does not say whether the training had stopped ({type(error).__name__}: "
            f"{error}); start anew with --overwrite"
        ) from error


def load_weights(model: SentenceTransformer, checkpoint: Path) -> None:
    """Give a model the weights of a checkpoint of its own training."""
    from sentence_transformers import SentenceTransformer

    saved = SentenceTransformer(
        str(checkpoint), device="cpu", local_files_only=True, trust_remote_code=False
    )
    model.load_state_dict(saved.state_dict())
