"""Negations dropped or added, by the function words of a language."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bt_augment.filtering.sentence_pairs import sentence_pairs


@dataclass(frozen=True)
class _Negation:
    """Words that negate, and words that say the same in another way (``unable``, ``only``)."""

    hard: re.Pattern[str]
    soft: re.Pattern[str]


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE)


NEGATIONS = {
    "en": _Negation(
        # "No. 6" is a number, "whether or not" and "not only" negate nothing
        re.compile(
            r"(?<!\w)(?:(?<!\bor )not(?! only)|cannot|never|no(?!\.? ?\d)|without|nor|neither|none"
            r"|nobody|nothing|nowhere)(?!\w)|n['’]t(?!\w)",
            re.IGNORECASE,
        ),
        _words(
            r"hardly|barely|rarely|seldom|scarcely|lack\w*|fail\w*|unable|unlike\w*|impossib\w+"
            r"|except|instead|rather|avoid\w*|prevent\w*|refus\w+|absen\w+|missing|few|little"
            r"|only|but|until|before|non\w*|un\w+(?:ed|able|ful|al|n|ly)|in(?:abil|capab)\w+"
            r"|ir(?:relev|respect)\w+|exclu\w+|den(?:y|ied|ies)|\w+less|free|not only|stop\w*"
            r"|prohibit\w*|forb\w+|dis\w+ed|other than|out of|opposite|left"
        ),
    ),
    "pt": _Negation(
        _words(
            r"não(?! só| apenas| somente| obstante)|nunca|nem|sem(?! dúvida)"
            r"|nenhuma?s?|nenhuns|jamais|nada|ninguém|tampouco"
        ),
        _words(
            r"falt\w+|falh\w+|incapa\w+|imposs\w+|exce[tp]\w+|salvo|só|apenas|somente|mas|até"
            r"|antes|evit\w+|imped\w+|recus\w+|deix\w+ de|ausên\w+|ausen\w+|pouc\w+|raramente"
            r"|mal|livre\w*|exclu\w+|neg\w+|in\w+(?:ad|id|íve|ave)\w+|des\w+(?:ad|id)\w+|fora de"
            r"|proib\w+|embora"
        ),
    ),
    "es": _Negation(
        _words(
            r"no(?! solo| sólo| solamente| obstante)|nunca|ni|sin(?! embargo| duda)|ningun[oa]|ningún"
            r"|jamás|nada|nadie|tampoco"
        ),
        _words(
            r"falt\w+|carec\w+|fall\w+|incapa\w+|impos\w+|excep\w+|salvo|solo|sólo|solamente"
            r"|pero|sino|hasta|antes|evit\w+|imp\w+|rechaz\w+|dej\w+ de|ausen\w+|poc[oa]s?"
            r"|apenas|libre\w*|exclu\w+|neg\w+|in\w+(?:ad|id|ible|able)\w*"
            r"|des\w+(?:ad|id)\w+|fuera de|ileg\w+|irr\w+|prohib\w+|aunque"
        ),
    ),
    "de": _Negation(
        _words(
            r"nicht(?! nur)|kein\w*|nie|niemals|ohne|weder|nichts|niemand\w*|nirgend\w*|keinerlei"
        ),
        _words(
            r"mangel\w*|fehl\w*|unfähig\w*|unmöglich\w*|außer|nur|erst|aber|sondern|statt|anstatt"
            r"|bis|bevor|vermeid\w*|verhinder\w*|weiger\w*|verweiger\w*|kaum|selten|wenig\w*"
            r"|un\w+|\w+los\w*|\w+frei\w*|ab\w*lehn\w*|noch|verbot\w*|verbiet\w*"
        ),
    ),
}


def negations_changed(source: str, source_lang: str, made: str, made_lang: str) -> int | None:
    """Return how many sentences lost or gained a negation; ``None`` for an unlisted language.

    A sentence in which another word may carry the negation (``unable`` for ``not able``) is
    given the benefit of the doubt.
    """
    before = NEGATIONS.get(source_lang.split("-")[0])
    after = NEGATIONS.get(made_lang.split("-")[0])
    if before is None or after is None:
        return None
    return sum(
        _changed(before, first, after, second)
        for first, second in sentence_pairs(source, source_lang, made, made_lang)
    )


def _changed(before: _Negation, source: str, after: _Negation, made: str) -> int:
    lost = len(before.hard.findall(source))
    kept = len(after.hard.findall(made))
    if bool(lost) == bool(kept):
        return 0
    if lost:
        return int(len(after.soft.findall(made)) <= len(before.soft.findall(source)))
    return int(len(before.soft.findall(source)) <= len(after.soft.findall(made)))
