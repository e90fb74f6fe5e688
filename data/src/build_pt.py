"""Build the Portuguese QA pairs and the parallel English/Portuguese benchmark.

The raw texts are in ``pt.yaml`` and ``parallel.yaml`` beside this script.  Offsets are computed
and checked here, never typed by hand.  Run from anywhere::

    python data/src/build_pt.py          # write the files
    python data/src/build_pt.py --check  # only compare: exit 1 if a file is out of date
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

SRC = Path(__file__).resolve().parent
DATA = SRC.parent
LANGUAGES = ("en", "pt")
MIN_SENTENCES = 4
MAX_SENTENCES = 6

Json = dict[str, Any]


class BuildError(ValueError):
    """A raw text breaks one of the rules of the data set."""


def load_yaml(path: Path) -> list[Json]:
    """Read a YAML file whose top level is a list of passages."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(entries, list):
        raise BuildError(f"{path.name}: expected a list of passages")
    return entries


def split_lines(block: str, where: str) -> list[str]:
    """Return the sentences of a text block that holds one sentence per line."""
    sentences = [" ".join(line.split()) for line in block.splitlines() if line.strip()]
    if not MIN_SENTENCES <= len(sentences) <= MAX_SENTENCES:
        raise BuildError(f"{where}: {len(sentences)} sentences")
    for sentence in sentences:
        if not sentence.endswith((".", "!", "?")):
            raise BuildError(f"{where}: sentence without a final mark: {sentence!r}")
    return sentences


def join_sentences(sentences: list[str]) -> tuple[str, list[list[int]]]:
    """Join sentences with single spaces; give the text and the [start, end) of each sentence."""
    breaks: list[list[int]] = []
    position = 0
    for sentence in sentences:
        breaks.append([position, position + len(sentence)])
        position += len(sentence) + 1
    return " ".join(sentences), breaks


def find_answer(answer: str, context: str, where: str) -> int:
    """Return the offset of an answer that must occur exactly once, as whole words."""
    pattern = r"(?<!\w)" + re.escape(answer) + r"(?!\w)"
    starts = [match.start() for match in re.finditer(pattern, context)]
    if len(starts) != 1:
        raise BuildError(f"{where}: answer {answer!r} occurs {len(starts)} times")
    return starts[0]


def find_sentence(answer: str, sentences: list[str], where: str) -> int:
    """Return the index of the only sentence that contains an answer (as a plain substring)."""
    indices = [index for index, sentence in enumerate(sentences) if answer in sentence]
    if len(indices) != 1:
        raise BuildError(f"{where}: answer {answer!r} is in {len(indices)} sentences")
    return indices[0]


def check_new(value: str, seen: set[str], where: str) -> None:
    """Fail if a value (ignoring case) was seen before; remember it otherwise."""
    key = value.strip().casefold()
    if not key:
        raise BuildError(f"{where}: empty value")
    if key in seen:
        raise BuildError(f"{where}: duplicate {value!r}")
    seen.add(key)


def build_pt(entries: list[Json]) -> tuple[Json, list[Json]]:
    """Build the Portuguese set: a SQuAD v1.1 document and the same pairs as flat records."""
    titles: set[str] = set()
    questions: set[str] = set()
    articles: list[Json] = []
    records: list[Json] = []
    for entry in entries:
        title = entry["title"]
        check_new(title, titles, "pt.yaml")
        context, _ = join_sentences(split_lines(entry["text"], title))
        qas: list[Json] = []
        for qa in entry["qas"]:
            question, answer = qa["q"], qa["a"]
            check_new(question, questions, title)
            start = find_answer(answer, context, title)
            identifier = f"pt-{len(records) + 1:04d}"
            qas.append(
                {
                    "id": identifier,
                    "question": question,
                    "answers": [{"text": answer, "answer_start": start}],
                }
            )
            records.append(
                {
                    "id": identifier,
                    "question": question,
                    "passage": context,
                    "title": title,
                    "language": "pt",
                    "answers": [{"text": answer, "start": start}],
                }
            )
        articles.append({"title": title, "paragraphs": [{"context": context, "qas": qas}]})
    return {"version": "1.1", "data": articles}, records


def build_parallel(entries: list[Json]) -> dict[str, Json]:
    """Build the parallel set in the XQuAD-R layout: one document for each language."""
    titles: set[str] = set()
    questions: dict[str, set[str]] = {language: set() for language in LANGUAGES}
    articles: dict[str, list[Json]] = {language: [] for language in LANGUAGES}
    number = 0
    for entry in entries:
        title = entry["title"]
        check_new(title, titles, "parallel.yaml")
        sentences = {lang: split_lines(entry[lang], f"{title} ({lang})") for lang in LANGUAGES}
        if len({len(lines) for lines in sentences.values()}) != 1:
            raise BuildError(f"{title}: sentence counts differ")
        paragraphs: dict[str, Json] = {}
        for language in LANGUAGES:
            context, breaks = join_sentences(sentences[language])
            paragraphs[language] = {
                "context": context,
                "sentences": sentences[language],
                "sentence_breaks": breaks,
                "qas": [],
            }
            articles[language].append({"title": title, "paragraphs": [paragraphs[language]]})
        for qa in entry["qas"]:
            number += 1
            identifier = f"par-{number:04d}"
            indices: set[int] = set()
            for language in LANGUAGES:
                where = f"{title} {identifier} ({language})"
                question, answer = qa[language]
                check_new(question, questions[language], where)
                index = find_sentence(answer, sentences[language], where)
                indices.add(index)
                start = find_answer(answer, paragraphs[language]["context"], where)
                paragraphs[language]["qas"].append(
                    {
                        "id": identifier,
                        "question": question,
                        "answers": [{"text": answer, "answer_start": start}],
                    }
                )
            if len(indices) != 1:
                raise BuildError(f"{title} {identifier}: answers are in different sentences")
    return {lang: {"version": "1.1", "data": articles[lang]} for lang in LANGUAGES}


def squad_ids(document: Json) -> list[str]:
    """List the question ids of a SQuAD document after checking every offset in it."""
    ids: list[str] = []
    for article in document["data"]:
        for paragraph in article["paragraphs"]:
            context = paragraph["context"]
            breaks = paragraph.get("sentence_breaks", [])
            for sentence, (start, end) in zip(paragraph.get("sentences", []), breaks, strict=True):
                if context[start:end] != sentence:
                    raise BuildError(f"{article['title']}: wrong sentence break {start}-{end}")
            for qa in paragraph["qas"]:
                ids.append(qa["id"])
                for answer in qa["answers"]:
                    if not context.startswith(answer["text"], answer["answer_start"]):
                        raise BuildError(f"{qa['id']}: wrong answer offset")
    if len(set(ids)) != len(ids):
        raise BuildError("duplicate ids")
    return ids


def render_json(document: Json) -> str:
    """Format a document as indented JSON with a final newline."""
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def render_jsonl(records: list[Json]) -> str:
    """Format records as JSON lines."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def count_sentences(document: Json) -> int:
    """Count the candidate sentences of a parallel document."""
    return sum(len(p["sentences"]) for article in document["data"] for p in article["paragraphs"])


def main(argv: list[str] | None = None) -> int:
    """Build all files, write or compare them, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="do not write, only compare")
    args = parser.parse_args(argv)

    document, records = build_pt(load_yaml(SRC / "pt.yaml"))
    parallel = build_parallel(load_yaml(SRC / "parallel.yaml"))
    pt_ids = squad_ids(document)
    parallel_ids = {language: squad_ids(parallel[language]) for language in LANGUAGES}
    if parallel_ids["en"] != parallel_ids["pt"]:
        raise BuildError("parallel ids differ")

    outputs = {
        DATA / "pt" / "qa.json": render_json(document),
        DATA / "pt" / "qa.jsonl": render_jsonl(records),
        DATA / "parallel" / "en.json": render_json(parallel["en"]),
        DATA / "parallel" / "pt.json": render_json(parallel["pt"]),
    }
    stale = 0
    for path, text in outputs.items():
        if not args.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            print(f"out of date: {path.relative_to(DATA)}", file=sys.stderr)
            stale += 1
    print(f"pt: {len(document['data'])} passages, {len(pt_ids)} questions")
    for language in LANGUAGES:
        print(
            f"parallel/{language}: {len(parallel[language]['data'])} paragraphs, "
            f"{count_sentences(parallel[language])} sentences, "
            f"{len(parallel_ids[language])} questions"
        )
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
