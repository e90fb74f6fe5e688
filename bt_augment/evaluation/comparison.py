"""``compare``: results of several arms side by side, with effect, interval and p-value."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bt_augment.errors import InputError, did_you_mean
from bt_augment.evaluation.benchmarks.base import SETTINGS
from bt_augment.evaluation.results import read_results
from bt_augment.evaluation.significance import Effect, holm, measure_effect

CORRECTIONS = ("holm", "none")
FORMATS = ("markdown", "latex", "csv")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Arm:
    """One way of training, by the results of its runs.

    Attributes:
        name: what the table calls it.
        results: one results file per run (seed).
    """

    name: str
    results: tuple[Path, ...]

    @classmethod
    def parse(cls, text: str) -> Arm:
        """Return the arm written as ``FILE``, or as ``NAME=FILE,FILE,...``."""
        name, equals, files = text.partition("=")
        if Path(text).is_file() or not equals:
            return cls(Path(text).name.removesuffix(".json"), (Path(text),))
        return cls(name, tuple(Path(file) for file in files.split(",")))


@dataclass(frozen=True)
class Line:
    """One arm in one setting, and what it gains over the first arm.

    Attributes:
        setting: mono, cross or multi.
        arm: its name.
        runs: number of runs.
        queries: number of distinct questions.
        mean: macro average of the measure over languages, questions and runs.
        effect: the difference to the first arm; None for that arm itself.
        corrected: its p-value after correction.
    """

    setting: str
    arm: str
    runs: int
    queries: int
    mean: float
    effect: Effect | None
    corrected: float | None


@dataclass(frozen=True)
class Comparison:
    """All arms in all settings.

    Attributes:
        metric: the measure compared.
        correction: how p-values were corrected for their number.
        lines: setting by setting, the first arm first.
    """

    metric: str
    correction: str
    lines: tuple[Line, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON has it."""
        return asdict(self)

    def table(self, form: str = "markdown") -> str:
        """Return the table as Markdown, LaTeX (booktabs) or CSV.

        Raises:
            InputError: another form is asked for.
        """
        if form not in FORMATS:
            raise InputError(
                f"unknown form {form!r}{did_you_mean(form, FORMATS)}; one of {', '.join(FORMATS)}"
            )
        header = [
            "setting", "arm", self.metric, "effect", "95% interval", "p", f"p ({self.correction})",
            "questions", "runs",
        ]  # fmt: skip
        rows = [_cells(line) for line in self.lines]
        if form == "csv":
            return _csv(self)
        return _latex(header, rows) if form == "latex" else _markdown(header, rows)


def compare(
    arms: Sequence[Arm], metric: str = "RR@20", correction: str = "holm", seed: int = 0
) -> Comparison:
    """Compare every arm with the first, in every setting that all results have.

    The unit is the question: its scores in all languages and pairs of languages are one sample,
    weighted as in the macro average, since parallel questions succeed and fail together.

    Args:
        arms: two or more; each with one run, or each with several.
        metric: a measure of the results, ``rank_distance`` or ``peer``.
        correction: ``holm`` over all lines, or ``none``.
        seed: of the resampling.

    Raises:
        InputError: results that cannot be read, or that are not of one benchmark and one set of
            questions.
    """
    _check(arms, correction)
    loaded = [[read_results(path) for path in arm.results] for arm in arms]
    _check_same([(p, r[0]) for a, part in zip(arms, loaded, strict=True)
                 for p, r in zip(a.results, part, strict=True)])  # fmt: skip
    contents = [content for part in loaded for content, _ in part]
    settings = [
        name for name in SETTINGS if all(name in content["settings"] for content in contents)
    ]
    lines: list[Line] = []
    for setting in settings:
        scores = [
            _matrix(arm, [table for _, table in part], setting, metric)
            for arm, part in zip(arms, loaded, strict=True)
        ]
        present = [score for score in scores if score is not None]
        if len(present) != len(arms):
            if present:
                raise InputError(f"not all results have {metric} in the setting {setting}")
            continue
        ids = present[0][0]
        for arm, (other, _) in zip(arms, present, strict=True):
            if not np.array_equal(ids, other):
                raise InputError(
                    f"{arm.name}: was evaluated on other questions than {arms[0].name} in the "
                    f"setting {setting}; evaluate both on the same benchmark"
                )
        base = present[0][1]
        for number, (arm, (_, values)) in enumerate(zip(arms, present, strict=True)):
            effect = measure_effect(base, values, seed) if number else None
            mean = float(values.mean())
            lines.append(Line(setting, arm.name, len(values), len(ids), mean, effect, None))
    if not lines:
        known = sorted({m for c in contents for part in c["settings"].values() for m in part})
        raise InputError(
            f"the results have no {metric!r}{did_you_mean(metric, known)} in any setting that all "
            f"of them have; they have {', '.join(known)}"
        )
    return Comparison(metric, correction, _corrected(lines, correction))


def _check(arms: Sequence[Arm], correction: str) -> None:
    if correction not in CORRECTIONS:
        raise InputError(
            f"unknown correction {correction!r}{did_you_mean(correction, CORRECTIONS)}; "
            f"one of {', '.join(CORRECTIONS)}"
        )
    if len(arms) < 2:
        raise InputError("name two arms or more: results files, or NAME=FILE,FILE,... for seeds")
    names = [arm.name for arm in arms]
    if len(set(names)) < len(names):
        raise InputError(f"two arms have one name ({', '.join(names)}); write NAME=FILE")
    if len({len(arm.results) == 1 for arm in arms}) > 1:
        raise InputError(
            "one arm has one run, another several; what seeds do to the former is not known. "
            "Give one results file for each arm, or two or more for each"
        )


def _check_same(results: Sequence[tuple[Path, dict[str, Any]]]) -> None:
    first_path, first = results[0]
    for path, content in results[1:]:
        for key in ("benchmark", "candidate_text", "counts"):
            if content.get(key) != first.get(key):
                raise InputError(
                    f"{path} and {first_path} cannot be compared: {key} is "
                    f"{_short(content.get(key))} in the one and {_short(first.get(key))} in the "
                    "other"
                )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _matrix(
    arm: Arm, tables: Sequence[pa.Table], setting: str, metric: str
) -> tuple[npt.NDArray[np.str_], Floats] | None:
    """Return question ids and scores, shape (runs, questions), whose mean is the macro average."""
    rows = []
    ids: npt.NDArray[np.str_] | None = None
    for path, table in zip(arm.results, tables, strict=True):
        chosen = table.filter((pc.field("setting") == setting) & (pc.field("measure") == metric))
        if not chosen.num_rows:
            return None
        questions, values = _by_question(chosen)
        if ids is not None and not np.array_equal(ids, questions):
            raise InputError(f"{path}: was evaluated on other questions than {arm.results[0]}")
        ids = questions
        rows.append(values)
    return None if ids is None else (ids, np.stack(rows))


def _by_question(table: pa.Table) -> tuple[npt.NDArray[np.str_], Floats]:
    pairs = [
        table.column(name).combine_chunks().cast(pa.string()).fill_null("").to_numpy(False)
        for name in ("query_language", "candidate_language")
    ]
    _, pair = np.unique(np.char.add(np.char.add(pairs[0].astype(str), " "), pairs[1].astype(str)),
                        return_inverse=True)  # fmt: skip
    sizes = np.bincount(pair)
    weights = 1 / (len(sizes) * sizes[pair])
    names, question = np.unique(table.column("query").to_numpy().astype(str), return_inverse=True)
    sums = np.bincount(question, table.column("value").to_numpy() * weights).astype(np.float64)
    return names, sums * len(names)


def _corrected(lines: Sequence[Line], correction: str) -> tuple[Line, ...]:
    raw = [line.effect.p for line in lines if line.effect]
    corrected = iter(holm(raw) if correction == "holm" else raw)
    return tuple(
        Line(**{**vars(line), "corrected": next(corrected)}) if line.effect else line
        for line in lines
    )


def _cells(line: Line) -> list[str]:
    effect = line.effect
    tested = ["", "", "", ""]
    if effect is not None:
        tested = [
            f"{effect.effect:+.4f}",
            f"[{effect.low:+.4f}, {effect.high:+.4f}]",
            _p(effect.p),
            _p(line.corrected if line.corrected is not None else effect.p),
        ]
    return [
        line.setting, line.arm, f"{line.mean:.4f}", *tested, str(line.queries), str(line.runs)
    ]  # fmt: skip


def _p(value: float) -> str:
    return "<0.0001" if value < 1e-4 else f"{value:.4f}"


def _markdown(header: list[str], rows: list[list[str]]) -> str:
    def escape(cell: str) -> str:
        return cell.replace("|", "\\|")

    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(escape, line)) + " |" for line in lines)


def _latex(header: list[str], rows: list[list[str]]) -> str:
    def line(cells: list[str]) -> str:
        return " & ".join("".join(_LATEX.get(c, c) for c in cell) for cell in cells) + r" \\"

    body: list[str] = []
    for number, row in enumerate(rows):
        if number and row[0] != rows[number - 1][0]:
            body.append(r"\midrule")
        body.append(line(row))
    return "\n".join(
        [
            rf"\begin{{tabular}}{{ll{'r' * (len(header) - 2)}}}",
            r"\toprule",
            line(header),
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


_LATEX = {
    "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}",
    "<": r"$<$", ">": r"$>$",
}  # fmt: skip


def _csv(comparison: Comparison) -> str:
    """Return one line per arm and setting, numbers in full."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["setting", "arm", "metric", "mean", "effect", "low", "high", "p", "p_corrected",
         "correction", "questions", "runs"]
    )  # fmt: skip
    for line in comparison.lines:
        e = line.effect
        tested = [e.effect, e.low, e.high, e.p, line.corrected] if e else [""] * 5
        writer.writerow(
            [line.setting, line.arm, comparison.metric, line.mean, *tested, comparison.correction,
             line.queries, line.runs]
        )  # fmt: skip
    return out.getvalue().rstrip("\n")
