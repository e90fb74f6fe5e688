"""The data set of pairs: a batch is looked up without a detour through Arrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from datasets import Dataset

from bt_augment.training.text_lookup import TextLookup

_ROWS = ("question_row", "passage_row")


class PairDataset(Dataset):  # type: ignore[misc]
    """A data set with the columns ``question_row`` and ``passage_row``, looked up as it is read.

    ``Dataset`` cuts a table of one row out of every column for each pair, twice as slow as the
    look-up itself (``benchmarks/training.py``). This one reads the row numbers from two arrays,
    and is a plain ``Dataset`` in everything else, so that trainers take it.
    """

    _rows: tuple[npt.NDArray[np.int64], ...] | None = None

    def __getitems__(self, keys: list[int]) -> list[dict[str, Any]]:
        """Return the pairs of a batch, as torch's data loader asks for them."""
        lookup = self.format["format_kwargs"].get("transform")
        if not isinstance(lookup, TextLookup) or self._indices is not None:
            items: list[dict[str, Any]] = super().__getitems__(keys)
            return items
        return _items(lookup(self._numbers(keys)))

    def _numbers(self, keys: Sequence[int]) -> dict[str, list[int]]:
        if self._rows is None:
            self._rows = tuple(self.data.column(name).to_numpy() for name in _ROWS)
        return {name: rows[keys].tolist() for name, rows in zip(_ROWS, self._rows, strict=True)}


def _items(texts: dict[str, list[str]]) -> list[dict[str, str]]:
    return [dict(zip(texts, values, strict=True)) for values in zip(*texts.values(), strict=True)]
