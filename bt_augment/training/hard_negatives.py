"""Hard negatives: other passages of the same title, where the rows have titles.

Paragraphs of one article share its words and names, and only one of them answers the question.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bt_augment.errors import TrainingError
from bt_augment.training.aligned_rows import AlignedRows
from bt_augment.training.examples import PASSAGE, TextLookup


class HardNegatives(TextLookup):
    """A look-up that also gives each pair ``negative_1``, ``negative_2`` and so on.

    A negative is in the language of the pair's passage and of no group in the batch, so that it
    is no other pair's answer. Where no passage of the title is left, any of the language serves.
    The choice depends on the pair alone, and on the batch.
    """

    def __init__(self, rows: AlignedRows, count: int, batch_size: int) -> None:
        """Sort the passages by title and language.

        Args:
            rows: rows trained on.
            count: negatives of each pair.
            batch_size: pairs of a batch.

        Raises:
            TrainingError: no row has a title, or a language has too few passages.
        """
        super().__init__(rows.texts)
        titles = np.asarray(rows.texts["title"], dtype=object)[rows.at]
        if all(title is None for title in titles):
            raise TrainingError(
                "hard negatives are other passages of the same title, and these runs have no "
                "titles; leave --hard-negatives out"
            )
        self._count = count
        self._check(rows, batch_size)
        size = len(rows.texts)
        self._group = _spread(rows.at, rows.group, size)
        self._language = _spread(rows.at, rows.passage_lang, size)
        names = np.array(["" if t is None else str(t) for t in titles])
        codes = np.unique(names, return_inverse=True)[1]
        self._title = _spread(rows.at, codes, size)
        self._by_language = _members(rows.at, rows.passage_lang)
        self._by_title = _members(rows.at, codes * (len(rows.languages) + 1) + rows.passage_lang)
        self._languages = len(rows.languages) + 1

    def _check(self, rows: AlignedRows, batch_size: int) -> None:
        for code, tag in enumerate(rows.languages):
            groups = len(np.unique(rows.group[rows.passage_lang == code]))
            if 0 < groups <= batch_size:
                raise TrainingError(
                    f"hard negatives have to come from outside the batch, but {tag} has only "
                    f"{groups} different passages; lower --batch-size below that"
                )

    def __call__(self, batch: Mapping[str, list[Any]]) -> dict[str, list[str]]:
        """Return the texts of a batch of pairs and of their negatives."""
        texts = super().__call__(batch)
        rows = batch["passage_row"]
        taken = np.unique(self._group[rows])
        chosen = [self._negatives(row, taken) for row in rows]
        for number in range(self._count):
            places = [int(negatives[number]) for negatives in chosen]
            texts[f"negative_{number + 1}"] = self._look_up(PASSAGE, places)
        return texts

    def _negatives(self, row: int, taken: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        language = int(self._language[row])
        near = self._by_title[int(self._title[row]) * self._languages + language]
        near = near[~np.isin(self._group[near], taken)]
        rng = np.random.default_rng(zlib.crc32(f"{row}".encode()))
        chosen: npt.NDArray[np.int64] = rng.permutation(near)[: self._count]
        if len(chosen) < self._count:
            far = self._by_language[language]
            far = far[~np.isin(self._group[far], taken)]
            more = rng.choice(far, self._count - len(chosen))
            chosen = np.concatenate([chosen, more])
        return chosen


def _spread(
    at: npt.NDArray[np.int64], values: npt.NDArray[np.int64], size: int
) -> npt.NDArray[np.int64]:
    """Return values by place in the texts, -1 where no row is trained on."""
    spread = np.full(size, -1, dtype=np.int64)
    spread[at] = values
    return spread


def _members(
    at: npt.NDArray[np.int64], codes: npt.NDArray[np.int64]
) -> dict[int, npt.NDArray[np.int64]]:
    return {int(code): at[codes == code] for code in np.unique(codes)}
