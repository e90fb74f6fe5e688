"""GPUs by number. No GPU is at hand: what the engine says of them is put in its place."""

import platform

import ctranslate2
import pytest

from bt_augment.errors import ModelError
from bt_augment.translation import devices
from bt_augment.translation.decoding import Decoding
from bt_augment.translation.devices import (
    gpu_batch_tokens,
    gpu_indices,
    int8_sums_saturate,
    resolve_device,
)
from bt_augment.translation.models import BUNDLED_MINI, ModelCatalog
from bt_augment.translation.translator import Translator


@pytest.fixture
def four_gpus(monkeypatch):
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 4)


@pytest.mark.parametrize(
    ("device", "indices"),
    [
        ("cuda", (0, 1, 2, 3)),
        ("auto", (0, 1, 2, 3)),
        ("cuda:2", (2,)),
        ("cuda:3,0", (3, 0)),
        ("cuda:1,1", (1,)),
    ],
)
def test_all_gpus_are_used_or_those_named(four_gpus, device, indices):
    assert resolve_device(device) == "cuda"
    assert gpu_indices(device) == indices


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:a", "cuda:-1", "cuda:0;1", "CPU", ""])
def test_what_is_no_device_is_refused(four_gpus, device):
    with pytest.raises(ModelError, match="write auto, cpu, cuda, or GPUs by number"):
        resolve_device(device)


def test_a_gpu_that_is_not_there_is_named(four_gpus):
    with pytest.raises(ModelError, match="there is no GPU 4; CTranslate2 sees 4"):
        resolve_device("cuda:0,4")


def test_the_engine_gets_every_gpu_and_float16(four_gpus, monkeypatch, tmp_path):
    given = []
    monkeypatch.setattr(ctranslate2, "Translator", lambda folder, **more: given.append(more))
    monkeypatch.setattr(
        ctranslate2, "get_supported_compute_types", lambda device, index: {"float32", "float16"}
    )
    model = ModelCatalog(tmp_path).resolve(BUNDLED_MINI, "en", "pt")

    Translator(model, device="cuda")
    Translator(model, device="cuda:1,3")
    # A drawn sample must come from one generator, and so from one GPU.
    Translator(model, device="cuda")._seeded_engine(0, 0)

    assert [arguments["device_index"] for arguments in given] == [
        [0, 1, 2, 3], [1, 3], [0, 1, 2, 3], [0],
    ]  # fmt: skip
    assert {arguments["compute_type"] for arguments in given} == {"float16"}


def test_a_gpu_without_float16_computes_in_float32(four_gpus, monkeypatch, tmp_path):
    given = []
    monkeypatch.setattr(ctranslate2, "Translator", lambda folder, **more: given.append(more))
    monkeypatch.setattr(
        ctranslate2, "get_supported_compute_types", lambda device, index: {"float32", "int8"}
    )
    Translator(ModelCatalog(tmp_path).resolve(BUNDLED_MINI, "en", "pt"), device="cuda")
    assert given[0]["compute_type"] == "float32"


@pytest.mark.parametrize(
    ("gib", "tokens"),
    [((6,), 4096), ((16,), 8192), ((24, 24), 16384), ((80,), 32768), ((80, 6), 4096)],
)
def test_the_smallest_gpu_decides_the_batch(monkeypatch, gib, tokens):
    monkeypatch.setattr(devices, "gpu_memory", lambda index: gib[index] * 2**30)
    assert gpu_batch_tokens(range(len(gib))) == tokens


def test_where_the_driver_does_not_tell_the_batch_is_of_middle_size(monkeypatch):
    monkeypatch.setattr(devices, "gpu_memory", lambda index: None)
    assert gpu_batch_tokens((0, 1)) == devices.GPU_BATCH_TOKENS


def test_a_run_keeps_the_batch_that_it_began_with(four_gpus, monkeypatch, tmp_path, data):
    from bt_augment.generation import Generation
    from bt_augment.generation.preparation import prepare
    from bt_augment.recipe import load_recipe
    from bt_augment.shards.run_folder import RunFolder

    def prepared(*assignments, overwrite=False):
        recipe = load_recipe(None, {"routes": ["en:pt"]}, assignments)
        return prepare(
            Generation(
                [str(data / "en" / "qa.json")], tmp_path / "run", recipe, device="cuda",
                overwrite=overwrite, environment={"BT_AUGMENT_CACHE": str(tmp_path / "cache")},
            )
        )  # fmt: skip

    memory = [24 * 2**30]
    monkeypatch.setattr(devices, "gpu_memory", lambda index: memory[0])
    first = prepared()
    assert first.work.recipe.decoding.batch_tokens == first.identity["batch_tokens"] == 16384
    folder = RunFolder(tmp_path / "run")
    with folder.claimed():
        folder.begin(first.identity, overwrite=False)
    memory[0] = 6 * 2**30
    assert prepared().identity == first.identity
    assert prepared(overwrite=True).identity["batch_tokens"] == 4096
    asked = prepared("translation.decoding.batch_tokens=2048")
    assert asked.work.recipe.decoding == Decoding(batch_tokens=2048)


@pytest.mark.parametrize(
    ("machine", "flags", "saturates"),
    [
        ("x86_64", "fpu avx2 fma", True),
        ("AMD64", "fpu avx512f avx512bw", True),
        ("x86_64", "fpu avx512f avx512_vnni", False),
        ("x86_64", "fpu avx2 avx_vnni", False),
        ("aarch64", "fp asimd", False),
    ],
)
def test_int8_overflows_on_x86_without_vnni(monkeypatch, tmp_path, machine, flags, saturates):
    listed = tmp_path / "cpuinfo"
    listed.write_text(f"model name\t: a CPU\nflags\t\t: {flags}\n")
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    monkeypatch.delenv("DNNL_MAX_CPU_ISA", raising=False)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(devices, "_CPU_INFO", listed)

    assert int8_sums_saturate() is saturates


def test_an_x86_system_that_lists_nothing_is_taken_to_overflow(monkeypatch, tmp_path):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(devices, "_CPU_INFO", tmp_path / "absent")

    assert int8_sums_saturate()


@pytest.mark.parametrize(("limit", "saturates"), [("AVX2", True), ("ALL", False), (None, False)])
def test_onednn_can_be_told_not_to_use_vnni(monkeypatch, tmp_path, limit, saturates):
    listed = tmp_path / "cpuinfo"
    listed.write_text("flags\t\t: fpu avx512_vnni\n")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(devices, "_CPU_INFO", listed)
    monkeypatch.delenv("DNNL_MAX_CPU_ISA", raising=False)
    if limit is None:
        monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    else:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)

    assert int8_sums_saturate() is saturates
