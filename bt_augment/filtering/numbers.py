"""Numbers of a text as values that can be compared across languages and scripts.

Digits of any script, either decimal sign, number words (English, Portuguese), ordinals, Roman
numerals, multiplier words and two-digit years are told apart only where the value differs.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from typing import NamedTuple

from bt_augment.filtering.number_words import NUMBER_WORDS, spelled_numbers

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉", "01234567890123456789")
_ARABIC_COMMA = re.compile(r"(?<=\d)،(?=\d{3}(?!\d))")  # groups; elsewhere it parts two numbers
_AFTER_LETTER = re.compile(r"(?<=[^\W\d_])[⁰¹²³⁴-⁹₀-₉]+")  # km², CO₂
_VULGAR_FRACTION = re.compile("[\u00bc-\u00be\u2150-\u215e\u2189]")
_LONE_SUPERSCRIPT = re.compile(r"[⁰¹²³⁴-⁹₀-₉]+")  # a footnote mark, or an exponent
_SIGNS = str.maketrans({"٫": ".", "٬": ",", "’": "'", "\u00a0": "\u202f", "\u2009": "\u202f"})

_BEYOND_LETTERS = re.compile("[^\x00-\x7f\u00c0-\u024f]")  # what is neither ASCII nor Latin
# What stands for a digit or a sign of numbers and is not ASCII.
_SPECIAL = re.compile(r"(?![0-9])\d|[⁰¹²³⁴-⁹₀-₉\u00bc-\u00be\u2150-\u215e\u2189٫٬’\u00a0\u2009]")

_MARKED = r"\d+(?:[.,'\u202f]\d+)*"
# Lookbehinds stand after the first character: a search that begins with one is slow.
_GROUPED = r"\d(?<![\d.,]\d)\d{0,2}(?: \d{3})+(?!\d|[.,]\d)"
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(_MARKED)
_NUMBER_SPACED = re.compile(rf"{_GROUPED}|{_MARKED}")
_SPACED = re.compile(_GROUPED)
# Where a comma only groups: in 1635-36,1655 it ends the number.
_NUMBER_COMMA_GROUPS = re.compile(r"\d+(?:,\d{3}(?!\d)|[.'\u202f]\d+)*")
_COMMA_GROUPS = frozenset({"en", "ja", "ko", "th", "wuu", "yue", "zh"})
_LISTED = re.compile(r"\d(?<![\d.,]\d)\d*,\d+(?![\d.,])")  # {0,1}: to others a decimal comma
# km2: a unit, not a number
_POWER = re.compile(r"[23](?!\d)")
_UNIT = re.compile(r"(?<![^\W\d_])(?:[cdhkmµ]?m|[дкмс]?м|ft|in|mi|nmi|s|yd)\Z")
_LONGEST_UNIT = 3
_RANGE = re.compile(r"\s?[^\W\d_]{1,4}\s?|\s?[-–—~]\s?")  # 30 to 50 thousand
_ONE_SCALED = re.compile(r"\b(?:a|one|um)\s(?:(?:m|b|tr)ill?i?[oh])", re.IGNORECASE)
_DECADE = re.compile(r"\d(?<!\d\d)\d\d0(?=['’]?s\b)")
# Languages that write 12 345.
_SPACE_GROUPS = frozenset(
    {"bg", "cs", "da", "es", "et", "fi", "fr", "hu", "lt", "lv", "nb", "no", "pl", "pt", "ru"}
    | {"sk", "sl", "sv", "uk"}
)
_NUMBERED_MONTHS = frozenset({"zh", "ja", "ko", "vi", "yue", "wuu"})
_PERCENT = re.compile(r"\bpor\s+cento\b|\bpor\s+cien(?:to)?\b", re.IGNORECASE)  # no hundred
# Titles keep their English words in other languages: The Five Keys, Volume Two.
_ENGLISH_TITLE = re.compile(r"(?:Two|Three|Four|Five|Six|Seven|Eight|Nine|Ten|Eleven|Twelve)\b")
_ROMAN = re.compile(r"[IVXLCDM](?<!\w.)[IVXLCDM]*\b")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_MULTIPLIERS = (  # noqa: SIM905 - sixty words
    "hundred thousand million billion trillion mil milh bilh trilh mill miljo milj mio mrd "
    "миллион миллиард тысяч млн млрд тыс триллион εκατομμ δισεκατομμ χιλι "
    "مليون مليار ملايين ألف آلاف लाख करोड़ मिलियन बिलियन हजार हज़ार अरब ล้าน พันล้าน หมื่น แสน พัน "
    "triệu tỷ tỉ nghìn ngàn mln milyon milyar bin trilyon 万 亿 千 百 萬 億"
).split()
_MULTIPLIER = re.compile(
    rf"\s?(?=[{''.join(sorted({word[0] for word in _MULTIPLIERS}))}k])"  # most end here
    rf"(?:{'|'.join(_MULTIPLIERS)}|m\b|bn\b|k\b)",
    re.IGNORECASE,
)
_NONE: Counter[str] = Counter()
# Different numbers of a text, past which each counts as it is written: looking for the same one
# written otherwise takes time with the square of them.
_MOST_COMPARED = 500


class Numbers(NamedTuple):
    """The numbers of one text; not to be changed, as texts share what they have none of.

    Attributes:
        values: canonical values that a faithful version must have (``"1974"``, ``"22.6"``).
        written: those of ``values`` that are written in digits.
        hints: values that a version may have or lack: ``one``, ordinals, Roman numerals.
        scaled: those of ``values`` followed by a multiplier word (``3 million``, ``300万``).
        decades: those of ``values`` that English writes with an s (``1970s``).
        one_scaled: whether a multiplier word follows a word for one: ``a million``.
        joined: values that the parts would be together: 162 584 or 0,1 where commas mark thousands.
        complete: whether the language's number words were read too.
        dated: whether the language writes months (and decades) as numbers: 8月, tháng 8.
    """

    values: Counter[str]
    written: Counter[str]
    hints: Counter[str]
    scaled: frozenset[str]
    decades: frozenset[str]
    one_scaled: bool
    joined: dict[str, tuple[str, ...]]
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
    if written.isdigit():
        return written.lstrip("0") or "0"
    marks = [char for char in written if not char.isdigit()]
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


@lru_cache(maxsize=256)
def _fraction_in_digits(match: re.Match[str]) -> str:
    """Return ½ as it is written without the character: 1/2."""
    return " " + unicodedata.normalize("NFKC", match.group()).replace("\u2044", "/") + " "


def read_numbers(text: str, lang: str) -> Numbers:
    """Return the numbers of ``text``, written in the language of BCP-47 tag ``lang``."""
    base = lang.split("-")[0]
    if not text.isascii() and _BEYOND_LETTERS.search(text):
        text = _in_ascii(text)
    has_digits = _DIGIT.search(text) is not None
    values, scaled, spans = _written(text, base) if has_digits else (_NONE, set(), [])
    hinted = [str(_roman_value(numeral)) for numeral in _ROMAN.findall(text)]
    if base != "en" and (titles := _ENGLISH_TITLE.findall(text)):
        hinted += map(str, spelled_numbers(" ; ".join(titles), NUMBER_WORDS["en"])[0])
    written = values
    words = NUMBER_WORDS.get(base)
    if words is not None:
        # "3 mil" and "2 hundred" belong to the digits before them
        plain = _blank_scales(text, spans) if scaled else text
        if words.may_be_in(plain):
            spelled, more = spelled_numbers(_PERCENT.sub(" % ", plain), words)
            hinted += map(str, more)
            if spelled:
                values = values + Counter(map(str, spelled))
                scaled.update(str(value) for value in spelled if value < 1000)
    return Numbers(
        values,
        written,
        Counter(hinted) if hinted else _NONE,
        frozenset(scaled),
        frozenset(_DECADE.findall(text)) if has_digits and base == "en" else frozenset(),
        ("il" in text or "IL" in text) and _ONE_SCALED.search(text) is not None,
        _joined(text, base) if has_digits else {},
        words is not None,
        base in _NUMBERED_MONTHS,
    )


def _in_ascii(text: str) -> str:
    """Return a text whose digits and signs of numbers are those of ASCII."""
    if _SPECIAL.search(text):
        text = _VULGAR_FRACTION.sub(_fraction_in_digits, text)
        text = text.translate(_digit_table()).translate(_SIGNS)
        text = _AFTER_LETTER.sub(lambda m: m.group().translate(_SUPERSCRIPTS), text)
        text = _LONE_SUPERSCRIPT.sub(" ", text)
    return _ARABIC_COMMA.sub(",", text) if "،" in text else text


def _written(text: str, lang: str) -> tuple[Counter[str], set[str], list[tuple[int, int]]]:
    """Return the values written in digits, those that are scaled, and where they all are."""
    values: Counter[str] = Counter()
    scaled: set[str] = set()
    spans: list[tuple[int, int]] = []
    previous = ""
    for match in _number_pattern(lang).finditer(text):
        if _is_unit_power(text, match.start()):
            continue
        value = _canonical(match.group().replace(" ", "\u202f"))
        values[value] += 1
        if _MULTIPLIER.match(text, match.end()):
            scaled.add(value)
            if spans and _RANGE.fullmatch(text, spans[-1][1], match.start()):
                scaled.add(previous)
        spans.append(match.span())
        previous = value
    return values, scaled, spans


def _is_unit_power(text: str, start: int) -> bool:
    return _POWER.match(text, start) is not None and (
        _UNIT.search(text, max(0, start - _LONGEST_UNIT), start) is not None
    )


def _number_pattern(lang: str) -> re.Pattern[str]:
    if lang in _SPACE_GROUPS:
        return _NUMBER_SPACED
    return _NUMBER_COMMA_GROUPS if lang in _COMMA_GROUPS else _NUMBER


def _joined(text: str, lang: str) -> dict[str, tuple[str, ...]]:
    groups = {}
    if lang not in _SPACE_GROUPS:
        groups = {m.group().replace(" ", ""): m.group().split(" ") for m in _SPACED.finditer(text)}
    if lang in _COMMA_GROUPS:
        groups |= {m.group(): m.group().split(",") for m in _LISTED.finditer(text)}
    return {_canonical(one): tuple(map(_canonical, parts)) for one, parts in groups.items()}


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
    return value.isdigit() and (
        len(value.rstrip("0")) == 1 or (len(value) <= 2 and int(value) <= 20)
    )


def _may_be_date_part(value: str) -> bool:
    """Whether the value may stand for a month's name, a century or a decade."""
    return value.isdigit() and (
        (len(value) <= 2 and int(value) <= 21)
        or value in {"30", "40", "50", "60", "70", "80", "90"}
    )


def _same_otherwise(a: str, b: str, scaled: bool) -> bool:
    """Whether two unequal values may be one number written in two ways."""
    if scaled and _significand(a) == _significand(b):
        return True  # 3 million = 3,000,000
    short, long = sorted((a, b), key=len)
    if len(short) <= 2 and len(long) == 4 and long.startswith(("1", "20")):
        return long.endswith(short.zfill(2))  # 1997-98, 2001-02
    # The Buddhist calendar of Thai texts is 543 years ahead.
    return (
        len(short) == len(long) == 4
        and a.isdigit()
        and b.isdigit()
        and (abs(int(a) - int(b)) == 543)
    )


def changed_numbers(source: Numbers, made: Numbers) -> tuple[int, int]:
    """Return how many values of ``source`` are missing in ``made``, and how many are invented."""
    if dict.__eq__(source.values, made.values):
        return 0, 0
    missing = source.values - made.values
    invented = made.values - source.values
    missing -= made.hints
    invented -= source.hints
    # A value may be said once more or once less than in the source ("it" for "the 1881 line").
    again = [value for value in missing if value in made.values]
    missing.subtract(again)
    if max(len(source.values), len(made.values)) <= _MOST_COMPARED:
        _match_joined(source, made, missing, invented)
        _match_joined(made, source, invented, missing)
        _match_otherwise(source, made, missing, invented)
        for b in invented:
            if any(_same_otherwise(a, b, scaled=False) for a in again) or (
                b in made.scaled and _significand(b) == "1" and source.one_scaled
            ):
                invented[b] -= 1
    missing, invented = +missing, +invented
    if not missing:  # nothing was replaced: "Route 101 of the U.S. Route 101" only says it again
        invented = Counter({v: n - (v in source.values) for v, n in invented.items()})
        invented = +invented
    # What may be a word or a month's name on the other side is given the benefit of the doubt.
    free_missing = Counter({v: n for v, n in missing.items() if _may_lack(v, source, made)})
    free_invented = Counter({v: n for v, n in invented.items() if _may_lack(v, made, source)})
    lost = missing.total() - free_missing.total()
    new = invented.total() - free_invented.total()
    # A digit that is gone where a new one has come is a changed number all the same.
    replaced = min((missing & source.written).total(), (invented & made.written).total())
    return max(lost, replaced), max(new, replaced)


def _match_otherwise(
    source: Numbers, made: Numbers, missing: Counter[str], invented: Counter[str]
) -> None:
    """Take away what is one number, written in two ways."""
    for a in list(+missing):
        for b in list(+invented):
            if _same_otherwise(a, b, a in source.scaled or b in made.scaled):
                matched = min(missing[a], invented[b])
                missing[a] -= matched
                invented[b] -= matched
                if not missing[a]:
                    break


def _match_joined(
    source: Numbers, made: Numbers, missing: Counter[str], invented: Counter[str]
) -> None:
    """Take away what is one number with spaces in ``source`` and without them in ``made``."""
    for value, parts in source.joined.items():
        if all(missing[part] > 0 for part in parts):
            for other in [b for b, n in invented.items() if n > 0]:
                if other == value or _same_otherwise(value, other, other in made.scaled):
                    missing.subtract(parts)
                    invented[other] -= 1
                    break


def _may_lack(value: str, there: Numbers, here: Numbers) -> bool:
    """Whether a faithful version may write ``value``, found only ``there``, in words ``here``."""
    may_be_words = _may_be_spelled(value) or value in there.decades
    return (not here.complete and may_be_words) or (there.dated and _may_be_date_part(value))
