"""Nothing that is read can run code: recipes, models, pickles, archives."""

import ast
import json
import sys
from pathlib import Path

import pytest
import yaml

from bt_augment.errors import BtAugmentError, ModelError, RecipeError

PACKAGE = Path(__file__).resolve().parents[2] / "bt_augment"
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")}

# Modules whose job it is to make objects, or files, out of what somebody else wrote.
UNSAFE_MODULES = {
    "pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib", "tarfile", "zipfile", "code",
}  # fmt: skip
UNSAFE_CALLS = {
    "eval", "exec", "compile_command", "unpack_archive", "extractall", "torch.load", "np.load",
    "numpy.load", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "os.system", "os.popen",
    "read_pickle",
}  # fmt: skip


def name_of(node):
    """Return the dotted name of what is called."""
    if isinstance(node, ast.Attribute):
        inner = name_of(node.value)
        return f"{inner}.{node.attr}" if inner else node.attr
    return node.id if isinstance(node, ast.Name) else ""


def test_the_package_loads_no_pickle_unpacks_no_archive_and_runs_no_text():
    assert len(TREES) > 100
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
                assert not names & UNSAFE_MODULES, path
            elif isinstance(node, ast.ImportFrom):
                taken = {alias.name for alias in node.names}
                if taken != {"UnpicklingError"}:  # caught, where torch raises it
                    assert (node.module or "").split(".")[0] not in UNSAFE_MODULES, path
            elif isinstance(node, ast.Call):
                called = name_of(node.func)
                assert called not in UNSAFE_CALLS, f"{path}: {called}"
                assert called.split(".")[-1] not in {"unpack_archive", "extractall", "read_pickle"}
                shell = {k.arg: k.value for k in node.keywords}.get("shell")
                assert shell is None, f"{path}: {called} by way of a shell"


def test_code_of_a_model_is_never_trusted():
    loaded = 0
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            named = {k.arg: k.value for k in node.keywords}
            trust = named.get("trust_remote_code")
            assert trust is None or ast.literal_eval(trust) is False, path
            if name_of(node.func) == "SentenceTransformer" and "modules" not in named:
                assert trust is not None, f"{path}: says nothing of trust_remote_code"
                loaded += 1
    assert loaded >= 3


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)
MERGED = "b0: &b0 {x: 1}\n" + "".join(
    f"b{n}: &b{n} {{<<: [{', '.join([f'*b{n - 1}'] * 8)}]}}\n" for n in range(1, 13)
)
TEXTS = {
    "a call": "name: !!python/object/apply:os.system ['touch {mark}']\n",
    "an object": "!!python/object/new:subprocess.Popen [['touch', '{mark}']]\n",
    "a module": "name: !!python/module:os\n",
    "a name": "arms: !!python/name:os.system\n",
    "aliases by the thousand million": BOMB,
    "merged keys by the thousand million": MERGED,
    "one mapping merged ten thousand times": (
        "a: &a {" + ", ".join(f"k{n}: 1" for n in range(1_000)) + "}\n"
        "b: {<<: [" + ", ".join(["*a"] * 10_000) + "]}\n"
    ),
    "a mapping merged into itself": "a: &a {<<: [*a, *a], x: 1}\n",
    "a mapping within itself": "runs: &r\n  a: *r\n",
    "a list within itself": "arms: &a [*a]\n",
    "deep nesting": "a: " + "[" * 5_000 + "]" * 5_000 + "\n",
    "a date that is none": "name: 2024-13-45\n",
    "a number that is none": "name: !!int twelve\n",
    "a number of no digits": "name: !!int\n",
    "a truth that is none": "name: !!bool\n",
    "a key that cannot be one": "? [a, b]\n: c\n",
    "a key of aliases by the thousand million": BOMB + "? [*a9]\n: c\n",
    "a number of ten thousand digits": f"name: {'9' * 10_000}\n",
}


@pytest.mark.parametrize("text", TEXTS)
def test_no_recipe_runs_code_or_fills_the_memory(tmp_path, text):
    from bt_augment.experiment.loading import load_experiment
    from bt_augment.recipe import load_recipe

    mark = tmp_path / "mark"
    path = tmp_path / "recipe.yaml"
    path.write_text(TEXTS[text].replace("{mark}", str(mark)))
    for load in (load_recipe, load_experiment):
        with pytest.raises(BtAugmentError) as caught:
            load(path)
        assert "recipe.yaml" in str(caught.value)
        assert len(str(caught.value)) < 2_000
    assert not mark.exists()


@pytest.mark.parametrize(
    "text", [BOMB + "models: [*a9]\n", MERGED, "models: !!python/name:os.system"]
)
def test_no_marian_model_runs_code_or_fills_the_memory(tmp_path, in_time, text):
    from bt_augment.translation.convert import convert

    for name in ("source.spm", "target.spm", "model.npz"):
        (tmp_path / name).touch()
    (tmp_path / "decoder.yml").write_text(text)
    with pytest.raises(ModelError, match=r"decoder\.yml.*is not YAML") as caught:
        convert(tmp_path, tmp_path / "made", name="m", revision="r", quantization="int8")
    assert len(str(caught.value)) < 2_000


@pytest.mark.parametrize(
    "value", ["!!python/name:os.system", "2024-13-45", "!!float", "!!bool", "[" * 5_000, MERGED]
)
def test_no_assignment_does_either(value):
    from bt_augment.recipe import load_recipe

    with pytest.raises(RecipeError, match="--set"):
        load_recipe(assignments=[f"input.lang={value}"])


def test_a_recipe_may_merge_keys(tmp_path):
    from bt_augment.recipe import load_recipe

    path = tmp_path / "recipe.yaml"
    path.write_text(
        "filters:\n  text:\n    truncated: &off {enabled: false}\n    mangled: {<<: [*off, *off]}\n"
    )
    assert not {"text.truncated", "text.mangled"} & load_recipe(path).enabled


def test_a_recipe_may_override_merged_keys_in_what_is_merged_in_turn(tmp_path):
    from bt_augment.settings_file import read_settings

    path = tmp_path / "recipe.yaml"
    path.write_text("b: &b {x: 1, y: 1}\nz:\n  a: &a {<<: *b, x: 2}\nc: {<<: *a, w: 3}\n")
    content, _ = read_settings(path)
    assert content["z"] == {"a": {"x": 2, "y": 1}}
    assert content["c"] == {"x": 2, "y": 1, "w": 3}


def test_a_shared_alias_is_no_bomb(tmp_path):
    from bt_augment.recipe import load_recipe

    path = tmp_path / "recipe.yaml"
    path.write_text("filters:\n  text:\n    truncated: &off {enabled: false}\n    mangled: *off\n")
    assert not {"text.truncated", "text.mangled"} & load_recipe(path).enabled


EVIL = """
from pathlib import Path
Path({mark!r}).touch()
class Config:
    pass
"""


def test_a_checkpoint_that_brings_its_own_code_is_refused(tmp_path, environment):
    from bt_augment.translation.models import ModelCatalog

    mark, folder = tmp_path / "mark", tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "evil.py").write_text(EVIL.format(mark=str(mark)))
    config = {"model_type": "evil", "auto_map": {"AutoConfig": "evil.Config"}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError):
        ModelCatalog(tmp_path / "cache").resolve(str(folder), "en", "pt")
    # Also where the family is a known one, and only its class is the folder's.
    config = {"model_type": "m2m_100", "auto_map": {"AutoConfig": "evil.Config"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    with pytest.raises(ModelError):
        ModelCatalog(tmp_path / "cache").resolve(str(folder), "en", "pt")
    assert not mark.exists()
    assert "evil" not in sys.modules


@pytest.mark.parametrize(
    "files",
    [
        {"modules.json": [{"idx": 0, "name": "0", "path": "", "type": "evil.Config"}]},
        {"modules.json": [{"idx": 0, "name": "0", "path": "", "type": "os.system"}]},
        {"config.json": {"model_type": "bert", "auto_map": {"AutoModel": "evil.Config"}}},
    ],
    ids=["module of the folder", "module of Python", "class of the folder"],
)
def test_an_encoder_that_brings_its_own_code_is_refused(tmp_path, files):
    pytest.importorskip("sentence_transformers")
    from bt_augment.evaluation.encoders import load_encoder
    from bt_augment.filtering.encoder import Encoder
    from bt_augment.training.base_model import load_base_model

    mark, folder = tmp_path / "mark", tmp_path / "encoder"
    folder.mkdir()
    (folder / "evil.py").write_text(EVIL.format(mark=str(mark)))
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    for load in (
        lambda: load_encoder(str(folder), tmp_path / "cache", device="cpu"),
        lambda: load_base_model(str(folder), max_length=8, device="cpu"),
        lambda: Encoder(str(folder), "the test").encode(["a"], "query"),
    ):
        with pytest.raises(BtAugmentError):
            load()
    assert not mark.exists()


class Evil:
    """Touches a file when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


def test_pickled_weights_run_no_code(tmp_path):
    torch = pytest.importorskip("torch")
    from bt_augment.translation.models import ModelCatalog

    mark, folder = tmp_path / "mark", tmp_path / "checkpoint"
    folder.mkdir()
    config = {
        "model_type": "m2m_100", "vocab_size": 8, "d_model": 8, "encoder_layers": 1,
        "decoder_layers": 1, "encoder_attention_heads": 1, "decoder_attention_heads": 1,
        "encoder_ffn_dim": 8, "decoder_ffn_dim": 8,
        "architectures": ["M2M100ForConditionalGeneration"],
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    torch.save({"weights": Evil(mark)}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError):
        ModelCatalog(tmp_path / "cache").resolve(str(folder), "en", "pt")
    assert not mark.exists()


def test_cometkiwi_loads_weights_alone(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    import types

    from bt_augment.filtering.cometkiwi import _load

    mark, path = tmp_path / "mark", tmp_path / "model.ckpt"
    torch.save({"hyper_parameters": Evil(mark)}, path)
    comet = types.ModuleType("comet")
    # As Lightning does: any pickle, unless it is told otherwise.
    comet.load_from_checkpoint = lambda name: torch.load(name, weights_only=False)
    monkeypatch.setitem(sys.modules, "comet", comet)
    with pytest.raises(ModelError, match="cannot be loaded"):
        _load(str(path))
    assert not mark.exists()


def test_the_shipped_recipes_need_no_more_than_the_safe_loader():
    for path in (PACKAGE.parent / "recipes").glob("*.yaml"):
        assert isinstance(yaml.safe_load(path.read_text()), dict)
