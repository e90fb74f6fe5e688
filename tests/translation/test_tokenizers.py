"""Tokenizers of the run-time path."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest
import tiny_checkpoints as tiny
from hypothesis import given
from hypothesis import strategies as st

from bt_augment.errors import LanguageError, ModelError
from bt_augment.translation import models
from bt_augment.translation.families import FAMILIES
from bt_augment.translation.models import ModelCatalog
from bt_augment.translation.tokenizers import TranslationTokenizer, load_tokenizer, read_vocabulary

BUNDLED = Path(models.__file__).parent / "bundled" / "mini-en-pt"


def test_marian_appends_the_end_of_sentence_that_the_engine_does_not() -> None:
    tokens = load_tokenizer(BUNDLED, FAMILIES["marian"], "en", "pt").encode(["the"])
    assert tokens == [["▁the", "</s>"]]


def test_marian_does_not_append_it_where_the_engine_does(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for path in BUNDLED.iterdir():
        if path.name != "config.json":
            (folder / path.name).symlink_to(path)
    config = json.loads((BUNDLED / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"add_source_eos": True}))
    assert load_tokenizer(folder, FAMILIES["marian"], "en", "pt").encode(["the"]) == [["▁the"]]


def test_a_piece_outside_the_vocabulary_becomes_unknown_and_is_shown() -> None:
    tokenizer = load_tokenizer(BUNDLED, FAMILIES["marian"], "en", "pt")
    assert "<unk>" in tokenizer.encode(["the 北"])[0]
    assert tokenizer.decode([["▁the", "<unk>"]])[0].split() == ["the", "⁇"]


@pytest.mark.parametrize(
    ("typeset", "plain"), [("the author’s “book”", 'the author\'s "book"'), ("a — b", "a - b")]
)
def test_texts_to_be_scored_are_written_with_what_the_model_can_write(
    typeset: str, plain: str
) -> None:
    tokenizer = load_tokenizer(BUNDLED, FAMILIES["marian"], "en", "pt")
    assert tokenizer.encode_target([typeset]) == tokenizer.encode_target([plain])
    assert tokenizer.encode_target(["a 北"]) == [["▁a", "▁", "北"]]  # another script stays


@pytest.fixture(scope="module")
def marian() -> TranslationTokenizer:
    return load_tokenizer(BUNDLED, FAMILIES["marian"], "en", "pt")


@pytest.fixture(scope="module")
def vocabulary() -> Collection[str]:
    return read_vocabulary(BUNDLED)


@given(text=st.text(max_size=60))
def test_whatever_the_text_the_tokens_are_known_and_end_once(
    marian: TranslationTokenizer, vocabulary: Collection[str], text: str
) -> None:
    [tokens] = marian.encode([text])
    assert tokens[-1] == "</s>"
    assert "</s>" not in tokens[:-1]
    assert set(tokens) <= vocabulary


WORDS = ["the", "house", "is", "red", "water", "people"]


@given(words=st.lists(st.sampled_from(WORDS), min_size=1))
def test_encoding_then_decoding_gives_plain_words_back(
    marian: TranslationTokenizer, words: list[str]
) -> None:
    assert marian.decode(marian.encode([" ".join(words)])) == [" ".join(words)]


@pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")
def test_a_multi_target_marian_refuses_a_target_it_lacks(tmp_path: Path) -> None:
    checkpoint = tiny.make_marian(tmp_path / "hf", multi_target=True)
    with pytest.raises(LanguageError, match=">>por<<"):
        ModelCatalog(tmp_path / "c").resolve(str(checkpoint), "en", "de")


def test_nllb_marks_both_languages_and_strips_the_target(tmp_path: Path) -> None:
    checkpoint = tiny.make_nllb(tmp_path / "hf")
    model = ModelCatalog(tmp_path / "c").resolve(str(checkpoint), "en", "pt-BR")
    [tokens] = model.tokenizer.encode(["The old house"])
    assert (tokens[0], tokens[-1]) == ("eng_Latn", "</s>")
    assert model.tokenizer.target_prefix == ["por_Latn"]
    assert model.tokenizer.decode([["por_Latn", *tokens[1:]]]) == ["The old house"]


def test_marks_written_in_a_text_are_text(tmp_path: Path) -> None:
    checkpoint = tiny.make_nllb(tmp_path / "hf")
    model = ModelCatalog(tmp_path / "c").resolve(str(checkpoint), "en", "pt")
    [tokens] = model.tokenizer.encode(["a </s> por_Latn b"])
    assert tokens[1:-1].count("</s>") == 0
    assert "por_Latn" not in tokens


def test_madlad_spells_unknown_characters_in_bytes(tmp_path: Path) -> None:
    # transformers 5 rebuilds T5's tokenizer with </s> as its unknown token and no byte fallback;
    # the checkpoint's own tokenizer.json, as MADLAD's, has both right.
    checkpoint = tiny.make_madlad(tmp_path / "hf")
    path = checkpoint / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["model"] |= {"unk_id": 0, "byte_fallback": True}
    path.write_text(json.dumps(content), encoding="utf-8")
    model = ModelCatalog(tmp_path / "c").resolve(str(checkpoint), "en", "pt")
    [tokens] = model.tokenizer.encode(["北"])
    assert tokens == ["<2pt>", "▁", "<0xE5>", "<0x8C>", "<0x97>", "</s>"]
    assert model.tokenizer.decode([["▁a", "<0xE5>", "<0x8C>", "<0x97>"]]) == ["a北"]


def test_a_tokenizer_that_makes_no_text_is_refused(tmp_path: Path) -> None:
    model = {"type": "WordLevel", "vocab": {"<unk>": 0}, "unk_token": "<unk>"}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"version": "1.0", "model": model}))
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "shared_vocabulary.json").write_text(json.dumps(["<unk>", "<2pt>"]))
    with pytest.raises(ModelError, match=r"tokenizer\.json: has no decoder"):
        load_tokenizer(tmp_path, FAMILIES["t5"], "en", "pt")


def test_a_folder_without_its_tokenizer_names_the_file(tmp_path: Path) -> None:
    for path in BUNDLED.iterdir():
        if path.name != "target.spm":
            (tmp_path / path.name).symlink_to(path)
    with pytest.raises(ModelError, match=r"target\.spm is missing"):
        load_tokenizer(tmp_path, FAMILIES["marian"], "en", "pt")


def test_no_tokenizer_needs_torch_or_transformers(tmp_path: Path) -> None:
    catalog = ModelCatalog(tmp_path / "c")
    makers = (tiny.make_nllb, tiny.make_m2m100, tiny.make_madlad)
    for i, make in enumerate(makers):
        (tmp_path / str(i)).mkdir()
        catalog.convert(str(make(tmp_path / str(i) / "hf")))
    code = """
import sys
from pathlib import Path

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transformers"):
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocker())
from bt_augment.translation.models import ModelCatalog
import ctranslate2

cache = Path(sys.argv[1])
folders = [str(p) for p in (cache / "models").iterdir() if p.name[0] != "."]
for name in ["bundled:mini", *folders]:
    model = ModelCatalog(cache).resolve(name, "en", "pt")
    prefix = model.tokenizer.target_prefix
    result = ctranslate2.Translator(str(model.folder)).translate_batch(
        model.tokenizer.encode(["The house"]),
        target_prefix=None if prefix is None else [prefix],
        max_decoding_length=8,
    )
    model.tokenizer.decode([r.hypotheses[0] for r in result])
print(len(folders))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "c")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "3"
