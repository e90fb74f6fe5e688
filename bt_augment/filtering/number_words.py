"""Numbers spelled out in words, English and Portuguese."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

_CHARSET = "latin-1"  # has all letters of these languages' number words
_LETTERS_ALONE = bytes(code if chr(code).isalpha() else ord(" ") for code in range(256))


def _numbered(words: str, start: int, step: int = 1) -> dict[str, int]:
    return {word: start + step * index for index, word in enumerate(words.split())}


@dataclass(frozen=True)
class NumberWords:
    """Number words of a language.

    Attributes:
        cardinals: word → value.
        hints: words that a faithful version may write as a number, or not: ``first``, ``pair``.
        connector: the word inside a number: two hundred *and* six.
        scales: words that multiply what stands before them.
    """

    cardinals: dict[str, int]
    hints: dict[str, int]
    connector: str
    scales: dict[str, int]

    @cached_property
    def valued(self) -> frozenset[str]:
        """Return all words that stand for a number."""
        return frozenset((*self.cardinals, *self.hints, *self.scales))

    @cached_property
    def _valued_bytes(self) -> frozenset[bytes]:
        return frozenset(word.encode(_CHARSET) for word in self.valued)

    def may_be_in(self, text: str) -> bool:
        """Tell quickly whether a text may have a number word; no is certain.

        A character outside Latin-1 parts words, as does all that is no letter.
        """
        parted = text.casefold().encode(_CHARSET, "replace").translate(_LETTERS_ALONE)
        return not self._valued_bytes.isdisjoint(parted.split())


_EN = NumberWords(
    cardinals=_numbered(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen",
        start=0,
    )
    | _numbered("twenty thirty forty fifty sixty seventy eighty ninety", start=20, step=10),
    hints=_numbered(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth "
        "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth",
        start=1,
    )
    | {"thirtieth": 30, "once": 1, "twice": 2, "double": 2, "both": 2, "half": 2, "dozen": 12}
    | {"couple": 2, "pair": 2, "twin": 2, "triple": 3, "quarter": 4, "decade": 10, "century": 100}
    | {"thirds": 3, "quarters": 4, "fifths": 5, "hundred": 100, "hundreds": 100},
    connector="and",
    scales={"hundred": 100, "thousand": 1000},
)
_PT = NumberWords(
    cardinals=_numbered(
        "zero um dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze "
        "dezesseis dezessete dezoito dezenove",
        start=0,
    )
    | _numbered(
        "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa", start=20, step=10
    )
    | _numbered(
        "cento duzentos trezentos quatrocentos quinhentos seiscentos setecentos oitocentos "
        "novecentos",
        start=100,
        step=100,
    )
    | _numbered(
        "duzentas trezentas quatrocentas quinhentas seiscentas setecentas oitocentas novecentas",
        start=200,
        step=100,
    )
    | {"uma": 1, "duas": 2, "tres": 3, "quatorze": 14, "dezasseis": 16, "dezassete": 17}
    | {"dezanove": 19, "cem": 100},
    hints={
        stem + ending: value
        for stem, value in _numbered(
            "primeir segund terceir quart quint sext sétim oitav non décim", start=1
        ).items()
        for ending in ("o", "a", "os", "as")
    }
    | {"duplo": 2, "dupla": 2, "ambos": 2, "ambas": 2, "metade": 2, "meio": 2, "dúzia": 12}
    | {"par": 2, "vigésimo": 20, "década": 10, "século": 100, "dobro": 2, "triplo": 3},
    connector="e",
    scales={"mil": 1000},
)
NUMBER_WORDS = {"en": _EN, "pt": _PT}

_WORD = re.compile(r"([^\W\d_]+)")
_GREATEST = 10**15  # "hundred hundred hundred" multiplies no further


def spelled_numbers(text: str, words: NumberWords) -> tuple[list[int], list[int]]:
    """Return the values spelled out by cardinal words, and those only hinted at."""
    values: list[int] = []
    hints: list[int] = []
    parts = _WORD.split(text.casefold())  # what stands between words, and words, in turn
    tokens = parts[1::2]
    if words.valued.isdisjoint(tokens):  # most sentences
        return values, hints
    total = current = -1  # -1: no number open
    previous = -1  # index of the last word of the open number
    last = 0

    def close() -> None:
        nonlocal total, current
        if total >= 0 or current >= 0:
            value = max(total, 0) + max(current, 0)
            (values if value > 1 else hints).append(value)
        total = current = -1

    for index, word in enumerate(tokens):
        if word not in words.valued and word != words.connector:
            continue
        if index > previous + 1 or parts[2 * index].strip(" -"):
            close()
        if word in words.cardinals:
            value = words.cardinals[word]
            # "forty two" adds up; "two three" are two numbers
            if current >= 0 and not (last > value and (last >= 100 or (last >= 20 and value < 10))):
                close()
            current = max(current, 0) + value
            last = value
        elif word in words.scales and (0 < current < _GREATEST or words.scales[word] == 1000):
            scale = words.scales[word]
            if scale == 1000:
                total, current = max(total, 0) + (current if current > 0 else 1) * scale, -1
            else:
                current *= scale
            last = scale
        elif word != words.connector:
            close()
            if word in words.hints:
                hints.append(words.hints[word])
        previous = index
    close()
    return values, hints
