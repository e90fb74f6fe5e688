"""``evaluate``: one encoding of every text, all settings from it, one results file."""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bt_augment._version import installed_versions
from bt_augment.cache import cache_folder, own_environment
from bt_augment.errors import InputError, did_you_mean
from bt_augment.evaluation.benchmarks.base import (
    CANDIDATE_TEXTS,
    CROSS,
    MONO,
    MULTI,
    SENTENCE,
    SENTENCE_CONTEXT,
    SETTINGS,
    Collection,
)
from bt_augment.evaluation.benchmarks.registry import load, other_texts
from bt_augment.evaluation.embedding_store import EmbeddingStore
from bt_augment.evaluation.encoders import (
    OWN,
    TORCH,
    Encode,
    Encoder,
    check_device,
    check_model,
    check_packages,
    load_encoder,
    own_encoder,
)
from bt_augment.evaluation.encoding import encode as encode_collection
from bt_augment.evaluation.language_bias import PEER_CUTOFF, PEER_WEIGHTS, peer, rank_distance
from bt_augment.evaluation.metrics import Ints, score
from bt_augment.evaluation.overlap import training_overlap
from bt_augment.evaluation.results import (
    PEER,
    RANK_DISTANCE,
    ScoreTable,
    is_results,
    write_results,
)
from bt_augment.evaluation.retrieval import POOL, Found, Search
from bt_augment.evaluation.run_files import RUN_DEPTH, RunFiles
from bt_augment.evaluation.training_record import read_training_record
from bt_augment.names import refuse_impossible
from bt_augment.progress import Progress, Silent
from bt_augment.shards.atomic import storage_errors
from bt_augment.shards.outputs import check_file_out

_PACKAGES = ("bt-augment", "sentence-transformers", "transformers", "torch", "ctranslate2", "numpy")


@dataclass(frozen=True)
class Evaluation:
    """What to evaluate, on what, and how.

    Attributes:
        model: folder or hub name of a SentenceTransformer; ``NAME@REVISION`` pins it.
        benchmark: name of the benchmark.
        data: folder of its files.
        out: the results file to write; scores per query go beside it. None writes nothing.
        settings: mono, cross, multi; None for all that make sense on the benchmark.
        languages: language tags; None for all in the folder. In those of a parallel benchmark,
            overlap with training data is looked for whether named or not.
        candidate_text: ``sentence``, or ``sentence+context`` for benchmarks with paragraphs.
        run_files: folder for TREC run files and their judgements.
        run_depth: candidates per query in the run files.
        backend: ``torch``, or ``ctranslate2`` for int8.
        device: ``auto``, ``cpu`` or ``cuda``.
        batch_size: texts per batch of the torch back end.
        threads: CPU threads; None for all cores.
        keep_embeddings: keep vectors in the cache, for the next evaluation of the same model.
        environment: where ``BT_AUGMENT_CACHE`` is looked up; by default this process's own.
    """

    model: str
    benchmark: str
    data: Path
    out: Path | None = None
    settings: tuple[str, ...] | None = None
    languages: tuple[str, ...] | None = None
    candidate_text: str = SENTENCE
    run_files: Path | None = None
    run_depth: int = RUN_DEPTH
    backend: str = TORCH
    device: str = "auto"
    batch_size: int = 32
    threads: int | None = None
    keep_embeddings: bool = True
    environment: Mapping[str, str] = field(default_factory=own_environment)

    def __post_init__(self) -> None:
        for name in ("data", "out", "run_files"):
            if isinstance(path := getattr(self, name), str):
                object.__setattr__(self, name, Path(path))


def evaluate(
    request: Evaluation, progress: Progress | None = None, *, encode: Encode | None = None
) -> dict[str, Any]:
    """Evaluate a model on a benchmark; return what the results file holds.

    What is wrong with the request or the model's configuration is found first, what is wrong with
    the benchmark before the model is loaded, and what is wrong with the model's weights before the
    first text is encoded.

    Args:
        request: what to evaluate.
        progress: told how far it is.
        encode: in place of a stored model, a function of texts and their kind (``query`` or
            ``passage``) that returns a vector for each; their inner product is the score, and
            ``request.model`` a mere name. Vectors are not kept, and no overlap is looked for.

    Raises:
        InputError: the benchmark, a setting or a language cannot be used.
        LanguageError: a language is no tag.
        RunFolderError: the results file would lie in a run folder.
        ModelError: the model cannot be loaded, is no encoder, or its training manifest is damaged.
        StorageError: a result cannot be written.
        MissingDependencyError: ``bt-augment[evaluate]`` is not installed.
        MemoryError: the device has no room for the model, or for a batch of texts.
    """
    started = time.monotonic()
    _check_choices(request)
    record = None
    if encode is None:
        check_packages()
        check_device(request.device)
        check_model(request.model)
        record = read_training_record(request.model)
    collection = load(request.benchmark, request.data, request.languages)
    settings = choose_settings(collection, request.settings)
    if request.candidate_text == SENTENCE_CONTEXT and not collection.contexts:
        raise InputError(
            f"{request.benchmark}: its candidates have no context; leave --candidate-text out"
        )
    runs = None
    if request.run_files is not None:
        with storage_errors(request.run_files):
            request.run_files.mkdir(parents=True, exist_ok=True)
        runs = RunFiles(request.run_files, collection)
    cache_dir = cache_folder(request.environment)
    if encode is not None:
        encoder: Encoder = own_encoder(request.model, encode)
    else:
        encoder = load_encoder(
            request.model, cache_dir, backend=request.backend, device=request.device,
            batch_size=request.batch_size, threads=request.threads,
        )  # fmt: skip
    loaded = time.monotonic()
    others = other_texts(request.benchmark, request.data, collection.languages)
    overlap = training_overlap(record, collection, others)
    compared = time.monotonic()
    digest = collection.digest()
    digested = time.monotonic()
    with _store(cache_dir, encoder, keep=request.keep_embeddings and encode is None) as store:
        table, measured = measure(
            collection, encoder, store, settings, request.candidate_text,
            runs=runs, run_depth=request.run_depth, progress=progress,
        )  # fmt: skip
    results = {
        "model": request.model,
        "model_fingerprint": encoder.fingerprint,
        "backend": request.backend if encode is None else OWN,
        "prompts": {"query": encoder.prompt("query"), "passage": encoder.prompt("passage")},
        "training": None if record is None else record.summary,
        "benchmark": collection.name,
        "benchmark_digest": digest,
        "candidate_text": request.candidate_text,
        "counts": collection.counts(),
        "settings": {name: part for name, part in table.settings().items() if name in settings},
        "matrix": table.matrix,
        "multi_by_language": table.multi,
        "language_bias": table.language_bias(),
        "peer": {"cutoff": PEER_CUTOFF, "weights": {str(k): w for k, w in PEER_WEIGHTS.items()}},
        "depth": measured.depth or "full",
        "overlap": overlap,
        "encoded": measured.encoded,
        "seconds": round(time.monotonic() - started, 3),
        "seconds_by_stage": {
            "load": round(loaded - started, 3),
            "overlap": round(compared - loaded, 3),
            "digest": round(digested - compared, 3),
            **measured.seconds,
        },
        "versions": _versions(),
    }
    if request.out is not None:
        write_results(request.out, results, table.per_query())
    return results


@dataclass(frozen=True)
class Measured:
    """How the measuring went.

    Attributes:
        encoded: number of texts encoded; the others were in the store.
        depth: number of candidates ranked, or None where all were.
        seconds: by stage.
    """

    encoded: int
    depth: int | None
    seconds: dict[str, float]


def measure(
    collection: Collection,
    encoder: Encoder,
    store: EmbeddingStore,
    settings: tuple[str, ...],
    candidate_text: str = SENTENCE,
    *,
    runs: RunFiles | None = None,
    run_depth: int = RUN_DEPTH,
    progress: Progress | None = None,
) -> tuple[ScoreTable, Measured]:
    """Encode a loaded benchmark once and score all settings from it.

    Args:
        collection: the benchmark.
        encoder: the model.
        store: where vectors are, or come to be.
        settings: from :func:`choose_settings`.
        candidate_text: ``sentence`` or ``sentence+context``.
        runs: where to write run files.
        run_depth: candidates per query in them.
        progress: told how far it is.

    Raises:
        InputError: no query of the wanted settings has a relevant candidate.
        ModelError: the encoder gives vectors that are not finite.
        StorageError: the disk refused.
    """
    progress = progress or Silent()
    started = time.monotonic()
    embeddings = encode_collection(collection, encoder, store, candidate_text, progress)
    encoded = time.monotonic()
    search = Search(collection, embeddings)
    table = ScoreTable(collection.measures)
    progress.start("search", len(collection.languages))
    for done, language in enumerate(collection.languages, start=1):
        pools = {
            pool: max(run_depth if runs else 0, PEER_CUTOFF if pool == POOL else 0)
            for pool in _pools(collection, language, settings)
        }
        for pool, found in search.run(language, pools).items():
            _add(table, collection, search, language, pool, found)
            if runs and found.top and len(found.ranks.queries):
                judged = np.unique(found.ranks.queries).tolist()
                runs.write(language, pool, found.top.cut(run_depth), judged)
        progress.advance("search", done)
    missing = [name for name in settings if name not in table.settings()]
    if missing:
        raise InputError(
            f"{collection.name}: no query has a relevant candidate in the setting "
            f"{', '.join(missing)}; choose others with --settings or --languages"
        )
    seconds = {
        "encode": round(encoded - started, 3),
        "search": round(time.monotonic() - encoded, 3),
    }
    return table, Measured(embeddings.encoded, search.depth, seconds)


def choose_settings(collection: Collection, wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the wanted settings, or those that make sense on the benchmark.

    Raises:
        InputError: a setting is unknown, not of the benchmark, or needs a second language.
    """
    alone = len(collection.languages) == 1
    if wanted is None:
        return (MONO,) if alone else collection.settings
    if not wanted:
        raise InputError(f"no setting is named; choose from {', '.join(SETTINGS)}")
    for name in wanted:
        if name not in SETTINGS:
            raise InputError(
                f"unknown setting {name!r}{did_you_mean(name, SETTINGS)}; "
                f"one of {', '.join(SETTINGS)}"
            )
        if name not in collection.settings:
            raise InputError(
                f"{collection.name} has no setting {name}: its queries are answered in their own "
                f"language alone. It has {', '.join(collection.settings)}"
            )
        if name != MONO and alone:
            raise InputError(f"the setting {name} needs two languages or more")
    return tuple(name for name in SETTINGS if name in wanted)


def _pools(collection: Collection, language: str, settings: tuple[str, ...]) -> Iterator[str]:
    for name in collection.candidates:
        if (MONO if name == language else CROSS) in settings:
            yield name
    if MULTI in settings:
        yield POOL


def _add(
    table: ScoreTable,
    collection: Collection,
    search: Search,
    language: str,
    pool: str,
    found: Found,
) -> None:
    if not len(found.ranks.queries):
        return  # no query of this language is answered in that one
    ids = collection.queries[language].ids
    scores = score(found.ranks, table.measures)
    named = [ids[row] for row in scores.queries]
    table.add(language, None if pool == POOL else pool, named, scores)
    if pool != POOL or found.top is None:
        return
    size = len(search.language_of)
    rows, distances = rank_distance(found.ranks, search.depth or size)
    table.add_bias(language, RANK_DISTANCE, [ids[row] for row in rows], distances)
    judged = scores.queries
    table.add_bias(language, PEER, named, _peer(search, language, found, judged))


def _peer(search: Search, language: str, found: Found, judged: Ints) -> Any:
    top = found.top.candidates[judged, :PEER_CUTOFF]  # type: ignore[union-attr]
    queries, candidates = search.relevant(language, POOL)
    size = len(search.language_of)
    known = np.sort(queries * size + candidates)
    keys = judged[:, None] * size + top
    at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    grades = (known[at] == keys).astype(np.int64)
    languages = np.where(top < 0, -1, search.language_of[top])
    number = len(search.languages)
    cells = np.searchsorted(judged, queries) * number + search.language_of[candidates]
    counted = np.bincount(cells, minlength=len(judged) * number).reshape(-1, number)
    relevant = np.stack([np.zeros_like(counted), counted], axis=1)
    return peer(languages, grades, relevant)


def _check_choices(request: Evaluation) -> None:
    if request.candidate_text not in CANDIDATE_TEXTS:
        raise InputError(
            f"unknown candidate text {request.candidate_text!r}; "
            f"one of {', '.join(CANDIDATE_TEXTS)}"
        )
    if request.run_depth < 1:
        raise InputError(f"the depth of run files is {request.run_depth}; it must be 1 or more")
    if request.out is not None:
        check_file_out(request.out, "results.json")
        bare = request.out.name.removesuffix(".json")
        twin = request.out.with_name(bare if bare != request.out.name else f"{bare}.json")
        if is_results(twin):
            raise InputError(
                f"{request.out}: its scores per query would take the place of those of {twin}; "
                "choose another --out"
            )
        for name in (request.model, request.data):
            refuse_impossible(name, InputError)
            folder = Path(name)
            if folder.is_dir() and _is_part(request.out, folder):
                raise InputError(
                    f"{request.out}: is a file of {folder}, which is read, and no results; choose "
                    "another --out"
                )


def _is_part(out: Path, folder: Path) -> bool:
    """Return whether a file that would be replaced is one of a model or a benchmark."""
    inside = out.is_file() and out.resolve().is_relative_to(folder.resolve())
    return inside and not is_results(out)  # results may lie there, and be made again


@contextmanager
def _store(cache_dir: Path, encoder: Encoder, *, keep: bool) -> Iterator[EmbeddingStore]:
    if keep:
        yield EmbeddingStore(cache_dir / "embeddings" / encoder.fingerprint)
        return
    with tempfile.TemporaryDirectory(prefix="bt-augment-", ignore_cleanup_errors=True) as folder:
        yield EmbeddingStore(Path(folder))


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **installed_versions(_PACKAGES)}
