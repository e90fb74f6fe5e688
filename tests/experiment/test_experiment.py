"""An experiment end to end: real generation, training, evaluation and comparison."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import os
import shutil
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pytest
import yaml
from filelock import FileLock

from bt_augment.errors import (
    BtAugmentError,
    InputError,
    RunFolderError,
    StorageError,
    TrainingError,
)
from bt_augment.evaluation import Arm, Evaluation, compare, evaluate
from bt_augment.evaluation.significance import holm
from bt_augment.experiment import make_plan, run_experiment, states_of
from bt_augment.experiment.runner import DONE, NOT_NEEDED, TODO, Progress
from bt_augment.experiment.steps import Step
from bt_augment.experiment.store import StepStore
from bt_augment.training.aligned_rows import held_out, read_rows

SETTINGS = ("mono", "cross", "multi")


def fingerprints(out: Path) -> dict[str, str]:
    """Return a hash of every file that the steps wrote, by its path."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((out / "steps").rglob("*"))
        if path.is_file()
    }


def table(out: Path) -> list[dict[str, str]]:
    with (out / "results" / "table.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def trained(out: Path) -> list[Path]:
    return sorted(path for path in (out / "steps" / "train").iterdir() if path.is_dir())


class Heard(Progress):
    """Keeps the steps that were begun."""

    def __init__(self):
        self.steps = []

    def begin(self, step, number, total, left):
        self.steps.append(step)
        return super().begin(step, number, total, left)


def again(experiment, out, environment):
    """Run once more; return what was done, and the outcome."""
    heard = Heard()
    outcome = run_experiment(experiment, out, environment=environment, progress=heard)
    return [(step.kind, step.name) for step in heard.steps], outcome


def test_every_arm_alpha_and_seed_is_trained_where_its_rows_allow(undisturbed):
    assert [path.name.rpartition("-")[0] for path in trained(undisturbed.out)] == [
        f"static-{arm}-alpha-{alpha}-seed-{seed}"
        for arm, alpha in (("all", "0.5"), ("all", "1"), ("native", "1"), ("raw", "1"))
        for seed in (0, 1)
    ]
    left_out = {(s["arm"], s["alpha"]) for s in undisturbed.summary["skipped"]}
    assert left_out == {("native", 0.5), ("raw", 0.5)}
    page = (undisturbed.out / "results" / "table.md").read_text(encoding="utf-8")
    assert "- native at alpha 0.5: its rows are all in en" in page


def test_means_are_those_of_the_models_evaluated_by_hand(undisturbed, data, environment):
    # Given the models of one arm, evaluated by the command's own function
    models = [p for p in trained(undisturbed.out) if p.name.startswith("static-all-alpha-0.5")]
    found = [
        evaluate(
            Evaluation(str(m), "xquad-r", data / "parallel", device="cpu", environment=environment)
        )
        for m in models
    ]

    # Then the table has their mean and standard deviation
    lines = [r for r in table(undisturbed.out) if r["arm"] == "all" and r["alpha"] == "0.5"]
    assert len(lines) == 4
    for line in lines:
        if line["metric"] == "RR@20":
            values = [results["settings"][line["setting"]]["RR@20"] for results in found]
        else:
            values = [results["language_bias"]["rank_distance"]["mean"] for results in found]
        assert float(line["mean"]) == pytest.approx(mean(values))
        assert float(line["sd"]) == pytest.approx(stdev(values))
        assert line["runs"] == "2"


def test_comparisons_are_those_of_compare_corrected_together(undisturbed):
    summary, out = undisturbed.summary, undisturbed.out
    rows = {
        (r["arm"], r["alpha"]): tuple(out / path for path in r["results"]) for r in summary["rows"]
    }
    against = next(c for c in summary["comparisons"] if c["against_baseline"])
    tested = [line for line in against["lines"] if line["effect"]]
    assert {line["arm"] for line in tested} == {"raw, alpha 1", "all, alpha 0.5", "all, alpha 1"}
    for line in tested:
        arm, alpha = line["arm"].split(", alpha ")
        by_hand = compare(
            [Arm("a", rows["native", 1.0]), Arm("b", rows[arm, float(alpha)])], "RR@20", "none"
        )
        same = next(x for x in by_hand.lines if x.effect and x.setting == line["setting"])
        assert line["effect"] == vars(same.effect)
    corrected = holm([line["effect"]["p"] for line in tested])
    assert [line["corrected"] for line in tested] == pytest.approx(corrected)
    titles = [(c["metric"], c["title"]) for c in summary["comparisons"]]
    assert ("RR@20", "all, alpha 0.5 against all, alpha 1") in titles


def test_the_unfiltered_arm_has_all_rows_that_were_made(undisturbed):
    filtered = next(iter((undisturbed.out / "steps" / "generate").glob("pairs-*[!n]")))
    raw = next(p for p in (undisturbed.out / "steps" / "filter").iterdir() if p.is_dir())
    before, after = (
        json.loads((p / "manifest.json").read_text())["totals"] for p in (filtered, raw)
    )
    assert before["rejected"] > 0
    assert after["accepted"] == after["candidates"] == before["candidates"]
    assert after["tokens"] == before["tokens"]  # nothing was translated again


def test_the_results_can_be_read(undisturbed):
    folder = undisturbed.out / "results"
    assert {p.name for p in folder.iterdir()} == {
        "table.md", "table.csv", "table.tex", "comparisons.md", "matrix.csv", "summary.json",
    }  # fmt: skip
    assert "| native | 1 | 0.00 |" in (folder / "table.md").read_text(encoding="utf-8")
    assert "overlap" in (folder / "table.md").read_text(encoding="utf-8").lower()
    page = (folder / "table.md").read_text(encoding="utf-8")
    assert page.count("### RR@20 against native, alpha 1\n") == 1
    assert page.count("| all, alpha 0.5 against all, alpha 1 |") == len(SETTINGS)
    assert "### rank_distance" not in page  # is not the main measure
    assert "### rank_distance" in (folder / "comparisons.md").read_text(encoding="utf-8")
    assert r"\begin{tabular}" in (folder / "table.tex").read_text(encoding="utf-8")
    with (folder / "matrix.csv").open(encoding="utf-8") as file:
        cells = list(csv.DictReader(file))
    assert len(cells) == 4 * 2 * (4 + 2)  # rows, seeds, language pairs and pools
    assert json.loads((folder / "summary.json").read_text()) == undisturbed.summary


@pytest.mark.slow
def test_entries_that_come_to_the_same_are_one_step(load, content, environment, few, tmp_path):
    # Given runs, arms, base models and benchmarks that are there twice, by names that join to one
    experiment = load(
        f"data.pairs={few}",
        runs={"pairs": {"inputs": "pairs"}, "more": {"inputs": "pairs"}},
        arms={
            "native": {"methods": ["native"], "runs": "pairs"},
            "again": {"methods": ["native"], "runs": "more"},
        },
        base_models={"small": "static:bundled", "r-small": "static:bundled"},
        benchmarks={"xquad-r": content["benchmarks"]["parallel"],
                    "xquad": content["benchmarks"]["parallel"]},
        alphas=[1], seeds=[0], comparison={"metrics": ["RR@20"]},
    )  # fmt: skip

    # Then each thing is done once, and every row of the tables has it
    steps, outcome = again(experiment, tmp_path / "out", environment)
    assert [kind for kind, _ in steps] == ["check", "generate", "train", "evaluate"]
    assert len(outcome.summary["rows"]) == 8
    assert len({str(row["results"]) for row in outcome.summary["rows"]}) == 1
    assert len(list((outcome.out / "results").glob("xquad-*.html"))) == 4
    assert len(list((outcome.out / "results" / "figures").glob("xquad-*"))) == 4


def test_a_model_in_the_home_folder_is_known_by_its_content(
    load, content, environment, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine").mkdir()
    models = {"translation": {"models": ["~/mine"]}}
    keys = set()
    for weights in ("first", "second"):
        (tmp_path / "mine" / "model.bin").write_text(weights)
        plan = make_plan(load(generation=content["generation"] | models), environment)
        keys |= {step.key for step in plan.steps if step.kind == "generate"}
    assert len(keys) == 2


def test_an_encoder_in_int8_is_trained_once(load, content, encoder, environment):
    plan = make_plan(
        load(
            base_models={
                "e5": {"model": str(encoder), "untrained": False},
                "e5-int8": {"model": str(encoder), "untrained": False,
                            "evaluation": {"backend": "ctranslate2"}},
            },
            arms={"native": content["arms"]["native"]}, seeds=[0], alphas=[1],
            comparison={"metrics": ["RR@20"]},
        ),
        environment,
    )  # fmt: skip
    assert [(step.kind, step.name) for step in plan.steps[2:]] == [
        ("train", "e5, native, alpha 1, seed 0"),
        ("evaluate", "parallel, e5, native, alpha 1, seed 0"),
        ("evaluate", "parallel, e5-int8, native, alpha 1, seed 0"),
    ]
    assert {cell.model.path for cell in plan.cells} == {plan.steps[2].path}


def test_what_was_done_under_another_name_is_found(load, done, environment, content):
    arms = {{"raw": "unfiltered"}.get(name, name): part for name, part in content["arms"].items()}
    steps, outcome = again(load(arms=arms), done, environment)
    assert steps == []
    paths = [s["path"] for s in outcome.summary["steps"] if "unfiltered, alpha" in s["name"]]
    assert len(paths) == 4
    assert all("static-raw-alpha-1" in path and (done / path).exists() for path in paths)
    assert "| unfiltered | 1 |" in (done / "results" / "table.md").read_text(encoding="utf-8")


def test_figures_show_the_main_measure_and_the_trade_off(load, done, environment):
    steps, _ = again(load("comparison.figures=true"), done, environment)
    assert steps == []
    folder = done / "results" / "figures" / "parallel-static"
    names = {path.stem for path in folder.glob("*.svg")}
    assert names == {
        "alpha", "heat-map-native", "heat-map-raw", "gain-raw", "heat-map-all-0.5",
        "gain-all-0.5", "heat-map-all-1", "gain-all-1", "gain-all-0.5-over-all-1",
    }  # fmt: skip
    assert "raw over native" in (folder / "gain-raw.svg").read_text(encoding="utf-8")
    page = (done / "results" / "parallel-static.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "all@0.5 over native" in page

    # And the same again draws nothing
    drawn = (folder / "alpha.svg").stat()
    again(load("comparison.figures=true"), done, environment)
    assert (folder / "alpha.svg").stat() == drawn


@pytest.mark.slow
def test_a_figure_that_was_deleted_is_drawn_anew(load, done, environment):
    again(load("comparison.figures=true"), done, environment)
    folder = done / "results" / "figures" / "parallel-static"
    (folder / "alpha.svg").unlink()
    again(load("comparison.figures=true"), done, environment)
    assert (folder / "alpha.svg").is_file()


@pytest.mark.slow
def test_each_benchmark_is_compared_by_the_measures_it_has(
    load, content, done, environment, tmp_path
):
    # Given a benchmark in one language beside the one in two, and the measures of the defaults
    beir = tmp_path / "beir"
    (beir / "qrels").mkdir(parents=True)
    (beir / "corpus.jsonl").write_text(
        '{"_id": "a", "text": "The cat sat on a mat."}\n{"_id": "b", "text": "Dogs bark."}\n'
    )
    (beir / "queries.jsonl").write_text(
        '{"_id": "1", "text": "Where sat the cat?"}\n{"_id": "2", "text": "What do dogs do?"}\n'
    )
    (beir / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n1\ta\t1\n2\tb\t1\n")
    experiment = load(
        data={**content["data"], "beir": str(beir)},
        benchmarks={**content["benchmarks"], "mine": {"benchmark": "beir", "data": "beir"}},
        comparison={},
    )

    # Then there are tables and figures of both
    _, outcome = again(experiment, done, environment)
    found = {(c["benchmark"], c["metric"]) for c in outcome.summary["comparisons"]}
    assert {metric for name, metric in found if name == "parallel"} == {
        "RR@20", "AP", "R@10", "rank_distance",
    }  # fmt: skip
    assert {metric for name, metric in found if name == "mine"} == {"RR@20", "AP", "R@10"}
    page = (done / "results" / "table.md").read_text(encoding="utf-8")
    assert "- rank_distance of static: not measured on mine." in page
    assert (done / "results" / "mine-static.html").is_file()


@pytest.mark.slow
def test_an_experiment_in_one_setting_takes_the_default_measures(load, done, environment):
    _, outcome = again(
        load("benchmarks.parallel.settings=[mono]", comparison={"figures": False}),
        done, environment,
    )  # fmt: skip
    assert {c["metric"] for c in outcome.summary["comparisons"]} == {"RR@20", "AP", "R@10"}


@pytest.mark.slow
def test_figures_come_when_the_last_package_that_they_take_is_there(
    load, done, environment, monkeypatch
):
    def without(*packages):
        monkeypatch.setattr(
            "bt_augment.experiment.figures.find_spec",
            lambda name: None if name in packages else find_spec(name),
        )
        again(load("comparison.figures=true"), done, environment)
        return (done / "results" / "figures").is_dir()

    assert [without("jinja2"), without("matplotlib"), without()] == [False, False, True]


def test_a_second_run_does_nothing(load, done, environment):
    before = fingerprints(done)
    steps, outcome = again(load(), done, environment)
    assert steps == []
    assert outcome.done == 0
    assert fingerprints(done) == before
    assert outcome.summary == json.loads((done / "results" / "summary.json").read_text())


def test_what_names_of_the_hub_stand_for_is_noted_with_the_recipe(tmp_path):
    store = StepStore(tmp_path)
    assert store.resolved() == {}
    store.note({"name": "tiny"}, {"base model owner/encoder": "owner/encoder@abc"})
    assert store.resolved() == {"base model owner/encoder": "owner/encoder@abc"}
    for damaged in ("{", "[]", '{"resolved": 3}'):
        (tmp_path / "experiment.json").write_text(damaged)
        assert store.resolved() == {}


@pytest.mark.parametrize("note", ["done", "started"])
def test_a_note_that_the_disk_does_not_give_costs_no_step_what_it_wrote(
    tmp_path, monkeypatch, note
):
    step = Step("train", "a model", "abcd", "", None)  # type: ignore[arg-type]
    store = StepStore(tmp_path)
    store.begin(step)
    model = store.path(step) / "model.safetensors"
    model.parent.mkdir()
    model.write_bytes(b"weights")
    if note == "done":
        store.finish(step, {})
    opened = io.open

    def refuse(path, *arguments, **options):
        if str(path).endswith(f".{note}.json"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(io, "open", refuse)
    with pytest.raises(StorageError, match=rf"\.{note}\.json: cannot be read"):
        store.available(step) or store.begin(step)
    assert model.exists()


def test_moved_data_and_another_place_of_the_recipe_change_nothing(
    load, done, environment, pairs, tmp_path
):
    moved = Path(shutil.copy(pairs, tmp_path / "moved.jsonl"))
    steps, _ = again(load(f"data.pairs={moved}"), done, environment)
    assert steps == []


def test_changing_one_arm_does_only_that_anew(load, done, environment, content):
    arms = {**content["arms"], "raw": {**content["arms"]["raw"], "augmented_share": 0.25}}
    steps, _ = again(load(arms=arms), done, environment)
    assert {name for _, name in steps} == {
        f"{judge}static, raw, alpha 1, seed {seed}"
        for judge in ("", "parallel, ") for seed in (0, 1)
    }  # fmt: skip
    assert [kind for kind, _ in steps] == ["train", "evaluate"] * 2


@pytest.mark.parametrize(
    ("assignment", "kinds"),
    [
        ("seeds=[0,1,2]", {"train": 4, "evaluate": 4}),
        ("comparison.metrics=[AP]", {}),
        ("benchmarks.parallel.settings=[mono]", {"check": 1, "evaluate": 8}),
        ("training.steps=7", {"train": 8, "evaluate": 8}),
        ("generation.filters.fidelity.chrf.min=50",
         {"generate": 1, "filter": 1, "train": 8, "evaluate": 8}),
    ],
)  # fmt: skip
def test_a_change_asks_for_what_depends_on_it_alone(
    load, undisturbed, environment, assignment, kinds
):
    plan = make_plan(load(assignment), environment)
    states = states_of(plan, StepStore(undisturbed.out))
    todo = [step.kind for step in plan.steps if states[step.key] == TODO]
    assert {kind: todo.count(kind) for kind in todo} == kinds


def test_changed_input_asks_for_all_of_it_anew(load, undisturbed, environment, pairs, tmp_path):
    other = tmp_path / "pairs.jsonl"
    other.write_text(pairs.read_text(encoding="utf-8").replace("?", "??", 1), encoding="utf-8")
    plan = make_plan(load(f"data.pairs={other}"), environment)
    states = states_of(plan, StepStore(undisturbed.out))
    done = [step.kind for step in plan.steps if states[step.key] == DONE]
    assert done == ["check"]


def test_a_lost_result_is_made_anew_and_nothing_else(load, done, environment):
    lost = next((done / "steps" / "evaluate").glob("*static-all*.per_query.parquet"))
    lost.unlink()
    steps, _ = again(load(), done, environment)
    assert [kind for kind, _ in steps] == ["evaluate"]
    assert lost.is_file()


def test_what_a_result_that_was_made_anew_says_otherwise_is_in_the_tables(
    load, done, environment, monkeypatch
):
    scores = next((done / "steps" / "evaluate").glob("*static-all*.per_query.parquet"))
    results = json.loads(Path(str(scores).replace(".per_query.parquet", ".json")).read_text())
    scores.unlink()
    unknown = {"checked": False, "questions": None, "passages": None, "reason": "it is gone"}
    monkeypatch.setattr("bt_augment.evaluation.evaluator.training_overlap", lambda *_: unknown)
    again(load(), done, environment)
    said = (done / "results" / "table.md").read_text(encoding="utf-8")
    arm = f"all, alpha {results['training']['alpha']:g} of static"
    assert f"- parallel: not checked for 1 of 4 arms:\n    - {arm}: it is gone\n" in said


def test_results_that_were_damaged_are_made_anew_by_the_next_run(load, done, environment):
    # Given the scores of one evaluation beside the means of another
    first, second = sorted((done / "steps" / "evaluate").glob("*static-all*.per_query.parquet"))[:2]
    shutil.copy(second, first)
    with pytest.raises(InputError, match="Run the same command again") as caught:
        run_experiment(load("comparison.metrics=[AP]"), done, environment=environment)
    assert first.name in str(caught.value)

    # Then the message tells the truth
    steps, _ = again(load("comparison.metrics=[AP]"), done, environment)
    assert [kind for kind, _ in steps] == ["evaluate"]


@pytest.mark.slow
def test_rows_that_were_removed_are_made_again_to_be_held_against_a_benchmark(
    load, done, environment
):
    # Given an experiment whose models are there, and the rows they were trained on are not
    for kind in ("generate", "filter"):
        shutil.rmtree(done / "steps" / kind)

    # When it is judged in another setting
    steps, outcome = again(
        load("benchmarks.parallel.settings=[mono]", "comparison.metrics=[RR@20]"), done, environment
    )
    assert [kind for kind, _ in steps] == ["check", "generate", "filter", *["evaluate"] * 8]
    assert all(row["overlap"] is not None for row in outcome.summary["rows"])


@pytest.mark.slow
def test_weights_are_removed_where_they_are_not_kept(load, content, environment, few, tmp_path):
    # Given an experiment that keeps no models
    arms = {"native": content["arms"]["native"], "all": content["arms"]["all"]}
    sections = {"arms": arms, "seeds": [0], "alphas": [1], "keep_models": False,
                "comparison": {"metrics": ["AP"], "figures": False}}  # fmt: skip
    out = tmp_path / "out"
    run_experiment(load(f"data.pairs={few}", **sections), out, environment=environment)

    # Then what the models were made of is there, their weights are not, and nothing is missing
    assert [sorted(p.name for p in folder.iterdir()) for folder in trained(out)] == [
        ["README.md", "training_manifest.json"]
    ] * 2
    steps, _ = again(load(f"data.pairs={few}", **sections), out, environment)
    assert steps == []
    plan = make_plan(load(f"data.pairs={few}", **sections), environment)
    states = states_of(plan, StepStore(out))
    assert [states[s.key] for s in plan.steps if s.kind == "train"] == [NOT_NEEDED] * 2

    # And a lost result has its model trained again, to the same scores
    lost = next(path for path in (out / "steps" / "evaluate").glob("*static-all*.json")
                if not path.name.endswith("done.json"))  # fmt: skip
    before = json.loads(lost.read_text())["settings"]
    lost.unlink()
    steps, _ = again(load(f"data.pairs={few}", **sections), out, environment)
    assert [kind for kind, _ in steps] == ["train", "evaluate"]
    assert json.loads(lost.read_text())["settings"] == before


def test_an_arm_that_cannot_be_trained_is_found_before_any_is(
    load, content, environment, few, tmp_path
):
    arms = {**content["arms"], "native": {"methods": ["native"], "alphas": [1, 0]}}
    heard = Heard()
    with pytest.raises(
        TrainingError, match=r"(?s)static, native, alpha 0, seed 0: alpha 0 asks for.*NAME\.alphas"
    ):
        run_experiment(
            load(f"data.pairs={few}", arms=arms),
            tmp_path / "out",
            environment=environment,
            progress=heard,
        )
    assert [step.kind for step in heard.steps] == ["check", "generate", "filter"]


def begun_before_it_was_refused(experiment, folder, environment, said):
    heard = Heard()
    with pytest.raises(TrainingError, match=said):
        run_experiment(experiment, folder / "out", environment=environment, progress=heard)
    return [step.kind for step in heard.steps]


def test_what_each_seed_holds_out_is_looked_at_before_the_first_training(
    load, content, finished, environment, tmp_path
):
    # Given a batch that what is left of the rows fills with one seed, and not with another
    rows = read_rows([finished], methods=["native"])
    left = {
        seed: len(np.unique(rows.group[~held_out(rows, 0.3, seed)])) for seed in range(8)
    }  # fmt: skip
    most, least = max(left, key=left.__getitem__), min(left, key=left.__getitem__)
    assert left[least] < left[most]
    experiment = load(
        f"data.pairs={finished}",
        runs={"pairs": {"folder": "pairs"}},
        arms={"native": content["arms"]["native"]},
        alphas=[1], seeds=[most, least], comparison={"metrics": ["RR@20"]},
        training={**content["training"], "held_out": 0.3, "batch_size": left[most]},
    )  # fmt: skip
    said = rf"static, native, alpha 1, seed {least}: .* can be filled"
    assert begun_before_it_was_refused(experiment, tmp_path, environment, said) == ["check"]


def test_hard_negatives_that_are_not_there_are_missed_before_the_first_training(
    load, content, finished, environment, tmp_path
):
    experiment = load(
        f"data.pairs={finished}", "training.hard_negatives=900",
        runs={"pairs": {"folder": "pairs"}},
        arms={"native": content["arms"]["native"]},
        alphas=[1], comparison={"metrics": ["RR@20"]},
    )  # fmt: skip
    said = "static, native, alpha 1, seed 0: hard negatives"
    assert begun_before_it_was_refused(experiment, tmp_path, environment, said) == ["check"]


def test_a_folder_in_a_run_is_refused(load, environment, finished):
    with pytest.raises(RunFolderError, match=r"lies in the run folder .*choose another --out"):
        run_experiment(load(), finished / "experiment", environment=environment)
    assert not (finished / "experiment").exists()


def test_a_run_that_is_there_already_is_used(load, finished, environment, tmp_path):
    experiment = load(
        f"data.pairs={finished}", "seeds=[0]", "alphas=[1]", "training.batch_size=4",
        runs={"pairs": {"folder": "pairs"}},
    )  # fmt: skip
    steps, outcome = again(experiment, tmp_path / "out", environment)
    assert {kind for kind, _ in steps} == {"check", "filter", "train", "evaluate"}
    manifest = json.loads((trained(outcome.out)[0] / "training_manifest.json").read_text())
    assert manifest["runs"][0]["folder"] == str(finished)


@pytest.mark.slow
def test_a_damaged_shard_stops_before_training(load, done, environment):
    shard = next((done / "steps" / "generate").glob("pairs-*/train/*.arrow"))
    shard.write_bytes(shard.read_bytes()[:-8] + b"\0" * 8)
    with pytest.raises(BtAugmentError, match=r"static, .*is damaged") as caught:
        run_experiment(load("seeds=[7]"), done, environment=environment)
    assert "An experiment has no --overwrite" in str(caught.value)
    shutil.rmtree(shard.parents[1])  # as the message says
    assert run_experiment(load("seeds=[7]"), done, environment=environment).done


@pytest.mark.slow
def test_an_unfinished_step_whose_input_moved_starts_anew(
    load, environment, few, tmp_path, content
):
    # Given a run that was begun over a file at another place
    experiment = load(
        f"data.pairs={few}", "seeds=[0]",
        arms={"native": content["arms"]["native"]}, comparison={"figures": False},
    )  # fmt: skip
    out = tmp_path / "out"
    step = next(s for s in make_plan(experiment, environment).steps if s.kind == "generate")
    StepStore(out).begin(step, inputs=["elsewhere.jsonl"])
    (out / "experiment.json").write_text("{}")
    (out / step.path).mkdir(parents=True)
    (out / step.path / "run.json").write_text(json.dumps({"recipe": {}}))

    # Then it is made anew, and not refused
    outcome = run_experiment(experiment, out, environment=environment)
    assert outcome.summary["comparisons"] == []  # a single arm
    assert (out / step.path / "manifest.json").is_file()


def test_a_folder_of_something_else_is_refused(load, environment, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    with pytest.raises(RunFolderError, match=r"not of an experiment \(thesis\.tex\)"):
        run_experiment(load(), tmp_path / "out", environment=environment)


def test_results_of_something_else_are_not_taken_for_an_experiment(load, environment, tmp_path):
    own = tmp_path / "out" / "results" / "own.txt"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    with pytest.raises(RunFolderError, match=r"not of an experiment \(results\)"):
        run_experiment(load(), tmp_path / "out", environment=environment)
    assert own.read_text() == "mine"


def test_a_note_among_the_results_stays_and_is_missed_before_any_work(load, done, environment):
    (done / "results" / "notes.md").write_text("mine")
    heard = Heard()
    with pytest.raises(RunFolderError, match=r"not written by this command \(notes\.md\)"):
        run_experiment(load("seeds=[0,1,2]"), done, environment=environment, progress=heard)
    assert not heard.steps
    assert (done / "results" / "notes.md").read_text() == "mine"
    assert (done / "results" / "table.md").is_file()
    again(load(), done, environment)  # the tables are there: nothing would be removed


def test_results_may_be_a_link_and_what_a_kill_left_of_them_is_replaced(
    load, done, environment, tmp_path
):
    # Given results elsewhere, half written beside and without the list of their files
    elsewhere = (done / "results").rename(tmp_path / "elsewhere")
    (done / "results").symlink_to(elsewhere)
    (tmp_path / ".elsewhere.partial" / "figures" / "parallel-static").mkdir(parents=True)
    (tmp_path / ".elsewhere.partial" / "figures" / "parallel-static" / ".alpha.svg.tmp").touch()
    (elsewhere / "summary.json").unlink()
    again(load(), done, environment)
    assert sorted(path.name for path in elsewhere.iterdir()) == [
        "comparisons.md", "matrix.csv", "summary.json", "table.csv", "table.md", "table.tex",
    ]  # fmt: skip
    assert (done / "results").is_symlink()
    assert not (tmp_path / ".elsewhere.partial").exists()


def test_a_kill_while_the_recipe_is_noted_locks_nothing(load, environment, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".experiment.json.tmp").write_text("{")
    with pytest.raises(BtAugmentError, match="no folder"):  # which is looked for after that
        run_experiment(
            load(base_models={"s": "./nowhere"}), tmp_path / "out", environment=environment
        )
    assert not (tmp_path / "out" / ".experiment.json.tmp").exists()


def test_a_second_process_is_refused(load, environment, done):
    with FileLock(done / ".lock"), pytest.raises(RunFolderError, match="another process"):
        run_experiment(load(), done, environment=environment)


def test_a_real_encoder_is_also_judged_untrained(
    load, encoder, environment, content, few, tmp_path
):
    experiment = load(
        f"data.pairs={few}",
        base_models={"tiny": {"model": str(encoder), "seeds": [0, 1]}},
        arms={"native": content["arms"]["native"]},
        alphas=[1],
        training={"steps": 2, "batch_size": 4, "mini_batch_size": 4, "held_out": 0,
                  "max_length": 16, "query_prompt": "q: "},
        comparison={"metrics": ["RR@20"], "figures": False},
    )  # fmt: skip
    outcome = run_experiment(experiment, tmp_path / "out", environment=environment)
    untrained, native = outcome.summary["rows"]
    assert (untrained["arm"], untrained["alpha"], untrained["overlap"]) == ("untrained", None, None)
    assert len(untrained["results"]) == 1

    # With the prompt and the length that training gives, so that training alone differs
    results = json.loads((outcome.out / untrained["results"][0]).read_text())
    assert results["prompts"]["query"] == "q: "
    assert (
        results["model_fingerprint"]
        != json.loads((outcome.out / native["results"][0]).read_text())["model_fingerprint"]
    )

    # And it is compared: what does not vary with the seed has no variance of seeds
    line = outcome.summary["comparisons"][0]["lines"][1]
    assert line["arm"] == "untrained"
    assert line["runs"] == 2
    means = [mean(v["runs"]) for row in (native, untrained) for v in row["values"][:1]]
    assert line["effect"]["effect"] == pytest.approx(means[1] - means[0])


def test_a_full_disk_stops_the_writing_of_a_base_model_with_a_message(
    load, encoder, environment, content, few, tmp_path, monkeypatch
):
    from sentence_transformers import SentenceTransformer

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(SentenceTransformer, "save_pretrained", full)
    experiment = load(
        f"data.pairs={few}",
        base_models={"tiny": {"model": str(encoder), "seeds": [0]}},
        arms={"native": content["arms"]["native"]},
        alphas=[1],
        training={"steps": 2, "batch_size": 4, "held_out": 0, "max_length": 16},
        comparison={"metrics": ["RR@20"], "figures": False},
    )
    with pytest.raises(StorageError, match=r"the disk is full"):
        run_experiment(experiment, tmp_path / "out", environment=environment)


@pytest.mark.slow
def test_killed_while_training_it_goes_on_to_the_same_results(
    learning_command, undisturbed, content, tmp_path
):
    # Given the real command over two arms, killed within its second training
    path = tmp_path / "recipe.yaml"
    arms = {name: content["arms"][name] for name in ("native", "all")}
    path.write_text(yaml.safe_dump({**content, "arms": arms, "alphas": [1]}, sort_keys=False))
    out = tmp_path / "out"
    arguments = ("run", path, "--out", out)
    with learning_command.start(*arguments) as process:
        try:
            line = next(line for line in process.stderr if line.startswith("[5/"))
            assert "train static, all, alpha 1, seed 0" in line
            while not list((out / "steps" / "train").glob("*/training/checkpoint-*/complete")):
                assert process.poll() is None
                time.sleep(0.02)
        finally:
            process.kill()
    assert process.returncode == -9

    # When the same command is run again
    ended = learning_command(*arguments)
    assert ended.code == 0, ended.err

    # Then all that was finished before is kept, and the results are those of an undisturbed run
    assert "1 generate (1 done), 4 train (1 done), 4 evaluate (1 done)" in ended.err
    found, expected = (
        {(r["arm"], r["alpha"], r["setting"], r["metric"]): r["mean"] for r in table(folder)}
        for folder in (out, undisturbed.out)
    )
    assert len(found) == 2 * 4  # arms; mono, cross, multi and rank distance
    assert found.items() <= expected.items()
