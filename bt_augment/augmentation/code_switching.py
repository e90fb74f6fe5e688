"""Code-switched pairs: words of a native pair replaced by their translations from lexicons.

Litschko et al. 2023 (arXiv 2305.05295): each word that the lexicon holds is replaced with a given
probability. Bilingual: by words of one language; multilingual: of a language drawn for each word.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from annotated_types import Ge, Le

from bt_augment.augmentation.made import Made
from bt_augment.errors import LexiconError
from bt_augment.languages import same_language
from bt_augment.pairs.candidates import CandidateBatch
from bt_augment.pairs.schema import CODE_SWITCH, NOT_LOCATED, batch_from_rows, made_schema, taken
from bt_augment.translation.lexicon import WORD, Lexicon, key_of

NativeRow = dict[str, Any]


@dataclass(frozen=True)
class Switching:
    """How words are replaced.

    Attributes:
        ratio: probability that a word which the lexicon holds is replaced.
        seed: of the draws.
    """

    ratio: Annotated[float, Ge(0), Le(1)] = 0.5
    seed: Annotated[int, Ge(0)] = 0


@dataclass(frozen=True)
class Switch:
    """One kind of code-switched text: of one language into one other, or into several.

    Attributes:
        source: BCP-47 tag of the native text.
        lexicons: one for each language that words are taken from; one makes it bilingual.
    """

    source: str
    lexicons: tuple[Lexicon, ...]

    @property
    def tags(self) -> tuple[str, str]:
        """Return what a row's ``route`` says: ``("en", "en+pt")``."""
        return self.source, "+".join((self.source, *(lexicon.target for lexicon in self.lexicons)))

    def starts_in(self, tag: str) -> bool:
        """Tell whether a text of language ``tag`` is switched; regions do not matter."""
        return same_language(self.source, tag)

    def __str__(self) -> str:
        """Return ``en:en+pt``."""
        return ":".join(self.tags)


@dataclass(frozen=True)
class SwitchedText:
    """A text with some words replaced.

    Attributes:
        text: the new text; what is not a word is as it was.
        spans: (start, end, new start, new end) of each word that was replaced, in order.
        eligible: words that a lexicon holds.
    """

    text: str
    spans: tuple[tuple[int, int, int, int], ...]
    eligible: int

    def moved(self, start: int, end: int) -> tuple[int, int]:
        """Return where the characters from ``start`` to ``end`` are now; words stay whole."""
        return self._moved(start, at_end=False), self._moved(end, at_end=True)

    def _moved(self, place: int, *, at_end: bool) -> int:
        shift = 0
        for start, end, new_start, new_end in self.spans:
            if end <= place:
                shift = new_end - end
            elif start < place:  # inside a word that was replaced
                return new_end if at_end else new_start
            else:
                break
        return place + shift


def switches(lexicons: Sequence[Lexicon]) -> tuple[Switch, ...]:
    """Return a bilingual switch for each lexicon, and a multilingual one where there are several.

    Raises:
        LexiconError: two lexicons are of the same two languages.
    """
    by_source: dict[str, list[Lexicon]] = {}
    for lexicon in lexicons:
        known = by_source.setdefault(lexicon.source, [])
        if any(other.target == lexicon.target for other in known):
            raise LexiconError(
                f"two lexicons are of {lexicon.source}-{lexicon.target}; join them into one file"
            )
        known.append(lexicon)
    made = [Switch(lexicon.source, (lexicon,)) for lexicon in lexicons]
    made += [Switch(source, tuple(own)) for source, own in by_source.items() if len(own) > 1]
    return tuple(made)


def switch_words(
    text: str, lexicons: Sequence[Lexicon], ratio: float, draw: random.Random
) -> SwitchedText:
    """Replace words of a text.

    A word is looked up in any case; its translation takes over capitals. Where several lexicons
    hold it one of them is drawn, and where a lexicon has several translations one of these, all
    with equal probability.

    Args:
        text: in the language of the lexicons' words.
        lexicons: where the translations are from.
        ratio: probability that a word which a lexicon holds is replaced, 0 to 1.
        draw: source of the draws.
    """
    parts: list[str] = []
    spans: list[tuple[int, int, int, int]] = []
    length = 0
    end = 0
    eligible = 0
    for match in WORD.finditer(text):
        key = key_of(match.group())
        found = [lexicon.entries[key] for lexicon in lexicons if key in lexicon.entries]
        if not found:
            continue
        eligible += 1
        if draw.random() >= ratio:
            continue
        word = _in_case_of(match.group(), draw.choice(draw.choice(found)))
        before = text[end : match.start()]
        length += len(before)
        spans.append((match.start(), match.end(), length, length + len(word)))
        parts += [before, word]
        length += len(word)
        end = match.end()
    parts.append(text[end:])
    return SwitchedText("".join(parts), tuple(spans), eligible)


def _in_case_of(model: str, word: str) -> str:
    if len(model) > 1 and model.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if model[:1].isupper() else word


class CodeSwitcher:
    """Applies switches to units. What a text becomes depends on the seed and the text alone."""

    def __init__(self, kinds: Sequence[Switch], settings: Switching, candidates: int = 1) -> None:
        """Take the switches, how words are replaced, and how many versions there are of each."""
        self._kinds = list(kinds)
        self._settings = settings
        self._candidates = candidates

    def apply(self, natives: pa.RecordBatch, unit: int) -> Made:  # noqa: ARG002
        """Return what all switches make of a unit; equal passages become equal ones."""
        rows: list[NativeRow] = natives.to_pylist()
        texts: dict[tuple[str, int, str], SwitchedText] = {}
        made: list[tuple[int, dict[str, Any]]] = []
        for index, row in enumerate(rows):
            for kind in self._kinds:
                if _applies(kind, row):
                    made += [(index, values) for values in self._versions(kind, row, texts)]
        at = [index for index, _ in made]
        batch = CandidateBatch(
            rows=batch_from_rows((values for _, values in made), made_schema()),
            sources=taken([natives], np.array(at, dtype=np.int64)),
            evidence={"truncated": np.zeros(len(made), dtype=np.float32)},
        )
        missing = {str(kind): sum(not _applies(kind, row) for row in rows) for kind in self._kinds}
        return Made(batch, at=tuple(at), tokens=0, not_applicable=missing)

    def _versions(
        self, kind: Switch, row: NativeRow, texts: dict[tuple[str, int, str], SwitchedText]
    ) -> Iterator[dict[str, Any]]:
        for k in range(self._candidates):
            question, passage = (
                self._switched(kind, k, row[name], texts) for name in ("question", "passage")
            )
            yield {
                "id": f"{row['id']}/{kind}/{k}",
                "source_id": row["id"],
                "group_id": row["group_id"],
                "question": question.text,
                "passage": passage.text,
                "question_lang": row["question_lang"],
                "passage_lang": row["passage_lang"],
                "title": row["title"],
                "answers": list(_answers(row["answers"] or [], passage)),
                "method": CODE_SWITCH,
                "route": list(kind.tags),
                "models": [lexicon.label for lexicon in kind.lexicons],
            }

    def _switched(
        self, kind: Switch, k: int, text: str, texts: dict[tuple[str, int, str], SwitchedText]
    ) -> SwitchedText:
        key = (str(kind), k, text)
        if key not in texts:
            seed = f"{self._settings.seed}\x1f{kind}\x1f{k}\x1f{text}"
            digest = hashlib.blake2b(seed.encode(), digest_size=16).digest()
            draw = random.Random(digest)  # noqa: S311 - a draw that can be repeated, not a secret
            texts[key] = switch_words(text, kind.lexicons, self._settings.ratio, draw)
        return texts[key]


def _applies(kind: Switch, row: Mapping[str, Any]) -> bool:
    return all(kind.starts_in(row[column]) for column in ("question_lang", "passage_lang"))


def _answers(
    answers: Sequence[Mapping[str, Any]], passage: SwitchedText
) -> Iterator[dict[str, Any]]:
    for answer in answers:
        start = answer["start"]
        if start == NOT_LOCATED:
            yield {"text": answer["text"], "start": NOT_LOCATED}
            continue
        first, last = passage.moved(start, start + len(answer["text"]))
        yield {"text": passage.text[first:last], "start": first}
