"""A run that code-switches: aligned rows, balanced books, judged anew, trained on."""

import json
from pathlib import Path

import pytest

from bt_augment.errors import InputError, LexiconError
from bt_augment.generation import Generation, generate, refilter
from bt_augment.generation.refiltering import stored_recipe
from bt_augment.recipe import load_recipe
from bt_augment.shards.browsing import browse
from bt_augment.shards.verification import verify
from bt_augment.training.aligned_rows import read_rows

WORDS = {
    "en-pt.txt": "the o\nwhat que\nwhere onde\nwater água\nand e\nin em\nof de\nis é\n",
    "en-de.txt": "the der\nthe die\nwhat was\nwater Wasser\nand und\nof von\nis ist\n",
}


@pytest.fixture(scope="module")
def lexicons(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lexicons")
    for name, text in WORDS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [str(folder / name) for name in WORDS]


@pytest.fixture(scope="module")
def run(tmp_path_factory, data, lexicons):
    out = tmp_path_factory.mktemp("switched") / "run"
    recipe = load_recipe(
        None,
        {
            "routes": ["en:pt"],
            "code_switch.lexicons": lexicons,
            "input.limit": 40,
            "output.unit_rows": 16,
        },
    )
    generate(Generation([str(data / "en" / "qa.json")], out, recipe))
    return out


def test_the_books_balance_with_routes_and_switches(run):
    assert verify(run).problems == ()
    totals = json.loads((run / "manifest.json").read_text())["totals"]
    assert set(totals["routes"]) == {"en:pt", "en:en+pt", "en:en+de", "en:en+pt+de"}
    assert totals["candidates"] == 40 * 4


def test_rows_are_ordered_by_source_and_kind(run, split_rows):
    rows = split_rows(run, "train")
    made = [row for row in rows if row["method"] != "native" and row["source_id"] == "en-0001"]
    routes = [":".join(row["route"]) for row in made]
    order = ["en:pt", "en:en+pt", "en:en+de", "en:en+pt+de"]
    assert routes == [route for route in order if route in routes]
    switched = [row for row in rows if row["method"] == "code_switch"]
    natives = {row["id"]: row for row in rows if row["method"] == "native"}
    assert len(switched) > 60
    for row in switched:
        assert row["question_lang"] == row["passage_lang"] == "en"
        assert row["passage"] != natives[row["source_id"]]["passage"]
        assert row["group_id"] == natives[row["source_id"]]["group_id"]
        assert all(label.startswith("en-") for label in row["models"])


@pytest.mark.parametrize("spelling", ["en:en+pt", "EN: En + POR"])
def test_its_rows_are_looked_at_in_any_spelling_of_the_tags(run, spelling):
    (example,) = browse(run, 1, route=spelling)
    assert example.row["route"] == ["en", "en+pt"]


def test_a_run_is_judged_anew_to_the_same_rows(run, tmp_path, arrow_bytes):
    refilter(run, tmp_path / "again", stored_recipe(run))
    assert arrow_bytes(tmp_path / "again") == arrow_bytes(run)
    assert verify(tmp_path / "again").problems == ()


def test_a_run_may_code_switch_alone_and_is_the_same_each_time(
    tmp_path, data, lexicons, arrow_bytes
):
    for name in ("one", "two"):
        recipe = load_recipe(None, {"code_switch.lexicons": lexicons[:1], "input.limit": 20})
        generate(Generation([str(data / "en" / "qa.json")], tmp_path / name, recipe))
    assert arrow_bytes(tmp_path / "one") == arrow_bytes(tmp_path / "two")
    assert not (Path(tmp_path) / "one" / ".work").exists()


def test_training_finds_the_rows(run):
    assert read_rows([run]).counts()["methods"]["code_switch"] > 60


def test_pairs_whose_texts_differ_in_the_region_alone_are_switched(
    tmp_path, english, write_rows, lexicons
):
    regional = write_rows([{**english[0], "question_lang": "en-US", "passage_lang": "en-GB"}])
    recipe = load_recipe(None, {"code_switch.lexicons": lexicons[:1]})
    assert generate(Generation([str(regional)], tmp_path / "run", recipe)).totals.candidates == 1


def test_a_lexicon_of_another_language_applies_to_nothing(tmp_path, data, lexicons):
    recipe = load_recipe(None, {"code_switch.lexicons": lexicons, "input.lang": "pt"})
    with pytest.raises(InputError, match=r"route en:en\+pt applies to no row"):
        generate(Generation([str(data / "pt" / "qa.json")], tmp_path / "run", recipe))


def test_a_changed_lexicon_is_another_run(run, tmp_path, data, command):
    path = tmp_path / "en-pt.txt"
    path.write_text("the o\n", encoding="utf-8")
    arguments = ("generate", data / "en" / "qa.json", "--limit", 4, "--code-switch", path)
    first = command(*arguments, "--ratio", 1, "--out", tmp_path / "run", "--json")
    assert first.code == 0, first.err
    path.write_text("the o\nand e\n", encoding="utf-8")
    second = command(*arguments, "--ratio", 1, "--out", tmp_path / "run")
    assert second.code == 2
    assert "switches" in second.err


def test_a_broken_lexicon_ends_the_run_before_any_work(tmp_path, data):
    (tmp_path / "en-pt.txt").write_text("word\n", encoding="utf-8")
    recipe = load_recipe(None, {"code_switch.lexicons": [str(tmp_path / "en-pt.txt")]})
    with pytest.raises(LexiconError, match="line 1"):
        generate(Generation([str(data / "en" / "qa.json")], tmp_path / "run", recipe))
    assert not (tmp_path / "run").exists()
