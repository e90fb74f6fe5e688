"""The upload, against a server that speaks the Hub's protocol and fails when told to."""

import json
import logging

import pytest
from huggingface_hub import constants

from bt_augment.errors import PublishError
from bt_augment.shards.publishing import RECORD
from bt_augment.shards.publishing.contents import Contents, Terms
from bt_augment.shards.publishing.hub_errors import WAITS
from bt_augment.shards.publishing.publish import dry_run, publish
from bt_augment.shards.publishing.upload import _without_credentials

from .conftest import REPO, TOKEN
from .hub_state import Blob, Fault

# The client hands files to its HTTP library in a way that the library no longer likes.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


def on_disk(contents: Contents) -> dict[str, bytes]:
    return {path: (contents.folder / path).read_bytes() for path in sorted(contents.files)}


def size_of(contents: Contents) -> int:
    return sum(len(data) for path, data in on_disk(contents).items() if "parquet" in path)


def test_a_new_repository_holds_the_files_byte_for_byte(hub, send, contents):
    done = send(contents)
    assert hub.files(REPO) == on_disk(contents)
    repo = hub.repos[REPO]
    assert not repo.private
    assert repo.messages == ["initial commit", "Publish with bt-augment"]
    assert done.commit == repo.branches["main"]
    assert list(done.changed) == sorted(contents.files)
    assert hub.bytes_stored == size_of(contents)


def test_listings_may_come_in_pages_and_large_files_go_in_parts(hub, send, contents):
    hub.page, hub.part_bytes = 2, 30_000
    send(contents)
    assert hub.files(REPO) == on_disk(contents)
    assert hub.count(r"PUT .*/part/2$") >= 1
    assert send(contents).changed == []


def test_publishing_the_same_again_sends_nothing(hub, send, contents):
    first = send(contents)
    hub.asked.clear()
    again = send(contents)
    assert (again.changed, again.deleted, again.commit) == ([], [], first.commit)
    assert not hub.count("^PUT|preupload|/commit/")


def test_only_what_differs_is_sent_and_what_vanished_is_deleted(hub, send, contents, fewer):
    send(contents)
    mine = {"data/mine.parquet": Blob(b"mine", True), "notes.md": Blob(b"notes", False)}
    repo = hub.repos[REPO]
    repo.commit("main", repo.commits[repo.branches["main"]] | mine, "by hand")
    hub.asked.clear()
    hub.bytes_stored = 0
    done = send(fewer)
    others = {path: blob.data for path, blob in mine.items()}
    assert hub.files(REPO) == dict(sorted({**on_disk(fewer), **others}.items()))
    assert set(done.deleted) == {f"data/train-0000{n}-of-00003.parquet" for n in range(3)}
    # Native rows and translations are as before, under other names: the store has them.
    new = [fewer.files["data/rejected-00000-of-00001.parquet"]["bytes"]]
    assert hub.bytes_stored == sum(new)
    assert send(fewer).changed == []


@pytest.mark.parametrize(
    "record",
    [
        b"not JSON",
        b"[]",
        json.dumps({"files": ["notes.md", "../x", 7, "data/mine.parquet"]}).encode(),
    ],
)
def test_a_record_that_was_tampered_with_deletes_nothing(hub, send, contents, record):
    send(contents)
    repo = hub.repos[REPO]
    changed = {RECORD: Blob(record, False), "notes.md": Blob(b"notes", False)}
    repo.commit("main", repo.commits[repo.branches["main"]] | changed, "by hand")
    assert send(contents).deleted == []
    assert hub.files(REPO)["notes.md"] == b"notes"


def test_a_private_repository_is_made_private(hub, send, contents):
    send(contents, private=True)
    assert hub.repos[REPO].private
    assert send(contents, private=True).changed == []


def test_private_is_refused_where_the_repository_is_public(hub, send, contents):
    hub.create(REPO)
    with pytest.raises(PublishError, match="is public"):
        send(contents, private=True)
    assert hub.files(REPO) == {}


def test_a_branch_is_made_and_the_main_one_left_alone(hub, send, contents, fewer):
    send(contents)
    for _ in range(2):
        send(fewer, revision="strict/v2")
    assert hub.files(REPO, "strict/v2") == on_disk(fewer)
    assert hub.files(REPO) == on_disk(contents)


STEPS = [
    ("GET", r"^/api/datasets/me/qa$"),
    ("POST", "/api/repos/create"),
    ("POST", "/branch/"),
    ("GET", "/tree/"),
    ("POST", "/api/validate-yaml"),
    ("POST", "/preupload/"),
    ("POST", "/objects/batch"),
    ("PUT", "/store/"),
    ("POST", "/verify"),
    ("POST", "/commit/"),
]


@pytest.mark.parametrize(("method", "path"), STEPS)
@pytest.mark.parametrize(
    "how",
    [
        {"status": 429, "headers": {"Retry-After": "7"}},
        {"status": 503, "body": {"error": "down for a moment"}},
        {"cut": 100},
        {"silent": True},
    ],
    ids=["429", "503", "cut", "unanswered"],
)
def test_a_fault_that_passes_is_waited_for(hub, send, contents, naps, method, path, how):
    hub.faults = [Fault(method, path, **how)]
    send(contents, revision="b")
    assert not hub.faults[0].times
    assert hub.files(REPO, "b") == on_disk(contents)
    assert hub.repos[REPO].messages.count("Publish with bt-augment") == 1
    assert naps
    if "headers" in how:
        assert max(naps) in (7, 8)  # the client adds a second to what it is told


def test_a_connection_cut_in_a_later_part_is_taken_up(hub, send, contents):
    hub.part_bytes = 30_000
    hub.faults = [Fault("PUT", "/part/2$", cut=10_000)]
    send(contents)
    assert hub.files(REPO) == on_disk(contents)


def test_a_fault_that_stays_is_told_and_the_next_call_goes_on(hub, send, contents, naps):
    hub.faults = [Fault("PUT", "/store/", times=10_000, after=2, status=503)]
    with pytest.raises(PublishError, match=r"me/qa: the Hub fails \(503\).*same command again"):
        send(contents)
    assert set(WAITS) <= set(naps)
    assert hub.files(REPO) == {}  # a reader sees all or nothing
    kept = hub.bytes_stored
    assert 0 < kept < size_of(contents)
    hub.faults.clear()
    send(contents)
    assert hub.bytes_stored == size_of(contents)  # nothing twice
    assert hub.files(REPO) == on_disk(contents)


def test_another_commit_in_between_is_taken_into_account(hub, send, contents, monkeypatch):
    hub.create(REPO)
    repo = hub.repos[REPO]
    real, calls = repo.resolve, []

    def resolve(revision: str) -> str | None:
        calls.append(revision)
        sha = real(revision)
        if len(calls) == 3:  # the plan is made: somebody commits
            tree = repo.commits[repo.branches["main"]] | {"notes.md": Blob(b"notes", False)}
            repo.commit("main", tree, "by hand")
        return sha

    monkeypatch.setattr(repo, "resolve", resolve)
    send(contents)
    assert hub.files(REPO) == dict(sorted({**on_disk(contents), "notes.md": b"notes"}.items()))
    assert hub.count("/commit/") == 2  # the first was refused


def test_where_there_is_no_xet_store_files_go_by_http(hub, send, contents, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    send(contents)
    assert hub.count("/xet-write-token/") == 1
    assert hub.files(REPO) == on_disk(contents)


def test_no_token_is_said_before_any_work(hub, finished, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(PublishError, match="hf auth login"):
        publish(finished, Terms(REPO))
    assert hub.asked == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("GET", "/api/datasets/", 99, 401), "does not accept the token"),
        (Fault("POST", "/commit/", 99, 403, body={"error": "read only"}), "403.*read only"),
        (Fault("POST", "/preupload/", 99, 404, {"X-Error-Code": "RepoNotFound"}), "404"),
        (Fault("GET", "/tree/", 99, 404, {"X-Error-Code": "RevisionNotFound"}), "404"),
        (
            Fault(
                "POST",
                "/validate-yaml",
                99,
                400,
                body={"errors": [{"message": '"license" must be one of'}]},
            ),
            "license",
        ),
        (Fault("GET", "/api/datasets/", 99, 429), "rate limit"),
        (Fault("POST", "/commit/", 99, 412), "keep committing"),
        (Fault("POST", "/commit/", 99, 422, body={"error": "too much"}), "refuses.*too much"),
        (Fault("GET", "/api/datasets/", 99, cut=0), "cannot be reached"),
    ],
    ids=str,
)
def test_what_cannot_be_mended_by_waiting_says_what_to_do(hub, send, contents, fault, said):
    hub.faults = [fault]
    with pytest.raises(PublishError, match=f"^me/qa: .*{said}"):
        send(contents)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", r"^/api/datasets/me/qa$"),
        ("POST", "/api/repos/create"),
        ("GET", "/tree/"),
        ("POST", "/preupload/"),
        ("POST", "/objects/batch"),
        ("POST", "/commit/"),
    ],
)
def test_an_answer_that_is_not_the_hubs_is_a_message(hub, send, contents, method, path):
    hub.faults = [Fault(method, path, 99, 200, body=["hello"])]
    with pytest.raises(PublishError, match=r"^me/qa: what answers is not the Hub.*HF_ENDPOINT"):
        send(contents)


def test_another_ones_namespace_is_refused(hub, send, contents):
    with pytest.raises(PublishError, match="may not write there"):
        send(contents, repo="you/qa")


def test_offline_mode_is_named_at_once(hub, send, contents, naps, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(PublishError, match="HF_HUB_OFFLINE"):
        send(contents)
    assert not naps


@pytest.mark.parametrize("revision", ["-x", "a.lock", "a.lock/b", "..", "a..b", ".a", "a/.b", "a."])
def test_a_name_that_no_branch_has_is_refused(finished, tmp_path, revision):
    with pytest.raises(PublishError, match="is no name of a branch"):
        dry_run(finished, Terms(REPO, revision), tmp_path / "out")


def test_a_message_of_several_lines_is_refused(hub, finished):
    with pytest.raises(PublishError, match="has several lines"):
        publish(finished, Terms(REPO), message="one\ntwo")
    assert hub.asked == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("HF_HUB_OFFLINE", True, "unset HF_HUB_OFFLINE"), ("ENDPOINT", "nonsense", "HF_ENDPOINT is")],
)
def test_a_client_that_can_reach_no_hub_is_refused_before_the_work(
    hub, tmp_path, naps, monkeypatch, name, value, said
):
    monkeypatch.setattr(constants, name, value)
    with pytest.raises(PublishError, match=said):
        publish(tmp_path / "nowhere", Terms(REPO))
    assert not naps


def test_a_longer_wait_than_anybody_has_is_told_and_not_begun(hub, send, contents, naps):
    hub.faults = [Fault("POST", "/commit/", 99, 503, {"Retry-After": "100000"})]
    with pytest.raises(PublishError, match=r"asks to wait for 100,000 s \(503\)"):
        send(contents)
    assert not naps


def test_a_token_that_the_hub_repeats_is_shown_nowhere(hub, send, contents, caplog):
    caplog.set_level(logging.DEBUG)
    body = {"error": f"token {TOKEN} is read-only"}
    hub.faults = [
        Fault("GET", r"/datasets/me/qa$", 1, 503, body=body),
        Fault("POST", "/commit/", 9, 403, body=body),
    ]
    with pytest.raises(PublishError, match="read-only") as caught:
        send(contents)
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "trying again" in caplog.text
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("https://huggingface.co", "https://huggingface.co"),
        ("http://bob:canary@127.0.0.1:80/hub", "http://127.0.0.1:80/hub"),
        ("https://canary@hub.example", "https://hub.example"),
    ],
)
def test_a_password_in_the_address_of_the_hub_is_not_told(address, told):
    assert _without_credentials(address) == told
