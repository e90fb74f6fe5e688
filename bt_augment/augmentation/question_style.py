"""Questions typed as into a search box, lent a capital and a question mark for translation.

Models are trained on sentences. "who developed the cpu" is a relative clause to them and comes
back as "which developed the cpu"; "Who developed the cpu?" comes back as a question
(benchmarks/question_style.py). What was lent is taken back from what the models made.
"""

from __future__ import annotations

from dataclasses import dataclass

_FINAL = ".!?…。！？؟;।:"
_MARKS = ("?", "？", "؟", ";")
_MARK_OF = {"ar": "؟", "fa": "؟", "ur": "؟", "zh": "？", "ja": "？", "el": ";"}
_NO_MARK = frozenset({"th", "lo", "km", "my", "bo"})  # written without one


@dataclass(frozen=True)
class Loan:
    """A question as it is translated, and what of it is not its own.

    Attributes:
        text: to translate.
        mark: whether a question mark was added.
        capital: whether the first letter was made a capital.
    """

    text: str
    mark: bool
    capital: bool

    def take_back(self, made: str) -> str:
        """Return a translation of ``text`` in the style of the question itself."""
        if self.mark:
            body = made.rstrip()
            white = made[len(body) :]
            made = (body[:-1].rstrip() if body.endswith(_MARKS) else body) + white
            if not self.text.startswith("¿"):
                made = made.removeprefix("¿")
        if self.capital and not made[1:2].isupper():  # "UN" stays
            made = made[:1].lower() + made[1:]
        return made


def lend(question: str, tag: str) -> Loan:
    """Return the question with what its style leaves out.

    Args:
        question: as a user typed it.
        tag: BCP-47 tag of its language.
    """
    language = tag.split("-")[0]
    body = question.rstrip()
    if not body or body[-1] in _FINAL or "\n" in body or language in _NO_MARK:
        return Loan(question, mark=False, capital=False)
    upper = body[0].upper()
    # Not to iPhone, nor where lower case would not give the letter back (ı, ſ, ß).
    capital = body[0].islower() and upper.lower() == body[0] and not body[1:2].isupper()
    first = upper if capital else body[0]
    mark = _MARK_OF.get(language, "?")
    return Loan(first + body[1:] + mark + question[len(body) :], mark=True, capital=capital)
