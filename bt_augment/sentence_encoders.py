"""What training and evaluation agree about in an encoder: its prompts, and want of memory."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Kind = Literal["query", "passage"]

# The names under which models store the prompt of each kind, the commoner first.
PROMPT_NAMES: dict[Kind, tuple[str, ...]] = {
    "query": ("query",),
    "passage": ("passage", "document", "corpus"),
}

# torch and CTranslate2 say so in RuntimeErrors, of a GPU's memory and of the machine's.
_NO_MEMORY = re.compile(r"out of memory|allocate memory|CUBLAS_STATUS_ALLOC_FAILED", re.IGNORECASE)
_SHOWN = 200  # characters of what the library says; torch adds a page on its settings


def stored_prompt(model: SentenceTransformer, kind: Kind) -> str:
    """Return the prompt that a model has stored for a kind of text, or nothing.

    sentence-transformers writes an empty ``document`` prompt beside a ``passage`` one that is
    not empty, so the first that says something is taken; the model's default prompt is last.
    """
    prompts = model.prompts or {}
    names = (*PROMPT_NAMES[kind], model.default_prompt_name)
    return next((str(prompts[n]) for n in names if n and prompts.get(n)), "")


@contextlib.contextmanager
def memory_errors() -> Iterator[None]:
    """Raise MemoryError where torch or CTranslate2 find no memory, a GPU's or the machine's.

    Raises:
        MemoryError: says what the library said.
    """
    try:
        yield
    except RuntimeError as error:
        if not _NO_MEMORY.search(str(error)):
            raise
        said = " ".join(str(error).split())
        raise MemoryError(said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…") from error
