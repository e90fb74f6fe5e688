"""Effects, intervals and p-values: against exact values, known corrections and simulation."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm, t, ttest_1samp, ttest_rel

from bt_augment.errors import InputError, MissingDependencyError
from bt_augment.evaluation import Arm, Comparison, compare, significance
from bt_augment.evaluation.arms import load_arms
from bt_augment.evaluation.metrics import Scores
from bt_augment.evaluation.results import ScoreTable, write_results
from bt_augment.evaluation.significance import (
    analytic_effect,
    holm,
    mean_with_interval,
    measure_effect,
)


def test_the_randomisation_test_is_the_exact_one():
    random = np.random.default_rng(0)
    first = random.random((1, 9))
    second = first + random.normal(0.15, 0.3, (1, 9))
    differences = (second - first)[0]
    signs = np.array(list(itertools.product([-1, 1], repeat=9)))
    exact = np.mean(np.abs(signs @ differences) >= abs(differences.sum()) - 1e-12)
    result = measure_effect(first, second)
    assert result.effect == pytest.approx(differences.mean())
    assert result.p == pytest.approx(exact, abs=0.015)
    assert result.low < result.effect < result.high


def test_large_differences_tie_as_small_ones_do():
    # Rank distances: all signs alike are 2 of 64 draws, and sums of 1e5 differ in the 11th digit.
    distances = np.array([[60619.5, 48968.0, 44255.0, 54498.5, 56951.0, 47933.666666666664]])
    result = measure_effect(np.zeros_like(distances), distances)
    assert result.p == pytest.approx(2 / 64, abs=0.01)


@pytest.mark.parametrize("text", ["native=a.json,", "native=a.json,,b.json", "native=", " =a.json"])
def test_an_arm_without_a_name_or_with_a_nameless_file_is_refused(text):
    with pytest.raises(InputError, match=f"^{text}: (an arm|a name of a file)"):
        Arm.parse(text)


def test_spaces_between_the_files_of_an_arm_are_none_of_their_names():
    arm = Arm.parse("native = a.json, b.json")
    assert (arm.name, arm.results) == ("native", (Path("a.json"), Path("b.json")))


def test_no_p_value_is_less_than_the_resamples_can_tell():
    first = np.zeros((1, 40))
    result = measure_effect(first, first + 0.5)  # of 2^40 ways to sign them, two are as extreme
    assert (result.effect, result.low, result.high) == (0.5, 0.5, 0.5)
    assert result.p == 1 / 10_001


def test_many_queries_agree_with_the_paired_t_test():
    random = np.random.default_rng(4)
    first = random.random((1, 400))
    second = first + random.normal(0.02, 0.2, (1, 400))
    t_test = ttest_rel(second[0], first[0])
    result = measure_effect(first, second)
    assert result.p == pytest.approx(t_test.pvalue, abs=0.01)
    interval = t_test.confidence_interval()
    assert result.low == pytest.approx(interval.low, abs=0.003)
    assert result.high == pytest.approx(interval.high, abs=0.003)


def test_without_resampling_one_run_each_is_the_paired_t_test():
    random = np.random.default_rng(6)
    first, second = random.random((1, 30)), random.random((1, 30))
    expected = ttest_rel(second[0], first[0])
    result = analytic_effect(first, second)
    interval = expected.confidence_interval()
    assert (result.effect, result.low, result.high, result.p) == pytest.approx(
        ((second - first).mean(), interval.low, interval.high, expected.pvalue)
    )


def test_the_interval_of_one_runs_mean_is_students():
    scores = np.random.default_rng(7).random((1, 50))
    interval = ttest_1samp(scores[0], 0).confidence_interval()
    result = mean_with_interval(scores)
    assert (result.effect, result.low, result.high) == pytest.approx(
        (scores.mean(), interval.low, interval.high)
    )


def test_the_crossed_variance_worked_by_hand():
    """Two runs of two questions in one arm, against nothing.

    Means of the questions 1 and 4, of the runs 2 and 3: variances 4.5 and 0.5, each over 2. The
    residuals are all 0.5 in size: 4 x 0.25 over 1 degree of freedom, over 4.
    """
    result = mean_with_interval(np.array([[0.0, 4.0], [2.0, 4.0]]))
    questions, runs, residual = 4.5 / 2, 0.5 / 2, 4 * 0.25 / 4
    variance = questions + runs - residual
    freedom = variance**2 / (questions**2 / 1 + runs**2 / 1)
    assert result.effect == 2.5
    assert result.high - 2.5 == pytest.approx(t.ppf(0.975, freedom) * variance**0.5)


@pytest.mark.parametrize(
    ("runs", "questions", "seeds"),
    [
        # means of the questions 5 and 5, of the runs 4 and 6; residuals 4: all rests on the runs
        ([[0.0, 8.0], [10.0, 2.0]], 0.0, 1.0),
        # means of the questions 4 and 6, of the runs 5 and 5: all rests on the questions
        ([[0.0, 10.0], [8.0, 2.0]], 1.0, 0.0),
    ],
)
def test_no_residual_takes_away_more_than_either_part_has(runs, questions, seeds):
    """Each part is a variance of 2 over 2; the residual, 4 x 16 over 4, is more than both."""
    result = mean_with_interval(np.array(runs))
    assert (result.effect, result.method) == (5.0, significance.CROSSED)
    variance = max(questions, seeds)  # one part alone: its one degree of freedom
    assert result.high - 5 == pytest.approx(t.ppf(0.975, 1) * variance**0.5)


@settings(max_examples=50)
@given(
    st.tuples(st.integers(2, 4), st.integers(2, 6)).flatmap(
        lambda shape: arrays(np.int64, (2, *shape), elements=st.integers(-3, 3))
    )
)
def test_an_interval_is_no_narrower_than_questions_or_seeds_alone_make_it(scores):
    first, second = scores.astype(np.float64)
    runs, number = first.shape
    differences = second.mean(axis=0) - first.mean(axis=0)
    questions = differences.var(ddof=1) / number
    seeds = sum(one.mean(axis=1).var(ddof=1) / runs for one in (first, second))
    result = analytic_effect(first, second)
    # the normal's quantile is the least that Student's t has at any degrees of freedom
    least = norm.ppf(0.975) * max(questions, seeds) ** 0.5
    assert (result.high - result.low) / 2 >= least - 1e-9


def test_runs_that_all_gain_the_same_leave_no_doubt():
    runs = np.ones((2, 5))
    result = measure_effect(runs, runs + 0.5)
    assert (result.effect, result.low, result.high, result.p) == (0.5, 0.5, 0.5, 0.0)


def test_intervals_over_questions_and_seeds_hold_the_truth_as_often_as_they_say():
    random = np.random.default_rng(8)
    held = 0
    for _ in range(400):
        runs = 0.5 + random.normal(0, 1, 100) + random.normal(0, 0.15, (3, 1))
        result = mean_with_interval(runs + random.normal(0, 0.5, (3, 100)))
        held += result.low < 0.5 < result.high
    assert 0.91 < held / 400 < 0.985


def test_equal_arms_have_no_effect():
    scores = np.random.default_rng(1).random((1, 50))
    result = measure_effect(scores, scores)
    assert (result.effect, result.p) == (0, 1)
    assert measure_effect(np.ones((2, 5)), np.ones((2, 5))).p == 1


@pytest.mark.parametrize("runs", [1, 2])
@pytest.mark.parametrize("measured", [measure_effect, analytic_effect])
def test_one_question_is_no_evidence_whatever_the_effect(measured, runs):
    result = measured(np.full((runs, 1), 0.2), np.linspace(0.7, 0.8, runs).reshape(runs, 1))
    assert result.effect > 0.4
    assert (result.low, result.high, result.p) == (-math.inf, math.inf, 1)


def test_several_runs_without_scipy_name_the_extra(monkeypatch):
    monkeypatch.setattr(significance, "find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match=r"bt-augment\[evaluate\]"):
        measure_effect(np.ones((2, 5)), np.zeros((2, 5)))


def test_results_of_one_question_are_compared_as_json_has_it(tmp_path):
    arms = []
    for name, value in (("a", 0.2), ("b", 0.7)):
        table = ScoreTable(("RR@20",))
        table.add("en", "en", ["q"], Scores(np.arange(1), {"RR@20": np.array([value])}))
        content = {"model": "m", "benchmark": "beir", "counts": {}, "settings": table.settings()}
        write_results(tmp_path / f"{name}.json", content, table.per_query())
        arms.append(Arm(name, (tmp_path / f"{name}.json",)))
    comparison = compare(arms)
    shown = json.dumps(comparison.as_dict(), allow_nan=False)
    effect = json.loads(shown)["lines"][1]["effect"]
    assert (effect["low"], effect["high"], effect["p"]) == (None, None, 1)
    assert "| [-inf, +inf] | 1.0000 | 1.0000 |" in comparison.table()


def test_seeds_that_differ_are_not_taken_for_an_effect():
    """Given arms that differ by the luck of three seeds alone, few are called significant."""
    random = np.random.default_rng(2)
    naive, crossed = [], []
    for _ in range(300):
        difficulty = random.normal(0, 1, 200)
        runs = [
            difficulty + random.normal(0, 0.15, (3, 1)) + random.normal(0, 0.5, (3, 200))
            for _ in range(2)
        ]
        crossed.append(measure_effect(*runs).p)
        naive.append(ttest_rel(runs[0].mean(axis=0), runs[1].mean(axis=0)).pvalue)
    assert np.mean(np.array(naive) < 0.05) > 0.3  # what forgetting the seeds would do
    assert 0.01 < np.mean(np.array(crossed) < 0.05) < 0.09


def test_several_runs_find_an_effect_larger_than_their_spread():
    random = np.random.default_rng(3)
    difficulty = random.normal(0, 1, 300)
    first = difficulty + random.normal(0, 0.3, (3, 300)) + np.array([[0.0], [0.01], [-0.01]])
    second = difficulty + random.normal(0, 0.3, (3, 300)) + np.array([[0.2], [0.21], [0.19]])
    result = measure_effect(first, second)
    assert result.p < 0.01
    assert result.low < 0.2 < result.high


def languages_apart(path, scores):
    """Write results of the setting mono: by language the scores of questions of its own."""
    table = ScoreTable(("RR@20",))
    for tag, values in scores.items():
        ids = [f"{tag}:{number}" for number in range(len(values))]
        table.add(tag, tag, ids, Scores(np.arange(len(values)), {"RR@20": np.array(values)}))
    content = {
        "model": "m", "benchmark": "miracl", "candidate_text": "sentence",
        "counts": {"queries": {tag: len(values) for tag, values in scores.items()}},
        "settings": table.settings(),
    }  # fmt: skip
    write_results(path, content, table.per_query())
    return path


def interval_of(*paths):
    """Return the mean of one arm with its interval, as curves have it."""
    (arm,) = load_arms([Arm("arm", paths)], "RR@20")
    return mean_with_interval(arm.by_question("mono")[1])


def test_questions_that_all_score_alike_leave_no_doubt_however_many_a_language_has(tmp_path):
    found = interval_of(languages_apart(tmp_path / "a.json", {"ar": np.ones(30), "yo": np.ones(4)}))
    assert (found.effect, found.low, found.high) == pytest.approx((1, 1, 1), abs=1e-9)


def test_the_variance_of_a_macro_average_is_that_of_a_stratified_mean(tmp_path):
    """Cochran 1977, chapter 5, by hand: means 3 and 10, squared deviations 8 / 3 and 2 / 1."""
    scores = {"ar": [1.0, 3.0, 5.0, 3.0], "yo": [9.0, 11.0]}
    found = interval_of(languages_apart(tmp_path / "a.json", scores))
    error = (8 / 3 / 4 / 2**2 + 2 / 2 / 2**2) ** 0.5
    assert found.effect == pytest.approx(6.5)
    assert found.high - found.effect == pytest.approx(t.ppf(0.975, 6 - 1) * error)


def test_the_crossed_variance_is_that_of_strata_too(tmp_path):
    """Each part of the variance by language, as if each were the whole, and then put together."""
    random = np.random.default_rng(12)
    sizes = {"ar": 40, "en": 9, "yo": 5}
    runs = [{tag: random.normal(len(tag + str(n)), 1 + n / 9, n) for tag, n in sizes.items()}
            for _ in range(3)]  # fmt: skip
    found = interval_of(
        *(languages_apart(tmp_path / f"{n}.json", run) for n, run in enumerate(runs))
    )
    questions = residual = 0.0
    for tag, size in sizes.items():
        table = np.array([run[tag] for run in runs])
        questions += table.mean(axis=0).var(ddof=1) / size / 3**2
        rest = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
        residual += (rest**2).sum() / (2 * (size - 1)) / (3 * size) / 3**2
    means = [np.mean([run[tag].mean() for tag in sizes]) for run in runs]
    seeds = np.var(means, ddof=1) / 3
    variance = max(questions + seeds - residual, questions, seeds)
    freedom = variance**2 / (questions**2 / (54 - 1) + seeds**2 / 2)
    assert found.effect == pytest.approx(np.mean(means))
    assert found.high - found.effect == pytest.approx(t.ppf(0.975, freedom) * variance**0.5)


def test_a_language_of_one_question_makes_the_interval_wider_and_moves_no_mean(tmp_path):
    alike = interval_of(languages_apart(tmp_path / "a.json", {"ar": [0.2, 0.4, 0.6], "yo": [0.4]}))
    apart = interval_of(languages_apart(tmp_path / "b.json", {"ar": [0.2, 0.4, 0.6], "yo": [1.0]}))
    both = interval_of(languages_apart(tmp_path / "c.json", {"ar": [0.2], "yo": [1.0]}))
    assert (alike.effect, apart.effect, both.effect) == pytest.approx((0.4, 0.7, 0.6))
    assert 0 < alike.high - alike.low < apart.high - apart.low
    assert both.high - both.low > 0


def test_the_interval_is_as_wide_as_the_macro_average_varies(tmp_path):
    """Questions that are right or wrong by chance, 0.8 in each language, drawn 200 times."""
    random = np.random.default_rng(5)
    sizes = {"ar": 400, "bn": 60, "de": 30, "en": 90, "yo": 12}
    means, reaches = [], []
    for _ in range(200):
        scores = {tag: (random.random(n) < 0.8).astype(float) for tag, n in sizes.items()}
        found = interval_of(languages_apart(tmp_path / "a.json", scores))
        means.append(found.effect)
        reaches.append((found.high - found.low) / 2)
    error = 0.4 / 5 * sum(1 / n for n in sizes.values()) ** 0.5  # of Bernoulli's, by its formula
    assert np.std(means) == pytest.approx(error, rel=0.15)
    assert np.sqrt(np.mean(np.square(reaches))) == pytest.approx(norm.ppf(0.975) * error, rel=0.05)


def test_one_run_each_is_tested_by_questions_of_all_languages_as_they_weigh(tmp_path):
    """The interval is of strata; the test swaps the weighted scores, and so stays the exact one."""
    random = np.random.default_rng(1)
    first = {"ar": random.random(7), "yo": random.random(2)}
    gains = {"ar": random.normal(0.05, 0.3, 7), "yo": np.array([0.4, 0.5])}
    second = {tag: first[tag] + gains[tag] for tag in first}
    line = compare(
        [Arm("one", (languages_apart(tmp_path / "a.json", first),)),
         Arm("other", (languages_apart(tmp_path / "b.json", second),))]
    ).lines[1]  # fmt: skip
    own = np.concatenate([gains["ar"] / 7, gains["yo"] / 2]) / 2
    sums = np.array(list(itertools.product([-1, 1], repeat=9))) @ own
    exact = np.mean(np.abs(sums) >= abs(own.sum()) - 1e-12)
    assert line.effect.effect == pytest.approx(own.sum())
    assert line.effect.p == pytest.approx(exact, abs=0.015)


def test_a_gain_of_every_question_alike_has_no_spread(tmp_path):
    first = {"ar": np.linspace(0.1, 0.7, 30), "yo": np.linspace(0.2, 0.5, 4)}
    second = {tag: values + 0.25 for tag, values in first.items()}
    effect = compare(
        [Arm("one", (languages_apart(tmp_path / "a.json", first),)),
         Arm("other", (languages_apart(tmp_path / "b.json", second),))]
    ).lines[1].effect  # fmt: skip
    assert (effect.low, effect.effect, effect.high) == pytest.approx((0.25, 0.25, 0.25))


def test_holm_is_as_published():
    # Worked by hand: 4 × .005, 3 × .01, 2 × .03 and at least the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


LANGUAGES = ("en", "pt")
COUNTS = {"queries": {"en": 40}}


def write(path, shift=0.0, seed=0, questions=40, first=0, **changes):
    """Write results of a small made-up evaluation; pt lacks the last ten questions."""
    random = np.random.default_rng(99)
    noise = np.random.default_rng(seed)
    table = ScoreTable(("RR@20",))
    for q, c in itertools.product(LANGUAGES, LANGUAGES):
        size = questions if q == c == "en" else questions - 10
        values = random.random(size) * 0.6 + shift + noise.normal(0, 0.02, size)
        ids = [f"q{first + n:03d}" for n in range(size)]
        table.add(q, c, ids, Scores(np.arange(size), {"RR@20": values}))
    content = {
        "model": "m", "benchmark": "xtyle", "candidate_text": "sentence",
        "counts": {"queries": {"en": questions}}, "settings": table.settings(),
    } | changes  # fmt: skip
    write_results(path, content, table.per_query())
    return path


def test_means_and_effects_are_those_of_the_results_files(tmp_path):
    one, other = write(tmp_path / "a.json"), write(tmp_path / "b.json", shift=0.1, seed=1)
    comparison = compare([Arm.parse(str(one)), Arm.parse(f"made={other}")])
    means = {(line.setting, line.arm): line.mean for line in comparison.lines}
    for path, name in ((one, "a"), (other, "made")):
        settings = json.loads(path.read_bytes())["settings"]
        for setting in ("mono", "cross"):
            assert means[setting, name] == pytest.approx(settings[setting]["RR@20"])
    tested = [line for line in comparison.lines if line.effect]
    assert [line.setting for line in tested] == ["mono", "cross"]
    for line in tested:
        assert line.effect.effect == pytest.approx(
            means[line.setting, "made"] - means[line.setting, "a"]
        )
        assert line.effect.low < 0.1 < line.effect.high
        assert line.corrected == pytest.approx(min(1, 2 * line.effect.p))


def test_seeds_of_an_arm_are_its_runs(tmp_path):
    paths = {
        name: [write(tmp_path / f"{name}{s}.json", shift, seed=10 * s + int(shift * 100))
               for s in (1, 2, 3)]
        for name, shift in (("native", 0.0), ("bt", 0.05))
    }  # fmt: skip
    arms = [Arm.parse(f"{n}={','.join(map(str, files))}") for n, files in paths.items()]
    comparison = compare(arms, correction="none")
    line = next(line for line in comparison.lines if line.effect)
    assert line.runs == 3
    assert "Satterthwaite" in line.effect.method
    assert line.corrected == line.effect.p
    with pytest.raises(InputError, match="one arm has one run, another several"):
        compare([arms[0], Arm.parse(str(paths["bt"][0]))])


def test_runs_of_one_arm_over_other_questions_are_refused(tmp_path):
    one, other = write(tmp_path / "x.json"), write(tmp_path / "y.json", seed=1, first=1)
    third, fourth = write(tmp_path / "v.json", seed=2), write(tmp_path / "w.json", seed=3)
    with pytest.raises(InputError, match=r"y\.json: was evaluated on other questions than .*x\."):
        compare([Arm("a", (one, other)), Arm("b", (third, fourth))])


def test_an_arm_may_have_more_files_than_a_name_has_room_for(tmp_path):
    files = [tmp_path / f"native-english-seed-{seed:02d}.json" for seed in range(200)]
    arm = Arm.parse(f"native={','.join(map(str, files))}")
    assert (arm.name, len(arm.results)) == ("native", 200)


@pytest.mark.parametrize("other", ["a.json", "./a.json", "{}/a.json", "link.json"])
def test_a_file_that_is_there_twice_is_refused_however_it_is_spelled(tmp_path, monkeypatch, other):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.json")
    (tmp_path / "link.json").symlink_to("a.json")
    with pytest.raises(InputError, match=r"a\.json is there twice"):
        Arm.parse(f"twice=a.json,{other.format(tmp_path)}")
    (tmp_path / "circle.json").symlink_to("circle.json")
    assert len(Arm.parse("circle=circle.json,a.json").results) == 2  # said when it is read


def test_the_table_comes_in_three_forms(tmp_path):
    arms = [Arm("native", (write(tmp_path / "a.json"),)),
            Arm("a_b | 50%", (write(tmp_path / "b.json", 0.1, 1),))]  # fmt: skip
    comparison = compare(arms)
    markdown = comparison.table().splitlines()
    assert len({line.replace("\\|", "").count("|") for line in markdown}) == 1
    assert len(markdown) == 2 + 4
    latex = comparison.table("latex")
    assert r"a\_b | 50\%" in latex
    assert latex.count(r"\\") == 5
    rows = list(csv.DictReader(io.StringIO(comparison.table("csv"))))
    assert float(rows[1]["effect"]) == comparison.lines[1].effect.effect
    assert rows[0]["effect"] == ""
    with pytest.raises(InputError, match="did you mean 'latex'"):
        comparison.table("latx")


def test_a_table_says_of_rank_distance_that_less_is_better(tmp_path):
    lines = compare([Arm(n, (write(tmp_path / f"{n}.json"),)) for n in "ab"]).lines
    for form in ("markdown", "latex"):
        said = Comparison("rank_distance", "holm", lines).table(form).replace("\\_", "_")
        assert "rank_distance (less is better)" in said
        assert "less is better" not in Comparison("RR@20", "holm", lines).table(form)


def test_an_arm_in_int8_beside_one_that_is_not_is_told(tmp_path, caplog):
    plain = Arm("plain", (write(tmp_path / "a.json", backend="torch"),))
    int8 = [Arm(n, (write(tmp_path / f"{n}.json", backend="ctranslate2"),)) for n in "bc"]
    compare(int8)
    assert not caplog.records
    compare([plain, *int8])
    assert "b.json, " in caplog.text
    assert "c.json: evaluated in int8 (--backend ctranslate2)" in caplog.text


def test_results_that_cannot_be_compared_are_refused(tmp_path):
    base = Arm("base", (write(tmp_path / "a.json"),))

    def refused(message, path, metric="RR@20", **more):
        with pytest.raises(InputError, match=message):
            compare([base, Arm("other", (path,))], metric, **more)

    other = tmp_path / "b.json"
    refused("benchmark is 'beir' in the one and 'xtyle'", write(other, benchmark="beir"))
    refused("counts is", write(other, counts={}))
    digest = Arm("digest", (write(tmp_path / "d.json", benchmark_digest="ab"),))
    write(other, benchmark_digest="cd")
    with pytest.raises(InputError, match="xtyle had other texts or judgements"):
        compare([digest, Arm("other", (other,))])
    compare([digest, base])  # of an earlier version, which noted none
    refused("other questions than base", write(other, questions=39, counts=COUNTS))
    refused(r"no 'RR@10' \(did you mean 'RR@20'\?\)", write(other), "RR@10")
    refused(
        r"did you mean 'peer'.*they have RR@20, peer",
        write(other, language_bias={"peer": {}}),
        "peers",
    )
    refused("unknown correction 'bonferroni'", other, correction="bonferroni")
    (tmp_path / "b.per_query.parquet").unlink()
    refused(r"b\.per_query\.parquet: cannot be read", other)
    write(tmp_path / "c.json", shift=0.3).with_name("c.per_query.parquet").rename(
        tmp_path / "b.per_query.parquet"
    )
    refused(r"b\.per_query\.parquet: holds the scores of another evaluation than b\.json", other)
    sound = json.loads(other.read_bytes())
    for damage in (
        {"settings": None}, {"settings": [1]}, {"settings": {"mono": 1}},
        {"settings": {"mono": {"RR@20": "high"}}}, {"settings": {"mono": {"RR@20": 10**299}}},
        {"settings": {"mono": {"RR@20": math.inf}}}, {"language_bias": {"peer": []}},
    ):  # fmt: skip
        other.write_text(json.dumps(sound | damage))
        refused("is not a results file", other)
    other.write_text("{}")
    refused("is not a results file", other)
    other.write_text(json.dumps(sound | {"queries": 10**400}))
    refused("cannot be read as a results file .a number of 401 digits", other)
    refused("there is no such file", tmp_path / "none.json")
    with pytest.raises(InputError, match="two arms or more"):
        compare([base])
    with pytest.raises(InputError, match="two arms have one name"):
        compare([base, base])


def test_an_arm_without_results_is_refused():
    with pytest.raises(InputError, match="arm 'a' has no results"):
        Arm("a", ())


def test_a_file_that_may_be_anything_is_not_to_be_deleted(tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"question": "What?"}\n{"question": "Why?"}\n')
    with pytest.raises(InputError, match="cannot be read as a results file") as refused:
        compare([Arm("a", (rows,)), Arm("b", (rows,))])
    assert "delete" not in str(refused.value)
