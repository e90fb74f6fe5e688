"""What is fuzzed: each target takes bytes, and may raise nothing but a BtAugmentError.

A target that needs several files takes them in one text, between lines of :data:`NEXT`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

from bt_augment.errors import BtAugmentError

Target = Callable[[bytes, Path], None]

_DIGEST_BYTES = 32  # at the end of a scored unit
NEXT = b"\n<<<next file>>>\n"


class HurtError(AssertionError):
    """A target gave something that no reader of it could use."""


def run(target: Target, data: bytes, folder: Path) -> None:
    """Give a target its bytes and an empty folder; what it raises other than allowed escapes.

    Args:
        target: one of :data:`TARGETS`.
        data: anything.
        folder: emptied, and used.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        target(data, folder)
    except BtAugmentError as error:
        _printable(str(error))


def _printable(text: str) -> None:
    """Check that a message can be printed: a terminal takes UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise HurtError(f"a message that cannot be printed: {text!r}") from error
    if not text.strip():
        raise HurtError("an error without a message")
    if any(unicodedata.category(c) == "Cc" and c not in "\t\n" for c in text):
        raise HurtError(f"a message that a terminal would obey: {text!r}")


def _parts(data: bytes, names: Sequence[str], folder: Path) -> None:
    """Write one file per part; a part that is missing is a file that is missing."""
    for name, part in zip(names, data.split(NEXT), strict=False):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(part)


def _read_all(source: Path, **settings: str) -> None:
    """Read an input to its end; every record must be one that can be written."""
    from bt_augment.pairs.readers import InputSettings, Quarantined, Record, fingerprint, read
    from bt_augment.pairs.schema import batch_from_rows, native_schema

    given = InputSettings(**{"lang": "en", **settings})
    fingerprint([str(source)], given)
    rows = []
    for item in read([str(source)], given):
        if isinstance(item, Quarantined):
            json.dumps(item.as_row(), ensure_ascii=False).encode()
        elif isinstance(item, Record):
            rows.append(item.as_row())
    batch_from_rows(rows, native_schema()).validate(full=True)


def any_input(data: bytes, folder: Path) -> None:
    """An input whose format is found by its content."""
    path = folder / "input"
    path.write_bytes(data)
    _read_all(path)


def _of_format(name: str) -> Target:
    def target(data: bytes, folder: Path) -> None:
        path = folder / f"input.{name}"
        path.write_bytes(data)
        _read_all(path, format=name)

    target.__doc__ = f"An input that is said to be {name}."
    return target


def beir_input(data: bytes, folder: Path) -> None:
    """A BEIR folder to read pairs from."""
    _parts(data, ("queries.jsonl", "corpus.jsonl", "qrels/test.tsv"), folder)
    _read_all(folder)


def saved_dataset(data: bytes, folder: Path) -> None:
    """A folder of ``save_to_disk``."""
    names = ("dataset_dict.json", "train/state.json", "train/data-00000-of-00001.arrow")
    _parts(data, names, folder)
    _read_all(folder)


def recipe(data: bytes, folder: Path) -> None:
    """A YAML recipe."""
    from bt_augment.recipe import load_recipe

    path = folder / "recipe.yaml"
    path.write_bytes(data)
    json.dumps(load_recipe(path).resolved(), ensure_ascii=False).encode()


def assignment(data: bytes, folder: Path) -> None:
    """What follows ``--set``."""
    from bt_augment.recipe import load_recipe

    load_recipe(None, {}, [data.decode("utf-8", "replace")])


def experiment(data: bytes, folder: Path) -> None:
    """A YAML experiment."""
    from bt_augment.experiment.loading import load_experiment

    path = folder / "experiment.yaml"
    path.write_bytes(data)
    load_experiment(path)


def route(data: bytes, folder: Path) -> None:
    """A route, and what models call its languages."""
    from bt_augment import languages
    from bt_augment.translation.route import Route

    parsed = Route.parse(data.decode("utf-8", "surrogateescape"))
    if Route.parse(str(parsed)) != parsed:
        raise HurtError(f"{parsed} is not what it is written as")
    for tag in parsed.tags:
        languages.language_name(tag)
        for code in (languages.flores_code, languages.m2m100_code, languages.mbart_code):
            try:
                code(tag)
            except BtAugmentError as error:
                _printable(str(error))


def model_names(data: bytes, folder: Path) -> None:
    """What follows ``--model``, two of them."""
    from bt_augment.translation.model_selection import ModelSelection

    ModelSelection.parse(data.decode("utf-8", "replace").split("\n", 1)).for_hop("en", "pt")


def lexicon(data: bytes, folder: Path) -> None:
    """A bilingual lexicon."""
    from bt_augment.translation.lexicon import Lexicon

    path = folder / "en-pt.txt"
    path.write_bytes(data)
    Lexicon.read(str(path))


def journal(data: bytes, folder: Path) -> None:
    """The journal of a run that is not finished."""
    from bt_augment.shards.journal import Journal

    path = folder / "journal.jsonl"
    path.write_bytes(data)
    Journal(path, "")


def scored_unit(data: bytes, folder: Path) -> None:
    """A scored unit that another job left, its digest made to fit; judged and written."""
    from bt_augment.filtering.duplicates import DuplicateIndex
    from bt_augment.generation.scored_store import ScoredStore
    from bt_augment.generation.units import judge_unit
    from bt_augment.recipe import load_recipe
    from bt_augment.shards.manifest import SCORED, shard_path
    from bt_augment.shards.store import write_shard

    run = folder / "run"
    path = run / SCORED / "00000"
    path.parent.mkdir(parents=True)
    body = data[:-_DIGEST_BYTES]
    path.write_bytes(body + hashlib.sha256(body).digest())
    unit = ScoredStore(run, "").get(0)
    sources = unit.made.column("source_id").to_pylist()
    with DuplicateIndex(folder / "duplicates.sqlite") as index:
        scores = {**unit.scores, **index.score(0, unit.sketches, sources)}
        index.add(0, unit.sketches, sources)
    recipe = load_recipe(None, {"routes": ["en:pt"]})
    judged = judge_unit(unit, scores, recipe.thresholds, recipe.output.native)
    write_shard(run, shard_path("train", 0, 1), judged.train)
    json.dumps([unit.not_applicable, unit.tokens, unit.seconds], allow_nan=False)


RUN_FILES = (
    "manifest.json", "run.json", "train/data-00000-of-00001.arrow",
    "rejected/data-00000-of-00001.arrow", "quarantine.jsonl", "dataset_dict.json",
    "train/state.json", "train/dataset_info.json", "rejected/state.json",
    "rejected/dataset_info.json",
)  # fmt: skip


def run_folder(data: bytes, folder: Path) -> None:
    """A run folder of somebody else's making, digests and all, given to all that read one."""
    from bt_augment.generation import refilter
    from bt_augment.generation.refiltering import stored_recipe
    from bt_augment.shards.browsing import browse
    from bt_augment.shards.exporting import FORMATS, export
    from bt_augment.shards.publishing import Terms, dry_run
    from bt_augment.shards.verification import verify

    run = folder / "run"
    _parts(data, RUN_FILES, run)
    _fit_digests(run)

    def verified() -> None:
        for problem in verify(run).problems:
            _printable(problem)

    def exported(form: str) -> Callable[[], object]:
        return lambda: export(run, folder / form, form)

    acts: tuple[Callable[[], object], ...] = (
        verified,
        lambda: browse(run, 2),
        lambda: browse(run, 2, rejected=True, seed=1),
        lambda: refilter(run, folder / "filtered", stored_recipe(run)),
        *(exported(form) for form in FORMATS),
        lambda: _fit_index(run),  # else publish refuses every shard of another size
        verified,
        lambda: dry_run(run, Terms("me/qa"), folder / "dry"),
    )
    for act in acts:
        try:
            act()
        except BtAugmentError as error:
            _printable(str(error))


def _fit_digests(run: Path) -> None:
    """Enter the shards' digests into the manifest, where it still has places for them."""
    path = run / "manifest.json"
    try:
        manifest = json.loads(path.read_bytes())
        for entry in manifest["units"][0]["files"].values():
            content = (run / entry["path"]).read_bytes()
            entry["bytes"], entry["sha256"] = len(content), hashlib.sha256(content).hexdigest()
        manifest.pop("sha256", None)
        path.write_text(json.dumps(manifest), encoding="utf-8")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return


def _fit_index(run: Path) -> None:
    """Write the files by which ``datasets`` finds the shards anew, as they now are."""
    from bt_augment.shards.manifest import read_manifest
    from bt_augment.shards.store import SPLITS, finish, rows_of

    units = read_manifest(run).units
    schema = rows_of(run, units[0].files[SPLITS[0]]).schema
    finish(run, schema, {split: [unit.files[split] for unit in units] for split in SPLITS})


def results(data: bytes, folder: Path) -> None:
    """A results file with its scores per query, as compare and report read them."""
    from bt_augment.evaluation.results import read_results
    from bt_augment.reporting.results_files import read_checked

    _parts(data, ("a.json", "a.per_query.parquet"), folder)
    for read in (read_results, read_checked):
        try:
            read(folder / "a.json")
        except BtAugmentError as error:
            _printable(str(error))


def _benchmark(name: str, *files: str) -> Target:
    def target(data: bytes, folder: Path) -> None:
        from bt_augment.evaluation.benchmarks.registry import load

        _parts(data, files, folder)
        collection = load(name, folder)
        for one in collection.languages:
            collection.judgements(one, collection.languages[0])
            for text in (*collection.queries[one].ids, *collection.queries[one].texts):
                text.encode()

    target.__doc__ = f"The benchmark {name}."
    return target


def training_record(data: bytes, folder: Path) -> None:
    """The manifest of a training, as evaluate reads it."""
    from bt_augment.evaluation.training_record import read_training_record

    (folder / "training_manifest.json").write_bytes(data)
    read_training_record(str(folder))


def model_folder(data: bytes, folder: Path) -> None:
    """A CTranslate2 model folder, before the engine is given it."""
    from bt_augment.translation.models import ModelCatalog

    _parts(
        data,
        ("model/model.bin", "model/config.json", "model/shared_vocabulary.json",
         "model/bt_augment.json", "model/tokenizer_config.json"),
        folder,
    )  # fmt: skip
    ModelCatalog(folder / "cache").resolve(str(folder / "model"), "en", "pt")


def marian_folder(data: bytes, folder: Path) -> None:
    """A Marian checkpoint, before the engine's converter is given it."""
    from bt_augment.translation.convert import convert

    _parts(data, ("model/decoder.yml", "model/vocab.yml", "model/model.npz"), folder)
    for name in ("source.spm", "target.spm"):
        (folder / "model" / name).touch()
    convert(folder / "model", folder / "made", name="m", revision="r", quantization="int8")


def benchmark_text(data: bytes, folder: Path) -> None:
    """A benchmark to decontaminate against."""
    from bt_augment.pairs.contamination import BenchmarkText

    _parts(data, ("queries.jsonl", "corpus.jsonl", "en.json"), folder)
    BenchmarkText.from_folders({"b": folder})


TARGETS: dict[str, Target] = {
    "any_input": any_input,
    "squad": _of_format("squad"),
    "jsonl": _of_format("jsonl"),
    "csv": _of_format("csv"),
    "parquet": _of_format("parquet"),
    "arrow": _of_format("arrow"),
    "beir_input": beir_input,
    "saved_dataset": saved_dataset,
    "recipe": recipe,
    "assignment": assignment,
    "experiment": experiment,
    "route": route,
    "model_names": model_names,
    "lexicon": lexicon,
    "journal": journal,
    "scored_unit": scored_unit,
    "run_folder": run_folder,
    "results": results,
    "lareqa": _benchmark("xquad-r", "en.json", "de.json"),
    "beir": _benchmark("beir", "queries.jsonl", "corpus.jsonl", "qrels/test.tsv"),
    "xtyle": _benchmark("xtyle", "queries.en.jsonl", "corpus.en.jsonl", "qrels.tsv"),
    "toolret": _benchmark("toolret", "queries.jsonl", "tools.jsonl"),
    "training_record": training_record,
    "model_folder": model_folder,
    "marian_folder": marian_folder,
    "benchmark_text": benchmark_text,
}
