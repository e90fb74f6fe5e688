"""Data sets of the Hugging Face hub, streamed by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from bt_augment.errors import InputError, MissingDependencyError
from bt_augment.pairs.readers.arrow import choose_split
from bt_augment.pairs.readers.base import Quarantined, Reader, Row
from bt_augment.pairs.readers.class_labels import Labels, with_names

PREFIX = "hub:"
_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def looks_like_name(text: str) -> bool:
    """Return whether ``text`` is ``hub:NAME`` or has the form ``namespace/name``."""
    return text.startswith(PREFIX) or _NAME.fullmatch(text) is not None


class HubReader(Reader):
    """Reads one split of a hub data set; a row's place is its number, from 1."""

    format = "hub"
    parts = ("split", "config", "revision")
    place_kind = "row"

    @property
    def name(self) -> str:
        """Return the name on the hub."""
        return self.source.removeprefix(PREFIX)

    def rows(self) -> Iterator[Row | Quarantined]:
        """Yield the rows in the order of the data set.

        Raises:
            InputError: the data set, the configuration or the split cannot be had, or not whole.
        """
        stream = self._stream()
        labels = _labels(stream.features)
        for number, values in enumerate(self._whole(stream), start=1):
            row = with_names(values, labels)
            yield Row(self.place(number), row, f"{self.name.rpartition('/')[2]}:{number}")

    def _whole(self, stream: Iterable[Any]) -> Iterator[Any]:
        """Yield the rows of a stream; one that breaks off is not taken for one that ends."""
        read = 0
        try:
            for read, values in enumerate(stream, start=1):  # noqa: B007 - counted
                yield values
        # What a connection or a file of the hub raises depends on the libraries that read it.
        except Exception as error:
            why = " ".join(str(error).split()) or type(error).__name__
            raise InputError(
                f"the hub data set {self.name!r} broke off after {read:,} rows: {why}. Run the "
                "same command again; if it breaks there each time, --limit takes the rows before"
            ) from error

    def _stream(self) -> Any:
        try:
            import datasets
        except ImportError as error:
            raise MissingDependencyError("datasets", "all", "Reading from the hub") from error
        try:
            splits = datasets.get_dataset_split_names(
                self.name, self.settings.config, revision=self.settings.revision
            )
            split = choose_split(self.source, [str(name) for name in splits], self.settings.split)
            return datasets.load_dataset(
                self.name,
                self.settings.config,
                split=split,
                revision=self.settings.revision,
                streaming=True,
            )
        except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
            why = " ".join(str(error).split())
            raise InputError(
                f"the hub data set {self.name!r} cannot be read: {why}. Check the name "
                "(input.config, input.revision) and the connection; data sets that are on disk "
                "are read by their path"
            ) from error


def _labels(features: Any) -> Labels:
    """Return the names of the data set's ClassLabel columns; it may not say what it has."""
    named = {name: getattr(feature, "names", None) for name, feature in (features or {}).items()}
    return {name: names for name, names in named.items() if names}
