"""The house: what may import what, and what a command costs before it does anything."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from bt_augment.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
HEAVY = (
    "torch", "transformers", "ctranslate2", "pyarrow", "datasets", "numpy", "pydantic", "yaml",
    "sentence_transformers", "fastchrf", "huggingface_hub",
)  # fmt: skip


def imported(code):
    """Return which heavy packages a fresh Python has imported after ``code``."""
    program = (
        f"{code}\nimport sys\nprint([name for name in {HEAVY!r} if name in sys.modules], "
        "file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stderr.strip().splitlines()[-1]


HELP = """
import sys
from bt_augment.cli.main import main
sys.argv = ['bt-augment', *{arguments!r}]
try: main()
except SystemExit as done: assert done.code == 0
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        *([name, "--help"] for name in app.list_commands(click.Context(app))),
    ],
    ids=" ".join,
)
def test_help_imports_nothing_heavy(arguments):
    assert imported(HELP.format(arguments=arguments)) == "[]"


def test_the_package_runs_as_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "bt_augment", "--version"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("bt-augment")


def test_importing_the_package_imports_nothing_heavy():
    assert imported("import bt_augment") == "[]"


def test_generating_imports_neither_torch_nor_transformers(tmp_path):
    source = ROOT / "data" / "en" / "qa.json"
    code = f"""
import sys
from bt_augment.cli.main import main
sys.argv = ['bt-augment', 'generate', {str(source)!r}, '--route', 'en:pt:en', '--limit', '2',
            '-q', '--out', {str(tmp_path / "run")!r}]
try: main()
except SystemExit as done: assert done.code == 0
"""
    found = imported(code)
    assert "ctranslate2" in found
    assert "torch" not in found
    assert "transformers" not in found


def test_every_public_name_can_be_imported():
    import bt_augment

    for name in bt_augment.__all__:
        assert getattr(bt_augment, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        _ = bt_augment.nothing


def test_strings_do_for_paths(finished, tmp_path, monkeypatch):
    import bt_augment as bt
    from bt_augment.training.examples import training_pairs

    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.yaml").write_text("routes: [en:pt]\n")
    assert [str(route) for route in bt.load_recipe("recipe.yaml").routes] == ["en:pt"]
    assert bt.verify(str(finished)).problems == ()
    bt.refilter(str(finished), "again", bt.load_recipe(None, {"routes": ["en:pt:en", "en:pt"]}))
    assert bt.verify("again").problems == ()
    with pytest.raises(bt.BtAugmentError, match="lies in the run folder"):
        bt.refilter(str(finished), f"{finished}/again", bt.load_recipe("recipe.yaml"))
    assert len(training_pairs(["again"])) > 100
    settings = bt.TrainingSettings("static:bundled", dimensions=8, steps=1, batch_size=8)
    bt.train(["again"], "model", settings)
    assert (tmp_path / "model" / "modules.json").is_file()
    assert bt.write_report(["again"], "report.html").bytes > 1000
    assert bt.Evaluation("model", "xquad-r", "data", "results.json").out == Path("results.json")
    assert bt.Arm("native", ("results.json",)).results == (Path("results.json"),)
    with pytest.raises(bt.BtAugmentError, match="No such file"):
        bt.load_experiment("nowhere.yaml")
    with pytest.raises(bt.BtAugmentError, match=r"write Route\.parse\('en:pt'\)"):
        bt.Route("en:pt")


def test_imports_run_one_way():
    linter = Path(sys.executable).parent / "lint-imports"
    if not linter.exists():
        pytest.skip("import-linter is not installed")
    done = subprocess.run(
        [str(linter), "--no-logo", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_has_no_print_no_bare_except_and_no_assert():
    import ast

    for path in sorted((ROOT / "bt_augment").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            place = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            assert not isinstance(node, ast.Assert), place
            assert not (isinstance(node, ast.ExceptHandler) and node.type is None), place
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            assert not (called and node.func.id == "print"), place
