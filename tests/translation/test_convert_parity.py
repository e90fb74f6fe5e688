"""Converted models say token for token what transformers says with the same weights."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ctranslate2
import pytest
import tiny_checkpoints as tiny
import torch
import transformers

from bt_augment.translation.models import ModelCatalog, ResolvedModel

MAX_NEW_TOKENS = 60  # under the 128 positions of the tiny models
SHARED = Path(__file__).parents[3] / "shared"

NEAR_TIE = 1e-2  # nats between two tokens; float32 sums in another order differ by less

MIN_COMPARED = 40  # output tokens over all sentences

MIN_NEW_TOKENS = 8  # else some random models say nothing at all

# transformers' Marian tokenizer recommends a package that it does not use.
pytestmark = pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")

# family, maker, tokenizer options, text before the sentence, forced first token
CASES = [
    ("marian", lambda f: tiny.make_marian(f, multi_target=False), {}, "", None),
    ("marian", lambda f: tiny.make_marian(f, multi_target=True), {}, ">>por<< ", None),
    ("nllb", tiny.make_nllb, {"src_lang": "eng_Latn"}, "", "por_Latn"),
    ("m2m100", tiny.make_m2m100, {"src_lang": "en"}, "", "__pt__"),
    ("mbart50", tiny.make_mbart50, {"src_lang": "en_XX"}, "", "pt_XX"),
    ("t5", tiny.make_madlad, {}, "<2pt> ", None),
]


@pytest.mark.parametrize(
    ("family", "make", "options", "before", "forced"),
    CASES,
    ids=["marian", "marian-multi", "nllb", "m2m100", "mbart50", "madlad"],
)
def test_a_converted_checkpoint_translates_as_transformers_does(
    tmp_path: Path,
    family: str,
    make: Callable[[Path], Path],
    options: dict[str, str],
    before: str,
    forced: str | None,
) -> None:
    checkpoint = make(tmp_path / "hf")
    model = ModelCatalog(tmp_path / "cache").resolve(
        str(checkpoint), "en", "pt", quantization="float32"
    )
    texts = [before + sentence for sentence in tiny.SENTENCES]
    wanted = transformers_greedy(checkpoint, texts, forced, **options)
    made = engine_greedy(model, tiny.SENTENCES)
    assert model.family == family
    assert made[0] == wanted[0], "source tokens"
    assert_same_output(made, wanted)
    assert len({tuple(ids) for ids in wanted[1]}) > 1, "the test needs varied outputs"


def test_a_marian_npz_folder_translates_as_the_same_weights_in_transformers(
    tmp_path: Path,
) -> None:
    hf = tiny.make_marian(tmp_path / "hf", multi_target=True)
    opus = tiny.make_marian_npz(hf, tmp_path / "opus")
    catalog = ModelCatalog(tmp_path / "cache")
    model = catalog.resolve(str(opus), "en", "pt", quantization="float32")
    wanted = transformers_greedy(hf, [f">>por<< {s}" for s in tiny.SENTENCES], None)
    made = engine_greedy(model, tiny.SENTENCES)
    # This converter has the engine append </s>, so the caller must not.
    assert made[0] == [tokens[:-1] for tokens in wanted[0]]
    assert wanted[0][0][-1] == "</s>"
    assert_same_output(made, wanted)


def test_the_bundled_models_weights_translate_real_sentences_as_transformers_does(
    tmp_path: Path,
) -> None:
    checkpoint = SHARED / "models" / "mini-en-pt" / "hf"
    data = SHARED / "data" / "xquad-r" / "en.json.gz"
    if not checkpoint.is_dir() or not data.is_file():
        pytest.skip("needs ../shared/models and ../shared/data")
    with gzip.open(data, "rt", encoding="utf-8") as file:
        paragraphs = json.load(file)["data"][0]["paragraphs"]
    sentences = [paragraphs[0]["sentences"][0]] + [q["question"] for q in paragraphs[0]["qas"][:5]]
    model = ModelCatalog(tmp_path).resolve(str(checkpoint), "en", "pt", quantization="float32")
    wanted = transformers_greedy(checkpoint, sentences, None)
    made = engine_greedy(model, sentences)
    assert made[:2] == wanted[:2], "these weights leave no near ties"
    bundled = ModelCatalog(tmp_path).resolve("bundled:mini", "en", "pt").tokenizer
    assert bundled.encode(sentences) == wanted[0]


def transformers_greedy(
    folder: Path, texts: list[str], forced: str | None, **tokenizer_options: Any
) -> tuple[list[list[str]], list[list[int]], list[float], list[list[float]]]:
    """Return source tokens, output ids, summed log-probabilities and margins, one by one.

    The margins are, for each output id, how far the best token was before the second best.
    """
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **tokenizer_options)
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32).eval()
    marks = 0 if forced is None else 1  # the engine does not score a forced token
    sources, outputs, scores, margins = [], [], [], []
    for text in texts:
        inputs = tokenizer(text, return_tensors="pt")
        made = model.generate(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            max_length=None,
            max_new_tokens=MAX_NEW_TOKENS,
            min_new_tokens=MIN_NEW_TOKENS if forced is None else None,
            num_beams=1,
            do_sample=False,
            forced_bos_token_id=None if forced is None else tokenizer.convert_tokens_to_ids(forced),
            output_scores=True,
            return_dict_in_generate=True,
        )
        ids = made.sequences[0][1:].tolist()
        steps = [torch.log_softmax(step[0], -1) for step in made.scores]
        scores.append(sum(float(steps[k][ids[k]]) for k in range(marks, len(ids))))
        sources.append(tokenizer.convert_ids_to_tokens(inputs["input_ids"][0].tolist()))
        outputs.append([i for i in ids if i != tokenizer.eos_token_id])
        tops = [step.topk(2).values.tolist() for step in steps]
        # transformers counts M2M-100's positions by what is not padding, so a made-up <pad>
        # in an output is as good as a tie.
        padding = model.config.pad_token_id
        margins.append(
            [0.0 if i == padding else top[0] - top[1] for i, top in zip(ids, tops, strict=True)]
        )
    return sources, outputs, scores, margins


def assert_same_output(
    made: tuple[list[list[str]], list[list[int]], list[float]],
    wanted: tuple[list[list[str]], list[list[int]], list[float], list[list[float]]],
) -> None:
    """Compare output ids up to a near tie: there, rounding on another CPU may choose the other."""
    compared = 0
    for k, margins in enumerate(wanted[3]):
        ties = [i for i, margin in enumerate(margins) if margin < NEAR_TIE]
        length = ties[0] if ties else len(wanted[1][k])
        assert made[1][k][:length] == wanted[1][k][:length], "output ids"
        compared += length
        if not ties:
            assert made[2][k] == pytest.approx(wanted[2][k], rel=2e-3, abs=2e-3), "log-probability"
    assert compared >= MIN_COMPARED, "too many ties: the comparison says nothing"


def engine_greedy(
    model: ResolvedModel, texts: list[str]
) -> tuple[list[list[str]], list[list[int]], list[float]]:
    """Return the same from the converted model, all sentences in one batch."""
    translator = ctranslate2.Translator(
        str(model.folder), device="cpu", compute_type="float32", intra_threads=1
    )
    sources = model.tokenizer.encode(texts)
    prefix = model.tokenizer.target_prefix
    results = translator.translate_batch(
        sources,
        target_prefix=None if prefix is None else [prefix] * len(texts),
        beam_size=1,
        max_decoding_length=MAX_NEW_TOKENS,
        # The two libraries count a forced token differently, so none is asked for there.
        min_decoding_length=MIN_NEW_TOKENS if prefix is None else 0,
        return_scores=True,
        length_penalty=0,
    )
    # Ids, because made-up words have no name in transformers.
    vocabulary = json.loads((model.folder / "shared_vocabulary.json").read_text(encoding="utf-8"))
    ids = {token: i for i, token in enumerate(vocabulary)}
    outputs = [[ids[token] for token in result.hypotheses[0]] for result in results]
    return sources, outputs, [result.scores[0] for result in results]
