"""Where a machine keeps what can be had again: converted models, embeddings, fetched objects."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from bt_augment.errors import StorageError

CACHE_VARIABLE = "BT_AUGMENT_CACHE"


def own_environment() -> dict[str, str]:
    """Return what this process's environment says of the cache, and nothing else of it."""
    return {name: value for name, value in os.environ.items() if name == CACHE_VARIABLE}


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder: ``BT_AUGMENT_CACHE``, else the user's cache.

    Raises:
        StorageError: it is not named, and the user has no home.
    """
    if chosen := environment.get(CACHE_VARIABLE):
        return Path(chosen)
    import platformdirs

    # Where HOME is not set and the user is not known, some versions leave the ~ and some raise.
    try:
        folder = Path(platformdirs.user_cache_dir("bt-augment", appauthor=False))
    except RuntimeError:
        folder = Path("~")
    if not folder.is_absolute():
        raise StorageError(
            f"there is no home folder to keep a cache in; set {CACHE_VARIABLE} to a folder"
        )
    return folder
