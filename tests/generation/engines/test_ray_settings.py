"""What can be known of a Ray engine before any cluster is asked."""

import pytest

from bt_augment import errors
from bt_augment.errors import EngineError, MissingDependencyError, ModelError, RouteError
from bt_augment.generation import RayCluster
from bt_augment.generation.engines import ray_cluster
from bt_augment.generation.engines.ray_actor import Failure
from bt_augment.translation.devices import GPU_BATCH_TOKENS


@pytest.mark.parametrize(
    ("device", "gpus", "resolved"),
    [
        ("auto", None, "cpu"),
        ("auto", 1, "cuda"),
        ("cuda", None, "cuda"),
        ("cuda", 0.5, "cuda"),
        ("cpu", None, "cpu"),
        ("cpu", 0, "cpu"),
    ],
)
def test_actors_with_gpus_use_them(device, gpus, resolved):
    assert RayCluster(actor_gpus=gpus).resolve_device(device) == resolved


@pytest.mark.parametrize(
    ("device", "gpus", "said"),
    [
        ("cuda:0", None, "given out by Ray"),
        ("cpu", 1, "leave one out"),
        ("cuda", 0, "wants GPUs"),
        ("gpu", None, "write auto"),
    ],
)
def test_devices_that_contradict_each_other_are_refused(device, gpus, said):
    with pytest.raises(ModelError, match=said):
        RayCluster(actor_gpus=gpus).resolve_device(device)


def test_the_batch_is_the_same_on_all_gpus():
    assert RayCluster().gpu_batch_tokens("cuda") == GPU_BATCH_TOKENS


def opened(settings):
    return settings.open(None, {}, workers=None, device="cpu")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (RayCluster("ray://head:10001"), "Ray's client is not supported"),
        (RayCluster(actor_gpus=1.5), "whole number"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_at_once(settings, said, monkeypatch):
    monkeypatch.setattr(ray_cluster, "find_spec", lambda name: object())
    with pytest.raises(EngineError, match=said):
        opened(settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"actors": 0}, "actors is 0; it must be 1 or more"),
        ({"actors": 2.5}, "actors is 2.5; it must be a whole number"),
        ({"actor_gpus": -1}, "actor_gpus is -1; it must be 0 or more"),
        ({"actor_gpus": float("inf")}, "actor_gpus is inf; it must be a number"),
        ({"actor_gpus": float("nan")}, "actor_gpus is nan; it must be a number"),
    ],
)
def test_numbers_out_of_range_are_refused(settings, said):
    with pytest.raises(EngineError, match=said):
        RayCluster(**settings)


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(ray_cluster, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'bt-augment\[ray\]'"):
        opened(RayCluster())


@pytest.mark.parametrize(
    ("cpus", "gpus", "room"), [(1, 0, 8), (3, 0, 2), (9, 0, 0), (1, 1, 2), (1, 0.5, 4), (5, 1, 1)]
)
def test_a_node_has_room_for_whole_actors(cpus, gpus, room):
    assert ray_cluster._room({"CPU": 8.0, "GPU": 2.0, "memory": 1e9}, cpus, gpus) == room


@pytest.mark.parametrize(
    ("workers", "device", "gpus", "said"),
    [
        (64, "cpu", None, "needs 64 CPUs, and this machine has 2 CPUs and 0 GPUs"),
        (None, "cuda", 1, "needs 2 CPUs and 1 GPUs, and this machine has 2 CPUs and 0 GPUs"),
    ],
)
def test_more_than_this_machine_has_is_refused_at_once(workers, device, gpus, said):
    """A cluster at an address may start another machine, and is waited for."""
    nodes = [{"CPU": 2.0}]
    with pytest.raises(EngineError, match=said):
        ray_cluster._posts(RayCluster(actor_gpus=gpus), nodes, device, workers)
    there = RayCluster("head:6379", actor_gpus=gpus)
    assert ray_cluster._posts(there, nodes, device, workers).count == 1


def test_every_error_arrives_as_its_own_kind():
    for error in (
        RouteError("no route"),
        MissingDependencyError("numpy", "all", "this"),
        EngineError("no room"),
    ):
        arrived = Failure.of(error).error()
        assert type(arrived) is type(error)
        assert str(error) in str(arrived)
    unknown = Failure("HubIsDownError", "the hub is down", "node-7").error()
    assert type(unknown) is EngineError
    assert str(unknown) == "on node-7: the hub is down"
    assert isinstance(Failure("os", "not a class", "n").error(), errors.EngineError)


@pytest.mark.parametrize(
    "option", [("--address", "auto"), ("--actors", "2"), ("--actor-gpus", "1")]
)
def test_options_of_ray_are_not_taken_for_the_local_engine(tmp_path, option):
    import click

    from bt_augment.cli.app import app

    arguments = ["generate", "pairs.jsonl", "--route", "en:pt", "--out", str(tmp_path / "run")]
    with pytest.raises(click.UsageError, match=f"{option[0]} is for a Ray cluster"):
        app([*arguments, *option], standalone_mode=False)
