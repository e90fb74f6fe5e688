"""Optional: translation quality estimated without a reference by CometKiwi (Rei et al. 2022)."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bt_augment.errors import MissingDependencyError, ModelError
from bt_augment.filtering.base import CandidateBatch, Filter, Score, ScoreArray
from bt_augment.filtering.columns import distinct
from bt_augment.filtering.sentence_pairs import sentence_pairs
from bt_augment.languages import without_region
from bt_augment.pairs.schema import PIVOT, ROUND_TRIP, TRANSLATION
from bt_augment.translation.hub import pin_revision

_SCORE = "fidelity.cometkiwi"
_TEXTS = ("question", "passage")
_BATCH_SIZE = 16
_WEIGHTS_ONLY = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"  # of torch.load; goes before what callers say

Segment = tuple[str, str]  # a source sentence and its translation


class QualityModel(Protocol):
    """What this filter uses of ``comet.models.CometModel``."""

    def predict(
        self, samples: list[dict[str, str]], *, batch_size: int, gpus: int, progress_bar: bool
    ) -> Any:
        """Return an object whose ``scores`` has a float for each ``{"src": …, "mt": …}``."""


class CometKiwiFilter(Filter):
    """Family ``fidelity``, off by default: needs the extra ``comet`` and a gated model."""

    scores = (
        Score(
            _SCORE,
            "quality, about 0 to 1",
            "Quality of each hop as CometKiwi estimates it, sentence by sentence: the mean of a "
            "text, the lowest over hops, of question and passage.",
            min=0.7,
            methods=frozenset({ROUND_TRIP, TRANSLATION, PIVOT}),
            enabled=False,
            options={"model": "Unbabel/wmt22-cometkiwi-da", "gpus": 0},
            least={"gpus": 0},
        ),
    )

    def __init__(
        self,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        model: QualityModel | None = None,
    ) -> None:
        """Take the checkpoint's name or path from the option ``model``.

        Args:
            options: recipe options; ``gpus`` is the number of GPUs to use.
            model: a model already loaded, instead of the option's.

        Raises:
            MissingDependencyError: no model is given, and unbabel-comet is not installed.
        """
        super().__init__(options)
        if model is None and find_spec("comet") is None:
            raise MissingDependencyError("unbabel-comet", "comet", f"the filter {_SCORE}")
        self._model = model
        self._turn = threading.Lock()

    def score(self, batch: CandidateBatch, wanted: Set[str]) -> dict[str, ScoreArray]:
        """Return the estimated quality of each row's worst text and hop."""
        if _SCORE not in wanted or not len(batch):
            return {name: np.empty(0, dtype=np.float32) for name in wanted}
        rows = [_row_texts(batch, row) for row in range(len(batch))]
        unique, inverse = distinct([pair for texts in rows for text in texts for pair in text])
        if not unique:
            return {_SCORE: np.full(len(batch), np.nan, dtype=np.float32)}
        quality = iter(np.asarray(self._predict(unique), dtype=np.float32)[inverse])
        means = [[np.mean([next(quality) for _ in text]) for text in texts] for texts in rows]
        return {_SCORE: np.array([min(m) if m else np.nan for m in means], dtype=np.float32)}

    def _predict(self, segments: list[Segment]) -> list[float]:
        with self._turn:  # two units' threads may come first, and one variable is set meanwhile
            if self._model is None:
                self._model = _load(self.options[_SCORE]["model"])
        prediction = self._model.predict(
            [{"src": source, "mt": made} for source, made in segments],
            batch_size=_BATCH_SIZE,
            gpus=self.options[_SCORE]["gpus"],
            progress_bar=False,
        )
        return list(prediction.scores)


def _load(name: str) -> QualityModel:
    from pickle import UnpicklingError

    from comet import load_from_checkpoint

    try:
        path = name if name.endswith(".ckpt") else _downloaded(name)
        with _weights_alone():
            model: QualityModel = load_from_checkpoint(path)
    except (OSError, KeyError, ValueError, RuntimeError, UnpicklingError) as error:
        raise ModelError(
            f"CometKiwi model {name!r} cannot be loaded: {error}. Accept its licence on the "
            "Hugging Face hub and log in, or give the path of a .ckpt file in the option 'model'"
        ) from error
    return model


def _downloaded(name: str) -> str:
    """Return the checkpoint of a model of the hub, where comet's own ``download_model`` finds it.

    That one takes no revision.
    """
    from huggingface_hub import snapshot_download

    source, _, wanted = name.partition("@")
    folder = snapshot_download(source, revision=pin_revision(source, wanted or None))
    return str(Path(folder) / "checkpoints" / "model.ckpt")


@contextmanager
def _weights_alone() -> Iterator[None]:
    """Let torch load tensors and plain values only: Lightning would load any pickle it is given."""
    before = os.environ.get(_WEIGHTS_ONLY)
    os.environ[_WEIGHTS_ONLY] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_WEIGHTS_ONLY]
        else:
            os.environ[_WEIGHTS_ONLY] = before


def _row_texts(batch: CandidateBatch, row: int) -> list[list[Segment]]:
    """Return the sentence pairs of every text and hop of a row that both ends are known of."""
    route = batch.made("route")[row]
    texts = []
    for text in _TEXTS:
        source, made = batch.source(text)[row], batch.made(text)[row]
        pivot = batch.made(f"pivot_{text}")[row]
        hops = [(source, route[0], made, route[-1])]
        if pivot is not None and len(route) > 2:
            hops = [(pivot, route[-2], made, route[-1])]
            if without_region(route[-2]) != without_region(route[0]):
                hops.insert(0, (source, route[0], pivot, route[-2]))
        texts += [list(sentence_pairs(*hop)) or [(hop[0], hop[2])] for hop in hops]
    return texts
