"""Fill the parts of the documentation that the code itself knows.

    python docs/generate.py            # rewrite the marked parts of docs/*.md
    python docs/generate.py --readme   # and the example of README.md, from a run made here

A part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``; the tests compare each
with what this script makes.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import click
import griffe
from schema_tables import (
    attribute_table,
    experiment_keys,
    recipe_keys,
    score_keys,
    training_keys,
)

import bt_augment
from bt_augment.cli.app import app
from bt_augment.filtering.base import MADE_METHODS, Score
from bt_augment.filtering.registry import all_scores
from bt_augment.generation import Generation, generate
from bt_augment.pairs.readers.columns import ALIASES
from bt_augment.recipe import load_recipe
from bt_augment.shards.browsing import Example, browse
from bt_augment.shards.manifest import Ingested, UnitEntry
from bt_augment.translation.families import FAMILIES
from bt_augment.translation.segmentation import split_sentences

DOCS = Path(__file__).resolve().parent
README = DOCS.parent / "README.md"
HELP_WIDTH = 92
LINE = 76  # characters of a text in README.md; of a longer one, its end

# What README.md shows: row, which text, which of its sentences (None is all), scores.
SHOWN = (
    ("en-0022/en:pt:en/0", "question", None, ("fidelity.chrf", "question_answering.names")),
    ("en-0068/en:pt/0", "question", None, ("language.question", "question_answering.numbers")),
    (
        "en-0053/en:pt:en/0",
        "question",
        None,
        ("fidelity.chrf", "question_answering.question_words"),
    ),
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


def manifest_units() -> Iterator[str]:
    """Yield the fields of a unit in the manifest."""
    return attribute_table(UnitEntry, "units[].")


def manifest_ingested() -> Iterator[str]:
    """Yield the fields of what was read."""
    return attribute_table(Ingested, "ingested.")


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


def public_names() -> Iterator[str]:
    """Yield the names that are imported from the package, with their first sentence."""
    package = griffe.load("bt_augment", search_paths=[DOCS.parent], resolve_aliases=True)
    yield "| name | what it is |\n|---|---|"
    for name in bt_augment.__all__:
        docstring = package[name].docstring
        first = "" if docstring is None else docstring.value.partition("\n\n")[0]
        yield f"| `{name}` | {' '.join(first.split()).replace('``', '`')} |"


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
    "score-keys": score_keys,
    "experiment-keys": experiment_keys,
    "training-keys": training_keys,
    "manifest-units": manifest_units,
    "manifest-ingested": manifest_ingested,
    "columns": columns,
    "families": families,
    "commands": commands,
    "public-names": public_names,
    "readme-example": readme_example,
}

if __name__ == "__main__":
    main()
