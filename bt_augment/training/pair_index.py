"""What the sampler knows of each pair: its group, its two languages, native or made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bt_augment.errors import LanguageError, TrainingError
from bt_augment.languages import without_region
from bt_augment.pairs.schema import NATIVE

if TYPE_CHECKING:
    from datasets import Dataset

_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_NEEDED = ("group_id", "question_lang", "passage_lang")


@dataclass(frozen=True)
class PairIndex:
    """Parallel arrays, one entry a pair.

    Attributes:
        group: pairs of equal group are never each other's negatives.
        question_lang: code of the question's language (in ``languages``).
        passage_lang: code of the passage's language.
        made: neither text is native.
        languages: tags.
    """

    group: npt.NDArray[np.int64]
    question_lang: npt.NDArray[np.int64]
    passage_lang: npt.NDArray[np.int64]
    made: npt.NDArray[np.bool_]
    languages: tuple[str, ...]

    @classmethod
    def of(cls, dataset: Dataset) -> PairIndex:
        """Read the columns ``group_id``, ``question_lang``, ``passage_lang`` of any data set.

        Tags that differ in the region are one language; others are taken as they are written.
        ``made`` is read from the column of that name, else from ``method`` (not ``native``),
        else no pair counts as made.

        Raises:
            TrainingError: a column is missing, lacks values, or holds others than it should.
        """
        names = dataset.column_names
        if missing := [name for name in _NEEDED if name not in names]:
            raise TrainingError(
                f"hybrid batches need the columns {', '.join(_NEEDED)}; the data set has no "
                f"{', '.join(missing)}. Pass pairs=PairIndex.of(...) of a data set that has them"
            )
        extra = [name for name in ("made", "method") if name in names][:1]
        table = dataset.select_columns([*_NEEDED, *extra]).with_format("arrow")[:]
        for name in table.column_names:
            _check_column(name, table.column(name))
        languages = sorted(
            {
                _language(tag)
                for name in ("question_lang", "passage_lang")
                for tag in table.column(name).unique().to_pylist()
            }
        )
        return cls(
            group=_encoded(table.column("group_id")).indices.to_numpy().astype(np.int64),
            question_lang=_coded(table.column("question_lang"), languages),
            passage_lang=_coded(table.column("passage_lang"), languages),
            made=_made(table),
            languages=tuple(languages),
        )

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.group)

    def pair_name(self, question_lang: int, passage_lang: int) -> str:
        """Return ``en`` or ``en-pt``: the language, or the language pair, in words."""
        question, passage = self.languages[question_lang], self.languages[passage_lang]
        return question if question == passage else f"{question}-{passage}"


def _check_column(name: str, column: pa.ChunkedArray) -> None:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if name == "made":
        known, wanted = pa.types.is_boolean(kind), "true or false"
    elif name == "group_id":
        known, wanted = not pa.types.is_nested(kind), "one value each"
    else:
        known, wanted = any(is_text(kind) for is_text in _TEXTS), "texts"
    if not known:
        raise TrainingError(f"the column {name} is of type {column.type}; it must hold {wanted}")
    if column.null_count:
        raise TrainingError(
            f"the column {name} is empty in {column.null_count:,} of {len(column):,} pairs; fill "
            "it, or leave those pairs out"
        )


def _language(tag: str) -> str:
    try:
        return without_region(tag)
    except LanguageError:
        return tag  # a data set of any origin may name languages in its own way


def _made(table: pa.Table) -> npt.NDArray[np.bool_]:
    if "made" in table.column_names:
        return np.asarray(table.column("made").to_numpy(), dtype=np.bool_)
    if "method" in table.column_names:
        encoded = _encoded(table.column("method"))
        kinds = encoded.dictionary.to_pylist()
        native = kinds.index(NATIVE) if NATIVE in kinds else -1
        return np.asarray(encoded.indices.to_numpy() != native, dtype=np.bool_)
    return np.zeros(table.num_rows, dtype=np.bool_)


def _encoded(column: pa.ChunkedArray) -> Any:
    encoded = column.dictionary_encode().unify_dictionaries().combine_chunks()
    return encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded


def _coded(column: pa.ChunkedArray, tags: list[str]) -> npt.NDArray[np.int64]:
    encoded = _encoded(column)
    codes = np.array(
        [tags.index(_language(tag)) for tag in encoded.dictionary.to_pylist()], dtype=np.int64
    )
    coded: npt.NDArray[np.int64] = codes[encoded.indices.to_numpy()]
    return coded
