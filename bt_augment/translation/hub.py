"""Checkpoints of the Hugging Face hub: which revision, and where on this disk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import langcodes

from bt_augment.errors import ModelError

NAME = re.compile(r"[\w.-]+/[\w.-]+")

_COMMIT = re.compile(r"[0-9a-f]{40}")  # the revision of a local model is a shorter fingerprint
_FILES = ["*.json", "*.spm", "*.model", "*.txt"]  # configuration and tokenizer
_OPUS_MT = "Helsinki-NLP/opus-mt-"

# Groups in the names of OPUS-MT models (ISO 639-5, and two of their own), the narrower first.
_GROUPS: dict[str, tuple[str, ...]] = {
    "ROMANCE": ("pt", "es", "fr", "it", "ro", "ca", "gl", "oc", "an", "ast", "la", "lmo", "vec"),
    "roa": ("pt", "es", "fr", "it", "ro", "ca", "gl", "oc", "ast"),
    "itc": ("pt", "es", "fr", "it", "ro", "ca", "gl", "la"),
    "gmw": ("en", "de", "nl", "af", "lb", "fy", "nds", "yi"),
    "gmq": ("da", "sv", "nb", "nn", "no", "is", "fo"),
    "gem": ("en", "de", "nl", "af", "lb", "da", "sv", "nb", "nn", "no", "is", "fo", "yi"),
    "zle": ("ru", "uk", "be"),
    "zls": ("bg", "hr", "bs", "sr", "mk", "sl"),
    "zlw": ("pl", "cs", "sk"),
    "sla": ("ru", "uk", "be", "bg", "hr", "bs", "sr", "mk", "sl", "pl", "cs", "sk"),
    "bat": ("lt", "lv"),
    "cel": ("ga", "cy", "br", "gd"),
    "fiu": ("fi", "et", "hu"),
    "trk": ("tr", "az", "kk", "uz", "tt", "ky", "tk"),
    "inc": ("hi", "bn", "mr", "gu", "pa", "ur", "ne", "si"),
    "dra": ("ta", "te", "ml", "kn"),
    "sem": ("ar", "he", "am", "mt", "ti"),
}


def hub_name(name: str, revision: str) -> str | None:
    """Return what the hub calls a model, without what pins it; None where it is none of the hub.

    Args:
        name: as a user names it, ``NAME`` or ``NAME@REVISION``.
        revision: of the model it was resolved to.
    """
    plain = name.partition("@")[0]
    return plain if _COMMIT.fullmatch(revision) and NAME.fullmatch(plain) else None


def opus_mt_names(source: str, target: str) -> Iterator[str]:
    """Yield the names that an OPUS-MT model of a pair may have, the best first.

    Tatoeba-Challenge "big" models come before the older base ones of the same pair; a model of
    the pair before one of a group (``en-ROMANCE``), and that before one of all (``en-mul``).
    """
    s, t = (str(langcodes.get(tag).language) for tag in (source, target))
    yield from opus_mt_names_of_pair(source, target)
    sources, targets = ([g for g, members in _GROUPS.items() if x in members] for x in (s, t))
    for kind in ("tc-big-", ""):
        for group in targets:
            yield f"{_OPUS_MT}{kind}{s}-{group}"
        for group in sources:
            yield f"{_OPUS_MT}{kind}{group}-{t}"
    yield f"{_OPUS_MT}{s}-mul"
    yield f"{_OPUS_MT}mul-{t}"


def opus_mt_names_of_pair(source: str, target: str) -> tuple[str, ...]:
    """Return the names of :func:`opus_mt_names` that are of the pair alone."""
    s, t = (str(langcodes.get(tag).language) for tag in (source, target))
    return tuple(f"{_OPUS_MT}{kind}{s}-{t}" for kind in ("tc-big-", ""))


def find_opus_mt(source: str, target: str) -> str:
    """Return the name of the best OPUS-MT model of a pair that the hub has.

    Raises:
        ModelError: there is none, or the hub cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    for name in opus_mt_names(source, target):
        try:
            HfApi().model_info(name)
        except RepositoryNotFoundError:
            continue
        except _hub_errors() as error:
            raise _unreachable(name, error) from error
        return name
    raise ModelError(
        f"the hub has no OPUS-MT model from {source} to {target}; name another model for this hop, "
        f"such as --model {source}:{target}=facebook/nllb-200-distilled-600M"
    )


def pin_revision(name: str, revision: str | None) -> str:
    """Return the commit hash that ``revision`` (default: the newest) of a hub model stands for.

    Without a connection, the hash of a copy in the hub's local cache.

    Raises:
        ModelError: no such model or revision, or the hub cannot be reached.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        sha = HfApi().model_info(name, revision=revision).sha
    except GatedRepoError as error:
        raise ModelError(f"{name}: its owner asks you to accept terms on the hub first") from error
    except RevisionNotFoundError as error:
        raise ModelError(f"{name}: the hub has no revision {revision!r} of it") from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ModelError(
            f"{name!r} is neither a local folder nor a model of the hub; check its spelling, or "
            "log in with 'hf auth login' if it is private"
        ) from error
    except _hub_errors() as error:
        try:
            cached = snapshot_download(name, revision=revision, local_files_only=True)
        except _hub_errors():
            raise _unreachable(name, error) from error
        return Path(cached).name  # snapshots are named by their commit
    if sha is None:
        raise ModelError(f"{name}: the hub does not say which revision it is")
    return sha


def download(name: str, sha: str) -> Path:
    """Return a local folder with the files of one revision that conversion needs.

    Weights are taken as safetensors where the model has them.

    Raises:
        ModelError: the files cannot be had.
    """
    from huggingface_hub import HfApi, snapshot_download

    weights = ["model*.safetensors"]
    try:
        files = HfApi().model_info(name, revision=sha).siblings or []
        if not any(file.rfilename.endswith(".safetensors") for file in files):
            weights = ["pytorch_model*.bin"]
        folder = snapshot_download(name, revision=sha, allow_patterns=[*_FILES, *weights])
    except _hub_errors() as error:
        try:
            folder = snapshot_download(name, revision=sha, local_files_only=True)
        except _hub_errors():
            raise _unreachable(name, error) from error
    return Path(folder)


def _hub_errors() -> tuple[type[Exception], ...]:
    """Return what the hub's client raises when it cannot get something."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    # Its HTTP library has changed twice (requests, httpx, httpx2); a failed connection raises
    # that library's own type, which HfHubHTTPError always derives from first.
    transport = HfHubHTTPError.__bases__[0]
    return (transport, HFValidationError, OfflineModeIsEnabled, OSError)


def _unreachable(name: str, error: Exception) -> ModelError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return ModelError(
        f"{name}: the Hugging Face hub cannot be reached ({reason}), and no copy is on this disk; "
        "connect once (for a translation model, run 'bt-augment models convert' then), or give a "
        "local folder; bundled:mini translates English and Portuguese without"
    )
