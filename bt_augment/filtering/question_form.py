"""Whether a question is still a question, and asks for the same kind of thing."""

from __future__ import annotations

import re

from bt_augment.translation.segmentation import UNMARKED

_MARKS = re.compile(r"[?？؟՞፧⁇\u037e]")
_GREEK_MARKS = re.compile(r"[?;\u037e]")

# Questions of these languages often go without a mark.
_MARK_OPTIONAL = UNMARKED | {"ja"}

_THING = "thing"  # "what" and "which" may ask for anything: "what year", "which person"

# The first pattern that fits a place in the text decides its kind.
_KINDS = {
    "en": (
        (r"who|whom|whose", {"person"}),
        (r"where", {"place"}),
        (r"when", {"time"}),
        (r"why", {"reason"}),
        (r"how (?:many|much)", {"quantity"}),
        (
            r"how (?:long|late|early|soon)",
            {"quantity", "manner", "time"},  # until when, até quando
        ),
        (
            r"how (?:old|far|often|high|tall|big|large|deep|fast|heavy|wide"
            r"|hot|cold|thick|strong|close|near|frequently)",
            {"quantity", "manner"},
        ),
        (r"how", {"manner"}),
        (r"what|which", {_THING}),
    ),
    "pt": (
        (r"quem", {"person"}),
        (r"onde|aonde", {"place"}),
        (r"até quando|quanto tempo", {"time", "quantity", "manner"}),
        (r"quando", {"time"}),
        (r"(?:necessário|possível|obrigatório|permitido|preciso|verdade) que", set()),  # that
        (r"por ?qu[eê]", {"reason"}),
        (r"quant[oa]s?", {"quantity", "manner"}),
        (r"como", {"manner"}),
        (r"quão", {"quantity", "manner"}),
        (r"o qu[eê]|qu[eê]|qual|quais", {_THING}),
    ),
}
_PATTERNS = {
    lang: re.compile(
        "|".join(rf"(?P<k{i}>(?<!\w)(?:{p})(?!\w))" for i, (p, _) in enumerate(kinds)),
        re.IGNORECASE,
    )
    for lang, kinds in _KINDS.items()
}
_AUXILIARY = re.compile(
    r"\s*(?:is|are|was|were|am|do|does|did|can|could|will|would|shall|should|has|have|had|may"
    r"|might|must)\b",
    re.IGNORECASE,
)

_PREPOSITIONS = {
    "en": "by|in|into|on|onto|to|of|from|with|for|at|about|under|until|within|against|through"
    "|upon|after|between|among|over|near|as|during",
    "pt": "por|em|com|de|do|da|dos|das|no|na|nos|nas|para|sobre|sob|contra|entre|ao|aos|à|às|a"
    "|até|após|durante|pel[oa]s?|segundo|conforme",
}
# What begins by asking "by whom", "em que é": a preposition, and no noun that is asked for.
# "A quem" may be an object alone: whom.
_BEGINS_WITH_PREPOSITION = {
    "en": re.compile(
        rf"(?:{_PREPOSITIONS['en']}) (?:whom?|(?:what|which) (?:do|does|did|is|are|was|were|has"
        r"|have|had|can|could|will|would|should|may|might|must))(?!\w)",
        re.IGNORECASE,
    ),
    "pt": re.compile(
        rf"(?!a quem)(?:{_PREPOSITIONS['pt']}) (?:quem|(?:o )?que (?:é|são|foi|foram|era|eram"
        r"|será|serão|está|estão|se|os?|as?|consiste|depende|trata|serve))(?!\w)",
        re.IGNORECASE,
    ),
}
# In English a preposition may stand at the end, or before another one.
_ASKED_BY_PREPOSITION = {
    "en": re.compile(
        rf"(?<!\w)(?:{_PREPOSITIONS['en']})"
        rf"(?: (?:whom?|what|which|whose)(?!\w)|\s*\??$| (?:{_PREPOSITIONS['en']})(?!\w))",
        re.IGNORECASE,
    ),
    "pt": re.compile(
        rf"(?<!\w)(?:{_PREPOSITIONS['pt']}) (?:quem|(?:o )?qu[eê]|qual|quais)(?!\w)", re.IGNORECASE
    ),
}
_WHOSE = re.compile(r"\bwhose\b", re.IGNORECASE)
_PERSON_OR_THING = frozenset({"person", _THING})

KEPT, OTHER_KIND, NOT_A_QUESTION = 1.0, 0.5, 0.0


def question_form(source: str, source_lang: str, made: str, made_lang: str) -> float:
    """Return 1 if the question's form is kept, 0.5 if it asks for something else, 0 if it is none.

    It asks for something else, too, where a preposition that begins it ("by whom") is lost.

    A native question that does not look like one (a keyword query) asks nothing of ``made``.
    Question words are known for English and Portuguese, question marks for all languages.
    """
    source_lang, made_lang = source_lang.split("-")[0], made_lang.split("-")[0]
    if source == made:
        return KEPT
    marked = bool(_marks(source_lang).search(source))
    asked = _kinds(source, source_lang)
    still_marked = bool(_marks(made_lang).search(made))
    still_asked = _kinds(made, made_lang)
    if marked and not still_marked and made_lang not in _MARK_OPTIONAL:
        return NOT_A_QUESTION
    if asked is None or still_asked is None:
        return KEPT  # no list of question words for one of the two
    if not marked and not still_marked and asked and not still_asked:
        return KEPT if made_lang == "en" and _AUXILIARY.match(made) else NOT_A_QUESTION
    if not _compatible(asked, still_asked):
        return OTHER_KIND
    lost = _preposition_lost(source, source_lang, made, made_lang)
    return OTHER_KIND if lost and set().union(*still_asked) <= _PERSON_OR_THING else KEPT


def _preposition_lost(source: str, source_lang: str, made: str, made_lang: str) -> bool:
    """Tell whether ``source`` begins by asking "by whom" or the like, and ``made`` asks nothing so.

    "Por quem foi desenvolvido" is no longer asked by "Who was developed". Where, when, how and why
    need no preposition.
    """
    return (
        _BEGINS_WITH_PREPOSITION[source_lang].match(source) is not None
        and _ASKED_BY_PREPOSITION[made_lang].search(made) is None
        and _WHOSE.search(made) is None
    )


def _marks(lang: str) -> re.Pattern[str]:
    return _GREEK_MARKS if lang == "el" else _MARKS


def _kinds(text: str, lang: str) -> list[set[str]] | None:
    """Return the kinds of the question words of ``text``, in order."""
    pattern = _PATTERNS.get(lang)
    if pattern is None:
        return None
    found = (_KINDS[lang][int((m.lastgroup or "k0")[1:])][1] for m in pattern.finditer(text))
    return [kinds for kinds in found if kinds]


def _compatible(asked: list[set[str]], still_asked: list[set[str]]) -> bool:
    if not asked or not still_asked:
        return not asked
    before, after = set().union(*asked), set().union(*still_asked)
    return _THING in before or _THING in after or bool(before & after)
