"""Names and other capitalised words, kept or exchanged."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from rapidfuzz import fuzz, process

from bt_augment.filtering.capitals import (
    MIN_LETTERS,
    NOUNS_CAPITALISED,
    capitalised_words,
    is_latin,
    names_in,
    words_of,
)
from bt_augment.filtering.sentence_pairs import sentence_pairs
from bt_augment.filtering.shown_names import is_foreign
from bt_augment.languages import without_region
from bt_augment.translation.remembering import remembered
from bt_augment.translation.segmentation import split_sentences

# Names keep their letters in a round trip, up to spelling; in a translation some take the
# target's form (London, Londres), so that much less likeness is asked.
_ROUND_TRIP_LIKENESS = 75.0
_TRANSLATION_LIKENESS = 50.0
_PIVOT_LIKENESS = 61.0  # a word less alike is another word, not the name in the pivot language
_PIVOT_KEEPS = 80.0  # a word more alike is the name itself; between the two are cognates
_VERBATIM = 95.0
_NO_ORIGIN = 41.0  # a new name less alike to any word of the pivot translates none of them
_ABBREVIATION = 4  # letters
_TITLE_WORDS = (3, 4, 5)  # fewer words are in ordinary text too
_LATIN_WORD = re.compile("[A-Za-z\u00c0-\u024f]+")  # other letters may be glued to it: a particle
_STEM = 4  # letters that forms of one name begin with


def names_kept(source: str, source_lang: str, made: str, made_lang: str) -> tuple[int, int] | None:
    """Return how many names of ``source`` have a like word in ``made``, and how many there are.

    A name is a capitalised word in the middle of a sentence.

    Returns:
        ``None`` where names are not comparable: one of the texts is not in Latin letters, or
        one of two different languages capitalises all nouns.
    """
    if not _comparable(source, source_lang, made, made_lang):
        return None
    round_trip = without_region(source_lang) == without_region(made_lang)
    likeness = _ROUND_TRIP_LIKENESS if round_trip else _TRANSLATION_LIKENESS
    tokens = words_of(made)
    names = [n for s in split_sentences(source, source_lang) for n in names_in(s)]
    return sum(_like(name, tokens, likeness) for name in names), len(names)


def _comparable(source: str, source_lang: str, made: str, made_lang: str) -> bool:
    if without_region(source_lang) == without_region(made_lang):
        return True
    nouns = {source_lang.split("-")[0], made_lang.split("-")[0]} & NOUNS_CAPITALISED
    return not nouns and is_latin(source) and is_latin(made)


def names_exchanged(
    source: str, pivot: str, made: str, lang: str, shown: Collection[str] = ()
) -> int:
    """Return how many names of a round trip came back as other names.

    A name of ``made`` that neither ``source`` nor the pivot has a like word for is of no origin,
    and stands for another, unless it is an ordinary word of the language. Other round trips may
    show that it is none, as it comes of itself alone there (``shown``:
    :func:`bt_augment.filtering.shown_names.shown_names`).

    Else a name of ``source`` that has no like word in ``made`` is exchanged if its sentence has a
    new name instead, and the pivot tells the two apart from reworded common words (Act, Law): it
    has the old name, or the new one as it is, or a word like both (Siam, Sião, Sion), or nothing
    that the new one could come from; or ``shown`` has the new one.
    """
    known, kept, through = words_of(source), words_of(made), words_of(pivot)
    pairs = sentence_pairs(source, lang, made, lang)
    exchanged = 0
    for index, (before, after) in enumerate(pairs):
        # In order: what a name is paired with must not depend on the seed of Python's hashes.
        new = [n for n in sorted(names_in(after)) if not _like(n, known, _ROUND_TRIP_LIKENESS)]
        invented = sum(
            len(name) > MIN_LETTERS
            and is_foreign(name, lang, shown)
            and _nearest(name, through)[1] < _PIVOT_LIKENESS
            for name in new
        )
        if invented:
            exchanged += invented
            continue
        missing = [n for n in sorted(names_in(before)) if not _like(n, kept, _ROUND_TRIP_LIKENESS)]
        missing, new = _without_abbreviations(missing, new, before, after)
        if missing and new:
            between = sorted(_words_between(pivot, len(pairs), index))
            traced = _traced(missing, new, between, known)
            foreign = sum(name in shown for name in new)
            exchanged += min(len(missing), len(new), max(traced, foreign))
    return exchanged


def names_disagreeing(
    source: tuple[str, str], source_lang: str, made: tuple[str, str], made_lang: str
) -> int | None:
    """Return how many names a translation has in one text and not in the other.

    A single text does not tell another name from a translated one (Germany, Alemanha). But a
    name that both ``source`` texts have, and that one made text keeps as it is, is missing from
    the other if that has a new name in its place.

    Args:
        source: question and passage.
        source_lang: BCP-47 tag of both.
        made: their translations.
        made_lang: BCP-47 tag of both.

    Returns:
        ``None`` where names are not comparable (see :func:`names_kept`).
    """
    if not _comparable(" ".join(source), source_lang, " ".join(made), made_lang):
        return None
    known = capitalised_words(source[0]) | capitalised_words(source[1])
    disagreeing = 0
    for text, other in ((0, 1), (1, 0)):
        shared = capitalised_words(source[other]) & capitalised_words(made[other])
        if not shared & capitalised_words(source[text]):
            continue
        for before, after in sentence_pairs(source[text], source_lang, made[text], made_lang):
            kept = capitalised_words(after) | capitalised_words(made[text])
            missing = sum(not _alike(name, kept) for name in names_in(before) & shared)
            if missing:
                disagreeing += min(missing, sum(not _alike(n, known) for n in names_in(after)))
    return disagreeing


def title_lost(source: tuple[str, str], made: tuple[str, str]) -> bool:
    """Tell whether a translated question lost a title that its passage kept as it was.

    What question and passage call by the same three words or more, capitals or not, and the made
    passage leaves untranslated, with capitals at both ends, is a title or a name: the made question
    has to have it too.

    Args:
        source: question and passage.
        made: their translations.
    """
    gone = {_folded(run) for run in _runs(source[0])} - {_folded(run) for run in _runs(made[0])}
    if not gone:
        return False
    lost = {run for run in gone if all(_tells(text, run) for text in (source[1], made[1]))}
    return bool(lost) and any(
        run[0][0].isupper() and run[-1][0].isupper() and _folded(run) in lost
        for run in _runs(made[1])
    )


def _runs(text: str) -> Iterator[list[str]]:
    """Yield all runs of three to five words in Latin letters."""
    words = _LATIN_WORD.findall(text)
    for length in _TITLE_WORDS:
        for start in range(len(words) - length + 1):
            yield words[start : start + length]


def _folded(run: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(str.casefold, run))


def _tells(text: str, run: Sequence[str]) -> bool:
    return f" {' '.join(run)} " in _words_in_order(text)


@remembered(texts=512)
def _words_in_order(text: str) -> str:
    return f" {' '.join(_LATIN_WORD.findall(text.casefold()))} "


def _alike(name: str, words: Collection[str]) -> bool:
    return any(word[:_STEM] == name[:_STEM] for word in words) or _like(
        name, words, _ROUND_TRIP_LIKENESS
    )


def _traced(
    missing: Sequence[str], new: Sequence[str], between: Collection[str], known: Collection[str]
) -> int:
    """Return how many of the exchanges the pivot's words bear out."""
    unknown = [word for word in between if word not in known]  # others explain no new name
    origins = [_nearest(name, unknown)[1] for name in new]
    gone = cognate = 0
    for name in missing:
        word, likeness = _nearest(name, between)
        chained = any(fuzz.ratio(word, other) >= _PIVOT_LIKENESS for other in new)
        if likeness >= _PIVOT_KEEPS or (likeness >= _PIVOT_LIKENESS and chained):
            gone += 1
        elif likeness >= _PIVOT_LIKENESS:
            cognate += 1
    stray = sum(likeness < _PIVOT_LIKENESS for likeness in origins)
    from_nowhere = sum(
        likeness < _NO_ORIGIN and len(name) > MIN_LETTERS
        for name, likeness in zip(new, origins, strict=True)
    )
    come = sum(likeness >= _VERBATIM for likeness in origins)
    return max(gone + min(cognate, stray), come, from_nowhere)


def _words_between(pivot: str, pairs: int, index: int) -> frozenset[str]:
    """Return the words of the pivot's sentence, or of the whole pivot where they do not pair."""
    sentences = [s for s in split_sentences(pivot, "") if not s.isspace()]
    return words_of(sentences[index] if len(sentences) == pairs else pivot)


def _nearest(name: str, words: Collection[str]) -> tuple[str, float]:
    found = process.extractOne(name, words, scorer=fuzz.ratio)
    return (found[0], found[1]) if found else ("", 0.0)


def _without_abbreviations(
    missing: Sequence[str], new: Sequence[str], before: str, after: str
) -> tuple[list[str], list[str]]:
    """Return both lists without names that one side abbreviates: United States, U.S."""
    for short, long in ((new, missing), (missing, new)):
        text = after if short is new else before
        for name in short:
            if 2 <= len(name) <= _ABBREVIATION and _is_abbreviation(name, long, text):
                left = [n for n in short if n != name]
                rest = [n for n in long if n[0] not in name]
                return (rest, left) if short is new else (left, rest)
    return list(missing), list(new)


def _is_abbreviation(name: str, words: Sequence[str], text: str) -> bool:
    """Whether ``name`` is in capitals and made of the first letters of two words or more."""
    initials = {word[0] for word in words}
    written = name.upper() in text or ".".join(name.upper()) in text
    return written and len(initials & set(name)) >= 2 and name[0] in initials


def _like(name: str, tokens: Collection[str], likeness: float) -> bool:
    if name in tokens:
        return True
    # One the beginning of the other (East, Eastern): a form of the word, not another name.
    if any(t.startswith(name) or (len(t) >= MIN_LETTERS and name.startswith(t)) for t in tokens):
        return True
    return process.extractOne(name, tokens, scorer=fuzz.ratio, score_cutoff=likeness) is not None
