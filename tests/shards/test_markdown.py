"""The cards of runs and models: what names files, models and prompts marks nothing up."""

import json

import pytest
import yaml
from markdown_it import MarkdownIt

from bt_augment.shards.card import write_card
from bt_augment.shards.manifest import read_manifest
from bt_augment.shards.markdown import harmless, span
from bt_augment.training.card import write_card as write_model_card

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")
EVIL = "e`<!--\n---\nlicense: evil | <script>alert(1)</script> [a](javascript:b)"


def kinds(page: str) -> set[str]:
    tokens = MARKDOWN.parse(page)
    return {token.type for token in tokens} | {
        child.type for token in tokens for child in token.children or []
    }


@pytest.mark.parametrize("text", ["qa.json", "it's a_b (1).json", "intfloat/e5@main", "['a', 'b']"])
def test_usual_names_are_written_as_they_are(text):
    assert span(text) == f"`{text}`"
    assert harmless(text) == text


def test_the_card_of_a_run_shows_any_name_as_text(copied):
    totals = read_manifest(copied).totals
    run = json.loads((copied / "run.json").read_text())
    run["inputs"][0]["path"] = EVIL
    run["models"]["en:pt"]["name"] = EVIL
    (copied / "run.json").write_text(json.dumps(run))
    before = kinds((copied / "README.md").read_text(encoding="utf-8"))
    write_card(copied, totals)
    assert kinds((copied / "README.md").read_text(encoding="utf-8")) <= before


def test_the_card_of_a_run_of_unknown_origin_shows_all_that_it_says_as_text(copied):
    totals = read_manifest(copied).totals
    totals = totals.model_copy(
        update={
            "routes": {**totals.routes, EVIL: {"accepted": 1, "rejected": 0}},
            "reasons": {**totals.reasons, EVIL: 1},
        }
    )
    run = json.loads((copied / "run.json").read_text())
    model = run["models"]["en:pt"]
    run["models"][EVIL] = {**model, "fingerprint": EVIL}
    run["filter_models"] = {EVIL: {"name": "m", "fingerprint": EVIL}}
    before = kinds((copied / "README.md").read_text(encoding="utf-8"))
    (copied / "run.json").write_text(json.dumps(run))
    write_card(copied, totals)
    assert kinds((copied / "README.md").read_text(encoding="utf-8")) <= before


def test_the_card_of_a_model_shows_any_name_as_text(tmp_path):
    def card(name: str) -> str:
        manifest = {
            "settings": {"base_model": name, "alpha": 0.5, "query_prompt": name},
            "counts": {
                "languages": {"en": 1}, "methods": {"native": 1}, "pairs": 1,
                "held_out_groups": 0, "held_out_rows": 0,
            },
            "prompts": {"query": name, "passage": name},
            "runs": [{"folder": name, "fingerprint": "0" * 64}],
            "earlier_trainings": [{"runs": [{"folder": name, "fingerprint": "0" * 64}]}],
            "steps": 1, "weights_of_step": 1, "drawn": {"made_share": 0.5}, "scores": {},
        }  # fmt: skip
        write_model_card(tmp_path, manifest)
        return (tmp_path / "README.md").read_text(encoding="utf-8")

    assert "\nbase_model: intfloat/e5\n" in card("intfloat/e5")
    plain = kinds(card("intfloat/e5").split("\n---\n", 1)[1])
    for name in (EVIL, "e5\n---\n<b>", "[e5]", "e5 # no"):
        matter, body = card(name).removeprefix("---\n").split("\n---\n", 1)
        assert "base_model" not in yaml.safe_load(matter)
        assert kinds(body) <= plain
