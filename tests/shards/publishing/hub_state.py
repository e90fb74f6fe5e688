"""What the Hub on loopback holds, and the faults it is told to have."""

from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass, field
from typing import Any

Tree = dict[str, "Blob"]


@dataclass(frozen=True)
class Blob:
    data: bytes
    lfs: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def oid(self) -> str:
        data = self.data
        if self.lfs:
            data = (
                "version https://git-lfs.github.com/spec/v1\n"
                f"oid sha256:{self.sha256}\nsize {len(data)}\n"
            ).encode()
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass
class Repo:
    private: bool
    commits: dict[str, Tree] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def commit(self, branch: str, tree: Tree, message: str) -> str:
        seed = f"{len(self.commits)} {branch} {sorted((p, b.oid) for p, b in tree.items())}"
        sha = hashlib.sha1(seed.encode()).hexdigest()
        self.commits[sha] = tree
        self.branches[branch] = sha
        self.messages.append(message)
        return sha

    def resolve(self, revision: str) -> str | None:
        return revision if revision in self.commits else self.branches.get(revision)


@dataclass
class Fault:
    """Answers of ``method`` and ``path`` (a pattern) go wrong, ``times`` times.

    Attributes:
        status: answered in place of the work.
        headers: of that answer.
        body: of that answer, as JSON.
        cut: bytes of the request read before the connection is closed.
        silent: the work is done, and the connection closed without an answer.
        after: requests that match and are let through first.
    """

    method: str
    path: str
    times: int = 1
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    cut: int | None = None
    silent: bool = False
    after: int = 0

    def takes(self, method: str, path: str) -> bool:
        if method != self.method or not re.search(self.path, path):
            return False
        self.after -= 1
        if self.after >= 0 or not self.times:
            return False
        self.times -= 1
        return True


@dataclass
class Hub:
    """The state of the server.

    Attributes:
        token: the only one it takes.
        part_bytes: larger LFS files are uploaded in parts.
        page: entries of one page of a listing.
        asked: every request, as ``METHOD path``.
        bytes_stored: LFS bytes that were sent.
    """

    token: str
    part_bytes: int = 1 << 30
    page: int = 1000
    repos: dict[str, Repo] = field(default_factory=dict)
    store: dict[str, bytes] = field(default_factory=dict)
    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    bytes_stored: int = 0
    url: str = ""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def files(self, repo: str, revision: str = "main") -> dict[str, bytes]:
        """Return path → bytes at a revision, without what the Hub itself puts there."""
        found = self.repos[repo]
        tree = found.commits[found.branches[revision]]
        return {p: b.data for p, b in sorted(tree.items()) if p != ".gitattributes"}

    def create(self, repo: str, *, private: bool = False, **files: bytes) -> Repo:
        made = Repo(private)
        tree = {".gitattributes": Blob(b"*.parquet filter=lfs diff=lfs merge=lfs -text\n", False)}
        made.commit("main", tree | {p: Blob(d, False) for p, d in files.items()}, "initial commit")
        self.repos[repo] = made
        return made

    def count(self, pattern: str) -> int:
        return sum(bool(re.search(pattern, asked)) for asked in self.asked)
