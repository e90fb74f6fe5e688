"""Build ``data/en/qa.json`` and ``data/en/qa.jsonl`` from ``data/src/en.yaml``.

The YAML file holds passages with question and answer strings only. This script computes every
character offset and refuses to write anything when a check fails. Run it from any directory:

    python data/src/build_en.py
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "en.yaml"
OUT_DIR = HERE.parent / "en"
LANGUAGE = "en"
MIN_PAIRS = 200
WORD_RANGE = (60, 120)


@dataclass(frozen=True)
class Pair:
    """One question with its answer span inside a passage."""

    id: str
    question: str
    answer: str
    start: int


@dataclass(frozen=True)
class Passage:
    """A titled passage and the pairs asked about it."""

    title: str
    text: str
    pairs: tuple[Pair, ...]


def find_span(answer: str, text: str) -> tuple[int, str | None]:
    """Return the offset of ``answer`` in ``text`` and, if something is wrong, an error message."""
    start = text.find(answer) if answer else -1
    if start < 0:
        return -1, f"answer not found: {answer!r}"
    if text.count(answer) > 1:
        return start, f"answer not unique: {answer!r}"
    end = start + len(answer)
    cut_left = start > 0 and text[start - 1].isalnum() and answer[0].isalnum()
    cut_right = end < len(text) and text[end].isalnum() and answer[-1].isalnum()
    if cut_left or cut_right:
        return start, f"answer cuts a word: {answer!r}"
    return start, None


def load(source: Path) -> tuple[list[Passage], list[str]]:
    """Read the YAML source and return its passages with the list of problems found."""
    # BaseLoader keeps every scalar a string, so that answers such as 1823 stay text.
    raw = yaml.load(source.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    passages: list[Passage] = []
    errors: list[str] = []
    questions: set[str] = set()
    titles: set[str] = set()
    number = 0
    for entry in raw:
        title, text = entry["title"].strip(), entry["text"].strip()
        words = len(text.split())
        if not WORD_RANGE[0] <= words <= WORD_RANGE[1]:
            errors.append(f"{title}: passage has {words} words, not {WORD_RANGE}")
        if "\n" in text or "  " in text:
            errors.append(f"{title}: passage is not one clean line")
        if title in titles:
            errors.append(f"{title}: duplicate title")
        titles.add(title)
        pairs: list[Pair] = []
        for item in entry["qa"]:
            number += 1
            question, answer = item["q"].strip(), item["a"].strip()
            start, problem = find_span(answer, text)
            if problem:
                errors.append(f"{title}: {problem}")
            if not question.endswith("?"):
                errors.append(f"{title}: no question mark: {question!r}")
            if question.casefold() in questions:
                errors.append(f"{title}: duplicate question: {question!r}")
            questions.add(question.casefold())
            pairs.append(Pair(f"{LANGUAGE}-{number:04d}", question, answer, start))
        passages.append(Passage(title, text, tuple(pairs)))
    ids = [pair.id for passage in passages for pair in passage.pairs]
    if len(ids) != len(set(ids)):
        errors.append("duplicate ids")
    if len(ids) < MIN_PAIRS:
        errors.append(f"only {len(ids)} pairs, {MIN_PAIRS} wanted")
    return passages, errors


def to_squad(passages: list[Passage]) -> dict[str, Any]:
    """Return the SQuAD v1.1 layout of ``passages``."""
    data = []
    for passage in passages:
        qas = [
            {
                "id": pair.id,
                "question": pair.question,
                "answers": [{"text": pair.answer, "answer_start": pair.start}],
            }
            for pair in passage.pairs
        ]
        data.append({"title": passage.title, "paragraphs": [{"context": passage.text, "qas": qas}]})
    return {"version": "1.1", "data": data}


def to_records(passages: list[Passage]) -> list[dict[str, Any]]:
    """Return one flat record per pair."""
    return [
        {
            "id": pair.id,
            "question": pair.question,
            "passage": passage.text,
            "title": passage.title,
            "language": LANGUAGE,
            "answers": [{"text": pair.answer, "start": pair.start}],
        }
        for passage in passages
        for pair in passage.pairs
    ]


def main() -> int:
    """Check the source, write both files and print the counts."""
    passages, errors = load(SOURCE)
    if errors:
        print("\n".join(errors), file=sys.stderr)
        return 1
    OUT_DIR.mkdir(parents=True, exist_ok=True)
    squad = json.dumps(to_squad(passages), indent=1, ensure_ascii=False)
    (OUT_DIR / "qa.json").write_bytes((squad + "\n").encode("utf-8"))
    records = to_records(passages)
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    (OUT_DIR / "qa.jsonl").write_bytes(lines.encode("utf-8"))
    print(f"{len(passages)} passages, {len(records)} pairs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
