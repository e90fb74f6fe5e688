"""Commands at work, and what they wrote when nothing disturbed them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Job:
    """One command.

    Attributes:
        name: of it.
        arguments: without ``--out``.
        calm: what it wrote undisturbed.
        seconds: that it took undisturbed.
        again: further options with which it goes on where it stopped.
    """

    name: str
    arguments: tuple[Any, ...]
    calm: Path
    seconds: float
    again: tuple[str, ...] = ()

    def to(self, out: Path) -> tuple[Any, ...]:
        """Return the whole command line."""
        return (self.name, *self.arguments, "--out", out, *self.again)

    def begun(self, out: Path) -> bool:
        """Tell whether the command has begun to write."""
        places = (out / "run.json", out / "training", out.with_name(f".{out.name}.partial"))
        return any(place.exists() for place in places)

    def check(self, out: Path) -> None:
        """Check that what was written is what the undisturbed one is, and nothing besides."""
        found, wanted = contents(out), contents(self.calm)
        assert found.keys() == wanted.keys()
        differ = [name for name in wanted if found[name] != wanted[name]]
        assert not differ, f"{self.name}: {', '.join(differ)} differ from the undisturbed ones"


def contents(out: Path) -> dict[str, Any]:
    """Return path → what a finished folder holds, but for times and the way to its runs."""
    found: dict[str, Any] = {}
    trained = (out / "training_manifest.json").exists()
    for path in sorted(p for p in out.rglob("*") if p.is_file()):
        name = path.relative_to(out).as_posix()
        if name == ".lock" or (trained and name == "README.md"):  # a card names its folder
            continue
        data: Any = path.read_bytes()
        if name in ("manifest.json", "training_manifest.json"):
            data = _untimed(json.loads(data))
        found[name] = data
    return found


def _untimed(value: Any) -> Any:
    if isinstance(value, dict):
        told = {key: item for key, item in value.items() if key not in ("seconds", "relative")}
        return {key: _untimed(item) for key, item in told.items()}
    return [_untimed(item) for item in value] if isinstance(value, list) else value
