"""Single system calls that fail, and signals right before one that changes the disk."""

import hashlib
import json
import shutil
from dataclasses import dataclass
from itertools import islice

import pytest
from forked import LEARNING, ForkServer
from jobs import contents
from kills import journal_lines
from system_calls import Tracer, drawn, refused

pytestmark = pytest.mark.endurance

# What a lock that could not be removed leaves disturbs nobody, nor does what is removed when a
# finished run is next asked for.
_IDLE = (".lock", ".work/", ".discarded/")
_ENDS = (0, 2, 130, 143, -2, -9, -15)


@dataclass
class Workplace:
    """A folder that holds all that commands read and write, temporary files and caches too."""

    path: object
    command: object

    @property
    def made(self):
        return self.path / "made"

    def clear(self):
        for name in ("made", "tmp", "cache"):
            shutil.rmtree(self.path / name, ignore_errors=True)
            (self.path / name).mkdir()

    def tidy(self):
        """Return what was written, but for what disturbs nobody, and temporary files."""
        names = [*self.made.rglob("*"), *(self.path / "tmp").rglob("*")]
        return {
            name for name in (path.relative_to(self.path).as_posix() for path in names)
            if not any(idle in f"{name}/" for idle in _IDLE)
        }  # fmt: skip

    def written(self):
        """Return name → content of what was written, times left out."""
        found = {}
        for out in self.made.iterdir():
            if out.is_dir():
                found |= {(out.name, name): data for name, data in contents(out).items()}
            else:
                found[out.name] = out.read_bytes()
        return {k: data for k, data in found.items() if not any(idle in str(k) for idle in _IDLE)}


@pytest.fixture(scope="module")
def workplace(command, environment, english, make_run, tmp_path_factory):
    why = refused()
    if why is not None:
        pytest.skip(why)
    path = tmp_path_factory.mktemp("workplace")
    (path / "in").mkdir()
    source = path / "in" / "pairs.jsonl"
    lines = [*map(json.dumps, english[::10][:12]), "{broken"]
    source.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    make_run(path / "in" / "run", source, "output.unit_rows=3", routes=("en:pt:en", "en:pt"))
    own = {**environment, "TMPDIR": str(path / "tmp"), "BT_AUGMENT_CACHE": str(path / "cache")}
    server = ForkServer(environment, LEARNING, free=("BT_AUGMENT_", "TMPDIR"))
    yield Workplace(path, type(command)(own, server))
    server.close()


JOBS = {
    "generate": (
        "generate", "{in}/pairs.jsonl", "--route", "en:pt:en", "--route", "en:pt",
        "--unit-rows", "3", "--workers", "2", "--out", "{made}/out",
    ),
    "filter": (
        "filter", "{in}/run", "--set", "filters.fidelity.chrf.min=40", "--out", "{made}/out",
    ),
    "export": ("export", "{in}/run", "--format", "beir", "--overwrite", "--out", "{made}/out"),
    "report": ("report", "{in}/run", "--out", "{made}/report.html"),
    "verify": ("verify", "{in}/run"),
    "train": (
        "train", "{in}/run", "--base-model", "static:bundled", "--dimensions", "16",
        "--steps", "6", "--save-steps", "2", "--batch-size", "4", "--device", "cpu",
        "--held-out", "0.2", "--resume", "--out", "{made}/out",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", JOBS)
def test_a_call_that_fails_is_told_and_the_same_command_ends_as_if_it_had_not(
    workplace, faults, draw, tmp_path, name
):
    names = {"in": workplace.path / "in", "made": workplace.made}
    arguments = [word.format(**names) for word in JOBS[name]]
    tracer = Tracer(workplace.command, workplace.path, tmp_path / "log")
    inputs = digest_of(names["in"])
    # Given the command undisturbed, and its calls
    workplace.clear()
    calm, calls = tracer.calls(arguments)
    assert calm.code == 0, calm.err
    wanted, tidy = workplace.written(), workplace.tidy()

    met = 0
    for call, fault in islice(drawn(calls, draw), 3 * faults(name)):
        if met == faults(name):
            break
        workplace.clear()
        # When one of them fails, or a signal comes right before it
        ended = tracer.with_fault(arguments, call, fault)
        met += ended.met
        what = f"{call}, {fault}: {ended.code} {ended.err[-2000:]}"
        # Then the command does its work all the same, or says what it lacks
        assert ended.code in _ENDS, what
        assert "Traceback" not in ended.err, what
        if ended.code == 0:
            assert workplace.written() == wanted, what
        elif ended.code == 2:
            assert "error: " in ended.err, what
            assert str(workplace.path) in ended.err, what
        kept = journal_lines(workplace.made / "out")
        # And asked again it ends as if nothing had been, with all that was finished
        again = workplace.command(*arguments, *(("--json",) if name == "generate" else ()))
        assert again.code == 0, f"{what}\nasked again: {again.err}"
        assert workplace.written() == wanted, what
        if ended.code == 0 or "signal" not in fault:  # who is killed may leave a temporary file
            assert workplace.tidy() <= tidy, what
        if name == "generate" and ended.code != 0:
            assert again.json["resumed_units"] in (len(kept), 4), what
        if name in ("generate", "filter"):
            sound = workplace.command("verify", workplace.made / "out")
            assert sound.code == 0, f"{what}\n{sound.err}"
    assert met, "no command met its fault"
    assert digest_of(names["in"]) == inputs


def digest_of(folder):
    """Return a digest of all files beneath a folder."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != ".lock"):
        digest.update(f"{path}\0".encode() + path.read_bytes())
    return digest.hexdigest()
