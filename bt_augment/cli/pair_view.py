"""One made pair on the terminal: native, pivot and new text, scores, verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from bt_augment.cli.terminal import printable_values
from bt_augment.languages import same_language
from bt_augment.pairs.word_diff import Part, word_diff

if TYPE_CHECKING:
    from bt_augment.shards.browsing import Example

_LEAD = 60  # characters shown before the first difference


class PairView:
    """Renders an example; words that differ are marked also where there are no colours."""

    def __init__(self, example: Example, *, limit: int | None, diff: bool) -> None:
        """Take the example.

        Args:
            example: a made row and its native one.
            limit: characters of each text; None shows all.
            diff: mark the words in which the made text differs from the native one, where both
                are in one language.
        """
        self._row = printable_values(example.row)
        self._source = printable_values(example.source)
        self._limit = limit
        self._diff = diff and example.source is not None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield a rule with the id, and the table."""
        yield Rule(Text(self._row["id"]), align="left")
        yield self._table(colours=console.color_system is not None)

    def _table(self, *, colours: bool) -> Table:
        row = self._row
        table = Table(show_header=False, box=None, pad_edge=False, expand=True)
        table.add_column(style="bold", no_wrap=True, width=10)
        table.add_column()
        for name in ("question", "passage"):
            native, made = self._versions(name, colours=colours)
            if native is not None:
                table.add_row(name, native)
            if row[f"pivot_{name}"]:
                pivot = Text(_cut(row[f"pivot_{name}"], self._limit), "dim")
                table.add_row(f"  {row['route'][-2]}", pivot)
            table.add_row(f"  {row['route'][-1]}", made)
        if row["answers"]:
            table.add_row("answers", Text(_answers(row["answers"])))
        table.add_row("scores", Text(_scores(row["scores"]), "dim"))
        table.add_row("verdict", self._verdict())
        return table

    def _versions(self, name: str, *, colours: bool) -> tuple[Text | None, Text]:
        made = self._row[name]
        if self._source is None:
            return None, Text(_cut(made, self._limit), "cyan")
        native = self._source[name]
        language = f"{name}_lang"
        if not self._diff or not same_language(self._source[language], self._row[language]):
            return Text(_cut(native, self._limit)), Text(_cut(made, self._limit), "cyan")
        left, right = word_diff(native, made)
        return (
            self._marked(left, "", "red strike", None if colours else ("[-", "-]")),
            self._marked(right, "cyan", "bold green", None if colours else ("{+", "+}")),
        )

    def _marked(
        self, parts: list[Part], style: str, changed: str, brackets: tuple[str, str] | None
    ) -> Text:
        """Return the parts as text; without colours what differs stands in brackets."""
        first = next((i for i, (_, common) in enumerate(parts) if not common), None)
        text = Text(style=style)
        for number, (part, common) in enumerate(parts):
            shown = part
            if self._limit is not None and number == 0 and first == 1:
                shown = part if len(part) <= _LEAD else f"…{part[-_LEAD:]}"
            if not common and brackets:
                shown = f"{brackets[0]}{shown}{brackets[1]}"
            text.append(shown, None if common else changed)
        if self._limit is not None and len(text) > self._limit:
            text.truncate(self._limit - 1)
            text.append("…")
        return text

    def _verdict(self) -> Text:
        reasons = self._row["reject_reasons"]
        verdict = Text("accepted", "green") if not reasons else Text("rejected: ", "red")
        verdict.append(", ".join(reasons))
        return verdict


def _cut(text: str, limit: int | None) -> str:
    return text if limit is None or len(text) <= limit else text[: limit - 1] + "…"


def _answers(answers: list[dict[str, Any]]) -> str:
    said = dict.fromkeys(
        f"{a['text']} (at {a['start']})" if a["start"] >= 0 else f"{a['text']} (not located)"
        for a in answers
    )
    return "; ".join(said)


def _scores(scores: dict[str, float | None] | None) -> str:
    families: dict[str, list[str]] = {}
    for name, value in (scores or {}).items():
        if value is not None:
            family, _, score = name.partition(".")
            families.setdefault(family, []).append(f"{score} {value:.3g}")
    return "\n".join(f"{family}: {', '.join(found)}" for family, found in families.items())
