"""The page and figures of an experiment: the same comparisons as its tables."""

from __future__ import annotations

from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest

from bt_augment.evaluation.metrics import Scores
from bt_augment.evaluation.results import ScoreTable, write_results
from bt_augment.experiment.comparisons import comparisons
from bt_augment.experiment.figures import draw
from bt_augment.experiment.rows import Row

METRIC = "RR@20"
QUESTIONS = 60
LIFTS = {
    ("untrained", None): -0.2,
    ("base", 0.0): 0.0, ("base", 0.5): 0.1, ("base", 1.0): 0.1,
    ("rt", 0.0): 0.0, ("rt", 0.5): 0.1, ("rt", 1.0): 0.1,
    ("mono", 1.0): 0.12,
}  # fmt: skip


class Comparisons(HTMLParser):
    """Keeps the cells of the tables whose caption is of a comparison."""

    def __init__(self, page):
        super().__init__()
        self.tables, self._open = [], None
        self.feed(page)
        self.tables = [t["rows"] for t in self.tables if "gains over" in t["caption"]]

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.tables.append({"caption": "", "rows": []})
        elif tag == "tr":
            self.tables[-1]["rows"].append([])
        elif tag in ("td", "th"):
            self.tables[-1]["rows"][-1].append("")
        if tag in ("caption", "td", "th"):
            self._open = tag

    def handle_endtag(self, tag):
        if tag == self._open:
            self._open = None

    def handle_data(self, data):
        if self._open == "caption":
            self.tables[-1]["caption"] += data
        elif self._open:
            self.tables[-1]["rows"][-1][-1] += data.strip()


@pytest.fixture
def rows(tmp_path):
    """Return rows of arms whose baseline has three alphas, of which alpha 0 is worse."""
    difficulty = np.random.default_rng(0).uniform(0.3, 0.6, QUESTIONS)
    made = []
    for number, ((arm, alpha), lift) in enumerate(LIFTS.items()):
        paths = []
        for seed in range(1 if alpha is None else 3):
            random = np.random.default_rng([number, seed])
            scores = ScoreTable((METRIC,))
            for query in ("en", "pt"):
                for pool in ("en", "pt"):
                    noise = random.normal(0, 0.03, QUESTIONS) + random.normal(0, 0.005)
                    values = {METRIC: difficulty + lift + noise}
                    names = [f"q{n}" for n in range(QUESTIONS)]
                    scores.add(query, pool, names, Scores(np.arange(QUESTIONS), values))
            paths.append(tmp_path / f"{number}-{seed}.json")
            content = {
                "model": arm, "benchmark": "xtyle", "candidate_text": "sentence",
                "settings": scores.settings(), "matrix": scores.matrix,
            }  # fmt: skip
            write_results(paths[-1], content, scores.per_query())
        values = {("mono", METRIC): (0.0,)}
        made.append(Row("parallel", "e5", arm, alpha, None, tuple(paths), values, None))
    return made


def recipe(correction="holm"):
    return SimpleNamespace(
        comparison=SimpleNamespace(
            metrics=[METRIC], baseline="base", correction=correction, figures=True,
            contrasts=[["base@1", "base@0.5"], ["mono@1", "rt@1"]],
        )
    )  # fmt: skip


def name(label):
    """Return what page and figures call what a table calls ``rt, alpha 1``."""
    return label.replace(", alpha ", "@").replace("mono@1", "mono")


def shown(line):
    def p(value):
        return f"{value:.4f}" if value >= 1e-4 else "<0.0001"

    start = [line.setting, name(line.arm), f"{line.mean:.4f}"]
    if line.effect is None:
        return [*start, "baseline", f"{line.queries:,}", str(line.runs)]
    effect = line.effect
    numbers = [f"{effect.effect:+.4f}", f"[{effect.low:+.4f}, {effect.high:+.4f}]"]
    signed = [number.replace("-", "−") for number in numbers]
    tested = [p(effect.p), p(line.corrected)]
    return [*start, *signed, *tested, f"{line.queries:,}", str(line.runs)]


@pytest.mark.parametrize("correction", ["holm", "none"])
def test_the_page_has_the_comparisons_of_the_tables(rows, tmp_path, correction):
    tables = comparisons(rows, recipe(correction))
    draw(rows, tables, recipe(correction), tmp_path / "results")
    page = (tmp_path / "results" / "parallel-e5.html").read_text(encoding="utf-8")
    found = Comparisons(page).tables
    assert [table.title for table in tables] == [
        "against base, alpha 1", "against base, alpha 0", "against base, alpha 0.5",
        "base, alpha 0.5 against base, alpha 1", "rt, alpha 1 against mono, alpha 1",
    ]  # fmt: skip
    assert [lines[1:] for lines in found] == [
        [shown(line) for line in table.comparison.lines] for table in tables
    ]
    assert [lines[0][6] for lines in found] == [f"p ({correction})"] * len(tables)
    assert page.count("corrected by Holm over all lines of these") == 2 * (correction == "holm")
    assert page.count("p is two-sided, and not corrected.") == 2 * (correction == "none")


def test_gain_maps_are_over_what_the_tables_compare_with(rows, tmp_path):
    draw(rows, comparisons(rows, recipe()), recipe(), tmp_path / "results")
    page = (tmp_path / "results" / "parallel-e5.html").read_text(encoding="utf-8")
    folder = tmp_path / "results" / "figures" / "parallel-e5"
    expected = {
        "gain-untrained": "untrained over base@1",
        "gain-rt-0": "rt@0 over base@0",
        "gain-rt-0.5": "rt@0.5 over base@0.5",
        "gain-rt-1": "rt@1 over base@1",
        "gain-mono": "mono over base@1",
        "gain-base-0.5": "base@0.5 over base@1",
        "gain-rt-1-over-mono": "rt@1 over mono",
    }
    assert {path.stem for path in folder.glob("gain-*.svg")} == set(expected)
    for stem, title in expected.items():
        assert f"<!-- {title} -->" in (folder / f"{stem}.svg").read_text(encoding="utf-8")
        assert f">{title}</h4>" in page


def test_an_arm_at_one_alpha_is_compared_with_all_its_others_each_once(rows):
    several = recipe()
    several.comparison.contrasts = [["base@1", "base"], ["base@1", "base@0.5"], ["rt", "mono"]]
    assert [t.title for t in comparisons(rows, several) if not t.against_baseline] == [
        "base, alpha 0 against base, alpha 1", "base, alpha 0.5 against base, alpha 1",
        "mono, alpha 1 against rt, alpha 1",
    ]  # fmt: skip


def test_an_arm_called_untrained_is_told_from_the_untrained_model(rows, tmp_path):
    rows = [row for row in rows if row.arm in ("base", "untrained")]
    trained = next(row for row in rows if (row.arm, row.alpha) == ("base", 1.0))
    rows.append(Row(*(vars(trained) | {"arm": "untrained"}).values()))
    draw(rows, comparisons(rows, recipe()), recipe(), tmp_path / "results")
    names = {p.stem for p in (tmp_path / "results").rglob("heat-map-untrained*.svg")}
    assert names == {"heat-map-untrained", "heat-map-untrained-1"}


def test_a_page_without_comparisons_says_so(rows, tmp_path):
    rows = [row for row in rows if (row.arm, row.alpha) in (("base", 0.0), ("base", 1.0))]
    draw(rows, comparisons(rows, recipe()), recipe(), tmp_path / "results")
    page = (tmp_path / "results" / "parallel-e5.html").read_text(encoding="utf-8")
    assert "No comparison: there are no two arms that are to be compared." in page
    assert Comparisons(page).tables == []
