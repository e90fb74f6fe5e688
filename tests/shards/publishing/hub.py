"""A server on loopback that speaks what the Hub's client needs, with faults on demand.

Written from the client's documentation and the Git LFS batch API: repositories, branches, commits
(ndjson), LFS uploads in one part or several, listings in pages, and downloads.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

from .hub_state import Blob, Hub, Repo, Tree


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what went wrong, but for clients that were killed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serving(token: str) -> Iterator[Hub]:
    hub = Hub(token)
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = _Server(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Answer(Exception):
    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.headers = {"X-Error-Code": code} if code else {}
        if message:
            self.headers["X-Error-Message"] = message
        self.body = {"error": message or code}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: Any) -> None:
        pass

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        self.route, self.query = unquote(parts.path), parse_qs(parts.query)
        with self.hub.lock:
            self.hub.asked.append(f"{self.command} {self.path}")
            fault = next((f for f in self.hub.faults if f.takes(self.command, self.path)), None)
        length = int(self.headers.get("Content-Length") or 0)
        if fault is not None and fault.cut is not None:
            self.rfile.read(min(fault.cut, length))
            self._hang_up()
            return
        try:
            self.data = self._chunked() if self.headers.get("Transfer-Encoding") else b""
            self.data += self._read(length)
        except EOFError:  # of a client that was killed: a real one stores no part of a body either
            self._hang_up()
            return
        if fault is not None and not fault.silent:
            self._send(fault.status, json.dumps(fault.body or {}).encode(), fault.headers)
            return
        try:
            with self.hub.lock:
                status, body, headers = self._answer()
        except _Answer as no:
            status, body, headers = no.status, json.dumps(no.body).encode(), no.headers
        if fault is not None:
            self._hang_up()
            return
        self._send(status, body, headers)

    do_GET = do_HEAD = do_POST = do_PUT = _serve

    def _chunked(self) -> bytes:
        data = b""
        while size := int(self._line(), 16):
            data += self._read(size)
            self._line()
        self._line()
        return data

    def _line(self) -> bytes:
        line = self.rfile.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        return line.strip()

    def _read(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:
            raise EOFError
        return data

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _answer(self) -> tuple[int, bytes, dict[str, str]]:
        for method, pattern, act in _ROUTES:
            match = re.fullmatch(pattern, self.route)
            if match and self.command in method.split("|"):
                given = act(self, **match.groupdict())
                if isinstance(given, tuple):
                    return given
                return 200, json.dumps(given).encode(), {"Content-Type": "application/json"}
        raise _Answer(404, message=f"no such page: {self.route}")

    # --- who and what ---

    def _authorized(self) -> bool:
        given = self.headers.get("Authorization")
        if given is not None and given != f"Bearer {self.hub.token}":
            raise _Answer(401, message="Invalid credentials in Authorization header")
        return given is not None

    def _repo(self, repo: str, *, write: bool = False) -> Repo:
        known = self._authorized()
        found = self.hub.repos.get(repo)
        if found is None or (found.private and not known):
            raise _Answer(404 if known else 401, "RepoNotFound", "Repository not found")
        if write and not known:
            raise _Answer(401, message="Login first")
        return found

    def _tree(self, repo: str, revision: str) -> tuple[str, Tree]:
        found = self._repo(repo)
        sha = found.resolve(revision)
        if sha is None:
            raise _Answer(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return sha, found.commits[sha]

    def whoami(self) -> Any:
        if not self._authorized():
            raise _Answer(401)
        return {"type": "user", "name": "me", "orgs": []}

    def create(self) -> Any:
        if not self._authorized():
            raise _Answer(401, message="Login first")
        asked = json.loads(self.data)
        repo = f"{asked.get('organization') or 'me'}/{asked['name']}"
        assert asked["type"] == "dataset"
        url = {"url": f"{self.hub.url}/datasets/{repo}", "name": repo}
        if repo.split("/")[0] != "me":
            raise _Answer(403, message="You don't have the rights to create it there")
        if repo in self.hub.repos:
            return 409, json.dumps({**url, "error": "You already created this"}).encode(), {}
        self.hub.create(repo, private=asked.get("visibility") == "private")
        return url

    def info(self, repo: str, revision: str = "main") -> Any:
        sha, tree = self._tree(repo, revision)
        return {
            "_id": "0" * 24,
            "id": repo,
            "sha": sha,
            "private": self.hub.repos[repo].private,
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "lastModified": "2026-01-01T00:00:00.000Z",
            "createdAt": "2026-01-01T00:00:00.000Z",
            "siblings": [{"rfilename": path} for path in sorted(tree)],
        }

    def refs(self, repo: str) -> Any:
        branches = [
            {"name": name, "ref": f"refs/heads/{name}", "targetCommit": sha}
            for name, sha in self._repo(repo).branches.items()
        ]
        return {"branches": branches, "tags": [], "converts": []}

    def branch(self, repo: str, revision: str) -> Any:
        found = self._repo(repo, write=True)
        if revision in found.branches:
            raise _Answer(409, message="Reference already exists")
        found.branches[revision] = found.branches["main"]
        return {}

    # --- listings and downloads ---

    def tree(self, repo: str, revision: str, path: str | None = None) -> Any:
        _, files = self._tree(repo, revision)
        inside = f"{path}/" if path else ""
        deep = self.query.get("recursive", ["false"])[0].lower() == "true"
        entries: dict[str, Any] = {}
        for name, blob in sorted(files.items()):
            if not name.startswith(inside):
                continue
            steps = name[len(inside) :].split("/")
            folders = [inside + "/".join(steps[:n]) for n in range(1, len(steps))]
            for folder in folders if deep else folders[:1]:
                entries[folder] = {"type": "directory", "path": folder, "oid": "0" * 40, "size": 0}
            if deep or len(steps) == 1:
                entries[name] = _file_entry(name, blob)
        if path and not entries:
            raise _Answer(404, "EntryNotFound", f"{path} does not exist")
        listed = list(entries.values())
        start = int(self.query.get("cursor", ["0"])[0])
        end = start + self.hub.page
        headers = {"Content-Type": "application/json"}
        if end < len(listed):
            rest = f"{self.hub.url}{urlsplit(self.path).path}?recursive={deep}&cursor={end}"
            headers["Link"] = f'<{rest}>; rel="next"'
        return 200, json.dumps(listed[start:end]).encode(), headers

    def paths_info(self, repo: str, revision: str) -> Any:
        _, files = self._tree(repo, revision)
        if self.headers.get("Content-Type", "").startswith("application/json"):
            wanted = json.loads(self.data)["paths"]
        else:
            wanted = parse_qs(self.data.decode())["paths"]
        found = []
        for path in [wanted] if isinstance(wanted, str) else wanted:
            if path in files:
                found.append(_file_entry(path, files[path]))
            elif any(name.startswith(f"{path}/") for name in files):
                found.append({"type": "directory", "path": path, "oid": "0" * 40, "size": 0})
        return found

    def resolve(self, repo: str, revision: str, path: str) -> Any:
        sha, files = self._tree(repo, revision)
        if path not in files:
            raise _Answer(404, "EntryNotFound", f"{path} does not exist")
        blob = files[path]
        headers = {
            "ETag": f'"{blob.sha256 if blob.lfs else blob.oid}"',
            "X-Repo-Commit": sha,
            "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream",
        }
        if wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            first, last = int(wanted[1]), int(wanted[2] or len(blob.data) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(blob.data)}"
            return 206, blob.data[first : last + 1], headers
        if self.command == "HEAD":
            headers["Content-Length"] = str(len(blob.data))
        return 200, blob.data, headers

    # --- uploads ---

    def validate(self) -> Any:
        asked = json.loads(self.data)
        assert asked["repoType"] == "dataset"
        matter = re.match(r"\s*---\n(.*?)\n---\n", asked["content"], re.DOTALL)
        if matter is None or not isinstance(yaml.safe_load(matter[1]), dict):
            errors = {"errors": [{"message": "no metadata"}], "warnings": []}
            return 400, json.dumps(errors).encode(), {}
        return {"errors": [], "warnings": []}

    def preupload(self, repo: str, revision: str) -> Any:
        self._repo(repo, write=True)
        self._tree(repo, revision)
        files = []
        for asked in json.loads(self.data)["files"]:
            mode = "lfs" if asked["path"].endswith(".parquet") else "regular"
            files.append({"path": asked["path"], "uploadMode": mode, "shouldIgnore": False})
        return {"files": files}

    def batch(self, repo: str) -> Any:
        self._repo(repo, write=True)
        return {"transfer": "basic", "objects": [self._object(o, repo) for o in self._objects()]}

    def _objects(self) -> Any:
        asked = json.loads(self.data)
        assert asked["operation"] == "upload"
        assert asked["hash_algo"] == "sha256"
        return asked["objects"]

    def _object(self, asked: Any, repo: str) -> Any:
        oid, size = asked["oid"], asked["size"]
        if oid in self.hub.store:
            return {"oid": oid, "size": size}
        place = f"{self.hub.url}/store/{oid}"
        upload: dict[str, Any] = {"href": place}
        if size > self.hub.part_bytes:
            count = -(-size // self.hub.part_bytes)
            parts = {str(n + 1): f"{place}/part/{n + 1}" for n in range(count)}
            upload = {
                "href": f"{place}/complete",
                "header": {"chunk_size": str(self.hub.part_bytes), **parts},
            }
        verify = {"href": f"{self.hub.url}/verify"}
        return {"oid": oid, "size": size, "actions": {"upload": upload, "verify": verify}}

    def put(self, oid: str, part: str | None = None) -> Any:
        assert "Authorization" not in self.headers  # the store's addresses carry their own rights
        self.hub.bytes_stored += len(self.data)
        if part is not None:
            self.hub.parts.setdefault(oid, {})[int(part)] = self.data
            return 200, b"", {"ETag": f'"{hashlib.md5(self.data).hexdigest()}"'}
        return self._keep(oid, self.data)

    def complete(self, oid: str) -> Any:
        parts = self.hub.parts.pop(oid)
        asked = json.loads(self.data)["parts"]
        assert [p["partNumber"] for p in asked] == sorted(parts)
        return self._keep(oid, b"".join(parts[n] for n in sorted(parts)))

    def _keep(self, oid: str, data: bytes) -> Any:
        if hashlib.sha256(data).hexdigest() != oid:
            raise _Answer(400, message="the content is not what its name says")
        self.hub.store[oid] = data
        return 200, b"", {}

    def verify(self) -> Any:
        asked = json.loads(self.data)
        if len(self.hub.store.get(asked["oid"], b"")) != asked["size"]:
            raise _Answer(400, message="not there")
        return {}

    def commit(self, repo: str, revision: str) -> Any:
        found = self._repo(repo, write=True)
        head, tree = self._tree(repo, revision)
        tree = dict(tree)
        lines = [json.loads(line) for line in self.data.splitlines()]
        header = lines[0]["value"]
        if header.get("parentCommit", head) != head:
            raise _Answer(412, message="A commit has happened since. Please refresh and try again.")
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                tree[value["path"]] = Blob(base64.b64decode(value["content"]), False)
            elif line["key"] == "lfsFile":
                if value["oid"] not in self.hub.store:
                    raise _Answer(400, message=f"{value['path']} was not uploaded")
                tree[value["path"]] = Blob(self.hub.store[value["oid"]], True)
            elif line["key"] == "deletedFile" and tree.pop(value["path"], None) is None:
                raise _Answer(404, "EntryNotFound", "A file with this name doesn't exist")
        sha = found.commit(revision, tree, header["summary"])
        url = f"{self.hub.url}/datasets/{repo}/commit/{sha}"
        return {"success": True, "commitOid": sha, "commitUrl": url, "hookOutput": ""}


def _file_entry(path: str, blob: Blob) -> dict[str, Any]:
    entry = {"type": "file", "path": path, "oid": blob.oid, "size": len(blob.data)}
    if blob.lfs:
        entry["lfs"] = {"oid": blob.sha256, "size": len(blob.data), "pointerSize": 134}
    return entry


_REPO = r"(?P<repo>[^/]+/[^/]+)"
_API = rf"/api/datasets/{_REPO}"
_ROUTES: list[tuple[str, str, Callable[..., Any]]] = [
    ("GET", r"/api/whoami-v2", _Handler.whoami),
    ("POST", r"/api/repos/create", _Handler.create),
    ("POST", r"/api/validate-yaml", _Handler.validate),
    ("GET", _API, _Handler.info),
    ("GET", rf"{_API}/revision/(?P<revision>.+)", _Handler.info),
    ("GET", rf"{_API}/refs", _Handler.refs),
    ("POST", rf"{_API}/branch/(?P<revision>.+)", _Handler.branch),
    ("GET", rf"{_API}/tree/(?P<revision>[^/]+)(/(?P<path>.*))?", _Handler.tree),
    ("POST", rf"{_API}/paths-info/(?P<revision>[^/]+)", _Handler.paths_info),
    ("POST", rf"{_API}/preupload/(?P<revision>.+)", _Handler.preupload),
    ("POST", rf"{_API}/commit/(?P<revision>.+)", _Handler.commit),
    ("POST", rf"/datasets/{_REPO}\.git/info/lfs/objects/batch", _Handler.batch),
    ("PUT", r"/store/(?P<oid>[0-9a-f]{64})(/part/(?P<part>\d+))?", _Handler.put),
    ("POST", r"/store/(?P<oid>[0-9a-f]{64})/complete", _Handler.complete),
    ("POST", r"/verify", _Handler.verify),
    (
        "GET|HEAD",
        rf"/datasets/{_REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)",
        _Handler.resolve,
    ),
]
