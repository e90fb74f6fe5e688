"""What every form of export is given, and what it tells."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, ClassVar

from bt_augment.languages import without_region
from bt_augment.shards.exporting.negatives import Negatives
from bt_augment.shards.exporting.rows import ExportRows

NO_NEGATIVE = "no_negative"  # the run holds no other passage in the row's language
TOO_FEW_NEGATIVES = "too_few_negatives"  # it holds fewer than were asked for


@dataclass(frozen=True)
class Export:
    """What an export wrote; rows = written + all that was left out.

    Attributes:
        format: the form, such as ``beir``.
        rows: accepted rows read.
        written: rows written.
        left_out: reason → rows that the form cannot hold.
        partly: reason → written rows that are not in all files.
        files: path within the folder → entries in it.
    """

    format: str
    rows: int
    written: int
    left_out: dict[str, int]
    partly: dict[str, int]
    files: dict[str, int]


@dataclass
class Tally:
    """Counts kept while a form is written."""

    written: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    partly: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)


class Exporter(ABC):
    """One form of export.

    Attributes:
        name: as the user names it.
        negatives: passages that do not answer, for each row, unless the user says otherwise; 0
            where the form has no place for them.
        takes_negatives: whether the user may ask for them.
        paths: of the files it writes, with ``*`` for what differs.
        usage: how the result is opened, as Markdown for its README.
    """

    name: ClassVar[str]
    negatives: ClassVar[int] = 0
    takes_negatives: ClassVar[bool] = False
    paths: ClassVar[tuple[str, ...]]
    usage: ClassVar[str]

    @abstractmethod
    def write(self, rows: ExportRows, negatives: Negatives, out: Path) -> Tally:
        """Write all rows below ``out``, an empty folder.

        Args:
            rows: may be gone through more than once; one shard is in memory at a time.
            negatives: gives a row its negatives.
            out: where to write.
        """

    def front_matter(self) -> str:
        """Return the YAML at the head of the README, by which ``datasets`` finds the files."""
        return ""


def passage_id(row: dict[str, Any]) -> str:
    """Return an id that equal passages of one language share, in any run: 16 hexadecimal digits.

    Regions make no other language.
    """
    text = f"{without_region(row['passage_lang'])}\x1f{row['title'] or ''}\x1f{row['passage']}"
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@contextmanager
def lines(path: Path) -> Iterator[JsonLines]:
    """Open a file of JSON lines for writing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        yield JsonLines(file)


class JsonLines:
    """A file that takes one JSON object a line."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, entry: dict[str, Any]) -> None:
        """Append ``entry``."""
        self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
