"""A run goes on with what it began with, though the hub has moved or a GPU has less memory."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from bt_augment.errors import ModelError, RunFolderError
from bt_augment.generation import Generation, generate, generate_shard, pipeline, sharding
from bt_augment.generation.engines.local import LocalThreads
from bt_augment.generation.preparation import as_begun, prepare
from bt_augment.generation.shard_claims import Shard
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
def ask(tmp_path, english, write_rows):
    """Return requests along en:pt with a model, a unit a row, and a cache by name."""
    source = write_rows(english[:2])

    def ask(model, cache, run="run", **more):
        recipe = load_recipe(
            None, {"routes": ["en:pt"], "translation.models": [model], "output.unit_rows": 1}
        )
        environment = {"BT_AUGMENT_CACHE": str(tmp_path / "caches" / cache)}
        return Generation([str(source)], tmp_path / run, recipe, environment=environment, **more)

    return ask


@pytest.fixture
def make(ask):
    def make(model, cache, progress=None, **more):
        return generate(ask(model, cache, **more), progress)

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


@pytest.mark.parametrize("as_shard", [True, False], ids=["shard", "whole"])
def test_begun_by_another_job_after_this_one_was_prepared(
    monkeypatch, tmp_path, moving_hub, ask, arrow_bytes, as_shard
):
    room = sharding if as_shard else pipeline

    def prepared_too_early(request):
        """Prepare, then wait until another job has begun, of other commits."""
        moving_hub.newest = LATER
        prepared = prepare(request)
        moving_hub.newest = FIRST
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(room, "prepare", prepare)
            generate_shard(ask(OPUS, "other"), Shard(1, 2))
        moving_hub.newest = LATER
        return prepared

    monkeypatch.setattr(room, "prepare", prepared_too_early)
    if as_shard:
        assert generate_shard(ask(OPUS, "own"), Shard(2, 2)).run_made == 2
    generate(ask(OPUS, "own"))
    generate(ask(OPUS, "other", run="calm"))
    assert arrow_bytes(tmp_path / "run") == arrow_bytes(tmp_path / "calm")
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["models"]["en:pt"]["revision"] == FIRST


def test_jobs_that_start_together_on_gpus_of_different_memory(monkeypatch, ask):
    sizes = iter([32768, 16384])
    monkeypatch.setattr(LocalThreads, "resolve_device", lambda *_: "cuda")
    monkeypatch.setattr(LocalThreads, "gpu_batch_tokens", lambda *_: next(sizes))
    request = ask("bundled:mini", "cache")
    first, second = prepare(request), prepare(request)
    with first.folder.claimed():
        assert as_begun(request, first) is first
        first.folder.begin(first.identity, overwrite=False)
    with second.folder.claimed():
        second = as_begun(request, second)
        second.folder.begin(second.identity, overwrite=False)
    assert second.work.recipe.decoding.batch_tokens == 32768


def test_a_run_that_another_job_began_alike_is_not_prepared_again(ask):
    request = ask("bundled:mini", "cache")
    first, second = prepare(request), prepare(request)
    with first.folder.claimed():
        first.folder.begin(first.identity, overwrite=False)
    with second.folder.claimed():
        assert as_begun(request, second) is second
