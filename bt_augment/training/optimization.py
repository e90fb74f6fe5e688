"""The loss, and the arguments of sentence-transformers' trainer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bt_augment.sentence_encoders import Prompts
from bt_augment.training.held_out_retrieval import BEST_METRIC
from bt_augment.training.settings import ENCODER_TEMPERATURE, TrainingSettings
from bt_augment.training.static_encoder import is_static_model

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import nn


def contrastive_loss(model: SentenceTransformer, settings: TrainingSettings) -> nn.Module:
    """Return the contrastive loss; cached where a batch is larger than what is encoded at once.

    Gradient caching (Gao et al. 2021) gives the same gradients in the memory of a mini-batch, at
    the price of a second forward pass.
    """
    from sentence_transformers.sentence_transformer.losses import (
        CachedMultipleNegativesRankingLoss,
        MultipleNegativesRankingLoss,
    )

    scale = 1 / (settings.temperature or ENCODER_TEMPERATURE)
    if is_static_model(model) or settings.batch_size <= settings.mini_batch_size:
        return MultipleNegativesRankingLoss(model, scale=scale)
    return CachedMultipleNegativesRankingLoss(
        model, scale=scale, mini_batch_size=settings.mini_batch_size
    )


def training_arguments(
    folder: Path,
    settings: TrainingSettings,
    prompts: Prompts,
    sampler: Any,
) -> Any:
    """Return the ``SentenceTransformerTrainingArguments`` of a training.

    Args:
        folder: where checkpoints and logs go.
        settings: of the training, resolved.
        prompts: put before the texts.
        sampler: for ``batch_sampler=``.
    """
    import torch
    from sentence_transformers import SentenceTransformerTrainingArguments

    stops = settings.patience > 0
    gpu = torch.cuda.is_available() and settings.device != "cpu"
    bf16 = settings.precision == "bf16" or (
        settings.precision == "auto" and gpu and torch.cuda.is_bf16_supported()
    )
    fp16 = settings.precision == "fp16" or (settings.precision == "auto" and gpu and not bf16)
    # The last step's checkpoint would be removed a moment later.
    saves = (settings.save_steps or 0) < (settings.steps or 0)
    columns = ["passage", *(f"negative_{n + 1}" for n in range(settings.hard_negatives))]
    values: dict[str, Any] = {
        "output_dir": str(folder),
        "max_steps": settings.steps,
        "per_device_train_batch_size": settings.batch_size,
        "learning_rate": settings.learning_rate,
        "weight_decay": settings.weight_decay,
        "warmup_steps": round(settings.warmup * (settings.steps or 0)),
        "batch_sampler": sampler,
        "prompts": {"question": prompts.query, **dict.fromkeys(columns, prompts.passage)},
        "seed": settings.seed,
        "data_seed": settings.seed,
        "use_cpu": not gpu,
        "bf16": bf16,
        "fp16": fp16,
        "dataloader_pin_memory": gpu,
        "dataloader_drop_last": True,
        "eval_strategy": "steps" if stops else "no",
        "eval_steps": settings.eval_steps,
        "save_strategy": "steps" if stops or saves else "no",
        # The best weights are those of a checkpoint, so both come at the same steps.
        "save_steps": settings.eval_steps if stops else settings.save_steps,
        "save_total_limit": None,  # else the best could be removed before a better one is whole
        "load_best_model_at_end": stops,
        "metric_for_best_model": BEST_METRIC if stops else None,
        "greater_is_better": True if stops else None,
        "restore_callback_states_from_checkpoint": stops,
        "logging_steps": max(1, (settings.steps or 10) // 10),
        "report_to": settings.report_to,
        "disable_tqdm": True,
    }
    return SentenceTransformerTrainingArguments(**values)
