"""A finished run as a data set of the Hugging Face Hub, or as the folder that would be uploaded."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from bt_augment.errors import PublishError
from bt_augment.shards.atomic import storage_errors
from bt_augment.shards.outputs import refuse_in_run
from bt_augment.shards.publishing.contents import (
    RECORD,
    Contents,
    Terms,
    own,
    write_contents,
)
from bt_augment.shards.publishing.upload import (
    Target,
    Uploaded,
    check_reachable,
    find_token,
    upload,
)
from bt_augment.shards.whole_folder import whole_folder
from bt_augment.waiting import awaited

T = TypeVar("T")

_REPO = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
# As git check-ref-format has it: no part is empty, begins with a dot, or ends in one or in .lock.
_BRANCH_PART = r"(?!\.)(?!.*\.\.)[\w.-]+(?<!\.)(?<!\.lock)"
_BRANCH = re.compile(rf"(?!-){_BRANCH_PART}(/{_BRANCH_PART})*", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{40}")


def publish(
    run: Path | str, terms: Terms, *, private: bool = False, message: str | None = None
) -> tuple[Contents, Uploaded]:
    """Upload a finished run; only what the repository lacks is sent.

    The files are made anew in a temporary folder, the same each time.

    Args:
        run: a finished run folder.
        terms: the repository, and what the card has to say.
        private: make a new repository private, and refuse an existing public one.
        message: the commit's, one line.

    Raises:
        PublishError: a name, the message or a licence is not valid, there is no token, no right or
            no connection, or the Hub refuses.
        RunFolderError: the folder is no finished run, or is damaged.
        StorageError: the disk refused.
    """
    _check_names(terms)
    if message and len(message.splitlines()) > 1:
        raise PublishError(f"--message {message!r}: has several lines; give one")
    check_reachable()  # both before the work
    find_token()
    target = Target(terms.repo, terms.revision, private)
    if message:
        target = Target(terms.repo, terms.revision, private, message)
    with storage_errors(Path(tempfile.gettempdir())):
        # What was published stays so, whatever becomes of the folder.
        holder = tempfile.TemporaryDirectory(
            prefix="bt-augment-publish-", ignore_cleanup_errors=True
        )
    with holder as folder:
        contents = write_contents(Path(run), terms, Path(folder))
        return contents, _interruptible(lambda: upload(contents, target))


def dry_run(run: Path | str, terms: Terms, out: Path | str, *, overwrite: bool = False) -> Contents:
    """Write what :func:`publish` would upload, byte for byte; needs no token and no network.

    Args:
        run: a finished run folder.
        terms: the repository, and what the card has to say.
        out: the folder to write; it appears when it is whole.
        overwrite: replace what an earlier dry run wrote there, unless files of others lie in it.

    Raises:
        PublishError: a name or licence is not valid, nothing was accepted, or ``out`` is taken.
        RunFolderError: the folder is no finished run, or is damaged, or ``out`` lies in a run.
        StorageError: the disk refused.
    """
    _check_names(terms)
    out = Path(out)
    refuse_in_run(out, "--dry-run")
    with storage_errors(out):
        taken = out.exists() and not (out.is_dir() and not any(out.iterdir()))
        earlier = (out / RECORD).is_file()
    if taken:
        if not earlier:
            raise PublishError(f"{out}: holds something else; choose an empty folder for --dry-run")
        if not overwrite:
            raise PublishError(
                f"{out}: holds an earlier dry run; choose another folder, or --overwrite"
            )
    busy = PublishError(f"{out}: another process is writing this dry run; wait for it")
    with whole_folder(out, busy, own) as partial:
        contents = write_contents(Path(run), terms, partial)
    return Contents(out, contents.configs, contents.files, contents.fingerprint)


def _interruptible(work: Callable[[], T]) -> T:
    """Return what ``work`` gives; Ctrl-C ends the waiting for it at once.

    The client sends files from threads that it waits for, through all their retries.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="publish")
    try:
        return awaited(pool.submit(work))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _check_names(terms: Terms) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    if not _REPO.fullmatch(terms.repo):
        raise PublishError(f"{terms.repo!r}: write NAMESPACE/NAME, such as your-name/qa-en-pt")
    try:
        validate_repo_id(terms.repo)
    except HFValidationError as error:
        raise PublishError(f"{terms.repo!r}: is no name of a repository: {error}") from error
    branch = terms.revision
    if branch is not None and (not _BRANCH.fullmatch(branch) or _HASH.fullmatch(branch)):
        raise PublishError(f"--revision {branch!r}: is no name of a branch")
