"""A run goes on with what it began with, though the hub has moved and the cache is another."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from bt_augment.errors import ModelError, RunFolderError
from bt_augment.generation import Generation, generate
from bt_augment.recipe import load_recipe
from bt_augment.translation import convert, hub

BUNDLED = Path(hub.__file__).parent / "bundled" / "mini-en-pt"
OPUS = "Helsinki-NLP/opus-mt-en-pt"
FIRST, LATER = "a" * 40, "b" * 40


class _StoppedError(Exception):
    pass


class _Stops:
    """Progress that stops a run after its first unit."""

    def start(self, stage, total):
        pass

    def advance(self, stage, done):
        if stage == "generate" and done:
            raise _StoppedError


@pytest.fixture
def moving_hub(monkeypatch):
    """Stand in for a hub whose models are the bundled one; ``newest`` and ``best`` can change."""
    state = SimpleNamespace(newest=FIRST, best=OPUS)

    def pin(name, wanted):
        return wanted if wanted and len(wanted) == 40 else state.newest

    def converted(checkpoint, folder, *, name, revision, quantization):
        shutil.copytree(BUNDLED, folder)
        told = json.loads((folder / "bt_augment.json").read_text())
        told |= {"name": name, "revision": revision, "quantization": quantization}
        (folder / "bt_augment.json").write_text(json.dumps(told))

    monkeypatch.setattr(hub, "pin_revision", pin)
    monkeypatch.setattr(hub, "find_opus_mt", lambda *_: state.best)
    monkeypatch.setattr(hub, "download", lambda *_: BUNDLED)
    monkeypatch.setattr(convert, "convert", converted)
    return state


@pytest.fixture
def make(tmp_path, english, write_rows):
    """Generate along en:pt with a model, a unit a row, from a cache by name."""
    source = write_rows(english[:2])

    def make(model, cache, progress=None, run="run", **more):
        recipe = load_recipe(
            None, {"routes": ["en:pt"], "translation.models": [model], "output.unit_rows": 1}
        )
        environment = {"BT_AUGMENT_CACHE": str(tmp_path / "caches" / cache)}
        request = Generation([str(source)], tmp_path / run, recipe, environment=environment, **more)
        return generate(request, progress)

    return make


@pytest.mark.parametrize("model", [OPUS, f"{OPUS}@main", "opus-mt"])
def test_the_hub_moved_and_the_cache_is_new(tmp_path, moving_hub, make, arrow_bytes, model):
    make(model, "calm", run="calm")
    with pytest.raises(_StoppedError):
        make(model, "cache", _Stops())
    moving_hub.newest, moving_hub.best = LATER, "Helsinki-NLP/opus-mt-tc-big-en-pt"
    assert make(model, "other").resumed == 1
    assert arrow_bytes(tmp_path / "run") == arrow_bytes(tmp_path / "calm")
    assert make(model, "third").finished

    make(model, "third" if model == OPUS else "fourth", overwrite=True)
    used = json.loads((tmp_path / "run" / "run.json").read_text())["models"]["en:pt"]
    assert used["revision"] == (FIRST if model == OPUS else LATER)  # a cache keeps its own


@pytest.mark.parametrize("other", [f"{OPUS}@{LATER}", "someone/opus-mt-en-pt"])
def test_another_model_is_not_taken_for_that_of_the_run(moving_hub, make, other):
    with pytest.raises(_StoppedError):
        make(OPUS, "cache", _Stops())
    moving_hub.newest = LATER
    with pytest.raises(RunFolderError, match=r"models\.en:pt\.revision was .*aaa.*, is .*bbb"):
        make(other, "cache")


def test_a_commit_that_the_hub_has_no_longer_is_named(monkeypatch, moving_hub, make):
    with pytest.raises(_StoppedError):
        make(OPUS, "cache", _Stops())

    def gone(name, wanted):
        raise ModelError(f"{name} has no {wanted}")

    monkeypatch.setattr(hub, "pin_revision", gone)
    with pytest.raises(ModelError, match=f"{OPUS} has no {FIRST}"):
        make(OPUS, "other")
