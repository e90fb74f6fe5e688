"""Units made by actors of a Ray cluster: which cluster, and how much of it."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from types import TracebackType
from typing import Annotated, Any, Literal, Self

from annotated_types import Ge

from bt_augment.errors import EngineError, MissingDependencyError, ModelError
from bt_augment.generation.engines.base import UNITS_AHEAD, Engine, ReadUnit, ScoredUnits
from bt_augment.generation.engines.ray_crew import Crew, Posts
from bt_augment.generation.unit_work import Hop, UnitWork
from bt_augment.recipe import Recipe
from bt_augment.translation.devices import (
    GPU_BATCH_TOKENS,
    Device,
    available_cores,
    device_kind,
)
from bt_augment.translation.models import ResolvedModel
from bt_augment.values import check_fields

logger = logging.getLogger(__name__)

# CPUs of an actor where the user does not say. Each actor loads the models: fewer and larger ones
# save memory, smaller ones waste less time at the end of a unit.
_ACTOR_CPUS = 4
_CLIENT = "ray://"
_HERE = ("localhost", "127.0.0.1")
_KNOCK_SECONDS = 10.0
# Ray's head speaks gRPC: greeted as RFC 9113 says, it answers with a SETTINGS frame.
_HTTP2_SETTINGS = 4
_HTTP2_HEADER = 9  # bytes of a frame's header
_HTTP2_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, _HTTP2_SETTINGS, *[0] * 5))


@dataclass(frozen=True)
class RayCluster:
    """A Ray cluster makes the units; this process reads the input and writes the run.

    Attributes:
        address: of the cluster's head, as ``10.0.0.1:6379``; ``auto`` is the one this machine
            belongs to; None starts one on this machine, and ends it.
        actors: processes that make units; None is as many as the cluster has room for.
        actor_gpus: GPUs of each; below 1 they share one. None is 1 where models run on a GPU.

    Raises:
        EngineError: a number is of another kind, or out of range.
    """

    address: str | None = None
    actors: Annotated[int, Ge(1)] | None = None
    actor_gpus: Annotated[float, Ge(0)] | None = None

    def __post_init__(self) -> None:
        check_fields(self, EngineError)

    def resolve_device(self, device: Device) -> Literal["cpu", "cuda"]:
        """Return where models run; ``auto`` is the GPU where actors are given any.

        Raises:
            ModelError: GPUs are named by number, or wanted and not wanted at once.
        """
        kind = device_kind(device)
        if kind == "cuda" and device != "cuda":
            raise ModelError(
                f"--device {device}: on a Ray cluster GPUs are given out by Ray; write --device "
                "cuda, and --actor-gpus for more than one GPU an actor"
            )
        if kind == "auto":
            return "cuda" if self.actor_gpus else "cpu"
        if kind == "cpu" and self.actor_gpus:
            raise ModelError("--device cpu and --actor-gpus do not go together; leave one out")
        if kind == "cuda" and self.actor_gpus == 0:
            raise ModelError("--device cuda wants GPUs: give --actor-gpus 1, or leave it out")
        return "cuda" if kind == "cuda" else "cpu"

    def gpu_batch_tokens(self, device: Device) -> int:  # noqa: ARG002 - the cluster's are not seen
        """Return the tokens of a batch on a GPU; the same on all, whatever their memory."""
        return GPU_BATCH_TOKENS

    def check_filters(self, recipe: Recipe) -> None:
        """Do nothing: the packages of the cluster's machines are not seen from here."""

    def open(
        self,
        work: UnitWork,
        models: Mapping[Hop, ResolvedModel],  # noqa: ARG002 - actors find their own
        *,
        workers: int | None,
        device: Device,  # noqa: ARG002 - it is in the work
    ) -> Engine:
        """Return the engine; the cluster is joined with its first unit.

        Raises:
            EngineError: the settings cannot be used.
            MissingDependencyError: Ray is not installed.
        """
        if find_spec("ray") is None:
            raise MissingDependencyError("ray", "ray", "--engine ray")
        if self.address is not None and self.address.startswith(_CLIENT):
            raise EngineError(
                f"--address {self.address}: Ray's client is not supported; run the command on a "
                "machine of the cluster, by 'ray job submit' or by hand, with --address auto"
            )
        gpus = self.actor_gpus or 0
        if gpus > 1 and gpus != int(gpus):
            raise EngineError(f"--actor-gpus {gpus:g}: above 1 it must be a whole number")
        return _RayEngine(self, work, workers)


class _RayEngine:
    def __init__(self, settings: RayCluster, work: UnitWork, workers: int | None) -> None:
        self._settings = settings
        self._work = work
        self._workers = workers
        self._joined: Any = None  # this process was not on Ray before
        self._posts: Posts | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._joined is not None:
            self._joined.shutdown()

    def scored_units(self, units: Sequence[int], read: ReadUnit) -> ScoredUnits:
        if not units:
            return
        if self._posts is None:
            self._posts = self._join()
        with closing(Crew(self._posts, self._work)) as crew:
            yield from crew.scored_units(units, read)

    def _join(self) -> Posts:
        import ray

        if not ray.is_initialized():
            _connect(self._settings.address)
            self._joined = ray
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if self._work.device != "cuda" and any(node.get("GPU") for node in nodes):
            logger.warning("the cluster has GPUs, which --device cuda would use")
        return _posts(self._settings, nodes, self._work.device, self._workers)


def _posts(
    settings: RayCluster, nodes: Sequence[Mapping[str, float]], device: str, workers: int | None
) -> Posts:
    """Return the actors that a cluster is to have.

    Raises:
        EngineError: this machine, which is all of the cluster, has no room for one.
    """
    gpus = 0.0
    if device == "cuda":
        gpus = 1.0 if settings.actor_gpus is None else settings.actor_gpus
    largest = max((int(node.get("CPU", 0)) for node in nodes), default=1)
    cpus = workers or max(1, min(_ACTOR_CPUS, largest))
    room = sum(_room(node, cpus, gpus) for node in nodes)
    posts = Posts(
        count=settings.actors or max(1, room),
        cpus=cpus,
        gpus=gpus,
        ahead=1 if cpus == 1 and not gpus else UNITS_AHEAD,
    )
    if not room and settings.address is None:  # a cluster of others may yet grow
        held = " and ".join(f"{nodes[0].get(name, 0):g} {name}s" for name in ("CPU", "GPU"))
        raise EngineError(
            f"each actor needs {posts}, and this machine has {held}. Ask for less by --workers "
            "and --actor-gpus, or name a cluster by --address"
        )
    return posts


def _room(node: Mapping[str, float], cpus: int, gpus: float) -> int:
    """Return how many actors a node has room for."""
    by_cpus = int(node.get("CPU", 0) // cpus)
    return min(by_cpus, int(node.get("GPU", 0) // gpus)) if gpus else by_cpus


def _connect(address: str | None) -> None:
    import ray

    options: dict[str, Any] = {
        "address": "local" if address is None else address,
        "namespace": "bt-augment",
        "logging_level": logging.ERROR,
        # What actors print would tear the progress bar; with -v it is wanted.
        "log_to_driver": logging.getLogger().level <= logging.INFO,
    }
    if address is None:
        options |= {"num_cpus": available_cores(), "include_dashboard": False}
        # Ray would write one to ~/.ray, which later clusters ask for without a word of it.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        if address is not None:
            _knock(address)
        with _own_sigterm():
            ray.init(**options)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        where = "Ray cannot be started here" if address is None else f"--address {address}"
        raise EngineError(
            f"{where}: {_first_line(error)}. Check that the cluster is up ('ray status' on its "
            "head), and that all its machines have the same versions of Ray and Python and the "
            "same token (RAY_AUTH_MODE, ~/.ray/auth_token)"
        ) from error


def _knock(address: str) -> None:
    """Try a HOST:PORT: Ray itself takes many minutes to give up on one that is not a head's.

    What stands for ``auto`` may be left over from a cluster that is gone.

    Raises:
        OSError: nobody answers, or no head, or there is nothing that ``auto`` stands for.
    """
    import ray

    if address == "auto":
        from ray._private.services import canonicalize_bootstrap_address  # as ray.init takes it

        address = canonicalize_bootstrap_address("auto") or ""
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal()):
        return
    try:
        _greet(host, int(port))
    except OSError as error:
        if host not in _HERE:
            raise
        # Ray's head may listen at this machine's address alone, and Ray asks it there.
        try:
            _greet(ray.util.get_node_ip_address(), int(port))
        except OSError:
            raise error from None


def _greet(host: str, port: int) -> None:
    with socket.create_connection((host, port), _KNOCK_SECONDS) as connection:
        if os.environ.get("RAY_USE_TLS", "0") not in ("0", "", "false"):
            return  # a head says nothing before certificates are shown
        connection.sendall(_HTTP2_GREETING)
        try:
            answer = connection.recv(_HTTP2_HEADER, socket.MSG_WAITALL)
        except TimeoutError:
            answer = b""
    if len(answer) < _HTTP2_HEADER or answer[3] != _HTTP2_SETTINGS:
        raise OSError(f"port {port} of {host} is open, and it is not the head of a Ray cluster")


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep this process's answer to SIGTERM, which Ray would replace."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
