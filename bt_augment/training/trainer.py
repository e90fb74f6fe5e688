"""Training of a dense encoder on run folders, on sentence-transformers' trainer."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bt_augment.errors import MissingDependencyError, TrainingError, memory_errors
from bt_augment.progress import Progress, Silent
from bt_augment.sentence_encoders import TRAINING_MANIFEST, Prompts, prompts_of, store_prompts
from bt_augment.shards.atomic import sha256_of, sync_tree
from bt_augment.shards.manifest import write_json
from bt_augment.shards.outputs import refuse_in_run, refuse_inputs_in
from bt_augment.training.aligned_rows import AlignedRows, held_out, read_rows
from bt_augment.training.base_model import (
    check_base_model,
    check_packages,
    load_base_model,
    pinned_name,
)
from bt_augment.training.card import write_card
from bt_augment.training.disk import disk_errors
from bt_augment.training.early_stop import load_weights, stop_in
from bt_augment.training.held_out_retrieval import held_out_retrieval, reported
from bt_augment.training.model_folder import ModelFolder
from bt_augment.training.optimization import (
    contrastive_loss,
    training_arguments,
)
from bt_augment.training.ranks import is_main, join_ranks, ranks, wait_for_all
from bt_augment.training.settings import TrainingSettings
from bt_augment.training.training_manifest import describe

if TYPE_CHECKING:
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer

    from bt_augment.training.hybrid_batches import HybridBatchSampler

logger = logging.getLogger(__name__)

_SHARE_TOLERANCE = 0.005  # off by more is said; rounding to whole pairs is less
_REPORTER_PACKAGES = {"tensorboard": "tensorboard", "wandb": "wandb"}


@dataclass(frozen=True)
class Trained:
    """What a training gave.

    Attributes:
        out: folder of the model, for ``SentenceTransformer(out)``.
        manifest: the training manifest.
        resumed_at: step of the checkpoint that training went on from; None from the start.
        already: the model was finished before, and nothing was done.
    """

    out: Path
    manifest: Mapping[str, Any]
    resumed_at: int | None = None
    already: bool = False


def train(
    folders: Sequence[Path | str],
    out: Path | str,
    settings: TrainingSettings,
    *,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Trained:
    """Train an encoder on the accepted rows of run folders and save it.

    On CPU, a training that was killed and resumed ends with the same weights as one that was not.

    Args:
        folders: runs made by ``generate`` or ``filter``.
        out: folder of the model.
        settings: what is done.
        resume: go on from the last checkpoint in ``out``, or from the start where there is none.
        overwrite: remove the training that ``out`` holds.
        progress: told of every step.

    Raises:
        MissingDependencyError: the extra ``[train]`` is not installed.
        RunFolderError: a run is unfinished or damaged, or ``out`` lies in one.
        TrainingError: the pairs do not allow the settings, the base model is no encoder, or
            ``out`` holds something else; or ``resume`` and ``overwrite`` are both given.
        InputError: a run or the base model lies in ``out``.
        LanguageError: ``settings.languages`` holds something else.
        ModelError: there is no such base model.
        StorageError: the disk refused.
        MemoryError: the device has no room for the model, or for a mini-batch of texts.
    """
    _check_packages(settings)
    from bt_augment.training.drawing import drawn

    runs, out = [Path(path) for path in folders], Path(out)
    folder = ModelFolder(out)
    folder.check(resume=resume, overwrite=overwrite)
    refuse_in_run(out)
    refuse_inputs_in(out, [settings.base_model, *map(str, runs)])
    _check_device(settings)
    check_base_model(settings.base_model)
    settings = replace(settings, base_model=pinned_name(settings.base_model))
    join_ranks(cpu=settings.device == "cpu")
    rows = read_rows(runs, methods=settings.methods, languages=settings.languages)
    kept_out = held_out(rows, settings.held_out, settings.seed)
    training = rows.select(~kept_out)
    if not len(training):
        raise TrainingError("nothing is left to train on; lower held_out or take more data")
    settings = settings.resolved(len(training), ranks())
    pairs, sampler = drawn(training, settings, ranks())
    _warn_of_share(sampler, settings)
    identity = {
        **settings.identity(),
        "runs": [run.fingerprint for run in rows.runs],
        "ranks": ranks(),
    }
    with folder.claimed() if is_main() else nullcontext(), memory_errors():
        if is_main():
            folder.begin(identity, overwrite=overwrite)
            folder.remove_cut_off_checkpoints()
        wait_for_all()
        if folder.finished:
            return Trained(out, folder.manifest(), already=True)
        started = time.monotonic()
        trainer, prompts = _trainer(
            folder, settings, pairs, rows.select(kept_out), progress or Silent()
        )
        checkpoint = folder.last_checkpoint()
        stop = stop_in(checkpoint, settings.patience) if checkpoint else None
        if stop:
            load_weights(trainer.model, folder.best_checkpoint(stop.best))
        else:
            with disk_errors(out):
                trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        scores = _measured(trainer, rows.select(kept_out), prompts, settings)
        manifest = {
            **describe(
                settings,
                identity,
                training,
                rows.select(kept_out),
                sampler,
                prompts=prompts,
                steps=stop.step if stop else trainer.state.global_step,
                ranks=ranks(),
            ),
            "scores": scores,
            "seconds": round(time.monotonic() - started, 1),
        }
        if is_main():
            manifest["weights"] = _save(folder, trainer.model, manifest)
    step = int(checkpoint.name.rsplit("-", 1)[1]) if checkpoint else None
    return Trained(out, manifest, resumed_at=step)


def _check_packages(settings: TrainingSettings) -> None:
    check_packages()
    needed = _REPORTER_PACKAGES.get(settings.report_to)
    if needed and find_spec(needed) is None:
        raise MissingDependencyError(needed, "tracking", f"--report-to {settings.report_to}")


def _check_device(settings: TrainingSettings) -> None:
    import torch

    gpu = torch.cuda.is_available()
    if settings.device == "cuda" and not gpu:
        raise TrainingError("--device cuda: torch finds no GPU; train with --device cpu")
    on_gpu = gpu and settings.device != "cpu"
    if settings.precision == "fp16" and not on_gpu:
        raise TrainingError("--precision fp16 needs a GPU; leave it out")
    if settings.precision == "bf16" and not (on_gpu and torch.cuda.is_bf16_supported()):
        raise TrainingError("--precision bf16 needs a GPU that has it; leave it out")


def _warn_of_share(sampler: HybridBatchSampler, settings: TrainingSettings) -> None:
    share = settings.augmented_share
    # Without any made pair this is the native arm, of which nobody expects a share.
    if share and sampler.index.made.any() and abs(sampler.made_share - share) > _SHARE_TOLERANCE:
        logger.warning(
            "the share of pairs without a native text is %.1f %%, not the %.1f %% asked for: "
            "too few languages have pairs of both kinds",
            100 * sampler.made_share, 100 * share,
        )  # fmt: skip


def _trainer(
    folder: ModelFolder,
    settings: TrainingSettings,
    pairs: Dataset,
    kept_out: AlignedRows,
    progress: Progress,
) -> tuple[Any, Prompts]:
    from transformers import EarlyStoppingCallback, PrinterCallback, set_seed

    from bt_augment.training.callbacks import Checkpoints, ProgressReports, QuietTrainer
    from bt_augment.training.drawing import mix_of
    from bt_augment.training.hybrid_batches import hybrid_batches

    set_seed(settings.seed)  # static encoders are drawn
    model = load_base_model(
        settings.base_model,
        max_length=settings.max_length,
        dimensions=settings.dimensions,
        device="cpu" if settings.device == "cpu" else None,
    ).float()  # half-precision checkpoints are trained in full, or mixed
    prompts = prompts_of(model, settings.base_model)
    prompts = Prompts(
        prompts.query if settings.query_prompt is None else settings.query_prompt,
        prompts.passage if settings.passage_prompt is None else settings.passage_prompt,
    )
    store_prompts(model, prompts)
    evaluator = (
        held_out_retrieval(kept_out, prompts, settings.mini_batch_size) if len(kept_out) else None
    )
    stops = settings.patience > 0
    sampler = hybrid_batches(mix_of(settings), steps=settings.steps)
    trainer = QuietTrainer(
        model=model,
        args=training_arguments(folder.work, settings, prompts, sampler),
        train_dataset=pairs,
        loss=contrastive_loss(model, settings),
        evaluator=evaluator if stops else None,
        callbacks=[
            Checkpoints(folder),
            ProgressReports(progress, settings.batch_size * ranks()),
            *([EarlyStoppingCallback(settings.patience)] if stops else []),
        ],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer, prompts


def _measured(
    trainer: Any, kept_out: AlignedRows, prompts: Prompts, settings: TrainingSettings
) -> dict[str, float]:
    if not len(kept_out) or not is_main():
        return {}
    evaluator = held_out_retrieval(kept_out, prompts, settings.mini_batch_size)
    return reported(evaluator(trainer.model))


def _save(
    folder: ModelFolder, model: SentenceTransformer, manifest: Mapping[str, Any]
) -> dict[str, str]:
    """Save the model, and last of all the manifest, which says that it is whole.

    Returns:
        File of weights → its SHA-256.
    """
    folder.check_there()
    with disk_errors(folder.path):
        model.to("cpu").save_pretrained(str(folder.path), create_model_card=False)
        write_card(folder.path, manifest)
        sync_tree(folder.path)
        weights = {
            str(path.relative_to(folder.path)): sha256_of(path)
            for path in sorted(folder.path.rglob("*.safetensors"))
            if folder.work not in path.parents  # checkpoints, which are removed below
        }
    write_json(folder.path / TRAINING_MANIFEST, {**manifest, "weights": weights})
    folder.remove_checkpoints()
    return weights
