"""Model names, and the CTranslate2 folder, tokenizer and fingerprint each of them stands for."""

from __future__ import annotations

import logging
import math
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import langcodes

from bt_augment.cache import CACHE_VARIABLE
from bt_augment.errors import ModelError, StorageError, did_you_mean
from bt_augment.languages import language_of, same_language
from bt_augment.translation import convert as conversion
from bt_augment.translation import hub
from bt_augment.translation.families import FAMILIES, Family
from bt_augment.translation.model_folder import (
    METADATA_NAME,
    check_folder,
    fingerprint,
    named_path,
    write_shared_json,
)
from bt_augment.translation.tokenizers import (
    TOKENIZER_JSON,
    TranslationTokenizer,
    load_tokenizer,
    read_json,
)
from bt_augment.values import whole_number

logger = logging.getLogger(__name__)

T = TypeVar("T")

BUNDLED_MINI = "bundled:mini"
OPUS_MT = "opus-mt"

_BUNDLED_FOLDER = Path(__file__).parent / "bundled"
_BUNDLED_PAIRS = {("en", "pt"): "mini-en-pt", ("pt", "en"): "mini-pt-en"}
# Names that are resolved for a pair of languages, so that there is nothing to convert by them.
_NOT_CONVERTED = {
    BUNDLED_MINI: "comes with the package and is converted already",
    OPUS_MT: "picks a model by the languages; name that model, such as Helsinki-NLP/opus-mt-en-de",
}
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")  # a local checkpoint's revision is its fingerprint
_LEAST_INPUT_TOKENS = 8  # marks of languages and of the end included
_PART_OF_COMMIT = re.compile(r"[0-9a-f]{7,40}")  # shorter ones may be names of branches
_ONE_LANGUAGE = re.compile(r"[a-z]{2}(_[A-Z]{2})?")  # two letters never name a group


@dataclass(frozen=True)
class ResolvedModel:
    """A model ready to load for one pair of languages.

    Attributes:
        name: what the user called it; for ``opus-mt``, the model that was picked.
        folder: a CTranslate2 folder, checked to be whole.
        fingerprint: 16 hexadecimal digits of the SHA-256 over the folder's files.
        family: ``marian``, ``nllb``, ``m2m100``, ``mbart50`` or ``t5``.
        tokenizer: text to tokens and back, for this pair.
        max_input_tokens: longest input, marks included, in tokens.
        revision: commit hash on the hub, or fingerprint of a local folder.
        usual_logprob: mean token log-probability of its greedy translations of common questions,
            in nats (median over questions); None where its folder does not say.
    """

    name: str
    folder: Path
    fingerprint: str
    family: str
    tokenizer: TranslationTokenizer
    max_input_tokens: int
    revision: str
    usual_logprob: float | None = None

    @property
    def label(self) -> str:
        """Return ``name@fingerprint``, as the rows of a run name it."""
        return f"{self.name}@{self.fingerprint}"


@dataclass(frozen=True)
class ModelInfo:
    """What is known about a model on this disk.

    Attributes:
        name: what to call it in ``--model``.
        folder: its CTranslate2 folder.
        family: model family.
        revision: commit hash on the hub, or fingerprint of the checkpoint.
        quantization: type of the stored weights.
        size_bytes: size of the folder.
        fingerprint: as in :class:`ResolvedModel`.
    """

    name: str
    folder: Path
    family: str
    revision: str
    quantization: str
    size_bytes: int
    fingerprint: str


class ModelCatalog:
    """Finds, converts and lists models.

    Args:
        cache_dir: where converted models are kept (see :mod:`bt_augment.cache`).
    """

    def __init__(self, cache_dir: Path) -> None:
        self.cache_dir = cache_dir
        self._models_dir = cache_dir / "models"

    def resolve(
        self,
        name: str,
        source_tag: str,
        target_tag: str,
        *,
        quantization: str | None = None,
        device: str = "cpu",
    ) -> ResolvedModel:
        """Return the model of a name for one pair of languages, converting it if need be.

        Args:
            name: see the documentation of models; ``NAME@REVISION`` pins a hub model.
            source_tag: normalized BCP-47 tag of the input.
            target_tag: normalized BCP-47 tag of the output.
            quantization: type of the stored weights; by default int8, or float16 for ``cuda``.
                A folder that is converted already is used as it is.
            device: ``cpu`` or ``cuda``.

        Raises:
            ModelError: no such model, not one for this pair, or damaged.
            LanguageError: the model does not know one of the languages.
            MissingDependencyError: it must be converted and ``bt-augment[convert]`` is missing.
            StorageError: the cache cannot be written.
        """
        if name == OPUS_MT:
            name = self._pick_opus_mt(source_tag, target_tag)
        if name.startswith("bundled:"):
            folder = _bundled(name, source_tag, target_tag)
        else:
            folder = self._folder_of(name, quantization, device)
        check_folder(folder)
        family, metadata = _describe(folder)
        _check_pair(name, metadata, source_tag, target_tag)
        digest = fingerprint(folder, self.cache_dir)
        return ResolvedModel(
            name=name,
            folder=folder,
            fingerprint=digest,
            family=family.name,
            tokenizer=load_tokenizer(folder, family, source_tag, target_tag),
            max_input_tokens=metadata.get("max_input_tokens") or family.max_input_tokens,
            revision=str(metadata.get("revision") or digest),
            usual_logprob=metadata.get("usual_logprob"),
        )

    def convert(self, name: str, *, quantization: str | None = None, device: str = "cpu") -> Path:
        """Return the CTranslate2 folder of a name, converting it into the cache the first time.

        A hub model that was converted before is used as it is, at the commit that was fetched
        first, without asking the hub; write ``NAME@REVISION`` to get another revision.

        Raises: as :meth:`resolve`; also where a quantization is given for a folder that is
            converted already.
        """
        local = named_path(name)
        if quantization and local.is_dir() and not conversion.is_checkpoint(local):
            check_folder(local)
            raise ModelError(
                f"{local}: is converted already, and its weights stay as they are stored; leave "
                "--quantization out, or convert the checkpoint that it was made from"
            )
        return self._folder_of(name, quantization, device)

    def _folder_of(self, name: str, quantization: str | None, device: str) -> Path:
        quantization = quantization or ("float16" if device == "cuda" else "int8")
        conversion.check_quantization(quantization)
        local = named_path(name)
        if local.is_dir():
            if not conversion.is_checkpoint(local):
                check_folder(local)
                return local
            revision = fingerprint(local, self.cache_dir)
            checkpoint = local.resolve()
            return self._convert_once(str(checkpoint), revision, quantization, checkpoint)
        if name in _NOT_CONVERTED:
            raise ModelError(f"{name} {_NOT_CONVERTED[name]}")
        hub_name, _, wanted = name.partition("@")
        if not _HUB_NAME.fullmatch(hub_name):
            raise ModelError(
                f"unknown model {name!r}{did_you_mean(name, [BUNDLED_MINI, OPUS_MT])}; give "
                f"{BUNDLED_MINI}, {OPUS_MT}, a name on the Hugging Face hub such as "
                "Helsinki-NLP/opus-mt-en-de, or an existing folder"
            )
        converted = {
            (str(metadata["revision"]), metadata.get("quantization")): folder
            for folder, metadata in self._of_hub()
            if metadata["name"] == hub_name
        }
        commits = sorted({commit for commit, _ in converted})
        first = self._pinned(hub_name, commits)
        if not wanted:
            commit = first
        elif _PART_OF_COMMIT.fullmatch(wanted):
            commit = next((c for c in commits if c.startswith(wanted)), None)
        else:
            commit = None  # a tag or a branch: the hub knows what it stands for today
        if (commit, quantization) in converted:
            return converted[str(commit), quantization]
        commit = commit or hub.pin_revision(hub_name, wanted or None)
        folder = self._convert_once(hub_name, commit, quantization, None)
        self._pin(hub_name, first or commit)
        return folder

    def list_models(self) -> list[ModelInfo]:
        """Return the bundled models and those converted into the cache, sorted by name.

        Damaged ones in the cache are left out, with a warning.
        """
        return [*self._bundled(), *self._converted()]

    def info(self, name: str) -> list[ModelInfo]:
        """Return what is on this disk under a name: one entry per pair or per quantization.

        Raises:
            ModelError: nothing is; the message says how to get it.
        """
        local = named_path(name)
        if local.is_dir() and not conversion.is_checkpoint(local):
            check_folder(local)
            return [_inform(local, name, self.cache_dir)]
        if name == BUNDLED_MINI:
            return self._bundled()
        known = self._converted()
        if local.is_dir():
            revision = fingerprint(local, self.cache_dir)
            found = [info for info in known if info.revision == revision]
        else:
            found = [info for info in known if info.name == name]
        if not found:
            raise ModelError(
                f"no model {name!r} is on this disk"
                f"{did_you_mean(name, [BUNDLED_MINI, *(info.name for info in known)])}; "
                f"get it with: bt-augment models convert {name}"
            )
        return found

    def _bundled(self) -> list[ModelInfo]:
        return [
            _inform(_BUNDLED_FOLDER / folder, f"{BUNDLED_MINI} ({source}:{target})", self.cache_dir)
            for (source, target), folder in _BUNDLED_PAIRS.items()
        ]

    def _converted(self) -> list[ModelInfo]:
        """Return what is in the cache, sorted by name; takes the time of reading it all once."""
        found = self._readable(lambda folder: _inform(folder, None, self.cache_dir))
        return sorted(found, key=lambda info: (info.name, info.quantization))

    def _of_hub(self) -> list[tuple[Path, Mapping[str, Any]]]:
        """Return the folders in the cache that were converted from the hub, and their metadata."""
        return [
            (folder, metadata)
            for folder, metadata in self._readable(lambda folder: (folder, _describe(folder)[1]))
            if _COMMIT.fullmatch(str(metadata.get("revision"))) and "name" in metadata
        ]

    def _readable(self, read: Callable[[Path], T]) -> list[T]:
        """Return what is read of each model in the cache; one damaged model hides no other."""
        if not self._models_dir.is_dir():
            return []
        found = []
        for folder in sorted(self._models_dir.iterdir()):
            if not (folder / METADATA_NAME).is_file():
                continue
            try:
                found.append(read(folder))
            except ModelError as error:
                logger.warning("a model in the cache is left out: %s", error)
        return found

    def _pinned(self, name: str, commits: Sequence[str]) -> str | None:
        """Return the commit, of those in the cache, that a name without one stands for."""
        path = self._pin_file(name)
        pinned = read_json(path).get("commit") if path.is_file() else None
        return str(pinned) if pinned in commits else next(iter(commits), None)

    def _pin(self, name: str, commit: str) -> None:
        with self._writable():
            write_shared_json(self._pin_file(name), {"name": name, "commit": commit})

    def _pin_file(self, name: str) -> Path:
        return self._models_dir / ".pins" / f"{_slug(name)}.json"

    def _convert_once(
        self, name: str, revision: str, quantization: str, checkpoint: Path | None
    ) -> Path:
        """Convert under a lock, so that of two processes one works and the other waits."""
        import filelock

        slug = _slug(checkpoint.name if checkpoint else name)
        folder = self._models_dir / f"{slug}--{revision[:16]}--{quantization}"
        lock = self._models_dir / ".locks" / f"{folder.name}.lock"
        with self._writable():
            lock.parent.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(lock):
                if folder.is_dir() and not _is_whole(folder):
                    shutil.rmtree(folder)  # damaged in the cache: convert again
                for left in folder.parent.glob(f"{conversion.unfinished(folder)}*"):
                    shutil.rmtree(left)  # of a process that was killed: the lock is ours
                if not folder.is_dir():
                    conversion.convert(
                        checkpoint or hub.download(name, revision),
                        folder,
                        name=name,
                        revision=revision,
                        quantization=quantization,
                    )
        return folder

    @contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"{self._models_dir}: cannot be written ({error}); "
                f"set {CACHE_VARIABLE} to a folder that can"
            ) from error

    def _pick_opus_mt(self, source_tag: str, target_tag: str) -> str:
        """Return the model of a pair; the cache decides only where it cannot decide otherwise.

        A model of a group that lies there for other pairs is not the best of this one.
        """
        converted = {metadata["name"] for _, metadata in self._of_hub()}
        for name in hub.opus_mt_names_of_pair(source_tag, target_tag):
            if name in converted:
                return name
        try:
            return hub.find_opus_mt(source_tag, target_tag)
        except ModelError:
            for name in hub.opus_mt_names(source_tag, target_tag):
                if name in converted:
                    return name
            raise


def _slug(name: str) -> str:
    return re.sub(r"[^\w.-]+", "--", name)


def _bundled(name: str, source_tag: str, target_tag: str) -> Path:
    if name != BUNDLED_MINI:
        raise ModelError(f"unknown model {name!r}{did_you_mean(name, [BUNDLED_MINI])}")
    folder = _BUNDLED_PAIRS.get((language_of(source_tag), language_of(target_tag)))
    # It writes Brazilian Portuguese, and reads any.
    if folder is None or langcodes.get(target_tag).territory not in (None, "BR", "US", "GB"):
        raise ModelError(
            f"{BUNDLED_MINI} does not translate {source_tag} to {target_tag}; "
            "it has en:pt, en:pt-BR and pt:en. Name a model for this hop, such as "
            f"--model {source_tag}:{target_tag}=facebook/nllb-200-distilled-600M or --model opus-mt"
        )
    return _BUNDLED_FOLDER / folder


def _describe(folder: Path) -> tuple[Family, dict[str, Any]]:
    """Return the family of a CTranslate2 folder, and its metadata if it was converted here."""
    path = folder / METADATA_NAME
    metadata = read_json(path) if path.is_file() else {}
    _check_numbers(path, metadata)
    named = metadata.get("family")
    if isinstance(named, str) and named in FAMILIES:
        return FAMILIES[named], metadata
    if (folder / "source.spm").is_file():
        return FAMILIES["marian"], metadata
    beside = folder / "tokenizer_config.json"
    tokenizer = str(read_json(beside).get("tokenizer_class")) if beside.is_file() else ""
    for prefix, name in _TOKENIZER_CLASSES.items():
        if tokenizer.startswith(prefix):
            return FAMILIES[name], metadata
    raise ModelError(
        f"{folder}: cannot tell which family of model this is; put its tokenizer files "
        f"(source.spm and target.spm, or {TOKENIZER_JSON} and tokenizer_config.json) beside "
        f'model.bin, or a {METADATA_NAME} that says {{"family": "NAME"}} with one of '
        f"{', '.join(FAMILIES)}"
    )


def _check_numbers(path: Path, metadata: Mapping[str, Any]) -> None:
    limit, usual = (metadata.get(key) for key in ("max_input_tokens", "usual_logprob"))
    if limit is not None:
        whole_number(f"{path}: max_input_tokens", limit, ModelError, least=_LEAST_INPUT_TOKENS)
    is_number = isinstance(usual, int | float) and math.isfinite(usual) and usual < 0
    if usual is not None and not is_number:
        raise ModelError(f"{path}: usual_logprob is {usual!r}; it must be a number below 0")


_TOKENIZER_CLASSES = {
    "Marian": "marian",
    "Nllb": "nllb",
    "M2M100": "m2m100",
    "MBart50": "mbart50",
    "T5": "t5",
}


def _check_pair(name: str, metadata: Mapping[str, Any], source_tag: str, target_tag: str) -> None:
    """Refuse a Marian model of another pair; names of groups (roa, mul) say too little."""
    for side, tag in (("source_lang", source_tag), ("target_lang", target_tag)):
        declared = metadata.get(side)
        if not isinstance(declared, str) or not _ONE_LANGUAGE.fullmatch(declared):
            continue
        if not same_language(declared, tag):
            raise ModelError(
                f"{name} translates from {metadata.get('source_lang')} to "
                f"{metadata.get('target_lang')}, not from {source_tag} to {target_tag}; "
                "name another model for this hop"
            )


def _inform(folder: Path, name: str | None, cache_dir: Path) -> ModelInfo:
    family, metadata = _describe(folder)
    digest = fingerprint(folder, cache_dir)
    return ModelInfo(
        name=name or str(metadata.get("name")),
        folder=folder,
        family=family.name,
        revision=str(metadata.get("revision") or digest),
        quantization=str(metadata.get("quantization") or "as stored"),
        size_bytes=sum(p.stat().st_size for p in folder.iterdir() if p.is_file()),
        fingerprint=digest,
    )


def _is_whole(folder: Path) -> bool:
    try:
        check_folder(folder)
        _describe(folder)
    except ModelError:
        return False
    return True
