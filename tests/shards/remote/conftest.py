"""A real S3 server on loopback, that can be told to fail."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

CANARY = "canary-Zt7secretQ9"
BUCKET = "bucket"
_BUSY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


class Server:
    """The server's application, with what is asked of it, and answers of our own in between."""

    def __init__(self, app: Callable) -> None:
        self._app = app
        self._lock = threading.Lock()
        self.refuses: Callable[[str, str], bool] = lambda method, path: False
        self.asked: list[tuple[str, str]] = []

    def __call__(self, environ, start_response):
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        with self._lock:
            self.asked.append((method, path))
            refused = self.refuses(method, path)
        if refused:
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response("503 Slow Down", [("Content-Type", "application/xml")])
            return [_BUSY]
        return self._app(environ, start_response)


class Bucket:
    """What the tests see of the store, by a client of their own."""

    def __init__(self, server: Server) -> None:
        import s3fs

        self.server = server
        self.files = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)

    def objects(self, url: str) -> dict[str, bytes]:
        """Return every object beneath a URL by its name there."""
        root = url.removeprefix("s3://")
        found = self.files.find(root)
        return {path.removeprefix(f"{root}/"): self.files.cat_file(path) for path in found}

    def put(self, folder: Path, url: str) -> None:
        """Put the files of a folder."""
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != ".lock"):
            self.files.pipe_file(f"{url}/{path.relative_to(folder)}", path.read_bytes())


@pytest.fixture(scope="session")
def _server() -> Iterator[Server]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for every request
    running = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    server = Server(running._server.app)
    running._server.app = server
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "tester")
        patch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_MAX_ATTEMPTS", "1")  # it is our own patience that is tested
        yield server
    running.stop()


@pytest.fixture(scope="session")
def _bucket(_server: Server) -> Bucket:
    bucket = Bucket(_server)
    bucket.files.mkdir(BUCKET)
    return bucket


@pytest.fixture
def bucket(_bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """Return an empty bucket of a healthy server; attempts follow each other at once."""
    from bt_augment.shards.remote import object_store

    monkeypatch.setattr(object_store, "_WAITS", (0.0, 0.0, 0.0, 0.0))
    _bucket.server.refuses = lambda method, path: False
    _bucket.server.asked.clear()
    yield _bucket
    _bucket.server.refuses = lambda method, path: False
    found = _bucket.files.find(BUCKET)
    if found:
        _bucket.files.rm(found)


@pytest.fixture(scope="session")
def repeated(tmp_path_factory, english, make_run) -> tuple[Path, Path]:
    """Return an input whose last unit repeats the first, and an undisturbed local run over it."""
    folder = tmp_path_factory.mktemp("repeated")
    rows = [*english[:24], *({**row, "id": f"{row['id']}-again"} for row in english[:8])]
    source = folder / "pairs.jsonl"
    lines = [*map(json.dumps, rows), "{broken"]
    source.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    make_run(folder / "run", source, "output.unit_rows=8", routes=("en:pt", "en:pt:en"))
    return source, folder / "run"


@pytest.fixture
def canary() -> str:
    """Return the secret key of the server's user, which must turn up nowhere."""
    return CANARY


@pytest.fixture
def command(command, bucket):
    """Return the real command with the way to the server; it is for tests that have a bucket."""
    way = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    return command.among(**way)
