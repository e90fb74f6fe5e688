"""A run made on a Google Cloud Storage server, an emulator on loopback.

It has no conditional puts, so that locks are tested on S3 alone.
"""

import json
import os
import shutil
import signal
import socket
import time
from pathlib import Path

import pytest
from same_runs import assert_same

URL = "gs://bucket/made/run"


@pytest.fixture(scope="module")
def google():
    """Return a client of the server, which the environment names."""
    from gcp_storage_emulator.server import create_server

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = create_server("127.0.0.1", port, in_memory=True, default_bucket="bucket")
    server.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
            patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
            from gcsfs.core import GCSFileSystem

            yield GCSFileSystem(token="anon", use_listings_cache=False, skip_instance_cache=True)
    finally:
        server.stop()


@pytest.fixture
def there(google, command):
    """Return the command told of the server, and of nothing else."""
    return command.among(
        STORAGE_EMULATOR_HOST=os.environ["STORAGE_EMULATOR_HOST"],
        GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT=None,
    )


def objects(google):
    """Return every object of the run by its name there."""
    root = URL.removeprefix("gs://")
    return {path.removeprefix(f"{root}/"): google.cat_file(path) for path in google.find(root)}


@pytest.mark.slow
def test_killed_it_goes_on_to_the_bytes_of_a_folder(
    google, there, repeated, command, environment, tmp_path
):
    # Given a run of many units that is killed when the first is there
    source, _ = repeated
    arguments = ["generate", source, "--route", "en:pt", "--unit-rows", 2, "--out"]
    process = there.start(*arguments, URL)
    try:
        while not google.exists(f"{URL}/.work/unit-00000.json"):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    assert not google.exists(f"{URL}/manifest.json")

    # When another machine goes on with it, the lock of the dead one deleted
    shutil.rmtree(Path(environment["BT_AUGMENT_CACHE"]) / "unfinished")
    refused = there(*arguments, URL)
    assert refused.code == 2
    assert "/.lock is deleted" in refused.err
    google.rm_file(f"{URL}/.lock")
    done = there(*arguments, URL, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["resumed_units"] >= 1
    assert "bucket type" not in done.err  # gcsfs would say so at each request

    # Then the objects are the files of a run in a folder
    local = tmp_path / "run"
    assert command(*arguments, local).code == 0
    assert_same(objects(google), local)

    # And the other commands read it
    checked = there("verify", URL)
    assert checked.code == 0, checked.err
    strict = ("--set", "filters.fidelity.copy.max=0.1")
    filtered = there("filter", URL, "--out", f"{URL}2", *strict)
    assert filtered.code == 0, filtered.err
    assert command("filter", local, "--out", tmp_path / "run2", *strict).code == 0
    assert (
        google.cat_file(f"{URL}2/train/dataset_info.json")
        == (tmp_path / "run2" / "train" / "dataset_info.json").read_bytes()
    )
    stored = json.loads(google.cat_file(f"{URL}2/manifest.json"))["totals"]
    kept = json.loads((tmp_path / "run2" / "manifest.json").read_text("utf-8"))["totals"]
    assert {**stored, "seconds": 0} == {**kept, "seconds": 0}
