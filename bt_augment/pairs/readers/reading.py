"""Reading several inputs as one stream of records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bt_augment.errors import InputError
from bt_augment.languages import normalize_tag, same_language
from bt_augment.pairs.readers.base import (
    InputSettings,
    LeftOut,
    Quarantined,
    Reader,
    Record,
    Row,
)
from bt_augment.pairs.readers.columns import Columns
from bt_augment.pairs.readers.delimited import DelimitedReader
from bt_augment.pairs.readers.detect import find_reader
from bt_augment.pairs.readers.ids import UniqueIds
from bt_augment.pairs.readers.records import RecordBuilder

Item = Record | Quarantined | LeftOut


def read(
    inputs: Sequence[str],
    settings: InputSettings | None = None,
    copies: Mapping[str, Path] | None = None,
    revisions: Mapping[str, str] | None = None,
) -> Iterator[Item]:
    """Read pairs from files, folders and hub data sets, lazily and in order.

    Everything that makes an input unusable as a whole is found at the call, before the first
    record: formats are found, and the first rows looked at for their columns.

    Args:
        inputs: paths, or names of hub data sets.
        settings: formats, columns, default language.
        copies: input → file to read in its place, for those that are elsewhere.
        revisions: hub data set → the commit to read; ``settings.revision`` is for the others.

    Returns:
        An iterator of records, of records that could not be read, and of questions left out.

    Raises:
        InputError: an input is missing, empty or of unknown format, or lacks a column.
        LanguageError: ``settings.lang`` is not a language tag.
    """
    settings = settings or InputSettings()
    if settings.lang is not None:
        normalize_tag(settings.lang)
    if settings.limit is not None and settings.limit < 1:
        raise InputError(f"input.limit is {settings.limit}; it must be 1 or more")
    if not inputs:
        raise InputError("no input is named; name a file, a folder or a hub data set")
    pinned = {
        name: replace(settings, revision=commit) for name, commit in (revisions or {}).items()
    }
    readers = [
        find_reader(source, pinned.get(source, settings), (copies or {}).get(source))
        for source in inputs
    ]
    _refuse_unused(readers, settings)
    for reader in readers:
        heads = [row.values for row in reader.head()]
        Columns(reader.settings).check(reader.source, heads, settings.lang)
    return _items(readers, settings.limit)


def _refuse_unused(readers: Sequence[Reader], settings: InputSettings) -> None:
    for part in ("split", "config", "revision"):
        if getattr(settings, part) is not None and all(part not in r.parts for r in readers):
            raise InputError(
                f"input.{part} chooses nothing, as a {readers[0].format} input such as "
                f"{readers[0].source} has no {part}s; leave it out"
            )


def _items(readers: Sequence[Reader], limit: int | None) -> Iterator[Item]:
    records = 0
    with UniqueIds() as ids:
        for reader in readers:
            builder = RecordBuilder(
                reader.settings, ids.claim, all_text=isinstance(reader, DelimitedReader)
            )
            for item in reader.read():
                built = builder.build(item) if isinstance(item, Row) else item
                yield replace(built, source=reader.source)
                records += isinstance(built, Record)
                if records == limit:
                    return


class Tally:
    """Counts what was read.

    Attributes:
        records: number of pairs read.
        quarantined: number of records that could not be read, by cause.
        left_out: number of questions and judgements left out, by reason.
        notes: number of records mended, by note.
        languages: number of pairs whose question and passage share a language, whatever region or
            script, by the passage's tag.
    """

    def __init__(self) -> None:
        self.records = 0
        self.quarantined: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.languages: Counter[str] = Counter()
        # By input: a BEIR folder and a saved data set have several files.
        self._read: set[str] = set()  # those with something that could be read
        self._broken: dict[str, tuple[int, Quarantined]] = {}  # how many records, the first

    def add(self, item: Item) -> None:
        """Count one item that :func:`read` gave."""
        if isinstance(item, Quarantined):
            self.quarantined[item.cause] += 1
            count, first = self._broken.get(item.source, (0, item))
            self._broken[item.source] = (count + 1, first)
            return
        self._read.add(item.source)
        if isinstance(item, Record):
            self.records += 1
            self.notes.update(item.notes)
            # As a route asks of a row; most tags are equal.
            if item.question_lang == item.passage_lang or same_language(
                item.question_lang, item.passage_lang
            ):
                self.languages[item.passage_lang] += 1
        else:
            self.left_out[item.reason] += 1

    def check(self, inputs: Sequence[str]) -> None:
        """Refuse inputs of which nothing could be read.

        Raises:
            InputError: all of one input is broken, or there is not one record; names the input,
                and the first cause.
        """
        for source, (count, first) in self._broken.items():
            if source not in self._read:
                raise InputError(
                    f"nothing in {source} can be read: {count} broken record{'s' * (count > 1)}, "
                    f"the first at {first.place}: {first.message}"
                )
        if self.records:
            return
        named = ", ".join(inputs)
        if self.left_out:
            reasons = ", ".join(f"{name}: {count:,}" for name, count in self.left_out.items())
            raise InputError(f"{named} holds no pairs: all that was read is left out ({reasons})")
        raise InputError(f"{named} holds no records")
