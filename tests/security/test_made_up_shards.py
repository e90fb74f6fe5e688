"""A run of somebody else's making: its digests fit, and what is in its shards does not."""

import array
import hashlib
import json

import pyarrow as pa
import pytest

from bt_augment.errors import RunFolderError
from bt_augment.generation import refilter
from bt_augment.generation.refiltering import stored_recipe
from bt_augment.shards.browsing import browse
from bt_augment.shards.exporting import export
from bt_augment.shards.manifest import Manifest, write_manifest
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


@pytest.mark.parametrize(
    "change",
    [
        {"models": {"en:pt": {"name": 3}}},
        {"inputs": ["a"]},
        {"switches": 7},
        {"recipe": {}},
    ],
)
def test_a_made_up_run_json_is_refused_by_name(copied, change):
    path = copied / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(RunFolderError, match=r"run\.json: (damaged at|lacks) "):
        verify(copied)
