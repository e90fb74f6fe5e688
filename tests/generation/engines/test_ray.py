"""Units made by a real Ray cluster of two nodes on this machine."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from importlib.util import find_spec

import psutil
import pytest

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")

ROUTES = ("--route", "en:pt:en", "--route", "en:pt")

_CLUSTER = """
import sys
from ray.cluster_utils import Cluster

cluster = Cluster(
    initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
)
node = cluster.add_node(num_cpus=1)
print(cluster.address, flush=True)
for line in sys.stdin:
    if line.strip() == "lose":
        cluster.remove_node(node, allow_graceful=False)
        print("lost", flush=True)
    if line.strip() == "join":
        cluster.add_node(num_cpus=1)
        print("joined", flush=True)
cluster.shutdown()
"""

# The command in a process whose actors make every unit but one.
_POISONED = """
import os, signal
from bt_augment import errors
from bt_augment.generation import preparation
from bt_augment.generation.unit_work import UnitWork

class PoisonedWork(UnitWork):
    def maker(self, models, **more):
        maker = UnitWork.maker(self, models, **more)
        make = maker.make
        def poisoned(natives, unit):
            if unit == 1:
                {act}
            return make(natives, unit)
        maker.make = poisoned
        return maker

preparation.UnitWork = PoisonedWork
from bt_augment.cli.main import main; main()
"""


class RunningCluster:
    """A cluster in a process of its own, so that the tests' own process is never on Ray."""

    def __init__(self, environment):
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CLUSTER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self.address = self._process.stdout.readline().strip()
        assert self.address, "no Ray cluster came up"

    def actors(self):
        """Return the processes that make units."""
        found = []
        for process in psutil.Process(self._process.pid).children(recursive=True):
            try:
                if process.cmdline()[0].startswith("ray::UnitActor"):
                    found.append(process)
            except (psutil.NoSuchProcess, IndexError):
                continue
        return found

    def lose_node(self):
        """Kill the second node with all its processes."""
        self._ask("lose", "lost")

    def join_node(self):
        """Add a node of one CPU."""
        self._ask("join", "joined")

    def _ask(self, for_what, answer):
        self._process.stdin.write(f"{for_what}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline().strip() == answer

    def close(self):
        self._process.communicate(timeout=60)


@contextmanager
def running(environment):
    cluster = RunningCluster(environment)
    try:
        yield cluster
    finally:
        cluster.close()


@pytest.fixture(scope="module")
def cluster(environment):
    with running(environment) as made:
        yield made


@pytest.fixture
def on_ray(cluster):
    return ("--engine", "ray", "--address", cluster.address, "--workers", 1)


def journal_lines(run):
    path = run / ".work" / "journal.jsonl"
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


def wait_for(process, condition, seconds=180):
    until = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None:
            pytest.fail(f"the run ended with {process.returncode}: {process.stderr.read()}")
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


def end(process):
    process.kill()
    process.communicate(timeout=60)


def test_a_worker_killed_in_mid_run_costs_nothing_but_time(
    tmp_path, english, write_rows, command, make_run, arrow_bytes, cluster, on_ray
):
    # Given a run of many units by two actors, with its first unit written
    run, local = tmp_path / "run", tmp_path / "local"
    source = write_rows(english[:20])
    arguments = ["generate", source, "--route", "en:pt:en", "--unit-rows", 1, "--out", run]
    process = command.start(*arguments, *on_ray)
    try:
        # looked for before: that takes as long as many units
        wait_for(process, lambda: len(cluster.actors()) == 2)
        actors = cluster.actors()
        wait_for(process, lambda: journal_lines(run))

        # When the one that has worked most is killed: the other may not be ready yet
        max(actors, key=lambda actor: sum(actor.cpu_times()[:2])).kill()
        _, err = process.communicate(timeout=300)
    finally:
        end(process)

    # Then its unit is made again, and the run ends as on one machine
    assert process.returncode == 0, err
    assert "its actor died and it is made again" in err
    assert "Traceback" not in err
    make_run(local, source, "output.unit_rows=1", routes=("en:pt:en",))
    assert arrow_bytes(run) == arrow_bytes(local)
    assert command("verify", run).code == 0
    wait_gone(cluster)


def wait_gone(cluster):
    until = time.monotonic() + 60
    while cluster.actors():
        assert time.monotonic() < until, "actors outlive the run"
        time.sleep(0.1)


@pytest.mark.slow
def test_a_worker_that_hangs_costs_only_its_units(
    tmp_path, calm, command, make_run, arrow_bytes, cluster, on_ray
):
    # Given a run whose actors are missed after seconds
    run, local = tmp_path / "run", tmp_path / "local"
    source, _ = calm
    impatient = (
        "from bt_augment.generation.engines import ray_crew\n"
        "ray_crew.ASKED_SECONDS, ray_crew.SILENCE_SECONDS = 2.0, 8.0\n"
        "from bt_augment.cli.main import main; main()"
    )
    process = command.start(
        "generate", source, "--route", "en:pt", "--unit-rows", 4, "--out", run, *on_ray,
        program=impatient,
    )  # fmt: skip
    stopped = []
    try:
        wait_for(process, lambda: len(cluster.actors()) == 2 and journal_lines(run))

        # When one of them is stopped, which Ray does not see
        stopped = [max(cluster.actors(), key=lambda actor: sum(actor.cpu_times()[:2]))]
        stopped[0].suspend()
        _, err = process.communicate(timeout=300)
    finally:
        for actor in stopped:
            with suppress(psutil.NoSuchProcess):
                actor.kill()
        end(process)

    # Then its units are made by others
    assert process.returncode == 0, err
    assert "no sign of life for 8 seconds" in err
    make_run(local, source, "output.unit_rows=4", routes=("en:pt",))
    assert arrow_bytes(run) == arrow_bytes(local)
    wait_gone(cluster)


@pytest.mark.slow
def test_a_killed_driver_leaves_no_actors_and_the_run_goes_on(
    tmp_path, calm, command, arrow_bytes, cluster, on_ray
):
    run = tmp_path / "run"
    source, undisturbed = calm
    arguments = ["generate", source, "--route", "en:pt", "--unit-rows", 16, "--out", run]
    process = command.start(*arguments, *on_ray)
    try:
        wait_for(process, lambda: journal_lines(run))
        process.send_signal(signal.SIGKILL)
    finally:
        end(process)
    kept = len(journal_lines(run))
    wait_gone(cluster)

    resumed = command(*arguments, *on_ray, "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.json["resumed_units"] == kept >= 1
    assert arrow_bytes(run) == arrow_bytes(undisturbed)


@pytest.mark.slow
def test_a_unit_that_kills_its_actors_ends_the_run_by_name(
    tmp_path, calm, command, arrow_bytes, on_ray
):
    run = tmp_path / "run"
    source, undisturbed = calm
    arguments = ["generate", source, "--route", "en:pt", "--unit-rows", 16, "--out", run]
    program = _POISONED.format(act="os.kill(os.getpid(), signal.SIGKILL)")
    done = command(*arguments, *on_ray, program=program)
    assert done.code == 2
    assert "unit 1: 3 actors of the Ray cluster died over it" in done.err
    assert "Traceback" not in done.err
    assert [json.loads(line)["entry"]["unit"] for line in journal_lines(run)] == [0]

    # The engine makes no difference to what a run is: another one may finish it.
    assert command(*arguments).code == 0
    assert arrow_bytes(run) == arrow_bytes(undisturbed)


@pytest.mark.slow
def test_interrupted_it_says_how_to_go_on(tmp_path, calm, command, cluster, on_ray):
    run = tmp_path / "run"
    process = command.start(
        "generate", calm[0], "--route", "en:pt", "--unit-rows", 4, "--out", run, *on_ray
    )
    try:
        wait_for(process, lambda: journal_lines(run))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        end(process)
    assert process.returncode == 130, err
    assert "run the same command again to go on" in err
    assert "Traceback" not in err
    wait_gone(cluster)


@pytest.mark.slow
def test_a_users_error_in_an_actor_is_the_users_error(tmp_path, calm, command, on_ray):
    program = _POISONED.format(
        act='raise errors.MissingDependencyError("numpy", "all", "this test")'
    )
    done = command(
        "generate", calm[0], "--route", "en:pt", "--unit-rows", 16, "--out", tmp_path / "run",
        *on_ray, program=program,
    )  # fmt: skip
    assert done.code == 2
    assert "pip install 'bt-augment[all]'" in done.err
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_a_bug_in_an_actor_is_a_traceback_and_exit_1(tmp_path, calm, command, on_ray):
    done = command(
        "generate", calm[0], "--route", "en:pt", "--unit-rows", 16, "--out", tmp_path / "run",
        *on_ray, program=_POISONED.format(act="raise ZeroDivisionError('a bug')"),
    )  # fmt: skip
    assert done.code == 1
    assert "ZeroDivisionError: a bug" in done.err


def test_without_an_address_a_cluster_is_started_and_ended(
    tmp_path, english, write_rows, command, arrow_bytes, make_run
):
    source, run = write_rows(english[:8]), tmp_path / "run"
    own = ("-u", "RAY_AUTH_MODE", "-u", "RAY_AUTH_TOKEN", f"MARK={tmp_path}", f"HOME={tmp_path}")
    done = command(
        "generate", source, "--route", "en:pt", "--unit-rows", 4, "--out", run,
        "--engine", "ray", "--actors", 1, "--workers", 1, prefix=("env", *own),
    )  # fmt: skip
    assert done.code == 0, done.err
    assert not (tmp_path / ".ray").exists()  # a token there would be asked for by other clusters
    assert "Traceback" not in done.err
    make_run(tmp_path / "local", source, "output.unit_rows=4", routes=("en:pt",))
    assert arrow_bytes(run) == arrow_bytes(tmp_path / "local")
    left = [p.pid for p in psutil.process_iter() if _marked(p, f"MARK={tmp_path}")]
    assert not left


def _marked(process, mark):
    name, _, value = mark.partition("=")
    try:
        return process.environ().get(name) == value
    except psutil.Error:
        return False


def test_a_cluster_that_is_not_there_is_a_users_error(tmp_path, calm, command):
    done = command(
        "generate", calm[0], "--route", "en:pt", "--out", tmp_path / "run",
        "--engine", "ray", "--address", "ray://127.0.0.1:1",
    )  # fmt: skip
    assert done.code == 2
    assert "Ray's client is not supported" in done.err


@pytest.mark.slow
def test_a_lost_node_costs_only_its_units(
    tmp_path, finished, data, command, arrow_bytes, environment
):
    run = tmp_path / "run"
    with running(environment) as cluster:
        process = command.start(
            "generate", data / "en" / "qa.json", *ROUTES, "--unit-rows", 32, "--out", run,
            "--engine", "ray", "--address", cluster.address, "--workers", 1,
        )  # fmt: skip
        try:
            wait_for(process, lambda: journal_lines(run))
            cluster.lose_node()
            _, err = process.communicate(timeout=500)
        finally:
            end(process)
    assert process.returncode == 0, err
    assert arrow_bytes(run) == arrow_bytes(finished)


@pytest.mark.slow
def test_actors_that_find_no_room_get_it_on_machines_that_join(
    tmp_path, finished, data, command, arrow_bytes, environment
):
    run = tmp_path / "run"
    with running(environment) as cluster:
        process = command.start(
            "generate", data / "en" / "qa.json", *ROUTES, "--unit-rows", 32, "--out", run,
            "--engine", "ray", "--address", cluster.address, "--workers", 1, "--actors", 3,
        )  # fmt: skip
        try:
            wait_for(process, lambda: journal_lines(run))
            assert len(cluster.actors()) == 2
            cluster.join_node()
            wait_for(process, lambda: len(cluster.actors()) == 3)
            _, err = process.communicate(timeout=500)
        finally:
            end(process)
    assert process.returncode == 0, err
    assert arrow_bytes(run) == arrow_bytes(finished)


@pytest.mark.parametrize("address", ["127.0.0.1:9", "auto"])
def test_a_cluster_that_does_not_answer_is_a_users_error(tmp_path, calm, command, address):
    done = command(
        "generate", calm[0], "--route", "en:pt", "--out", tmp_path / "run",
        "--engine", "ray", "--address", address,
        prefix=("env", "RAY_ADDRESS=127.0.0.1:9"),  # what auto stands for
    )  # fmt: skip
    assert done.code == 2
    assert f"--address {address}" in done.err
    assert "refused" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""], ids=["http", "none"])
def test_an_open_port_that_is_no_head_is_told_at_once(tmp_path, calm, command, answer):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    connection.recv(64)
                    connection.sendall(answer)
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        done = command(
            "generate", calm[0], "--route", "en:pt", "--out", tmp_path / "run",
            "--engine", "ray", "--address", address,
        )  # fmt: skip
    assert done.code == 2
    assert "is open, and it is not the head of a Ray cluster" in done.err
    assert "Traceback" not in done.err
