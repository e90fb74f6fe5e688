"""Weights that CPUs without VNNI multiply exactly."""

import json
import os
import platform
import struct
import subprocess
import sys
from pathlib import Path

import ctranslate2
import numpy as np
import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bt_augment.errors import ModelError
from bt_augment.translation import int8_weights, translator
from bt_augment.translation.int8_weights import ease, eased_files
from bt_augment.translation.models import BUNDLED_MINI, ModelCatalog

PARALLEL = Path(__file__).parents[2] / "data" / "parallel"

rows = arrays.arrays(
    np.int8,
    st.tuples(st.integers(1, 4), st.integers(1, 9)),
    elements=st.integers(-127, 127),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return ModelCatalog(tmp_path_factory.mktemp("cache")).resolve(BUNDLED_MINI, "pt", "en").folder


def dot_in_16_bits(activations, weights):
    """The sum as vpmaddubsw and vpmaddwd make it: two products in 16 bits, cut off, then 32."""
    products = activations.astype(np.int64) * weights
    if len(products) % 2:
        products = np.append(products, 0)
    return np.clip(products[::2] + products[1::2], -(2**15), 2**15 - 1).sum()


@given(rows, st.data())
def test_no_activation_overflows(weights, data):
    ease(weights, np.ones(len(weights), dtype=np.float32))
    activations = data.draw(
        arrays.arrays(np.uint8, weights.shape[1], elements=st.sampled_from((0, 1, 127, 254, 255)))
    )

    for row in weights:
        assert dot_in_16_bits(activations, row) == activations.astype(np.int64) @ row


@given(rows)
def test_weights_stand_for_what_they_stood_for_but_for_rounding(weights):
    scales = np.linspace(0.5, 90, len(weights), dtype=np.float32)
    before = weights / scales[:, None].astype(np.float64)

    ease(weights, scales)

    step = 1 / scales[:, None]
    assert (np.abs(weights / scales[:, None].astype(np.float64) - before) <= 0.501 * step).all()


def test_a_row_is_made_no_smaller_than_it_must_be():
    weights = np.array([[127, 1, -127, -1], [127, -127, 64, 64], [100, 100, 0, 1]], dtype=np.int8)
    scales = np.ones(3, dtype=np.float32)

    ease(weights, scales)

    assert weights.tolist() == [[127, 1, -127, -1], [127, -127, 64, 64], [64, 64, 0, 1]]
    assert scales.tolist() == pytest.approx([1, 1, 0.635])


def test_a_model_loads_from_what_was_eased_and_its_folder_is_left_alone(folder):
    stored = (folder / "model.bin").read_bytes()

    files = eased_files(folder)
    content = files["model.bin"].getvalue()
    engine = ctranslate2.Translator(str(folder), files=files)
    spm = sentencepiece.SentencePieceProcessor(str(folder / "source.spm"))
    tokens = [*spm.encode("O rio é longo.", out_type=str), "</s>"]

    assert len(content) == len(stored)
    assert content != stored
    assert (folder / "model.bin").read_bytes() == stored
    assert spm.decode(engine.translate_batch([tokens])[0].hypotheses[0]) == "The river is long."


@pytest.mark.skipif(
    platform.machine().lower() not in {"x86_64", "amd64"}, reason="adds in 32 bits everywhere"
)
def test_questions_are_translated_better_where_sums_overflow(folder, tmp_path):
    """oneDNN without VNNI, on any x86 CPU: by chrF, beside human translations."""
    script = tmp_path / "translate.py"
    script.write_text(
        "import json, sys\n"
        "from pathlib import Path\n"
        "import ctranslate2, sacrebleu, sentencepiece\n"
        "from bt_augment.translation.int8_weights import eased_files\n"
        "folder, texts = Path(sys.argv[1]), json.loads(sys.stdin.read())\n"
        "spm = sentencepiece.SentencePieceProcessor(str(folder / 'source.spm'))\n"
        "tokens = [[*pieces, '</s>'] for pieces in spm.encode(texts['pt'], out_type=str)]\n"
        "for files in (None, eased_files(folder)):\n"
        "    engine = ctranslate2.Translator(str(folder), files=files)\n"
        "    found = engine.translate_batch(tokens, beam_size=1)\n"
        "    made = [spm.decode(result.hypotheses[0]) for result in found]\n"
        "    print(sacrebleu.corpus_chrf(made, [texts['en']]).score)\n"
    )
    texts = {lang: questions(lang) for lang in ("en", "pt")}

    done = subprocess.run(
        [sys.executable, str(script), str(folder)],
        input=json.dumps(texts),
        env=os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2", "CT2_USE_MKL": "0"},
        capture_output=True,
        text=True,
        check=True,
    )

    stored, eased = map(float, done.stdout.split())
    assert eased > stored + 1


def questions(lang):
    content = json.loads((PARALLEL / f"{lang}.json").read_text(encoding="utf-8"))
    return [
        qa["question"]
        for article in content["data"]
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]


def model_of(folder, version, data_type, values):
    """A model file with one variable of two rows and three columns, and its scale."""

    def string(text):
        return struct.pack("<H", len(text) + 1) + text + b"\0"

    def variable(name, shape, kind, content):
        header = struct.pack(f"<B{len(shape)}I", len(shape), *shape)
        return string(name) + header + struct.pack("<BI", kind, len(content)) + content

    weights = variable(b"w/weight", (2, 3), data_type, values)
    scale = variable(b"w/weight_scale", (2,), 0, struct.pack("<2f", 1, 1))
    (folder / "model.bin").write_bytes(
        struct.pack("<I", version)
        + string(b"TransformerSpec")
        + struct.pack("<II", 7, 2)
        + weights
        + scale
        + struct.pack("<I", 0)
    )
    return folder


def test_a_file_is_read_as_the_engine_lays_it_out(tmp_path):
    values = np.array([[127, 127, -3], [1, 2, 3]], dtype=np.int8)
    folder = model_of(tmp_path, 6, 1, values.tobytes())

    content = eased_files(folder)["model.bin"].getvalue()

    stored = (folder / "model.bin").read_bytes()
    place = stored.index(values.tobytes())
    assert np.frombuffer(content[place : place + 6], np.int8).tolist() == [64, 64, -2, 1, 2, 3]
    changed = [i for i, (a, b) in enumerate(zip(stored, content, strict=True)) if a != b]
    assert set(changed) - set(range(place, place + 3))  # the scale of the first row
    assert len(changed) <= 3 + 4


def test_weights_that_are_not_int8_are_left_alone(tmp_path):
    assert eased_files(model_of(tmp_path, 6, 0, struct.pack("<6f", *range(6)))) is None


def test_a_layout_that_is_not_known_is_left_alone(tmp_path):
    assert eased_files(model_of(tmp_path, 99, 1, bytes(6))) is None


def test_a_variable_that_does_not_fill_its_shape_is_damage(tmp_path):
    with pytest.raises(ModelError, match=r"model\.bin: is cut off or damaged"):
        eased_files(model_of(tmp_path, 6, 1, bytes(5)))


def test_a_sparse_file_is_damage_and_not_walked_for_hours(tmp_path):
    file = model_of(tmp_path, 6, 1, bytes(6)) / "model.bin"
    with file.open("r+b") as opened:
        opened.seek(-4, 2)
        opened.write(struct.pack("<I", 2**32 - 1))  # aliases
        opened.truncate(20 * 2**30)
    with pytest.raises(ModelError, match=r"model\.bin: is cut off or damaged"):
        eased_files(tmp_path)


def test_a_folder_called_like_a_file_of_the_model_is_passed_over(tmp_path):
    (tmp_path / "vocabulary_old").mkdir()
    folder = model_of(tmp_path, 6, 1, bytes(6))

    assert list(eased_files(folder)) == ["model.bin"]


@pytest.mark.parametrize("saturates", [True, False])
def test_the_engine_takes_eased_weights_where_sums_overflow(monkeypatch, tmp_path, saturates):
    given = []

    class Spy(ctranslate2.Translator):
        def __init__(self, *args, **kwargs):
            given.append(kwargs["files"])
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(int8_weights, "int8_sums_saturate", lambda: saturates)
    monkeypatch.setattr(ctranslate2, "Translator", Spy)
    model = ModelCatalog(tmp_path).resolve(BUNDLED_MINI, "pt", "en")

    engine = translator.Translator(model, device="cpu", workers=1)
    engine.translate(["Sim."], translator.Decoding(method="sampling"))

    assert [files is not None for files in given] == [saturates] * 2  # the second draws samples


def test_weights_that_are_gone_are_named(tmp_path):
    with pytest.raises(ModelError, match=r"model\.bin: is missing"):
        eased_files(tmp_path)
