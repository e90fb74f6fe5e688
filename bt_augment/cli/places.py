"""Folders on the command line: of this machine, or by URL on an object store."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from bt_augment.shards.remote.urls import is_url, place

_COPIES = f"{__name__}.copies"  # the key in what click keeps for a call


class FolderOrUrl(click.Path):
    """A folder of this machine as a path, or a place on an object store as a normalized URL."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, file_okay=False)

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        """Return a path or a URL."""
        where = place(value) if is_url(value) else value
        if is_url(where):
            return where
        try:
            Path(where).stat()
        except OSError as error:
            if error.errno == errno.ELOOP:
                self.fail(f"{where}: its symbolic links lead in a circle", param, ctx)
        except ValueError:
            pass  # a NUL character, of which the next line tells
        return super().convert(where, param, ctx)


class LocalFile(click.Path):
    """A file of this machine to write; a URL is refused."""

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        """Return the path."""
        return super().convert(_local(self, value, param, ctx), param, ctx)


class LocalFolder(FolderOrUrl):
    """A folder of this machine; a URL is refused, where it would become a folder named ``s3:``."""

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        """Return the path."""
        return super().convert(_local(self, value, param, ctx), param, ctx)


def _local(
    kind: click.Path, value: Any, param: click.Parameter | None, ctx: click.Context | None
) -> Any:
    where = place(value) if is_url(value) else value
    if is_url(where):
        kind.fail(
            f"{where}: this command writes to a file or folder of this machine; only generate and "
            "filter write to object storage",
            param,
            ctx,
        )
    return where


def at_hand(run: Path | str, splits: Sequence[str] | None = None, *, checked: bool = True) -> Path:
    """Return the folder of a run; one on an object store is brought to the cache.

    Args:
        run: from :class:`FolderOrUrl`.
        splits: the shards that are needed; None is all.
        checked: of one on an object store, read and check the shards that are in the cache.
    """
    if isinstance(run, Path):
        return run
    from bt_augment.cache import cache_folder
    from bt_augment.shards.remote.fetched_run import fetched_run
    from bt_augment.shards.store import SPLITS

    cache = cache_folder(os.environ)
    folder = fetched_run(run, cache, splits=splits or SPLITS, checked=checked)
    copies_of_runs(click.get_current_context())[str(folder)] = run
    return folder


def copies_of_runs(context: click.Context) -> MutableMapping[str, str]:
    """Return the folders that :func:`at_hand` has given for URLs, each with its URL.

    Args:
        context: of a command, or of the group that called it.
    """
    copies: MutableMapping[str, str] = context.meta.setdefault(_COPIES, {})
    return copies


@contextmanager
def at_hand_anew(run: Path | str) -> Iterator[Path]:
    """Have the folder of a run meanwhile; of one on an object store all that is there, unchecked.

    Args:
        run: from :class:`FolderOrUrl`.
    """
    if isinstance(run, Path):
        yield run
        return
    from bt_augment.cache import cache_folder
    from bt_augment.shards.remote.fetched_run import fetched_anew

    with fetched_anew(run, cache_folder(os.environ)) as folder:
        yield folder
