"""Figures: what is in them, which are drawn, and that the files are whole and stable."""

from __future__ import annotations

import json
import shutil
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from scipy.stats import ttest_rel

from bt_augment.errors import InputError, MissingDependencyError, RunFolderError
from bt_augment.evaluation.arms import load_arms
from bt_augment.reporting import figures as module
from bt_augment.reporting import heat_map, style, write_figures
from bt_augment.reporting.curve import ALPHA, SIZE, draw_curves, series_of
from bt_augment.reporting.heat_map import draw_gains, draw_scores, pair_gains, pair_scores

METRIC = "RR@20"


def matrix(path):
    return json.loads(path.read_bytes())["matrix"][METRIC]


def test_a_heat_map_shows_the_mean_of_the_runs(arm, grid):
    (loaded,) = load_arms([arm("native", seeds=3)], METRIC)
    scores = pair_scores(loaded, METRIC)
    assert scores.queries == scores.candidates == ("en", "pt")
    for (query, candidate), value in zip(grid, scores.values.ravel(), strict=True):
        runs = [matrix(path)[query][candidate] for path in loaded.arm.results]
        assert value == pytest.approx(np.mean(runs))


def test_gains_are_differences_and_only_those_beyond_luck_are_bold(arm):
    base, other = load_arms([arm("a"), arm("b", better=("pt", "en"))], METRIC)
    gains = pair_gains(base, other, pair_scores(other, METRIC))
    expected = matrix(other.arm.results[0])["pt"]["en"] - matrix(base.arm.results[0])["pt"]["en"]
    assert gains.values[1, 0] == pytest.approx(expected)
    assert gains.values[1, 0] == pytest.approx(0.3, abs=0.02)

    pairs = [[(q, c) for c in gains.candidates] for q in gains.queries]
    tests = np.array(
        [
            [ttest_rel(other.by_pair(*p)[0], base.by_pair(*p)[0]).pvalue for p in row]
            for row in pairs
        ]
    )
    order = np.sort(tests.ravel())
    corrected = np.maximum.accumulate(order * [4, 3, 2, 1])
    bold = order[corrected < 0.05]
    assert gains.marked.sum() == len(bold) >= 1
    assert gains.marked[1, 0]
    assert (gains.marked == np.isin(tests, bold)).all()


@pytest.mark.parametrize("seeds", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_figures_of_one_question_claim_nothing(arm, tmp_path, seeds):
    arms = [arm(f"{mean}", mono=mean, questions=1, seeds=seeds, alpha=mean) for mean in (0.2, 0.9)]
    base, other = load_arms(arms, METRIC)
    assert not pair_gains(base, other, pair_scores(other, METRIC)).marked.any()
    assert tmp_path / "alpha.svg" in write_figures(arms, METRIC, tmp_path).files
    with style.styled():
        axes = draw_curves(series_of([base, other], ALPHA), ALPHA, METRIC).axes[0]
    assert np.isfinite(axes.get_ylim()).all()


def test_numbers_in_a_heat_map_can_be_read(arm):
    base, other = load_arms([arm("a"), arm("b", better=("pt", "en"))], METRIC)
    with style.styled():
        scores = pair_scores(base, METRIC)
        shown = draw_scores(scores, "a", METRIC, (0.5, 0.9)).axes[0]
        gains = draw_gains(pair_gains(base, other, scores), "b over a", METRIC).axes[0]
    assert [text.get_text() for text in shown.texts] == [
        f"{value:.2f}".removeprefix("0") for value in scores.values.ravel()
    ]
    assert [label.get_text() for label in shown.get_yticklabels()] == ["en", "pt"]
    assert gains.texts[2].get_text().startswith("+.")
    assert gains.texts[2].get_fontweight() == "bold"


@pytest.mark.parametrize(
    ("number", "shown"),
    [("-0.012", "−.012"), ("+0.300", "+.300"), ("-0.000", ".000"), ("1.00", "1.00"),
     ("0.05", ".05"), ("-10.5", "−10.5")],
)  # fmt: skip
def test_numbers_are_short(number, shown):
    assert heat_map.short(number) == shown


def test_arms_that_differ_in_alpha_alone_are_one_curve(arm):
    arms = [
        *(arm(f"n{a}", alpha=a, methods=["native"], augmented_share=None) for a in (1.0, 0.0, 0.5)),
        *(arm(f"b{a}", alpha=a) for a in (0.0, 1.0)),
        arm("other data", alpha=0.2, runs=["0" * 64]),
        arm("longer", alpha=0.3, settings_digest="of other settings"),
        arm("not ours", trained=False),
    ]
    curves = series_of(load_arms(arms, METRIC), ALPHA)
    assert {c.label: [x for x, _ in c.points] for c in curves} == {
        "native": [0.0, 0.5, 1.0],
        "native + round trip": [0.0, 1.0],
    }
    assert set(curves[0].points[0][1]) == {"mono", "cross", "multi"}
    assert series_of(load_arms(arms, METRIC), SIZE) == []


def test_curves_that_the_manifests_call_alike_go_by_their_first_arm(arm):
    arms = [
        arm(f"{name} {alpha}", alpha=alpha, runs=[name])
        for name in ("filtered", "unfiltered")
        for alpha in (0.0, 1.0)
    ]
    labels = {c.label for c in series_of(load_arms(arms, METRIC), ALPHA)}
    assert labels == {"filtered 0.0", "unfiltered 0.0"}


def test_arms_named_together_are_one_curve_over_the_size_of_the_data(arm):
    arms = [arm(f"{n}@{rows}", rows=rows) for n in ("native", "all") for rows in (3000, 1000)]
    arms += [arm("alone", rows=9000), arm("near@1", rows=1000), arm("near@2", rows=1020)]
    curves = series_of(load_arms(arms, METRIC), SIZE)
    assert {c.label: [x for x, _ in c.points] for c in curves} == {
        "native": [1000, 3000],
        "all": [1000, 3000],
    }


def test_points_are_macro_averages_with_their_interval(arm):
    arms = [arm(f"a{alpha}", alpha=alpha, seeds=3) for alpha in (0.0, 1.0)]
    (curve,) = series_of(load_arms(arms, METRIC), ALPHA)
    for (_, means), part in zip(curve.points, arms, strict=True):
        for setting, effect in means.items():
            runs = [json.loads(p.read_bytes())["settings"][setting][METRIC] for p in part.results]
            assert effect.effect == pytest.approx(np.mean(runs))
            assert effect.low < effect.effect < effect.high


def test_panels_have_one_scale(arm):
    arms = [arm(f"a{alpha}", alpha=alpha, mono=0.5 + 0.3 * alpha) for alpha in (0.0, 1.0)]
    with style.styled():
        figure = draw_curves(series_of(load_arms(arms, METRIC), ALPHA), ALPHA, METRIC)
    spans = {round(high - low, 6) for low, high in (axes.get_ylim() for axes in figure.axes)}
    assert len(figure.axes) == 3
    assert len(spans) == 1


def test_files_are_whole_and_the_same_each_time(arm, tmp_path):
    arms = [arm("native@0", alpha=0.0), arm("native@1", alpha=1.0, rows=2000)]
    first = write_figures(arms, METRIC, tmp_path / "one")
    second = write_figures(arms, METRIC, tmp_path / "other")
    assert first.left_out == ()
    assert [path.name for path in first.files] == [
        f"{name}.{form}"
        for name in ("heat-map-native-0", "heat-map-native-1", "gain-native-1", "alpha",
                     "data-size")
        for form in ("svg", "pdf")
    ]  # fmt: skip
    for one, other in zip(first.files, second.files, strict=True):
        data = one.read_bytes()
        assert data == other.read_bytes(), one.name
        if one.suffix == ".svg":
            assert ET.fromstring(data).tag.endswith("svg")
        else:
            assert data.startswith(b"%PDF")
            assert data.rstrip().endswith(b"%%EOF")


@pytest.mark.parametrize("name", ["$a_b$ & <script>x</script> --> {", "../../up", "naïve α"])
def test_any_name_of_an_arm_is_safe(arm, tmp_path, name):
    written = write_figures([arm(name), arm("b")], METRIC, tmp_path / "figures")
    for path in written.files:
        assert path.parent == tmp_path / "figures"
        if path.suffix == ".svg":
            tags = {element.tag.rpartition("}")[2] for element in ET.parse(path).iter()}
            assert "script" not in tags


def test_an_arm_called_as_anothers_gains_overwrites_nothing(arm, tmp_path):
    written = write_figures([arm("base"), arm("x"), arm("x-gain")], METRIC, tmp_path / "figures")
    assert len(set(written.files)) == len(written.files) == 10


def test_gains_are_over_what_an_arm_is_compared_with(arm, tmp_path):
    arms = [arm(name) for name in ("a", "b", "c", "b over a")]
    contrasts = [("c", "b"), ("a", "b"), ("c", "b"), ("a", "b over a")]
    written = write_figures(arms, METRIC, tmp_path / "figures", contrasts)
    titles = {
        path.stem: next(t for t in ("b over c", "b over a over a", "b over a")
                        if f"<!-- {t} -->" in path.read_text())
        for path in written.files
        if path.suffix == ".svg" and path.stem.startswith("gain-")
    }  # fmt: skip
    assert titles == {
        "gain-b": "b over c",
        "gain-b-over-a": "b over a over a",  # of the arm called so
        "gain-b-over-a~2": "b over a",
    }
    with pytest.raises(InputError, match=r"two arms have one name \(a, a\)"):
        write_figures([arms[0], arms[0]], METRIC, tmp_path / "twice")


def test_a_run_that_lacks_a_language_leaves_its_pairs_empty(arm):
    both = arm("both", seeds=2)
    content = json.loads(both.results[1].read_bytes())
    del content["matrix"][METRIC]["pt"], content["matrix"][METRIC]["en"]["pt"]
    both.results[1].write_text(json.dumps(content))
    shown = pair_scores(load_arms([both], METRIC)[0], METRIC)
    assert shown.queries == shown.candidates == ("en", "pt")
    assert np.isfinite(shown.values).tolist() == [[True, False], [False, False]]


def test_figures_do_not_go_into_a_run(arm, finished, tmp_path):
    run = shutil.copytree(finished, tmp_path / "run")
    with pytest.raises(RunFolderError, match="choose another --figures"):
        write_figures([arm("a"), arm("b")], METRIC, run / "train")
    assert not list(run.rglob("*.svg"))


def test_names_that_differ_in_signs_alone_get_files_of_their_own():
    assert module._file_names(["a+b", "a b", "ab", "?"]) == ["a-b", "a-b~2", "ab", "arm"]


def test_what_cannot_be_drawn_is_said(arm, tmp_path):
    arms = [arm("a", trained=False), arm("b", trained=False)]
    written = write_figures(arms, METRIC, tmp_path / "figures")
    assert len(written.files) == 6
    assert [line.split(":")[0] for line in written.left_out] == [
        "no curve of alpha",
        "no curve of data-size",
    ]
    only = write_figures(arms, "rank_distance", tmp_path / "none")
    assert only.files == ()
    assert only.left_out[0].startswith("no heat maps: rank_distance")
    with pytest.raises(InputError, match="there is no such file"):
        write_figures([*arms, type(arms[0])("c", (tmp_path / "c.json",))], METRIC, tmp_path / "x")
    with pytest.raises(InputError, match="name one arm or more"):
        write_figures([], METRIC, tmp_path / "x")


@pytest.mark.parametrize("damage", [{"training": 5}, {"training": {}}, {"matrix": None}])
def test_a_damaged_results_file_is_named(arm, tmp_path, damage):
    arms = [arm("a"), arm("b")]
    path = arms[1].results[0]
    path.write_text(json.dumps(json.loads(path.read_bytes()) | damage))
    with pytest.raises(
        InputError, match=f"{path.name}: is not a results file.*{next(iter(damage))}"
    ):
        write_figures(arms, METRIC, tmp_path / "figures")


def test_without_matplotlib_the_extra_is_named(arm, tmp_path, monkeypatch):
    monkeypatch.setattr(style, "find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match=r"bt-augment\[report\]"):
        write_figures([arm("a"), arm("b")], METRIC, tmp_path / "figures")
    assert not (tmp_path / "figures").exists()
