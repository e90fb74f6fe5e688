"""Training pairs of aligned rows, composed from row numbers: no text is stored twice.

A pair is a question and a passage that answers it. Every row gives one, and where a native pair
has versions in several languages, the question of one goes with the passage of another: that is
a cross-lingual pair. In both cases the texts are looked up when a batch is made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bt_augment.pairs.schema import METHODS
from bt_augment.training.aligned_rows import AlignedRows, read_rows
from bt_augment.training.text_lookup import TextLookup

if TYPE_CHECKING:
    from datasets import Dataset

_BLOCK_ROWS = 1 << 16  # rows composed at once: bounds the memory of what is filtered away


def training_pairs(
    folders: Sequence[Path | str],
    *,
    methods: Collection[str] = METHODS,
    languages: Collection[str] | None = None,
    cross_lingual: bool = True,
) -> Dataset:
    """Return the training pairs of run folders; see :func:`compose_pairs`.

    Args:
        folders: run folders made by ``generate`` or ``filter``.
        methods: methods of the rows to take.
        languages: take rows whose question and passage are both in these; None takes all.
        cross_lingual: also compose each question with the passages of other languages.

    Raises:
        RunFolderError: a folder is no finished run, or one of its shards was damaged.
        LanguageError: ``languages`` holds something else.
        TrainingError: an unknown method, or no row is left.
    """
    rows = read_rows([Path(path) for path in folders], methods=methods, languages=languages)
    return compose_pairs(rows, cross_lingual=cross_lingual)


def compose_pairs(rows: AlignedRows, *, cross_lingual: bool = True) -> Dataset:
    """Return a data set of pairs whose items are ``{"question": ..., "passage": ...}``.

    Its columns are ``question_row`` and ``passage_row`` (places in the memory-mapped texts),
    ``group_id``, ``question_lang``, ``passage_lang`` and ``made`` (neither text is native); the
    sampler reads the last four. A transform looks the texts up.

    Args:
        rows: aligned rows.
        cross_lingual: also compose each question with the passages of other languages.
    """
    from bt_augment.training.pair_dataset import PairDataset

    questions, passages = _pairs(rows, cross_lingual=cross_lingual)
    native = rows.native
    table = pa.table(
        {
            "question_row": rows.at[questions],
            "passage_row": rows.at[passages],
            "group_id": _taken(rows.groups, rows.group[questions]),
            "question_lang": _taken(rows.languages, rows.question_lang[questions]),
            "passage_lang": _taken(rows.languages, rows.passage_lang[passages]),
            "made": ~(native[questions] | native[passages]),
        }
    )
    pairs = PairDataset(table)
    return pairs.with_transform(TextLookup(rows.texts), columns=["question_row", "passage_row"])


def _taken(names: Sequence[str], codes: npt.NDArray[np.int64]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(names)).cast(
        pa.string()
    )


def _pairs(
    rows: AlignedRows, *, cross_lingual: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the rows of the question and of the passage of each pair."""
    own = np.arange(len(rows), dtype=np.int64)
    if not cross_lingual:
        return own, own
    composed = list(_cross_lingual(rows))
    return (
        np.concatenate([own, *(questions for questions, _ in composed)]),
        np.concatenate([own, *(passages for _, passages in composed)]),
    )


def _cross_lingual(
    rows: AlignedRows,
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Yield, in blocks, all pairs of two rows of one source that are in different languages."""
    order = np.argsort(rows.source, kind="stable")
    _, starts, sizes = np.unique(rows.source[order], return_index=True, return_counts=True)
    first = np.repeat(starts, sizes)  # of each row in order: where its source begins
    size = np.repeat(sizes, sizes)
    for begin in range(0, len(order), _BLOCK_ROWS):
        block = slice(begin, begin + _BLOCK_ROWS)
        count = size[block]
        questions = np.repeat(np.arange(len(order))[block], count)
        within = np.arange(len(questions)) - np.repeat(np.cumsum(count) - count, count)
        passages = np.repeat(first[block], count) + within
        questions, passages = order[questions], order[passages]
        different = rows.question_lang[questions] != rows.passage_lang[passages]
        wanted = different & (questions != passages)
        yield questions[wanted], passages[wanted]
