"""The folder of an experiment: which steps are done, and whose it is.

What a step wrote counts as done when ``<path>.done.json`` is there, which is written last.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bt_augment._version import __version__
from bt_augment.errors import RunFolderError
from bt_augment.evaluation.results import per_query_path
from bt_augment.experiment.steps import STEPS, Step
from bt_augment.sentence_encoders import TRAINING_MANIFEST
from bt_augment.shards.atomic import json_of, storage_errors, temporary_name
from bt_augment.shards.claims import LOCK, claimed
from bt_augment.shards.manifest import MANIFEST, write_json
from bt_augment.shards.outputs import refuse_in_run
from bt_augment.shards.whole_folder import beside

EXPERIMENT = "experiment.json"
_DONE, _STARTED = ".done.json", ".started.json"  # notes beside what a step wrote
_SCRATCH = ".scratch"
RESULTS = "results"
# A kill leaves the temporary name of what was being written.
_FIRST = frozenset({EXPERIMENT, temporary_name(Path(EXPERIMENT)).name, LOCK})
_OWN = _FIRST | {_SCRATCH, STEPS, RESULTS, *(path.name for path in beside(Path(RESULTS)))}
_MODULES = "modules.json"  # without it a folder is no model that can be loaded
# What says how a model was made stays when its weights are removed.
_KEPT = frozenset({TRAINING_MANIFEST, "README.md"})


class StepStore:
    """What is done of an experiment.

    Attributes:
        out: the experiment's folder.
    """

    def __init__(self, out: Path) -> None:
        """Name the folder; nothing is read or written yet."""
        self.out = out

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the folder against other processes; a process that dies lets go of it.

        Raises:
            RunFolderError: another process holds it, or it holds something else.
            StorageError: the folder cannot be made.
        """
        self.check()
        busy = RunFolderError(
            f"{self.out}: another process runs this experiment; wait for it, or choose "
            "another --out"
        )
        with claimed(self.out, busy):
            try:
                yield
            finally:
                shutil.rmtree(self.scratch, ignore_errors=True)

    def check(self) -> None:
        """Refuse a folder that is not an experiment's.

        Raises:
            RunFolderError: it holds files that an experiment does not write, or lies in a run.
        """
        refuse_in_run(self.out)
        if not self.out.exists():
            return
        if not self.out.is_dir():
            raise RunFolderError(f"{self.out}: is a file, not a folder; choose another --out")
        # Until its recipe is noted an experiment writes nothing else: `results` may be another's.
        own = _OWN if (self.out / EXPERIMENT).is_file() else _FIRST
        strangers = sorted(p.name for p in self.out.iterdir() if p.name not in own)
        if strangers:
            raise RunFolderError(
                f"{self.out}: holds files that are not of an experiment "
                f"({', '.join(strangers[:3])}), which is known by its {EXPERIMENT}; choose an "
                "empty folder with --out"
            )

    def note(self, recipe: Mapping[str, Any], resolved: Mapping[str, Any]) -> None:
        """Note whose folder it is.

        Args:
            recipe: of the experiment.
            resolved: what its names of the hub stand for.

        Raises:
            StorageError: the disk refused.
        """
        write_json(self.out / EXPERIMENT, {"format": 1, "recipe": recipe, "resolved": resolved})

    def resolved(self) -> Mapping[str, Any]:
        """Return what names of the hub stood for when the experiment was last run.

        Raises:
            StorageError: the disk does not say.
        """
        found = _noted(self.out / EXPERIMENT).get("resolved")
        return found if isinstance(found, dict) else {}

    @property
    def scratch(self) -> Path:
        """Return a folder for what only a step in flight needs."""
        return self.out / _SCRATCH

    def path(self, step: Step) -> Path:
        """Return what a step writes, under the name it had when it was done or begun."""
        own = self.out / step.path
        for note in (_DONE, _STARTED):
            notes = own.parent.glob(f"*{step.ending}{note}")
            noted = [path.with_name(path.name.removesuffix(note)) for path in notes]
            if noted and own not in noted:
                return min(noted)
            if noted:
                break
        return own

    def info(self, step: Step) -> dict[str, Any] | None:
        """Return what a step noted when it was done; None where it is not done.

        Raises:
            StorageError: the disk does not say.
        """
        content = _noted(self._done(step))
        return content if content.get("key") == step.key else None

    def available(self, step: Step) -> bool:
        """Tell whether a step is done, and what it wrote is there."""
        path = self.path(step)
        if self.info(step) is None:
            return False
        if step.kind == "check":
            return True
        if step.kind == "evaluate":
            return path.is_file() and per_query_path(path).is_file()
        if step.kind in ("generate", "filter"):
            return (path / MANIFEST).is_file()
        return (path / _MODULES).is_file()

    def begin(self, step: Step, **places: Any) -> None:
        """Note that a step begins, and remove what it left before if that is of no use to it.

        Args:
            step: the step.
            places: what may differ between two tries of one key: where its inputs are. A step
                that finds them where they were goes on with what it left.

        Raises:
            StorageError: the disk refused.
        """
        note = self._started(step)
        now = json.loads(json.dumps({"version": __version__, **places}, default=str))
        unfinished = _noted(note) == now
        path = self.path(step)
        with storage_errors(path):
            note.parent.mkdir(parents=True, exist_ok=True)
            self._done(step).unlink(missing_ok=True)
            if not unfinished and path.is_dir():
                shutil.rmtree(path)
        write_json(note, now)

    def finish(self, step: Step, info: Mapping[str, Any]) -> None:
        """Note that a step is done.

        Raises:
            StorageError: the disk refused.
        """
        write_json(self._done(step), {"key": step.key, "name": step.name, **info})
        self._started(step).unlink(missing_ok=True)

    def forget(self, step: Step) -> None:
        """Note that a step is not done: what it wrote is damaged.

        Raises:
            StorageError: the disk refused.
        """
        note = self._done(step)
        with storage_errors(note):
            note.unlink(missing_ok=True)

    def strip(self, step: Step) -> None:
        """Remove the weights of a model whose results are there; what it was made of stays."""
        folder = self.path(step)
        with storage_errors(folder):
            (folder / _MODULES).unlink(missing_ok=True)
            for path in folder.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                elif path.name not in _KEPT:
                    path.unlink()

    def _done(self, step: Step) -> Path:
        path = self.path(step)
        return path.with_name(f"{path.name}{_DONE}")

    def _started(self, step: Step) -> Path:
        path = self.path(step)
        return path.with_name(f"{path.name}{_STARTED}")


def _noted(path: Path) -> dict[str, Any]:
    """Return what a note says, nothing where there is none or it is damaged.

    One that the disk does not give may well be there: what it stands for is not to be removed.
    """
    try:
        content = json_of(path)
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
