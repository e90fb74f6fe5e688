"""Tables of everything a recipe may say, from the typed recipe: key, type and range, default."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click
from pydantic import TypeAdapter
from pydantic_core import PydanticUndefined

from bt_augment.cli.app import app
from bt_augment.experiment.loading import DECIDED
from bt_augment.experiment.sections import (
    ArmSection,
    BaseModelSection,
    BenchmarkSection,
    ComparisonSection,
    EvaluationSection,
    RunSection,
    Sections,
)
from bt_augment.filtering.registry import all_scores
from bt_augment.pairs.readers import InputSettings
from bt_augment.recipe import (
    CodeSwitchSection,
    OutputSection,
    ScoreSetting,
    TranslationSection,
    recipe_schema,
)
from bt_augment.training.settings import TrainingSettings
from bt_augment.translation.decoding import Decoding

Node = Mapping[str, Any]

# What the further keys of some scores mean; the scores declare their names and defaults.
OPTIONS = {
    "model": "folder or hub name of the encoder, or of the CometKiwi model",
    "gpus": "number of GPUs; 0 is the CPU",
    "k": "number of other passages that it is ranked among",
}
_HEAD = "| key | type and range | default | meaning |\n|---|---|---|---|"


def recipe_keys() -> Iterator[str]:
    """Yield every key of a recipe but those of single scores."""
    schema = recipe_schema()
    yield _HEAD
    yield from _section(schema, "input", InputSettings)
    yield "| `routes` | list of texts | none | the routes; at least one, or a lexicon |"
    yield from _section(schema, "code_switch", CodeSwitchSection)
    yield from _section(schema, "translation", TranslationSection, skip=("decoding",))
    yield from _section(schema, "translation.decoding", Decoding)
    yield from _section(schema, "output", OutputSection)
    yield "| `decontaminate.NAME` | text | none | folder of a benchmark to keep out |"


def score_keys() -> Iterator[str]:
    """Yield the keys that every score has, and the further ones of some."""
    schema = TypeAdapter(ScoreSetting).json_schema()
    yield _HEAD
    for key, meaning in attributes(ScoreSetting).items():
        kind = _type(schema, schema["properties"][key])
        yield f"| `filters.FAMILY.SCORE.{key}` | {kind} | the score's | {_cell(meaning)} |"
    for score in all_scores():
        for key, default in score.options.items():
            kind = "integer" if isinstance(default, int) else "text"
            place = f"filters.{score.name}.{key}"
            yield f"| `{place}` | {kind} | `{default}` | {OPTIONS[key]} |"


def experiment_keys() -> Iterator[str]:
    """Yield every key of an experiment's recipe."""
    yield _HEAD
    for place, section in (
        ("", Sections),
        ("runs.NAME.", RunSection),
        ("arms.NAME.", ArmSection),
        ("base_models.NAME.", BaseModelSection),
        ("evaluation.", EvaluationSection),
        ("benchmarks.NAME.", BenchmarkSection),
        ("comparison.", ComparisonSection),
    ):
        schema = TypeAdapter(section).json_schema()
        for key, meaning in attributes(section).items():
            kind = _type(schema, schema["properties"][key])
            needed = key in schema.get("required", ())
            default = "required" if needed else _default(section, key)
            yield f"| `{place}{key}` | {kind} | {default} | {_cell(meaning)} |"


def training_keys() -> Iterator[str]:
    """Yield the keys of the section ``training``, with the ranges of the options of ``train``."""
    schema = TypeAdapter(TrainingSettings).json_schema()
    train = app.get_command(click.Context(app), "train")
    options = {} if train is None else {option.name: option for option in train.params}
    yield _HEAD
    for key, meaning in attributes(TrainingSettings).items():
        if key not in DECIDED:
            kind = _type(schema, schema["properties"][key])
            span = _span(options[key].type)
            default = _default(TrainingSettings, key)
            yield f"| `training.{key}` | {kind}{span} | {default} | {_cell(meaning)} |"


def _span(kind: click.ParamType) -> str:
    if not isinstance(kind, click.IntRange | click.FloatRange):
        return ""
    low = f" {'above' if kind.min_open else 'from'} {kind.min:,g}" if kind.min is not None else ""
    high = f" {'to below' if kind.max_open else 'to'} {kind.max:,g}" if kind.max is not None else ""
    return low + high


def _section(schema: Node, place: str, documented: type, skip: Sequence[str] = ()) -> Iterator[str]:
    node = schema
    for key in place.split("."):
        node = _resolved(schema, node["properties"][key])
    meanings = attributes(documented)
    for key, value in node["properties"].items():
        if key not in skip:
            default = _default(documented, key)
            kind = _type(schema, value)
            yield f"| `{place}.{key}` | {kind} | {default} | {_cell(meanings[key])} |"


def _default(documented: type, key: str) -> str:
    fields: Mapping[str, Any] = getattr(documented, "model_fields", {}) or {
        f.name: f for f in dataclasses.fields(documented)
    }
    value = fields[key].default
    if value in (None, [], {}, (), "", PydanticUndefined, dataclasses.MISSING):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _resolved(schema: Node, node: Node) -> Node:
    while reference := node.get("$ref") or next(iter(node.get("allOf", [])), {}).get("$ref"):
        node = schema["$defs"][reference.rsplit("/", 1)[-1]]
    return node


def _type(schema: Node, node: Node) -> str:
    node = _resolved(schema, node)
    options = [n for n in node.get("anyOf", [node]) if n.get("type") != "null"]
    return " or ".join(_one_type(schema, _resolved(schema, option)) for option in options)


def _one_type(schema: Node, node: Node) -> str:
    if "enum" in node:
        return " or ".join(f"`{value}`" for value in node["enum"])
    if node["type"] == "array":
        items = _type(schema, node["items"])
        return "list of texts" if items == "text" else f"list, each {items}"
    if node["type"] == "object":
        return "section"
    name = {"string": "text", "boolean": "true or false"}.get(node["type"], node["type"])
    bounds = [
        f"{word} {node[key]:,.10g}"
        for key, word in (("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to"))
        if key in node
    ]
    return " ".join([name, *bounds])


def attributes(documented: type) -> dict[str, str]:
    """Return attribute → meaning from the ``Attributes:`` of a Google-style docstring."""
    text = inspect.getdoc(documented) or ""
    section = text.partition("Attributes:\n")[2]
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if match := re.match(r"    (\w+): (.*)", line):
            name = match[1]
            found[name] = match[2]
        elif line.startswith("        ") and name:
            found[name] += f" {line.strip()}"
    return found


def attribute_table(documented: type, place: str) -> Iterator[str]:
    """Yield a table of what a class says of its attributes."""
    yield "| field | meaning |\n|---|---|"
    for name, meaning in attributes(documented).items():
        yield f"| `{place}{name}` | {_cell(meaning)} |"


def _cell(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|").rstrip(".")
