"""Which files of a place are a run's own: what ``--overwrite`` may remove."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from bt_augment.errors import RunFolderError
from bt_augment.shards.manifest import RUN, SHARD, WORK
from bt_augment.shards.store import SPLITS

_SPLIT = rf"({'|'.join(SPLITS)})/"
_SHARD = re.compile(SHARD)
# Beside shards and their index: what was being written, and what maps of ``datasets`` keep there.
_BESIDE = re.compile(
    rf"{_SPLIT}(state\.json|dataset_info\.json|\.[^/]+\.tmp|cache-[^/]+\.arrow|tmp[^/]+)"
)


def is_of_split(name: str) -> bool:
    """Return whether a path within a run is one that a run has in a split's folder."""
    return bool(_SHARD.fullmatch(name) or _BESIDE.fullmatch(name))


def names_of_splits(folder: Path) -> list[str]:
    """Return the paths, within a run folder, of all files in its splits' folders."""
    places = [folder / split for split in SPLITS]
    files = (p for place in places if not place.is_symlink() for p in place.rglob("*"))
    return sorted(str(path.relative_to(folder)) for path in files if not path.is_dir())


def check_overwrite(out: Path | str, names: Collection[str], *, readable: bool) -> None:
    """Refuse to clear a place that holds what no run has.

    Args:
        out: the place, as messages name it.
        names: paths within it: at least the files of splits, and something of ``.work``.
        readable: whether its ``run.json`` is that of a run. A damaged one is known by shards or
            work beside it.

    Raises:
        RunFolderError: files of others lie where shards do, or the run is another program's.
    """
    strange = [name for name in names if _top(name) in SPLITS and not is_of_split(name)]
    if strange:
        raise RunFolderError(
            f"{out}: holds files that are not of a run ({', '.join(strange[:3])}), so --overwrite "
            "removes nothing; move them, or choose another --out"
        )
    if not readable and not any(_SHARD.fullmatch(n) or _top(n) == WORK for n in names):
        raise RunFolderError(
            f"{out}: its {RUN} is not that of a run of bt-augment, so --overwrite removes nothing; "
            "remove it yourself, or choose another --out"
        )


def _top(name: str) -> str:
    """Return the first part of a path within a run."""
    return name.partition("/")[0]
