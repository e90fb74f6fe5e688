"""A finished run on an S3 server is read from the cache, and what is damaged there is named."""

import errno
import os
from pathlib import Path

import pytest

from bt_augment.errors import RunFolderError, StorageError
from bt_augment.shards.remote import fetched_run as module
from bt_augment.shards.remote.fetched_inputs import fetched_inputs
from bt_augment.shards.remote.fetched_run import fetched_anew, fetched_run
from bt_augment.shards.remote.object_store import ObjectStore
from bt_augment.shards.verification import sound_shards, verify

URL = "s3://bucket/runs/calm"


@pytest.fixture
def there(bucket, repeated):
    """Put a finished run on the server; return the local one."""
    bucket.put(repeated[1], URL)
    return repeated[1]


def shards_asked_for(bucket):
    return [path for method, path in bucket.server.asked if method == "GET" and ".arrow" in path]


def test_only_what_is_needed_and_not_here_is_fetched(bucket, there, tmp_path, arrow_bytes):
    folder = fetched_run(URL, tmp_path, splits=["train"])
    sound_shards(folder, "train")
    assert len(shards_asked_for(bucket)) == 4
    assert fetched_run(URL, tmp_path) == folder
    assert len(shards_asked_for(bucket)) == 8
    fetched_run(URL, tmp_path)
    assert len(shards_asked_for(bucket)) == 8
    assert arrow_bytes(folder) == arrow_bytes(there)
    assert not verify(folder).problems


def test_another_run_at_the_same_place_gets_a_folder_of_its_own(
    bucket, there, tmp_path, finished, arrow_bytes
):
    first = fetched_run(URL, tmp_path)
    bucket.files.rm(bucket.files.find(URL))
    bucket.put(finished, URL)
    second = fetched_run(URL, tmp_path)
    assert arrow_bytes(second) == arrow_bytes(finished)
    assert arrow_bytes(first) == arrow_bytes(there)


def test_a_damaged_or_lost_object_is_named_whatever_the_cache_holds(bucket, there, command):
    shard = "train/data-00001-of-00004.arrow"
    assert command("inspect", URL, "-q").code == 0  # the cache now has the good one
    content = bytearray((there / shard).read_bytes())
    content[len(content) // 2] ^= 1
    bucket.files.pipe_file(f"{URL}/{shard}", bytes(content))
    bucket.files.rm_file(f"{URL}/rejected/data-00002-of-00004.arrow")
    bucket.files.pipe_file(f"{URL}/train/data-00009-of-00004.arrow", b"stray")
    checked = command("verify", URL)
    assert checked.code == 2
    assert "Traceback" not in checked.err
    for told in (
        f"{URL}: is damaged",
        f"{shard}: its SHA-256 differs",
        "rejected/data-00002-of-00004.arrow: is missing",
        "train/data-00009-of-00004.arrow: is not in the manifest",
    ):
        assert told in checked.err


def test_settings_that_were_changed_are_refused_and_put_back_are_read(bucket, there, tmp_path):
    sound = (there / "run.json").read_bytes()
    bucket.files.pipe_file(f"{URL}/run.json", sound + b"\n")
    for _ in range(2):
        with pytest.raises(RunFolderError, match=r"run\.json: its SHA-256 differs"):
            fetched_run(URL, tmp_path)
    bucket.files.pipe_file(f"{URL}/run.json", sound)  # as the message says
    assert not verify(fetched_run(URL, tmp_path)).problems


def test_a_damaged_shard_is_never_handed_on(bucket, there, tmp_path):
    shard = "rejected/data-00003-of-00004.arrow"
    bucket.files.pipe_file(f"{URL}/{shard}", b"x" * (there / shard).stat().st_size)
    for _ in range(2):
        with pytest.raises(RunFolderError, match=f"{shard}: its SHA-256 differs"):
            fetched_run(URL, tmp_path)


def test_a_shard_fetched_by_a_killed_process_is_not_taken_unchecked(
    bucket, there, tmp_path, monkeypatch
):
    shard = "train/data-00000-of-00004.arrow"
    bucket.files.pipe_file(f"{URL}/{shard}", b"x" * (there / shard).stat().st_size)

    def killed(path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "sha256_of", killed)
        with pytest.raises(KeyboardInterrupt):
            fetched_run(URL, tmp_path)
    with pytest.raises(RunFolderError, match=f"{shard}: its SHA-256 differs"):
        fetched_run(URL, tmp_path)


@pytest.fixture
def unreadable(bucket, tmp_path, make_run, write_rows, english):
    """Put a run with a quarantined record on the server; return the local one."""
    make_run(tmp_path / "run", write_rows([english[0], "{broken"]))
    bucket.put(tmp_path / "run", URL)
    return tmp_path / "run"


@pytest.mark.parametrize("name", ["quarantine.jsonl", "train/state.json"])
def test_what_was_damaged_on_the_store_is_sound_here_once_it_is_restored(
    bucket, unreadable, tmp_path, name
):
    sound = (unreadable / name).read_bytes()
    bucket.files.pipe_file(f"{URL}/{name}", sound.replace(b"e", b"E"))
    assert verify(fetched_run(URL, tmp_path)).problems
    bucket.files.pipe_file(f"{URL}/{name}", sound)
    assert not verify(fetched_run(URL, tmp_path)).problems


def test_a_shard_that_was_changed_in_the_cache_is_fetched_again(bucket, there, tmp_path):
    shard = fetched_run(URL, tmp_path) / "train" / "data-00001-of-00004.arrow"
    sound = shard.read_bytes()
    shard.write_bytes(bytes([*sound[:-1], sound[-1] ^ 1]))
    fetched_run(URL, tmp_path, checked=False)
    assert shard.read_bytes() != sound
    fetched_run(URL, tmp_path)
    assert shard.read_bytes() == sound


def test_where_nothing_is_to_be_fetched_no_lock_is_needed(bucket, there, tmp_path):
    """In a cache that may only be read none can be taken."""
    source = "s3://bucket/pairs.jsonl"
    bucket.files.pipe_file(source, b"{}")
    run, copy = fetched_run(URL, tmp_path), fetched_inputs([source], tmp_path)[source]
    for folder in (run, copy.parent):
        (folder / ".lock").unlink()
        (folder / ".lock").mkdir()
    assert fetched_run(URL, tmp_path) == run
    assert fetched_inputs([source], tmp_path)[source] == copy
    next(run.rglob("*.arrow")).unlink()
    copy.unlink()
    with pytest.raises(StorageError, match=r"\.lock: is a folder"):
        fetched_run(URL, tmp_path)
    with pytest.raises(StorageError, match=r"\.lock: is a folder"):
        fetched_inputs([source], tmp_path)


def test_what_is_verified_is_a_copy_of_its_own_and_goes_afterwards(bucket, there, tmp_path):
    read = fetched_run(URL, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with fetched_anew(URL, tmp_path) as one, fetched_anew(URL, tmp_path) as other:
        assert len({read, one, other}) == 3
        assert not verify(one).problems
        assert not verify(other).problems
    assert sorted(tmp_path.rglob("*")) == [*before, tmp_path / "verified"]


def test_no_object_leads_out_of_the_folder(bucket, there, tmp_path):
    bucket.files.pipe_file(f"{URL}/train/../../../escaped.arrow", b"x")
    bucket.files.pipe_file(f"{URL}/train/sub/data-00000-of-00001.arrow", b"x")
    with fetched_anew(URL, tmp_path / "cache") as folder:
        names = {p.name for p in tmp_path.rglob("*.arrow")}
        assert "escaped.arrow" not in names
        assert not (folder / "train" / "sub").exists()


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (lambda path: OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (lambda path: OSError(errno.EIO, "Input/output error"), "the disk failed"),
        (lambda path: PermissionError(errno.EACCES, "denied", path), "change its permissions"),
        (lambda path: FileNotFoundError(errno.ENOENT, "none", path), "has disappeared"),
    ],
)
def test_what_the_disk_refuses_is_not_laid_to_the_store(bucket, there, tmp_path, refusal, told):
    store = ObjectStore(URL)

    def refuse(name, path):
        Path(path).write_bytes(b"half")
        raise refusal(path)

    store._files.get_file = refuse
    target = tmp_path / "run.json"
    with pytest.raises(StorageError, match=f"^{target}: .*{told}"):
        store.download("run.json", target)
    assert not list(tmp_path.iterdir())


def test_a_file_that_the_disk_does_not_give_is_not_laid_to_the_store(bucket, tmp_path):
    store = ObjectStore(URL)

    def refuse(path, name):
        raise OSError(errno.EIO, os.strerror(errno.EIO))  # as read raises it

    store._files.put_file = refuse
    with pytest.raises(StorageError, match=f"^{tmp_path / 'run.json'}: cannot be read"):
        store.upload(tmp_path / "run.json", "run.json")


def test_an_unfinished_run_is_not_read(bucket, there, tmp_path):
    bucket.files.rm_file(f"{URL}/manifest.json")
    with pytest.raises(RunFolderError, match="not a finished run"):
        fetched_run(URL, tmp_path)
    with pytest.raises(RunFolderError, match=r"there is no run \(no run\.json\)"):
        fetched_run(f"{URL}-elsewhere", tmp_path)


def test_commands_that_write_here_only_say_so(command, tmp_path):
    refused = command("export", tmp_path, "--format", "squad", "--out", "s3://bucket/exported")
    assert refused.code == 2
    assert "folder of this machine" in refused.err
    secret = command("verify", "s3://key:geheim@bucket/run")
    assert secret.code == 2
    assert "geheim" not in secret.err + secret.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("verify",), f"{URL}/manifest.json: damaged at"),
        (("export", "--format", "beir", "--out"), f"{URL}/manifest.json: damaged at"),
    ],
)
def test_a_damaged_manifest_is_named_by_its_url(
    bucket, there, command, environment, tmp_path, arguments, told
):
    name, *options = arguments
    bucket.files.pipe_file(f"{URL}/manifest.json", (there / "manifest.json").read_bytes()[:200])
    refused = command(name, URL, *options, *([tmp_path / "out"] if options else []))
    assert (refused.code, told in refused.err) == (2, True), refused.err
    assert environment["BT_AUGMENT_CACHE"] not in refused.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("export", "--format", "beir", "--methods", "pivot"), f"{URL}: no row can be written as"),
        (("lexicon", "--languages", "en:fr"), f"{URL}: no accepted row has text in en beside"),
        (("inspect", "--route", "en:fr"), f"{URL}: "),
    ],
)
def test_errors_about_what_was_fetched_name_the_url(
    bucket, there, command, environment, tmp_path, arguments, told
):
    name, *options = arguments
    out = [] if name == "inspect" else ["--out", tmp_path / "out"]
    refused = command(name, URL, *options, *out)
    assert (refused.code, told in refused.err) == (2, True), refused.err
    assert environment["BT_AUGMENT_CACHE"] not in refused.err


def test_what_the_disk_of_the_cache_refuses_is_named_as_it_is_here(bucket, there, tmp_path):
    with pytest.raises(RunFolderError, match=rf"^{URL}/train: "), fetched_anew(URL, tmp_path) as at:
        raise RunFolderError(f"{at}/train: is damaged")
    with pytest.raises(StorageError, match=f"^{tmp_path}/"), fetched_anew(URL, tmp_path) as at:
        raise StorageError(f"{at}/train: no space")


def test_a_report_calls_a_run_by_its_url(bucket, there, tmp_path, command):
    page = tmp_path / "page.html"
    done = command("report", URL, "--out", page, "--quiet")
    assert done.code == 0, done.err
    text = page.read_text(encoding="utf-8")
    assert "<title>Run calm · bt-augment</title>" in text
    assert f"bt-augment filter {URL}" in text
    assert "/runs/bucket-" not in text
