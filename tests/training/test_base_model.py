"""A base model of the hub is one revision from the first look at it to the manifest."""

import pytest
import sentence_transformers

from bt_augment.errors import ModelError
from bt_augment.sentence_encoders import Prompts, family_prompts
from bt_augment.training import base_model
from bt_augment.training.base_model import load_base_model, pinned_name
from bt_augment.training.card import _front_matter

COMMIT = "a" * 40


@pytest.fixture
def asked(monkeypatch):
    """Let the hub have one commit of everything; return what was asked for."""
    found = []

    def pin(name, wanted):
        found.append((name, wanted))
        return COMMIT

    monkeypatch.setattr(base_model, "pin_revision", pin)
    return found


@pytest.mark.parametrize(("name", "wanted"), [("some/e5", None), ("some/e5@v2", "v2")])
def test_it_is_looked_at_and_loaded_by_its_commit(asked, monkeypatch, tmp_path, name, wanted):
    files, loaded = [], {}

    def download(source, file, *, revision):
        files.append((source, file, revision))
        (tmp_path / file).write_text("{}")
        return str(tmp_path / file)

    def load(source, **options):
        loaded.update(source=source, **options)
        raise ValueError("enough")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    monkeypatch.setattr(sentence_transformers, "SentenceTransformer", load)
    with pytest.raises(ModelError, match="enough"):
        load_base_model(name, max_length=64)
    expected = ("modules.json", "config_sentence_transformers.json")
    assert files == [("some/e5", file, COMMIT) for file in expected]
    assert (loaded["source"], loaded["revision"]) == ("some/e5", COMMIT)
    assert set(asked) == {("some/e5", wanted)}


def test_its_full_name_says_the_commit_and_others_stay(asked, tmp_path):
    assert pinned_name("some/e5") == f"some/e5@{COMMIT}"
    assert pinned_name("some/e5@v2") == f"some/e5@{COMMIT}"
    for name in ("static:bundled", str(tmp_path)):
        assert pinned_name(name) == name
    assert len(asked) == 2


def test_the_commit_decides_no_prompts_and_is_no_part_of_the_name_on_a_card():
    assert family_prompts(f"some/e5@{COMMIT}") == family_prompts("some/e5")
    assert family_prompts(f"some/encoder@e5-{COMMIT}") is None
    assert "base_model: some/e5\n" in _front_matter(f"some/e5@{COMMIT}", ["en"]) + "\n"


@pytest.mark.parametrize(
    ("folder", "is_e5"),
    [
        ("e5/bert-base", False),
        ("mistral/multilingual-e5-small", True),
        ("me@home/e5", True),
        ("models--intfloat--multilingual-e5-small/snapshots/0123abcd", True),
        ("e5-mistral-7b-instruct", False),
    ],
)
def test_a_family_is_known_by_the_name_of_the_model_not_by_where_it_lies(tmp_path, folder, is_e5):
    (tmp_path / folder).mkdir(parents=True)
    expected = Prompts("query: ", "passage: ") if is_e5 else None
    assert family_prompts(str(tmp_path / folder)) == expected


@pytest.mark.parametrize(
    ("name", "is_e5"),
    [("e5/bert-base", False), ("mistral/multilingual-e5-small", True), ("intfloat/e5@x/y", True)],
)
def test_a_family_on_the_hub_is_known_without_organization_and_revision(name, is_e5):
    assert (family_prompts(name) is not None) == is_e5
