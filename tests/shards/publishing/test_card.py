"""The card: true, complete, and not to be broken by what is in the data."""

import json
import logging
import re
import shlex
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from datasets import Features, load_from_disk
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bt_augment.errors import PublishError
from bt_augment.recipe import load_recipe
from bt_augment.shards.markdown import code, fenced, inline, one_line
from bt_augment.shards.provenance import sources
from bt_augment.shards.publishing.contents import Terms, write_contents
from bt_augment.shards.publishing.metadata import size_category
from bt_augment.shards.run_folder import read_run

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")
SECTIONS = [
    "Load",
    "Sources and licences",
    "Routes",
    "Models",
    "Filters",
    "Counts",
    "Examples",
    "Make it again",
]


def card_of(folder: Path) -> tuple[dict, str]:
    _, matter, body = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(matter), body


def test_its_yaml_says_what_the_files_hold(contents, finished):
    card, _ = card_of(contents.folder)
    run = load_from_disk(str(finished))
    rows = {"default": run["train"].num_rows, "rejected": run["rejected"].num_rows}
    for name, route in (("en-pt-en", ["en", "pt", "en"]), ("en-pt", ["en", "pt"])):
        rows[name] = sum(r == route for r in run["train"]["route"])
    infos = {info["config_name"]: info for info in card["dataset_info"]}
    assert {n: i["splits"][0]["num_examples"] for n, i in infos.items()} == rows
    assert contents.configs == rows
    files = {c["config_name"]: c["data_files"][0]["path"] for c in card["configs"]}
    for name, info in infos.items():
        assert Features._from_yaml_list(info["features"]) == run["train"].features
        sizes = [(contents.folder / path).stat().st_size for path in files[name]]
        assert info["download_size"] == sum(sizes)
        assert info["dataset_size"] == info["splits"][0]["num_bytes"] > 0
    # Offsets and validity bits depend on how the rows are cut into batches.
    assert infos["default"]["dataset_size"] == pytest.approx(run["train"].data.nbytes, rel=0.01)
    assert card["language"] == ["en", "pt"]
    assert card["size_categories"] == ["n<1K"]
    assert "text-retrieval" in card["task_categories"]
    assert "license" not in card  # never guessed


def test_licences_are_those_that_the_publisher_names(finished, tmp_path):
    terms = Terms("me/qa", license="cc-by-4.0", source_licenses={"qa.json": "cc0-1.0"})
    write_contents(finished, terms, tmp_path)
    card, body = card_of(tmp_path)
    assert card["license"] == "cc-by-4.0"
    assert re.search(r"\| `qa.json` \| `sha256 \w{64}` \| `cc0-1.0` \|", body)
    assert "no licence" not in body


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (Terms("me/qa", license="MIT\nx: y"), "identifier"),
        (Terms("me/qa", license=["mit"]), "identifier"),
        (Terms("me/qa", source_licenses={"qa.jsn": "mit"}), "did you mean 'qa.json'"),
    ],
)
def test_a_licence_that_cannot_be_is_refused(finished, tmp_path, terms, said):
    with pytest.raises(PublishError, match=said):
        write_contents(finished, terms, tmp_path)


def test_its_body_has_the_counts_of_the_run(contents, finished):
    _, body = card_of(contents.folder)
    totals = json.loads((finished / "manifest.json").read_text())["totals"]
    for route, counts in totals["routes"].items():
        assert f"| `{route}` | {counts['accepted']} | {counts['rejected']} |" in body
    for reason, count in totals["reasons"].items():
        assert f"| `{reason}` | {count} |" in body
    run = read_run(finished)
    for model in run["models"].values():
        assert model["fingerprint"] in body
    assert "| `fidelity.chrf` | 35 | 97 | reject |" in body


def test_models_that_scores_ask_are_on_it(finished, tmp_path):
    asked = {
        "retrieval.rank": {"name": "intfloat/e5-small", "revision": "c" * 40},
        "fidelity.comet": {"name": "/home/me/comet", "fingerprint": "1" * 16},
    }
    run = changed(finished, tmp_path / "run", lambda about: about.update(filter_models=asked))
    (tmp_path / "out").mkdir()
    write_contents(run, Terms("me/qa"), tmp_path / "out")
    _, body = card_of(tmp_path / "out")
    link = "[intfloat/e5-small](https://huggingface.co/intfloat/e5-small)"
    assert f"| `retrieval.rank` | {link} | `{'c' * 40}` |" in body
    assert f"| `fidelity.comet` | `comet` | `{'1' * 16}` |" in body


@pytest.mark.parametrize(
    ("on", "said"),
    [
        ((), "those that overlap them were not rejected for it: `xquad-r`."),
        (("passage",), "overlap these benchmarks by `contamination.passage` are rejected: "),
        (("question", "passage"), "by `contamination.question` or `contamination.passage` are "),
    ],
)
def test_what_is_kept_out_is_said_as_the_last_filter_decided_it(finished, tmp_path, on, said):
    def decided(about):
        about["recipe"]["decontaminate"] = {"xquad-r": "/data/xquad-r"}
        for score, setting in about["recipe"]["filters"]["contamination"].items():
            setting["enabled"] = score in on

    (tmp_path / "out").mkdir()
    write_contents(changed(finished, tmp_path / "run", decided), Terms("me/qa"), tmp_path / "out")
    assert said in card_of(tmp_path / "out")[1]


def test_nothing_in_the_data_breaks_it(hostile_run, tmp_path):
    write_contents(hostile_run, Terms("me/qa"), tmp_path)
    card, body = card_of(tmp_path)
    assert "license" not in card
    tokens = MARKDOWN.parse(body)
    inner = [child for token in tokens for child in token.children or []]
    assert not [t for t in [*tokens, *inner] if t.type.startswith("html")]
    titles = [b.content for a, b in pairwise(tokens) if a.type == "heading_open"]
    assert titles == ["qa", *SECTIONS]
    links = {t.attrGet("href") for t in inner if t.type == "link_open"}
    assert links == {"recipe.yaml"}
    assert not {t for t in inner if t.type == "image"}
    assert "\u202e" not in body
    shown = [t.content for t in tokens if t.type == "fence"]
    assert any("<script>alert(1)</script>" in block for block in shown)  # as text, in full


def test_nothing_tells_where_the_publisher_keeps_files(hostile_run, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    write_contents(hostile_run, Terms("me/qa"), folder)
    for path in (p for p in folder.rglob("*") if p.is_file()):
        assert str(hostile_run.parent).encode() not in path.read_bytes()


def test_its_command_makes_the_same_run(hostile_run, tmp_path, command, arrow_bytes):
    write_contents(hostile_run, Terms("me/qa"), tmp_path)
    _, body = card_of(tmp_path)
    line = next(line for line in body.splitlines() if line.startswith("bt-augment generate"))
    for source in hostile_run.parent.iterdir():
        if source.is_file():
            (tmp_path / source.name).write_bytes(source.read_bytes())
    done = command(*shlex.split(line)[1:], cwd=tmp_path)
    assert done.code == 0, done.err
    assert arrow_bytes(tmp_path / "run") == arrow_bytes(hostile_run)


def test_its_recipe_is_the_whole_of_it(contents, finished):
    recipe = load_recipe(contents.folder / "recipe.yaml")
    assert recipe.resolved() == read_run(finished)["recipe"]


def test_code_switched_rows_are_a_config_of_their_own(hostile_run, split_rows, tmp_path):
    licenses = {"en-pt.|`x.txt": "cc-by-nc-4.0"}
    found = write_contents(hostile_run, Terms("me/qa", source_licenses=licenses), tmp_path)
    made = [r for r in split_rows(hostile_run, "train") if r["method"] == "code_switch"]
    assert made
    assert found.configs["en-en_pt"] == len(made)
    _, body = card_of(tmp_path)
    assert "en-pt.&#124;&#96;x.txt (lexicon) |" in body
    assert "`cc-by-nc-4.0`" in body


def changed(run, copy, change):
    """Copy a run, with another ``run.json``."""
    shutil.copytree(run, copy)
    about = json.loads((copy / "run.json").read_text())
    change(about)
    (copy / "run.json").write_text(json.dumps(about))
    manifest = json.loads((copy / "manifest.json").read_text())
    del manifest["run_sha256"], manifest["sha256"]  # of what it was
    (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy


def test_a_local_models_folder_in_the_rows_is_warned_of(finished, tmp_path, caplog):
    def rename(about):
        about["models"]["en:pt"]["name"] = "/home/me/opus"

    run = changed(finished, tmp_path / "run", rename)
    (tmp_path / "out").mkdir()
    with caplog.at_level(logging.WARNING):  # a test before this one may have made it quiet
        write_contents(run, Terms("me/qa"), tmp_path / "out")
    assert "/home/me/opus" in caplog.text
    assert "/home/me" not in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize(
    ("change", "claim"),
    [
        ({}, "models and versions give the same bytes, with any number"),
        ({"filtered_from": []}, "so what is made by it may differ"),
        (
            {"filtered_from": [], "earlier_filters": []},
            "versions give the same bytes, with any num",
        ),
        (
            {"models": {"en:pt": {"name": "a/b/opus", "revision": "0", "fingerprint": "0"}}},
            "same bytes, with local models named as the column `models` has them, with any number",
        ),
        (  # that a score asks, and no row names
            {"models": {"pt:fr": {"name": "a/b/opus", "revision": "0", "fingerprint": "0"}}},
            "versions give the same bytes, with any number",
        ),
    ],
)
def test_the_same_bytes_are_claimed_where_they_come(finished, tmp_path, change, claim):
    run = changed(finished, tmp_path / "run", lambda about: about.update(change))
    (tmp_path / "out").mkdir()
    write_contents(run, Terms("me/qa"), tmp_path / "out")
    _, body = card_of(tmp_path / "out")
    assert claim in body
    assert ("same bytes" in claim) == ("same bytes" in body)


def test_a_licence_for_two_sources_of_one_name_is_refused(hostile_run, tmp_path):
    lexicon = read_run(hostile_run)["recipe"]["code_switch"]["lexicons"][0]

    def rename(about):  # one file as input and as lexicon: what pins the two looks different
        about["inputs"][0]["path"] = lexicon

    run = changed(hostile_run, tmp_path / "run", rename)
    name = sources(read_run(run))[0].name
    with pytest.raises(PublishError, match="2 different sources of this run have that name"):
        write_contents(run, Terms("me/qa", source_licenses={name: "mit"}), tmp_path / "out")


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        (0, "n<1K"),
        (999, "n<1K"),
        (1000, "1K<n<10K"),
        (10_000, "10K<n<100K"),
        (999_999, "100K<n<1M"),
        (10**12, "n>1T"),
    ],
)
def test_size_categories_are_the_hubs(rows, name):
    assert size_category(rows) == name


@given(st.text(max_size=60))
def test_escaped_text_shows_as_it_is_in_a_table_cell(text):
    for escape in (inline, code):
        table = f"| a | b |\n|---|---|\n| {escape(text)} | end |\n"
        cells = [t for t in MARKDOWN.parse(table) if t.type == "inline"]
        assert len(cells) == 4, table
        shown = "".join(child.content for child in cells[2].children or [])
        assert shown == one_line(text)
        assert {child.type for child in cells[2].children or []} <= {"text", "code_inline"}
        assert cells[3].content == "end"


@given(st.lists(st.text(alphabet="`~ab\\ ", max_size=12), min_size=1, max_size=4))
def test_no_line_ends_its_code_block(lines):
    page = "\n".join([*fenced(lines), "", "after"])
    tokens = MARKDOWN.parse(page)
    assert [t.type for t in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]
    assert tokens[0].content == "".join(f"{line}\n" for line in lines)
