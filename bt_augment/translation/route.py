"""Routes: the languages a text passes through."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from bt_augment.errors import RouteError
from bt_augment.languages import normalize_tag, same_language, without_region
from bt_augment.pairs.schema import PIVOT, ROUND_TRIP, TRANSLATION


@dataclass(frozen=True)
class Route:
    """BCP-47 tags joined by hops.

    ``en:pt:en`` and ``en:pt:en-GB`` (the same ends, whatever the regions) are round trips,
    ``en:pt`` is a translation, and three or more tags with different ends (``pt:en:es``) are a
    translation through a pivot.

    Attributes:
        tags: two or more normalized BCP-47 tags; neighbours differ.

    Raises:
        RouteError: a string is given; :meth:`parse` takes one.
    """

    tags: tuple[str, ...]

    def __post_init__(self) -> None:
        if isinstance(self.tags, str):
            raise RouteError(f"Route({self.tags!r}): write Route.parse({self.tags!r})")

    @classmethod
    def parse(cls, text: str) -> Route:
        """Return the route written as ``en:pt:en``.

        Raises:
            RouteError: fewer than two tags, or two equal neighbours.
            LanguageError: a tag that is not valid BCP-47.
        """
        parts = [part.strip() for part in text.split(":")]
        if len(parts) < 2 or not all(parts):
            raise RouteError(
                f"route {text!r} needs two or more language tags joined by colons, "
                "such as en:pt:en (round trip) or en:pt (translation)"
            )
        tags = tuple(normalize_tag(part) for part in parts)
        for source, target in pairwise(tags):
            if source == target:
                raise RouteError(f"route {text!r} goes from {source!r} to itself; remove one")
        return cls(tags)

    @property
    def method(self) -> str:
        """Return ``round_trip``, ``translation`` or ``pivot``."""
        if len(self.tags) == 2:
            return TRANSLATION
        same = without_region(self.tags[0]) == without_region(self.tags[-1])
        return ROUND_TRIP if same else PIVOT

    def starts_in(self, tag: str) -> bool:
        """Tell whether a text of language ``tag`` takes this route; regions do not matter."""
        return same_language(self.tags[0], tag)

    @property
    def hops(self) -> tuple[tuple[str, str], ...]:
        """Return the (source, target) language of each hop, in order."""
        return tuple(pairwise(self.tags))

    def __str__(self) -> str:
        """Return the route as the user writes it."""
        return ":".join(self.tags)
