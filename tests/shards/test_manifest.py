"""The journal is only ever appended to, and a crash costs it no more than its last line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_augment.errors import RunFolderError
from bt_augment.shards.journal import Journal
from bt_augment.shards.manifest import ShardEntry, UnitEntry, read_manifest, total

RUN = "0" * 64


def entry(unit, accepted=2, rejected=1):
    return UnitEntry(
        unit=unit,
        rows=3,
        candidates=accepted + rejected,
        accepted=accepted,
        rejected=rejected,
        native_rejected=0,
        not_applicable={"en:pt": 1},
        reasons={"fidelity.chrf.low": rejected},
        routes={"en:pt": {"accepted": accepted, "rejected": rejected}},
        seconds=0.5,
        tokens=10,
        files={
            split: ShardEntry(
                path=f"{split}/data-{unit:05d}-of-00003.arrow", rows=3, bytes=9, sha256="0" * 64
            )
            for split in ("train", "rejected")
        },
    )


@pytest.fixture
def path(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl", RUN)
    for unit in range(3):
        journal.append(entry(unit))
    return journal.path


def test_what_was_appended_is_read_back(path):
    assert Journal(path, RUN).units == [entry(0), entry(1), entry(2)]


def test_a_torn_last_line_is_dropped_wherever_it_was_cut(path):
    whole = path.read_bytes()
    kept = whole.index(b"\n", whole.index(b"\n") + 1) + 1
    for cut in range(kept, len(whole), 37):
        path.write_bytes(whole[:cut])
        journal = Journal(path, RUN)
        assert journal.units == [entry(0), entry(1)]
        assert path.read_bytes() == whole[:kept]
        journal.append(entry(2))
        assert path.read_bytes() == whole


def test_a_last_line_of_zeros_is_dropped(path):
    # What some file systems leave of an append that was cut off by a power failure.
    whole = path.read_bytes()
    path.write_bytes(whole + b"\0" * 40 + b"\n")
    assert len(Journal(path, RUN).units) == 3
    assert path.read_bytes() == whole


def test_a_broken_line_before_the_last_is_refused_and_named(path):
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"{broken\n" + lines[2])
    with pytest.raises(RunFolderError, match=r"journal\.jsonl, line 2: is not.*Delete this line"):
        Journal(path, RUN)


def test_a_flipped_bit_of_a_line_enters_no_wrong_count(path):
    whole = path.read_bytes()
    for place in range(whole.index(b"\n")):
        for bit in (1, 2, 16):
            flipped = bytearray(whole)
            flipped[place] ^= bit
            path.write_bytes(flipped)
            with pytest.raises(RunFolderError, match="line"):
                Journal(path, RUN)


def test_units_out_of_order_are_refused(path):
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    with pytest.raises(RunFolderError, match="line 2: unit 2 where 1 was expected"):
        Journal(path, RUN)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=8))
def test_totals_are_the_sums_of_the_units(counts):
    totals = total([entry(i, a, r) for i, (a, r) in enumerate(counts)], quarantined=4, left_out=5)
    assert totals.accepted == sum(a for a, _ in counts)
    assert totals.rejected == sum(r for _, r in counts) == totals.candidates - totals.accepted
    assert totals.native == 3 * len(counts)
    assert totals.read == totals.native + 9
    assert totals.not_applicable == len(counts)
    if counts:
        assert totals.routes["en:pt"] == {"accepted": totals.accepted, "rejected": totals.rejected}


@pytest.mark.parametrize(
    "path",
    [
        "../outside.arrow",
        "/tmp/outside.arrow",
        "train/../../outside.arrow",
        "train/sub/data-00000-of-00008.arrow",
        "train/data-00000-of-00008.arrow\n",
    ],
)
def test_a_path_that_leads_out_of_the_folder_is_refused(copied, path):
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["units"][0]["files"]["train"]["path"] = path
    (copied / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RunFolderError, match=r"damaged at units\.0\.files\.train\.path"):
        read_manifest(copied)


@pytest.mark.parametrize(
    ("text", "place"), [("", "the start"), ("[]", "the start"), ('{"format": 1}', "totals")]
)
def test_a_damaged_manifest_is_refused_and_the_place_named(copied, text, place):
    (copied / "manifest.json").write_text(text)
    with pytest.raises(RunFolderError, match=rf"manifest\.json: damaged at {place}"):
        read_manifest(copied)


def test_the_manifest_of_another_run_is_refused(copied):
    run = json.loads((copied / "run.json").read_text())
    (copied / "run.json").write_text(json.dumps(run | {"input": []}))
    with pytest.raises(RunFolderError, match=r"run\.json: its SHA-256 differs"):
        read_manifest(copied)
    (copied / "run.json").unlink()
    with pytest.raises(RunFolderError, match=r"has no run\.json"):
        read_manifest(copied)


def test_an_unfinished_run_has_no_manifest(copied):
    (copied / "manifest.json").unlink()
    with pytest.raises(RunFolderError, match="not a finished run"):
        read_manifest(copied)


def again(manifest, number=1):
    manifest["units"].insert(1, manifest["units"][0] | {"unit": number})


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda m: m.update(format=99), "format: it is 99, and this version"),
        (lambda m: m.update(units=[]), "units: there is none"),
        (lambda m: m["units"][0].update(unit=10**20), r"units\.0\.unit"),
        (lambda m: m["units"].reverse(), r"units\.0\.unit: it is 7"),
        (lambda m: again(m, 0), r"units\.1\.unit: it is 0"),
        (again, r"units\.2\.unit: it is 1"),
        (lambda m: m["units"].__setitem__(1, m["units"][0] | {"unit": 1}),
         r"units\.1\.files\.train\.path: it is train/data-00000-of-00008\.arrow"),
        (lambda m: m["units"].pop(0), r"units\.0\.unit: it is 1"),
        (lambda m: m["units"][0]["files"].update(train=m["units"][0]["files"]["rejected"]),
         r"units\.0\.files\.train\.path"),
        (lambda m: m["units"][2]["files"]["train"].update(rows=2**63),
         r"units\.2\.files\.train\.rows"),
        (lambda m: m["units"][2]["routes"].update(x={"accepted": 1}),
         r"units\.2\.routes\.x: a route has"),
        (lambda m: m["units"][2]["reasons"].update(x=-1), r"units\.2\.reasons\.x"),
        (lambda m: m["units"][2].update(seconds=float("nan")), r"units\.2\.seconds"),
        (lambda m: m["totals"].update(routes={"x": {}}), r"totals\.routes\.x: a route has"),
        (lambda m: m["units"][0].update(rows=True), r"units\.0\.rows"),
        (lambda m: m["totals"].update(candidates=10**30), r"totals\.candidates"),
        (lambda m: m["totals"].update(read=-1), r"totals\.read"),
        (lambda m: m["totals"].update(accepted=0), r"totals\.accepted: is 0, the units add up"),
        (lambda m: m["totals"].update(reasons={}), r"totals\.reasons: is {}"),
        (lambda m: [u.update(tokens=2**63 - 1) for u in m["units"]], r"totals\.tokens"),
        (lambda m: [u.update(seconds=1e308) for u in m["units"]], r"totals\.seconds"),
        (lambda m: m.update(ingested={}), r"ingested\.rows: Field required"),
        (lambda m: m.update(ingested=[]), "ingested: "),
        (lambda m: m["ingested"].update(units=-2), r"ingested\.units"),
        (lambda m: m["ingested"].update(notes={"x": "y"}), r"ingested\.notes\.x"),
        (lambda m: m["ingested"].update(more=1), r"ingested\.more"),
    ],
)  # fmt: skip
def test_a_manifest_that_no_run_has_is_refused_and_the_field_named(copied, change, place):
    path = copied / "manifest.json"
    manifest = json.loads(path.read_bytes())
    change(manifest)
    path.write_text(json.dumps(manifest))
    with pytest.raises(RunFolderError, match=rf"manifest\.json: damaged at {place}"):
        read_manifest(copied)
