"""Typed errors that a user can act on.

Every error a user can cause derives from :class:`BtAugmentError`; the command line prints its
message, without a traceback, and exits with 2. A message names the place (file, line, field or
key) and says what to do next.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

TURNING_MARKS = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # Unicode's Bidi_Control

# What a terminal would obey instead of showing (control characters but tab and line feed, marks
# that turn text around), and halves of surrogate pairs, which no encoding has.
_NOT_SHOWN = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f{TURNING_MARKS}\ud800-\udfff]")

# How torch and CTranslate2 say in RuntimeErrors that a GPU's memory or the machine's ran out.
_NO_MEMORY = re.compile(
    r"out of memory|allocate memory|bad_alloc|CUBLAS_STATUS_ALLOC_FAILED"
    r"|resource temporarily unavailable",
    re.IGNORECASE,
)
_SHOWN = 200  # characters of what the library says; torch adds a page on its settings


class BtAugmentError(Exception):
    """Base of all errors that a user can act on."""

    def __str__(self) -> str:
        """Return the message, which may quote any text, in a form that can be printed."""
        return printable(super().__str__())


class InputError(BtAugmentError):
    """The input as a whole cannot be used: missing, empty, or of unknown format."""


class LanguageError(BtAugmentError):
    """A language tag is not valid, or not known to a model family."""


class RouteError(BtAugmentError):
    """A route cannot be parsed."""


class ModelError(BtAugmentError):
    """A translation model is unknown, cannot be converted, or is damaged."""


class LexiconError(BtAugmentError):
    """A bilingual lexicon cannot be read, or does not say which languages it is of."""


class RecipeError(BtAugmentError):
    """A recipe has an unknown key or a value out of range."""


class RunFolderError(BtAugmentError):
    """A run folder cannot be used: locked, of another run, damaged or incomplete."""


class EngineError(BtAugmentError):
    """Units cannot be made where they should be: no cluster, no room on it, or workers die."""


class StorageError(BtAugmentError):
    """The disk refused: full, read-only, or the folder disappeared."""


class ExportError(BtAugmentError):
    """A run cannot be written in the form that was asked for."""


class PublishError(BtAugmentError):
    """A run cannot be published: no right to, no connection, or the Hub refuses what it is sent."""


class TrainingError(BtAugmentError):
    """Training cannot start: the pairs do not allow the settings, or the base is no encoder."""


class MissingDependencyError(BtAugmentError):
    """An optional dependency is needed; the message names the pip command."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed. "
            f"Install it with: pip install 'bt-augment[{extra}]'"
        )


@contextmanager
def renamed_in_errors(names: Mapping[str, str]) -> Iterator[None]:
    """Have messages of errors call things what the user calls them.

    A :class:`StorageError` keeps its message: it is about the disk that has the thing here.

    Args:
        names: what a thing is called here → what the user calls it; may grow meanwhile.
    """
    try:
        yield
    except StorageError:
        raise
    except BtAugmentError as error:
        for here, called in names.items():
            error.args = tuple(str(part).replace(here, called) for part in error.args)
        raise


def printable(text: str) -> str:
    r"""Return ``text`` with what a terminal would obey written out, such as ``\x1b``."""
    return _NOT_SHOWN.sub(lambda found: ascii(found[0])[1:-1], text)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the nearest of ``known``, or an empty string."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""


def lacks_memory(error: Exception) -> bool:
    """Tell whether an error of torch or CTranslate2 is want of memory, whatever its type."""
    return isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)) is not None


@contextmanager
def memory_errors() -> Iterator[None]:
    """Raise MemoryError where torch or CTranslate2 find no memory, a GPU's or the machine's.

    Raises:
        MemoryError: says what the library said.
    """
    try:
        yield
    except RuntimeError as error:
        if not lacks_memory(error):
            raise
        said = " ".join(str(error).split())
        raise MemoryError(said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…") from error
