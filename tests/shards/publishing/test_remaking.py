"""How others make a run again: a recipe without anybody's folders, and commands that hold."""

import json
import re
import shlex
import shutil

import pytest

from bt_augment.generation import refilter
from bt_augment.generation.refiltering import stored_recipe
from bt_augment.shards.manifest import read_manifest
from bt_augment.shards.provenance import filter_models, models, sources
from bt_augment.shards.publishing.contents import Terms, write_contents
from bt_augment.shards.publishing.remaking import public_recipe, recipe_yaml, remaking
from bt_augment.shards.run_folder import read_run
from bt_augment.translation.models import ModelCatalog

COMMIT = "c" * 40
OPUS = "Helsinki-NLP/opus-mt"
BACKWARD = "filters.fidelity.question_backward"


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


def test_the_command_names_folders_and_pins_the_commit(finished):
    inputs = [
        {"path": "/data/tydi/corpus.jsonl", "folder": "/data/tydi", "sha256": "0" * 64},
        {"path": "/data/tydi/queries.jsonl", "folder": "/data/tydi", "sha256": "1" * 64},
        {"path": "me/qa", "config": None, "split": "train", "revision": COMMIT},
    ]
    run = {**read_run(finished), "inputs": inputs}
    words = shlex.split(remaking(run, sources(run)).commands[1])
    assert words[:4] == ["bt-augment", "generate", "tydi", "me/qa"]
    assert words[-2:] == ["--set", f"input.revision={COMMIT}"]
    inputs[-1]["revision"] = None
    assert "--set" not in shlex.split(remaking(run, sources(run)).commands[1])


@pytest.mark.parametrize(
    ("name", "revision", "shown"),
    [
        ("bundled:mini", "0" * 16, "bundled:mini"),
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


def test_what_lies_in_folders_of_its_own_under_one_name_is_told_apart(finished):
    # Given two models, two lexicons and two benchmarks, each in a folder of its own
    own = {"en:pt": "/home/me/en-pt/opus", "pt:en": "/home/me/pt-en/opus"}
    run = named(
        read_run(finished),
        [f"{hop}={name}" for hop, name in own.items()],
        [(hop, name, "0" * 16) for hop, name in own.items()],
        lexicons=["en:pt=/home/me/pt/words.txt", "en:de=/home/me/de/words.txt"],
    )
    run["recipe"]["decontaminate"] = {"x": "/home/me/xquad/test", "m": "/home/me/mlqa/test"}
    run["switches"] = {"en:en+pt": ["words.txt@00"], "en:en+de": ["words.txt@11"]}

    # Then the recipe, and the sources, name them by that folder
    recipe = public_recipe(run)
    assert recipe["translation"]["models"] == ["en:pt=en-pt/opus", "pt:en=pt-en/opus"]
    lexicons = ["en:pt=pt/words.txt", "en:de=de/words.txt"]
    assert recipe["code_switch"]["lexicons"] == lexicons
    assert recipe["decontaminate"] == {"x": "xquad/test", "m": "mlqa/test"}
    licensed = {s.name: s.license for s in sources(run, {"de/words.txt": "mit"})}
    assert licensed == {"qa.json": None, "pt/words.txt": None, "de/words.txt": "mit"}


def test_inputs_are_named_as_often_as_they_were_read_and_are_no_options(finished):
    files = [("/data/-a.jsonl", None), ("b/x.jsonl", "b"), ("b/y.jsonl", "b")] * 2
    inputs = [{"path": p, "sha256": "0" * 64, **({"folder": f} if f else {})} for p, f in files]
    run = {**read_run(finished), "inputs": inputs}
    found = sources(run)
    assert [source.name for source in found] == ["-a.jsonl", "b"]
    assert found[1].version.startswith("2 files")
    words = shlex.split(remaking(run, found).commands[1])
    assert words[2:7] == ["./-a.jsonl", "b", "./-a.jsonl", "b", "--recipe"]


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


@pytest.mark.parametrize("name", [f"{OPUS}-en-pt", f"{OPUS}-en-pt@main"])
def test_a_model_of_the_hub_is_named_with_its_commit(finished, name):
    run = named(read_run(finished), [f"en:pt={name}"], [("en:pt", name, COMMIT)])
    [model] = models(run)
    assert (model.name, model.on_hub, model.local_name) == (f"{OPUS}-en-pt", True, None)
    assert public_recipe(run)["translation"]["models"] == [f"en:pt={OPUS}-en-pt@{COMMIT}"]


def test_a_name_that_stood_for_several_models_is_written_out_for_each_hop(finished):
    found = [("en:pt", f"{OPUS}-en-pt", COMMIT), ("pt:en", f"{OPUS}-pt-en", "d" * 40)]
    run = named(read_run(finished), ["opus-mt"], found)
    pinned = [f"en:pt={OPUS}-en-pt@{COMMIT}", f"pt:en={OPUS}-pt-en@{'d' * 40}"]
    assert public_recipe(run)["translation"]["models"] == pinned
    run = named(read_run(finished), ["opus-mt"], found[:1])
    assert public_recipe(run)["translation"]["models"] == [f"{OPUS}-en-pt@{COMMIT}"]


def test_a_folder_that_was_converted_from_the_hub_is_a_local_model(finished, tmp_path, monkeypatch):
    (tmp_path / "my" / "opus").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    for name in (str(tmp_path / "my" / "opus"), "my/opus"):
        run = named(read_run(finished), [name], [("en:pt", name, COMMIT)])
        assert [(m.name, m.on_hub, m.local_name) for m in models(run)] == [("opus", False, name)]
        assert public_recipe(run)["translation"]["models"] == ["opus"]


def test_a_gpus_tokens_of_a_batch_are_in_the_recipe(finished):
    run = {**read_run(finished), "device": "cuda", "batch_tokens": 8192}
    recipe = public_recipe(run)
    assert recipe["translation"]["decoding"]["batch_tokens"] == 8192
    assert run["recipe"]["translation"]["decoding"]["batch_tokens"] is None


@pytest.mark.parametrize("taken", ["run", "/home/me/Run", "run/pairs.jsonl"])
@pytest.mark.parametrize("what", ["input", "benchmark", "model"])
def test_no_folder_is_written_that_the_commands_read(finished, taken, what):
    run = read_run(finished)
    inputs = [taken, f"other/{taken}"] if taken.endswith("jsonl") else [taken]
    if what == "input":
        run["inputs"] = [{"path": path, "sha256": "0" * 64} for path in inputs]
    elif what == "benchmark":
        run["recipe"]["decontaminate"] = {"b": "/home/me/run"}
    else:
        run = named(run, ["/home/me/run"], [("en:pt", "/home/me/run", "0" * 16)])
    how = remaking(run, sources(run))
    out = shlex.split(how.commands[-1])
    assert out[out.index("--out") + 1] == how.folder == "run-2"


def made_again(folder, command):
    """Run the commands of a card but for ``pip`` and ``publish``; return what they made."""
    body = (folder / "README.md").read_text(encoding="utf-8")
    lines = re.search(r"```sh\n(.*?)```", body, re.DOTALL)[1].splitlines()
    for line in lines[1:-1]:
        done = command(*shlex.split(line)[1:], cwd=folder)
        assert done.code == 0, done.err
    made = folder / shlex.split(lines[-1])[2]
    assert read_manifest(made).fingerprint() in body
    return made


def test_the_commands_of_a_filtered_run_give_its_bytes(
    tmp_path, english, write_rows, make_run, command, arrow_bytes, environment
):
    # Given a run with a pair that its limits leave untranslated, and with a score by a model of
    # the user's own that no route needs
    long = {**english[1], "id": "long", "passage": f"{english[1]['passage']} " * 3}
    source = write_rows([*english[:6], long], "run")
    model = ModelCatalog(tmp_path / "cache").resolve("bundled:mini", "pt", "en").folder
    shutil.copytree(model, tmp_path / "own")
    own = json.dumps(["bundled:mini", f"pt:en={tmp_path / 'own'}"])
    short = len(long["passage"]) / 4
    settings = [f"filters.text.passage_length.max={short}", f"{BACKWARD}.enabled=true"]
    make_run(tmp_path / "a", source, f"translation.models={own}", *settings, routes=("en:pt",))

    # When it is filtered without that score and with looser limits, and filtered again
    def again(of, out, *assigned):
        refilter(tmp_path / of, tmp_path / out, stored_recipe(tmp_path / of, None, assigned))

    loose = "filters.text.passage_length.max=null"
    again("a", "b", f"{BACKWARD}.enabled=false", loose, "filters.fidelity.chrf.min=1.0e-05")
    again("b", "c", f"{BACKWARD}.enabled=true", f"{BACKWARD}.min=-0.5")

    # Then what is published of either gives the same bytes by its commands, and by them alone
    for name in ("b", "c"):
        out = tmp_path / f"of-{name}"
        out.mkdir()
        write_contents(tmp_path / name, Terms("me/qa"), out)
        shutil.copy(source, out / "run")
        shutil.copytree(model, out / "own")
        made = made_again(out, command)
        assert arrow_bytes(made) == arrow_bytes(tmp_path / name)


def test_of_a_run_filtered_by_an_earlier_version_no_same_bytes_are_claimed(finished):
    run = read_run(finished)
    assert remaking(run, sources(run)).is_whole
    old = {**run, "filtered_from": ["0" * 64]}
    how = remaking(old, sources(old))
    assert not how.is_whole
    assert [line.split()[0] for line in how.commands] == ["pip", "bt-augment"]
    assert remaking({**old, "earlier_filters": [run["recipe"]["filters"]]}, ()).is_whole
