"""The real command against the server, and the result loaded by ``datasets``."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from datasets import load_dataset

from bt_augment.shards.publishing import RECORD

from .conftest import REPO, TOKEN
from .hub import serving
from .hub_state import Fault, Hub

LOAD = """
import json, sys
from datasets import get_dataset_config_names, load_dataset
print(json.dumps({
    name: {split: rows.to_list() for split, rows in load_dataset(sys.argv[1], name).items()}
    for name in get_dataset_config_names(sys.argv[1])
}))
"""


@pytest.fixture(scope="module")
def server():
    with serving(TOKEN) as hub:
        yield hub


@pytest.fixture
def outside(server, environment, tmp_path, monkeypatch) -> dict[str, str]:
    """Return the environment of a user of the server, with a login and without ``HF_TOKEN``."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "token").write_text(TOKEN)
    for name in ("HF_ENDPOINT", "HF_HOME", "HF_HUB_DISABLE_XET", "HF_TOKEN"):
        monkeypatch.delitem(environment, name, raising=False)
    monkeypatch.setitem(environment, "HF_ENDPOINT", server.url)
    monkeypatch.setitem(environment, "HF_HOME", str(home))
    monkeypatch.setitem(environment, "HF_HUB_DISABLE_XET", "1")
    server.repos.clear()
    server.store.clear()
    server.faults.clear()
    return environment


def loaded(environment: dict[str, str]) -> dict[str, dict[str, list]]:
    done = subprocess.run(
        [sys.executable, "-c", LOAD, REPO],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def expected(run: Path, split_rows) -> dict[str, dict[str, list]]:
    train = split_rows(run, "train")
    routes = {"en-pt-en": ["en", "pt", "en"], "en-pt": ["en", "pt"]}
    made = {name: [r for r in train if r["route"] == route] for name, route in routes.items()}
    native = [row for row in train if row["method"] == "native"]
    return {
        "default": {"train": native + made["en-pt-en"] + made["en-pt"]},
        **{name: {"train": rows} for name, rows in made.items()},
        "rejected": {"rejected": split_rows(run, "rejected")},
    }


def test_what_is_published_loads_as_the_rows_of_the_run(
    server: Hub, outside, finished, command, split_rows, tmp_path
):
    # The folder that a dry run writes is what is sent, and loads as it is.
    done = command("publish", finished, REPO, "--dry-run", tmp_path / "dry", "--json")
    assert done.code == 0, done.err
    dry = tmp_path / "dry"
    files = {str(p.relative_to(dry)): p.read_bytes() for p in dry.rglob("*") if p.is_file()}
    assert done.json["files"].keys() == files.keys()
    assert server.repos == {}
    rows = load_dataset(str(dry), "en-pt", split="train", cache_dir=str(tmp_path / "cache"))
    assert rows.to_list() == expected(finished, split_rows)["en-pt"]["train"]

    done = command("publish", finished, REPO, "--json", "-vv")
    assert done.code == 0, done.err
    assert server.files(REPO) == files
    assert done.json["changed"] == sorted(files)
    assert done.json["configs"] == {
        name: len(next(iter(splits.values())))
        for name, splits in expected(finished, split_rows).items()
    }
    assert loaded(outside) == expected(finished, split_rows)

    # The token is nowhere but where the client keeps it.
    assert TOKEN not in done.out + done.err
    assert not [path for path, data in files.items() if TOKEN.encode() in data]


def test_killed_in_the_middle_it_goes_on(server: Hub, outside, finished, command):
    server.faults = [Fault("PUT", "/store/", times=10_000, after=2, status=503)]
    sent = server.bytes_stored
    process = command.start("publish", finished, REPO, "-q")
    while process.poll() is None and not server.store:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert server.store
    assert server.files(REPO) == {}
    server.faults.clear()
    done = command("publish", finished, REPO)
    assert done.code == 0, done.err
    sizes = [len(data) for path, data in server.files(REPO).items() if path.endswith(".parquet")]
    assert server.bytes_stored - sent == sum(sizes)  # nothing twice
    assert "published" in done.out


def test_interrupted_it_stops_at_once_and_says_how_to_go_on(server, outside, finished, command):
    server.faults = [Fault("PUT", "/store/", times=10_000, status=503)]
    process = command.start("publish", finished, REPO, "-q")
    before = server.count("^PUT")
    while process.poll() is None and server.count("^PUT") == before:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    at_signal = server.count("^PUT")
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    # What was under way may be tried once more, each file; to the end it would be many times.
    assert server.count("^PUT") <= at_signal + 2 * len(list(finished.glob("*/*.arrow")))
    assert "run the same command again" in told


def test_a_token_in_the_environment_goes_before_a_login(server, outside, finished, command):
    outside["HF_TOKEN"] = "hf_another"
    done = command("publish", finished, REPO)
    del outside["HF_TOKEN"]
    assert done.code == 2
    assert "does not accept the token" in done.err
    assert "hf_another" not in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["qa"], "NAMESPACE/NAME"),
        (["me/qa--x..y"], "no name of a repository"),
        ([REPO, "--revision", "a b"], "no name of a branch"),
        ([REPO, "--revision", "a" * 40], "no name of a branch"),
        ([REPO, "--license", "CC BY"], "identifier"),
        ([REPO, "--source-license", "mit"], "INPUT=ID"),
        (
            [REPO, "--source-license", "qa.json=mit", "--source-license", "qa.json=cc0-1.0"],
            "two licences are given for qa.json: mit and cc0-1.0",
        ),
    ],
)
def test_what_was_mistyped_is_named(outside, finished, command, tmp_path, arguments, said):
    done = command("publish", finished, *arguments, "--dry-run", tmp_path / "dry")
    assert done.code == 2
    assert said in done.err
    assert not (tmp_path / "dry").exists()


def test_a_damaged_or_unfinished_run_is_refused(server, outside, copied, command, tmp_path):
    shard = sorted((copied / "rejected").glob("*.arrow"))[0]
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    for arguments in ([], ["--dry-run", tmp_path / "dry"]):
        done = command("publish", copied, REPO, *arguments)
        assert done.code == 2
        assert shard.name in done.err
    (copied / "manifest.json").unlink()
    done = command("publish", copied, REPO)
    assert done.code == 2
    assert "not a finished run" in done.err
    assert server.repos == {}
    assert not list(tmp_path.glob("*dry*"))


def test_a_dry_run_replaces_only_an_earlier_one(outside, finished, command, tmp_path):
    dry = tmp_path / "dry"
    dry.mkdir()
    assert command("publish", finished, REPO, "--dry-run", dry, "-q").code == 0
    assert "earlier dry run" in command("publish", finished, REPO, "--dry-run", dry).err
    done = command("publish", finished, REPO, "--dry-run", dry, "--overwrite")
    assert done.code == 0
    (dry / RECORD).unlink()
    done = command("publish", finished, REPO, "--dry-run", dry, "--overwrite")
    assert done.code == 2
    assert "something else" in done.err
    shutil.rmtree(dry)
