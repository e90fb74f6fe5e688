"""The model card: what the encoder was trained on, how, and what was measured."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from bt_augment.shards.atomic import write_atomically
from bt_augment.shards.markdown import harmless, span

CARD = "README.md"
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)*(@[\w./-]+)?")


def write_card(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write ``README.md`` from the training manifest.

    Raises:
        StorageError: the disk refused.
    """
    write_atomically(folder / CARD, ("\n".join(_lines(manifest)) + "\n").encode())


def _lines(manifest: Mapping[str, Any]) -> Iterator[str]:
    settings, counts = manifest["settings"], manifest["counts"]
    base = settings["base_model"]
    yield "---"
    yield _front_matter(base, _base_tags(counts["languages"]))
    yield "---\n"
    yield f"# Dense retriever trained by bt-augment from {harmless(_name(base))}\n"
    yield "```python"
    yield "from sentence_transformers import SentenceTransformer\n"
    yield 'model = SentenceTransformer("PATH/TO/THIS/FOLDER")'
    yield 'queries = model.encode_query(["a question"])'
    yield 'passages = model.encode_document(["a passage"])'
    yield "scores = model.similarity(queries, passages)"
    yield "```\n"
    prompts = manifest["prompts"]
    if any(prompts.values()):
        yield (
            f"Questions are encoded after {span(prompts['query'])}, passages after "
            f"{span(prompts['passage'])}; both are stored in the model.\n"
        )
    yield "## Data\n"
    yield "| method | rows |\n|---|---|"
    for method, rows in counts["methods"].items():
        yield f"| {method.replace('_', ' ')} | {rows:,} |"
    yield "\n| language of the passage | rows |\n|---|---|"
    for language, rows in counts["languages"].items():
        yield f"| {language} | {rows:,} |"
    yield (
        f"\n{counts['pairs']:,} training pairs were composed of these rows; rows of "
        f"{counts['held_out_groups']:,} passages ({counts['held_out_rows']:,} rows) were held "
        "out. Runs:\n"
    )
    yield from map(_run, manifest["runs"])
    if earlier := manifest["earlier_trainings"]:
        yield "\nThe base model was trained on rows of these runs before:\n"
        yield from map(_run, [run for training in earlier for run in training["runs"]])
    yield "\n## Recipe\n"
    yield f"{_recipe(manifest)}\n"
    yield "| setting | value |\n|---|---|"
    for name, value in settings.items():
        shown = _name(value) if name == "base_model" else str(value)
        yield f"| {name} | {harmless(shown)} |"
    yield "\n## Scores\n"
    if manifest["scores"]:
        yield "Held-out questions against the held-out passages of all languages:\n"
        yield f"| {' | '.join(manifest['scores'])} |\n|{'---|' * len(manifest['scores'])}"
        yield f"| {' | '.join(f'{value:.4f}' for value in manifest['scores'].values())} |"
    else:
        yield "Nothing was held out, so nothing was measured."
    yield "\nThe licences of the base model and of the data also hold for this model."


def _run(run: Mapping[str, Any]) -> str:
    return f"- {span(Path(run['folder']).name)}, fingerprint `{run['fingerprint'][:16]}`"


def _front_matter(base: str, languages: list[str]) -> str:
    matter: dict[str, Any] = {
        "library_name": "sentence-transformers",
        "pipeline_tag": "sentence-similarity",
        "tags": ["sentence-transformers", "feature-extraction", "dense-retrieval", "bt-augment"],
        "language": languages,  # Norwegian is "no", which is false unless it is quoted
    }
    source = base.partition("@")[0]
    if _on_hub(source):
        matter["base_model"] = source
    return yaml.safe_dump(matter, sort_keys=False).rstrip()


def _recipe(manifest: Mapping[str, Any]) -> str:
    settings, drawn = manifest["settings"], manifest["drawn"]
    kinds = {1: "monolingual batches (X-X-mono)", 0: "cross-lingual batches (X-Y)"}.get(
        settings["alpha"], f"hybrid batches, monolingual with probability {settings['alpha']:g}"
    )
    best = manifest["weights_of_step"]
    taken = "" if best == manifest["steps"] else f" The weights are those after step {best:,}."
    return (
        f"{manifest['steps']:,} steps of {kinds}, after Elmahdy et al. 2024; contrastive loss "
        f"with in-batch negatives; {drawn['made_share']:.1%} of the pairs drawn had no native text."
        f"{taken}"
    )


def _name(base: Any) -> str:
    text = str(base)
    return Path(text).name if Path(text).is_absolute() else text


def _on_hub(base: str) -> bool:
    # A folder's name tells of this machine, and is no model of the hub.
    return _HUB_NAME.fullmatch(base) is not None


def _base_tags(languages: Mapping[str, int]) -> list[str]:
    """Return the primary subtags: the hub knows ``pt``, not ``pt-BR``."""
    return list(dict.fromkeys(tag.split("-")[0] for tag in languages))
