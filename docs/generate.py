"""Fill the parts of the documentation that the code itself knows.

    python docs/generate.py            # rewrite the marked parts of docs/*.md
    python docs/generate.py --readme   # and the example of README.md, from a run made here

A part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``; the tests compare each
with what this script makes.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import click
from pydantic_core import PydanticUndefined

from bt_augment.cli.main import app
from bt_augment.experiment.sections import (
    ArmSection,
    BaseModelSection,
    BenchmarkSection,
    ComparisonSection,
    EvaluationSection,
    RunSection,
    Sections,
)
from bt_augment.filtering.base import MADE_METHODS, Score
from bt_augment.filtering.registry import all_scores
from bt_augment.generation import Generation, generate
from bt_augment.generation.ingestion import Ingested
from bt_augment.pairs.readers import InputSettings
from bt_augment.pairs.readers.columns import ALIASES
from bt_augment.recipe import OutputSection, TranslationSection, load_recipe, recipe_schema
from bt_augment.shards.browsing import Example, browse
from bt_augment.shards.manifest import UnitEntry
from bt_augment.translation.families import FAMILIES
from bt_augment.translation.segmentation import split_sentences
from bt_augment.translation.translator import Decoding

DOCS = Path(__file__).resolve().parent
README = DOCS.parent / "README.md"
HELP_WIDTH = 92
LINE = 76  # characters of a text in README.md; of a longer one, its end

# What README.md shows: row, which text, which of its sentences (None is all), scores.
SHOWN = (
    ("en-0022/en:pt:en/0", "question", None, ("fidelity.chrf", "question_answering.names")),
    ("en-0068/en:pt/0", "question", None, ("language.question", "question_answering.numbers")),
    ("en-0062/en:pt:en/0", "question", None, ("fidelity.chrf", "question_answering.negation")),
    ("en-0191/en:pt:en/0", "passage", 1, ("question_answering.numbers_invented",)),
)

_PART = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


@click.command()
@click.option("--readme", is_flag=True, help="Also make a run, and show pairs of it in README.md.")
def main(readme: bool) -> None:
    """Rewrite the generated parts of the documentation."""
    pages = [path for path in sorted(DOCS.glob("*.md")) if _PART.search(path.read_text("utf-8"))]
    if readme:
        pages.append(README)
    for path in pages:
        before = path.read_text(encoding="utf-8")
        after = filled(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            click.echo(f"wrote {path.name}")


def filled(text: str) -> str:
    """Return a page with its generated parts made anew."""
    return _PART.sub(lambda m: m[1] + "\n".join([*PARTS[m[2]](), m[3]]), text)


def scores() -> Iterator[str]:
    """Yield a section for each family of filters: every score with its defaults."""
    for family, members in groupby(all_scores(), key=lambda s: s.name.split(".")[0]):
        listed = list(members)
        yield f"\n### {family}\n"
        yield "| score | unit | accepted | reject reasons | null | judged for | on |"
        yield "|---|---|---|---|---|---|---|"
        for score in listed:
            yield (
                f"| `{score.name}` | {score.unit} | {_accepted(score)} | {_reasons(score)} | "
                f"{'rejects' if score.reject_null else 'passes'} | {_methods(score)} | "
                f"{'yes' if score.enabled else 'no'} |"
            )
        yield ""
        for score in listed:
            yield f"- `{score.name}`: {score.description}{_options(score)}"


def _accepted(score: Score) -> str:
    low = None if score.min is None else f"{score.min:,g}"
    high = None if score.max is None else f"{score.max:,g}"
    if low and high:
        return f"{low} to {high}"
    if low:
        return f"{low} or more"
    if high:
        return "0" if score.max == 0 else f"{high} or less"
    return "any"


def _reasons(score: Score) -> str:
    sides = [("low", score.min), ("high", score.max), ("null", 0 if score.reject_null else None)]
    return " ".join(f"`.{side}`" for side, bound in sides if bound is not None)


def _methods(score: Score) -> str:
    if score.methods == MADE_METHODS:
        return "all made rows"
    return ", ".join(method.replace("_", " ") for method in sorted(score.methods))


def _options(score: Score) -> str:
    shown = ", ".join(f"`{key}` (default `{value}`)" for key, value in score.options.items())
    return f" Options: {shown}." if shown else ""


def recipe_keys() -> Iterator[str]:
    """Yield every recipe key but those of the filters, with its default and range."""
    schema = recipe_schema()
    yield "| key | type and range | default | meaning |\n|---|---|---|---|"
    yield from _section(schema, "input", InputSettings)
    yield "| `routes` | list of routes | none | the routes; at least one for `generate` |"
    yield from _section(schema, "translation", TranslationSection, skip=("decoding",))
    yield from _section(schema, "translation.decoding", Decoding)
    yield from _section(schema, "output", OutputSection)
    yield "| `decontaminate.NAME` | folder | none | a benchmark that training must not hold |"


def experiment_keys() -> Iterator[str]:
    """Yield every key of an experiment's recipe, with its default."""
    yield "| key | default | meaning |\n|---|---|---|"
    for place, section in (
        ("", Sections),
        ("runs.NAME.", RunSection),
        ("arms.NAME.", ArmSection),
        ("base_models.NAME.", BaseModelSection),
        ("evaluation.", EvaluationSection),
        ("benchmarks.NAME.", BenchmarkSection),
        ("comparison.", ComparisonSection),
    ):
        for key, meaning in attributes(section).items():
            yield f"| `{place}{key}` | {_default(section, key)} | {_cell(meaning)} |"


def _section(
    schema: Mapping[str, Any], place: str, documented: type, skip: Sequence[str] = ()
) -> Iterator[str]:
    node: Mapping[str, Any] = schema
    for key in place.split("."):
        node = _resolved(schema, node["properties"][key])
    meanings = attributes(documented)
    for key, value in node["properties"].items():
        if key not in skip:
            default = _default(documented, key)
            yield (f"| `{place}.{key}` | {_type(value)} | {default} | {_cell(meanings[key])} |")


def _default(documented: type, key: str) -> str:
    fields: Mapping[str, Any] = getattr(documented, "model_fields", {}) or {
        f.name: f for f in dataclasses.fields(documented)
    }
    value = fields[key].default
    if value in (None, [], {}, "", PydanticUndefined):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _resolved(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    while reference := node.get("$ref") or next(iter(node.get("allOf", [])), {}).get("$ref"):
        node = schema["$defs"][reference.rsplit("/", 1)[-1]]
    return node


def _type(node: Mapping[str, Any]) -> str:
    options = [n for n in node.get("anyOf", [node]) if n.get("type") != "null"]
    return " or ".join(_one_type(option) for option in options)


def _one_type(node: Mapping[str, Any]) -> str:
    if "enum" in node:
        return " or ".join(f"`{value}`" for value in node["enum"])
    name = {"array": "list of texts", "string": "text", "boolean": "true or false"}.get(
        node["type"], node["type"]
    )
    bounds = [
        f"{word} {node[key]:,g}"
        for key, word in (
            ("minimum", "from"),
            ("exclusiveMinimum", "above"),
            ("maximum", "to"),
        )
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


def _cell(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|").rstrip(".")


def _attribute_table(documented: type, place: str) -> Iterator[str]:
    yield "| field | meaning |\n|---|---|"
    for name, meaning in attributes(documented).items():
        yield f"| `{place}{name}` | {_cell(meaning)} |"


def manifest_units() -> Iterator[str]:
    """Yield the fields of a unit in the manifest."""
    return _attribute_table(UnitEntry, "units[].")


def manifest_ingested() -> Iterator[str]:
    """Yield the fields of what was read."""
    return _attribute_table(Ingested, "ingested.")


def columns() -> Iterator[str]:
    """Yield the column names that are tried."""
    yield "| field | columns tried, in this order |\n|---|---|"
    for field, names in ALIASES.items():
        yield f"| `input.{field}` | {', '.join(f'`{name}`' for name in names)} |"


def families() -> Iterator[str]:
    """Yield the model families."""
    yield "| family | longest input in tokens where the model does not say |\n|---|---|"
    for family in FAMILIES.values():
        yield f"| `{family.name}` | {family.max_input_tokens:,} |"


def commands() -> Iterator[str]:
    """Yield the help of every command."""
    yield from _help(app, "bt-augment", None)


def _help(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    context = click.Context(
        command, info_name=name, parent=parent, max_content_width=HELP_WIDTH,
        terminal_width=HELP_WIDTH, help_option_names=["-h", "--help"],
    )  # fmt: skip
    yield f"\n## {context.command_path}\n"
    yield f"```text\n{command.get_help(context).strip()}\n```"
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            if found is not None:
                yield from _help(found, inner, context)


def readme_example() -> Iterator[str]:
    """Yield pairs and counts of a run like that of ``make quickstart``, made for this."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        recipe = load_recipe(None, {"routes": ["en:pt:en", "en:pt"]})
        source = DOCS.parent / "data" / "en" / "qa.json"
        totals = generate(Generation([str(source)], out, recipe, environment=os.environ)).totals
        examples = {
            example.row["id"]: example
            for rejected in (False, True)
            for example in browse(out, totals.candidates, rejected=rejected)
        }
    yield "```text"
    for name, text, sentence, wanted in SHOWN:
        yield from _pair(examples[name], text, sentence, wanted)
    yield (
        f"read {totals.native:,} pairs; made {totals.candidates:,}: {totals.accepted:,} accepted "
        f"({totals.accepted / totals.candidates:.0%}), {totals.rejected:,} rejected"
    )
    yield "```"


def _pair(
    example: Example, text: str, sentence: int | None, wanted: Sequence[str]
) -> Iterator[str]:
    row, source = example.row, example.source or {}
    tags = row["route"]
    yield f"{row['id']}"
    yield f"  {tags[0]:9}{_sentence(source[text], tags[0], sentence)}"
    if row[f"pivot_{text}"]:
        yield f"  {tags[-2]:9}{_sentence(row[f'pivot_{text}'], tags[-2], sentence)}"
    yield f"  {tags[-1]:9}{_sentence(row[text], tags[-1], sentence)}"
    shown = ", ".join(f"{name.split('.')[1]} {row['scores'][name]:.3g}" for name in wanted)
    verdict = ", ".join(row["reject_reasons"])
    yield f"  scores   {shown}"
    yield f"  verdict  {f'rejected: {verdict}' if verdict else 'accepted'}\n"


def _sentence(text: str, tag: str, number: int | None) -> str:
    if number is not None:
        text = [s.strip() for s in split_sentences(text, tag) if s.strip()][number]
    if len(text) <= LINE:
        return text
    return f"…{text[text.index(' ', len(text) - LINE) :]}"


PARTS: Mapping[str, Callable[[], Iterator[str]]] = {
    "scores": scores,
    "recipe-keys": recipe_keys,
    "experiment-keys": experiment_keys,
    "manifest-units": manifest_units,
    "manifest-ingested": manifest_ingested,
    "columns": columns,
    "families": families,
    "commands": commands,
    "readme-example": readme_example,
}

if __name__ == "__main__":
    main()
