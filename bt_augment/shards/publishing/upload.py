"""The upload: what differs goes to the Hub in one commit, and what this tool left there goes."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bt_augment._version import __version__
from bt_augment.errors import PublishError
from bt_augment.shards.publishing.contents import RECORD, Contents
from bt_augment.shards.publishing.files import FILE_PATTERN
from bt_augment.shards.publishing.hub_errors import (
    OFFLINE,
    Changed,
    explained,
    hidden_in_logs,
    is_hub_error,
    patiently,
    redacted,
    status_of,
)

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
    from huggingface_hub.hf_api import RepoFile

logger = logging.getLogger(__name__)

_KIND = "dataset"
_FULL_HASH = 40


@dataclass(frozen=True)
class Target:
    """Where to publish.

    Attributes:
        repo: ``NAMESPACE/NAME``.
        revision: branch, made where it is missing; None is the main one.
        private: whether a new repository is private; an existing one has to be.
        message: the commit's, one line.
    """

    repo: str
    revision: str | None = None
    private: bool = False
    message: str = "Publish with bt-augment"


@dataclass(frozen=True)
class Uploaded:
    """What the upload did.

    Attributes:
        url: page of the data set.
        commit: hash of the commit, or of the newest one where nothing differed.
        changed: files that were new or differed.
        unchanged: files that were there already.
        deleted: files of an earlier publication that this one lacks.
    """

    url: str
    commit: str
    changed: Sequence[str]
    unchanged: Sequence[str]
    deleted: Sequence[str]


@dataclass(frozen=True)
class _Plan:
    head: str | None
    changed: Sequence[str]
    unchanged: Sequence[str]
    deleted: Sequence[str]


def check_reachable() -> None:
    """Refuse to begin where the Hub's client is set so that no Hub can be reached.

    Raises:
        PublishError: it is to stay offline, or the Hub's address is none.
    """
    from huggingface_hub import constants

    if constants.is_offline_mode():
        raise PublishError(OFFLINE)
    parts = urlsplit(constants.ENDPOINT)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PublishError(
            f"HF_ENDPOINT is {constants.ENDPOINT!r}, no address such as https://huggingface.co; "
            "unset it, or write one"
        )


def find_token() -> str:
    """Return the token from where the Hub's client keeps it: ``HF_TOKEN``, or a login.

    Raises:
        PublishError: there is none.
    """
    from huggingface_hub import get_token
    from huggingface_hub.errors import OIDCError

    try:
        token = get_token()
    except (OIDCError, OSError) as error:
        raise PublishError(f"no token can be had for the Hub: {error}") from error
    if not token:
        raise PublishError(
            "no token for the Hub: log in with 'hf auth login', or set HF_TOKEN to one with write "
            "access (https://huggingface.co/settings/tokens)"
        )
    return token


def upload(
    contents: Contents, target: Target, *, sleep: Callable[[float], None] = time.sleep
) -> Uploaded:
    """Make the repository hold ``contents``, in one commit.

    A reader of the repository sees the old state or the new one. Interrupted and called again, it
    sends what the Hub's store does not have yet.

    Raises:
        PublishError: no token, no right, no connection, or the Hub refuses.
    """
    from huggingface_hub import HfApi

    token = find_token()
    api = HfApi(token=token, library_name="bt-augment", library_version=__version__)
    with hidden_in_logs(token):
        try:
            patiently(lambda: _ensure_repo(api, target), "opening the repository", sleep=sleep)
            return patiently(lambda: _bring(api, contents, target), "uploading", sleep=sleep)
        except Exception as error:
            if not is_hub_error(error):
                raise
            told = explained(error, target.repo, token)
            # A traceback shows the cause as well, which may repeat what the Hub was sent.
            cause = None if redacted(str(error), token) != str(error) else error
            raise told from cause


def _ensure_repo(api: HfApi, target: Target) -> None:
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = api.dataset_info(target.repo)
    except RepositoryNotFoundError:
        private = True if target.private else None  # None: as the organisation has set it
        api.create_repo(target.repo, repo_type=_KIND, private=private, exist_ok=True)
    else:
        if target.private and info.private is False:
            raise PublishError(
                f"{target.repo}: exists and is public, so --private cannot hold. Make it private "
                "in its settings on the Hub, or choose another name"
            )
    if target.revision and not target.revision.startswith("refs/"):
        api.create_branch(target.repo, branch=target.revision, repo_type=_KIND, exist_ok=True)


def _bring(api: HfApi, contents: Contents, target: Target) -> Uploaded:
    plan = _plan(api, contents, target)
    commit = plan.head or ""
    if plan.changed or plan.deleted:
        size = sum(int(contents.files[path]["bytes"]) for path in plan.changed)
        logger.info("uploading %d files, %.1f MB", len(plan.changed), size / 1e6)
        commit = _commit(api, contents, target, plan)
    return Uploaded(
        url=f"{_without_credentials(api.endpoint)}/datasets/{target.repo}",
        commit=commit,
        changed=plan.changed,
        unchanged=plan.unchanged,
        deleted=plan.deleted,
    )


def _without_credentials(address: str) -> str:
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _plan(api: HfApi, contents: Contents, target: Target) -> _Plan:
    """Compare what is there with what shall be."""
    head = api.dataset_info(target.repo, revision=target.revision).sha
    there = _tree(api, target, head)
    changed: list[str] = []
    unchanged: list[str] = []
    for path in contents.files:
        known = path in there and _same(there[path], contents.folder / path, contents.files[path])
        (unchanged if known else changed).append(path)
    before = _files_before(api, target, head) if RECORD in there else []
    deleted = [path for path in before if path in there and path not in contents.files]
    return _Plan(head, changed, unchanged, deleted)


def _tree(api: HfApi, target: Target, head: str | None) -> dict[str, RepoFile]:
    from huggingface_hub import RepoFile

    if head is None:  # no commit yet
        return {}
    tree = api.list_repo_tree(target.repo, recursive=True, revision=head, repo_type=_KIND)
    return {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}


def _same(there: RepoFile, path: Path, entry: Mapping[str, int | str]) -> bool:
    if there.size != entry["bytes"]:
        return False
    if there.lfs is not None:
        return bool(there.lfs.sha256 == entry["sha256"])
    digest = hashlib.sha1(f"blob {there.size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: digest).hexdigest() == there.blob_id


def _files_before(api: HfApi, target: Target, head: str | None) -> list[str]:
    """Return the data files that an earlier publication says it put there."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
        path = api.hf_hub_download(
            target.repo, RECORD, repo_type=_KIND, revision=head, cache_dir=cache
        )
        try:
            record: Any = json.loads(Path(path).read_bytes())
            files = list(record["files"])
        except (ValueError, TypeError, KeyError):
            logger.warning("%s: %s is damaged; no file is deleted", target.repo, RECORD)
            return []
    # Whoever can write to the repository can write the record: it is believed for data files only.
    return [path for path in files if isinstance(path, str) and FILE_PATTERN.fullmatch(path)]


def _commit(api: HfApi, contents: Contents, target: Target, plan: _Plan) -> str:
    """Upload and commit; return the hash."""
    try:
        return _create_commit(api, contents, target, plan, as_files=False)
    except ConnectionError as error:
        from huggingface_hub.errors import OfflineModeIsEnabled

        # What the Xet store's own client raises; the HTTP client has its own types. Mirrors and
        # proxies of the Hub often have no Xet store; open files go by plain HTTP.
        if isinstance(error, OfflineModeIsEnabled) or status_of(error) is not None:
            raise
        logger.warning("the Xet store cannot be used (%s); uploading by HTTP", error)
        return _create_commit(api, contents, target, plan, as_files=True)


def _create_commit(
    api: HfApi, contents: Contents, target: Target, plan: _Plan, *, as_files: bool
) -> str:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    with ExitStack() as opened:
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            CommitOperationDelete(path, is_folder=False) for path in plan.deleted
        ]
        for path in plan.changed:
            file = contents.folder / path
            operations.append(
                CommitOperationAdd(
                    path, opened.enter_context(file.open("rb")) if as_files else file
                )
            )
        head = plan.head if plan.head and len(plan.head) == _FULL_HASH else None
        try:
            info = api.create_commit(
                target.repo,
                operations,
                commit_message=target.message,
                repo_type=_KIND,
                revision=target.revision,
                parent_commit=head,
            )
        except Exception as error:
            if status_of(error) in (409, 412):
                raise Changed(str(error)) from error
            raise
    return str(info.oid)
