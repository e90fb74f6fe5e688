"""Passages of a run that do not answer a question: hard ones where titles tell, else random ones.

A negative is in the language of the row's passage, whatever the region, of another group (so no
translation or round trip of the answer), and holds none of the row's answers (the rule of
Karpukhin et al. 2020).
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bt_augment.languages import without_region
from bt_augment.temporary_database import TemporaryDatabase

_TITLED = 32  # passages remembered of each title and language
MOST_NEGATIVES = 100  # of a row; those of a shard's rows are in memory, and trainers take fewer
_RANDOM = 1024  # of each language: bounds memory, and is many times what one row takes


@dataclass(frozen=True)
class Passage:
    """A passage that may serve as a negative."""

    row: dict[str, Any]

    def serves(self, row: dict[str, Any]) -> bool:
        """Tell whether it is a negative of ``row``."""
        if self.row["group_id"] == row["group_id"] or self.row["passage"] == row["passage"]:
            return False
        text = self.row["passage"].casefold()
        return not any(a["text"] and a["text"].casefold() in text for a in row["answers"] or [])


class Negatives:
    """Gives each row its negatives. What a row gets depends on the run and the seed alone."""

    def __init__(
        self, rows: Iterable[dict[str, Any]], count: int, seed: int, database: TemporaryDatabase
    ) -> None:
        """Remember some passages of each title and of each language.

        Args:
            rows: all rows; not read where ``count`` is 0.
            count: negatives of each row.
            seed: of the draws.
            database: an empty one for the passages of titles, open as long as negatives are asked.

        Raises:
            StorageError: the disk of temporary files refused.
        """
        self.count = count
        self._seed = seed
        self._titled = _TitledPassages(database)
        self._random: dict[str, list[Passage]] = {}
        if count:
            self._remember(rows)

    def _remember(self, rows: Iterable[dict[str, Any]]) -> None:
        draw = random.Random(self._seed)  # noqa: S311 - a sample, not a secret
        seen: dict[str, int] = {}
        last: dict[str, str] = {}
        for row in rows:
            language, text = without_region(row["passage_lang"]), row["passage"]
            passage = Passage({k: row[k] for k in ("group_id", "passage", "passage_lang", "title")})
            if row["title"]:
                self._titled.add(row)
            if last.get(language) == text:
                continue  # the next question on the same passage
            last[language] = text
            seen[language] = seen.get(language, 0) + 1
            kept = self._random.setdefault(language, [])
            if len(kept) < _RANDOM:
                kept.append(passage)
            elif (place := draw.randrange(seen[language])) < _RANDOM:  # Vitter 1985, algorithm R
                kept[place] = passage

    def of(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the negatives of a row, hard ones first; fewer where the run has no more."""
        if not self.count:
            return []
        chosen: dict[str, dict[str, Any]] = {}
        for passage in self._drawn(row):
            if passage.row["passage"] not in chosen and passage.serves(row):
                chosen[passage.row["passage"]] = passage.row
                if len(chosen) == self.count:
                    break
        return list(chosen.values())

    def _drawn(self, row: dict[str, Any]) -> Iterator[Passage]:
        digest = hashlib.blake2b(f"{self._seed}\x1f{row['id']}".encode(), digest_size=8).digest()
        draw = random.Random(digest)  # noqa: S311 - a sample, not a secret
        language = without_region(row["passage_lang"])
        titled = list(self._titled.like(row))
        draw.shuffle(titled)
        yield from titled
        others = self._random.get(language, [])
        for place in draw.sample(range(len(others)), len(others)):
            yield others[place]


class _TitledPassages:
    """The first passages of each title and language, on disk: titles may be as many as rows."""

    def __init__(self, database: TemporaryDatabase) -> None:
        self._database = database
        database.execute(
            "CREATE TABLE titled (title TEXT, language TEXT, place INTEGER, digest BLOB, "
            "group_id TEXT, passage TEXT, PRIMARY KEY (title, language, place))"
        )
        database.execute("CREATE UNIQUE INDEX by_text ON titled (title, language, digest)")
        self._last: tuple[str | None, str] = (None, "")
        self._like_last: list[Passage] = []

    def add(self, row: dict[str, Any]) -> None:
        """Keep the passage of a row, unless its title has it, or enough, already."""
        key = (row["title"], without_region(row["passage_lang"]))
        ((count,),) = self._database.execute(
            "SELECT coalesce(max(place) + 1, 0) FROM titled WHERE title = ? AND language = ?", key
        )
        if count < _TITLED:
            digest = hashlib.blake2b(row["passage"].encode(), digest_size=16).digest()
            self._database.execute(
                "INSERT OR IGNORE INTO titled VALUES (?, ?, ?, ?, ?, ?)",
                (*key, count, digest, row["group_id"], row["passage"]),
            )

    def like(self, row: dict[str, Any]) -> list[Passage]:
        """Return the passages of a row's title and language, in their order."""
        key = (row["title"], without_region(row["passage_lang"]))
        if key != self._last:  # rows of a title mostly follow each other
            found = self._database.execute(
                "SELECT group_id, passage, language, title FROM titled "
                "WHERE title = ? AND language = ? ORDER BY place",
                key,
            )
            names = ("group_id", "passage", "passage_lang", "title")
            self._like_last = [Passage(dict(zip(names, kept, strict=True))) for kept in found]
            self._last = key
        return self._like_last
