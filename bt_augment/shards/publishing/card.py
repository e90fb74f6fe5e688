"""The card of a published data set: YAML for machines, then what people want to know."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bt_augment.pairs.schema import NATIVE
from bt_augment.shards.browsing import Example
from bt_augment.shards.manifest import Manifest
from bt_augment.shards.markdown import code, fenced, inline, shortened
from bt_augment.shards.provenance import Model, Source, filter_models, routes
from bt_augment.shards.publishing.files import DataFiles
from bt_augment.shards.publishing.metadata import DEFAULT, Config, config_name, front_matter
from bt_augment.shards.publishing.remaking import RECIPE, remaking
from bt_augment.shards.store import REJECTED
from bt_augment.translation.route import Route

_LISTED = 20  # sources written out; a run may be of thousands of files
_COLUMNS = "docs/row.md of bt-augment"


@dataclass(frozen=True)
class Card:
    """What a card is written from.

    Attributes:
        repo: ``NAMESPACE/NAME``.
        revision: the branch it is for, or None for the main one.
        license: identifier of the Hub, or None.
        run: ``run.json``.
        manifest: of the run.
        files: the data files.
        configs: what is made of them.
        sources: inputs of the run.
        models: models of the run.
        examples: rows to show.
    """

    repo: str
    revision: str | None
    license: str | None
    run: Mapping[str, Any]
    manifest: Manifest
    files: DataFiles
    configs: Sequence[Config]
    sources: Sequence[Source]
    models: Sequence[Model]
    examples: Sequence[Example]

    def text(self) -> str:
        """Return the whole of ``README.md``."""
        name = self.repo.rsplit("/", 1)[-1]
        matter = front_matter(self.files, self.configs, name=name, license_id=self.license)
        return f"---\n{matter}\n---\n\n" + "\n".join(self._body(name)) + "\n"

    def _body(self, name: str) -> Iterator[str]:
        yield f"# {inline(name)}\n"
        yield (
            "Question–passage pairs for training retrievers, made by back-translation and "
            "translation with bt-augment and kept by a chain of filters. "
            + self._holding()
            + " Translated text is machine-made and was not read by people."
        )
        for title, lines in (
            ("Load", self._load()),
            ("Sources and licences", self._sources()),
            ("Routes", self._routes()),
            ("Models", self._models()),
            ("Filters", self._filters()),
            ("Counts", self._counts()),
            ("Examples", self._examples()),
            ("Make it again", self._again()),
        ):
            yield f"\n## {title}\n"
            yield from lines

    def _command(self, folder: str) -> str:
        words = ["bt-augment", "publish", folder, self.repo]
        for option, value in (("--revision", self.revision), ("--license", self.license)):
            words += [option, value] if value else []
        for source in self.sources:
            words += ["--source-license", f"{source.name}={source.license}"] * bool(source.license)
        return shlex.join(words)

    def _holding(self) -> str:
        rows = {group: sum(f.rows for f in files) for group, files in self.files.accepted.items()}
        native = rows.pop(NATIVE, 0)
        kept = f"{native:,} native rows and " if native else ""
        return f"It holds {kept}{sum(rows.values()):,} made rows that were accepted."

    def _load(self) -> Iterator[str]:
        at = f', revision="{self.revision}"' if self.revision else ""
        yield from ("```python", "from datasets import load_dataset\n")
        yield f'rows = load_dataset("{self.repo}"{at})["train"]'
        for config in self.configs:
            if config.name != DEFAULT:
                split = f'["{config.split}"]'
                yield f'load_dataset("{self.repo}", "{config.name}"{at}){split}'
        yield "```\n"
        yield "| config | split | rows | what |\n|---|---|---|---|"
        for config in self.configs:
            what = {
                DEFAULT: "accepted rows: the native ones, then route by route",
                REJECTED: "rejected rows, with their reasons",
            }.get(config.name, f"accepted rows made along {code(config.route or '')}")
            yield f"| {code(config.name)} | {config.split} | {config.rows:,} | {what} |"
        yield (
            "\nWithin each group, rows have the order of the run. Rows of one `group_id` are "
            "versions of one passage: never use one as a negative of another. `scores` holds "
            "every filter score, `reject_reasons` every reason."
        )
        missing = [c for c in self._expected() if c not in {config.name for config in self.configs}]
        if missing:
            yield f"\nWithout a row, and so without a config: {', '.join(map(code, missing))}."

    def _expected(self) -> list[str]:
        return [config_name(route) for route in routes(self.run)] + [REJECTED]

    def _sources(self) -> Iterator[str]:
        if self.license:
            yield f"Licence of this data set, as its publisher states it: {code(self.license)}.\n"
        else:
            yield "The publisher has stated no licence for this data set.\n"
        yield "| source | version | licence |\n|---|---|---|"
        for source in self.sources[:_LISTED]:
            yield (
                f"| {code(source.name)}{'' if source.is_input else ' (lexicon)'} "
                f"| {code(source.version)} "
                f"| {code(source.license) if source.license else 'not stated'} |"
            )
        if len(self.sources) > _LISTED:
            yield f"\nand {len(self.sources) - _LISTED:,} more; all are in `bt-augment.json`."
        yield (
            "\nNative rows are taken from the sources and made rows derive from them, so the "
            "licence of a source also holds for them; the licence of a model may limit what its "
            "translations are used for."
        )

    def _routes(self) -> Iterator[str]:
        yield (
            "`en:pt:en` is a round trip (a paraphrase), `en:pt` a translation, `en:en+pt` English "
            "in which words are replaced by Portuguese ones from a lexicon. Questions and passages "
            "both go along a route.\n"
        )
        yield "| route | accepted | rejected | accepted of all |\n|---|---|---|---|"
        for route in routes(self.run):
            counts = self.manifest.totals.routes.get(route, {"accepted": 0, "rejected": 0})
            accepted, rejected = counts["accepted"], counts["rejected"]
            made = accepted + rejected
            share = f"{accepted / made:.1%}" if made else "none made"
            yield f"| {code(route)} | {accepted:,} | {rejected:,} | {share} |"

    def _models(self) -> Iterator[str]:
        yield from self._translation_models()
        if asked := list(filter_models(self.run)):
            yield "\nModels that scores ask:\n\n| score | model | revision or fingerprint |"
            yield "|---|---|---|"
            for model in asked:
                shown = _hub_link(model.name) if model.on_hub else code(model.name)
                yield f"| {code(model.score)} | {shown} | {code(model.version)} |"

    def _translation_models(self) -> Iterator[str]:
        if not self.models:
            yield "No translation model was used."
            return
        yield "| hop | model | revision | fingerprint of the weights | licence |"
        yield "|---|---|---|---|---|"
        for model in self.models:
            shown = _hub_link(model.name) if model.on_hub else code(model.name)
            own = "see its card" if model.on_hub else "not known to bt-augment"
            yield (
                f"| {code(model.hop)} | {shown} "
                f"| {code(model.revision)} | {code(model.fingerprint)} "
                f"| {code(model.license) if model.license else own} |"
            )

    def _filters(self) -> Iterator[str]:
        yield (
            "A made row is accepted when every score lies within its limits; all reasons of a "
            "rejected row are recorded.\n"
        )
        yield "| score | at least | at most | where it cannot be computed |\n|---|---|---|---|"
        for family, scores in self.run["recipe"]["filters"].items():
            for score, setting in scores.items():
                if setting.get("enabled"):
                    low, high = (_number(setting.get(key)) for key in ("min", "max"))
                    yield (
                        f"| {code(f'{family}.{score}')} | {low} | {high} "
                        f"| {inline(setting.get('on_null', ''))} |"
                    )
        yield f"\n{self._overlap()}"

    def _overlap(self) -> str:
        benchmarks = ", ".join(map(code, self.run["recipe"]["decontaminate"]))
        if not benchmarks:
            return "The rows were not compared with any benchmark."
        scores = self.run["recipe"]["filters"].get("contamination", {})
        on = [f"contamination.{score}" for score, s in scores.items() if s.get("enabled")]
        if not on:  # by a filter since, which keeps the scores
            return (
                "The rows were compared with these benchmarks, and those that overlap them were "
                f"not rejected for it: {benchmarks}."
            )
        return (
            f"Rows, native ones too, that overlap these benchmarks by {' or '.join(map(code, on))} "
            f"are rejected: {benchmarks}."
        )

    def _counts(self) -> Iterator[str]:
        totals = self.manifest.totals
        yield "| records read | native | unreadable | left out | made | accepted | rejected |"
        yield "|---|---|---|---|---|---|---|"
        yield (
            f"| {totals.read:,} | {totals.native:,} | {totals.quarantined:,} "
            f"| {totals.left_out:,} | {totals.candidates:,} | {totals.accepted:,} "
            f"| {totals.rejected:,} |"
        )
        if totals.native_rejected:
            yield f"\n{totals.native_rejected:,} native rows are among the rejected ones."
        if totals.reasons:
            yield "\nA made row may have several reasons.\n\n| reason | made rows |\n|---|---|"
            for reason, rows in totals.reasons.items():
                yield f"| {code(reason)} | {rows:,} |"

    def _examples(self) -> Iterator[str]:
        for number, example in enumerate(self.examples):
            if number:
                yield ""
            yield from fenced(list(_shown(example)))

    def _again(self) -> Iterator[str]:
        how = remaking(self.run, self.sources)
        filtered = "filtered_from" in self.run
        yield (
            f"[`{RECIPE}`]({RECIPE}) is the whole recipe{' of `generate`' * filtered}, with every "
            "default written out. With the sources and models above, in these versions:\n"
        )
        yield from fenced([*how.commands, self._command(how.folder)], "sh")
        versions = self.run.get("versions", {})
        if versions:
            listed = ", ".join(f"{inline(k)} {inline(v)}" for k, v in versions.items())
            yield f"\nMade on {inline(self.run.get('device', 'cpu'))} with {listed}."
        if filtered:
            yield (
                "\nThe verdicts were decided anew from stored scores (`bt-augment filter`) with "
                "the thresholds above."
            )
        yield f"\nFingerprint of the accepted shards: `{self.manifest.fingerprint()}`."
        yield (
            self._claim()
            if how.is_whole
            else (
                "The version of bt-augment that filtered them did not note with which filters they "
                "were generated; the recipe has those that decided last, so what is made by it may "
                "differ."
            )
        )
        yield f"The columns are explained in {_COLUMNS}."

    def _claim(self) -> str:
        hops = {f"{s}:{t}" for r in self.run["recipe"]["routes"] for s, t in Route.parse(r).hops}
        local = any(model.local_name and model.hop in hops for model in self.models)
        named = ", with local models named as the column `models` has them" if local else ""
        return (
            f"The same recipe, sources, models and versions give the same bytes{named}, with any "
            "number of workers and any number of interruptions."
        )


def _hub_link(name: str) -> str:
    return f"[{inline(name)}](https://huggingface.co/{quote(name.partition('@')[0])})"


def _shown(example: Example) -> Iterator[str]:
    row, source = example.row, example.source
    reasons = row["reject_reasons"]
    yield f"{shortened(':'.join(row['route']), 60)}  " + (
        f"rejected: {shortened(', '.join(reasons))}" if reasons else "accepted"
    )
    for column in ("question", "passage"):
        if source is not None:
            yield _line(source[f"{column}_lang"], column, source[column])
        if row[f"pivot_{column}"] is not None:
            yield _line("…", column, row[f"pivot_{column}"])
        yield _line(row[f"{column}_lang"], column, row[column])


def _line(tag: str | None, column: str, text: str) -> str:
    return f"  {shortened(tag or '', 12):<4} {column:<9} {shortened(text)}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
