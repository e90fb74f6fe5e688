"""An experiment's recipe: what is wrong with it is named with its place and what is allowed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest
import yaml

from bt_augment.errors import BtAugmentError, InputError, ModelError, RecipeError
from bt_augment.experiment import load_experiment, make_plan
from bt_augment.experiment.alphas import alphas_of
from bt_augment.experiment.sections import Method
from bt_augment.pairs.schema import METHODS

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = {
    path.name: path
    for path in sorted((ROOT / "recipes").glob("*.yaml"))
    if "arms" in yaml.safe_load(path.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize(
    ("sections", "place", "said"),
    [
        ({"armz": {}}, "armz", "unknown key (did you mean 'arms'?); allowed are alphas, arms,"),
        ({"seeds": []}, "seeds", "at least 1 item"),
        ({"seeds": [-1]}, "seeds.0", "greater than or equal to 0"),
        ({"seeds": [5_000_000_000]}, "seeds.0", "less than or equal to 4294967295"),
        ({"alphas": [1.5]}, "alphas.0", "less than or equal to 1, not 1.5"),
        ({"device": "gpu"}, "device", "'auto', 'cpu' or 'cuda'"),
        ({"name": "a/b"}, "name", "match pattern"),
        ({"name": ".."}, "name", "match pattern"),
        ({"profile": "/../else", "profiles": {"/../else": {}}}, "profile", "match pattern"),
        ({"arms": {"native": {"method": ["native"]}}}, "arms.native.method",
         "unknown key (did you mean 'methods'?); allowed are alphas, augmented_share, filtered"),
        ({"arms": {"native": {"methods": ["round_tripp"]}}}, "arms.native.methods.0",
         "(did you mean 'round_trip'?)"),
        ({"arms": {"native": {"augmented_share": 2}}}, "arms.native.augmented_share",
         "less than or equal to 1"),
        ({"arms": {"native": {"augmented_share": "some"}}}, "arms.native.augmented_share",
         "valid number"),
        ({"arms": {"native": {"runs": ["pears"]}}}, "arms.native.runs",
         "'pears' is an unknown run (did you mean 'pairs'?); allowed are pairs"),
        ({"arms": {"native": {}, "native@1": {}}}, "arms.native@1", "holds no @"),
        ({"arms": {"native": {}, "a\nb": {}}}, "arms.a\nb", "no line break"),
        ({"base_models": {"s\x85": "static:bundled"}}, "base_models.s\\x85", "no line break"),
        ({"arms": {"native": {"languages": ["en", "e!"]}}}, "arms.native.languages.1", "'e!'"),
        ({"arms": {"native": {"runs": []}}}, "arms.native.runs", "at least 1 item"),
        ({"base_models": {"s": {"model": "static:bundled", "seeds": []}}}, "base_models.s.seeds",
         "at least 1 item"),
        ({"base_models": {"s": {"model": "static:bundled", "arms": []}}}, "base_models.s.arms",
         "at least 1 item"),
        ({"evaluation": {"languages": []}}, "evaluation.languages", "at least 1 item"),
        ({"evaluation": {"languages": ["e!"]}}, "evaluation.languages.0", "'e!'"),
        ({"benchmarks": {"p": {"benchmark": "xquad-r", "data": "parallel", "settings": []}}},
         "benchmarks.p.settings", "at least 1 item"),
        ({"generation": {"routes": ["en:pt", "en"]}}, "generation.routes.1", "needs two or more"),
        ({"runs": {"pairs": {"inputs": "pairs", "settings": {"translation": {
            "models": ["a/b", "c/d"]}}}}},
         "runs.pairs.settings.translation.models", "c/d"),
        ({"training": {"step": 3}}, "training.step", "unknown key (did you mean 'steps'?)"),
        ({"training": {"alpha": 1}}, "training.alpha", "unknown key"),
        ({"training": {"step": 3}, "base_models": {"static": "static:bundled"}}, "training.step",
         "unknown key (did you mean 'steps'?)"),
        ({"runs": {"é" * 51: {"inputs": "pairs"}}}, f"runs.{'é' * 51}", "this has 102"),
        ({"training": {"steps": 0}}, "training", "steps is 0; it must be 1 or more"),
        ({"training": {"steps": True}}, "training.steps", "wants a number, not true"),
        ({"alphas": [False]}, "alphas.0", "wants a number, not false"),
        ({"training": {"steps": "many"}}, "training.steps", "valid integer"),
        ({"training": {"draw": "unifrom"}}, "training.draw", "(did you mean 'uniform'?)"),
        ({"evaluation": {"backend": "onnx"}}, "evaluation.backend", "'torch' or 'ctranslate2'"),
        ({"base_models": {"s": {"model": "static:bundled", "training": {"lr": 1}}}},
         "base_models.s.training.lr", "unknown key"),
        ({"base_models": {"s": {"model": "static:bundled", "arms": ["natve"]}}},
         "base_models.s.arms", "(did you mean 'native'?)"),
        ({"base_models": {"s": {"model": "static:bundled", "arms": ["all@0.7"]}}},
         "base_models.s.arms", "alpha 0.7 is not among those of the experiment (0.5, 1)"),
        ({"base_models": {"s": {"model": "static:bundled", "alphas": [1, 0.3]}}},
         "base_models.s.alphas", "alpha 0.3 is not among those of the experiment (0.5, 1)"),
        ({"base_models": {"s": {"model": "static:bundled", "arms": ["all@x"]}}},
         "base_models.s.arms", "alpha that is no number"),
        ({"base_models": {"s": {"training": {}}}}, "base_models.s.model", "Field required"),
        ({"benchmarks": {"p": {"benchmark": "xquad", "data": "parallel"}}},
         "benchmarks.p.benchmark", "'xquad' is an unknown benchmark (did you mean 'xquad-r'?)"),
        ({"benchmarks": {"p": {"benchmark": "xquad-r", "data": "paralel"}}},
         "benchmarks.p.data", "(did you mean 'parallel'?)"),
        ({"comparison": {"baseline": "nativ"}}, "comparison.baseline", "(did you mean 'native'?)"),
        ({"comparison": {"metrics": ["MRR@20"]}}, "comparison.metrics", "(did you mean 'RR@20'?)"),
        ({"comparison": {"metrics": ["rank_distance"]},
          "benchmarks": {"p": {"benchmark": "beir", "data": "parallel"}}},
         "comparison.metrics", "not measured on the benchmark 'p', which has RR@20, AP, AP@20,"),
        ({"comparison": {"metrics": ["peer"]}, "benchmarks": {"p": {
            "benchmark": "xquad-r", "data": "parallel", "settings": ["mono", "cross"]}}},
         "comparison.metrics", "not measured on the benchmark 'p'"),
        ({"comparison": {"contrasts": [["native"]]}}, "comparison.contrasts.0", "at least 2"),
        ({"comparison": {"contrasts": [["native", "all@x"]]}}, "comparison.contrasts.0",
         "alpha that is no number"),
        ({"comparison": {"contrasts": [["native@1", "native@1"]]}}, "comparison.contrasts.0",
         "native@1 is compared with itself"),
        ({"generation": {"routs": []}}, "generation.routs", "(did you mean 'routes'?)"),
        ({"generation": {"routes": ["en:pt"], "filters": {"fidelity": {"chrf": {"min": 200}}}}},
         "generation.filters.fidelity.chrf.min", "out of range"),
        ({"generation": {"routes": ["en:pt"], "decontaminate": {"x": "xquad"}}},
         "generation.decontaminate.x", "'xquad' is an unknown data"),
        ({"generation": {}}, "generation", "no routes for the run 'pairs'"),
        ({"runs": {"pairs": {"inputs": "pair"}}}, "runs.pairs.inputs.0", "(did you mean 'pairs'?)"),
        ({"runs": {"pairs": {}}}, "runs.pairs", "either inputs or a folder"),
        ({"runs": {"pairs": {"inputs": "pairs", "settings": {"output": {"unit_row": 1}}}}},
         "runs.pairs.settings.output.unit_row", "(did you mean 'unit_rows'?)"),
        ({"profile": "smal", "profiles": {"small": {}}}, "profile",
         "'smal' is an unknown profile (did you mean 'small'?); allowed are small"),
        ({"profile": "small", "profiles": {"small": {"seeds": [-1]}}}, "profiles.small.seeds.0",
         "greater than or equal to 0"),
        ({"profile": "small", "profiles": {"small": 3}}, "profiles.small", "mapping of sections"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(recipe, sections, place, said):
    path = recipe(**sections)
    with pytest.raises(BtAugmentError) as caught:
        load_experiment(path)
    message = str(caught.value)
    line = f"{path}, line "
    assert message.startswith((line, place)), message
    assert f"{place}: " in message
    assert said in message


def test_a_profile_is_not_changed_by_an_assignment(recipe):
    path = recipe(profile="small", profiles={"small": {"training": {"steps": 2}}})
    with pytest.raises(RecipeError, match=r"--set profiles\.small\.training\.steps: choose a") as e:
        load_experiment(path, ["profiles.small.training.steps=3"])
    advised = str(e.value).rpartition("--set ")[2].partition(";")[0]
    assert load_experiment(path, [advised]).bases[0].training.steps == 100


@pytest.mark.parametrize("profiles", [{}, {"small": {"training": {"steps": 2}}}])
def test_what_an_assignment_said_is_not_put_down_to_the_file(recipe, profiles):
    path = recipe(profiles=profiles, generation={"routes": ["en:pt"], "output": {"unit_rows": 9}})
    given = ["profile=small"] if profiles else []
    for assignment, place in (
        ("training.steps=many", "training.steps"),
        ("seeds=[1,-1]", "seeds.1"),
        ("generation.output.unit_rows=0", "generation.output.unit_rows"),
        ("generation.routes=[en]", "generation.routes.0"),
        ("arms.native.runs=pears", "arms.native.runs"),
        ("profile=smal", "profile"),
    ):
        with pytest.raises(BtAugmentError) as caught:
            load_experiment(path, [*given, assignment])
        assert str(caught.value).startswith(f"--set {place}: ")
    with pytest.raises(RecipeError, match=r"^\S+, line \d+: runs\.pairs\.settings\.output\.unit_r"):
        load_experiment(
            recipe(runs={"pairs": {"inputs": "pairs", "settings": {"output": {"unit_rows": 0}}}}),
            ["generation.output.unit_rows=5"],
        )


def test_an_assignment_reaches_names_with_dots(load):
    bases = {"e5": "static:bundled", "e5-v1.5": {"model": "static:bundled", "seeds": [0]}}
    experiment = load("base_models.e5-v1.5.seeds=[7]", base_models=bases)
    assert [base.seeds for base in experiment.bases] == [(0, 1), (7,)]
    experiment = load("base_models.e5-v1.5=static:bundled", base_models=bases)
    assert experiment.bases[1].seeds == (0, 1)


def test_all_methods_can_be_named():
    assert get_args(Method) == METHODS


def test_the_line_is_that_of_the_profile_which_said_it(recipe):
    path = recipe(profile="small", profiles={"small": {"training": {"steps": "many"}}})
    with pytest.raises(RecipeError) as caught:
        load_experiment(path)
    number = int(str(caught.value).partition("line ")[2].partition(":")[0])
    assert path.read_text(encoding="utf-8").splitlines()[number - 1].strip() == "steps: many"


def test_data_that_nothing_reads_may_be_misspelt(load):
    with pytest.raises(
        RecipeError, match=r"data\.pear: nothing reads 'pear' \(did you mean 'pairs'"
    ):
        load("data.pear=elsewhere")


def test_missing_data_say_where_to_get_them(recipe):
    path = recipe(data_from={"pairs": "example.org (CC0)"})
    with pytest.raises(RecipeError) as caught:
        load_experiment(path, ["data.pairs=nowhere.jsonl"])
    message = str(caught.value)
    assert "data.pairs: there is no file or folder 'nowhere.jsonl'" in message
    assert "Get it from example.org (CC0). Name its place with --set data.pairs=PATH" in message


def test_a_contrast_of_what_is_not_trained_is_told_before_any_work(load, caplog):
    load("alphas=[1]", comparison={"contrasts": [["native", "all@0.7"]], "metrics": ["RR@20"]})
    assert "comparison.contrasts.0: all@0.7 is not trained; left out" in caplog.text


def test_all_data_that_are_missing_are_named_at_once(recipe):
    path = recipe(
        data={"pairs": "nowhere.jsonl", "parallel": "gone"},
        data_from={"pairs": "example.org", "parallel": "example.com"},
    )
    with pytest.raises(RecipeError, match=r"Missing, too: (pairs|parallel)$"):
        load_experiment(path)


def test_a_profile_is_laid_over_the_file_and_assignments_over_both(load):
    profiles = {"small": {"seeds": [4], "training": {"steps": 2}}}
    plain, small, own = (
        load(*given, profiles=profiles)
        for given in ((), ("profile=small",), ("training.steps=3", "profile=small"))
    )
    assert [base.seeds for base in (plain.bases[0], small.bases[0])] == [(0, 1), (4,)]
    steps = [experiment.bases[0].training.steps for experiment in (plain, small, own)]
    assert steps == [6, 2, 3]
    assert small.bases[0].training.batch_size == 8  # what the profile does not name stays


def test_dimensions_for_all_are_for_static_encoders_and_of_no_other(load, encoder):
    models = {"static": "static:bundled", "own": {"model": str(encoder)}}
    experiment = load(base_models=models)
    assert [base.training.dimensions for base in experiment.bases] == [16, None]
    models["own"]["training"] = {"dimensions": 8}
    with pytest.raises(RecipeError, match=r"base_models\.own\.training: dimensions are those"):
        load(base_models=models)


def left_out(experiment):
    return {skip.arm: skip.reason for skip in alphas_of(experiment)[1]}


def test_why_an_alpha_is_left_out_is_said_as_far_as_it_is_known(load, finished, tmp_path):
    # Given rows that lexicons alone tell of, and methods that tell the languages or do not
    lexicons = {"input": {"lang": "en"}, "code_switch": {"lexicons": ["en:pt=words.txt"]}}
    arms = {"native": {"methods": ["native", "code_switch"]},
            "switched": {"methods": ["code_switch"]}}  # fmt: skip
    found = left_out(load(generation=lexicons, arms=arms, comparison={}))
    assert found["native"] == (
        "its rows are all in en, as far as routes and lexicons tell; if its native rows are in "
        "several languages, name its alphas in arms.native.alphas"
    )
    assert found["switched"].startswith("its rows are all in en, so that no question goes with")

    # Then of a finished run its own counts say it
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    whole = {"runs": {"pairs": {"folder": "pairs"}}, "arms": {"native": {}}, "comparison": {}}
    assert "so that no question" in left_out(load(f"data.pairs={run}", **whole))["native"]
    manifest = json.loads((run / "manifest.json").read_text())
    del manifest["sha256"]
    rows = manifest["ingested"]["languages"].pop("en")
    manifest["ingested"]["languages"] = {"en": rows - 1, "pt": 1}
    (run / "manifest.json").write_text(json.dumps(manifest))
    assert left_out(load(f"data.pairs={run}", **whole)) == {}


def test_a_base_model_without_the_baseline_is_refused(load, environment):
    experiment = load(base_models={"s": {"model": "static:bundled", "alphas": [0.5]}})
    with pytest.raises(
        RecipeError, match=r"recipe\.yaml, line \d+: base_models\.s: the baseline 'native'"
    ):
        make_plan(experiment, environment)


def test_a_new_revision_of_a_hub_model_is_trained_anew(load, environment, monkeypatch):
    def keys_at(sha):
        monkeypatch.setattr("bt_augment.training.base_model.pin_revision", lambda name, wanted: sha)
        plan = make_plan(load(base_models={"e5": "owner/encoder"}), environment)
        return {step.key for step in plan.steps if step.kind in ("train", "prepare")}

    assert keys_at("a" * 40) == keys_at("a" * 40)
    assert keys_at("a" * 40).isdisjoint(keys_at("b" * 40))


def test_a_folder_whose_name_decides_the_prompts_is_trained_anew(
    load, environment, encoder, tmp_path
):
    def keys_at(name):
        folder = shutil.copytree(encoder, tmp_path / name)
        plan = make_plan(load(base_models={"e5": str(folder)}), environment)
        return {s.key for s in plan.steps if s.kind in ("train", "prepare", "evaluate")}

    plain = keys_at("encoder")
    assert keys_at("copy") == plain
    assert keys_at("multilingual-e5-small").isdisjoint(plain)


def test_without_the_hub_names_are_what_they_were_in_the_last_plan(load, environment, monkeypatch):
    def hub(answer):
        for kind in ("dataset_info", "model_info"):
            monkeypatch.setattr(f"huggingface_hub.HfApi.{kind}", answer)

    def unreachable(*_, **__):
        raise OSError("no connection")

    experiment = load(
        "data.pairs=hub:owner/pairs", "generation.filters.fidelity.cometkiwi.enabled=true",
        "generation.input.format=hub", base_models={"e5": "owner/encoder"},
    )  # fmt: skip
    hub(lambda *_, **__: SimpleNamespace(sha="a" * 40))
    online = make_plan(experiment, environment)
    hub(unreachable)
    noted = json.loads(json.dumps(online.resolved))
    assert len(noted) == 3
    offline = make_plan(experiment, environment, noted)
    assert [step.key for step in offline.steps] == [step.key for step in online.steps]
    for name in noted:
        if name.startswith("base model"):  # which the training would miss
            continue
        with pytest.raises(BtAugmentError, match="no connection"):
            make_plan(experiment, environment, {k: v for k, v in noted.items() if k != name})


def test_without_the_hub_a_model_is_known_by_its_name(load, environment, monkeypatch):
    def unreachable(name, wanted):
        raise ModelError(f"{name}: no connection")

    monkeypatch.setattr("bt_augment.training.base_model.pin_revision", unreachable)
    plan = make_plan(load(base_models={"e5": "owner/encoder"}), environment)
    assert [step.name for step in plan.steps if step.kind == "prepare"] == ["e5 untrained"]


def test_a_base_model_may_be_trained_at_one_alpha_of_an_arm(load, environment):
    part = {"model": "static:bundled", "arms": ["native", "all@0.5"], "seeds": [0]}
    plan = make_plan(load(base_models={"s": part}), environment)
    assert [(c.arm, c.alpha) for c in plan.cells] == [("native", 1), ("all", 0.5)]


@pytest.mark.parametrize("arms", [["native", "all", "all@0.5"], ["native", "all@0.5", "all"]])
def test_an_arm_without_an_alpha_is_trained_at_all_wherever_it_stands(load, environment, arms):
    part = {"model": "static:bundled", "arms": arms, "seeds": [0]}
    plan = make_plan(load(base_models={"s": part}), environment)
    assert [(c.arm, c.alpha) for c in plan.cells] == [("native", 1), ("all", 0.5), ("all", 1)]


@pytest.mark.parametrize(
    ("sections", "error"),
    [
        ({"base_models": {"s": "static:nothing.spm"}}, "there is no such file"),
        ({"base_models": {"s": "./nowhere"}}, "no folder"),
    ],
)
def test_a_base_model_that_is_not_there_is_found_before_any_work(
    load, environment, tmp_path, sections, error
):
    from bt_augment.experiment import run_experiment

    with pytest.raises(BtAugmentError, match=error):
        run_experiment(load(**sections), tmp_path / "out", environment=environment)
    assert not (tmp_path / "out" / "steps").exists()


def test_a_broken_benchmark_is_found_before_generating(load, environment, tmp_path):
    from bt_augment.experiment import run_experiment

    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "en.json").write_text("{}")
    with pytest.raises(BtAugmentError, match=r"check parallel: .*en\.json"):
        run_experiment(
            load(f"data.parallel={tmp_path / 'bench'}"), tmp_path / "out", environment=environment
        )
    assert not (tmp_path / "out" / "steps" / "generate").exists()


def test_a_main_measure_of_several_languages_is_missed_before_generating(
    load, environment, tmp_path
):
    from bt_augment.experiment import run_experiment

    with pytest.raises(InputError, match=r"check parallel en: .*rank_distance, the main measure"):
        run_experiment(
            load("evaluation.languages=[en]", comparison={"metrics": ["rank_distance"]}),
            tmp_path / "out", environment=environment,
        )  # fmt: skip
    assert not (tmp_path / "out" / "steps" / "generate").exists()


def test_a_dry_run_lists_the_steps_and_writes_nothing(command, recipe, tmp_path):
    out = tmp_path / "out"
    done = command("run", recipe(), "--out", out, "--dry-run")
    assert done.code == 0, done.err
    assert "19 steps: 1 check, 1 generate, 1 filter, 8 train, 8 evaluate; 19 to do" in done.out
    assert "left out: native at alpha 0.5: its rows are all in en" in done.out
    assert "to do       train     static, all, alpha 0.5, seed 1" in done.out
    assert not out.exists()


def test_a_bad_recipe_ends_the_command_with_2(command, recipe, tmp_path):
    done = command("run", recipe(seeds="none"), "--out", tmp_path / "out")
    assert done.code == 2
    assert "recipe.yaml, line " in done.err
    assert "Traceback" not in done.err


@pytest.fixture
def stand_ins(tmp_path, pairs, finished):
    """Return assignments that name something there for all data of the recipes."""
    folder = tmp_path / "benchmark"
    folder.mkdir()
    (folder / "en.json").touch()
    names = {"parallel": folder, "xquad_r": folder, "mlqa_r": folder, "miracl": folder}
    files = {"squad": pairs, "squadshifts": pairs, "nq": pairs, "pairs": finished}
    return {**names, **files}


def assigned(path, stand_ins):
    named = yaml.safe_load(path.read_text(encoding="utf-8"))["data"]
    return [f"data.{name}={stand_ins[name]}" for name in named]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_recipes_that_are_shipped_can_be_planned(name, stand_ins, environment):
    # Given folders that stand in for the data, and no network
    given = assigned(SHIPPED[name], stand_ins)
    profiles = yaml.safe_load(SHIPPED[name].read_text(encoding="utf-8")).get("profiles", {})
    for profile in (None, *profiles):
        experiment = load_experiment(
            SHIPPED[name], [*given, *([f"profile={profile}"] if profile else [])]
        )
        plan = make_plan(experiment, environment)
        kinds = [step.kind for step in plan.steps]
        assert kinds.count("evaluate") >= kinds.count("train") > 0


def test_the_experiment_of_this_project_asks_what_it_should(stand_ins, environment):
    path = SHIPPED["xquad_r_back_translation.yaml"]
    plan = make_plan(load_experiment(path, assigned(path, stand_ins)), environment)
    trained = {(c.base, c.arm, c.alpha) for c in plan.cells if c.alpha is not None}
    translated = {(a, x) for a in ("native + translation", "all") for x in (0, 0.5, 1)}
    english = {
        (arm, 1)
        for arm in ("native", "native + round trip", "native + round trip, unfiltered")
    }  # fmt: skip
    for base in ("static", "e5-small"):
        assert {(arm, alpha) for b, arm, alpha in trained if b == base} == translated | english
        for arm, alpha in translated | english:
            seeds = {c.seed for c in plan.cells if (c.base, c.arm, c.alpha) == (base, arm, alpha)}
            assert len(seeds) >= 3
    assert {(s.arm, s.alpha) for s in plan.skipped} == {
        (a, x) for a, _ in english for x in (0, 0.5)
    }
    assert [c.base for c in plan.cells if c.arm == "untrained"] == ["e5-small"]


@pytest.mark.parametrize("name", ["hybrid_xlmr.yaml", "hybrid_labse.yaml"])
def test_the_recipes_after_the_paper_have_its_settings(name, stand_ins):
    experiment = load_experiment(SHIPPED[name], assigned(SHIPPED[name], stand_ins))
    settings = experiment.bases[0].training
    assert (settings.batch_size, settings.learning_rate, settings.weight_decay) == (100, 3e-5, 0.01)
    assert experiment.alphas == (0, 0.5, 1)
    targets = {
        str(route) for route in experiment.runs["squad"].recipe.routes
        if route.method == "translation"
    }  # fmt: skip
    assert len(targets) == 9


def test_the_plan_as_json(command, recipe, tmp_path):
    plan = json.loads(command("run", recipe(), "--out", tmp_path / "o", "--dry-run", "--json").out)
    assert {step["state"] for step in plan["steps"]} == {"to do"}
    assert {skip["alpha"] for skip in plan["skipped"]} == {0.5}
