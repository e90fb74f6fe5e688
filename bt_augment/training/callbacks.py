"""What hooks into sentence-transformers' trainer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sentence_transformers import SentenceTransformerTrainer
from transformers import TrainerCallback

from bt_augment.training.model_folder import ModelFolder
from bt_augment.training.ranks import wait_for_all

if TYPE_CHECKING:
    from bt_augment.progress import Progress


class QuietTrainer(SentenceTransformerTrainer):
    """The trainer without its own model card, which would read all data and ask the hub."""

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Add nothing: bt-augment writes the card from the training manifest."""


class Checkpoints(TrainerCallback):
    """Marks each checkpoint when it is on the disk, so that one cut off is never resumed.

    Older ones are removed after that, so that the best is there whenever the process is killed.
    """

    def __init__(self, folder: ModelFolder) -> None:
        """Take the folder that holds the checkpoints."""
        self._folder = folder

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Find the best checkpoint of a training that is gone on with."""
        if state.best_global_step:  # the path in the state is from before a move
            best = self._folder.best_checkpoint(state.best_global_step)
            state.best_model_checkpoint = str(best)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Mark the checkpoint that was just written, and remove older ones."""
        wait_for_all()  # each rank writes a file of its own into it
        if state.is_world_process_zero:
            self._folder.check_there()
            self._folder.mark_checkpoint(state.global_step)
            self._folder.remove_old_checkpoints(state.best_global_step)


class ProgressReports(TrainerCallback):
    """Tells how many pairs were trained on."""

    def __init__(self, progress: Progress, pairs_per_step: int) -> None:
        """Take who is told, and the pairs of a step over all ranks."""
        self._progress = progress
        self._pairs = pairs_per_step

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Begin."""
        if state.is_world_process_zero:
            self._progress.start("train", state.max_steps * self._pairs)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Tell of a step."""
        if state.is_world_process_zero:
            self._progress.advance("train", state.global_step * self._pairs)
