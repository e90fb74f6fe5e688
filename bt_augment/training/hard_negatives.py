"""Hard negatives: other passages of the same title, where the rows have titles.

Paragraphs of one article share its words and names, and only one of them answers the question.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bt_augment.errors import TrainingError
from bt_augment.training.aligned_rows import AlignedRows
from bt_augment.training.text_lookup import PASSAGE, TextLookup

_NO_TITLE = -1
_MANY = 1000  # passages that take longer to bring into an order than to draw some of
_TRIES = 20  # for each negative: enough but where nearly all passages are in the batch


class HardNegatives(TextLookup):
    """A look-up that also gives each pair ``negative_1``, ``negative_2`` and so on.

    A negative is in the language of the pair's passage and of no group in the batch, so that it
    is no other pair's answer; the negatives of a pair are of different groups. Where no passage
    of the title is left, any of the language serves. The choice depends on the pair alone, and
    on the batch.
    """

    def __init__(self, rows: AlignedRows, count: int) -> None:
        """Sort the passages by title and language.

        Args:
            rows: rows trained on.
            count: negatives of each pair.

        Raises:
            TrainingError: no row has a title.
        """
        super().__init__(rows.texts)
        titles = _titles(rows)
        if (titles == _NO_TITLE).all():
            raise TrainingError(
                "hard negatives are other passages of the same title, and these runs have no "
                "titles; leave --hard-negatives out"
            )
        self._count = count
        self._tags = rows.languages
        size = len(rows.texts)
        self._group = _spread(rows.at, rows.group, size)
        self._language = _spread(rows.at, rows.passage_lang, size)
        self._title = _spread(rows.at, titles, size)
        titled = titles != _NO_TITLE
        keys = titles * len(self._tags) + rows.passage_lang
        self._by_title = _members(rows.at[titled], keys[titled])
        self._by_language = {
            code: self._one_of_each_group(places)
            for code, places in _members(rows.at, rows.passage_lang).items()
        }

    def check(self, languages: Collection[str], batch_size: int) -> None:
        """Refuse batches for which a language has too few passages.

        Args:
            languages: of the passages that batches are made of.
            batch_size: pairs of a batch.

        Raises:
            TrainingError: one has fewer than a batch and the negatives of a pair.
        """
        for code, places in self._by_language.items():
            left = len(places) - self._count
            if left >= batch_size or self._tags[code] not in languages:
                continue
            advice = (
                f"lower --batch-size to {left} or less" if left > 0
                else "take fewer --hard-negatives or more data, or name the others in --languages"
            )  # fmt: skip
            raise TrainingError(
                f"hard negatives have to come from outside the batch, but {self._tags[code]} has "
                f"only {len(places)} different passages; with {self._count} for each pair, {advice}"
            )

    def __call__(self, batch: Mapping[str, list[Any]]) -> dict[str, list[str]]:
        """Return the texts of a batch of pairs and of their negatives."""
        texts = super().__call__(batch)
        rows = batch["passage_row"]
        taken = set(self._group[rows].tolist())
        chosen = [self._negatives(row, taken) for row in rows]
        for number in range(self._count):
            texts[f"negative_{number + 1}"] = self.look_up(PASSAGE, [c[number] for c in chosen])
        return texts

    def _negatives(self, row: int, taken: set[int]) -> list[int]:
        language, title = int(self._language[row]), int(self._title[row])
        rng = np.random.default_rng(row)
        near = self._by_title.get(title * len(self._tags) + language, self._title[:0])
        chosen: list[int] = []
        used = set(taken)
        for candidates in (near, self._by_language[language]):
            for place in _drawn(candidates, _TRIES * self._count, rng):
                if len(chosen) == self._count:
                    return chosen
                if (group := int(self._group[place])) not in used:
                    used.add(group)
                    chosen.append(place)
        return chosen

    def _one_of_each_group(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return places[np.unique(self._group[places], return_index=True)[1]]


def _drawn(places: npt.NDArray[np.int64], tries: int, rng: np.random.Generator) -> Iterator[int]:
    """Yield places in random order; of many, first some that may come again."""
    if len(places) > _MANY:
        yield from places[rng.integers(len(places), size=tries)].tolist()
    yield from rng.permutation(places).tolist()


def _titles(rows: AlignedRows) -> npt.NDArray[np.int64]:
    """Return a code for each row's title, -1 where it has none."""
    encoded = rows.texts.data.column("title").combine_chunks().dictionary_encode()
    codes = encoded.indices.fill_null(_NO_TITLE).to_numpy(zero_copy_only=False).astype(np.int64)
    names = encoded.dictionary.to_pylist()
    empty = [code for code, name in enumerate(names) if not (name or "").strip()]
    codes[np.isin(codes, empty)] = _NO_TITLE
    chosen: npt.NDArray[np.int64] = codes[rows.at]
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
    order = np.argsort(codes, kind="stable")
    unique, starts = np.unique(codes[order], return_index=True)
    return dict(zip(unique.tolist(), np.split(at[order], starts[1:]), strict=True))
