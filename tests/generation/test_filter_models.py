"""Models that filters ask are part of what a run is."""

import json
import re

import pytest

from bt_augment._version import __version__
from bt_augment.errors import ModelError, RecipeError, RunFolderError
from bt_augment.filtering import encoder
from bt_augment.generation import Generation, RayCluster, filter_models, generate
from bt_augment.generation.engines.ray_actor import UnitActor
from bt_augment.generation.filter_models import with_pinned
from bt_augment.generation.preparation import prepare
from bt_augment.generation.unit_work import UnitWork
from bt_augment.recipe import load_recipe

RANK = "retrieval.rank"


def recipe_of(model, **more):
    return load_recipe(
        None, {"routes": ["en:pt:en"], "output.unit_rows": 4, **more},
        [f"filters.{RANK}.enabled=true", f"filters.{RANK}.model={model}"],
    )  # fmt: skip


@pytest.fixture
def static_folder(tmp_path):
    pytest.importorskip("sentence_transformers")
    from bt_augment.training.static_encoder import static_encoder

    static_encoder("static:bundled", dimensions=8).save(str(tmp_path / "encoder"))
    return tmp_path / "encoder"


def test_a_run_goes_on_with_the_encoder_it_began_with(
    tmp_path, static_folder, english, write_rows, environment
):
    source = write_rows(english[:4])
    request = Generation(
        [str(source)], tmp_path / "run", recipe_of(static_folder), device="cpu",
        environment=environment,
    )  # fmt: skip
    generate(request)
    noted = json.loads((tmp_path / "run" / "run.json").read_text())["filter_models"][RANK]
    assert noted["name"] == str(static_folder)
    weights = next(static_folder.rglob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(RunFolderError, match=f"filter_models.{RANK}.fingerprint was"):
        generate(request)


def test_one_of_the_hub_is_pinned_and_loaded_by_its_revision(tmp_path, monkeypatch):
    monkeypatch.setattr(filter_models, "pin_revision", lambda name, wanted: f"{wanted or 'new'}1")
    for model, revision in (("some/encoder", "new1"), ("some/encoder@v2", "v21")):
        recipe = recipe_of(model)
        found = filter_models.filter_models(recipe, tmp_path)
        assert found == {RANK: {"name": "some/encoder", "revision": revision}}
        pinned = with_pinned(recipe, found).filters[RANK].options["model"]
        assert pinned == f"some/encoder@{revision}"
        asked = {}

        def pin(name, wanted, asked=asked):
            asked.update(name=name, wanted=wanted)
            raise ModelError("enough")

        monkeypatch.setattr(encoder, "pin_revision", pin)
        with pytest.raises(ModelError, match="enough"):
            encoder.Encoder(pinned, "a filter").encode(["a"], "query")
        assert asked == {"name": "some/encoder", "wanted": revision}


def test_a_run_that_goes_on_does_not_ask_the_hub_again(tmp_path, monkeypatch):
    monkeypatch.setattr(filter_models, "pin_revision", lambda name, wanted: "later")
    begun = {RANK: {"name": "some/encoder", "revision": "first"}}
    found = filter_models.filter_models(recipe_of("some/encoder"), tmp_path, begun)
    assert found == begun
    found = filter_models.filter_models(recipe_of("other/encoder"), tmp_path, begun)
    assert found == {RANK: {"name": "other/encoder", "revision": "later"}}


def test_a_ray_actor_wants_the_very_model_that_the_command_found(
    tmp_path, write_rows, english, environment, monkeypatch
):
    monkeypatch.setenv("BT_AUGMENT_CACHE", environment["BT_AUGMENT_CACHE"])
    monkeypatch.setattr(UnitWork, "maker", lambda *a, **k: None)
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder" / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    request = Generation(
        [str(write_rows(english[:4]))], tmp_path / "run", recipe_of("encoder"),
        environment=environment, engine=RayCluster(),
    )  # fmt: skip
    actor = UnitActor(prepare(request).work, __version__, workers=1, gpus=0)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert actor.prepare() is None
    (tmp_path / "encoder" / "config.json").write_text('{"other": 1}')
    assert re.search(r"has the fingerprint \w{16}\. Put it", actor.prepare().message)
    (tmp_path / "encoder").rename(tmp_path / "moved")
    assert "encoder is not there" in actor.prepare().message


def test_an_encoder_that_is_not_there_is_told_before_anything_is_read(tmp_path, environment):
    request = Generation(
        [str(tmp_path / "not looked at.jsonl")], tmp_path / "run",
        recipe_of("no/such/encoder"), environment=environment,
    )  # fmt: skip
    with pytest.raises(ModelError, match="no/such/encoder"):
        prepare(request)
    assert not (tmp_path / "run").exists()


def test_units_of_more_rows_than_can_be_numbered_are_refused(english, write_rows, environment):
    recipe = load_recipe(
        None,
        {"routes": ["en:pt:en", "en:pt"], "output.unit_rows": 100_000,
         "translation.decoding.candidates": 6},
    )  # fmt: skip
    source = write_rows(english[:1])
    with pytest.raises(
        RecipeError, match=r"output\.unit_rows: 100,000 native rows may become 1,200"
    ):
        prepare(Generation([str(source)], "run", recipe, environment=environment))
