"""Model names, the cache, and what is refused before any work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_checkpoints as tiny

from bt_augment.cache import cache_folder
from bt_augment.errors import LanguageError, MissingDependencyError, ModelError, StorageError
from bt_augment.translation import models
from bt_augment.translation.content import content_of
from bt_augment.translation.hub import opus_mt_names
from bt_augment.translation.model_folder import check_folder, fingerprint
from bt_augment.translation.model_selection import ModelSelection
from bt_augment.translation.models import ModelCatalog

BUNDLED = Path(models.__file__).parent / "bundled"

pytestmark = pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")


@pytest.fixture
def catalog(tmp_path: Path) -> ModelCatalog:
    return ModelCatalog(tmp_path / "cache")


@pytest.fixture
def model_copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BUNDLED / "mini-en-pt", tmp_path / "copy"))


@pytest.mark.parametrize(
    ("source", "target", "folder"),
    [("en", "pt", "mini-en-pt"), ("en", "pt-BR", "mini-en-pt"), ("pt-PT", "en", "mini-pt-en")],
)
def test_the_bundled_model_knows_english_and_brazilian_portuguese(
    catalog: ModelCatalog, source: str, target: str, folder: str
) -> None:
    model = catalog.resolve("bundled:mini", source, target)
    assert (model.folder.name, model.family, model.max_input_tokens) == (folder, "marian", 64)
    assert model.label == f"bundled:mini@{model.fingerprint}"


@pytest.mark.parametrize(
    ("written", "read"),
    [(-0.2, -0.2), (-1, -1.0), (None, None)],
)
def test_a_folder_may_say_how_sure_its_model_usually_is(
    catalog: ModelCatalog, model_copy: Path, written: object, read: float | None
) -> None:
    metadata = model_copy / "bt_augment.json"
    metadata.write_text(json.dumps(json.loads(metadata.read_text()) | {"usual_logprob": written}))
    assert catalog.resolve(str(model_copy), "en", "pt").usual_logprob == read


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("max_input_tokens", value) for value in (0, True, -3, 7, 64.5, "64")),
        *(("usual_logprob", value) for value in (0.2, 0, "no", True, float("-inf"))),
    ],
)
def test_a_number_in_a_folder_that_cannot_be_is_named(
    catalog: ModelCatalog, model_copy: Path, key: str, value: object
) -> None:
    metadata = model_copy / "bt_augment.json"
    metadata.write_text(json.dumps(json.loads(metadata.read_text()) | {key: value}))
    with pytest.raises(ModelError, match=rf"bt_augment\.json: {key} is "):
        catalog.resolve(str(model_copy), "en", "pt")


def test_a_quantization_that_is_none_is_refused_before_the_hub_is_asked(
    catalog: ModelCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch)
    with pytest.raises(ModelError, match="quantization 'int4' is not one of int8, "):
        catalog.resolve("some/model", "en", "pt", quantization="int4")


@pytest.mark.parametrize(("source", "target"), [("en", "de"), ("en", "pt-PT"), ("pt", "es")])
def test_the_bundled_model_says_what_it_has(
    catalog: ModelCatalog, source: str, target: str
) -> None:
    with pytest.raises(ModelError, match=r"it has en:pt, en:pt-BR and pt:en"):
        catalog.resolve("bundled:mini", source, target)


@pytest.mark.parametrize("name", ["nope", "bundled:mimi", "a/b/c", "no-such-folder/x/y"])
def test_an_unknown_name_is_refused(catalog: ModelCatalog, name: str) -> None:
    with pytest.raises(ModelError, match="unknown model"):
        catalog.resolve(name, "en", "pt")


def test_a_local_ctranslate2_folder_is_used_as_it_is(
    catalog: ModelCatalog, model_copy: Path
) -> None:
    model = catalog.resolve(str(model_copy), "en", "pt")
    assert model.folder == model_copy
    assert model.fingerprint == catalog.resolve("bundled:mini", "en", "pt").fingerprint


@pytest.mark.parametrize("kept", [0, 3, 100, 1_000_000, -1])
def test_a_cut_off_weight_file_is_found_without_loading_it(model_copy: Path, kept: int) -> None:
    weights = model_copy / "model.bin"
    content = weights.read_bytes()
    check_folder(model_copy)
    weights.write_bytes(content[:kept])
    with pytest.raises(ModelError, match=r"model\.bin.*(cut off|damaged)"):
        check_folder(model_copy)


@pytest.mark.parametrize("name", ["model.bin", "config.json", "shared_vocabulary.json"])
def test_a_missing_file_is_named(catalog: ModelCatalog, model_copy: Path, name: str) -> None:
    (model_copy / name).unlink()
    with pytest.raises(ModelError, match=r"model\.bin|config\.json|vocabulary"):
        catalog.resolve(str(model_copy), "en", "pt")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '"x"'])
def test_a_broken_configuration_is_refused(
    catalog: ModelCatalog, model_copy: Path, text: str
) -> None:
    (model_copy / "config.json").write_text(text)
    with pytest.raises(ModelError, match=r"config\.json"):
        catalog.resolve(str(model_copy), "en", "pt")


def test_a_folder_of_an_unknown_family_says_what_to_add(
    catalog: ModelCatalog, model_copy: Path
) -> None:
    (model_copy / "source.spm").unlink()
    (model_copy / "bt_augment.json").unlink()
    with pytest.raises(ModelError, match=r"bt_augment\.json"):
        catalog.resolve(str(model_copy), "en", "pt")


def test_the_fingerprint_follows_the_content(tmp_path: Path, model_copy: Path) -> None:
    cache = tmp_path / "cache"
    first = fingerprint(model_copy, cache)
    assert fingerprint(model_copy, cache) == first
    assert fingerprint(model_copy, tmp_path / "other") == first
    config = model_copy / "config.json"
    config.write_text(config.read_text() + "\n")
    assert fingerprint(model_copy, cache) != first


def test_names_that_are_not_utf8_have_a_fingerprint_and_hidden_ones_no_part_in_it(
    tmp_path: Path,
) -> None:
    folder, cache = tmp_path / "encoder", tmp_path / "cache"
    (folder / os.fsdecode(b"\xfe")).mkdir(parents=True)
    (folder / os.fsdecode(b"\xff.txt")).write_text("x")
    first = content_of(folder, cache)
    (folder / ".cache" / "huggingface").mkdir(parents=True)
    (folder / ".cache" / "huggingface" / "x.metadata").write_text("fetched today")
    assert content_of(folder, cache) == first
    (folder / "1_Pooling").mkdir()
    assert content_of(folder, cache) != first


def test_a_checkpoint_is_converted_once_per_quantization(
    catalog: ModelCatalog, tmp_path: Path
) -> None:
    checkpoint = tiny.make_m2m100(tmp_path / "hf")
    folder = catalog.convert(str(checkpoint))
    stamp = (folder / "model.bin").stat().st_mtime_ns
    assert catalog.convert(str(checkpoint)) == folder
    assert (folder / "model.bin").stat().st_mtime_ns == stamp
    assert catalog.convert(str(checkpoint), quantization="float32") != folder
    found = [info for info in catalog.list_models() if info.family == "m2m100"]
    assert [info.quantization for info in found] == ["float32", "int8"]
    assert {info.revision for info in found} == {fingerprint(checkpoint, tmp_path / "cache")}
    assert catalog.info(str(checkpoint))[0].size_bytes > 0


def test_another_revision_of_a_checkpoint_is_converted_anew(
    catalog: ModelCatalog, tmp_path: Path
) -> None:
    checkpoint = tiny.make_m2m100(tmp_path / "hf")
    folder = catalog.convert(str(checkpoint))
    (checkpoint / "generation_config.json").write_text("{}")
    assert catalog.convert(str(checkpoint)) != folder


def test_a_damaged_conversion_in_the_cache_is_made_again(
    catalog: ModelCatalog, tmp_path: Path
) -> None:
    checkpoint = tiny.make_m2m100(tmp_path / "hf")
    folder = catalog.convert(str(checkpoint))
    whole = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(whole[:1000])
    (folder.parent / f".converting-{folder.name}-x1y2").mkdir()  # of one that was killed
    (folder.parent / f".converting-{folder.name[:-1]}-x1y2").mkdir()  # another may be at work
    assert catalog.convert(str(checkpoint)) == folder
    assert (folder / "model.bin").read_bytes() == whole
    assert [p.name for p in folder.parent.glob(".converting-*")] == [
        f".converting-{folder.name[:-1]}-x1y2"
    ]


def from_hub(
    catalog: ModelCatalog, name: str, metadata: str | None = None, commit: str = "a" * 40
) -> Path:
    """Put into the cache what a conversion of a model of the hub leaves there."""
    folder = catalog.cache_dir / "models" / f"{name.replace('/', '--')}--{commit[:16]}--int8"
    shutil.copytree(BUNDLED / "mini-en-pt", folder)
    told = {"name": name, "revision": commit, "quantization": "int8", "family": "marian"}
    (folder / "bt_augment.json").write_text(metadata or json.dumps(told))
    return folder


@pytest.mark.parametrize("metadata", ["{", "[]", "{}"])
def test_a_damaged_model_in_the_cache_hides_no_other(
    catalog: ModelCatalog, metadata: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken = from_hub(catalog, "broken/model", metadata)
    (broken / "source.spm").unlink()
    sound = from_hub(catalog, "sound/model")
    assert [info.name for info in catalog.list_models()][2:] == ["sound/model"]
    assert f"a model in the cache is left out: {broken}" in caplog.text
    assert len(catalog.info("bundled:mini")) == 2
    assert catalog.convert("sound/model") == catalog.convert("sound/model@aaaaaaa") == sound
    with pytest.raises(ModelError, match=str(broken)):
        catalog.info(str(broken))


def test_rows_name_a_model_of_the_hub_alike_whether_it_was_pinned_or_not(
    catalog: ModelCatalog,
) -> None:
    from_hub(catalog, "some/model")
    plain, pinned = (catalog.resolve(f"some/model{at}", "en", "pt") for at in ("", f"@{'a' * 40}"))
    assert pinned.label == plain.label == f"some/model@{plain.fingerprint}"
    own = replace(plain, name="/home/me@work/model")  # a folder that was converted from the hub
    assert own.label == f"/home/me@work/model@{plain.fingerprint}"


def test_finding_a_model_of_the_hub_reads_no_other_to_its_end(catalog: ModelCatalog) -> None:
    wanted, _ = from_hub(catalog, "wanted/model"), from_hub(catalog, "other/model")
    assert catalog.convert("wanted/model") == wanted
    assert not (catalog.cache_dir / "fingerprints").exists()


def test_a_local_checkpoint_is_not_taken_for_the_model_of_the_hub(
    catalog: ModelCatalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "Helsinki-NLP/opus-mt-en-pt"
    checkpoint = tiny.make_marian(tmp_path / name, multi_target=False)
    monkeypatch.chdir(tmp_path)
    folder = catalog.convert(name)
    assert [info.name for info in catalog.info(name)] == [str(checkpoint)]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert catalog.info(str(checkpoint))[0].folder == folder
    with pytest.raises(ModelError, match="no model"):
        catalog.info(name)
    monkeypatch.setattr(models.hub, "pin_revision", _asked)
    with pytest.raises(ModelError, match=f"asked the hub for {name}"):
        catalog.convert(name)
    monkeypatch.setattr(models.hub, "find_opus_mt", _asked)
    with pytest.raises(ModelError, match="asked the hub for en"):
        catalog.resolve("opus-mt", "en", "pt")


def _asked(name: str, *_: object) -> str:
    raise ModelError(f"asked the hub for {name}")


def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pin_revision", "find_opus_mt"):
        monkeypatch.setattr(models.hub, name, _asked)


def test_a_model_of_a_group_does_not_stand_for_the_best_one_of_a_pair(
    catalog: ModelCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch)
    from_hub(catalog, "Helsinki-NLP/opus-mt-en-mul")
    monkeypatch.setattr(models.hub, "find_opus_mt", lambda *_: "Helsinki-NLP/opus-mt-en-de")
    with pytest.raises(ModelError, match="asked the hub for Helsinki-NLP/opus-mt-en-de"):
        catalog.resolve("opus-mt", "en", "de")
    offline(monkeypatch)
    assert catalog.resolve("opus-mt", "en", "de").name == "Helsinki-NLP/opus-mt-en-mul"
    from_hub(catalog, "Helsinki-NLP/opus-mt-en-de")
    assert catalog.resolve("opus-mt", "en", "de").name == "Helsinki-NLP/opus-mt-en-de"


def test_a_name_stays_at_the_commit_that_was_fetched_first(
    catalog: ModelCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def convert(checkpoint: Path, folder: Path, *, name: str, revision: str, **_: str) -> None:
        from_hub(catalog, name, commit=revision)

    monkeypatch.setattr(models.hub, "pin_revision", lambda _, wanted: {None: "b"}[wanted] * 40)
    monkeypatch.setattr(models.hub, "download", lambda *_: catalog.cache_dir)
    monkeypatch.setattr(models.conversion, "convert", convert)
    first = catalog.convert("some/model")
    monkeypatch.setattr(models.hub, "pin_revision", lambda _, wanted: {"v2": "a"}[wanted] * 40)
    second = catalog.convert("some/model@v2")
    assert catalog.convert("some/model") == first != second
    assert catalog.convert("some/model@bbbbbbb") == first
    shutil.rmtree(first)
    assert catalog.convert("some/model") == second


@pytest.mark.parametrize("tag", ["b", "main", "v1.0", "bbb"])
def test_a_tag_is_not_taken_for_the_beginning_of_a_commit(
    catalog: ModelCatalog, monkeypatch: pytest.MonkeyPatch, tag: str
) -> None:
    from_hub(catalog, "some/model", commit="b" * 40)
    offline(monkeypatch)
    with pytest.raises(ModelError, match="asked the hub for some/model"):
        catalog.convert(f"some/model@{tag}")


def test_a_conversion_whose_metadata_are_damaged_is_made_again(
    catalog: ModelCatalog, tmp_path: Path
) -> None:
    checkpoint = tiny.make_m2m100(tmp_path / "hf")
    metadata = catalog.convert(str(checkpoint)) / "bt_augment.json"
    whole = metadata.read_text()
    metadata.write_text("{")
    assert (catalog.convert(str(checkpoint)) / "bt_augment.json").read_text() == whole


def test_a_failed_conversion_leaves_nothing_behind(catalog: ModelCatalog, tmp_path: Path) -> None:
    checkpoint = tiny.make_m2m100(tmp_path / "hf")
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:2000])
    with pytest.raises(ModelError, match="could not be converted"):
        catalog.convert(str(checkpoint))
    left = [p for p in (tmp_path / "cache" / "models").iterdir() if p.name != ".locks"]
    assert left == []


def test_a_pickle_that_runs_code_is_refused_and_not_run(
    catalog: ModelCatalog, tmp_path: Path
) -> None:
    import torch

    checkpoint = tiny.make_m2m100(tmp_path / "hf")
    (checkpoint / "model.safetensors").unlink()
    torch.save({"x": _Malice(tmp_path / "ran")}, checkpoint / "pytorch_model.bin")
    with pytest.raises(ModelError, match="could not be converted"):
        catalog.convert(str(checkpoint))
    assert not (tmp_path / "ran").exists()


def test_plain_pickled_weights_are_read(catalog: ModelCatalog, tmp_path: Path) -> None:
    import safetensors.torch
    import torch

    checkpoint = tiny.make_m2m100(tmp_path / "hf")
    wanted = catalog.convert(str(checkpoint), quantization="float32")
    weights = checkpoint / "model.safetensors"
    torch.save(safetensors.torch.load_file(weights), checkpoint / "pytorch_model.bin")
    weights.unlink()
    made = catalog.convert(str(checkpoint), quantization="float32")
    assert made != wanted
    assert (made / "model.bin").read_bytes() == (wanted / "model.bin").read_bytes()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "bert"}, "model type 'bert'"),
        ({"model_type": "mbart", "tokenizer_class": "MBartTokenizer"}, "not supported"),
        ({"model_type": "marian"}, "no weights"),
    ],
)
def test_what_cannot_translate_is_refused(
    catalog: ModelCatalog, tmp_path: Path, config: dict[str, str], message: str
) -> None:
    folder = tmp_path / "hf"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=message):
        catalog.resolve(str(folder), "en", "pt")


def test_a_marian_model_of_another_pair_is_refused(catalog: ModelCatalog, tmp_path: Path) -> None:
    checkpoint = tiny.make_marian(tmp_path / "hf", multi_target=False)
    catalog.resolve(str(checkpoint), "en", "pt-BR")
    with pytest.raises(ModelError, match="translates from en to pt, not from en to de"):
        catalog.resolve(str(checkpoint), "en", "de")


def test_a_language_that_the_model_lacks_is_refused(catalog: ModelCatalog, tmp_path: Path) -> None:
    checkpoint = tiny.make_m2m100(tmp_path / "hf")
    with pytest.raises(LanguageError, match="M2M-100"):
        catalog.resolve(str(checkpoint), "en", "la")


def test_conversion_without_torch_names_the_extra(
    catalog: ModelCatalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tiny.make_m2m100(tmp_path / "hf")
    find = models.conversion.importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *a: None if name == "torch" else find(name, *a)
    )
    with pytest.raises(MissingDependencyError, match=r"bt-augment\[convert\]"):
        catalog.convert(str(checkpoint))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    checkpoint = tiny.make_m2m100(tmp_path / "hf")
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(StorageError, match="BT_AUGMENT_CACHE"):
        ModelCatalog(locked / "cache").convert(str(checkpoint))


def test_a_cache_path_that_is_a_file_is_named(tmp_path: Path) -> None:
    checkpoint = tiny.make_m2m100(tmp_path / "hf")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="BT_AUGMENT_CACHE"):
        ModelCatalog(tmp_path / "file").convert(str(checkpoint))


def test_without_the_hub_the_message_says_what_to_do(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from bt_augment.translation.models import ModelCatalog\n"
        "from bt_augment.errors import ModelError\n"
        "for name in ('Helsinki-NLP/opus-mt-en-de', 'opus-mt'):\n"
        "    try: ModelCatalog(Path(sys.argv[1])).resolve(name, 'en', 'de')\n"
        "    except ModelError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all("cannot be reached" in line and "models convert" in line for line in lines)


def test_selection_of_models() -> None:
    selection = ModelSelection.parse(["org/a", "en:pt=org/b", "pt:en=/x=y/c"])
    assert selection.for_hop("en", "pt") == "org/b"
    assert selection.for_hop("en", "pt-BR") == "org/b"
    assert selection.for_hop("pt", "en") == "/x=y/c"
    assert selection.for_hop("en", "de") == "org/a"
    assert ModelSelection.parse([]).for_hop("en", "pt") == "bundled:mini"
    exact = ModelSelection.parse(["en:pt-BR=org/br", "en:pt=org/pt"])
    assert exact.for_hop("en", "pt-BR") == "org/br"


@pytest.mark.parametrize(
    ("named", "hop", "is_taken"),
    [
        (["en:pt-BR"], ("en", "pt"), True),
        (["en-US:pt-BR"], ("en", "pt"), True),
        (["en:nb"], ("en", "no"), True),
        (["en:pt-BR"], ("en", "pt-PT"), False),
        (["en:zh-Hans"], ("en", "zh-Hant"), False),
        (["en:pt-BR"], ("pt", "en"), False),
        (["en:pt-PT", "en:pt-BR"], ("en", "pt"), False),
    ],
)
def test_a_model_named_with_a_region_is_for_the_hop_without(
    named: list[str], hop: tuple[str, str], is_taken: bool
) -> None:
    selection = ModelSelection.parse([f"{name}=org/x" for name in named])
    assert selection.for_hop(*hop) == ("org/x" if is_taken else "bundled:mini")


@pytest.mark.parametrize("texts", [["org/a", "org/b"], ["en:pt=org/a", "EN:por=org/b"]])
def test_a_selection_that_contradicts_itself_is_refused(texts: list[str]) -> None:
    with pytest.raises(ModelError, match="keep one"):
        ModelSelection.parse(texts)


def test_opus_mt_names_go_from_the_pair_to_everything() -> None:
    names = list(opus_mt_names("en", "pt-BR"))
    assert names[:2] == ["Helsinki-NLP/opus-mt-tc-big-en-pt", "Helsinki-NLP/opus-mt-en-pt"]
    assert "Helsinki-NLP/opus-mt-en-ROMANCE" in names
    assert names[-2:] == ["Helsinki-NLP/opus-mt-en-mul", "Helsinki-NLP/opus-mt-mul-pt"]


def test_the_cache_folder_is_chosen_by_the_environment(tmp_path: Path) -> None:
    assert cache_folder({"BT_AUGMENT_CACHE": str(tmp_path)}) == tmp_path
    assert cache_folder({}).name == "bt-augment"


class _Malice:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.mkdir, (str(self._path),))


def test_a_quantization_for_a_converted_folder_is_refused(
    catalog: ModelCatalog, model_copy: Path
) -> None:
    with pytest.raises(ModelError, match="is converted already"):
        catalog.convert(str(model_copy), quantization="float32")
    assert catalog.convert(str(model_copy)) == model_copy
    # A run's recipe may name one for its other models.
    assert catalog.resolve(str(model_copy), "en", "pt", quantization="float32").folder == model_copy


def test_a_folder_that_is_no_model_is_not_called_damaged(
    catalog: ModelCatalog, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="is no model: it has neither") as refused:
        catalog.info(str(tmp_path))
    assert "damaged" not in str(refused.value)
