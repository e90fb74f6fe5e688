"""Negations dropped or added, by the function words of a language."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bt_augment.filtering.sentence_pairs import sentence_pairs


@dataclass(frozen=True)
class _Negation:
    """The words of one language.

    ``hard`` negate by themselves; ``concord`` do too, or repeat a hard one (``não … nada``);
    ``soft`` may say the same in another way (``unable``, ``lacks``). ``not_only`` denies nothing,
    but where it becomes ``only`` a negation was lost.
    """

    hard: re.Pattern[str]
    concord: re.Pattern[str]
    soft: re.Pattern[str]
    only: re.Pattern[str]
    not_only: re.Pattern[str]


_AFTER = 5  # characters after a negation that tell it from another


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE)


# Not counted as negations: "or not" and "not only", which deny nothing, and "no more than".
NEGATIONS = {
    "en": _Negation(
        # "No. 6" is a number
        re.compile(
            r"(?<!\w)(?:(?<!\bor )not(?! only| just| solely| merely| simply)|cannot|never"
            r"|(?<!\bor )(?<!\bor [\"“'])no"
            r"(?!\.? ?\d| doubt| (?:more|less|later|fewer|sooner) than)|without|none"
            r"|nobody|nothing|nowhere|non[- ]?(?!etheless|sens|plus)\w{4,})(?!\w)|n['’]t(?!\w)",
            re.IGNORECASE,
        ),
        _words(r"nor|neither"),
        _words(
            r"less|hardly|barely|rarely|seldom|scarcely|lack\w*|fail\w*|impossib\w+"
            r"|except|instead|rather|avoid\w*|prevent\w*|refus\w+|absen\w+|missing"
            r"|or not?|un-?(?!der|til|i[otv]|less|cle|anim)\w{4,}|unless"
            r"|in(?:abil|capab)\w+|in\w+[ai]ble"
            r"|ir(?:relev|respect)\w+|il(?:leg|log)\w+|in(?:equal|compl|correct|act)\w+|off-\w+"
            r"|exclu\w+|den(?:y|ied|ies)|\w+less(?:ness|ly)?|free"
            r"|not (?:only|just|solely|merely|simply)|stop\w*|yet to|ever|only"
            r"|prohibit\w*|forb\w+|ban(?:s|ned)?|dis\w+ed|dis(?:lik|agre|approv|obed)\w+|insuffic\w+"
            r"|other than|anything but|out of|opposite|left"
        ),
        _words(r"only|just|solely|merely|simply"),
        _words(r"not (?:only|just|solely|merely|simply)"),
    ),
    "pt": _Negation(
        _words(
            r"(?<!\bou )não(?! só| apenas| somente| obstante| (?:\w+ )?mais d[eo]"
            r"| passa\w* de)|nunca|sem(?! dúvida)|jamais"
        ),
        _words(r"nem|nenhuma?s?|nenhuns|nada|ninguém|tampouco"),
        _words(
            r"falt\w+|falh\w+|incapa\w+|imposs\w+|exce[tp]\w+|salvo|só em|só no"
            r"|evit\w+|imped\w+|recus\w+|deix\w+ de|ausên\w+|ausen\w+|raramente"
            r"|livre\w*|exclu\w+|neg(?!r|óci|oci)\w+|in\w+(?:íve|áve)\w+"
            r"|des(?:conhec|prov|abit|ocup|obed|igua)\w+|fora de"
            r"|il(?:eg|óg|og)\w+|in(?:compl|corret|at)\w+|únic[oa]s?|ao contrário"
            r"|proib\w+|inexist\w+|insatisf\w+|não (?:só|apenas|somente)|apenas|ou não"
        ),
        _words(r"só|apenas|somente"),
        _words(r"não (?:\w+ ){0,2}(?:só|apenas|somente)"),
    ),
    "es": _Negation(
        _words(
            r"(?<!\bo )no(?! solo| sólo| solamente| obstante| más de)|nunca"
            r"|sin(?! embargo| duda)|jamás"
        ),
        _words(r"ni|ningun[oa]|ningún|nada|nadie|tampoco"),
        _words(
            r"falt\w+|carec\w+|fall\w+|incapa\w+|impos\w+|excep\w+|salvo|o no"
            r"|evit\w+|imped\w+|impid\w+|rechaz\w+|dej\w+ de|ausen\w+"
            r"|libre\w*|exclu\w+|neg(?!r|oci)\w+|in\w+(?:ible|able)\w*"
            r"|des(?:conoc|prov|hab|ocup|obed|igual)\w+|fuera de|irr\w+|prohib\w+"
            r"|il(?:eg|óg|og)\w+|in(?:compl|correct|act)\w+|únic[oa]s?|a diferencia"
        ),
        _words(r"solo|sólo|solamente"),
        _words(r"no (?:\w+ ){0,2}(?:solo|sólo|solamente)"),
    ),
    "de": _Negation(
        _words(
            r"(?<!\boder )nicht(?! nur| mehr als| weniger als)|nicht-?(?!s)\w+|kein\w*|nie|niemals"
            r"|(?<!\boder )(?<!\boder [\"„»])nein"
            r"|ohne(?! weiteres)|nichts|niemand\w*|nirgend\w*"
        ),
        _words(r"weder"),
        _words(
            r"weniger|mangel\w*|fehl\w*|außer(?!dem)\w*|erst|statt|anstatt|vermeid\w*"
            r"|verhinder\w*|\w*weiger\w*|kaum|selten|un(?!d|ter|s|i[vot]|gef|abh|gar[ni])\w{4,}"
            r"|\w{3,}los(?:e[nmrs]?|igkeit)?"
            r"|\w+frei(?:e[nmrs]?)?|oder (?:nicht|nein)|ab\w*lehn\w*|verbot\w*|verbiet\w*"
            r"|einzig\w*|im Gegensatz|anders als|gemeinnützig\w*"
        ),
        _words(r"nur"),
        _words(r"nicht nur"),
    ),
}


def negations_changed(source: str, source_lang: str, made: str, made_lang: str) -> int | None:
    """Return how many negations were lost or gained; ``None`` for an unlisted language.

    Another word that may carry a negation (``unable`` for ``not able``) counts for it.
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
    """Return how many negations one sentence has more than the other, paraphrases aside."""
    translated = before is not after
    first = _count(before, source, made if translated else "")
    second = _count(after, made, source if translated else "")
    changed = int(_only_for_not_only(before, source, after, made))
    if first > second:
        changed += max(0, first - second - _paraphrases(before, source, after, made))
    elif first < second:
        changed += max(0, second - first - _paraphrases(after, made, before, source))
    return changed


def _only_for_not_only(before: _Negation, source: str, after: _Negation, made: str) -> bool:
    """Tell whether one sentence has an ``only`` more where the other has a ``not only`` more."""
    denied = len(after.not_only.findall(made)) - len(before.not_only.findall(source))
    if not denied:
        return False
    plain = len(after.only.findall(made)) - len(before.only.findall(source)) - denied
    return denied * plain < 0


def _count(words: _Negation, sentence: str, other: str) -> int:
    """Return the negations of a sentence, less those that ``other`` has untranslated (titles)."""
    matches = list(words.hard.finditer(sentence))
    if not matches:
        return int(bool(words.concord.search(sentence)))
    return sum(_in_context(sentence, match) not in other for match in matches)


def _in_context(sentence: str, match: re.Match[str]) -> str:
    """Return a negation with the beginning of the next word, and its verb's end (Don't Let)."""
    before = 3 if match.group()[0] in "nN" and match.group()[1:2] in "'’" else 0
    return sentence[max(match.start() - before, 0) : match.end() + _AFTER]


def _paraphrases(one: _Negation, negated: str, other: _Negation, plain: str) -> int:
    """Return how many words of the plainer sentence may stand for a negation of the other.

    Words of that kind that both sentences have stand for each other.
    """
    found = len(other.soft.findall(plain)) + len(other.concord.findall(plain))
    if not other.hard.search(plain) and other.concord.search(plain):
        found -= 1  # it was counted as a negation
    if one is other:
        found -= len(one.concord.findall(negated))
    return max(0, found - len(one.soft.findall(negated)))
