"""A run made on an S3 server is the run that is made in a folder."""

import hashlib
import json
import logging
import shutil
import signal
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from same_runs import assert_same, books, files_of

from bt_augment.errors import InputError, RunFolderError, StorageError
from bt_augment.generation import Generation, generate, refilter
from bt_augment.generation.refiltering import stored_recipe
from bt_augment.recipe import load_recipe
from bt_augment.shards.remote.mirrored_folder import open_run_folder
from bt_augment.shards.remote.object_store import ObjectStore
from bt_augment.shards.remote.refusals import explained

URL = "s3://bucket/made/run"
ROUTES = ("en:pt", "en:pt:en")
SETTINGS = "output.unit_rows=8"


def test_from_a_bucket_to_a_bucket(
    bucket, repeated, command, environment, tmp_path, split_rows, canary
):
    """One life of a run: made, complete, opened, verified, read by the other commands."""
    import datasets

    source, calm = repeated
    bucket.files.pipe_file("s3://bucket/in/pairs.jsonl", source.read_bytes())
    arguments = ["generate", "s3://bucket/in/pairs.jsonl", "--out", f"{URL}/", "--unit-rows", 8]
    arguments += [word for route in ROUTES for word in ("--route", route)]
    made = command(*arguments, "-vv")
    assert made.code == 0, made.err
    assert f'load_from_disk("{URL}")' in made.out

    objects = bucket.objects(URL)
    assert canary not in made.out + made.err
    assert not [name for name, content in objects.items() if canary.encode() in content]
    settings = objects.pop("run.json")
    run = json.loads(settings)
    assert run["inputs"][0]["path"] == "s3://bucket/in/pairs.jsonl"
    lost = [json.loads(line) for line in objects.pop("quarantine.jsonl").splitlines()]
    assert [record["file"] for record in lost] == ["s3://bucket/in/pairs.jsonl"]
    files = files_of(calm)
    for name in ("manifest.json", "run.json", "quarantine.jsonl"):
        files.pop(name)
    there, here = books(objects.pop("manifest.json")), books((calm / "manifest.json").read_bytes())
    assert objects == files
    assert there.pop("run_sha256") == hashlib.sha256(settings).hexdigest() != here.pop("run_sha256")
    assert there.pop("quarantine_sha256") != here.pop("quarantine_sha256")  # it names its input
    assert there.pop("sha256") != here.pop("sha256")
    assert there == here

    opened = datasets.load_from_disk(URL)
    assert opened["train"]["id"][:] == [row["id"] for row in split_rows(calm, "train")]
    unfinished = Path(environment["BT_AUGMENT_CACHE"]) / "unfinished"
    assert not list(unfinished.rglob("*.arrow")), "a finished run is kept in the cache"

    again = command(*arguments)
    assert again.code == 0
    assert "already complete" in again.out
    checked = command("verify", URL)
    assert checked.code == 0, checked.err
    assert f"{URL}: sound; 8 shards" in checked.out
    exported = command(
        "export", URL, "--format", "sentence-transformers", "--out", tmp_path / "exported"
    )
    assert exported.code == 0, exported.err
    local = command("export", calm, "--format", "sentence-transformers", "--out", tmp_path / "e")
    assert exported.out.split(" to ")[0] == local.out.split(" to ")[0]


@pytest.mark.parametrize(
    "lost",
    [
        "index and shard",
        *(pytest.param(name, marks=pytest.mark.slow)
          for name in ("nothing", "cache", "entry", "cache and count", "index", "shard",
                       "cache and shard", "cache and entry", "cache and bit")),
    ],
)  # fmt: skip
def test_killed_it_goes_on_to_the_same_bytes(
    bucket, repeated, command, make_run, environment, lost
):
    source, calm = repeated
    arguments = ["generate", source, "--out", URL, "--unit-rows", 8]
    arguments += [word for route in ROUTES for word in ("--route", route)]
    # The third unit cannot be sent: the kill falls into it, with two that are done.
    bucket.server.refuses = lambda method, path: method == "PUT" and "00002-of" in path
    process = command.start(*arguments)
    try:
        entry = "bucket/made/run/.work/unit-00001.json"
        while not bucket.files.exists(entry):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    bucket.server.refuses = lambda method, path: False
    assert ".lock" in bucket.objects(URL), "killed, and yet it let go of the run"
    assert not bucket.files.exists("bucket/made/run/manifest.json")
    unfinished = Path(environment["BT_AUGMENT_CACHE"]) / "unfinished"
    if lost in ("index", "index and shard"):
        (index,) = unfinished.rglob("duplicates.sqlite")
        index.unlink()
    if lost in ("shard", "index and shard"):  # somebody tidied the bucket
        bucket.files.rm_file("bucket/made/run/train/data-00000-of-00004.arrow")
    entry = f"{URL}/.work/unit-00001.json"
    if lost == "cache and shard":
        bucket.files.rm_file(f"{URL}/train/data-00000-of-00004.arrow")
    if lost == "cache and bit":  # of the same size: its entry alone tells
        shard = f"{URL}/rejected/data-00001-of-00004.arrow"
        content = bytearray(bucket.files.cat_file(shard))
        content[-20] ^= 1
        bucket.files.pipe_file(shard, bytes(content))
    if lost in ("entry", "cache and entry"):
        bucket.files.pipe_file(entry, bucket.files.cat_file(entry).replace(b'"unit":', b'"unyt":'))
    if lost == "cache and count":
        written = bucket.files.cat_file(entry)
        bucket.files.pipe_file(entry, written.replace(b'"tokens":', b'"tokens":1'))
    if lost.startswith("cache"):  # as on another machine
        shutil.rmtree(unfinished)
        with pytest.raises(RunFolderError, match=r"after the object .*/\.lock is deleted"):
            make_run(URL, source, SETTINGS, routes=ROUTES)
        bucket.files.rm_file("bucket/made/run/.lock")
    summary = make_run(URL, source, SETTINGS, routes=ROUTES)
    assert summary.resumed == (2 if lost in ("nothing", "index", "cache") else 1)
    assert str(summary.out) == URL
    # The last unit repeats the first: without the index of what was made elsewhere it would pass.
    assert summary.totals.reasons["duplicates.exact.high"] >= 8
    assert_same(bucket.objects(URL), calm)


@pytest.mark.slow
def test_a_store_that_fails_now_and_then_changes_nothing(bucket, repeated, make_run):
    source, calm = repeated
    puts = []

    def every_other(method, path):
        if method != "PUT":
            return False
        puts.append(path)
        return len(puts) % 2 == 1

    bucket.server.refuses = every_other
    make_run(URL, source, SETTINGS, routes=ROUTES)
    assert_same(bucket.objects(URL), calm)


def test_a_store_that_fails_for_good_stops_the_run_which_then_goes_on(
    bucket, repeated, make_run, caplog, canary
):
    source, calm = repeated
    bucket.server.refuses = lambda method, path: (
        method == "PUT" and path.endswith("rejected/data-00002-of-00004.arrow")
    )
    with caplog.at_level(logging.DEBUG), pytest.raises(StorageError) as caught:
        make_run(URL, source, SETTINGS, routes=ROUTES)
    assert "failed after 5 attempts" in str(caught.value)
    assert "Run the same command again to go on" in str(caught.value)
    assert canary not in str(caught.value) + caplog.text
    assert ".lock" not in bucket.objects(URL)
    bucket.server.refuses = lambda method, path: False
    assert make_run(URL, source, SETTINGS, routes=ROUTES).resumed == 2
    assert_same(bucket.objects(URL), calm)


def test_what_is_there_is_refused_or_replaced_as_in_a_folder(bucket, repeated, make_run):
    source, calm = repeated
    bucket.files.pipe_file("s3://bucket/made/run/thesis.txt", b"mine")
    with pytest.raises(RunFolderError, match=r"not of a run \(thesis\.txt\)"):
        make_run(URL, source, SETTINGS, routes=ROUTES)
    with pytest.raises(RunFolderError, match="--overwrite removes nothing"):
        make_run(URL, source, SETTINGS, routes=ROUTES, overwrite=True)
    assert list(bucket.objects(URL)) == ["thesis.txt"]
    bucket.files.pipe_file("s3://bucket/made/run/run.json", b'{"experiment": 7}')
    with pytest.raises(RunFolderError, match="not that of a run of bt-augment"):
        make_run(URL, source, SETTINGS, routes=ROUTES, overwrite=True)
    assert list(bucket.objects(URL)) == ["run.json", "thesis.txt"]
    for name in ("thesis.txt", "run.json"):
        bucket.files.rm_file(f"s3://bucket/made/run/{name}")

    bucket.put(calm, URL)
    with pytest.raises(RunFolderError, match=r"recipe\.output\.unit_rows was 8, is 16"):
        make_run(URL, source, "output.unit_rows=16", routes=ROUTES)
    assert_same(bucket.objects(URL), calm)
    bucket.files.pipe_file(f"{URL}/training.log", b"mine")
    make_run(URL, source, "output.unit_rows=16", routes=ROUTES, overwrite=True)
    assert bucket.objects(URL)["training.log"] == b"mine"
    shards = [name for name in bucket.objects(URL) if name.startswith("train/data-")]
    assert shards == ["train/data-00000-of-00002.arrow", "train/data-00001-of-00002.arrow"]


def test_cleared_half_it_has_no_unit_whose_shards_are_gone(bucket, repeated, monkeypatch, tmp_path):
    bucket.put(repeated[1], URL)
    bucket.files.pipe_file(f"{URL}/.work/unit-00000.json", b"{}")
    removed = []
    monkeypatch.setattr(ObjectStore, "remove", lambda store, names: removed.append(set(names)))
    folder = open_run_folder(URL, tmp_path)
    with pytest.raises(RunFolderError), folder.claimed():  # nothing is gone, so it is refused
        folder.begin({}, overwrite=True)
    assert removed[:3] == [{"manifest.json"}, {"dataset_dict.json"}, {".work/unit-00000.json"}]
    assert {name for name in removed[3] if name.endswith(".arrow")}
    assert removed[4] == {"run.json"}


def test_an_input_that_cannot_be_used_leaves_nothing_there(
    bucket, write_rows, make_run, environment
):
    with pytest.raises(InputError, match="there is no such file"):
        generate(
            Generation(
                inputs=["s3://bucket/in/none.jsonl"],
                out=URL,
                recipe=load_recipe(None, {"routes": ["en:pt"]}, []),
                environment=environment,
            )
        )
    with pytest.raises(InputError, match="nothing in"):
        make_run(URL, write_rows(["{broken"]), SETTINGS, routes=ROUTES)
    assert not bucket.objects(URL)


def test_filter_writes_there_what_it_writes_here(bucket, repeated, tmp_path, environment):
    _, calm = repeated
    recipe = stored_recipe(calm, None, ["filters.fidelity.chrf.min=60"])
    refilter(calm, tmp_path / "here", recipe)
    refilter(calm, URL, recipe, environment=environment)
    assert_same(bucket.objects(URL), tmp_path / "here")


def test_a_run_that_would_replace_its_own_input_is_refused(bucket, repeated, command):
    source, _ = repeated
    bucket.files.pipe_file(f"{URL}/train/mine.jsonl", source.read_bytes())
    done = command("generate", f"{URL}/train/mine.jsonl", "--route", "en:pt", "--out", f"{URL}/")
    assert done.code == 2, done.err
    assert f"lies in {URL}, the folder that is to be written" in done.err
    assert bucket.files.exists(f"{URL}/train/mine.jsonl")


def test_no_run_is_filtered_into_itself(bucket, command):
    done = command("filter", URL, "--out", f"{URL}/sub")
    assert done.code == 2, done.err
    assert f"lies in the run {URL}" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", "run", "--out", "s3://bucket/report.html"),
        ("lexicon", "run", "--languages", "en:pt", "--out", "s3://bucket/en-pt.txt"),
        ("compare", "a.json", "b.json", "--figures", "s3://bucket/figures"),
        ("evaluate", "model", "--data", "xquad-r", "--out", "s3://bucket/results.json"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_url_is_no_file_to_write(command, tmp_path, arguments):
    done = command(*arguments, cwd=tmp_path)
    assert done.code == 2, done.err
    assert "of this machine" in done.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("code", ["ExpiredToken", "RequestTimeTooSkewed"])
def test_credentials_that_are_refused_as_a_bad_request_are_told(code):
    error = OSError(22, "Bad Request")
    error.__cause__ = ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "GetObject"
    )
    assert "Check which credentials are found" in str(explained(error, URL, 1))
