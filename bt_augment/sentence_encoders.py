"""What training and evaluation agree about in an encoder: its prompts, and what it must have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from bt_augment.errors import ModelError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Kind = Literal["query", "passage"]

# The names under which models store the prompt of each kind, the commoner first.
PROMPT_NAMES: dict[Kind, tuple[str, ...]] = {
    "query": ("query",),
    "passage": ("passage", "document", "corpus"),
}


def stored_prompt(model: SentenceTransformer, kind: Kind) -> str:
    """Return the prompt that a model has stored for a kind of text, or nothing.

    sentence-transformers writes an empty ``document`` prompt beside a ``passage`` one that is
    not empty, so the first that says something is taken; the model's default prompt is last.
    """
    prompts = model.prompts or {}
    names = (*PROMPT_NAMES[kind], model.default_prompt_name)
    return next((str(prompts[n]) for n in names if n and prompts.get(n)), "")


def check_rows(name: str, model: SentenceTransformer) -> None:
    """Refuse a static encoder that lacks vectors for words of its tokenizer.

    Raises:
        ModelError: it does.
    """
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    if not isinstance(model[0], StaticEmbedding):
        return
    rows, words = model[0].embedding.num_embeddings, model[0].tokenizer.get_vocab_size()
    if words > rows:
        raise ModelError(
            f"{name}: has vectors for {rows} of the {words} subwords of its tokenizer, so the two "
            "are of different models; save or download it again"
        )
