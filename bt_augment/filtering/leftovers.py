"""Traces that a translation model or its tokenizer leaves in a text, and what it mangles."""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import lru_cache

import regex

from bt_augment.filtering.scripts import is_plain_latin

_MARKUP = regex.compile(
    r"""
      </?[a-z][^<>\n]{0,200}>          # HTML; also <s>, </s>, <unk>, <pad>, <2pt>
    | <[0-9][a-z]{2,3}>                # T5 and MADLAD target languages
    | &(?:[a-z]{2,8}|\#x?[0-9a-f]{1,6});   # character references
    | >>\s*[a-z_@-]{2,16}\s*<<         # Marian target languages
    | __[a-z]{2,3}__                   # M2M-100
    | \b[a-z]{3}_[A-Z][a-z]{3}\b       # NLLB (FLORES-200)
    | \b[a-z]{2}_[A-Z]{2}\b            # mBART-50
    | \[(?:UNK|PAD|CLS|SEP|MASK)\]
    | \u2581                           # SentencePiece's word boundary
    | @@(?=\s|$)                       # subword-nmt's joiner
    """,
    regex.VERBOSE,
)
_MARKUP_HINT = regex.compile("[<>&_@\\[\u2581]")  # most texts have none of these
_IDENTIFIER = regex.compile(
    r"""
      (?:https?://|www\.)[^\s<>"']+    # URL
    # e-mail; its name is short (RFC 5321), and unbounded would take quadratic time
    | [\w.+-]{1,64}+@[\w-]++(?:\.[\w-]++)+
    | \b[^\W_]*+_\w*                  # snake_case, and the blank of a cloze question
    """,
    regex.VERBOSE | regex.IGNORECASE,
)
_IDENTIFIER_HINT = regex.compile(r"[_@]|www\.|://", regex.IGNORECASE)
# Not those of ASCII, which are layout as often, nor what keyboards and fonts write otherwise: − ×.
_SYMBOL = regex.compile(
    r"[[\p{Sm}♭♮♯]--[\x00-\x7f\u2044\u2212\u2215\u2217\u223c\u22c5×"
    r"\N{FULLWIDTH PLUS SIGN}⁺⁻⁼₊₋₌＜＝＞｜～￢￩￪￫￬]]",
    regex.VERSION1,
)
_CLOSING = ".,;:!?)]}\u2026\u3002\uff0c"  # also the ellipsis and the Chinese full stop and comma
_UNPRINTABLE = {"Cc", "Cn", "Co", "Cs"}
_UNKNOWN = {"\ufffd", "\u2047"}  # the replacement character; SentencePiece's "unknown"
_WHITE_SPACE = {"\t", "\n", "\r", "\x0b", "\x0c", "\x85"}


def count_leftovers(made: str, source: str) -> float:
    """Return how many tags, entities and language codes ``made`` has that ``source`` has not."""
    if not _MARKUP_HINT.search(made):
        return 0.0
    return float((_markup(made) - _markup(source)).total())


def count_unknown_characters(made: str, source: str) -> float:
    """Return how many characters that stand for nothing ``made`` has more than ``source``.

    Replacement (U+FFFD) and unknown (U+2047) characters, control, private-use and unassigned
    code points.
    """
    if is_plain_latin(made):
        return 0.0
    extra = Counter(c for c in made if _stands_for_nothing(c))
    if extra:
        extra -= Counter(c for c in source if _stands_for_nothing(c))
    return float(extra.total())


def count_mangled(made: str, source: str) -> float:
    """Return how many things of ``source`` that no language rewords ``made`` has not.

    URLs, e-mail addresses, ``_`` words, and symbols of mathematics and music.
    """
    lost = 0
    if _IDENTIFIER_HINT.search(source):
        folded = made.casefold()
        wanted = Counter(match.rstrip(_CLOSING).casefold() for match in _IDENTIFIER.findall(source))
        lost += sum(max(0, n - folded.count(text)) for text, n in wanted.items())
    if symbols := Counter(_SYMBOL.findall(source)):
        lost += (symbols - Counter(_SYMBOL.findall(made))).total()
    return float(lost)


def _markup(text: str) -> Counter[str]:
    return Counter("".join(match.split()).lower() for match in _MARKUP.findall(text))


@lru_cache(maxsize=8192)
def _stands_for_nothing(char: str) -> bool:
    if char in _UNKNOWN:
        return True
    return unicodedata.category(char) in _UNPRINTABLE and char not in _WHITE_SPACE
