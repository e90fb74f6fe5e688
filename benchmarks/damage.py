"""Controlled damage to good pairs: each kind is a change that a bilingual reader would reject."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import regex

from bt_augment.filtering.copying import copied_share
from bt_augment.pairs.answers import relocate
from bt_augment.pairs.schema import NOT_LOCATED, ROUND_TRIP
from bt_augment.translation.segmentation import split_sentences

Row = dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """A native row and the row made of it."""

    native: Row
    made: Row


@dataclass(frozen=True)
class Context:
    """What a kind of damage may draw on: chance, and the other pairs of the set."""

    rng: random.Random
    pairs: Sequence[Pair]
    names: Sequence[str]


Damage = Callable[[Pair, Context], Row | None]  # None: this pair has nothing to damage

_NUMBER = re.compile(r"(?<![\w.,])\d{1,4}(?![\w.,]*\d)")
_NAME = re.compile(r"(?<=[a-zà-ÿ,] )[A-ZÀ-Ý][a-zà-ÿ]{3,}(?: [A-ZÀ-Ý][a-zà-ÿ]{3,})*")
# Of people, places and organisations, written for this; some are ordinary words too.
STRANGERS = (
    *("Kowalczyk", "Beatriz Tavares", "Nagoya", "Fitzgerald", "Mbeki", "Lindqvist", "Salvador"),
    *("Margaret Hale", "Toronto", "Okafor", "Brandenburg Society", "Rosario", "Baker", "Hudson"),
    *("Ulan Bator", "Ferreira", "Anderson", "Perth", "Green Harbour Company", "Yamamoto", "Minsk"),
    *("Dubois", "Carter", "Nairobi", "Western Railway", "Petrov", "Quito", "Olga Novak", "Lagos"),
)
_NEGATIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "en": (
        (r"\b(do|does|did) not ", ""),
        (r"\bnot ", ""),
        (r"\bcannot\b", "can"),
        (r"(?<=[a-z])n['’]t\b", ""),
        (r"\bnever ", ""),
        (r"\bwithout\b", "with"),
        (r"\bno (?=[a-z])", "some "),
        (r"\bnone of\b", "all of"),
    ),
    "pt": (
        (r"\bnão ", ""),
        (r"\bnunca ", ""),
        (r"\bsem\b", "com"),
        (r"\bnenhum(a?)\b", r"algum\1"),
    ),
    "es": ((r"\bno ", ""), (r"\bnunca ", ""), (r"\bsin\b(?! embargo)", "con")),
    "de": ((r"\bnicht ", ""), (r"\bohne\b", "mit"), (r"\bkein", "ein"), (r"\bnie ", "")),
}
# A second negation that goes with the first, and still negates without it (não … nada).
_CONCORD = re.compile(r"[^.!?]{,60}\b(?:ning\w+|nenhu\w+|nada|nadie|ninguém|nem|ni|tampoco)\b")
_QUESTION_MARKS = re.compile(r"[?？؟;]\s*$")
_MARK_OPTIONAL = ("th", "ja")  # without the mark, such a question is still one
_ENGLISH_QUESTION = re.compile(
    r"^(?:who|what|which|when|where|why|how(?: many| much)?|in (?:what|which))\b", re.IGNORECASE
)
_PORTUGUESE_QUESTION = re.compile(
    r"^(?:(?:em|de|com|a|por) )?(?:quem|o que|que|qual|quais|quando|onde|quant[oa]s?|como)\b",
    re.IGNORECASE,
)


def numbers_changed(pair: Pair, context: Context) -> Row | None:
    """Change one number of up to four digits to a value that the pair does not have."""
    places = [
        (text, m) for text in ("question", "passage") for m in _NUMBER.finditer(pair.made[text])
    ]
    if not places:
        return None
    text, match = context.rng.choice(places)
    value = int(match.group())
    taken = set(re.findall(r"\d+", pair.native["passage"] + pair.native["question"]))
    near = [value + step for step in (*range(-9, 0), *range(1, 10), 20, 50)]
    options = [str(v) for v in near if v > 0 and str(v) not in taken]
    return _replaced(pair, text, match.span(), context.rng.choice(options))


def negation_dropped(pair: Pair, context: Context) -> Row | None:
    """Take one negation away, where the native text has one too."""
    lang = pair.made["passage_lang"]
    native = _NEGATIONS.get(pair.native["passage_lang"], ())
    places = [
        (text, match, replacement)
        for text in ("question", "passage")
        if any(re.search(pattern, pair.native[text], re.IGNORECASE) for pattern, _ in native)
        for pattern, replacement in _NEGATIONS.get(lang, ())
        for match in re.finditer(pattern, pair.made[text])
        if not _CONCORD.match(pair.made[text], match.end())
    ]
    if not places:
        return None
    text, match, replacement = context.rng.choice(places)
    return _replaced(pair, text, match.span(), match.expand(replacement))


def entity_swapped(pair: Pair, context: Context) -> Row | None:
    """Put a name of another pair in the place of one that native and made text both have."""
    return _swapped(pair, context, context.names)


def entity_swapped_for_a_stranger(pair: Pair, context: Context) -> Row | None:
    """Put a name that is in no pair of the set in the place of one that both texts have."""
    return _swapped(pair, context, [name for name in STRANGERS if name not in context.names])


def _swapped(pair: Pair, context: Context, names: Sequence[str]) -> Row | None:
    native = pair.native["question"] + " " + pair.native["passage"]
    places = [
        (text, m.group())
        for text in ("question", "passage")
        for m in _NAME.finditer(pair.made[text])
        if m.group() in pair.native[text]
    ]
    others = [name for name in names if name.split()[0] not in native]
    if not places or not others:
        return None
    text, name = context.rng.choice(places)
    new = context.rng.choice(others)
    changed = re.sub(rf"\b{re.escape(name)}\b", new, pair.made[text])
    return _with(pair, {text: changed})


def word_repeated(pair: Pair, context: Context) -> Row | None:
    """Repeat one word three to eight times, as decoders do when they loop."""
    text = context.rng.choice(("question", "passage"))
    words = list(regex.finditer(r"[\p{L}\p{M}]{2,}", pair.made[text]))
    if not words:
        return None
    word = context.rng.choice(words)
    space = "" if pair.made["passage_lang"] in ("zh", "ja", "th") else " "
    again = space.join([word.group()[:12]] * context.rng.randint(4, 9))
    return _replaced(pair, text, word.span(), again)


def sentence_dropped(pair: Pair, context: Context) -> Row | None:
    """Leave one sentence of the passage out."""
    sentences = split_sentences(pair.made["passage"], pair.made["passage_lang"])
    places = [i for i, s in enumerate(sentences) if sum(map(str.isalpha, s)) >= 8]
    if len(places) < 2:
        return None
    out = context.rng.choice(places)
    return _with(pair, {"passage": "".join(sentences[:out] + sentences[out + 1 :])})


def wrong_language(pair: Pair, context: Context) -> Row | None:
    """Put question, passage or both in another language: the pivot's, or another pair's source."""
    texts = context.rng.choice((("question",), ("passage",), ("question", "passage")))
    if pair.made["method"] == ROUND_TRIP:
        return _with(pair, {text: pair.made[f"pivot_{text}"] for text in texts})
    other = context.rng.choice(context.pairs).native
    return _with(pair, {text: other[text] for text in texts})


def copied_through(pair: Pair, context: Context) -> Row | None:
    """Leave the question, the passage, or a sentence of four words or more untranslated."""
    lang = pair.native["passage_lang"]
    kind = context.rng.choice(("question", "passage", "sentence"))
    if kind != "sentence":
        return _copied(pair, kind, pair.native[kind])
    column = "pivot_passage" if pair.made["method"] == ROUND_TRIP else "passage"
    target = pair.made["route"][1]
    before = split_sentences(pair.native["passage"], lang)
    after = split_sentences(pair.made[column], target)
    # A sentence of names alone reads the same in both languages.
    places = [
        i
        for i, s in enumerate(before)
        if len(re.findall(r"\b[^\W\d_A-ZÀ-Ý][^\W\d_]*", s)) >= 4 and copied_share(s, s, lang)
    ]
    if len(before) != len(after) or not places:
        return None
    chosen = context.rng.choice(places)
    copy = "".join([*after[:chosen], before[chosen], *after[chosen + 1 :]])
    return _with(pair, {column: copy})


def question_to_statement(pair: Pair, context: Context) -> Row | None:
    """Make the question a statement: no question word where we know them, no question mark."""
    del context
    question = pair.made["question"].strip()
    if not _QUESTION_MARKS.search(question) or pair.made["question_lang"] in _MARK_OPTIONAL:
        return None
    statement = _QUESTION_MARKS.sub(".", question).lstrip("¿ ")
    lang = pair.made["question_lang"]
    if lang == "en":
        statement = _ENGLISH_QUESTION.sub("This", statement)
    elif lang == "pt":
        statement = _PORTUGUESE_QUESTION.sub("Isto", statement)
    return _with(pair, {"question": statement})


def answer_sentence_removed(pair: Pair, context: Context) -> Row | None:
    """Leave out the sentence of the made passage that holds the answer."""
    del context
    starts = [a["start"] for a in pair.made["answers"] or () if a["start"] != NOT_LOCATED]
    sentences = split_sentences(pair.made["passage"], pair.made["passage_lang"])
    if not starts or len(sentences) < 2:
        return None
    end = 0
    for index, sentence in enumerate(sentences):
        end += len(sentence)
        if starts[0] < end:
            return _with(pair, {"passage": "".join(sentences[:index] + sentences[index + 1 :])})
    return None


KINDS: dict[str, Damage] = {
    "word repeated": word_repeated,
    "wrong language": wrong_language,
    "copied through": copied_through,
    "number changed": numbers_changed,
    "sentence dropped": sentence_dropped,
    "answer's sentence removed": answer_sentence_removed,
    "negation dropped": negation_dropped,
    "entity swapped": entity_swapped,
    "entity swapped for a stranger": entity_swapped_for_a_stranger,
    "question to statement": question_to_statement,
}


def names_of(pairs: Sequence[Pair]) -> list[str]:
    """Return the names in the made passages, to swap in elsewhere."""
    return sorted({m.group() for p in pairs for m in _NAME.finditer(p.made["passage"])})


def _copied(pair: Pair, text: str, copy: str) -> Row | None:
    if pair.made["method"] == ROUND_TRIP:  # untranslated by the first hop, and so by the second
        return _with(pair, {text: copy, f"pivot_{text}": copy})
    return _with(pair, {text: copy})


def _replaced(pair: Pair, text: str, span: tuple[int, int], new: str) -> Row:
    old = pair.made[text]
    return _with(pair, {text: old[: span[0]] + new + old[span[1] :]})


def _with(pair: Pair, changes: Row) -> Row:
    """Return the made row with changes, its answers located anew as the engine would."""
    row = pair.made | changes
    if row["method"] == ROUND_TRIP:
        found = (relocate(a["text"], row["passage"]) for a in pair.native["answers"] or ())
        row["answers"] = [{"text": text, "start": start} for text, start, _ in found]
    return row
