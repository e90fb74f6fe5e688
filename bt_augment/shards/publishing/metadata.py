"""The YAML at the head of a data set's card, by which the Hub and ``datasets`` know it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import langcodes

from bt_augment.pairs.schema import NATIVE
from bt_augment.shards.publishing.files import DataFile, DataFiles
from bt_augment.shards.store import REJECTED, TRAIN

DEFAULT = "default"

TASKS = ("text-retrieval", "question-answering")
TAGS = ("bt-augment", "back-translation", "data-augmentation", "synthetic", "dense-retrieval")
_SIZES = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")


@dataclass(frozen=True)
class Config:
    """One configuration of the published data set.

    Attributes:
        name: as ``load_dataset`` takes it.
        split: its only split.
        files: in the order in which they are read.
        route: such as ``en:pt:en``, of a route's config.
    """

    name: str
    split: str
    files: Sequence[DataFile]
    route: str | None = None

    @property
    def rows(self) -> int:
        """Return the number of its rows."""
        return sum(file.rows for file in self.files)


def configs(files: DataFiles) -> list[Config]:
    """Return ``default`` (accepted rows), one config for each route, and ``rejected``.

    A config without rows is left out: ``datasets`` refuses to load an empty split.
    """
    accepted = [file for group in files.accepted.values() for file in group]
    found = [
        Config(DEFAULT, TRAIN, accepted),
        *(
            Config(config_name(route), TRAIN, group, route)
            for route, group in files.accepted.items()
            if route != NATIVE
        ),
        Config(REJECTED, REJECTED, files.rejected),
    ]
    return [config for config in found if config.files]


def front_matter(
    files: DataFiles, found: Sequence[Config], *, name: str, license_id: str | None
) -> str:
    """Return the YAML, without the lines that fence it.

    Args:
        files: what the configs are made of.
        found: from :func:`configs`.
        name: of the data set, for people.
        license_id: identifier of the Hub, or None: the key is left out.
    """
    from datasets import DatasetInfo, Features
    from datasets.info import DatasetInfosDict
    from datasets.splits import SplitDict, SplitInfo
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCardData

    accepted = sum(file.rows for group in files.accepted.values() for file in group)
    regional = [tag for tag in files.languages if "-" in tag]
    more: dict[str, Any] = {"language_bcp47": list(files.languages)} if regional else {}
    card = DatasetCardData(
        language=_base_languages(files.languages) or None,
        license=license_id,
        pretty_name=name,
        size_categories=[size_category(accepted)],
        task_categories=list(TASKS),
        tags=list(TAGS),
        **more,
    )
    features = Features.from_arrow_schema(files.schema)
    DatasetInfosDict(
        {
            config.name: DatasetInfo(
                features=features,
                splits=SplitDict(
                    {
                        config.split: SplitInfo(
                            config.split, sum(f.memory for f in config.files), config.rows
                        )
                    }
                ),
                download_size=sum(f.bytes for f in config.files),
                dataset_size=sum(f.memory for f in config.files),
            )
            for config in found
        }
    ).to_dataset_card_data(card)
    MetadataConfigs({config.name: _config_entry(config) for config in found}).to_dataset_card_data(
        card
    )
    text: str = card.to_yaml(line_break="\n")
    return text.rstrip("\n")


def config_name(route: str) -> str:
    """Return ``en-pt-en`` for ``en:pt:en``, and ``en-en_pt`` for the code-switched ``en:en+pt``.

    A colon is not allowed in the name of a config, and a plus sign is a space in addresses.
    """
    return route.replace(":", "-").replace("+", "_")


def size_category(rows: int) -> str:
    """Return the Hub's name for a size, such as ``1K<n<10K``."""
    limit = 1000
    for number, name in enumerate(_SIZES):
        if rows < limit:
            return f"{_SIZES[number - 1]}<n<{name}" if number else f"n<{name}"
        limit *= 10
    return f"n>{_SIZES[-1]}"


def _config_entry(config: Config) -> Mapping[str, object]:
    # Named one by one: a pattern would also take in files that somebody else put there.
    return {"data_files": [{"split": config.split, "path": [file.path for file in config.files]}]}


def _base_languages(tags: Sequence[str]) -> list[str]:
    """Return ISO 639 codes: the Hub's ``language`` takes no regions and scripts."""
    languages = (langcodes.get(tag).language for tag in tags)
    return sorted({code for code in languages if code and code != "und"})
