"""Tiny randomly initialised checkpoints in the real Hugging Face and Marian formats."""

from __future__ import annotations

import functools
import itertools
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
import torch
import transformers
import yaml

from bt_augment.languages import FLORES_CODES

torch.set_num_threads(1)  # models this small only lose by sharing work between cores

_MADE = tempfile.TemporaryDirectory()

SENTENCES = [
    "The old house by the river has a red door.",
    "Where does the small cat of Maria sleep?",
    "A casa velha perto do rio tem uma porta vermelha.",
    "Não sei, talvez amanhã às 10:30!  (ou  depois)",
    "cat",
]

MARIAN_TARGETS = (">>por<<", ">>spa<<", ">>fra<<")
MADLAD_TARGETS = ("<2pt>", "<2en>", "<2de>")

_SIZES: dict[str, Any] = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 128,
    "dropout": 0.0,
}


def corpus() -> list[str]:
    """Return a few hundred short sentences in two languages."""
    english = itertools.product(
        ("The old", "A small", "This red", "My quiet"),
        ("house", "cat", "river", "teacher", "window"),
        ("has a door.", "sleeps by the sea?", "was in Maria's city!", "costs 10 or 30."),
    )
    portuguese = itertools.product(
        ("A velha", "Uma pequena", "Esta vermelha", "Minha"),
        ("casa", "gata", "professora", "janela", "praça"),
        ("tem uma porta.", "não dorme às 9?", "talvez amanhã!", "sei onde está."),
    )
    return [" ".join(words) for words in (*english, *portuguese)] + SENTENCES


def train_sentencepiece(prefix: Path, **options: Any) -> Path:
    """Train a model on :func:`corpus` and return its path."""
    defaults = {
        "vocab_size": 150,
        "hard_vocab_limit": False,
        "character_coverage": 1.0,
        "minloglevel": 2,
        "num_threads": 1,
        "normalization_rule_name": "nmt_nfkc",
    }
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus()), model_prefix=str(prefix), **(defaults | options)
    )
    return prefix.with_suffix(".model")


def randomize(model: Any, specials: int = 4) -> Any:
    """Draw all weights at random, then fit them to random outputs for half a second.

    Untrained weights repeat one token at every step, whatever the sentence, and would not show
    a wrong position, mask or bias.
    """
    torch.manual_seed(0)  # dropout draws from the process's generator
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" in name and name.endswith("weight"):
                weight.fill_(1.0)
            elif weight.requires_grad:
                weight.copy_(0.3 * torch.randn(weight.shape, generator=generator))
    config = model.config
    size = (8, 12)
    sources = torch.randint(specials, config.vocab_size - 1, size, generator=generator)
    targets = torch.randint(specials, config.vocab_size - 1, size, generator=generator)
    targets[:, -1] = config.eos_token_id
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=5e-3)
    for _ in range(60):
        optimizer.zero_grad()
        model(input_ids=sources, labels=targets).loss.backward()
        optimizer.step()
    return model.eval()


def once(make: Callable[..., Path]) -> Callable[..., Path]:
    """Have a checkpoint made once by each process; every call writes a copy of its own."""
    made: dict[str, Path] = {}

    @functools.wraps(make)
    def copy(folder: Path, **options: Any) -> Path:
        name = f"{make.__name__}-{sorted(options.items())}"
        if name not in made:
            home = Path(_MADE.name) / str(len(list(Path(_MADE.name).iterdir())))
            home.mkdir()
            made[name] = make(home / "hf", **options)
        return Path(shutil.copytree(made[name], folder))

    return copy


@once
def make_marian(folder: Path, *, multi_target: bool) -> Path:
    """Write a MarianMTModel: OPUS-MT's files, <pad> last and the decoder's start."""
    folder.mkdir()
    spm = train_sentencepiece(folder / "spm")
    for name in ("source.spm", "target.spm"):
        shutil.copyfile(spm, folder / name)
    processor = sentencepiece.SentencePieceProcessor(model_file=str(spm))
    pieces = [processor.id_to_piece(i) for i in range(processor.get_piece_size())]
    # The last pieces are left out, as in real models: SentencePiece knows more than the vocabulary.
    words = [p for p in pieces if p not in ("<s>", "</s>", "<unk>")][:-5]
    marks = MARIAN_TARGETS if multi_target else ()
    tokens = ["</s>", "<unk>", *words, *marks, "<pad>"]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    _write_tokenizer_config(
        folder,
        "MarianTokenizer",
        source_lang="en",
        target_lang="ROMANCE" if multi_target else "pt",
    )
    pad = vocabulary["<pad>"]
    config = transformers.MarianConfig(
        vocab_size=len(tokens), pad_token_id=pad, decoder_start_token_id=pad, eos_token_id=0,
        forced_eos_token_id=None, scale_embedding=True, activation_function="swish", **_SIZES,
    )  # fmt: skip
    model = randomize(transformers.MarianMTModel(config))
    with torch.no_grad():  # real models have a bias on the output; <pad> embeds as zeros
        model.final_logits_bias.copy_(torch.linspace(-0.1, 0.1, len(tokens)).unsqueeze(0))
        model.model.shared.weight[pad] = 0
    return _save(model, folder, bad_words_ids=[[pad]])


@once
def make_nllb(folder: Path) -> Path:
    """Write an M2M100ForConditionalGeneration with NLLB's tokenizer."""
    seed = folder.with_name("seed")
    seed.mkdir()
    spm = train_sentencepiece(seed / "spm", model_type="bpe")
    shutil.copyfile(spm, seed / "sentencepiece.bpe.model")
    # Without this list transformers 5 forgets the languages; the real model's file has it too.
    _write_tokenizer_config(seed, "NllbTokenizer", extra_special_tokens=list(FLORES_CODES))
    tokenizer = transformers.NllbTokenizer.from_pretrained(seed)
    tokenizer.save_pretrained(folder)
    return _save_m2m(folder, len(tokenizer))


@once
def make_m2m100(folder: Path) -> Path:
    """Write an M2M100ForConditionalGeneration with M2M-100's own tokenizer."""
    folder.mkdir()
    spm = train_sentencepiece(folder / "spm")
    shutil.copyfile(spm, folder / "sentencepiece.bpe.model")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(spm))
    pieces = [processor.id_to_piece(i) for i in range(3, processor.get_piece_size())]
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *pieces[:-5]]
    (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}))
    _write_tokenizer_config(folder, "M2M100Tokenizer")
    return _save_m2m(folder, len(tokens) + 100 + 8)  # 100 languages, 8 made-up words


@once
def make_mbart50(folder: Path) -> Path:
    """Write an MBartForConditionalGeneration with mBART-50's tokenizer."""
    seed = folder.with_name("seed")
    seed.mkdir()
    spm = train_sentencepiece(seed / "spm")
    shutil.copyfile(spm, seed / "sentencepiece.bpe.model")
    _write_tokenizer_config(seed, "MBart50Tokenizer")
    tokenizer = transformers.MBart50Tokenizer.from_pretrained(seed)
    tokenizer.save_pretrained(folder)
    config = transformers.MBartConfig(
        vocab_size=len(tokenizer), pad_token_id=1, bos_token_id=0, eos_token_id=2,
        decoder_start_token_id=2, forced_eos_token_id=None, scale_embedding=True,
        activation_function="relu", **_SIZES,
    )  # fmt: skip
    return _save(randomize(transformers.MBartForConditionalGeneration(config)), folder)


@once
def make_madlad(folder: Path) -> Path:
    """Write a T5ForConditionalGeneration as MADLAD-400 is: gated, untied, <unk> starts."""
    seed = folder.with_name("seed")
    seed.mkdir()
    spm = train_sentencepiece(
        seed / "spm", byte_fallback=True, vocab_size=420,
        user_defined_symbols=",".join(MADLAD_TARGETS),
    )  # fmt: skip
    shutil.copyfile(spm, seed / "spiece.model")
    _write_tokenizer_config(seed, "T5Tokenizer", extra_ids=0, pad_token="<s>")
    tokenizer = transformers.AutoTokenizer.from_pretrained(seed)
    tokenizer.save_pretrained(folder)
    config = transformers.T5Config(
        vocab_size=len(tokenizer) + 4, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4,
        feed_forward_proj="gated-gelu", tie_word_embeddings=False, dropout_rate=0.0,
        decoder_start_token_id=0, pad_token_id=1, eos_token_id=2,
    )  # fmt: skip
    return _save(randomize(transformers.T5ForConditionalGeneration(config)), folder)


def make_marian_npz(hf_folder: Path, folder: Path) -> Path:
    """Write the weights of a :func:`make_marian` folder as Marian itself stores them."""
    model = transformers.MarianMTModel.from_pretrained(hf_folder, dtype=torch.float32)
    state = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    size = model.config.vocab_size - 1  # Marian has no <pad>
    arrays = {
        "Wemb": state["model.shared.weight"][:size],
        "decoder_ff_logit_out_b": state["final_logits_bias"][:, :size],
    }
    for side in ("encoder", "decoder"):
        for layer in range(2):
            here, there = f"model.{side}.layers.{layer}", f"{side}_l{layer + 1}"
            attentions = {"self_attn": "self"}
            if side == "decoder":
                attentions["encoder_attn"] = "context"
            for ours, theirs in attentions.items():
                for part, letter in (("q", "q"), ("k", "k"), ("v", "v"), ("out", "o")):
                    name = f"{here}.{ours}.{part}_proj"
                    arrays[f"{there}_{theirs}_W{letter}"] = state[f"{name}.weight"].T
                    arrays[f"{there}_{theirs}_b{letter}"] = state[f"{name}.bias"][None]
                _norm(arrays, f"{there}_{theirs}_Wo", state, f"{here}.{ours}_layer_norm")
            for number in ("1", "2"):
                arrays[f"{there}_ffn_W{number}"] = state[f"{here}.fc{number}.weight"].T
                arrays[f"{there}_ffn_b{number}"] = state[f"{here}.fc{number}.bias"][None]
            _norm(arrays, f"{there}_ffn_ffn", state, f"{here}.final_layer_norm")
    options = {
        "type": "transformer", "transformer-ffn-activation": "swish", "enc-depth": 2,
        "transformer-preprocess": "", "transformer-postprocess": "dan", "dec-depth": 2,
        "transformer-postprocess-emb": "d", "transformer-decoder-autoreg": "self-attention",
        "transformer-no-projection": False, "transformer-guided-alignment-layer": "last",
        "transformer-heads": 4,
    }  # fmt: skip
    text = yaml.safe_dump(options).encode() + b"\0"
    arrays["special:model.yml"] = np.frombuffer(text, dtype=np.int8)
    folder.mkdir()
    np.savez(folder / "model.npz", **arrays)
    vocabulary = json.loads((hf_folder / "vocab.json").read_text(encoding="utf-8"))
    lines = [f"{json.dumps(t, ensure_ascii=False)}: {i}" for t, i in vocabulary.items() if i < size]
    (folder / "vocab.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    decoder = {"models": ["model.npz"], "vocabs": ["vocab.yml", "vocab.yml"]}
    (folder / "decoder.yml").write_text(yaml.safe_dump(decoder), encoding="utf-8")
    for name in ("source.spm", "target.spm"):
        shutil.copyfile(hf_folder / name, folder / name)
    return folder


def _norm(arrays: dict[str, Any], theirs: str, state: dict[str, Any], ours: str) -> None:
    arrays[f"{theirs}_ln_scale"] = state[f"{ours}.weight"][None]
    arrays[f"{theirs}_ln_bias"] = state[f"{ours}.bias"][None]


def _save_m2m(folder: Path, vocab_size: int) -> Path:
    config = transformers.M2M100Config(
        vocab_size=vocab_size, pad_token_id=1, bos_token_id=0, eos_token_id=2,
        decoder_start_token_id=2, scale_embedding=True, activation_function="relu", **_SIZES,
    )  # fmt: skip
    return _save(randomize(transformers.M2M100ForConditionalGeneration(config)), folder)


def _save(model: Any, folder: Path, **generation: Any) -> Path:
    for key, value in generation.items():
        setattr(model.generation_config, key, value)
    model.save_pretrained(folder)
    return folder


def _write_tokenizer_config(folder: Path, tokenizer_class: str, **more: Any) -> None:
    content = {"tokenizer_class": tokenizer_class, "model_max_length": 128, **more}
    (folder / "tokenizer_config.json").write_text(json.dumps(content), encoding="utf-8")
