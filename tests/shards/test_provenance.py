"""Where a run came from, as others may know it: named, pinned, and without anybody's folders."""

import hashlib
import json
import shlex

import pytest

from bt_augment.pairs.readers.fingerprint import fingerprint
from bt_augment.shards.provenance import (
    commands,
    filter_models,
    models,
    public_recipe,
    recipe_yaml,
    sources,
)
from bt_augment.shards.run_folder import read_run

COMMIT = "c" * 40


def named(run, translation, resolved=(), lexicons=(), filters=None):
    """Return ``run.json`` as if models and lexicons had been named so."""
    recipe = json.loads(json.dumps(run["recipe"]))
    recipe["translation"]["models"] = list(translation)
    recipe["code_switch"]["lexicons"] = list(lexicons)
    for score, model in (filters or {}).items():
        family, _, name = score.partition(".")
        recipe["filters"][family][name]["model"] = model
    found = {
        hop: {"name": name, "revision": revision, "fingerprint": "0" * 16}
        for hop, name, revision in resolved
    }
    return {**run, "recipe": recipe, "models": found}


def test_inputs_of_one_name_are_told_apart_by_their_folder():
    inputs = [
        {"path": "/home/me/a/train.json", "bytes": 1, "sha256": "0" * 64},
        {"path": "b/train.json", "bytes": 1, "sha256": "1" * 64},
        {"path": "/home/me/dev.json", "bytes": 1, "sha256": "2" * 64},
        {"path": "squad", "config": None, "split": "train", "revision": "f" * 40},
    ]
    found = sources({"inputs": inputs}, {"dev.json": "mit"})
    assert [s.name for s in found] == ["a/train.json", "b/train.json", "dev.json", "squad"]
    assert [s.license for s in found] == [None, None, "mit", None]
    assert found[3].version == f"train {'f' * 40}"


def test_folders_of_one_name_are_told_apart_by_those_above_them():
    paths = ["/home/me/a/x/qa.json", "/home/me/b/x/qa.json", "c/y/qa.json", "x/qa.json"]
    inputs = [{"path": path, "sha256": str(n) * 64} for n, path in enumerate(paths)]
    found = sources({"inputs": inputs}, {"a/x/qa.json": "mit"})
    assert [s.name for s in found] == ["a/x/qa.json", "b/x/qa.json", "y/qa.json", "x/qa.json"]
    assert [s.license for s in found] == ["mit", None, None, None]


def test_a_folder_is_one_source_that_is_named_again_as_it_was(tmp_path, monkeypatch):
    corpus = tmp_path / "corpora" / "tydi"
    (corpus / "qrels").mkdir(parents=True)
    lines = []
    for name in ("corpus.jsonl", "qrels/test.tsv", "queries.jsonl"):
        (corpus / name).write_text(name)
        lines.append(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n")
    (tmp_path / "qa.json").write_text("{}")
    found = sources({"inputs": fingerprint([str(corpus), str(tmp_path / "qa.json")])})
    assert [source.name for source in found] == ["tydi", "qa.json"]
    printed = hashlib.sha256("".join(sorted(lines, key=lambda line: line[66:])).encode())
    assert found[0].version.endswith(f" {printed.hexdigest()}")
    monkeypatch.chdir(corpus)
    assert [source.name for source in sources({"inputs": fingerprint(["."])})] == ["."]


def test_the_command_names_folders_and_pins_the_commit(finished):
    inputs = [
        {"path": "/data/tydi/corpus.jsonl", "folder": "/data/tydi", "sha256": "0" * 64},
        {"path": "/data/tydi/queries.jsonl", "folder": "/data/tydi", "sha256": "1" * 64},
        {"path": "me/qa", "config": None, "split": "train", "revision": COMMIT},
    ]
    run = {**read_run(finished), "inputs": inputs}
    words = shlex.split(commands(run, sources(run))[1])
    assert words[:4] == ["bt-augment", "generate", "tydi", "me/qa"]
    assert words[-2:] == ["--set", f"input.revision={COMMIT}"]
    inputs[-1]["revision"] = None
    assert "--set" not in shlex.split(commands(run, sources(run))[1])


@pytest.mark.parametrize(
    ("name", "revision", "shown"),
    [
        ("bundled:mini", "0" * 16, "bundled:mini"),
        ("Helsinki-NLP/opus-mt-en-de", COMMIT, "Helsinki-NLP/opus-mt-en-de"),
        ("client-x/model", "0" * 16, "model"),
        ("/home/me/secret/opus", "0" * 16, "opus"),
        ("/home/me/a=b/opus", "0" * 16, "opus"),
        ("~/models/opus", "0" * 16, "opus"),
        ("C:\\models\\opus", "0" * 16, "opus"),
    ],
)
@pytest.mark.parametrize("hop", ["", "en:pt="], ids=["all", "one"])
def test_of_a_local_model_only_the_last_part_of_its_name_is_shown(
    finished, name, revision, shown, hop
):
    run = named(read_run(finished), [f"{hop}{name}"], [("en:pt", name, revision)])
    assert [model.name for model in models(run)] == [shown]
    assert public_recipe(run)["translation"]["models"] == [f"{hop}{shown}"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/me/a=b/en-pt.txt", "en-pt.txt"),
        ("en:pt=/home/me/a=b/words.txt", "en:pt=words.txt"),
        ("en-pt.0-5000.txt", "en-pt.0-5000.txt"),
    ],
)
def test_of_a_lexicon_only_the_last_part_of_its_path_is_shown(finished, text, shown):
    run = named(read_run(finished), [], lexicons=[text])
    assert public_recipe(run)["code_switch"]["lexicons"] == [shown]


def test_models_that_scores_ask_are_named_with_what_pins_them(finished):
    own, hub = "fidelity.embedding_cosine", "retrieval.rank"
    run = named(
        read_run(finished), [], filters={own: "/home/me/client/e5", hub: "intfloat/e5-small"}
    )
    off = public_recipe(run)["filters"]  # of a score that is off nothing was looked up
    assert off["fidelity"]["embedding_cosine"]["model"] == "e5"
    run["filter_models"] = {
        own: {"name": "/home/me/client/e5", "fingerprint": "1" * 16},
        hub: {"name": "intfloat/e5-small", "revision": COMMIT},
    }
    assert [(m.score, m.name, m.version, m.kind) for m in filter_models(run)] == [
        (own, "e5", "1" * 16, "fingerprint"),
        (hub, "intfloat/e5-small", COMMIT, "revision"),
    ]
    shown = public_recipe(run)["filters"]
    assert shown["fidelity"]["embedding_cosine"]["model"] == "e5"
    assert shown["retrieval"]["rank"]["model"] == f"intfloat/e5-small@{COMMIT}"
    assert "/home" not in recipe_yaml(run)
