"""How hypotheses are searched for, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Gt, Le

from bt_augment.errors import RecipeError
from bt_augment.translation.tokenizers import target_vocabulary_size
from bt_augment.values import check_fields

if TYPE_CHECKING:
    from bt_augment.translation.models import ResolvedModel

# Models are trained on sentences: beyond this length they tend to loop or drop clauses, long before
# their positions run out. A model that bears less says so itself (the bundled one: 64).
SENTENCE_TOKENS = 128

MAX_HYPOTHESES = 64  # of a beam: memory grows with it, quality does not

# Of a sentence: a decoder that goes on for longer repeats itself, and no position of a usual model
# is beyond.
MAX_OUTPUT_TOKENS = 4_096

MAX_BATCH_TOKENS = 1_000_000  # a hundred times what was quickest on a GPU


@dataclass(frozen=True)
class Decoding:
    """How hypotheses are searched for.

    Attributes:
        beam_size: 1 is greedy search.
        candidates: hypotheses per sentence.
        method: ``nbest`` takes them from one beam, ``sampling`` draws each.
        topk: sampling draws among so many tokens; 0 is all.
        temperature: of the sampling; above 0.
        seed: of the sampling.
        max_output_tokens: the decoder stops there, and the row says so.
        max_input_tokens: longer sentences are split at clause marks; None is the model's own.
        batch_tokens: tokens of a batch, padding included; None chooses by device.
        with_logprob: ask the engine for the mean token log-probability.

    Raises:
        RecipeError: a value is out of range.
    """

    beam_size: Annotated[int, Ge(1), Le(MAX_HYPOTHESES)] = 1
    candidates: Annotated[int, Ge(1), Le(MAX_HYPOTHESES)] = 1
    method: Literal["nbest", "sampling"] = "nbest"
    topk: Annotated[int, Ge(0)] = 10
    temperature: Annotated[float, Gt(0)] = 1.0
    seed: Annotated[int, Ge(0)] = 0
    max_output_tokens: Annotated[int, Ge(1), Le(MAX_OUTPUT_TOKENS)] = 256
    max_input_tokens: Annotated[int, Ge(8)] | None = SENTENCE_TOKENS
    batch_tokens: Annotated[int, Ge(1), Le(MAX_BATCH_TOKENS)] | None = None
    with_logprob: bool = False

    def __post_init__(self) -> None:
        check_fields(self, RecipeError)


@dataclass(frozen=True)
class Hypothesis:
    """A translation of one sentence.

    Attributes:
        text: the translation.
        tokens: number of target tokens.
        logprob: mean token log-probability in nats; NaN where it was not asked for.
        truncated: the decoder stopped at its limit.
    """

    text: str
    tokens: int = 0
    logprob: float = field(default=float("nan"))
    truncated: bool = False


def check_topk(models: Iterable[ResolvedModel], decoding: Decoding) -> None:
    """Refuse to sample among more tokens than a model has.

    Raises:
        RecipeError: names the model and the size of its vocabulary.
    """
    if decoding.method != "sampling":
        return
    for model in models:
        size = target_vocabulary_size(model.folder)
        if decoding.topk > size:
            raise RecipeError(
                f"translation.decoding.topk: {decoding.topk} is more than the {size} tokens of the "
                f"vocabulary of model {model.name!r}; draw among fewer, or 0 for all"
            )
