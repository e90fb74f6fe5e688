"""The folder of a model while it is trained: whose it is, checkpoints, and when it is finished."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bt_augment.errors import StorageError, TrainingError
from bt_augment.sentence_encoders import TRAINING_MANIFEST
from bt_augment.shards.atomic import json_of, sha256_of, storage_errors, sync_tree
from bt_augment.shards.claims import LOCK, claimed
from bt_augment.shards.manifest import write_json

_WORK = "training"  # checkpoints, logs and what the training is, beneath the model's folder
_IDENTITY = "settings.json"
_MARK = "complete"  # in a checkpoint that is on the disk as a whole: path → SHA-256 of its files
_PREFIX = "checkpoint-"
_CHECKPOINT = re.compile(rf"{_PREFIX}\d+")  # another name is that of a copy somebody keeps
_KEPT_CHECKPOINTS = 2  # where the newest was damaged since, training goes on from the other

# What is told of a finished model, from its manifest.
_TOLD: dict[str, tuple[str, ...] | None] = {
    "counts": ("methods", "pairs", "held_out_groups"),
    "drawn": ("monolingual_steps", "cross_lingual_steps", "made_share"),
    "steps": None,
    "scores": None,
    "seconds": None,
}


class ModelFolder:
    """The files of one training.

    Attributes:
        path: the folder that ``SentenceTransformer(path)`` loads when all is done.
        work: checkpoints and logs.
    """

    def __init__(self, path: Path) -> None:
        """Name the folder; nothing is read or written yet."""
        self.path = path
        self.work = path / _WORK

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the folder against other processes; a process that dies lets go of it.

        Raises:
            TrainingError: another process holds it, or it is not a training's.
            StorageError: the folder cannot be made.
        """
        busy = TrainingError(
            f"{self.path}: another process trains into this folder; wait for it, or "
            "choose another --out"
        )
        if self.path.is_dir() and not self._identity_path.exists():
            self._refuse_strangers()  # before a lock is left in their folder
        with claimed(self.path, busy):
            with storage_errors(self.path):
                self.work.mkdir(exist_ok=True)
            yield

    def check(self, *, resume: bool, overwrite: bool) -> None:
        """Refuse a folder that holds something which this training would harm.

        Raises:
            TrainingError: it holds another model, an unfinished training, or strangers' files; or
                it should be kept and removed at once.
        """
        if overwrite and resume:
            raise TrainingError(
                f"{self.path}: --overwrite removes the training that --resume goes on with; leave "
                "one of them out"
            )
        if overwrite or resume or not self.path.exists():
            return
        if not self.path.is_dir():
            raise TrainingError(f"{self.path}: is a file, not a folder; choose another --out")
        if any(p.name != LOCK for p in self.path.iterdir() if p != self.work) or (
            self._identity_path.exists()
        ):
            raise TrainingError(
                f"{self.path}: is not empty. Go on with the same training by --resume, start "
                "anew with --overwrite, or choose another --out"
            )

    def begin(self, identity: Mapping[str, Any], *, overwrite: bool) -> None:
        """Make the folder this training's, or check that it is.

        Args:
            identity: what decides the weights.
            overwrite: remove what another training left.

        Raises:
            TrainingError: another training is in it; the message names what differs.
            StorageError: the disk refused.
        """
        if overwrite:
            self._clear()
        known = self._identity()
        current = json.loads(json.dumps(identity))
        if known is None:
            self._refuse_strangers()
            with storage_errors(self.work):
                self.work.mkdir(parents=True, exist_ok=True)
            self.remove_checkpoints()  # of which nobody knows what they are
            write_json(self._identity_path, current)
        elif known != current:
            differ = [
                k for k in dict.fromkeys([*known, *current]) if known.get(k) != current.get(k)
            ]
            said = "; ".join(f"{k} was {known.get(k)}, is {current.get(k)}" for k in differ[:5])
            raise TrainingError(
                f"{self.path}: this folder holds another training. What differs: {said}. Choose "
                "another --out, or start anew with --overwrite"
            )

    @property
    def finished(self) -> bool:
        """Tell whether the model is whole."""
        return (self.path / TRAINING_MANIFEST).is_file()

    def manifest(self) -> dict[str, Any]:
        """Return the training manifest of a finished model.

        Raises:
            TrainingError: it is damaged, or the weights are not those that it names.
            StorageError: the weights cannot be read.
        """
        path = self.path / TRAINING_MANIFEST
        try:
            content = json_of(path)
        except (OSError, ValueError, RecursionError) as error:
            raise TrainingError(
                f"{path}: cannot be read ({error}); train again with --overwrite"
            ) from error
        if not isinstance(content, dict):
            raise TrainingError(f"{path}: is not a JSON object; train again with --overwrite")
        if lacking := _lacking(content):
            raise TrainingError(f"{path}: lacks {lacking}; train again with --overwrite")
        with storage_errors(self.path):
            for name, digest in content["weights"].items():
                weights = self.path / name
                if not weights.is_file() or sha256_of(weights) != digest:
                    raise TrainingError(
                        f"{weights}: was removed or changed since the model was finished; restore "
                        "it, or train again with --overwrite"
                    )
        return content

    def last_checkpoint(self) -> Path | None:
        """Return the newest whole checkpoint.

        Raises:
            TrainingError: a file of it was changed since; weights would differ without a word.
            StorageError: it cannot be read.
        """
        whole = (path for path in self._checkpoints() if (path / _MARK).is_file())
        last = max(whole, key=_step, default=None)
        if last is not None and (changed := _changed(last)):
            raise TrainingError(
                f"{last / changed}: was removed or changed since the checkpoint was written. "
                f"Delete {last} and run the same command with --resume: training goes on from the "
                "checkpoint before it, or from the start"
            )
        return last

    def best_checkpoint(self, step: int) -> Path:
        """Return the checkpoint with the best weights of a training with early stopping.

        Args:
            step: its step.

        Raises:
            TrainingError: it is not whole, or a file of it was changed since.
            StorageError: it cannot be read.
        """
        path = self.work / f"{_PREFIX}{step}"
        changed = _changed(path) if (path / _MARK).is_file() else _MARK
        if changed:
            raise TrainingError(
                f"{path / changed}: was removed or changed since the checkpoint was written, which "
                "has the best weights so far; start anew with --overwrite"
            )
        return path

    def remove_cut_off_checkpoints(self) -> None:
        """Remove the checkpoints that a crash left half written."""
        for path in self._checkpoints():
            if not (path / _MARK).is_file():
                shutil.rmtree(path)

    def _checkpoints(self) -> list[Path]:
        found = self.work.glob(f"{_PREFIX}*")
        return [path for path in found if _CHECKPOINT.fullmatch(path.name) and path.is_dir()]

    def mark_checkpoint(self, step: int) -> None:
        """Note that the checkpoint of ``step`` is whole.

        Raises:
            StorageError: the disk refused.
        """
        path = self.work / f"{_PREFIX}{step}"
        with storage_errors(path):
            sync_tree(path)  # else the mark could outlive a loss of power that the rest does not
            write_json(path / _MARK, _digests(path))

    def remove_old_checkpoints(self, best: int | None) -> None:
        """Remove all but the newest checkpoints and the best one.

        Args:
            best: step of the one with the best weights so far, where that is measured.
        """
        for path in sorted(self._checkpoints(), key=_step)[:-_KEPT_CHECKPOINTS]:
            if _step(path) != best:
                shutil.rmtree(path, ignore_errors=True)

    def check_there(self) -> None:
        """Refuse to go on in a folder that was made anew: the libraries make one that is gone.

        Raises:
            StorageError: what was written at the beginning has disappeared.
        """
        if not self._identity_path.exists():
            raise StorageError(
                f"{self.path}: the folder has disappeared, or was replaced, while the model was "
                "trained. Bring it back and run the same command with --resume and without "
                "--overwrite, or start anew with --overwrite"
            )

    def remove_checkpoints(self) -> None:
        """Remove what only an unfinished training needs; logs stay."""
        for path in self._checkpoints():
            shutil.rmtree(path, ignore_errors=True)

    @property
    def _identity_path(self) -> Path:
        return self.work / _IDENTITY

    def _identity(self) -> dict[str, Any] | None:
        try:
            content: Any = json_of(self._identity_path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise TrainingError(
                f"{self._identity_path}: cannot be read ({error}); start anew with --overwrite"
            ) from error
        if not isinstance(content, dict):
            raise TrainingError(
                f"{self._identity_path}: is not a JSON object; start anew with --overwrite"
            )
        return content

    def _refuse_strangers(self) -> None:
        with storage_errors(self.path):
            names = sorted(p.name for p in self.path.iterdir() if p.name not in (LOCK, _WORK))
        if names:
            raise TrainingError(
                f"{self.path}: holds files that are not of a training ({', '.join(names[:3])}); "
                "choose an empty folder"
            )

    def _clear(self) -> None:
        """Remove a training, and nothing else: the manifest first, the identity last."""
        if not self._identity_path.exists():
            self._refuse_strangers()
        with storage_errors(self.path):
            (self.path / TRAINING_MANIFEST).unlink(missing_ok=True)
            others = (p for p in self.path.iterdir() if p.name not in (LOCK, _WORK))
            for path in (*others, self.work):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)


def _lacking(manifest: Mapping[str, Any]) -> str | None:
    """Return the first key that is told of a finished model and is not in its manifest, or None."""
    for name, inner in _TOLD.items():
        part = manifest.get(name)
        if inner is None and part is None:
            return name
        for key in inner or ():
            if not isinstance(part, dict) or key not in part:
                return f"{name}.{key}"
    return None if isinstance(manifest.get("weights"), dict) else "weights"


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix(_PREFIX))


def _digests(checkpoint: Path) -> dict[str, str]:
    files = (path for path in sorted(checkpoint.rglob("*")) if path.is_file())
    return {
        path.relative_to(checkpoint).as_posix(): sha256_of(path)
        for path in files
        if path.name != _MARK
    }


def _changed(checkpoint: Path) -> str | None:
    """Return the first file of a marked checkpoint that is not as it was written, or None."""
    with storage_errors(checkpoint):
        found = _digests(checkpoint)
        try:
            noted = json.loads((checkpoint / _MARK).read_bytes())
        except (ValueError, RecursionError):
            return _MARK
    if not isinstance(noted, dict):
        return _MARK
    return next((name for name in sorted(noted) if noted[name] != found.get(name)), None)
