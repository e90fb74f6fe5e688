"""What training and evaluation agree about in an encoder: what is one, its prompts, its record."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bt_augment.errors import ModelError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Kind = Literal["query", "passage"]

# The names under which models store the prompt of each kind, the commoner first.
PROMPT_NAMES: dict[Kind, tuple[str, ...]] = {
    "query": ("query",),
    "passage": ("passage", "document", "corpus"),
}

TRAINING_MANIFEST = "training_manifest.json"  # what a model was trained on, in its folder
MODULES = "modules.json"  # only a model of sentence-transformers has it
CONFIGURATION = {True: "config_sentence_transformers.json", False: "config.json"}  # by: has it
_OTHER_KINDS = ("CrossEncoder", "SparseEncoder", "MultiVectorEncoder")

# sentence-transformers stores these itself, and empty, in every model.
_ALWAYS_STORED = ("query", "document")

# What the models of a family were trained with; the hub folders do not always say it.
_FAMILY_PROMPTS = ((re.compile(r"(^|[_\-])e5($|[_\-])", re.I), ("query: ", "passage: ")),)
_INSTRUCTED = re.compile(r"instruct|mistral", re.I)  # E5 models with another form of prompt


@dataclass(frozen=True)
class Prompts:
    """What is put before a text.

    Attributes:
        query: before a question.
        passage: before a passage.
    """

    query: str = ""
    passage: str = ""

    def of(self, kind: Kind) -> str:
        """Return what is put before a text of this kind."""
        return self.query if kind == "query" else self.passage


def other_kind(configuration: Mapping[str, Any], *, modular: bool) -> str | None:
    """Return what a model is, with its article, where it is no dense encoder of texts; else None.

    A model of sentence-transformers says which kind it is; a plain checkpoint is an encoder if
    it can be trained on masked words, as decoders and models of images cannot.

    Args:
        configuration: content of its file of :data:`CONFIGURATION`.
        modular: whether it is a model of sentence-transformers.
    """
    kind = configuration.get("model_type")
    if modular:
        return f"a {kind}" if kind in _OTHER_KINDS else None
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    named = configuration.get("architectures")
    said = named[0] if isinstance(named, list) and named else kind or "model of unknown type"
    if configuration.get("is_encoder_decoder"):
        return f"a {said}, an encoder-decoder"
    if configuration.get("is_decoder") or str(kind) not in MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        return f"a {said}"
    return None


def prompts_of(model: SentenceTransformer, name: str) -> Prompts:
    """Return the prompts stored in a model, else those of its family, else none.

    Args:
        model: the loaded model.
        name: its folder, or its name on the hub.
    """
    stored = Prompts(_stored_prompt(model, "query"), _stored_prompt(model, "passage"))
    own = (n for names in PROMPT_NAMES.values() for n in names if n not in _ALWAYS_STORED)
    if stored != Prompts() or any(n in (model.prompts or {}) for n in own):
        return stored
    return family_prompts(name) or Prompts()


def family_prompts(name: str) -> Prompts | None:
    """Return the prompts of the family that a model's name on the hub, or its folder's, is of."""
    own = _own_name(name)
    for family, prompts in _FAMILY_PROMPTS:
        if family.search(own) and not _INSTRUCTED.search(own):
            return Prompts(*prompts)
    return None


def store_prompts(model: SentenceTransformer, prompts: Prompts) -> None:
    """Store prompts where evaluation, ``encode_query`` and ``encode_document`` look for them."""
    stored = {
        **dict.fromkeys(PROMPT_NAMES["query"], prompts.query),
        **dict.fromkeys(PROMPT_NAMES["passage"], prompts.passage),
    }
    model.prompts = {**(model.prompts or {}), **stored}
    if not (prompts.query and prompts.passage):
        model.default_prompt_name = None  # it would stand in for the empty one


def _own_name(name: str) -> str:
    """Return a model's name without the folders, or the organization, that it lies in."""
    folder = Path(name)
    if not folder.is_dir():
        return name.partition("@")[0].rpartition("/")[2]  # the revision may be called anything
    folder = folder.absolute()
    # The hub's cache has models--ORGANIZATION--NAME/snapshots/COMMIT.
    return folder.parents[1].name if folder.parent.name == "snapshots" else folder.name


def _stored_prompt(model: SentenceTransformer, kind: Kind) -> str:
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
