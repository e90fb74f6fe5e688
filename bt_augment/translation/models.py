"""Model names, and the CTranslate2 folder, tokenizer and fingerprint each of them stands for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import langcodes

from bt_augment.errors import ModelError, did_you_mean
from bt_augment.languages import language_of, same_language
from bt_augment.translation import convert as conversion
from bt_augment.translation import hub
from bt_augment.translation.model_cache import ModelCache
from bt_augment.translation.model_description import describe
from bt_augment.translation.model_folder import (
    check_folder,
    fingerprint,
    named_path,
)
from bt_augment.translation.tokenizers import (
    TranslationTokenizer,
    load_tokenizer,
)

BUNDLED_MINI = "bundled:mini"
OPUS_MT = "opus-mt"

_BUNDLED_FOLDER = Path(__file__).parent / "bundled"
_BUNDLED_PAIRS = {("en", "pt"): "mini-en-pt", ("pt", "en"): "mini-pt-en"}
# Names that are resolved for a pair of languages, so that there is nothing to convert by them.
_NOT_CONVERTED = {
    BUNDLED_MINI: "comes with the package and is converted already",
    OPUS_MT: "picks a model by the languages; name that model, such as Helsinki-NLP/opus-mt-en-de",
}
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
        """Return ``name@fingerprint``, as the rows of a run name it.

        A model of the hub has the same with or without ``@REVISION``: the fingerprint tells which.
        """
        return f"{hub.hub_name(self.name, self.revision) or self.name}@{self.fingerprint}"


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
        self._cache = ModelCache(cache_dir / "models")

    def resolve(
        self,
        name: str,
        source_tag: str,
        target_tag: str,
        *,
        quantization: str | None = None,
        device: str = "cpu",
        revision: str | None = None,
    ) -> ResolvedModel:
        """Return the model of a name for one pair of languages, converting it if need be.

        Args:
            name: see the documentation of models; ``NAME@REVISION`` pins a hub model.
            source_tag: normalized BCP-47 tag of the input.
            target_tag: normalized BCP-47 tag of the output.
            quantization: type of the stored weights; by default int8, or float16 for ``cuda``.
                A folder that is converted already is used as it is.
            device: ``cpu`` or ``cuda``.
            revision: commit of a hub model to take, whatever its name stands for by now; no
                matter to what lies on this disk.

        Raises:
            ModelError: no such model or commit, not one for this pair, or damaged.
            LanguageError: the model does not know one of the languages.
            MissingDependencyError: it must be converted and ``bt-augment[convert]`` is missing.
            StorageError: the cache cannot be written.
        """
        if name == OPUS_MT:
            name = self._pick_opus_mt(source_tag, target_tag)
        if name.startswith("bundled:"):
            folder = _bundled(name, source_tag, target_tag)
        else:
            folder = self._folder_of(name, quantization, device, revision)
        check_folder(folder)
        family, metadata = describe(folder)
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

    def _folder_of(
        self, name: str, quantization: str | None, device: str, revision: str | None = None
    ) -> Path:
        quantization = quantization or ("float16" if device == "cuda" else "int8")
        conversion.check_quantization(quantization)
        local = named_path(name)
        if local.is_dir():
            if not conversion.is_checkpoint(local):
                check_folder(local)
                return local
            digest = fingerprint(local, self.cache_dir)
            checkpoint = local.resolve()
            return self._cache.converted(str(checkpoint), digest, quantization, checkpoint)
        if name in _NOT_CONVERTED:
            raise ModelError(f"{name} {_NOT_CONVERTED[name]}")
        hub_name, _, named = name.partition("@")
        wanted = revision or named
        if not hub.NAME.fullmatch(hub_name):
            raise ModelError(
                f"unknown model {name!r}{did_you_mean(name, [BUNDLED_MINI, OPUS_MT])}; give "
                f"{BUNDLED_MINI}, {OPUS_MT}, a name on the Hugging Face hub such as "
                "Helsinki-NLP/opus-mt-en-de, or an existing folder"
            )
        converted = {
            (str(metadata["revision"]), metadata.get("quantization")): folder
            for folder, metadata in self._cache.of_hub()
            if metadata["name"] == hub_name
        }
        commits = sorted({commit for commit, _ in converted})
        first = self._cache.pinned(hub_name, commits)
        if not wanted:
            commit = first
        elif _PART_OF_COMMIT.fullmatch(wanted):
            commit = next((c for c in commits if c.startswith(wanted)), None)
        else:
            commit = None  # a tag or a branch: the hub knows what it stands for today
        if (commit, quantization) in converted:
            return converted[str(commit), quantization]
        commit = commit or hub.pin_revision(hub_name, wanted or None)
        folder = self._cache.converted(hub_name, commit, quantization, None)
        self._cache.pin(hub_name, first or commit)
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
        found = self._cache.readable(lambda folder: _inform(folder, None, self.cache_dir))
        return sorted(found, key=lambda info: (info.name, info.quantization))

    def _pick_opus_mt(self, source_tag: str, target_tag: str) -> str:
        """Return the model of a pair; the cache decides only where it cannot decide otherwise.

        A model of a group that lies there for other pairs is not the best of this one.
        """
        converted = {metadata["name"] for _, metadata in self._cache.of_hub()}
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
    family, metadata = describe(folder)
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
