"""``bt-augment report``: what it prints, and what it refuses."""

import json

import pytest


def test_it_says_what_it_wrote(command, calm, tmp_path):
    out = tmp_path / "new" / "report.html"
    done = command("report", calm[1], "--out", out, "--examples", 5, "--json")
    assert done.code == 0, done.err
    assert done.json == {
        "out": str(out), "bytes": out.stat().st_size, "counts": {"rows": 64, "examples": 5}
    }  # fmt: skip


def test_no_pairs_need_be_shown(command, calm, tmp_path):
    done = command("report", calm[1], "--out", tmp_path / "report.html", "--examples", 0, "-q")
    assert (done.code, done.out) == (0, "")
    assert "None was asked for" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (["nowhere"], "no such run folder or results file"),
        (["."], "is not a run folder"),
        ([".", "."], "one run folder, or results files"),
        (["notes.json"], "not a results file"),
        (["broken.json"], "cannot be read as a results file"),
        (["a=notes.json,gone.json"], "gone.json: there is no such"),
    ],
)
def test_what_is_neither_a_run_nor_results_is_refused(command, tmp_path, sources, message):
    (tmp_path / "notes.json").write_text(json.dumps({"a": 1}))
    (tmp_path / "broken.json").write_text("{")
    done = command("report", *sources, "--out", "report.html", cwd=tmp_path)
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "report.html").exists()


def test_a_folder_is_no_place_for_a_page(command, calm, tmp_path):
    done = command("report", calm[1], "--out", tmp_path)
    assert done.code == 2
    assert "name a file" in done.err
