"""XQuAD-R and MLQA-R: LAReQA (Roy et al. 2020, arXiv 2004.05484).

Files ``<lang>.json`` in the SQuAD layout, with ``sentences`` and ``sentence_breaks`` (start and
end offset of each) per paragraph. A candidate is a sentence; the relevant one holds the start of
the answer, or follows the white space between sentences that the answer starts with; parallel
questions share an id.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from bt_augment.errors import InputError
from bt_augment.evaluation.benchmarks.base import (
    Benchmark,
    Collection,
    LanguageTexts,
    Qrels,
    Queries,
    choose_languages,
)
from bt_augment.evaluation.benchmarks.files import by_language, read_json
from bt_augment.evaluation.benchmarks.spooled import check_text, spooled
from bt_augment.pairs.contamination import BenchmarkPassage


class _Sentence(NamedTuple):
    place: str
    id: str
    text: str
    context: str
    title_length: int = 0


class _Span(NamedTuple):
    start: int  # where it begins to hold an answer: after the white space before it
    end: int
    id: str


class _File(NamedTuple):
    questions: dict[str, str]
    relevant: dict[str, list[str]]  # candidate ids by question id
    sentences: list[_Sentence]


class Lareqa(Benchmark):
    """XQuAD-R or MLQA-R."""

    def load(self, folder: Path, languages: Sequence[str] | None) -> Collection:
        """Return the languages of a folder of ``<lang>.json``, compressed or not."""
        paths = by_language(folder, "", ".json")
        files = {tag: _read(paths[tag], tag) for tag in choose_languages(folder, paths, languages)}
        qrels: Qrels = {}
        for file in files.values():
            for question, candidates in file.relevant.items():
                qrels.setdefault(question, {}).update(dict.fromkeys(candidates, 1))
        return self.collection(
            {
                tag: Queries(list(file.questions), list(file.questions.values()))
                for tag, file in files.items()
            },
            {
                tag: spooled(file.sentences, {c for ids in file.relevant.values() for c in ids})
                for tag, file in files.items()
            },
            qrels,
            contexts=True,
        )

    def other_texts(self, folder: Path, languages: Sequence[str]) -> Iterator[LanguageTexts]:
        """Yield the other languages of a folder."""
        for tag, path in by_language(folder, "", ".json").items():
            if tag not in languages:
                yield LanguageTexts(partial(_questions, path, tag), partial(_contexts, path, tag))


def _questions(path: Path, tag: str) -> Iterator[str]:
    yield from _read(path, tag).questions.values()


def _contexts(path: Path, tag: str) -> Iterator[BenchmarkPassage]:
    for context, _ in groupby(sentence.context for sentence in _read(path, tag).sentences):
        yield BenchmarkPassage(context)


def _read(path: Path, tag: str) -> _File:
    file = _File({}, {}, [])
    document = read_json(path)
    at = f"{path}, "
    for a, article in enumerate(_list(document, "data", str(path))):
        for p, paragraph in enumerate(_list(article, "paragraphs", f"{at}data[{a}]")):
            place = f"{at}data[{a}].paragraphs[{p}]"
            starts = list(_sentences(paragraph, place, f"{tag}-{a:04d}-{p:04d}", file))
            for q, question in enumerate(_list(paragraph, "qas", place)):
                _add_question(question, f"{place}.qas[{q}]", starts, file)
    if not file.questions:
        raise InputError(f"{path}: holds no questions")
    return file


def _sentences(paragraph: Any, place: str, prefix: str, file: _File) -> Iterator[_Span]:
    """Add a paragraph's sentences; yield the part of the context that each holds."""
    sentences = _list(paragraph, "sentences", place)
    breaks = _list(paragraph, "sentence_breaks", place)
    if len(sentences) != len(breaks):
        raise InputError(f"{place}: {len(sentences)} sentences but {len(breaks)} sentence_breaks")
    context = _text(paragraph, "context", place)
    end = 0
    for s, (sentence, limits) in enumerate(zip(sentences, breaks, strict=True)):
        if not isinstance(sentence, str):
            raise InputError(f"{place}.sentences[{s}]: is not text")
        if not (
            isinstance(limits, list)
            and len(limits) == 2
            and all(type(limit) is int for limit in limits)
        ):
            raise InputError(f"{place}.sentence_breaks[{s}]: is not [start, end]")
        name = f"{prefix}-{s:04d}"
        file.sentences.append(_Sentence(place, name, sentence.strip(), context.strip()))
        blank = context[end : limits[0]].isspace()
        yield _Span(end if blank else limits[0], limits[1], name)
        end = limits[1]


def _add_question(question: Any, place: str, sentences: list[_Span], file: _File) -> None:
    name = _text(question, "id", place)
    text = _text(question, "question", place).strip()
    check_text(place, name, text)
    if not text:
        raise InputError(f"{place}.question: the query {name!r} is empty; write it or remove it")
    if name in file.questions:
        raise InputError(f"{place}.id: the question id {name!r} is there twice")
    relevant = []
    for number, answer in enumerate(_list(question, "answers", place)):
        start = answer.get("answer_start") if isinstance(answer, dict) else None
        holding = [s.id for s in sentences if type(start) is int and s.start <= start < s.end]
        if not holding:
            raise InputError(
                f"{place}.answers[{number}].answer_start: {start!r} is in none of the paragraph's "
                "sentences, so the question has no relevant candidate"
            )
        relevant.append(holding[0])
    if not relevant:
        raise InputError(f"{place}.answers: is empty, so the question has no relevant candidate")
    file.questions[name] = text
    file.relevant[name] = relevant


def _list(value: Any, key: str, place: str) -> list[Any]:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, list):
        hint = " (plain SQuAD has none; get LAReQA's files)" if key.startswith("sentence") else ""
        raise InputError(f"{place}: has no list {key!r}{hint}")
    return found


def _text(value: Any, key: str, place: str) -> str:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, str):
        raise InputError(f"{place}: has no text {key!r}")
    return found
