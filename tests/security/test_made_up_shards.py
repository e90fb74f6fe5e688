"""A run of somebody else's making: its digests fit, and what is in its shards does not."""

import array
import hashlib
import json
import re

import pyarrow as pa
import pytest

from bt_augment.errors import RunFolderError
from bt_augment.generation import refilter
from bt_augment.generation.refiltering import stored_recipe
from bt_augment.shards.browsing import browse
from bt_augment.shards.exporting import export
from bt_augment.shards.manifest import Manifest, write_manifest
from bt_augment.shards.run_folder import read_run
from bt_augment.shards.verification import verify

SHARD = "train/data-00000-of-00008.arrow"


def enter(run, name, content):
    """Put a shard in place, and its digest into the manifest."""
    (run / name).write_bytes(content)
    path = run / "manifest.json"
    manifest = json.loads(path.read_text())
    for unit in manifest["units"]:
        for entry in unit["files"].values():
            if entry["path"] == name:
                entry["sha256"] = hashlib.sha256(content).hexdigest()
                entry["bytes"] = len(content)
    write_manifest(run, Manifest.model_validate(manifest))


def rewritten(run, change):
    with pa.memory_map(str(run / SHARD)) as source:
        table = change(pa.ipc.open_stream(source).read_all())
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    enter(run, SHARD, sink.getvalue().to_pybytes())


def put(table, name, values):
    index = table.schema.get_field_index(name)
    return table.set_column(index, name, values)


def nulled(table, name):
    column = table.column(name).to_pylist()
    return put(table, name, pa.array([None, *column[1:]], table.schema.field(name).type))


def of_all(value):
    return lambda table, name: put(table, name, pa.array([value] * table.num_rows))


CHANGES = {
    "a column less": lambda t: t.drop_columns(["group_id"]),
    "a column twice": lambda t: t.append_column("method", t.column("method")),
    "a number for text": lambda t: of_all(7)(t, "question"),
    "text for the scores": lambda t: of_all("x")(t, "scores"),
    "no method": lambda t: nulled(t, "method"),
    "no passage": lambda t: nulled(t, "passage"),
    "another method": lambda t: of_all("magic")(t, "method"),
    "nothing on the route": lambda t: put(
        t, "route", pa.array([[None]] * t.num_rows, pa.list_(pa.string()))
    ),
    "no answer's text": lambda t: put(
        t, "answers",
        pa.array([[{"text": None, "start": 0}]] * t.num_rows, t.schema.field("answers").type),
    ),
    "a route that leads nowhere": lambda t: of_all(["en"])(t, "route"),
    "no language": lambda t: of_all("")(t, "question_lang"),
    "no tag of a language": lambda t: of_all("not a tag!")(t, "passage_lang"),
    "a folder for a language": lambda t: of_all("x/../y")(t, "passage_lang"),
    "a null byte in a language": lambda t: of_all("en\0")(t, "passage_lang"),
    "a space after a language": lambda t: of_all("en ")(t, "passage_lang"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_rows_that_are_none_of_a_run_are_named_and_refused(copied, tmp_path, change):
    rewritten(copied, CHANGES[change])
    problems = verify(copied).problems
    assert any(problem.startswith(f"{SHARD}: has ") for problem in problems), problems
    with pytest.raises(RunFolderError, match="data-00000-of-00008"):
        browse(copied, 3)
    with pytest.raises(RunFolderError, match="data-00000-of-00008"):
        refilter(copied, tmp_path / "filtered", stored_recipe(copied))
    with pytest.raises(RunFolderError, match="data-00000-of-00008"):
        export(copied, tmp_path / "exported", "beir")


def test_offsets_that_lead_out_of_the_data_are_found_before_they_are_followed(copied):
    # Given a shard whose last question is said to end a gigabyte further on
    content = bytearray((copied / SHARD).read_bytes())
    with pa.memory_map(str(copied / SHARD)) as source:
        questions = pa.ipc.open_stream(source).read_all().column("question").to_pylist()
    offsets = array.array("i", [0])
    for text in questions:
        offsets.append(offsets[-1] + len(text.encode()))
    at = content.find(offsets.tobytes())
    assert at > 0
    end = at + 4 * len(questions)
    content[end : end + 4] = array.array("i", [offsets[-1] + (1 << 30)]).tobytes()
    enter(copied, SHARD, bytes(content))
    # Then it is refused
    assert any("is no valid Arrow data" in problem for problem in verify(copied).problems)
    with pytest.raises(RunFolderError, match="is no valid Arrow data"):
        browse(copied, 3)


def test_an_input_with_such_offsets_is_no_input(tmp_path):
    from bt_augment.pairs.readers import InputSettings, read

    rows = [{"question": "Who wrote it?", "passage": "Ana wrote it."}] * 3
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.Table.from_pylist(rows).schema) as writer:
        writer.write_table(pa.Table.from_pylist(rows))
    content = bytearray(sink.getvalue().to_pybytes())
    offsets = array.array("i", [0, 13, 26, 39]).tobytes()
    at = content.find(offsets)
    assert at > 0
    content[at + 12 : at + 16] = array.array("i", [1 << 30]).tobytes()
    path = tmp_path / "made-up.arrow"
    path.write_bytes(content)
    (item,) = read([str(path)], InputSettings(lang="en"))
    assert item.cause == "broken_file"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ingested": {"rows": "many"}}, "ingested|rows"),
        ({"units": [7]}, "units"),
        ({"format": "x"}, "format"),
    ],
)
def test_a_made_up_manifest_is_refused_by_name(copied, tmp_path, change, said):
    path = copied / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(RunFolderError, match=said):
        refilter(copied, tmp_path / "out", stored_recipe(copied))


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def change(run, place, value):
    """Put a value where ``place`` says, with dots between its keys; None takes the key away."""
    *outer, last = place.split(".")
    for key in outer:
        run = run[int(key) if isinstance(run, list) else key]
    if value is None:
        del run[last]
    else:
        run[last] = value


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("recipe", {}, "lacks recipe.routes"),
        ("recipe.routes", ["en"], "damaged at recipe.routes.0: route 'en' needs two or more"),
        ("recipe.routes", ["en:e!"], "damaged at recipe.routes.0: 'e!' is not a BCP-47"),
        ("recipe.input", "x", "damaged at recipe.input: it is no JSON object"),
        ("recipe.input.revision", 7, "damaged at recipe.input.revision"),
        ("recipe.code_switch", "x", "damaged at recipe.code_switch: it is no JSON object"),
        ("recipe.code_switch.lexicons", [1], "damaged at recipe.code_switch.lexicons.0"),
        ("recipe.translation.models", [1], "damaged at recipe.translation.models.0"),
        ("recipe.filters.fidelity.chrf.min", "abc", "damaged at recipe.filters.fidelity.chrf.min"),
        ("recipe.filters.fidelity.chrf.max", 10**400, "at recipe.filters.fidelity.chrf.max"),
        ("recipe.filters.fidelity.chrf.enabled", None, "lacks recipe.filters.fidelity.chrf.enab"),
        ("recipe.filters.fidelity.chrf.on_null", "x", "at recipe.filters.fidelity.chrf.on_null"),
        ("recipe.more", deep(400), "lie in each other more than 20 deep"),
        ("device", {}, "damaged at device"),
        ("batch_tokens", 0, "damaged at batch_tokens"),
        ("earlier_filters", [[]], "damaged at earlier_filters.0"),
        ("earlier_filters", [{"fidelity": {"chrf": {}}}], "lacks earlier_filters.0.fidelity.chrf"),
        ("inputs", ["a"], "damaged at inputs.0: it is no JSON object"),
        ("inputs", [{}], "lacks inputs.0.path"),
        ("inputs.0.path", 7, "damaged at inputs.0.path"),
        ("inputs.0.path", "", "damaged at inputs.0.path: '' names no file or data set"),
        ("inputs.0.path", ".", "damaged at inputs.0.path: '.' names no file or data set"),
        ("inputs.0.sha256", 7, "damaged at inputs.0.sha256"),
        ("models", [1], "damaged at models"),
        ("models.en:pt.name", 3, "damaged at models.en:pt.name"),
        ("models.en:pt.revision", None, "lacks models.en:pt.revision"),
        ("switches", 7, "damaged at switches"),
        ("versions", [], "damaged at versions"),
    ],
)
def test_a_made_up_run_json_is_refused_by_name(copied, place, value, said):
    path = copied / "run.json"
    run = json.loads(path.read_text())
    change(run, place, value)
    path.write_text(json.dumps(run))
    with pytest.raises(RunFolderError, match=rf"run\.json: .*{re.escape(said)}"):
        verify(copied)


def test_a_run_json_of_another_version_is_read(copied):
    # Given keys that this version does not know, without those that earlier ones did not write
    path = copied / "run.json"
    run = json.loads(path.read_text())
    run["recipe"]["more"] = run["models"]["en:pt"]["more"] = run["more"] = {"a": [1]}
    for key in ("device", "switches", "versions"):
        del run[key]
    for key in ("input", "code_switch"):
        del run["recipe"][key]
    path.write_text(json.dumps(run))
    # Then it is read as it is
    assert read_run(copied) == run
