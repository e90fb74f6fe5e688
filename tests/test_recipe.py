"""A recipe says what it means or is refused with the key, its place and what is allowed."""

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bt_augment.errors import LanguageError, ModelError, RecipeError, RouteError
from bt_augment.filtering.registry import all_scores
from bt_augment.recipe import load_recipe, recipe_schema

RECIPES = [
    path
    for path in sorted((Path(__file__).parents[1] / "recipes").glob("*.yaml"))
    if "arms" not in yaml.safe_load(path.read_text(encoding="utf-8"))  # experiments have a test
]


@pytest.fixture
def recipe(tmp_path):
    def write(text):
        path = tmp_path / "recipe.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("text", "line", "key", "meant", "allowed"),
    [
        ("routes: [en:pt]\nfilter: {}\n", 2, "filter", "filters", "decontaminate, filters, input"),
        ("input:\n  quesion: q\n", 2, "input.quesion", "question", "passage_lang"),
        ("translation:\n  model: x\n", 2, "translation.model", "models", "decoding"),
        (
            "translation:\n  decoding:\n    beamsize: 2\n",
            3, "translation.decoding.beamsize", "beam_size", "temperature",
        ),
        ("output:\n\n  unit_row: 2\n", 3, "output.unit_row", "unit_rows", "native"),
        ("filters:\n  fidelty: {}\n", 2, "filters.fidelty", "fidelity", "duplicates"),
        (
            "filters:\n  fidelity:\n    chr: {}\n",
            3, "filters.fidelity.chr", "chrf", "passage_chrf",
        ),
        (
            "filters:\n  fidelity:\n    chrf:\n      mim: 3\n",
            4, "filters.fidelity.chrf.mim", "min", "on_null",
        ),
        (
            "filters:\n  fidelity:\n    embedding_cosine:\n      modle: x\n",
            4, "filters.fidelity.embedding_cosine.modle", "model", "on_null",
        ),
    ],
)  # fmt: skip
def test_an_unknown_key_is_named_with_its_place_and_a_suggestion(
    recipe, text, line, key, meant, allowed
):
    with pytest.raises(RecipeError) as caught:
        load_recipe(recipe(text))
    message = str(caught.value)
    assert f"recipe.yaml, line {line}: {key}: unknown key (did you mean {meant!r}?)" in message
    assert allowed in message.split("allowed are ")[1]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("output.unit_rows", "0", "greater than or equal to 1, not 0"),
        ("output.unit_rows", "100001", "less than or equal to 100000"),
        ("output.unit_rows", "many", "valid integer"),
        ("output.native", "perhaps", "valid boolean"),
        ("translation.decoding.beam_size", "0", "greater than or equal to 1"),
        ("translation.decoding.candidates", "-1", "greater than or equal to 1"),
        ("translation.decoding.temperature", "0", "greater than 0"),
        ("translation.decoding.method", "greedy", "'nbest' or 'sampling'"),
        ("translation.decoding.max_input_tokens", "7", "greater than or equal to 8"),
        ("filters.fidelity.chrf.min", "high", "valid number"),
        ("filters.fidelity.chrf.min", ".nan", "finite number"),
        ("filters.fidelity.chrf.on_null", "keep", "'reject' or 'pass'"),
        ("filters.fidelity.embedding_cosine.model", "3", "not of type str"),
        ("filters.retrieval.rank.k", "0", "it is 1 or more"),
        ("filters.fidelity.cometkiwi.gpus", "-1", "it is 0 or more"),
        ("routes", "en:pt", "valid list"),
        ("input", "5", "input"),
        ("filters", "[]", "valid dictionary"),
        ("filters.fidelity", "3", "valid dictionary"),
        ("filters.fidelity.chrf", "3", "3 is not a mapping of what it sets: enabled, min, max"),
    ],
)
def test_a_value_out_of_range_is_named_with_what_is_allowed(key, value, said):
    with pytest.raises(RecipeError) as caught:
        load_recipe(assignments=[f"{key}={value}"])
    assert str(caught.value).startswith(f"--set {key}")
    assert said in str(caught.value)


def test_an_unknown_name_is_told_before_what_is_wrong_with_its_value():
    for key, wrong, right in (
        ("filters.fidelty.chrf", "filters.fidelty", "fidelity"),
        ("filters.fidelity.chfr", "filters.fidelity.chfr", "chrf"),
    ):
        said = rf"^--set {re.escape(wrong)}: unknown key \(did you mean '{right}'\?\)"
        with pytest.raises(RecipeError, match=said):
            load_recipe(assignments=[f"{key}=3"])


def test_a_value_out_of_range_in_a_file_has_its_line(recipe):
    with pytest.raises(RecipeError, match=r"recipe\.yaml, line 3: translation\.decoding\.seed: "):
        load_recipe(recipe("translation:\n  decoding:\n    seed: -1\n"))


def test_a_value_of_an_option_is_not_put_down_to_the_file(recipe):
    path = recipe("output:\n  unit_rows: 10\nroutes: [en:pt]\n")
    with pytest.raises(RecipeError, match=r"^--set output\.unit_rows: Input should be"):
        load_recipe(path, assignments=["output.unit_rows=0"])
    with pytest.raises(RecipeError, match=r"^output\.unit_rows: Input should be"):
        load_recipe(path, {"output.unit_rows": 0})
    with pytest.raises(RouteError, match=r"recipe\.yaml, line 1: routes\.1: route 'en' needs"):
        load_recipe(recipe("routes: [en:pt, en]\n"))


def test_thresholds_that_contradict_each_other_are_refused(recipe):
    with pytest.raises(RecipeError, match=r"line 2: filters.fidelity.chrf: min 99 is above max 97"):
        load_recipe(recipe("filters:\n  fidelity: {chrf: {min: 99}}\n"))


@pytest.mark.parametrize(
    "assignment", ["", "routes", "=3", "a.b", "filters.fidelity.chrf.min=[", ".=1", "a..b=1"]
)
def test_an_assignment_that_is_none_is_refused(assignment):
    with pytest.raises(RecipeError):
        load_recipe(assignments=[assignment])


def test_a_number_sign_in_an_assignment_begins_no_comment():
    recipe = load_recipe(assignments=["input.question=Question #1", "input.passage='Text #2' # x"])
    assert (recipe.input.question, recipe.input.passage) == ("Question #1", "Text #2")


def test_a_text_that_begins_with_a_number_sign_is_the_text():
    assert load_recipe(assignments=["input.question=#question"]).input.question == "#question"


@pytest.mark.parametrize("value", ["5 #x", "[en:pt] # x", "~ #x", "true #"])
def test_what_yaml_would_drop_behind_anything_but_text_is_refused(value):
    with pytest.raises(RecipeError, match=r"'#.*' is a comment; leave it out.*quotes"):
        load_recipe(assignments=[f"routes={value}"])
    assert load_recipe(assignments=['input.question="5 #x"']).input.question == "5 #x"


@pytest.mark.parametrize("within", ["file", "assignment"])
def test_an_assignment_changes_nothing_else_that_an_alias_names(recipe, within):
    shared = "{question_length: &length {min: 5, max: 99}, passage_length: *length}"
    given = {"file": "filters:\n  text: " + shared, "assignment": ""}[within]
    assignments = [f"filters.text={shared}"] if within == "assignment" else []
    loaded = load_recipe(recipe(given), None, [*assignments, "filters.text.question_length.min=7"])
    found = [loaded.filters[f"text.{name}_length"].threshold for name in ("question", "passage")]
    assert [threshold.min for threshold in found] == [7, 5]


def test_an_assignment_below_a_value_is_refused():
    with pytest.raises(RecipeError, match="output holds a value, not a section"):
        load_recipe(assignments=["output=3", "output.native=false"])


def test_set_wins_over_options_and_those_over_the_file(recipe):
    path = recipe("output: {unit_rows: 1, native: false}\ntranslation: {decoding: {seed: 4}}\n")
    loaded = load_recipe(
        path,
        {"output.unit_rows": 2, "translation.decoding.seed": 5},
        ["output.unit_rows=3", "output.unit_rows=4"],
    )
    assert loaded.output.unit_rows == 4
    assert loaded.decoding.seed == 5
    assert loaded.output.native is False


@pytest.mark.parametrize(
    "text",
    [
        "routes: !!python/object/apply:os.system ['touch {mark}']\n",
        "!!python/object/new:os.system ['touch {mark}']\n",
        "routes: !!python/name:os.system\n",
    ],
)
def test_yaml_runs_no_code(recipe, tmp_path, text):
    mark = tmp_path / "mark"
    with pytest.raises(RecipeError, match="is not YAML"):
        load_recipe(recipe(text.format(mark=mark)))
    with pytest.raises(RecipeError, match="is not YAML"):
        load_recipe(assignments=[f"routes=!!python/object/apply:os.system ['touch {mark}']"])
    assert not mark.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("routes: [en:pt\ninput: {}\n", "bad.yaml, line 2, column 6: is not YAML: "),
        ("input:\n  lang: a: b\n", "bad.yaml, line 2, column 10: is not YAML: mapping values"),
        ("input:\n  lang: \x01\n", "bad.yaml, line 2, column 9: is not YAML: the character"),
        ("a: 1\na: 2\n", "bad.yaml, line 2, column 1: is not YAML: the key 'a' is there twice"),
        ("a: 2024-13-45\n", "bad.yaml: is not YAML: month must be in 1..12"),
    ],
)
def test_what_is_no_yaml_is_told_in_one_line_with_its_place(tmp_path, text, said):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_value_that_is_no_yaml_is_told_in_one_line():
    with pytest.raises(RecipeError, match="the value is not YAML") as caught:
        load_recipe(assignments=["routes=[en:pt"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "setting",
    [
        "filters.fidelity.chrf.min=yes",
        "filters.fidelity.chrf.max=false",
        "output.unit_rows=on",
        "input.limit=true",
        "code_switch.ratio=yes",
        "translation.decoding.candidates=yes",
        "translation.decoding.max_input_tokens=yes",
    ],
)
def test_yes_and_no_are_no_numbers(setting):
    with pytest.raises(RecipeError, match=r"wants a number, not (true|false)") as caught:
        load_recipe(assignments=[setting])
    assert str(caught.value).startswith(f"--set {setting.partition('=')[0]}")


@pytest.mark.parametrize("setting", ["input.lang=no", "input.question=0", "input.title=T: long"])
def test_a_text_that_yaml_reads_as_something_else_is_told_to_be_quoted(setting):
    with pytest.raises(RecipeError, match="""in quotes, such as '"no"'"""):
        load_recipe(assignments=[setting])
    key, _, value = setting.partition("=")
    loaded = load_recipe(assignments=[f'{key}="{value}"'])
    assert getattr(loaded.input, key.partition(".")[2]) == value


def test_yes_and_no_are_booleans_where_these_are_wanted():
    loaded = load_recipe(assignments=["output.native=no", "filters.fidelity.chrf.enabled=no"])
    assert loaded.output.native is False
    assert "fidelity.chrf" not in loaded.enabled


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"routes: [en:pt", "is not YAML"),
        (b"- en:pt\n", "a mapping of sections, not list"),
        (b"just words", "a mapping of sections, not str"),
        (b"routes: \xff\xfe", "cannot be read as a recipe"),
        (b"1: 2\n", "1"),
        (b"routes: [en:pt]\nroutes: [en:pt:en]\n", "'routes' is there twice"),
        (b"input: &a\n  question: *a\n", "levels of nesting"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused_and_named(tmp_path, content, said):
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert "bad.yaml" in str(caught.value)
    assert said in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(RecipeError, match="cannot be read as a recipe"):
            load_recipe(path)


def test_an_empty_file_is_the_defaults(recipe):
    assert load_recipe(recipe("# nothing\n")).resolved() == load_recipe().resolved()


def test_the_defaults_are_what_the_scores_declare():
    filters = load_recipe(overrides={"decontaminate": {"x": "y"}}).filters
    for score in all_scores():
        setting = filters[score.name]
        assert (setting.threshold.min, setting.threshold.max) == (score.min, score.max)
        assert setting.enabled == score.enabled


def test_contamination_is_judged_only_against_a_benchmark():
    assert not any(name.startswith("contamination.") for name in load_recipe().enabled)
    named = load_recipe(overrides={"decontaminate": {"xquad": "data/parallel"}})
    assert "contamination.question" in named.enabled


@pytest.mark.parametrize("setting", ["enabled=true", "max=0.5", "on_null=pass", "enabled=null"])
def test_contamination_without_a_benchmark_is_refused(setting):
    given = f"filters.contamination.question.{setting}"
    with pytest.raises(RecipeError, match=rf"{given.partition('=')[0]}: .*--decontaminate"):
        load_recipe(assignments=[given])
    load_recipe(overrides={"decontaminate": {"xquad": "data/parallel"}}, assignments=[given])


@pytest.mark.parametrize("benchmarks", [{}, {"xquad": "data/parallel"}])
def test_a_recipe_with_or_without_benchmarks_resolves_to_itself(benchmarks, recipe):
    resolved = load_recipe(overrides={"decontaminate": benchmarks}).resolved()
    assert load_recipe(recipe(yaml.safe_dump(resolved))).resolved() == resolved
    off = ["filters.contamination.question.enabled=false"]
    assert "contamination.question" not in load_recipe(assignments=off).enabled


def test_a_null_removes_a_bound():
    chrf = load_recipe(assignments=["filters.fidelity.chrf.max=null"]).filters["fidelity.chrf"]
    assert chrf.threshold.max is None
    assert chrf.threshold.min is not None


def test_routes_are_kept_once_in_their_order():
    loaded = load_recipe(overrides={"routes": ["en:pt:en", "en:pt", "EN:pt:en"]})
    assert [str(route) for route in loaded.routes] == ["en:pt:en", "en:pt"]


@pytest.mark.parametrize(
    ("overrides", "error", "said"),
    [
        ({"routes": ["en"]}, RouteError, "'en' needs two"),
        ({"routes": ["en:klingonese"]}, LanguageError, "klingonese"),
        ({"translation.models": ["a/b", "c/d"]}, ModelError, "keep one"),
        ({"translation.models": ["en:xyzzyq=a/b"]}, LanguageError, "xyzzyq"),
        ({"translation.quantization": "int4"}, RecipeError, "'int8', 'int8_float32'"),
    ],
)
def test_routes_and_models_are_checked_when_the_recipe_is_read(overrides, error, said):
    with pytest.raises(error, match=said):
        load_recipe(overrides=overrides)


ENABLED = st.sampled_from([score.name for score in all_scores()])


@settings(max_examples=30)  # each is written as YAML and read again
@given(
    st.lists(st.sampled_from(["en:pt", "en:pt:en", "pt:en:es"]), max_size=3),
    st.dictionaries(ENABLED, st.booleans(), max_size=5),
    st.dictionaries(ENABLED, st.floats(0, 1, width=32), max_size=5),
    st.integers(1, 100_000),
    st.sampled_from([[], ["opus-mt"], ["a/b", "en:pt=c/d"]]),
)
def test_a_resolved_recipe_is_a_recipe_that_resolves_to_itself(
    tmp_path_factory, routes, enabled, floors, unit_rows, models
):
    said = {**dict.fromkeys(floors, True), **enabled}
    assignments = [f"filters.{name}.enabled={str(on).lower()}" for name, on in said.items()]
    assignments += [f"filters.{name}.max=null" for name in floors]
    assignments += [f"filters.{name}.min={json.dumps(low)}" for name, low in floors.items()]
    resolved = load_recipe(
        overrides={
            "routes": routes,
            "output.unit_rows": unit_rows,
            "translation.models": models,
            "decontaminate": {"bench": "some/where"},
        },
        assignments=assignments,
    ).resolved()
    path = tmp_path_factory.mktemp("recipe") / "resolved.yaml"
    path.write_text(yaml.safe_dump(json.loads(json.dumps(resolved))), encoding="utf-8")
    assert load_recipe(path).resolved() == resolved


def test_the_schema_lists_every_section():
    assert set(recipe_schema()["properties"]) == set(load_recipe().resolved())


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.name)
def test_the_recipes_that_are_shipped_are_valid(path):
    assert load_recipe(path).routes


@pytest.mark.parametrize(
    "assignment",
    [
        "filters.fidelity.chrf.min=1000",
        "filters.fidelity.chrf.min=-1",
        "filters.question_answering.names.max=2",
        "translation.decoding.candidates=1000",
    ],
)
def test_a_value_that_no_score_or_beam_can_have_is_refused(assignment):
    with pytest.raises(RecipeError, match=assignment.split("=")[0].replace(".", r"\.")):
        load_recipe(None, {"routes": ["en:pt"]}, [assignment])


@pytest.mark.parametrize(
    "text",
    [
        "0x" + "f" * 4000,
        "0b" + "1" * 20_000,
        ":".join(["1"] * 3000),
        "{? 0x" + "f" * 4000 + " : 1}",
    ],
    ids=["hex", "binary", "sexagesimal", "key"],
)
def test_a_whole_number_longer_than_python_writes_is_refused(recipe, text):
    with pytest.raises(RecipeError, match="a whole number of more than 128 bits"):
        load_recipe(recipe(f"output: {{unit_rows: {text}}}"))
    with pytest.raises(RecipeError, match="a whole number of more than 128 bits"):
        load_recipe(None, {"routes": ["en:pt"]}, [f"translation.decoding.seed={text}"])


def test_a_threshold_of_a_score_that_is_off_is_refused():
    place = "filters.fidelity.embedding_cosine"
    with pytest.raises(RecipeError, match=rf"{place}\.min: .* is off unless .*{place}\.enabled"):
        load_recipe(assignments=[f"{place}.min=0.9"])
    assert (
        "fidelity.embedding_cosine"
        in load_recipe(assignments=[f"{place}.min=0.9", f"{place}.enabled=true"]).enabled
    )
    assert load_recipe(assignments=[f"{place}.min=0.9", f"{place}.enabled=false"])


def test_an_option_of_a_score_that_is_off_is_refused():
    with pytest.raises(RecipeError, match=r"retrieval\.rank\.k: .* is off unless .*enabled=true"):
        load_recipe(assignments=["filters.retrieval.rank.k=5"])
