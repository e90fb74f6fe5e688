"""Disk errors of the libraries that training writes with, as errors a user can act on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bt_augment.errors import BtAugmentError, StorageError, TrainingError
from bt_augment.shards.atomic import storage_errors

# torch, safetensors and tokenizers say in their own words what the operating system refused.
_REFUSED = re.compile(
    r"PytorchStreamWriter|inline_container|Parent directory .* does not exist|file failed|IoError"
    r"|\(os error \d+\)"
)


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn what the disk refuses while a model is trained and saved into a StorageError.

    Raises:
        StorageError: the disk is full, read-only, or the folder disappeared.
        TrainingError: a checkpoint is damaged.
    """
    from pickle import UnpicklingError

    with storage_errors(folder):
        try:
            yield
        except UnpicklingError as error:
            raise TrainingError(
                f"{folder}: its last checkpoint is damaged, or holds more than tensors and plain "
                "values; remove that checkpoint from its folder training, or start anew with "
                "--overwrite"
            ) from error
        except BtAugmentError:
            raise
        except Exception as error:  # tokenizers raises no other type
            said = " ".join(str(error).split())
            if not _REFUSED.search(said):
                raise
            raise StorageError(
                f"{folder}: the disk is full, or the folder is read-only or has disappeared "
                f"({said[:200]}). Mend that and run the same command with --resume and "
                "without --overwrite: whole checkpoints are kept"
            ) from error
