"""One hop: sentences of one language to sentences of another, by CTranslate2."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_augment.cache import cache_folder
from bt_augment.errors import (
    InputError,
    ModelError,
    RecipeError,
    RouteError,
    lacks_memory,
    memory_errors,
)
from bt_augment.translation.decoding import Decoding, Hypothesis, check_topk
from bt_augment.translation.devices import (
    GPU_BATCH_TOKENS,
    Device,
    available_cores,
    gpu_indices,
    resolve_device,
)
from bt_augment.translation.int8_weights import files_for_cpu
from bt_augment.translation.route import Route
from bt_augment.translation.segmentation import join_parts, split_long

if TYPE_CHECKING:
    from bt_augment.translation.models import ResolvedModel

logger = logging.getLogger(__name__)

# 2,048 tokens a batch were up to a tenth faster on 2 CPU cores (benchmarks/generation.py --sweep),
# but with them memory peaks higher the more units follow each other (--memory).
CPU_BATCH_TOKENS = 1024

# The cores and the seed are the process's, whichever model works: one list at a time is decoded.
# Two at once would share the cores, need twice the memory, and draw from each other's seed.
_TURN = threading.Lock()

SCORED_TOKENS = 256  # of a sentence; scoring has to stay within every model's positions


class Translator:
    """A loaded model for one hop.

    Not bound to a thread: several threads may ask at once, and take turns.
    """

    @classmethod
    def load(cls, name: str, hop: str, *, device: Device = "auto") -> Translator:
        """Return the translator of a model's name, such as ``bundled:mini``, for one hop.

        Args:
            name: what ``--model`` takes; converted once where need be.
            hop: the two languages, such as ``en:pt``.
            device: ``auto`` is the GPU where CTranslate2 sees one.

        Raises:
            RouteError: ``hop`` is not two languages.
            ModelError: no such model, not one for this pair, or damaged.
            MissingDependencyError: it must be converted and ``bt-augment[convert]`` is missing.
        """
        from bt_augment.translation.models import ModelCatalog

        hops = Route.parse(hop).hops
        if len(hops) != 1:
            raise RouteError(f"hop {hop!r} has more than two languages; load one for each hop")
        catalog = ModelCatalog(cache_folder(os.environ))
        return cls(catalog.resolve(name, *hops[0], device=resolve_device(device)), device=device)

    def __init__(
        self,
        model: ResolvedModel,
        *,
        device: Device = "auto",
        device_index: Sequence[int] | None = None,
        workers: int | None = None,
        shares: Translator | None = None,
    ) -> None:
        """Load ``model``.

        Args:
            model: from :meth:`bt_augment.translation.models.ModelCatalog.resolve`.
            device: ``auto`` is the GPU where CTranslate2 sees one.
            device_index: numbers of the GPUs that share the batches; None is what ``device``
                names, or all.
            workers: batches translated at once on CPU; None is one per core.
            shares: a translator of the same folder, whose loaded weights serve this hop too.

        Raises:
            ModelError: the folder cannot be loaded, there is no such device, or ``CT2_VERBOSE`` is
                no level of logging.
        """
        self.model = model
        self.device = resolve_device(device)
        if device_index is None:
            device_index = gpu_indices(device) if self.device == "cuda" else ()
        self._device_index = list(device_index)
        self._workers = workers or available_cores()
        self._engine: Any = (
            shares._engine if shares else self._load(self._device_index, self._workers, 1)
        )

    def _load(self, gpus: list[int], inter_threads: int, intra_threads: int) -> Any:
        import ctranslate2

        arguments: dict[str, Any] = {"device": self.device}
        if self.device == "cuda":
            able = ctranslate2.get_supported_compute_types("cuda", gpus[0])
            compute_type = "float16" if "float16" in able else "float32"
            arguments |= {"device_index": gpus, "compute_type": compute_type}
        else:
            arguments |= {
                "inter_threads": inter_threads,
                "intra_threads": intra_threads,
                "compute_type": "default",
                "files": files_for_cpu(self.model.folder),
            }
        # A model stored for a GPU (int8_float16) runs as int8_float32 here; the warning says no
        # more than that, once per worker.
        try:
            ctranslate2.set_log_level(logging.ERROR)
        except ValueError as error:
            raise ModelError(
                f"the environment variable CT2_VERBOSE cannot be used: {error}; unset it"
            ) from error
        try:
            return ctranslate2.Translator(str(self.model.folder), **arguments)
        except (RuntimeError, ValueError, MemoryError) as error:
            # A folder that is whole must not be deleted for want of memory: it may be the package.
            advice = (
                "Free some memory, raise the limit, or take a smaller model or fewer --workers"
                if lacks_memory(error)
                else "Delete the folder and get the model again"
            )
            raise ModelError(
                f"model {self.model.name!r} in {self.model.folder} cannot be loaded: {error}. "
                f"{advice}"
            ) from error

    def translate(
        self, sentences: Sequence[str], decoding: Decoding, *, salt: int = 0
    ) -> list[list[Hypothesis]]:
        """Return ``decoding.candidates`` hypotheses for each sentence, best first.

        All sentences go to the engine in one call, which sorts them by length and batches them
        by tokens; the result depends on the list alone, not on the number of workers.

        Args:
            sentences: texts without line breaks; each is translated as given, so pass unique
                ones.
            decoding: search settings.
            salt: mixed into the seed, so that each unit draws its own samples.

        Raises:
            InputError: one text is given in place of a list.
            RecipeError: an output grows longer than the model has positions, or samples are drawn
                among more tokens than it has.
        """
        _refuse_text(sentences, "sentences")
        tokenizer = self.model.tokenizer
        limit = min(
            decoding.max_input_tokens or self.model.max_input_tokens, self.model.max_input_tokens
        )
        parts_of: list[list[str]] = []
        sources = tokenizer.encode(list(sentences))
        lengths = dict(zip(sentences, map(len, sources), strict=True))

        def count_tokens(texts: list[str]) -> list[int]:
            return [
                lengths[text] if text in lengths else len(tokenizer.encode([text])[0])
                for text in texts
            ]

        tokens: dict[str, list[str]] = {}  # text → its tokens: a part that recurs is decoded once
        cut: list[str] = []  # encoded together: a list of two takes as long as ten sentences
        for sentence, source in zip(sentences, sources, strict=True):
            if len(source) <= limit:
                parts_of.append([sentence])
                tokens[sentence.strip()] = source
                continue
            parts = split_long(sentence, count_tokens, limit)
            for part in map(str.strip, parts):
                if part not in tokens:
                    tokens[part] = []
                    cut.append(part)
            parts_of.append(parts)
        for part, source in zip(cut, tokenizer.encode(cut), strict=True):
            tokens[part] = tokens[part] or source  # a short sentence may be the same
        found = self._decode(list(tokens.values()), decoding, salt)
        hypotheses = dict(zip(tokens, found, strict=True))
        return [
            hypotheses[parts[0].strip()]
            if len(parts) == 1
            else _join(parts, [hypotheses[part.strip()] for part in parts])
            for parts in parts_of
        ]

    def score(self, sources: Sequence[str], targets: Sequence[str]) -> list[float]:
        """Return the mean token log-probability of each target given its source, in nats.

        Args:
            sources: texts in this hop's source language.
            targets: as many texts in its target language; only the first ``SCORED_TOKENS``
                tokens of each side count.

        Raises:
            InputError: there are more of the one than of the other, or one text is given in place
                of a list.
        """
        _refuse_text(sources, "sources")
        _refuse_text(targets, "targets")
        if len(sources) != len(targets):
            raise InputError(
                f"{len(sources):,} sources and {len(targets):,} targets; each needs one of the "
                "other"
            )
        if not sources:
            return []
        tokenizer = self.model.tokenizer
        prefix = len(tokenizer.target_prefix or ())
        source_tokens = [_shortened(tokens) for tokens in tokenizer.encode(list(sources))]
        target_tokens = [tokens[:SCORED_TOKENS] for tokens in tokenizer.encode_target(targets)]
        with _TURN, self._bearable():
            results = self._engine.score_batch(
                source_tokens,
                target_tokens,
                batch_type="tokens",
                max_batch_size=self._batch_tokens(Decoding()),
            )
        return [float(np.mean(result.log_probs[prefix:])) for result in results]

    def _batch_tokens(self, decoding: Decoding) -> int:
        default = GPU_BATCH_TOKENS if self.device == "cuda" else CPU_BATCH_TOKENS
        return decoding.batch_tokens or default

    def _decode(
        self, tokens: list[list[str]], decoding: Decoding, salt: int
    ) -> list[list[Hypothesis]]:
        if not tokens:
            return []
        prefix = self.model.tokenizer.target_prefix
        sampling = decoding.method == "sampling"
        offset = len(prefix) if prefix else 0
        check_topk([self.model], decoding)
        with _TURN, self._bearable(decoding.max_output_tokens):
            engine = self._seeded_engine(decoding.seed, salt) if sampling else self._engine
            results = engine.translate_batch(
                tokens,
                target_prefix=[prefix] * len(tokens) if prefix else None,
                batch_type="tokens",
                max_batch_size=self._batch_tokens(decoding),
                beam_size=1 if sampling else max(decoding.beam_size, decoding.candidates),
                num_hypotheses=decoding.candidates,
                sampling_topk=decoding.topk if sampling else 1,
                sampling_temperature=decoding.temperature if sampling else 1,
                return_scores=decoding.with_logprob,
                max_input_length=0,  # nothing is cut silently: long sentences were split above
                max_decoding_length=decoding.max_output_tokens + offset,  # the prefix counts
            )
        # Each look at a result's tokens copies them out of the engine.
        written = [result.hypotheses for result in results]
        decoded = iter(self.model.tokenizer.decode(list(chain.from_iterable(written))))
        translations = []
        for result, hypotheses in zip(results, written, strict=True):
            scores = result.scores or [float("nan")] * len(hypotheses)
            found = [
                Hypothesis(
                    text=next(decoded),
                    tokens=len(hypothesis) - offset,
                    logprob=float(score),
                    truncated=len(hypothesis) - offset >= decoding.max_output_tokens,
                )
                for hypothesis, score in zip(hypotheses, scores, strict=True)
            ]
            found += [found[-1]] * (decoding.candidates - len(found))
            translations.append(found)
        return translations

    @contextmanager
    def _bearable(self, max_output_tokens: int | None = None) -> Iterator[None]:
        try:
            with memory_errors():
                yield
        except RuntimeError as error:
            if max_output_tokens is None or "position" not in str(error):
                raise
            raise RecipeError(
                f"translation.decoding.max_output_tokens: {max_output_tokens} is more than model "
                f"{self.model.name!r} can write ({error}); set it lower"
            ) from error
        except ValueError as error:
            if "CPU ISA" not in str(error):
                raise
            raise ModelError(
                f"the environment variable CT2_FORCE_CPU_ISA cannot be used: {error}; unset it"
            ) from error

    def _seeded_engine(self, seed: int, salt: int) -> Any:
        """Return an engine whose one worker starts from the seed.

        The random generator belongs to a worker thread and is seeded when the thread first draws:
        only a new thread makes samples that depend on nothing that was translated before.
        """
        import ctranslate2

        ctranslate2.set_random_seed((seed * 1_000_003 + salt) % (2**32 - 1))
        return self._load(self._device_index[:1], 1, self._workers)


def load_translators(
    models: Mapping[tuple[str, str], ResolvedModel],
    *,
    device: Device = "auto",
    device_index: Sequence[int] | None = None,
    workers: int | None = None,
) -> dict[tuple[str, str], Translator]:
    """Return a translator for each hop; hops of one multilingual model share its weights.

    Raises:
        ModelError: a model cannot be loaded.
    """
    loaded: dict[Path, Translator] = {}
    translators = {}
    for hop, model in models.items():
        translators[hop] = Translator(
            model,
            device=device,
            device_index=device_index,
            workers=workers,
            shares=loaded.get(model.folder),
        )
        loaded.setdefault(model.folder, translators[hop])
    return translators


def _refuse_text(given: Sequence[str], name: str) -> None:
    if isinstance(given, str):  # a sequence of its letters
        raise InputError(f"{name} is one text; give a list of them, such as [{given[:20]!r}]")


def _shortened(tokens: list[str]) -> list[str]:
    """Return source tokens with their end mark and at most ``SCORED_TOKENS`` of them."""
    return tokens if len(tokens) <= SCORED_TOKENS else [*tokens[: SCORED_TOKENS - 1], tokens[-1]]


def _join(sources: list[str], parts: list[list[Hypothesis]]) -> list[Hypothesis]:
    joined = []
    for hypotheses in zip(*parts, strict=True):
        total = max(1, sum(h.tokens for h in hypotheses))
        joined.append(
            Hypothesis(
                text=join_parts(sources, [h.text for h in hypotheses]),
                tokens=sum(h.tokens for h in hypotheses),
                logprob=sum(h.logprob * h.tokens for h in hypotheses) / total,
                truncated=any(h.truncated for h in hypotheses),
            )
        )
    return joined
