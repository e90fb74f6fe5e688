"""Bilingual lexicons: words and their translations, in MUSE's text format."""

from __future__ import annotations

import hashlib
import re
from codecs import BOM_UTF8
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import regex

from bt_augment.errors import LexiconError
from bt_augment.languages import normalize_tag
from bt_augment.names import refuse_impossible
from bt_augment.settings_file import waits_for_nobody

WORD = regex.compile(r"[\p{L}\p{M}]+(?:['’\-][\p{L}\p{M}]+)*")
_FINGERPRINT_DIGITS = 16
_NAME = re.compile(r"(?P<source>[A-Za-z]{2,3})-(?P<target>[A-Za-z]{2,3})(?=[.\-_]|$)")
# A lexicon is read whole; what is longer is no word list.
_MAX_LINE_BYTES = 10_000


@dataclass(frozen=True)
class Lexicon:
    """Words of one language with their translations into another.

    Attributes:
        source: BCP-47 tag of the words.
        target: BCP-47 tag of the translations.
        entries: casefolded word → its different translations, in the order of the file.
        label: ``name@fingerprint``, as rows name it.
    """

    source: str
    target: str
    entries: Mapping[str, tuple[str, ...]]
    label: str

    @classmethod
    def read(cls, text: str) -> Lexicon:
        """Return the lexicon that the user names.

        Args:
            text: a path whose name begins with both languages, as MUSE's do (``en-pt.txt``,
                ``en-pt.0-5000.txt``), or ``en:pt=PATH``.

        Raises:
            LexiconError: the languages are not known, the file cannot be read or is empty, or a
                line is no pair of words.
            LanguageError: a tag is not BCP-47.
        """
        languages, path = _split(text)
        refuse_impossible(path, LexiconError)
        try:
            if not waits_for_nobody(path):
                raise LexiconError(f"{path}: cannot be read as a lexicon (it is no regular file)")
            data = path.read_bytes()
        except OSError as error:
            raise LexiconError(f"{path}: cannot be read as a lexicon ({error.strerror})") from error
        entries: dict[str, dict[str, None]] = {}
        for number, line in enumerate(data.removeprefix(BOM_UTF8).split(b"\n"), start=1):
            if line.strip():
                word, translation = _pair(line, path, number)
                entries.setdefault(word.casefold(), {})[translation] = None
        if not entries:
            raise LexiconError(f"{path}: holds no words; a lexicon has a pair of words per line")
        digest = hashlib.sha256(data).hexdigest()[:_FINGERPRINT_DIGITS]
        return cls(
            source=languages[0],
            target=languages[1],
            entries={word: tuple(found) for word, found in entries.items()},
            label=f"{path.name}@{digest}",
        )


def languages_of(text: str) -> tuple[str, str]:
    """Return the source and target tags of a lexicon as the user names it; reads nothing.

    Raises:
        LexiconError: the name does not say them.
        LanguageError: a tag is not BCP-47.
    """
    return _split(text)[0]


def _split(text: str) -> tuple[tuple[str, str], Path]:
    named, equals, rest = text.partition("=")
    if equals and ":" in named:
        source, _, target = named.partition(":")
        return _different(normalize_tag(source), normalize_tag(target), text), Path(rest)
    path = Path(text)
    match = _NAME.match(path.name)
    if match is None:
        raise LexiconError(
            f"{text}: which languages is this lexicon of? Its name does not begin with them, as "
            "en-pt.txt does; write en:pt=PATH"
        )
    source, target = normalize_tag(match["source"]), normalize_tag(match["target"])
    return _different(source, target, text), path


def _different(source: str, target: str, text: str) -> tuple[str, str]:
    if source == target:
        raise LexiconError(f"{text}: a lexicon is of two languages, not of {source} twice")
    return source, target


def _pair(line: bytes, path: Path, number: int) -> tuple[str, str]:
    """Return word and translation: parted by a tab, or by the first white space."""
    where = f"{path}, line {number}"
    if len(line) > _MAX_LINE_BYTES:
        raise LexiconError(f"{where}: {len(line):,} bytes; this is no list of words")
    try:
        text = line.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise LexiconError(f"{where}: is not UTF-8 ({error.reason})") from error
    split = text.split("\t") if "\t" in text else text.split(None, 1)
    parts = [part for part in map(str.strip, split) if part]
    if len(parts) != 2:  # a third column, such as a score, would become part of the translation
        raise LexiconError(f"{where}: {text[:80]!r} is not a word, white space and its translation")
    return parts[0], parts[1]
