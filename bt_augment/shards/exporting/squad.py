"""SQuAD 1.1 files, one for each language, with answers where they now stand in the passage."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bt_augment.languages import without_region
from bt_augment.pairs.schema import NOT_LOCATED
from bt_augment.shards.exporting.base import Exporter, Tally
from bt_augment.shards.exporting.negatives import Negatives
from bt_augment.shards.exporting.rows import ExportRows

NO_ANSWER = "no_answer"
ANSWER_NOT_LOCATED = "answer_not_located"
OTHER_LANGUAGE = "question_in_another_language"

Question = dict[str, Any]


class Squad(Exporter):
    """``train.<lang>.json``; a row without an answer in its passage cannot be written."""

    name = "squad"
    paths = ("train.*.json",)
    usage = """Each file is SQuAD 1.1: `{"data": [{"title", "paragraphs": [{"context", "qas"}]}]}`.
Rows whose answer was lost on the way, or that have none, or whose question is in another language
than the passage, are left out and counted in `export.json`."""

    def write(self, rows: ExportRows, negatives: Negatives, out: Path) -> Tally:  # noqa: ARG002
        """Write the rows of a shard together: a passage's questions are one paragraph there."""
        tally = Tally()
        files: dict[str, _SquadFile] = {}
        try:
            for shard in rows.by_shard():
                for language, articles in _articles(shard, tally).items():
                    name = f"train.{language}.json"
                    if language not in files:
                        files[language] = _SquadFile(out / name).__enter__()
                    for title, paragraphs in articles.items():
                        files[language].write(title, paragraphs)
                        tally.files[name] += sum(len(qas) for qas in paragraphs.values())
        finally:
            for file in files.values():
                file.__exit__(None, None, None)
        tally.written = sum(tally.files.values())
        return tally


def _articles(
    rows: list[dict[str, Any]], tally: Tally
) -> dict[str, dict[str, dict[str, list[Question]]]]:
    """Return language, without region, → title → passage → questions that can be written."""
    articles: dict[str, dict[str, dict[str, list[Question]]]] = {}
    for row in rows:
        answers = row["answers"] or []
        located = [a for a in answers if a["start"] != NOT_LOCATED and a["text"]]
        language = without_region(row["passage_lang"])
        if without_region(row["question_lang"]) != language:
            tally.left_out[OTHER_LANGUAGE] += 1
        elif not answers:
            tally.left_out[NO_ANSWER] += 1
        elif not located:
            tally.left_out[ANSWER_NOT_LOCATED] += 1
        else:
            paragraphs = articles.setdefault(language, {}).setdefault(row["title"] or "", {})
            paragraphs.setdefault(row["passage"], []).append(
                {
                    "id": row["id"],
                    "question": row["question"],
                    "answers": [{"text": a["text"], "answer_start": a["start"]} for a in located],
                }
            )
    return articles


class _SquadFile:
    """One JSON file, written article by article."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._first = True

    def __enter__(self) -> Self:
        self._file.write('{"version": "1.1", "data": [\n')
        return self

    def write(self, title: str, paragraphs: dict[str, list[Question]]) -> None:
        article = {
            "title": title,
            "paragraphs": [{"context": text, "qas": qas} for text, qas in paragraphs.items()],
        }
        self._file.write(("" if self._first else ",\n") + json.dumps(article, ensure_ascii=False))
        self._first = False

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.write("\n]}\n")
        self._file.close()
