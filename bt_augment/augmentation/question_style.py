"""Questions typed as into a search box, lent capitals and a question mark for translation.

Models are trained on sentences. "who developed the cpu" is a relative clause to them and comes
back as "which developed the cpu"; "Who developed the cpu?" comes back as a question. Without
capitals a name is a word like any other: "who plays poppy" asks who plays a flower
(benchmarks/question_style.py). What was lent is taken back from what the models made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bt_augment.translation.remembering import remembered
from bt_augment.translation.segmentation import SENTENCE_OPENERS, UNMARKED

_FINAL = ".!?…。！？؟;।:"
_MARKS = ("?", "？", "؟", ";")
_MARK_OF = {"ar": "؟", "fa": "؟", "ur": "؟", "zh": "？", "ja": "？", "el": ";"}
# What an English question begins with, and what it asks with anywhere. "The gene is called" asks
# nothing, and with a question mark it would come back as "Is the gene called".
_FIRST = frozenset(
    (
        *("is", "are", "was", "were", "am", "do", "does", "did", "can", "could", "will", "would"),
        *("shall", "should", "has", "have", "had", "may", "might", "must"),
    )
)
_ASKING = re.compile(r"\b(?:who|whom|whose|what|when|where|which|why|how)(?:s|['’]s)?\b", re.I)
_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True)
class Loan:
    """A question as it is translated, and what of it is not its own.

    Attributes:
        text: to translate.
        mark: whether a question mark was added.
        capital: whether the first letter was made a capital.
        names: whether words within were given the capitals that the passage writes them with.
    """

    text: str
    mark: bool
    capital: bool
    names: bool = False

    def take_back(self, made: str) -> str:
        """Return a translation of ``text`` in the style of the question itself."""
        if self.mark:
            body = made.rstrip()
            white = made[len(body) :]
            made = (body[:-1].rstrip() if body.endswith(_MARKS) else body) + white
            if not self.text.startswith("¿"):
                made = made.removeprefix("¿")
        if self.names:
            return made.replace("İ", "i").lower()  # which lower() makes two characters
        if self.capital and not made[1:2].isupper():  # "UN" stays
            made = made[:1].lower() + made[1:]
        return made


def lend(question: str, tag: str, passage: str = "") -> Loan:
    """Return the question with what its style leaves out.

    A question without any capital is lent those that its passage writes names with.

    Args:
        question: as a user typed it.
        tag: BCP-47 tag of its language.
        passage: that answers it, in the same language.
    """
    named = question if any(map(str.isupper, question)) else _with_names(question, passage)
    names = named != question
    language = tag.split("-")[0]
    body = named.rstrip()
    if not body or body[-1] in _FINAL or "\n" in body or language in UNMARKED:
        return Loan(named, mark=False, capital=False, names=names)
    upper = body[0].upper()
    # Not to iPhone, nor where lower case would not give the letter back (ı, ſ, ß).
    capital = body[0].islower() and upper.lower() == body[0] and not body[1:2].isupper()
    first = upper if capital else body[0]
    mark = _MARK_OF.get(language, "?") if language != "en" or _asks(body) else ""
    text = first + body[1:] + mark + named[len(body) :]
    return Loan(text, mark=bool(mark), capital=capital, names=names)


def _asks(english: str) -> bool:
    return english.split()[0].lower() in _FIRST or _ASKING.search(english) is not None


def _with_names(question: str, passage: str) -> str:
    names = _names(passage)
    return _WORD.sub(lambda word: names.get(word.group(), word.group()), question)


@remembered(texts=256)  # a passage has several questions
def _names(passage: str) -> Mapping[str, str]:
    """Return lower case -> form of the words that a passage never writes without a capital.

    A capital that only begins a sentence says nothing.
    """
    small: set[str] = set()
    names: dict[str, str] = {}
    for match in _WORD.finditer(passage):
        word = match.group()
        if not word[0].isupper():
            small.add(word.lower())
        elif _is_within(passage, match.start()):
            names.setdefault(word.lower(), word)
    return {low: word for low, word in names.items() if low not in small}


def _is_within(passage: str, start: int) -> bool:
    before = start - 1
    while before >= 0 and passage[before] == " ":
        before -= 1
    return before >= 0 and passage[before] not in SENTENCE_OPENERS
