"""Which model translates which hop, as a user names them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bt_augment.errors import ModelError
from bt_augment.languages import language_of, normalize_tag, same_language
from bt_augment.translation.models import BUNDLED_MINI

_OVERRIDE = re.compile(r"([A-Za-z0-9_-]+):([A-Za-z0-9_-]+)=(.+)", re.DOTALL)


@dataclass(frozen=True)
class ModelSelection:
    """Which model translates which hop.

    Attributes:
        default: the name used where no override fits.
        overrides: (source, target) tags → name.
    """

    default: str = BUNDLED_MINI
    overrides: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def parse(cls, texts: Sequence[str]) -> ModelSelection:
        """Return the selection written as ``NAME`` (the default) and ``en:pt=NAME``.

        Raises:
            ModelError: two defaults, or two models for one hop.
            LanguageError: an override whose tag is not BCP-47.
        """
        defaults: list[str] = []
        overrides: dict[tuple[str, str], str] = {}
        for text in texts:
            hop, name = split_override(text)
            if hop is None:
                defaults.append(name)
            elif overrides.setdefault(hop, name) != name:
                raise ModelError(
                    f"two models are named for the hop {hop[0]}:{hop[1]}: {overrides[hop]} and "
                    f"{name}; keep one"
                )
        if len(set(defaults)) > 1:
            raise ModelError(
                f"two models are named for all hops: {defaults[0]} and {defaults[1]}; keep one, "
                "or write en:pt=NAME to name one for a single hop"
            )
        return cls(defaults[0] if defaults else BUNDLED_MINI, overrides)

    def for_hop(self, source: str, target: str) -> str:
        """Return the name for a hop: that of its override, or the default."""
        override = self.override_for(source, target)
        return self.default if override is None else self.overrides[override]

    def override_for(self, source: str, target: str) -> tuple[str, str] | None:
        """Return the tags of the override that a hop takes, None where it takes the default.

        That of its exact tags, else that of its languages without region and script, else the
        only one whose tags fit: ``en:pt-BR`` fits the hop ``en:pt``, but not ``en:pt-PT``.
        """
        for wanted in ((source, target), (language_of(source), language_of(target))):
            if wanted in self.overrides:
                return wanted
        fitting = [(s, t) for s, t in self.overrides if _fits(s, source) and _fits(t, target)]
        return fitting[0] if len(fitting) == 1 else None


def split_override(text: str) -> tuple[tuple[str, str] | None, str]:
    """Return the hop, or None for all, and the name of a model as a user names it.

    Raises:
        LanguageError: a tag of the hop is not BCP-47.
    """
    match = _OVERRIDE.fullmatch(text.strip())
    if match is None:
        return None, text.strip()
    return (normalize_tag(match[1]), normalize_tag(match[2])), match[3]


def _fits(named: str, needed: str) -> bool:
    is_plain = any(tag == language_of(tag) for tag in (named, needed))
    return named == needed or (is_plain and same_language(named, needed))
