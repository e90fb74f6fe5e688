"""All languages of NLLB through readers, routes, filters, shards, verify and filter."""

import json

import pytest

from bt_augment.augmentation.back_translation import BackTranslator
from bt_augment.filtering.registry import build_filters
from bt_augment.generation import refilter
from bt_augment.generation.ingestion import ingest, read_unit
from bt_augment.generation.refiltering import stored_recipe
from bt_augment.generation.units import UnitMaker
from bt_augment.generation.writing import finish_run, write_units
from bt_augment.languages import FLORES_CODES, flores_code, normalize_tag, script_of
from bt_augment.pairs.readers import InputSettings
from bt_augment.progress import Silent
from bt_augment.recipe import load_recipe
from bt_augment.shards.run_folder import RunFolder
from bt_augment.shards.verification import verify
from bt_augment.translation.decoding import Hypothesis
from bt_augment.translation.route import Route

TAGS = list(dict.fromkeys(normalize_tag(code) for code in FLORES_CODES))
ROUTES = [f"{tag}:en" if tag != "en" else "en:pt" for tag in TAGS]


class StandIn:
    """Marks each sentence as translated."""

    class model:
        label = "stand-in@0"

    def translate(self, sentences, decoding, *, salt=0):
        return [[Hypothesis(f"{s}!", 1, -0.1)] * decoding.candidates for s in sentences]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Return a run with one pair, one route and one made row in each of two hundred languages."""
    folder = tmp_path_factory.mktemp("world")
    source = folder / "pairs.jsonl"
    rows = [
        {"id": tag, "question": "Who lit the lamp?", "passage": f"{tag}: Ana lit it.", "lang": code}
        for tag, code in zip(TAGS, [flores_code(tag) for tag in TAGS], strict=True)
    ]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    recipe = load_recipe(None, {"routes": ROUTES, "output.unit_rows": 64})
    run = RunFolder(folder / "run")
    with run.claimed():
        run.begin({"recipe": recipe.resolved()}, overwrite=False)
        ingested = ingest(run, [str(source)], InputSettings(), 64, Silent())
        hops = {hop: StandIn() for route in recipe.routes for hop in route.hops}
        maker = UnitMaker(
            [BackTranslator(recipe.routes, hops, recipe.decoding)],
            build_filters(recipe.enabled, {n: s.options for n, s in recipe.filters.items()}),
            recipe.enabled,
        )
        journal = run.journal()
        units = range(ingested.units)
        scored = ((unit, maker.make(read_unit(run, unit), unit)) for unit in units)
        write_units(run, journal, scored, recipe, ingested.units, Silent())
        finish_run(run, journal, ingested)
    return folder / "run", ingested


def test_each_is_read_under_its_own_tag_and_the_books_balance(world):
    run, ingested = world
    assert len(TAGS) >= 200
    assert ingested.languages == dict.fromkeys(TAGS, 1)
    assert not ingested.quarantined
    manifest = json.loads((run / "manifest.json").read_text())
    # A route also takes texts in its language's other scripts (ace-Arab, ace-Latn).
    applies = sum(Route.parse(route).starts_in(tag) for route in ROUTES for tag in TAGS)
    assert len(TAGS) <= applies <= len(TAGS) + 20
    assert manifest["totals"]["candidates"] == applies
    assert manifest["totals"]["not_applicable"] == len(TAGS) ** 2 - applies
    assert verify(run).problems == ()


def test_rows_keep_their_tags_and_can_be_judged_anew(world, split_rows, tmp_path):
    run, _ = world
    made = [r for s in ("train", "rejected") for r in split_rows(run, s) if r["method"] != "native"]
    assert {(tag, tag) for tag in TAGS} <= {(row["source_id"], row["route"][0]) for row in made}
    refilter(run, tmp_path / "anew", stored_recipe(run, None, ["filters.fidelity.chrf.min=0"]))
    assert verify(tmp_path / "anew").problems == ()


def test_every_tag_has_a_script():
    assert all(len(script_of(tag)) == 4 and script_of(tag) != "Zyyy" for tag in TAGS)
