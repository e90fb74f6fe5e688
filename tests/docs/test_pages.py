"""The documentation says what the code does: generated parts, links and examples."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import logging
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pytest

from bt_augment.cli.app import app
from bt_augment.experiment.loading import DECIDED
from bt_augment.experiment.sections import Sections
from bt_augment.pairs.schema import row_schema
from bt_augment.recipe import recipe_schema
from bt_augment.training.settings import TrainingSettings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(DOCS.glob("*.md")),
    ROOT / "data" / "README.md",
]
PAIRS = 12  # of the sample data: enough for every command to have something to show

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_PART = re.compile(r"<!-- generated: ([\w-]+) -->\n(.*?)\n<!-- end -->", re.DOTALL)
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_NEEDS_RUN = "readme-example"  # translations differ between kinds of CPU, so not compared


@pytest.fixture(scope="module")
def generator() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))  # where its own modules are, as when it is run
        yield loaded()


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(page: Path) -> list[tuple[str, str]]:
    return _BLOCK.findall(page.read_text(encoding="utf-8"))


def parts() -> Iterator[tuple[str, str, str]]:
    for page in PAGES:
        for name, content in _PART.findall(page.read_text(encoding="utf-8")):
            yield page.name, name, content


@pytest.mark.parametrize(
    ("page", "name", "content"),
    [part for part in parts() if part[1] != _NEEDS_RUN],
    ids=lambda value: value if len(value) < 40 else "content",
)
def test_a_generated_part_is_what_the_code_says(
    generator: ModuleType, page: str, name: str, content: str
) -> None:
    made = "\n".join(generator.PARTS[name]())
    assert content == made, f"{page}: run python docs/generate.py"


def test_every_generated_part_is_on_a_page(generator: ModuleType) -> None:
    assert {name for _, name, _ in parts()} == set(generator.PARTS)


def test_the_readme_shows_pairs_of_the_sample_data() -> None:
    # Given the example of the README
    shown = next(content for page, name, content in parts() if name == _NEEDS_RUN)
    pairs = {row["id"]: row for row in sample_rows()}

    # Then every pair is one of the project's, in its own words
    named = re.findall(r"^(en-\d+)/([a-z:]+)/0\n  en       …?(.*)$", shown, re.MULTILINE)
    assert len(named) >= 3
    for name, _, text in named:
        assert text.strip() in f"{pairs[name]['question']} {pairs[name]['passage']}"
    assert "verdict  accepted" in shown
    assert "verdict  rejected: " in shown

    # And the counts balance
    numbers = re.search(
        r"read (\d+) pairs; made (\d+): (\d+) accepted \((\d+)%\), (\d+) rejected", shown
    )
    assert numbers is not None
    read, made, accepted, share, rejected = map(int, numbers.groups())
    assert read == len(pairs)
    assert made == 2 * read == accepted + rejected
    assert share == round(100 * accepted / made)


def test_the_row_page_lists_the_schema() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (.*?) \|", (DOCS / "row.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    documented = {name: kind.removesuffix(", may be null").strip("`") for name, kind in rows}
    schema = row_schema(["family.score"])
    kinds = {f.name: str(f.type).replace("element: ", "") for f in schema}
    kinds = {name: kind.replace("list<item: ", "list<") for name, kind in kinds.items()}
    kinds["scores"] = "struct of float32"
    assert list(documented.items()) == list(kinds.items())


def test_every_quarantine_cause_on_the_page_is_in_the_readers() -> None:
    text = (DOCS / "input.md").read_text(encoding="utf-8").partition("| cause |")[2]
    causes = {
        cause
        for line in text.splitlines()
        if line.startswith("| `")
        for cause in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    sources = "".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "bt_augment" / "pairs" / "readers").glob("*.py")
    )
    fields = {
        f"{kind}_{field}" for kind in ("missing", "empty") for field in ("question", "passage")
    }
    assert len(causes) > 10
    assert {c for c in causes if f'"{c}"' not in sources} <= fields


def leaves(schema: dict, node: dict, place: str = "") -> Iterator[str]:
    """Yield the dotted key of every setting that a JSON schema knows."""
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]
    for key, value in node.get("properties", {}).items():
        inner = list(leaves(schema, value, f"{place}{key}."))
        free = value.get("additionalProperties")
        if isinstance(free, dict) and "$ref" in free:
            inner = list(leaves(schema, free, f"{place}{key}.NAME."))
        yield from inner or [f"{place}{key}"]


@pytest.mark.parametrize(
    ("page", "schema"),
    [("recipes.md", recipe_schema()), ("experiments.md", Sections.model_json_schema())],
    ids=lambda value: value if isinstance(value, str) else "schema",
)
def test_every_key_of_a_recipe_is_on_its_page(page: str, schema: dict) -> None:
    # Given the keys of the typed recipe, and those of the page's tables
    text = (DOCS / page).read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w.]+)` \|", text, re.MULTILINE)
    keys = {key.removesuffix(".NAME") for key in rows}

    # Then none is missing; filters have a page of their own
    assert set(leaves(schema, schema)) - {"filters"} <= keys


def test_every_setting_of_a_training_is_documented() -> None:
    text = (DOCS / "experiments.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `training\.(\w+)` \|", text, re.MULTILINE))
    assert documented == {f.name for f in dataclasses.fields(TrainingSettings)} - set(DECIDED)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    for link in _LINK.findall(text):
        if link.startswith(("http://", "https://")):
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{page.name}: {link}"
        assert path.is_relative_to(ROOT), f"{page.name}: {link} leads out of the repository"
        if anchor:
            assert anchor in anchors(path), f"{page.name}: {link}"


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub names them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_names_a_path_of_a_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"\.\./shared|(?<![\w.])/(work|tmp|root|home)/", text)


def sample_rows() -> list[dict[str, object]]:
    lines = (ROOT / "data" / "en" / "qa.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with every input that the pages name, and a finished run."""
    folder = tmp_path_factory.mktemp("inputs")
    rows = sample_rows()[:PAIRS]
    squad = json.loads((ROOT / "data" / "en" / "qa.json").read_text(encoding="utf-8"))
    squad["data"] = squad["data"][: PAIRS // 4]
    (folder / "squad.json").write_text(json.dumps(squad), encoding="utf-8")
    shutil.copytree(ROOT / "data" / "parallel", folder / "data" / "parallel")
    (folder / "data" / "en").mkdir()
    shutil.copy(folder / "squad.json", folder / "data" / "en" / "qa.json")
    (folder / "pairs.csv").write_text(
        "question,passage\n"
        + "".join(f'"{r["question"]}","{str(r["passage"]).replace(chr(34), "")}"\n' for r in rows),
        encoding="utf-8",
    )
    (folder / "nq-open-oracle.jsonl").write_text(
        "".join(
            json.dumps(
                {"question": r["question"], "ctxs": [{"title": r["title"], "text": r["passage"]}]}
            )
            + "\n"
            for r in rows
        ),
        encoding="utf-8",
    )
    beir = folder / "beir"
    (beir / "qrels").mkdir(parents=True)
    for name, field in (("queries", "question"), ("corpus", "passage")):
        text = "".join(json.dumps({"_id": r["id"], "text": r[field]}) + "\n" for r in rows)
        (beir / f"{name}.jsonl").write_text(text, encoding="utf-8")
    judged = "".join(f"{r['id']}\t{r['id']}\t1\n" for r in rows)
    (beir / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}", "utf-8")
    recipe = next(code for kind, code in blocks(DOCS / "recipes.md") if kind == "yaml")
    (folder / "recipe.yaml").write_text(recipe, encoding="utf-8")
    here = Path.cwd()
    os.chdir(folder)
    try:
        run_command("bt-augment generate squad.json --route en:pt:en --route en:pt --out run/ -q")
    finally:
        os.chdir(here)
    return folder


def run_command(line: str) -> None:
    words = shlex.split(line, comments=True)
    assert words[0] == "bt-augment"
    level = logging.getLogger().level
    try:
        app(words[1:], prog_name="bt-augment", standalone_mode=False)
    finally:
        logging.getLogger().setLevel(level)  # --quiet is for one command


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if {kind for kind, _ in blocks(page)} & {"bash", "python"}],
    ids=lambda page: page.name,
)
def test_examples_run(
    page: Path, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a folder with the inputs, and a finished run unless the page makes it itself
    folder = tmp_path / "work"
    shutil.copytree(inputs, folder)
    if "--out run/" in page.read_text(encoding="utf-8"):
        shutil.rmtree(folder / "run")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("BT_AUGMENT_CACHE", str(tmp_path / "cache"))

    # When the page is followed from top to bottom
    names: dict[str, object] = {"__name__": "__main__"}
    for kind, code in blocks(page):
        if kind == "bash":
            for line in code.replace("\\\n", " ").splitlines():
                run_command(line)
        elif kind == "python":
            exec(compile(code, str(page), "exec"), names)

    # Then nothing failed, and every folder the page makes is a whole run
    for out in re.findall(r"^bt-augment .*--out (\S+)/$", page.read_text("utf-8"), re.MULTILINE):
        if (folder / out).exists():
            with pa.memory_map(str(next((folder / out / "train").glob("data-*.arrow")))) as source:
                assert pa.ipc.open_stream(source).read_all().num_rows > 0
