"""``verify`` finds every kind of damage, and names it."""

import errno
import hashlib
import io
import json
import os
import shutil
import tracemalloc

import pytest

from bt_augment.errors import RunFolderError, StorageError
from bt_augment.generation import refilter
from bt_augment.generation.refiltering import stored_recipe
from bt_augment.shards.manifest import ShardEntry
from bt_augment.shards.verification import _lines, check_shard, verify

SHARD = "train/data-00001-of-00008.arrow"


def test_a_run_as_it_was_written_is_sound(finished):
    result = verify(finished)
    assert result.problems == ()
    assert result.shards == 16
    assert result.rows == 238 * 3


@pytest.mark.parametrize("place", [0, 0.37, 0.5, 0.81, -1])
def test_a_flipped_bit(copied, place):
    path = copied / SHARD
    content = bytearray(path.read_bytes())
    content[int(place * len(content)) if place >= 0 else -1] ^= 4
    path.write_bytes(content)
    assert verify(copied).problems == (
        f"{SHARD}: its SHA-256 differs from the manifest's; it was changed",
    )


def test_a_cut_shard(copied):
    path = copied / SHARD
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-9])
    (problem,) = verify(copied).problems
    assert problem == f"{SHARD}: has {size - 9} bytes instead of {size}; it was cut or changed"


def test_a_shard_that_was_never_one_is_named_as_the_others_are(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "data-00000-of-00001.arrow").write_bytes(b"no shard")
    digest = hashlib.sha256(b"no shard").hexdigest()
    entry = ShardEntry(path="train/data-00000-of-00001.arrow", rows=1, bytes=8, sha256=digest)
    problem = check_shard(tmp_path, entry)
    assert problem.startswith("train/data-00000-of-00001.arrow: cannot be read as an Arrow shard")
    assert str(tmp_path) not in problem


def test_a_missing_shard(copied):
    (copied / SHARD).unlink()
    assert verify(copied).problems == (f"{SHARD}: is missing",)


@pytest.mark.parametrize("split", ["train", "rejected"])
def test_an_extra_shard(copied, split):
    shutil.copy(copied / SHARD, copied / split / "data-00008-of-00009.arrow")
    assert verify(copied).problems == (
        f"{split}/data-00008-of-00009.arrow: is not in the manifest",
    )


def test_where_all_else_is_sound_an_extra_shard_need_only_go(copied, command):
    shutil.copy(copied / SHARD, copied / "train" / "data-00008-of-00009.arrow")
    told = command("verify", copied).err
    assert "remove what is not in the manifest" in told
    assert "Restore" not in told
    (copied / SHARD).unlink()
    assert "Restore it from a copy" in command("verify", copied).err


def test_a_quarantine_that_is_gone_though_it_was_empty(copied):
    assert (copied / "quarantine.jsonl").read_bytes() == b""
    (copied / "quarantine.jsonl").unlink()
    assert verify(copied).problems == ("quarantine.jsonl: is missing",)


def test_shards_that_changed_places(copied):
    first, second = copied / SHARD, copied / "train" / "data-00002-of-00008.arrow"
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)
    assert len(verify(copied).problems) == 2


def test_a_symlinked_shard(copied, tmp_path):
    path = copied / SHARD
    shutil.move(path, tmp_path / "elsewhere.arrow")
    path.symlink_to(tmp_path / "elsewhere.arrow")
    assert verify(copied).problems == (f"{SHARD}: leads out of the run folder",)


def test_a_symlinked_split(copied, tmp_path):
    shutil.move(copied / "train", tmp_path / "elsewhere")
    (copied / "train").symlink_to(tmp_path / "elsewhere")
    problems = verify(copied).problems
    assert len(problems) == 8
    assert all("leads out of the run folder" in problem for problem in problems)


def edit(run, change):
    manifest = json.loads((run / "manifest.json").read_text())
    del manifest["sha256"]  # each of the other checks finds what it looks for
    change(manifest)
    (run / "manifest.json").write_text(json.dumps(manifest))
    return verify(run).problems


def test_a_name_that_was_changed_where_nothing_else_holds_it(copied):
    """Routes to which no row applies are in no shard; a digit more or less would be summed."""
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["units"][2]["not_applicable"] = {"xx:yy": 0}
    (copied / "manifest.json").write_text(json.dumps(manifest))
    problem = "manifest.json: its sha256 is not that of the rest; it was changed"
    assert verify(copied).problems == (problem,)
    with pytest.raises(RunFolderError, match=r"damaged at sha256: .*the file was changed"):
        refilter(copied, copied.parent / "filtered", stored_recipe(copied))


def test_a_manifest_laid_out_in_another_way_is_the_same(copied):
    manifest = json.loads((copied / "manifest.json").read_text())
    (copied / "manifest.json").write_text(json.dumps(manifest, indent=4, sort_keys=True))
    assert verify(copied).problems == ()


@pytest.mark.parametrize(
    "field", ["rows", "candidates", "accepted", "rejected", "native_rejected", "tokens"]
)
def test_an_edited_count_of_a_unit(copied, field):
    problems = edit(copied, lambda m: m["units"][3].update({field: m["units"][3][field] + 1}))
    assert any(f"totals.{'native' if field == 'rows' else field} " in x for x in problems)


@pytest.mark.parametrize(
    "field", ["read", "native", "quarantined", "candidates", "accepted", "rejected", "seconds"]
)
def test_an_edited_total(copied, field):
    problems = edit(copied, lambda m: m["totals"].update({field: m["totals"][field] + 1}))
    assert problems


@pytest.mark.parametrize(
    ("field", "total", "told"),
    [
        ("candidates", "candidates", "candidates"),
        ("accepted", "accepted", "accepted"),
        ("rejected", "rejected", "rejected"),
        ("native_rejected", "native_rejected", "native_rejected"),
        ("rows", "native", "native rows"),
    ],
)
def test_counts_edited_in_unit_and_total_alike(copied, field, total, told):
    def more(manifest):
        for part, name in ((manifest["units"][3], field), (manifest["totals"], total)):
            part[name] += 1

    found = json.loads((copied / "manifest.json").read_text())["units"][3][field]
    problem = f"unit 3: the manifest says {told} {found + 1}, its shards hold {found}"
    assert [x for x in edit(copied, more) if x.startswith("unit ")] == [problem]


def test_routes_edited_in_unit_and_total_alike(copied):
    def move(manifest):
        for part in (manifest["units"][3], manifest["totals"]):
            part["routes"]["en:pt"]["accepted"] += 1
            part["routes"]["en:pt"]["rejected"] -= 1

    (problem,) = edit(copied, move)
    assert problem.startswith("unit 3: the manifest says routes ")


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        ("accepted", "476 candidates, but 477 accepted or rejected"),
        ("candidates", "238 native rows x 2 routes x 1 candidates, less 0 where the route does not "
         "apply, should give 476 rows, but 477 were made"),
    ],
)  # fmt: skip
def test_books_that_do_not_balance_where_unit_and_total_were_edited(copied, field, problem):
    def more(manifest):
        for part in (manifest["units"][3], manifest["totals"]):
            part[field] += 1

    assert problem in edit(copied, more)


def test_an_edited_number_of_rows_of_a_shard(copied):
    def more(manifest):
        manifest["units"][1]["files"]["train"]["rows"] += 1

    rows = json.loads((copied / "manifest.json").read_text())["units"][1]["files"]["train"]["rows"]
    assert edit(copied, more) == (f"{SHARD}: holds {rows} rows instead of {rows + 1}",)


def test_edited_reasons(copied):
    def rename(manifest):
        for part in (manifest["units"][0], manifest["totals"]):
            part["reasons"] = {"text.invented.low": 1}

    assert any("unit 0: the manifest says reasons" in x for x in edit(copied, rename))


def test_a_unit_gone_with_its_shards(copied):
    def drop(manifest):
        for shard in manifest["units"].pop()["files"].values():
            (copied / shard["path"]).unlink()

    with pytest.raises(RunFolderError, match=r"damaged at units\.0\.files\.train\.path"):
        edit(copied, drop)


def test_a_unit_numbered_twice(copied):
    with pytest.raises(RunFolderError, match=r"damaged at units\.1\.unit: it is 0"):
        edit(copied, lambda m: m["units"][1].update(unit=0))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"rows": 700}, "ingested.rows comes to 700, but the totals and units to 238"),
        ({"units": 2}, "ingested.units comes to 2, but the totals and units to 8"),
        ({"quarantined": {"broken_json": 1}},
         "ingested.quarantined comes to 1, but the totals and units to 0"),
        ({"left_out": {"unanswerable": 1}},
         "ingested.left_out comes to 1, but the totals and units to 0"),
        ({"languages": {"en": 300}},
         "ingested.languages come to 300, more than ingested.rows, 238"),
    ],
)  # fmt: skip
def test_what_was_read_edited(copied, change, problem):
    assert edit(copied, lambda manifest: manifest["ingested"].update(change)) == (problem,)


def test_a_removed_quarantine_line(tmp_path, english, write_rows, make_run):
    run = tmp_path / "run"
    make_run(run, write_rows([english[0], "{broken", "{again", english[1]]))
    assert verify(run).problems == ()
    path = run / "quarantine.jsonl"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    assert verify(run).problems == ("quarantine.jsonl: 1 records, but the totals say 2",)


def test_a_flipped_bit_of_the_quarantine(tmp_path, english, write_rows, make_run):
    run = tmp_path / "run"
    make_run(run, write_rows([english[0], "{broken"]))
    refilter(run, tmp_path / "filtered", stored_recipe(run))
    assert verify(tmp_path / "filtered").problems == ()
    path = run / "quarantine.jsonl"
    path.write_bytes(path.read_bytes().replace(b"broken", b"brokeo", 1))
    problem = "quarantine.jsonl: its SHA-256 differs from the manifest's; it was changed"
    assert verify(run).problems == (problem,)
    with pytest.raises(RunFolderError, match=problem):  # it would be copied
        refilter(run, tmp_path / "again", stored_recipe(run))
    edited = edit(run, lambda manifest: manifest.pop("quarantine_sha256"))
    assert edited == ()  # of before it was noted


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train/state.json", None),
        ("dataset_dict.json", None),
        ("rejected/dataset_info.json", "{cut"),
        ("dataset_dict.json", '{"splits": ["train"]}'),
    ],
)
def test_index_files_that_are_gone_or_changed(copied, name, content):
    (copied / name).unlink()
    if content is not None:
        (copied / name).write_text(content)
    (problem,) = verify(copied).problems
    assert problem.startswith(f"{name}: ")


def test_a_state_that_leaves_a_shard_out(copied):
    path = copied / "train" / "state.json"
    state = json.loads(path.read_text())
    state["_data_files"].pop()
    path.write_text(json.dumps(state))
    (problem,) = verify(copied).problems
    assert problem.startswith("train/state.json: was changed")


@pytest.mark.parametrize(
    ("content", "said"),
    [("{cut", "cannot be read"), ("[]", "not a JSON object"), ('{"recipe": {}}', "lacks recipe")],
)
def test_a_damaged_run_json_is_refused(copied, content, said):
    (copied / "run.json").write_text(content)
    with pytest.raises(RunFolderError, match=rf"run\.json.* {said}"):
        verify(copied)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunFolderError, match="is not a run folder"):
        verify(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(RunFolderError, match="there is no such folder"):
        verify(tmp_path / "nope")


def test_an_edited_threshold(copied, tmp_path):
    path = copied / "run.json"
    run = json.loads(path.read_text())
    run["recipe"]["filters"]["fidelity"]["chrf"]["min"] = 1
    path.write_text(json.dumps(run, indent=1))
    problem = "run.json: its SHA-256 differs from the manifest's; it was changed"
    assert verify(copied).problems == (problem,)
    with pytest.raises(RunFolderError, match=problem):  # filter would start from it
        refilter(copied, tmp_path / "filtered", stored_recipe(copied))


def test_a_run_judged_anew_is_sound(finished, tmp_path):
    out = tmp_path / "filtered"
    refilter(finished, out, stored_recipe(finished, None, ["filters.fidelity.chrf.min=75"]))
    assert verify(out).problems == ()


def test_a_run_of_before_its_settings_were_noted_is_sound(copied):
    assert edit(copied, lambda manifest: manifest.pop("run_sha256")) == ()


@pytest.mark.parametrize(
    "name",
    [
        "manifest.json", "run.json", "quarantine.jsonl", "train/data-00000-of-*.arrow",
        "rejected/state.json",
    ],
)  # fmt: skip
def test_a_file_that_the_disk_does_not_give_is_named_and_not_called_damaged(
    copied, monkeypatch, name
):
    (file,) = copied.glob(name)
    opened = io.open

    def refuse(path, *arguments, **options):
        if str(path) == str(file):
            raise OSError(errno.EIO, os.strerror(errno.EIO))  # as read and close raise it
        return opened(path, *arguments, **options)

    monkeypatch.setattr(io, "open", refuse)
    with pytest.raises(
        StorageError, match=rf"{file.name}: cannot be read \(Input/output error\); look"
    ):
        verify(copied)


@pytest.mark.parametrize(
    ("content", "lines"), [(b"", 0), (b"a", 1), (b"a\n", 1), (b"a\n\nb", 3), (b"a\r\nb\n", 2)]
)
def test_lines_are_counted_as_they_are_read(tmp_path, content, lines):
    path = tmp_path / "quarantine.jsonl"
    path.write_bytes(content)
    assert _lines(path) == lines


def test_a_quarantine_of_one_endless_line_fills_no_memory(tmp_path):
    path = tmp_path / "quarantine.jsonl"
    path.touch()
    os.truncate(path, 100 << 20)
    tracemalloc.start()
    assert _lines(path) == 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
