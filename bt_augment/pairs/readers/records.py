"""From a row to a typed pair, or to quarantine with its cause: one meaning for all formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, time
from decimal import Decimal
from hashlib import blake2b
from typing import Any
from uuid import UUID

from bt_augment.errors import LanguageError
from bt_augment.languages import normalize_tag
from bt_augment.pairs.answers import locate
from bt_augment.pairs.readers.base import (
    Answer,
    InputSettings,
    LeftOut,
    Quarantined,
    Record,
    Row,
)
from bt_augment.pairs.readers.columns import ABSENT, UNANSWERABLE, Columns, is_nan
from bt_augment.pairs.readers.written_lists import ABSENT_CELLS, UnreadableCellError, from_cell
from bt_augment.pairs.schema import NOT_LOCATED

ANSWER_RELOCATED = "answer_relocated"
ANSWER_NOT_LOCATED = "answer_not_located"
ID_SUFFIXED = "id_suffixed"
FIRST_OF_SEVERAL = "first_of_several_passages"

# Characters of a passage read through to find one row's answers, each answer anew: a passage as
# long as a book (a million characters) and a thousand answers that do not say where they are.
_MAX_SEARCHED = 1 << 30

# Format characters that print nothing; str.strip() leaves them, and they make no question.
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"

# Ways to write in a column of marks that a question has no answer.
_TRUE = frozenset({"true", "1", "1.0", "yes"})

_SCALARS = (int, float, Decimal, UUID, date, time)  # a datetime is a date

# What a value is called in a message; a boolean is an int to Python, so it comes first.
_KINDS: Mapping[Any, str] = {
    type(None): "null",
    bool: "true or false",
    int | float | Decimal: "a number",
    date | time: "a date or a time",
    Mapping: "an object",
    list | tuple: "a list",
}


class _BadRowError(Exception):
    """The row cannot be read; ``args`` are its cause and message."""


class RecordBuilder:
    """Turns rows into records.

    Args:
        settings: which columns hold what, and the default language.
        claim_id: gives the unique form of an id.
        all_text: the format has no types: a list or nothing at all is written as text.
    """

    def __init__(
        self, settings: InputSettings, claim_id: Callable[[str], str], *, all_text: bool = False
    ) -> None:
        self._all_text = all_text
        self._columns = Columns(settings)
        self._lang = None if settings.lang is None else normalize_tag(settings.lang)
        self._claim_id = claim_id

    def build(self, row: Row) -> Record | Quarantined | LeftOut:
        """Return the record of a row, or why there is none."""
        if row.left_out:
            return LeftOut(row.place, row.auto_id, row.left_out)
        try:
            given_id = self._id(row)
            answers = self._answers(row)
            if answers is None:
                return LeftOut(row.place, given_id)
            question = self._text(row, "question")
            passage = self._text(row, "passage")
            title = self._title(row)
            group = self._label(row, "group")
            question_lang = self._language(row, "question_lang")
            passage_lang = self._language(row, "passage_lang")
            located, notes = _locate_all(answers, passage)
        except _BadRowError as error:
            cause, message = error.args
            return row.quarantined(cause, message)
        if self._columns.leaves_others(row.values, "passage"):
            notes = (*notes, FIRST_OF_SEVERAL)
        unique = self._claim_id(given_id)
        if unique != given_id:
            notes = (*notes, ID_SUFFIXED)
        return Record(
            id=unique,
            group_id=group or passage_group(passage),
            question=question,
            passage=passage,
            question_lang=question_lang,
            passage_lang=passage_lang,
            title=title,
            answers=located,
            notes=notes,
            place=row.place,
        )

    def _value(self, row: Row, field: str) -> Any:
        value = self._columns.get(row.values, field)
        if not self._all_text or value not in ABSENT_CELLS:
            return value
        # Lower case is also the tag of a language, Min Nan.
        return value if field.endswith("_lang") and value.islower() else None

    def _text(self, row: Row, field: str) -> str:
        value = self._value(row, field)
        if value is ABSENT or value is None:
            tried = ", ".join(self._columns.names(field))
            raise _BadRowError(f"missing_{field}", f"the {field} is missing (looked for: {tried})")
        text = _checked(value, field)
        if not text.strip().strip(_INVISIBLE).strip():
            raise _BadRowError(f"empty_{field}", f"the {field} is empty")
        return text

    def _title(self, row: Row) -> str | None:
        value = self._value(row, "title")
        if value is ABSENT or value is None:
            return None
        return _optional(_scalar_as_text(value), "title") or None

    def _label(self, row: Row, field: str) -> str | None:
        value = self._value(row, field)
        if value is ABSENT or value is None:
            return None
        return _optional(_scalar_as_text(value), field).strip() or None

    def _id(self, row: Row) -> str:
        return self._label(row, "id") or row.auto_id

    def _language(self, row: Row, field: str) -> str:
        value = self._value(row, field)
        if value is ABSENT or value is None or (isinstance(value, str) and not value.strip()):
            if self._lang is None:
                raise _BadRowError("no_language", f"the row has no {field} and --lang is not given")
            return self._lang
        try:
            return normalize_tag(_optional(value, field))
        except LanguageError as error:
            raise _BadRowError("unknown_language", f"{field}: {error}") from error

    def _is_unanswerable(self, row: Row) -> bool:
        """Return whether the row says that its question has no answer."""
        value = _unanswerable(row)
        if isinstance(value, str):
            return value.strip().casefold() in _TRUE
        return bool(value == 1)

    def _answers(self, row: Row) -> list[tuple[str, int | None]] | None:
        """Return answers with the offset each claims; None for a question without an answer."""
        value = self._value(row, "answers")
        if self._is_unanswerable(row):
            return None
        if value is ABSENT or value is None:
            return []
        if isinstance(value, str):
            try:
                value = from_cell(value)
            except UnreadableCellError as error:
                if not self._all_text:
                    return [(_answer_text(value), None)]
                message = f"the answers: {error}{_do_without('answers')}"
                raise _BadRowError("unreadable_value", message) from error
        if isinstance(value, Mapping) and isinstance(value.get("text"), list):
            # The layout of SQuAD on the hub: parallel lists, empty where there is no answer.
            starts = value.get("answer_start", value.get("start"))
            if not isinstance(starts, list) or len(starts) != len(value["text"]):
                starts = [None] * len(value["text"])
            pairs = list(zip(value["text"], starts, strict=True))
            if not pairs:
                return None
        else:
            items = value if isinstance(value, list) else [value]
            if not items and _unanswerable(row) is not ABSENT:
                return None
            pairs = [_text_and_start(item) for item in items]
        found = ((_answer_text(text), _offset(start)) for text, start in pairs)
        return [(text, start) for text, start in found if text.strip()]


def _unanswerable(row: Row) -> Any:
    """Return what a row says of whether its question has no answer, or :data:`ABSENT`."""
    if UNANSWERABLE in row.values:
        return row.values[UNANSWERABLE]
    spelt = (name for name in row.values if name.strip().casefold() == UNANSWERABLE)
    name = next(spelt, None)
    return ABSENT if name is None else row.values[name]


def passage_group(passage: str) -> str:
    """Return the group of a passage that names none: the same for the same stripped text."""
    return blake2b(passage.strip().encode(), digest_size=8).hexdigest()


def _checked(value: Any, field: str) -> str:
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _BadRowError("invalid_utf8", f"the {field} is not UTF-8: {error}") from error
    if not isinstance(value, str):
        raise _BadRowError("wrong_type", f"the {field} is {_kind(value)}, not text")
    if value.isascii():
        if "\0" in value:
            raise _BadRowError("nul", f"the {field} holds a NUL character")
        return value
    if "\0" in value:
        raise _BadRowError("nul", f"the {field} holds a NUL character")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        code = ord(value[error.start])
        if 0xDC80 <= code <= 0xDCFF:  # how surrogateescape writes a byte that is not UTF-8
            raise _BadRowError("invalid_utf8", f"the {field} is not UTF-8") from error
        raise _BadRowError(
            "lone_surrogate", f"the {field} holds half a surrogate pair, U+{code:04X}"
        ) from error
    return value


def _kind(value: Any) -> str:
    """Return what a value is, in the words of JSON."""
    kinds = (name for types, name in _KINDS.items() if isinstance(value, types))
    return next(kinds, f"of type {type(value).__name__}")


def _scalar_as_text(value: Any) -> Any:
    """Return the text of a number, a date or a UUID, which an id or a title may be."""
    if isinstance(value, bool) or not isinstance(value, _SCALARS):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # how pandas writes whole numbers of a column that lacks some
    return str(value)


def _optional(value: Any, field: str) -> str:
    """Return the text of a field that a pair can do without."""
    try:
        return _checked(value, field)
    except _BadRowError as error:
        cause, message = error.args
        raise _BadRowError(cause, message + _do_without(field)) from error


def _do_without(field: str) -> str:
    fields = ("question_lang", "passage_lang") if field.endswith("_lang") else (field,)
    options = " ".join(f"--set 'input.{name}=\"\"'" for name in fields)
    return f"; to do without this column: {options}"


def _text_and_start(item: Any) -> tuple[Any, Any]:
    if isinstance(item, Mapping):
        return item.get("text", item), item.get("answer_start", item.get("start"))
    return item, None


def _answer_text(value: Any) -> str:
    if value is None or is_nan(value):
        return ""
    try:
        return _checked(_scalar_as_text(value), "answer")  # a year written without quotes
    except _BadRowError as error:
        cause, message = error.args
        raise _BadRowError(cause, message + _do_without("answers")) from error


def _offset(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _locate_all(
    answers: list[tuple[str, int | None]], passage: str
) -> tuple[tuple[Answer, ...], tuple[str, ...]]:
    """Return where the answers are, and notes of what was mended.

    Raises:
        _BadRowError: to look for all that are not where they say, each of them once, the
            passage would be read through for over ``_MAX_SEARCHED`` characters, 1,024 times a
            million.
    """
    found: dict[tuple[str, int | None], int] = {}
    searched = 0
    located = []
    notes: dict[str, None] = {}
    for answer in answers:
        text, claimed = answer
        if answer not in found:
            if searched > _MAX_SEARCHED:
                message = "the answers are too many to look for in so long a passage"
                raise _BadRowError("unreadable_value", message + _do_without("answers"))
            found[answer] = locate(text, passage, claimed)
            if found[answer] == NOT_LOCATED or found[answer] != claimed:
                searched += len(passage)
        start = found[answer]
        if start == NOT_LOCATED:
            notes[ANSWER_NOT_LOCATED] = None
        elif claimed not in (None, NOT_LOCATED, start):
            notes[ANSWER_RELOCATED] = None
        located.append(Answer(text, start))
    return tuple(located), tuple(notes)
