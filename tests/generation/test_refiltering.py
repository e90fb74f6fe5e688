"""Judging anew reads stored scores, and gives what a run with those thresholds would have."""

import json
from operator import itemgetter
from pathlib import Path

import pytest

from bt_augment.errors import RecipeError, RunFolderError
from bt_augment.generation import refilter
from bt_augment.generation.refiltering import _check_computed, stored_recipe
from bt_augment.reporting import write_report
from bt_augment.shards.provenance import judgements
from bt_augment.shards.run_folder import read_run
from bt_augment.shards.store import SPLITS
from bt_augment.shards.verification import verify

STRICT = "filters.fidelity.chrf.min=70"


def again(source, out, *assignments, **more):
    return refilter(source, out, stored_recipe(source, None, assignments), **more)


def test_the_same_thresholds_give_the_same_bytes(finished, tmp_path, arrow_bytes):
    again(finished, tmp_path / "again")
    assert arrow_bytes(tmp_path / "again") == arrow_bytes(finished)
    assert verify(tmp_path / "again").problems == ()


def test_stricter_thresholds_only_move_rows_to_rejected(finished, tmp_path, split_rows):
    out = tmp_path / "strict"
    summary = again(finished, out, STRICT)
    before = {row["id"] for row in split_rows(finished, "train")}
    after = {row["id"] for row in split_rows(out, "train")}
    assert after < before
    totals = summary.totals
    assert totals.accepted + totals.rejected == totals.candidates
    for row in split_rows(out, "rejected"):
        if row["id"] in before:
            assert row["reject_reasons"] == ["fidelity.chrf.low"]
            assert row["scores"]["fidelity.chrf"] < 70
    assert verify(out).problems == ()


def test_there_and_back_again_gives_the_first_bytes(finished, tmp_path, arrow_bytes):
    again(finished, tmp_path / "strict", STRICT)
    stored = json.loads((finished / "run.json").read_text())["recipe"]["filters"]
    again(
        tmp_path / "strict",
        tmp_path / "back",
        f"filters.fidelity.chrf.min={stored['fidelity']['chrf']['min']}",
    )
    assert arrow_bytes(tmp_path / "back") == arrow_bytes(finished)


def test_it_is_what_generating_with_those_thresholds_gives(
    tmp_path, english, write_rows, make_run, arrow_bytes
):
    source = write_rows(english[:20])
    make_run(tmp_path / "loose", source, "output.unit_rows=8")
    make_run(tmp_path / "direct", source, "output.unit_rows=8", STRICT)
    again(tmp_path / "loose", tmp_path / "filtered", STRICT)
    assert arrow_bytes(tmp_path / "filtered") == arrow_bytes(tmp_path / "direct")


@pytest.mark.parametrize("kind", ["no_native", "decontaminated"])
def test_rows_keep_their_order_where_native_rows_are_not_all_in_train(
    tmp_path, english, data, write_rows, make_run, arrow_bytes, kind
):
    rows = english[:24]
    article = json.loads((data / "parallel" / "en.json").read_text())["data"][0]
    paragraph = article["paragraphs"][0]
    rows[3:3] = [
        {"id": qa["id"], "question": qa["question"], "passage": paragraph["context"]}
        for qa in paragraph["qas"]
    ]
    settings = ["output.native=false"] if kind == "no_native" else []
    make_run(
        tmp_path / "run",
        write_rows(rows),
        "output.unit_rows=16",
        "filters.fidelity.chrf.min=62",
        *settings,
        routes=("en:pt:en", "en:pt"),
        decontaminate={"xquad": str(data / "parallel")} if kind == "decontaminated" else None,
    )
    again(tmp_path / "run", tmp_path / "again")
    assert arrow_bytes(tmp_path / "again") == arrow_bytes(tmp_path / "run")


def test_native_rows_are_judged_anew_by_contamination(
    tmp_path, english, write_rows, make_run, arrow_bytes, split_rows
):
    rows = english[::20][:4]  # of one passage each
    benchmark = tmp_path / "benchmark"
    benchmark.mkdir()
    half = rows[2]["passage"][: len(rows[2]["passage"]) // 2]
    (benchmark / "queries.jsonl").write_text('{"text": "Who else?"}\n')
    (benchmark / "corpus.jsonl").write_text(json.dumps({"text": half}) + "\n")
    strict, loose = (f"filters.contamination.passage.max={most}" for most in (0.1, 0.9))
    for name, threshold in (("strict", strict), ("loose", loose)):
        make_run(
            tmp_path / name, write_rows(rows), threshold, routes=("en:pt",),
            decontaminate={"b": str(benchmark)},
        )  # fmt: skip
    stricter = again(tmp_path / "loose", tmp_path / "stricter", strict)
    looser = again(tmp_path / "strict", tmp_path / "looser", loose)
    assert (stricter.totals.native_rejected, looser.totals.native_rejected) == (1, 0)
    assert arrow_bytes(tmp_path / "stricter") == arrow_bytes(tmp_path / "strict")
    for split in SPLITS:  # nothing says where among others a native row stood that was rejected
        found, direct = (split_rows(tmp_path / name, split) for name in ("looser", "loose"))
        assert sorted(found, key=itemgetter("id")) == sorted(direct, key=itemgetter("id"))
    assert verify(tmp_path / "looser").problems == verify(tmp_path / "stricter").problems == ()


@pytest.mark.parametrize("settings", [["max=0.5"], ["enabled=true"], ["enabled=true", "max=0.5"]])
def test_contamination_that_was_not_computed_takes_benchmarks(finished, tmp_path, settings):
    given = [f"filters.contamination.question.{setting}" for setting in settings]
    with pytest.raises(RecipeError, match=r"contamination\.question.* --decontaminate BENCH"):
        again(finished, tmp_path / "out", *given)


def test_a_score_that_was_not_computed_is_refused(finished, tmp_path):
    with pytest.raises(
        RecipeError,
        match=r"filters\.fidelity\.embedding_cosine: this run did not compute.*Generate again",
    ):
        again(finished, tmp_path / "out", "filters.fidelity.embedding_cosine.enabled=true")
    assert not (tmp_path / "out").exists()


def test_a_score_can_be_left_out_of_the_verdict(finished, tmp_path, split_rows):
    def rejected(run):
        for row in split_rows(run, "rejected"):
            of_answer = [r.startswith("question_answering.answer.") for r in row["reject_reasons"]]
            yield any(of_answer), all(of_answer)

    again(finished, tmp_path / "out", "filters.question_answering.answer.enabled=false")
    before, after = list(rejected(finished)), list(rejected(tmp_path / "out"))
    by_it_alone = sum(alone for _, alone in before)
    assert by_it_alone > 0
    assert len(after) == len(before) - by_it_alone
    assert not any(by_it for by_it, _ in after)


def test_interrupted_it_goes_on(finished, tmp_path, arrow_bytes, monkeypatch):
    from bt_augment.generation import refiltering

    real, made = refiltering.write_shard, []

    def crash(folder: Path, path, batch):
        made.append(path)
        if len(made) == 6:  # in the middle of the third unit
            raise KeyboardInterrupt
        return real(folder, path, batch)

    monkeypatch.setattr(refiltering, "write_shard", crash)
    with pytest.raises(KeyboardInterrupt):
        again(finished, tmp_path / "out", STRICT)
    assert not (tmp_path / "out" / "manifest.json").exists()
    summary = again(finished, tmp_path / "out", STRICT)
    assert len(made) == 6 + 2 * 6  # two of eight units were kept
    assert (summary.resumed, summary.finished) == (2, False)
    summary = again(finished, tmp_path / "out", STRICT)
    assert (summary.resumed, summary.finished) == (8, True)
    again(finished, tmp_path / "calm", STRICT)
    assert arrow_bytes(tmp_path / "out") == arrow_bytes(tmp_path / "calm")


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
def test_a_shard_damaged_before_it_goes_on_is_written_again(
    finished, tmp_path, arrow_bytes, monkeypatch, damage
):
    from bt_augment.generation import refiltering

    real, made = refiltering.write_shard, []

    def crash(folder: Path, path, batch):
        made.append(path)
        if len(made) == 6:
            raise KeyboardInterrupt
        return real(folder, path, batch)

    with monkeypatch.context() as patch:
        patch.setattr(refiltering, "write_shard", crash)
        with pytest.raises(KeyboardInterrupt):
            again(finished, tmp_path / "out", STRICT)
    damage(tmp_path / "out" / made[0])
    again(finished, tmp_path / "out", STRICT)
    again(finished, tmp_path / "calm", STRICT)
    assert arrow_bytes(tmp_path / "out") == arrow_bytes(tmp_path / "calm")


def test_other_thresholds_into_the_same_folder_are_refused(finished, tmp_path):
    again(finished, tmp_path / "out")
    with pytest.raises(RunFolderError, match=r"recipe\.filters\.fidelity\.chrf\.min was"):
        again(finished, tmp_path / "out", STRICT)
    again(finished, tmp_path / "out", STRICT, overwrite=True)


def test_a_damaged_run_removes_no_other(finished, copied, tmp_path, arrow_bytes):
    again(finished, tmp_path / "out")
    before = arrow_bytes(tmp_path / "out")
    shard = sorted(copied.glob("rejected/*.arrow"))[-1]
    shard.write_bytes(shard.read_bytes()[:-9])
    with pytest.raises(RunFolderError, match=shard.name):
        again(copied, tmp_path / "out", STRICT, overwrite=True)
    assert arrow_bytes(tmp_path / "out") == before


def test_into_itself_is_refused(finished):
    with pytest.raises(RunFolderError, match="is the run itself"):
        again(finished, finished.parent / ".." / finished.parent.name / finished.name)


def test_a_damaged_run_is_refused_and_named(copied, tmp_path):
    shard = copied / "rejected" / "data-00002-of-00008.arrow"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(RunFolderError, match=r"data-00002-of-00008\.arrow: its SHA-256"):
        again(copied, tmp_path / "out")


def test_no_run_is_refused(tmp_path):
    with pytest.raises(RunFolderError, match="is not a run folder"):
        stored_recipe(tmp_path)


def test_a_threshold_of_a_score_that_the_run_did_not_compute_is_refused(finished):
    place = "filters.fidelity.embedding_cosine"
    with pytest.raises(RecipeError, match=f"{place}: this run did not compute that score"):
        stored_recipe(finished, None, [f"{place}.min=0.9"])


def test_scores_are_not_said_to_be_made_with_other_options(finished, tmp_path, copied):
    place = copied / "run.json"
    run = json.loads(place.read_text())
    rank = run["recipe"]["filters"]["retrieval"]["rank"]
    rank |= {"enabled": True, "k": 31, "model": "an/encoder"}
    place.write_text(json.dumps(run))
    for option, value in (("k", 100), ("model", "other/encoder")):
        recipe = stored_recipe(copied, None, [f"filters.retrieval.rank.{option}={value}"])
        with pytest.raises(RecipeError, match=f"rank.{option}: the scores of this run were made w"):
            _check_computed(run, recipe)
    _check_computed(run, stored_recipe(copied))


def test_a_row_without_text_is_accepted_by_no_thresholds(
    english, write_rows, make_run, tmp_path, split_rows
):
    # Given a pair that was too long to be translated, beside one that was not
    long = {**english[1], "id": "long", "passage": f"{english[1]['passage']} " * 200}
    make_run(tmp_path / "run", write_rows([english[0], long]), routes=("en:pt",))

    # When all that filters decide is switched off
    off = [f"filters.{name}.enabled=false" for name in stored_recipe(tmp_path / "run").filters]
    again(tmp_path / "run", tmp_path / "off", *off)

    # Then the pair that was translated is taken, and the other one is not
    accepted = [row for row in split_rows(tmp_path / "off", "train") if row["method"] != "native"]
    assert [row["source_id"] for row in accepted] == [english[0]["id"]]
    [left] = split_rows(tmp_path / "off", "rejected")
    assert (left["question"], left["passage"]) == ("", "")
    assert left["reject_reasons"] == ["text.question_length.low", "text.passage_length.low"]
    assert verify(tmp_path / "off").problems == ()
    write_report([tmp_path / "off"], tmp_path / "page.html")
    assert "text.passage_length.low" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_score_that_a_filter_turned_off_is_used_again(finished, tmp_path, arrow_bytes):
    # Given a run filtered without a score, and once more
    place = "filters.question_answering.answer"
    again(finished, tmp_path / "off", f"{place}.enabled=false")
    again(tmp_path / "off", tmp_path / "strict", STRICT)

    # When the score is asked for alone, then the message tells that it is off, and nothing untrue
    with pytest.raises(RecipeError, match=rf"{place}\.min: .*is off in this run.*enabled=true too"):
        stored_recipe(tmp_path / "strict", None, [f"{place}.min=0.5"])

    # When it is turned on, then it decides, as the rows hold it
    again(tmp_path / "strict", tmp_path / "on", f"{place}.enabled=true")
    again(finished, tmp_path / "direct", STRICT)
    assert arrow_bytes(tmp_path / "on") == arrow_bytes(tmp_path / "direct")

    # And one that never was computed is still refused
    with pytest.raises(RecipeError, match="this run did not compute that score"):
        again(tmp_path / "on", tmp_path / "no", "filters.fidelity.embedding_cosine.enabled=true")


def test_what_judged_a_run_is_noted_in_order(finished, tmp_path):
    again(finished, tmp_path / "strict", STRICT)
    again(tmp_path / "strict", tmp_path / "last", "filters.fidelity.chrf.enabled=false")
    runs = [read_run(folder) for folder in (finished, tmp_path / "strict", tmp_path / "last")]
    assert judgements(runs[2]) == [run["recipe"]["filters"] for run in runs]
    assert runs[2]["earlier_filters"] == judgements(runs[1])


def test_of_a_run_filtered_by_an_earlier_version_nothing_untrue_is_said(finished, tmp_path):
    old, place = tmp_path / "old", "filters.question_answering.answer"
    again(finished, old, f"{place}.enabled=false")
    about = json.loads((old / "run.json").read_text())
    del about["earlier_filters"]
    (old / "run.json").write_text(json.dumps(about))
    manifest = json.loads((old / "manifest.json").read_text())
    del manifest["run_sha256"], manifest["sha256"]
    (old / "manifest.json").write_text(json.dumps(manifest))
    for assigned in (f"{place}.enabled=true", f"{place}.min=0.5"):
        with pytest.raises(RecipeError, match=r"is off in this run.*filter the run that"):
            again(old, tmp_path / "out", assigned)
    again(old, tmp_path / "strict", STRICT)
    assert judgements(read_run(tmp_path / "strict")) is None
