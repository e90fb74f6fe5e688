"""Writing systems: which script a language is written in, and how much a character carries."""

from __future__ import annotations

import re
from functools import lru_cache

import langcodes
import regex

# One Han character carries about as much as 3.5 letters of an alphabet: with this weight the
# Chinese passages of XQuAD-R are as long as the other languages' (0.9 to 1.1 of the English).
HAN_WEIGHT = 3.5
_WEIGHTS = tuple(
    (regex.compile(pattern), weight)
    for pattern, weight in (
        (r"\p{Script=Hani}", HAN_WEIGHT),
        (r"[\p{Script=Hira}\p{Script=Kana}]", 1.7),
        (r"\p{Script=Hang}", 2.0),  # a syllable block is two or three letters
    )
)

_COMPOSED = {
    "Jpan": frozenset({"Hira", "Kana", "Hani"}),
    "Kore": frozenset({"Hang", "Hani"}),
    "Hans": frozenset({"Hani"}),
    "Hant": frozenset({"Hani"}),
}
# Languages in everyday use in two scripts; a tag without a script allows both.
_DIGRAPHIC = {
    "sr": frozenset({"Cyrl", "Latn"}),
    "sh": frozenset({"Cyrl", "Latn"}),
    "bs": frozenset({"Cyrl", "Latn"}),
    "az": frozenset({"Cyrl", "Latn"}),
    "uz": frozenset({"Cyrl", "Latn"}),
    "kk": frozenset({"Cyrl", "Latn"}),
    "tk": frozenset({"Cyrl", "Latn"}),
    "mn": frozenset({"Cyrl", "Mong"}),
    "ku": frozenset({"Latn", "Arab"}),
    "ks": frozenset({"Arab", "Deva"}),
    "sd": frozenset({"Arab", "Deva"}),
    "pa": frozenset({"Guru", "Arab"}),
}

_LETTERS = regex.compile(r"\p{L}+")
# Latin letters without combining marks, numbers, common punctuation; no control characters.
_NOT_PLAIN = re.compile("[^\t\n\r -~\u00a0-\u024f\u2010-\u2027\u2030-\u2046\u20ac]")
# What is alphanumeric in such a text and no ASCII digit, for a character class of ``re``: it looks
# a listed character up in a table, where ``[^\W\d_]`` asks three questions of each.
PLAIN_LETTERS = (
    "A-Za-z\u00aa\u00b2\u00b3\u00b5\u00b9\u00ba\u00bc-\u00be\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
)


def is_plain_latin(text: str) -> bool:
    """Whether a text is of Latin letters, numbers and common punctuation only.

    In such a text the word characters of ``re``, which is ten times faster, are the letters and
    numbers of Unicode's properties, for which other texts need ``regex``.
    """
    return _NOT_PLAIN.search(text) is None


@lru_cache(maxsize=512)
def expected_scripts(tag: str) -> frozenset[str] | None:
    """Return the ISO 15924 codes of the scripts in which the language of ``tag`` is written.

    A script in the tag (``sr-Latn``) decides; otherwise the likely script by CLDR. ``None`` if
    CLDR knows none, or the script is one that Unicode does not tell apart.
    """
    language = langcodes.Language.get(tag)
    if language.script is None and language.language in _DIGRAPHIC:
        return _DIGRAPHIC[language.language]
    script = language.maximize().script
    if script is None:
        return None
    scripts = _COMPOSED.get(script, frozenset({script}))
    return scripts if all(_is_unicode_script(code) for code in scripts) else None


def effective_length(text: str) -> float:
    """Return the length of ``text`` in alphabet-letter equivalents.

    Han, kana and Hangul characters count for 3.5, 1.7 and 2 characters, others for one, so that
    lengths compare across languages.
    """
    if is_plain_latin(text):
        return float(len(text))
    return len(text) + sum((weight - 1) * len(p.findall(text)) for p, weight in _WEIGHTS)


def script_ratio(text: str, scripts: frozenset[str]) -> float:
    """Return the share of the letters of ``text``, by effective length, that are in ``scripts``.

    Digits, punctuation, marks and symbols are not counted. NaN if there is no letter.
    """
    if "Latn" in scripts and is_plain_latin(text):
        return 1.0 if _LETTERS.search(text) else float("nan")
    letters = "".join(_LETTERS.findall(text))
    if not letters:
        return float("nan")
    inside = "".join(_script_pattern(scripts).findall(letters))
    return effective_length(inside) / effective_length(letters)


@lru_cache(maxsize=256)
def _script_pattern(scripts: frozenset[str]) -> regex.Pattern[str]:
    # Letters of the script "common" (the Japanese length mark, ordinal signs) belong to any.
    members = "".join(rf"\p{{Script={code}}}" for code in sorted(scripts))
    return regex.compile(rf"[{members}\p{{Script=Zyyy}}]+")


@lru_cache(maxsize=256)
def _is_unicode_script(code: str) -> bool:
    try:
        regex.compile(rf"\p{{Script={code}}}")
    except regex.error:
        return False
    return code not in ("Zyyy", "Zxxx", "Zinh")
