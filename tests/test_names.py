"""A name that no file can have is an error that names it, in Python as on the command line."""

from pathlib import Path

import pytest

import bt_augment
from bt_augment.errors import BtAugmentError
from bt_augment.evaluation import Arm
from bt_augment.pairs.contamination import BenchmarkText
from bt_augment.pairs.readers import read
from bt_augment.reporting import write_report
from bt_augment.translation.models import ModelCatalog

LONG = "a" * 5_000
RECIPE = bt_augment.load_recipe(assignments=["routes=[en:pt]"])


def generate(source, out):
    bt_augment.generate(bt_augment.Generation(inputs=[source], recipe=RECIPE, out=Path(out)))


DOORS = {
    "input": lambda name: list(read([name])),
    "generate input": lambda name: generate(name, "run"),
    "generate hub input": lambda name: generate(f"hub:a/{name}", "run"),
    "generate out": lambda name: generate("qa.jsonl", name),
    "model": lambda name: ModelCatalog(Path("cache")).resolve(name, "en", "pt"),
    "model info": lambda name: ModelCatalog(Path("cache")).info(name),
    "benchmark text": lambda name: BenchmarkText.from_folders({"b": Path(name)}),
    "verify": lambda name: bt_augment.verify(Path(name)),
    "refilter": lambda name: bt_augment.refilter(name, "run", RECIPE),
    "refilter out": lambda name: bt_augment.refilter("run", name, RECIPE),
    "report": lambda name: write_report([name], "report.html"),
    "arm": lambda name: Arm("x", (Path(name),)),
    "recipe": bt_augment.load_recipe,
}


@pytest.mark.parametrize("name", [LONG, "a\0b"], ids=["long", "nul"])
@pytest.mark.parametrize("door", DOORS)
def test_a_name_that_no_file_can_have_is_told(door, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BtAugmentError, match=r"name too long|embedded null"):
        DOORS[door](name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        ("generate", LONG, "--route", "en:pt", "--out", "run"),
        ("generate", "qa.jsonl", "--route", "en:pt", "--out", LONG),
        ("generate", "qa.jsonl", "--route", "en:pt", "--model", f"a/{LONG}", "--out", "run"),
        ("generate", "qa.jsonl", "--route", "en:pt", "--decontaminate", f"b={LONG}", "--out", "r"),
        ("lexicon", "run", "--languages", "en:pt", "--out", LONG),
        ("verify", LONG),
        ("models", "info", LONG),
        ("models", "convert", LONG),
    ],
    ids=["input", "out", "model", "benchmark", "lexicon", "verify", "info", "convert"],
)
def test_the_command_line_tells_of_a_name_that_is_too_long(command, tmp_path, arguments):
    (tmp_path / "qa.jsonl").write_text('{"question": "Who?", "passage": "Ana.", "lang": "en"}\n')
    told = command(*arguments, cwd=tmp_path)
    assert told.code == 2, told.err
    assert "no file can have this name (File name too long); name another" in told.err
    assert "Traceback" not in told.err


def test_a_list_of_files_may_be_longer_than_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = [f"results-of-seed-{seed}.json" for seed in range(200)]
    assert Arm.parse(f"base={','.join(files)}").results == tuple(map(Path, files))
