"""Passages to sentences and back, with every white space and line break kept.

Machine translation models take sentences: a passage is split by a rule-based splitter
(``sentencex``, by language), translated sentence by sentence, and put together again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

import sentencex

from bt_augment.translation.remembering import remembered

# A line break or a tab in the middle of a sentence makes models produce gibberish, so both end a
# segment; they are layout, not text.
_LAYOUT = re.compile(r"([\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]+)")
_CLAUSE_MARKS = re.compile(r"(?<=[;:,，、；：،؛–—…])\s*")
_SPACES = re.compile(r"\s+")

# Languages whose ordinal numbers are written with a point: 20. yüzyıl, 18. Jahrhundert.
_POINT_ORDINALS = frozenset(
    {"bg", "cs", "da", "de", "et", "fi", "hr", "hu", "is", "lb", "lv", "mk", "nb", "no", "pl"}
    | {"sk", "sl", "sr", "tr"}
)
_ENDS_IN_ORDINAL = re.compile(r"(?:^|\s)(?:\d{1,2}|[IVX]+)\.\s*$")
# One capital letter is an initial (J. Smith), but for those of kings and centuries.
_ENDS_IN_INITIAL = re.compile(r"(?:^|[\s(])(?![IVX])(?P<letter>[^\W\d_])\.\s*$")
_INITIALS_KNOWN = frozenset({"en"})  # the splitter tells J. Smith from vitamin C there

_BRACKETS = {")": "(", "]": "[", "}": "{", "）": "（"}
_BRACKET = re.compile(r"[()\[\]{}（）]")
_NO_BRACKET = ","

# A line of Latin letters that no mark cuts, as most questions are.
_ONE_SENTENCE = re.compile(r"[A-Za-z0-9\u00c0-\u024f ,'’-]*[.?!]?")

_WINDOW = 5_000  # characters, of which a quotation or a bracket may have half
_LEAST_SURE = 0.05  # of a window; with less it is made wider, as many would be read for little
_REMEMBERED = 10_000  # characters; more would keep megabytes

# A capital right after these, or at the start, may be a sentence's and not a name's.
SENTENCE_OPENERS = frozenset("\"“”„«»‘’'([{:;.!?…-–—¿¡\n")

# Languages written without marks at the end of a sentence or of a question.
UNMARKED = frozenset({"th", "lo", "km", "my", "bo", "dz"})
# Languages written without spaces between words.
UNSPACED = UNMARKED | {"zh", "ja", "yue", "wuu"}


def split_sentences(text: str, tag: str) -> list[str]:
    """Return ``text`` cut into sentences and line breaks; joined, they are ``text`` again.

    The splitter is helped where it errs. A number of one or two digits, or a Roman one, ends no
    sentence where ordinal numbers have a point; an initial ends none; a bracket that is never
    closed does not hold the rest of the text together.

    Args:
        text: any Unicode text.
        tag: BCP-47 tag of its language.
    """
    lang = tag.split("-")[0]
    return list(_split(text, lang) if len(text) > _REMEMBERED else _split_again(text, lang))


@remembered(texts=4096)  # translation and several filters ask for the texts of a unit
def _split_again(text: str, lang: str) -> tuple[str, ...]:
    return tuple(_split(text, lang))


def _split(text: str, lang: str) -> list[str]:
    pieces: list[str] = []
    for line in _LAYOUT.split(text):
        if not line:
            continue
        if _ONE_SENTENCE.fullmatch(line) or _LAYOUT.fullmatch(line) or not line.strip():
            pieces.append(line)
            continue
        plain = _without_lone_brackets(line)
        sentences = _segmented(plain, lang)
        if "".join(sentences) != plain:  # it promises to keep every character
            pieces.append(line)
            continue
        ends = accumulate(map(len, sentences), initial=0)
        pieces.extend(_joined([line[a:b] for a, b in pairwise(ends)], lang))
    return pieces


def _segmented(line: str, lang: str) -> list[str]:
    """Return the splitter's sentences of a line; of a long one, a window of it at a time.

    The splitter takes the square of the time for twice as many sentences.
    """
    found: list[str] = []
    start = 0
    window = _WINDOW
    while len(line) - start > window:
        sentences = _sentences(line[start : start + window], lang)
        # Where those of the second half end may hang on what comes behind the window.
        ends = accumulate(map(len, sentences))
        sure = [s for s, end in zip(sentences, ends, strict=True) if 2 * end < window]
        length = sum(map(len, sure))
        if length < _LEAST_SURE * window:
            window *= 2
            continue
        found += sure
        start += length
        window = _WINDOW
    return found + _sentences(line[start:], lang)


def _sentences(text: str, lang: str) -> list[str]:
    return [s for s in sentencex.segment(lang, text) if s]


def _without_lone_brackets(line: str) -> str:
    """Return a line of the same length without the brackets that nothing opens or closes."""
    lone: list[tuple[int, str]] = []
    for match in _BRACKET.finditer(line):
        bracket = match.group()
        if lone and lone[-1][1] == _BRACKETS.get(bracket):
            lone.pop()
        else:
            lone.append((match.start(), bracket))
    if not lone:
        return line
    characters = list(line)
    for place, _ in lone:
        characters[place] = _NO_BRACKET
    return "".join(characters)


def _joined(sentences: Sequence[str], lang: str) -> list[str]:
    """Return sentences joined where an ordinal number or an initial was taken for their end."""
    starts = [
        index
        for index in range(len(sentences))
        if index == 0 or not _goes_on(sentences[index - 1], lang)
    ]
    return ["".join(sentences[a:b]) for a, b in pairwise([*starts, len(sentences)])]


def _goes_on(sentence: str, lang: str) -> bool:
    if lang in _POINT_ORDINALS and _ENDS_IN_ORDINAL.search(sentence):
        return True
    initial = None if lang in _INITIALS_KNOWN else _ENDS_IN_INITIAL.search(sentence)
    return initial is not None and not initial["letter"].islower()


@dataclass(frozen=True)
class Layout:
    """A text as sentences and what stands between them.

    Attributes:
        sentences: the texts to translate, without white space at their edges; each has a letter.
        gaps: ``len(sentences) + 1`` strings: what stands before, between and after them.
    """

    sentences: tuple[str, ...]
    gaps: tuple[str, ...]

    @classmethod
    def of(cls, text: str, tag: str) -> Layout:
        """Return the layout of ``text``; ``layout.fill(layout.sentences)`` is ``text`` again."""
        sentences: list[str] = []
        gaps = [""]
        for piece in split_sentences(text, tag):
            before, core, after = _edges(piece)
            if any(c.isalpha() for c in core):
                gaps[-1] += before
                sentences.append(core)
                gaps.append(after)
            else:  # numbers, marks and emoji mean the same in every language
                gaps[-1] += piece
        return cls(tuple(sentences), tuple(gaps))

    @cached_property
    def own_windows(self) -> list[tuple[int, int]]:
        """Return the (start, end) character offsets of each sentence in the text itself."""
        return self.windows(self.sentences)

    def fill(self, sentences: Sequence[str], *, spaced: bool = False) -> str:
        """Return the text with ``sentences`` in place of the original ones.

        Args:
            sentences: as many as the layout has.
            spaced: put a space between two sentences that had none, where the new language
                needs one (Chinese to English).
        """
        parts = [self.gaps[0]]
        last = len(sentences) - 1
        for i, (sentence, gap) in enumerate(zip(sentences, self.gaps[1:], strict=True)):
            parts += [sentence, " " if spaced and not gap and i < last else gap]
        return "".join(parts)

    def windows(self, sentences: Sequence[str], *, spaced: bool = False) -> list[tuple[int, int]]:
        """Return the (start, end) character offsets of each sentence in ``fill(sentences)``."""
        offsets = []
        position = len(self.gaps[0])
        last = len(sentences) - 1
        for i, (sentence, gap) in enumerate(zip(sentences, self.gaps[1:], strict=True)):
            offsets.append((position, position + len(sentence)))
            position += len(sentence) + (1 if spaced and not gap and i < last else len(gap))
        return offsets


def needs_spaces(source: str, target: str) -> bool:
    """Tell whether text from ``source`` lacks the spaces between sentences ``target`` writes."""
    return source.split("-")[0] in UNSPACED and target.split("-")[0] not in UNSPACED


def split_long(sentence: str, tokens: Callable[[list[str]], list[int]], limit: int) -> list[str]:
    """Return ``sentence`` cut into pieces of at most ``limit`` tokens.

    Cut at the clause mark nearest the middle; where there is none at a white space, and where
    there is none between two characters. Joined, the pieces are ``sentence`` again.

    Args:
        sentence: text without line breaks.
        tokens: gives the number of tokens of each of a list of texts.
        limit: greatest number of tokens, at least 1.
    """
    done: list[str] = []
    todo = [sentence]
    while todo:
        piece = todo.pop()
        # Every token stands for at most a few dozen characters, so a huge piece is cut unasked.
        if len(piece) <= 64 * limit and tokens([piece])[0] <= limit:
            done.append(piece)
            continue
        cut = _middle_cut(piece)
        if cut is None:
            done.append(piece)
        else:
            todo += [piece[cut:], piece[:cut]]
    return done


def join_parts(source_parts: Sequence[str], parts: Sequence[str]) -> str:
    """Return translated ``parts`` of one sentence joined as ``source_parts`` were."""
    joined = ""
    for source, part in zip(source_parts, parts, strict=True):
        joined += part + source[len(source.rstrip()) :]
    return joined.strip()


def _edges(piece: str) -> tuple[str, str, str]:
    """Return the white space before a piece, the piece without it, and that behind it."""
    core = piece.strip()
    start = len(piece) - len(piece.lstrip())
    return piece[:start], core, piece[start + len(core) :]


def _middle_cut(piece: str) -> int | None:
    middle = len(piece) // 2
    for marks in (_CLAUSE_MARKS, _SPACES):
        cuts = [m.end() for m in marks.finditer(piece) if 0 < m.end() < len(piece)]
        near = [c for c in cuts if len(piece) // 8 <= c <= len(piece) - len(piece) // 8]
        if near:
            return min(near, key=lambda c: abs(c - middle))
    return middle if len(piece) > 1 else None
