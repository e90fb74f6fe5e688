"""What a run writes: which rows, in which order, whatever the machine does meanwhile."""

import json

import pytest

from bt_augment.errors import (
    InputError,
    MissingDependencyError,
    ModelError,
    RouteError,
    RunFolderError,
)
from bt_augment.filtering.registry import score_names
from bt_augment.pairs.schema import row_schema
from bt_augment.shards.manifest import read_manifest


def test_rows_keep_the_order_of_the_input(finished, english, split_rows):
    native_ids = [row["id"] for row in english]
    rows = split_rows(finished, "train")
    assert [row["id"] for row in rows if row["method"] == "native"] == native_ids

    manifest = json.loads((finished / "manifest.json").read_text())
    made = [
        row["id"]
        for unit in range(len(manifest["units"]))
        for split in ("train", "rejected")
        for row in split_rows(finished, split)
        if row["method"] != "native" and native_ids.index(row["source_id"]) // 32 == unit
    ]
    expected = {f"{i}/{route}/0" for i in native_ids for route in ("en:pt:en", "en:pt")}
    assert set(made) == expected
    assert len(made) == len(expected)

    order = {row_id: i for i, row_id in enumerate(native_ids)}
    for split in ("train", "rejected"):
        places = [
            (order[row["source_id"]], ["en:pt:en", "en:pt"].index(":".join(row["route"])))
            for row in split_rows(finished, split)
            if row["method"] != "native"
        ]
        assert places == sorted(places)


def test_rows_are_of_the_contract(finished, english, split_rows):
    native = {row["id"]: row for row in english}
    rows = split_rows(finished, "train")
    assert list(rows[0]) == row_schema(score_names()).names
    groups = {}
    for row in rows:
        assert row["reject_reasons"] == []
        assert groups.setdefault(row["source_id"], row["group_id"]) == row["group_id"]
        if row["method"] == "native":
            assert row["id"] == row["source_id"]
            assert row["question"] == native[row["id"]]["question"]
            assert (row["route"], row["models"], row["pivot_question"]) == (["en"], [], None)
            continue
        assert row["question_lang"] == row["passage_lang"] == row["route"][-1]
        assert len(row["models"]) == len(row["route"]) - 1
        assert (row["pivot_question"] is None) == (row["method"] == "translation")
        for answer in row["answers"]:
            if answer["start"] >= 0:
                place = slice(answer["start"], answer["start"] + len(answer["text"]))
                assert row["passage"][place] == answer["text"]


def test_every_rejected_row_says_why_and_the_manifest_counts_it(finished, split_rows):
    rows = split_rows(finished, "rejected")
    assert rows
    totals = json.loads((finished / "manifest.json").read_text())["totals"]
    counted = {}
    for row in rows:
        assert row["reject_reasons"]
        for reason in row["reject_reasons"]:
            counted[reason] = counted.get(reason, 0) + 1
    assert counted == totals["reasons"]
    assert totals["rejected"] == len(rows)


def test_the_number_of_workers_changes_nothing(tmp_path, calm, make_run, arrow_bytes, monkeypatch):
    source, undisturbed = calm
    monkeypatch.setattr("bt_augment.generation.engines.local.UNITS_AHEAD", 1)
    run = tmp_path / "one"
    make_run(run, source, "output.unit_rows=16", routes=("en:pt",), workers=1)
    assert arrow_bytes(run) == arrow_bytes(undisturbed)


def test_sampled_candidates_are_the_same_each_time(
    tmp_path, english, write_rows, make_run, arrow_bytes, monkeypatch
):
    source = write_rows(english[:3])
    settings = (
        "output.unit_rows=1",
        "translation.decoding.method=sampling",
        "translation.decoding.candidates=2",
        "translation.decoding.seed=7",
    )
    make_run(tmp_path / "a", source, *settings, routes=("en:pt",))
    monkeypatch.setattr("bt_augment.generation.engines.local.UNITS_AHEAD", 1)
    make_run(tmp_path / "b", source, *settings, routes=("en:pt",), workers=1)
    assert arrow_bytes(tmp_path / "a") == arrow_bytes(tmp_path / "b")
    other = (*settings[:-1], "translation.decoding.seed=8")
    make_run(tmp_path / "c", source, *other, routes=("en:pt",))
    assert arrow_bytes(tmp_path / "a") != arrow_bytes(tmp_path / "c")


def test_the_books_balance_with_broken_records_and_several_candidates(
    tmp_path, english, write_rows, make_run
):
    broken = ["{not json", {"question": "", "passage": "Empty question."}]
    source = write_rows([*english[:5], *broken, *english[5:7]])
    summary = make_run(
        tmp_path / "run",
        source,
        "translation.decoding.candidates=2",
        "output.unit_rows=3",
        routes=("en:pt:en", "en:pt"),
    )
    totals = summary.totals
    assert (totals.read, totals.native, totals.quarantined) == (9, 7, 2)
    assert totals.candidates == 7 * 2 * 2 == totals.accepted + totals.rejected
    assert summary.units == 3
    lines = (tmp_path / "run" / "quarantine.jsonl").read_text().splitlines()
    assert [(json.loads(x)["line"], json.loads(x)["cause"]) for x in lines] == [
        (6, "broken_json"),
        (7, "empty_question"),
    ]


def test_a_route_leaves_rows_of_other_languages_alone(
    tmp_path, english, write_rows, make_run, split_rows
):
    rows = [
        {**english[0], "language": "en"},
        {"id": "x", "question": "Onde fica?", "passage": "Fica no sul do país.", "language": "pt"},
    ]
    summary = make_run(tmp_path / "run", write_rows(rows), routes=("en:pt", "pt:en"))
    assert (summary.totals.candidates, summary.totals.not_applicable) == (2, 2)
    both = split_rows(tmp_path / "run", "train") + split_rows(tmp_path / "run", "rejected")
    assert {row["id"] for row in both} == {
        "en-0001", "en-0001/en:pt/0", "x", "x/pt:en/0",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("bound", "train", "rejected"), [("max=100", True, False), ("max=0", False, True)]
)
def test_units_with_nothing_accepted_or_nothing_rejected_are_whole(
    tmp_path, english, write_rows, make_run, split_rows, bound, train, rejected
):
    from datasets import load_from_disk

    off = [f"filters.{name}.enabled=false" for name in score_names() if name != "fidelity.chrf"]
    make_run(
        tmp_path / "run",
        write_rows(english[:4]),
        *off,
        "filters.fidelity.chrf.min=null",
        "filters.fidelity.chrf.max=null",
        f"filters.fidelity.chrf.{bound}",
        "output.native=false",
        "output.unit_rows=2",
    )
    opened = load_from_disk(str(tmp_path / "run"))
    assert (len(opened["train"]), len(opened["rejected"])) == (4 * train, 4 * rejected)
    assert len(split_rows(tmp_path / "run", "train")) == 4 * train


def test_no_native_leaves_only_made_rows(tmp_path, english, write_rows, make_run, split_rows):
    make_run(tmp_path / "run", write_rows(english[:6]), "output.native=false")
    assert {row["method"] for row in split_rows(tmp_path / "run", "train")} == {"round_trip"}


def test_natives_of_a_benchmark_are_rejected_with_what_is_made_of_them(
    tmp_path, english, data, write_rows, make_run, split_rows
):
    from bt_augment.shards.verification import verify

    article = json.loads((data / "parallel" / "en.json").read_text())["data"][0]
    paragraph = article["paragraphs"][0]
    overlapping = [
        {"id": qa["id"], "question": qa["question"], "passage": paragraph["context"]}
        for qa in paragraph["qas"]
    ]
    source = write_rows([english[0], *overlapping, english[10]])
    run = tmp_path / "run"
    summary = make_run(run, source, decontaminate={"xquad": str(data / "parallel")})
    rejected = split_rows(run, "rejected")
    natives = [row for row in rejected if row["method"] == "native"]
    assert [row["id"] for row in natives] == [row["id"] for row in overlapping]
    assert summary.totals.native_rejected == len(overlapping)
    said = f"\n{len(overlapping)} native rows are among the rejected ones.\n"
    assert said in (run / "README.md").read_text()
    for row in natives:
        assert "contamination.question.high" in row["reject_reasons"]
        assert "contamination.passage.high" in row["reject_reasons"]
    kept = [r["id"] for r in split_rows(run, "train") if r["method"] == "native"]
    assert kept == [english[0]["id"], english[10]["id"]]
    assert verify(run).problems == ()


def test_the_other_direction_is_loaded_where_a_score_asks_for_it(
    tmp_path, english, write_rows, make_run, split_rows
):
    name = "fidelity.question_backward"
    out = tmp_path / "run"

    make_run(out, write_rows(english[:4]), f"filters.{name}.enabled=true", routes=["en:pt"])

    made = [
        row
        for split in ("train", "rejected")
        for row in split_rows(out, split)
        if row["method"] != "native"
    ]
    assert len(made) == 4
    assert all(-20 < row["scores"][name] < 0 for row in made)
    assert all(
        (f"{name}.low" in row["reject_reasons"]) == (row["scores"][name] < -0.8) for row in made
    )


def test_a_finished_run_called_again_does_nothing(copied, data, make_run, monkeypatch):
    before = {p: p.stat().st_mtime_ns for p in copied.rglob("*") if p.is_file()}
    monkeypatch.setattr("bt_augment.generation.beginning.ingest", None)  # not to be called
    summary = make_run(
        copied, data / "en" / "qa.json", "output.unit_rows=32", routes=("en:pt:en", "en:pt")
    )
    assert summary.resumed == summary.units == 8
    assert summary.totals.native == 238
    after = {p: p.stat().st_mtime_ns for p in copied.rglob("*") if p.is_file()}
    assert {p for p in before if p.name != ".lock"} <= set(after)
    assert {p: t for p, t in after.items() if p.name != ".lock"} == {
        p: t for p, t in before.items() if p.name != ".lock"
    }


def test_another_recipe_input_or_route_is_refused_and_named(
    tmp_path, english, write_rows, make_run, arrow_bytes
):
    source, run = write_rows(english[:2]), tmp_path / "run"
    make_run(run, source)
    before = arrow_bytes(run)
    with pytest.raises(RunFolderError, match=r'recipe\.routes was \["en:pt:en"\], is \["en:pt"\]'):
        make_run(run, source, routes=("en:pt",))
    with pytest.raises(RunFolderError, match=r"recipe\.filters\.fidelity\.chrf\.min was .*is 1\b"):
        make_run(run, source, "filters.fidelity.chrf.min=1")
    with pytest.raises(RunFolderError, match=r"recipe\.translation\.decoding\.seed was 0, is 3"):
        make_run(run, source, "translation.decoding.seed=3")
    write_rows(english[:3])
    with pytest.raises(RunFolderError, match=r"inputs\.0\.sha256 was .*--overwrite"):
        make_run(run, source)
    assert arrow_bytes(run) == before
    assert make_run(run, source, overwrite=True).totals.native == 3


def test_what_cannot_be_made_removes_no_run(
    copied, data, english, tmp_path, write_rows, make_run, arrow_bytes
):
    def files():
        return {p: p.stat().st_mtime_ns for p in copied.rglob("*") if p.name != ".lock"}

    before, bytes_before = files(), arrow_bytes(copied)
    good, empty, broken = data / "en" / "qa.jsonl", write_rows([], "empty.jsonl"), "{oh"
    broken_file = write_rows([broken], "broken.jsonl")
    for sources, options, routes in (
        ([good], ["input.passage=typo"], ["en:pt"]),
        ([good], ["input.limit=-1"], ["en:pt"]),
        ([good], [], ["pt:en"]),
        ([empty], [], ["en:pt"]),
        ([good, broken_file], [], ["en:pt"]),
        ([copied], [], ["en:pt"]),
        ([copied / "quarantine.jsonl"], [], ["en:pt"]),
    ):
        with pytest.raises(InputError):
            make_run(copied, *sources, *options, routes=routes, overwrite=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bt_augment.filtering.cometkiwi.find_spec", lambda _: None)
        with pytest.raises(MissingDependencyError, match="comet"):
            make_run(copied, good, "filters.fidelity.cometkiwi.enabled=true", overwrite=True)
    assert files() == before
    assert arrow_bytes(copied) == bytes_before
    assert make_run(copied, write_rows(english[:2]), overwrite=True).totals.native == 2


def test_no_route_is_refused(tmp_path, english, write_rows, make_run):
    with pytest.raises(RouteError, match="--route"):
        make_run(tmp_path / "run", write_rows(english[:1]), routes=())


def test_a_route_for_no_row_is_refused_and_leaves_the_folder_free(
    tmp_path, english, write_rows, make_run
):
    source, run = write_rows(english[:2]), tmp_path / "run"
    with pytest.raises(InputError, match=r"route pt:en applies to no row.*en \(2\)"):
        make_run(run, source, routes=("pt:en",))
    assert make_run(run, source, routes=("en:pt",)).totals.candidates == 2


def test_a_route_takes_pairs_whose_texts_differ_in_the_region_alone(
    tmp_path, english, write_rows, make_run
):
    regional = write_rows(
        {**row, "question_lang": "en-US", "passage_lang": "en-GB"} for row in english[:2]
    )
    done = make_run(tmp_path / "run", regional, routes=("en:pt",))
    assert done.totals.candidates == 2
    assert read_manifest(tmp_path / "run").ingested.languages == {"en-GB": 2}


def test_an_input_mended_after_it_was_refused_is_taken(tmp_path, english, write_rows, make_run):
    run = tmp_path / "run"
    with pytest.raises(InputError, match="nothing in"):
        make_run(run, write_rows(["{broken"]), "input.format=jsonl")
    make_run(run, write_rows(english[:1]), "input.format=jsonl")
    assert (run / "manifest.json").exists()


def test_a_hop_without_a_model_is_refused_before_the_folder_is_made(
    tmp_path, english, write_rows, make_run
):
    with pytest.raises(ModelError, match=r"does not translate en to ja.*en:pt"):
        make_run(tmp_path / "run", write_rows(english[:1]), routes=("en:ja:en",))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("hop", "said"), [("en:pt-BR", "unknown model"), ("en:pt-PT", "is not needed")]
)
def test_a_model_named_for_a_hop_is_used_or_refused(
    tmp_path, english, write_rows, make_run, hop, said
):
    source, named = write_rows(english[:1]), f'translation.models=["{hop}=/no/such/model"]'
    with pytest.raises(ModelError, match=said):
        make_run(tmp_path / "run", source, named, routes=("en:pt" if "BR" in hop else "en:pt-BR",))


def test_the_data_card_and_run_json_name_what_made_the_run(finished):
    run = json.loads((finished / "run.json").read_text())
    assert run["recipe"]["routes"] == ["en:pt:en", "en:pt"]
    assert set(run["models"]) == {"en:pt", "pt:en"}
    assert len(run["inputs"][0]["sha256"]) == 64
    assert "ctranslate2" in run["versions"]
    card = (finished / "README.md").read_text()
    assert "qa.json" in card
    assert run["models"]["en:pt"]["fingerprint"] in card


@pytest.mark.parametrize("workers", [0, -1, 1.5, 10**7])
def test_a_number_of_workers_that_no_machine_has_is_refused(tmp_path, workers):
    from bt_augment.generation import Generation
    from bt_augment.recipe import load_recipe

    with pytest.raises(InputError, match=f"workers is {workers}; it must be"):
        Generation(["pairs.jsonl"], tmp_path, load_recipe(), workers=workers)
