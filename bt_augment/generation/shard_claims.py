"""Parts of a run that are made by jobs of their own, and who is making which."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from bt_augment.errors import RecipeError, RunFolderError
from bt_augment.shards.claims import claimed, is_claimed
from bt_augment.shards.run_folder import RunFolder
from bt_augment.values import whole_number

_WRITTEN = re.compile(r"(\d{1,9})/(\d{1,9})")
_LOCKS = "shard-*.lock"


@dataclass(frozen=True)
class Shard:
    """Part ``k`` of ``n``: the units whose number, divided by ``n``, leaves ``k - 1``.

    Attributes:
        k: from 1.
        n: number of parts.

    Raises:
        RecipeError: the first is not one of 1 to the second.
    """

    k: int
    n: int

    def __post_init__(self) -> None:
        n = whole_number("n of a shard", self.n, RecipeError, least=1)
        object.__setattr__(self, "n", n)
        k = whole_number("k of a shard", self.k, RecipeError, least=1, most=n)
        object.__setattr__(self, "k", k)

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Return the part written as ``2/8``.

        Raises:
            RecipeError: it is not two numbers, or the first is not one of 1 to the second.
        """
        if match := _WRITTEN.fullmatch(text.strip()):
            with suppress(RecipeError):
                return cls(int(match[1]), int(match[2]))
        raise RecipeError(f"--shard {text[:40]!r}: write K/N with K from 1 to N, such as 2/8")

    def units(self, count: int) -> range:
        """Return the units of this part, of ``count`` in all."""
        return range(self.k - 1, count, self.n)

    def __str__(self) -> str:
        """Return ``2/8``."""
        return f"{self.k}/{self.n}"


@contextmanager
def claimed_shard(folder: RunFolder, shard: Shard) -> Iterator[None]:
    """Hold a part of a run against other processes.

    Raises:
        RunFolderError: another process is making the same part.
    """
    busy = RunFolderError(
        f"{folder.path}: another process is making shard {shard} of this run; wait for it, or "
        "give this one another number"
    )
    with claimed(folder.work, busy, name=f"shard-{shard.k}-of-{shard.n}.lock"):
        yield


def working_shards(folder: RunFolder) -> list[str]:
    """Return the names of the parts of a run that are being made, such as ``shard-2-of-8``."""
    return [path.stem for path in sorted(folder.work.glob(_LOCKS)) if is_claimed(path)]


def refuse_working_shards(folder: RunFolder) -> None:
    """Refuse to go on while a part of the run is being made.

    Args:
        folder: the run folder, claimed, so that no other part can begin.

    Raises:
        RunFolderError: one is; the message names it.
    """
    working = working_shards(folder)
    if working:
        raise RunFolderError(
            f"{folder.path}: {', '.join(working[:5])} of this run is still being made; run this "
            "command again when all shards are done"
        )
