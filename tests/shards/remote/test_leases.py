"""One writer at a time, though nothing frees a dead one's lock but time."""

import threading
import time

import pytest

from bt_augment.errors import RunFolderError, StorageError
from bt_augment.shards.remote import leases
from bt_augment.shards.remote.leases import LEASE, Lease
from bt_augment.shards.remote.object_store import ObjectStore

URL = "s3://bucket/run"


@pytest.fixture
def store(bucket):
    return ObjectStore(URL)


def test_while_one_holds_it_another_is_told_where_and_how_to_go_on(store, bucket):
    with Lease(store).held("one"):
        with pytest.raises(RunFolderError) as caught, Lease(store).held("two"):
            pass
        assert "another process is writing this run" in str(caught.value)
        assert f"{URL}/{LEASE}" in str(caught.value)
        assert list(bucket.objects(URL)) == [LEASE], "a probe was left"
    assert not bucket.objects(URL)
    with Lease(store).held("two"):
        assert bucket.objects(URL)


def test_ctrl_c_while_one_is_taken_over_leaves_nothing(store, bucket):
    def interrupt(seconds):
        raise KeyboardInterrupt

    bucket.files.pipe_file(f"{URL}/{LEASE}", b'{"holder": "dead"}')
    with pytest.raises(KeyboardInterrupt), Lease(store, seconds=0, sleep=interrupt).held("one"):
        pass
    assert not bucket.objects(URL)


def test_a_probe_that_a_killed_process_left_is_removed_by_the_next(store, bucket):
    def killed(name):
        raise SystemExit

    with Lease(store).held("one"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store, "remove", killed)
            patch.setattr(store, "modified", killed)
            with pytest.raises(SystemExit), Lease(store).held("two"):
                pass
        assert len(bucket.objects(URL)) == 2
        with pytest.raises(RunFolderError), Lease(store).held("three"):
            pass
        assert list(bucket.objects(URL)) == [LEASE]


def test_a_probe_that_another_process_removes_is_no_sign_that_the_lock_is_abandoned(
    store, bucket, monkeypatch
):
    modified = store.modified
    monkeypatch.setattr(store, "modified", lambda name: modified(name) if name == LEASE else None)
    with (
        Lease(store).held("one"),
        pytest.raises(RunFolderError, match="another process is writing"),
        Lease(store).held("two"),
    ):
        pass


def test_of_many_at_once_one_gets_it(store):
    gate, won, lost, done = threading.Barrier(6), [], [], threading.Event()

    def contend(name):
        gate.wait()
        try:
            with Lease(store).held(name):
                won.append(name)
                done.wait(20)
        except RunFolderError:
            lost.append(name)

    threads = [threading.Thread(target=contend, args=(str(i),)) for i in range(6)]
    for thread in threads:
        thread.start()
    while len(lost) < 5 and any(t.is_alive() for t in threads) and len(won) < 2:
        time.sleep(0.01)
    done.set()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 5)


def test_an_abandoned_one_is_taken_over_and_the_first_holder_notices(store, bucket):
    first = Lease(store, seconds=2)
    with first.held("one"):  # renews far more seldom, as if it had been suspended
        time.sleep(3.2)  # the server tells whole seconds
        with (
            Lease(store, seconds=2).held("two"),
            pytest.raises(RunFolderError, match="has taken over this run"),
        ):
            first.check()
    assert not bucket.objects(URL), "the first removed only what was its own"


def test_the_same_cache_goes_on_at_once(store, bucket):
    bucket.files.pipe_file(f"{URL}/{LEASE}", b'{"holder": "one"}')
    with Lease(store).held("one"):
        pass


def test_a_deleted_lock_stops_its_holder(store, bucket):
    lease = Lease(store, seconds=0)  # any check asks the store
    with lease.held("one"):
        lease.check()
        bucket.files.rm_file(f"{URL}/{LEASE}")
        with pytest.raises(RunFolderError, match="lock was deleted"):
            lease.check()


def test_a_renewal_puts_the_object_anew(store, bucket):
    """Its age, by which others judge, is that of the object."""
    lease = Lease(store)
    with lease.held("one"):
        put = bucket.objects(URL)[LEASE]
        bucket.files.pipe_file(f"{URL}/{LEASE}", b'{"holder": "one"}')  # tells no host
        lease._renew()
        assert bucket.objects(URL)[LEASE] == put


def test_once_it_is_lost_every_check_says_so_and_the_others_lock_stays(store, bucket):
    other = b'{"holder": "two"}'
    lease = Lease(store)
    with lease.held("one"):
        bucket.files.pipe_file(f"{URL}/{LEASE}", other)
        lease.check()  # renewed a moment ago: no other can have taken it over
        for check in (lease._renew, lease.check, lease.check):
            with pytest.raises(RunFolderError, match="has taken over this run"):
                check()
    assert bucket.objects(URL) == {LEASE: other}


def test_the_store_is_asked_when_half_the_time_is_over(store, bucket, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(leases, "_now", lambda: now[0])
    lease = Lease(store, seconds=100)
    with lease.held("one"):
        bucket.files.pipe_file(f"{URL}/{LEASE}", b'{"holder": "two"}')
        now[0] += 49
        lease.check()
        now[0] += 2
        with pytest.raises(RunFolderError, match="has taken over this run"):
            lease.check()


def test_no_clock_that_is_set_decides(store, bucket, monkeypatch):
    lease = Lease(store)
    with lease.held("one"), monkeypatch.context() as patch:
        bucket.files.pipe_file(f"{URL}/{LEASE}", b'{"holder": "two"}')
        patch.setattr(leases.time, "time", lambda: 1e12)
        lease.check()  # asks nothing: no time has passed


def test_one_that_was_made_is_taken_back_where_the_store_refuses_then(store, bucket, monkeypatch):
    reads = iter([StorageError("503 after all attempts")])
    read = ObjectStore.read

    def refuse_once(self, name):
        for error in reads:
            raise error
        return read(self, name)

    monkeypatch.setattr(ObjectStore, "read", refuse_once)
    with pytest.raises(StorageError, match="503"), Lease(store).held("one"):
        pass
    assert not bucket.objects(URL)
