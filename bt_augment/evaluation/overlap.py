"""Zero-shot is a claim that is checked: does training text hold text of the benchmark?

Memory is bounded by a block of training passages, whatever the size of the benchmark: its
passages stream by once for each block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from bt_augment.errors import InputError, RunFolderError, StorageError
from bt_augment.evaluation.benchmarks.base import Collection, LanguageTexts
from bt_augment.evaluation.training_record import TrainingRecord, training_rows
from bt_augment.pairs.contamination import (
    BenchmarkPassage,
    BenchmarkText,
    contained,
    ngram_hashes,
)

PASSAGE_SHARE = 0.1  # of a passage's 13-grams: the default of the filter contamination.passage

_BLOCK_PASSAGES = 1 << 17  # some 100 MB of hashes


def training_overlap(
    record: TrainingRecord | None, collection: Collection, others: Iterable[LanguageTexts] = ()
) -> dict[str, Any]:
    """Return how many of a model's training texts the benchmark holds.

    Args:
        record: what the model was trained on; None where nothing says it.
        collection: the benchmark, of the languages evaluated.
        others: what it says in others: a translation of a question gives it away no less.

    Returns:
        ``checked``, and the number of distinct training ``questions`` that are, normalized,
        questions of the benchmark, and of distinct ``passages`` that share more than a tenth of
        their 13-grams with it. Where it could not be checked both are None, and ``reason`` says
        why.
    """
    if record is None:
        return _unchecked("there is no training_manifest.json beside the model")
    try:
        parts = [*map(collection.texts_of, collection.languages), *others]
        asked = BenchmarkText((text for part in parts for text in part.questions()), ())
        return {
            "checked": True,
            "questions": sum(map(asked.question_matches, _distinct(record, "question"))),
            "passages": count_overlapping(
                _distinct(record, "passage"),
                lambda: (passage for part in parts for passage in part.passages()),
            ),
        }
    except (RunFolderError, InputError, StorageError) as error:
        return _unchecked(str(error))


def _unchecked(reason: str) -> dict[str, Any]:
    return {"checked": False, "questions": None, "passages": None, "reason": reason}


def count_overlapping(
    passages: Iterable[str], corpus: Callable[[], Iterable[BenchmarkPassage]]
) -> int:
    """Return how many passages share more than :data:`PASSAGE_SHARE` of their 13-grams.

    Args:
        passages: training passages.
        corpus: gives the benchmark's passages anew at each call.
    """
    pending = iter(passages)
    count = 0
    while block := list(islice(pending, _BLOCK_PASSAGES)):
        ngrams = [ngram_hashes(text) for text in block]
        known = np.unique(np.concatenate(ngrams))
        seen = np.zeros(known.size, dtype=np.bool_)
        for passage in corpus():
            hashes = passage.hashes()
            held = hashes[contained(known, hashes)]
            seen[np.searchsorted(known, held)] = True
        count += sum(
            bool(part.size) and float(contained(known[seen], part).mean()) > PASSAGE_SHARE
            for part in ngrams
        )
    return count


def _distinct(record: TrainingRecord, column: str) -> Iterator[str]:
    """Yield each text once; of a text no more than its hash is kept."""
    known: set[int] = set()
    for table in training_rows(record):
        for text in table.column(column).to_pylist():
            key = hash(text)
            if key not in known:
                known.add(key)
                yield text
