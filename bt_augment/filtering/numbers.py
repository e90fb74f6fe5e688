"""Numbers of a text as values that can be compared across languages and scripts.

Digits of any script, either decimal sign, number words (English, Portuguese), ordinals, Roman
numerals, multiplier words and two-digit years are told apart only where the value differs.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉", "01234567890123456789")
_AFTER_LETTER = re.compile(r"(?<=[^\W\d_])[⁰¹²³⁴-⁹₀-₉]+")  # km², CO₂
_LONE_SUPERSCRIPT = re.compile(r"[⁰¹²³⁴-⁹₀-₉]+")  # a footnote mark, or an exponent
_SIGNS = str.maketrans({"٫": ".", "٬": ",", "’": "'", "\u00a0": "\u202f", "\u2009": "\u202f"})

_NUMBER = re.compile(r"\d+(?:[.,'\u202f]\d+)*")
_NUMBER_SPACED = re.compile(r"(?<!\d)\d{1,3}(?: \d{3})+(?![\d.,])|\d+(?:[.,'\u202f]\d+)*")
_UNIT_POWER = re.compile(r"(?<=[a-zµ])[23](?!\d)")  # km2: a unit, not a number
_SPACE_GROUPS = frozenset(
    "bg cs da es et fi fr hu lt lv nb no pl pt ru sk sl sv uk".split()
)  # languages that write 12 345
_NUMBERED_MONTHS = frozenset({"zh", "ja", "ko", "vi", "yue", "wuu"})
_ROMAN = re.compile(r"\b[IVXLCDM]+\b")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_MULTIPLIER = re.compile(
    r"\s?(?:hundred|thousand|million|billion|trillion|mil|milh|bilh|trilh|mill|miljo|milj|mio|mrd"
    r"|миллион|миллиард|тысяч|млн|млрд|тыс|триллион|εκατομμ|δισεκατομμ|χιλι|مليون|مليار|ملايين|ألف|آلاف"
    r"|लाख|करोड़|मिलियन|बिलियन|हजार|हज़ार|अरब|ล้าน|พันล้าน|หมื่น|แสน|พัน|triệu|tỷ|tỉ|nghìn|ngàn"
    r"|milyon|milyar|bin|trilyon|万|亿|千|百|萬|億|m\b|bn\b|k\b)",
    re.IGNORECASE,
)

_EN = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen".split()
    )
} | {
    word: 10 * tens
    for tens, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)
}
_EN_ORDINALS = (
    {
        word: value
        for value, word in enumerate(
            "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth "
            "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth "
            "twentieth".split(),
            1,
        )
    }
    | {"thirtieth": 30, "once": 1, "twice": 2, "double": 2, "both": 2, "half": 2, "dozen": 12}
    | {"couple": 2, "pair": 2, "twin": 2, "triple": 3, "quarter": 4, "decade": 10, "century": 100}
)
_PT = (
    {
        word: value
        for value, word in enumerate(
            "zero um dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze "
            "dezesseis dezessete dezoito dezenove".split()
        )
    }
    | {
        word: 10 * tens
        for tens, word in enumerate(
            "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa".split(), 2
        )
    }
    | {"uma": 1, "duas": 2, "tres": 3, "quatorze": 14, "dezasseis": 16, "dezassete": 17}
    | {"dezanove": 19, "cem": 100, "cento": 100, "duzentos": 200, "duzentas": 200}
    | {"trezentos": 300, "trezentas": 300, "quatrocentos": 400, "quatrocentas": 400}
    | {"quinhentos": 500, "quinhentas": 500, "seiscentos": 600, "setecentos": 700}
    | {"oitocentos": 800, "novecentos": 900}
)
_PT_ORDINALS = {
    stem + ending: value
    for value, stem in enumerate(
        "primeir segund terceir quart quint sext sétim oitav non décim".split(), 1
    )
    for ending in ("o", "a", "os", "as")
} | {"duplo": 2, "dupla": 2, "ambos": 2, "ambas": 2, "metade": 2, "meio": 2, "dúzia": 12, "par": 2}
_PT_ORDINALS |= {"vigésimo": 20, "década": 10, "século": 100, "dobro": 2, "triplo": 3}


@dataclass(frozen=True)
class _Words:
    """Number words of a language: cardinals, words that only hint at a number, connector."""

    cardinals: dict[str, int]
    hints: dict[str, int]
    connector: str
    scales: dict[str, int]


_WORDS = {
    "en": _Words(_EN, _EN_ORDINALS, "and", {"hundred": 100, "thousand": 1000}),
    "pt": _Words(_PT, _PT_ORDINALS, "e", {"mil": 1000}),
}
_TOKEN = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Numbers:
    """The numbers of one text.

    Attributes:
        values: canonical values that a faithful version must have (``"1974"``, ``"22.6"``).
        written: those of ``values`` that are written in digits.
        hints: values that a version may have or lack: ``one``, ordinals, Roman numerals.
        scaled: those of ``values`` followed by a multiplier word (``3 million``, ``300万``).
        complete: whether the language's number words were read too.
        dated: whether the language writes months (and decades) as numbers: 8月, tháng 8.
    """

    values: Counter[str]
    written: Counter[str]
    hints: Counter[str]
    scaled: frozenset[str]
    complete: bool
    dated: bool


@lru_cache(maxsize=1)
def _digit_table() -> dict[int, str]:
    """Return the translation of every decimal digit of Unicode to ASCII."""
    return {
        code: str(unicodedata.decimal(chr(code)))
        for code in range(0x80, 0x1FBFA)
        if unicodedata.category(chr(code)) == "Nd"
    }


def _canonical(written: str) -> str:
    """Return the value of a written number; an ambiguous 1.234 counts as 1234 everywhere."""
    marks = [char for char in written if not char.isdigit()]
    if not marks:
        return written.lstrip("0") or "0"
    head, _, tail = written.rpartition(marks[-1])
    whole = re.sub(r"\D", "", head)
    grouped = len(tail) == 3 and (len(set(marks)) == 1) and whole != "0"
    if grouped or (len(set(marks)) == 1 and len(marks) > 1):
        return (whole + tail).lstrip("0") or "0"
    fraction = tail.rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{fraction}" if fraction else whole


def _roman_value(numeral: str) -> int:
    values = [_ROMAN_VALUES[char] for char in numeral]
    following = [*values[1:], 0]
    return sum(-v if v < nxt else v for v, nxt in zip(values, following, strict=True))


def _spelled(text: str, words: _Words) -> tuple[list[int], list[int]]:
    """Return the values spelled out by cardinal words, and those only hinted at."""
    values: list[int] = []
    hints: list[int] = []
    total = current = -1  # -1: no number open
    end = -1
    last = 0

    def close() -> None:
        nonlocal total, current
        if total >= 0 or current >= 0:
            value = max(total, 0) + max(current, 0)
            (values if value > 1 else hints).append(value)
        total = current = -1

    for match in _TOKEN.finditer(text):
        word = match.group().casefold()
        gap = text[end : match.start()] if end >= 0 else ""
        if gap.strip(" -") and (total >= 0 or current >= 0):
            close()
        if word in words.cardinals:
            value = words.cardinals[word]
            # "forty two" adds up; "two three" are two numbers
            if current >= 0 and not (last > value and (last >= 100 or (last >= 20 and value < 10))):
                close()
            current = max(current, 0) + value
            last, end = value, match.end()
        elif word in words.scales and (current > 0 or words.scales[word] == 1000):
            scale = words.scales[word]
            if scale == 1000:
                total, current = max(total, 0) + (current if current > 0 else 1) * scale, -1
            else:
                current *= scale
            last, end = scale, match.end()
        elif word == words.connector and (total >= 0 or current >= 0):
            end = match.end()
        else:
            close()
            end = -1
            if word in words.hints:
                hints.append(words.hints[word])
    close()
    return values, hints


@lru_cache(maxsize=4096)
def read_numbers(text: str, lang: str) -> Numbers:
    """Return the numbers of ``text``, written in the language of BCP-47 tag ``lang``."""
    base = lang.split("-")[0]
    if not text.isascii():
        text = text.translate(_digit_table()).translate(_SIGNS)
        text = _AFTER_LETTER.sub(lambda m: m.group().translate(_SUPERSCRIPTS), text)
        text = _LONE_SUPERSCRIPT.sub(" ", text)
    values: Counter[str] = Counter()
    scaled: set[str] = set()
    pattern = _NUMBER_SPACED if base in _SPACE_GROUPS else _NUMBER
    spans = []
    for match in pattern.finditer(text):
        if _UNIT_POWER.match(text, match.start()):
            continue
        value = _canonical(match.group().replace(" ", "\u202f"))
        values[value] += 1
        spans.append(match.span())
        if _MULTIPLIER.match(text, match.end()):
            scaled.add(value)
    hints = Counter(str(_roman_value(m.group())) for m in _ROMAN.finditer(text))
    written = values.copy()
    words = _WORDS.get(base)
    if words is not None:
        # "3 mil" and "2 hundred" belong to the digits before them
        spelled, hinted = _spelled(_blank_scales(text, spans), words)
        values.update(map(str, spelled))
        scaled.update(str(value) for value in spelled if value < 1000)
        hints.update(map(str, hinted))
    return Numbers(
        values, written, hints, frozenset(scaled), words is not None, base in _NUMBERED_MONTHS
    )


def _blank_scales(text: str, spans: list[tuple[int, int]]) -> str:
    """Return ``text`` without the multiplier words that follow digits."""
    for _, end in reversed(spans):
        match = _MULTIPLIER.match(text, end)
        if match:
            text = text[:end] + " ; " + text[match.end() :]
    return text


def _significand(value: str) -> str:
    return value.replace(".", "").strip("0")


def _may_be_spelled(value: str) -> bool:
    """Whether writers would spell the value out: up to twenty, or one digit and zeros."""
    return value.isdigit() and (int(value) <= 20 or len(value.rstrip("0")) == 1)


def _may_be_date_part(value: str) -> bool:
    """Whether the value may stand for a month's name, a century or a decade."""
    return value.isdigit() and (int(value) <= 21 or value in {"30", "40", "50", "60", "70", "80"})


def _same_otherwise(a: str, b: str, scaled: bool) -> bool:
    """Whether two unequal values may be one number written in two ways."""
    if scaled and _significand(a) == _significand(b):
        return True  # 3 million = 3,000,000
    short, long = sorted((a, b), key=len)
    if len(short) == 2 and len(long) == 4 and long.startswith(("1", "20")):
        return long.endswith(short)  # 1997-98
    # The Buddhist calendar of Thai texts is 543 years ahead.
    return (
        len(short) == len(long) == 4
        and a.isdigit()
        and b.isdigit()
        and (abs(int(a) - int(b)) == 543)
    )


def changed_numbers(source: Numbers, made: Numbers) -> tuple[int, int]:
    """Return how many values of ``source`` are missing in ``made``, and how many are invented."""
    missing = source.values - made.values
    invented = made.values - source.values
    if not missing and not invented:
        return 0, 0
    missing -= made.hints
    invented -= source.hints
    # A value may be said once more or once less than in the source ("it" for "the 1881 line").
    for value in list(missing):
        if value in made.values:
            missing[value] -= 1
    for a in list((+missing).elements()):
        for b in list((+invented).elements()):
            if _same_otherwise(a, b, a in source.scaled or b in made.scaled):
                missing[a] -= 1
                invented[b] -= 1
                break
    missing, invented = +missing, +invented
    # What may be a word or a month's name on the other side is given the benefit of the doubt.
    free_missing = Counter({v: n for v, n in missing.items() if _may_lack(v, source, made)})
    free_invented = Counter({v: n for v, n in invented.items() if _may_lack(v, made, source)})
    lost = missing.total() - free_missing.total()
    new = invented.total() - free_invented.total()
    # A digit that is gone where a new one has come is a changed number all the same.
    replaced = min((missing & source.written).total(), (invented & made.written).total())
    return max(lost, replaced), max(new, replaced)


def _may_lack(value: str, there: Numbers, here: Numbers) -> bool:
    """Whether a faithful version may write ``value``, found only ``there``, in words ``here``."""
    return (not here.complete and _may_be_spelled(value)) or (
        there.dated and _may_be_date_part(value)
    )
