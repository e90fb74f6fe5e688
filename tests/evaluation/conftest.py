"""Small benchmarks, a tiny encoder, and the real data where it is at hand."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of real data beside the repository."""
    folder = Path(os.environ.get("BT_AUGMENT_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip("the shared data is not at hand")
    return folder


@pytest.fixture(scope="session")
def parallel(data: Path) -> Path:
    """Return the project's own English and Portuguese benchmark."""
    return data / "parallel"


def _write_jsonl(path: Path, rows: list) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def write_jsonl():
    """Write rows as JSON lines: ``write_jsonl(path, rows)``; a string is written as it is."""
    return _write_jsonl


@pytest.fixture
def xtyle(tmp_path: Path) -> Path:
    """Return a folder in the xtyle layout: two languages, three queries, four candidates."""
    folder = tmp_path / "xtyle"
    for tag in ("en", "pt"):
        _write_jsonl(
            folder / f"queries.{tag}.jsonl",
            [{"_id": f"q{n}", "text": f" {tag} question {n} "} for n in range(3)],
        )
        _write_jsonl(
            folder / f"corpus.{tag}.jsonl",
            [{"_id": f"{tag}{n}", "text": f"{tag} passage {n}"} for n in range(4)],
        )
    lines = [f"q{n}\t{tag}{n}\t1" for n in range(3) for tag in ("en", "pt")]
    (folder / "qrels.tsv").write_text(
        "query-id\tcorpus-id\tscore\n" + "".join(f"{line}\n" for line in lines), encoding="utf-8"
    )
    return folder


def _tokenizer(texts: list[str]):
    """Return a small byte-level tokenizer that knows the texts."""
    from tokenizers import ByteLevelBPETokenizer

    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(
        texts, vocab_size=800, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], show_progress=False
    )
    return tokenizer._tokenizer


def _texts(folder: Path) -> list[str]:
    documents = [json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))]
    return [p["context"] for d in documents for a in d["data"] for p in a["paragraphs"]]


@pytest.fixture(scope="session")
def static_model(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """Return a folder with an untrained static encoder that has prompts of its own."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    torch.manual_seed(7)
    module = StaticEmbedding(_tokenizer(_texts(data / "parallel")), embedding_dim=32)
    prompts = {"query": "ask: ", "passage": "say: "}
    folder = tmp_path_factory.mktemp("static") / "model"
    SentenceTransformer(modules=[module], prompts=prompts, device="cpu").save(str(folder))
    return folder


@pytest.fixture
def router_model(tmp_path: Path, data: Path):
    """Return a function that saves an asymmetric encoder: ``router_model(seed)`` → its folder.

    Queries and passages are encoded by modules of their own, in folders of the Router's.
    """

    def make(seed: int) -> Path:
        import torch
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import (
            Normalize,
            Router,
            StaticEmbedding,
        )

        torch.manual_seed(seed)
        tokenizer = _tokenizer(_texts(data / "parallel"))
        query, passage = (StaticEmbedding(tokenizer, embedding_dim=16) for _ in range(2))
        router = Router.for_query_document(query_modules=[query], document_modules=[passage])
        folder = tmp_path / "router"
        SentenceTransformer(modules=[router, Normalize()], device="cpu").save(str(folder))
        return folder

    return make


@pytest.fixture(scope="session")
def transformer_model(tmp_path_factory: pytest.TempPathFactory, data: Path):
    """Return a function that saves a tiny random BERT or XLM-R encoder and returns its folder."""

    def make(family: str) -> Path:
        import torch
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer import modules
        from transformers import AutoModel, BertConfig, PreTrainedTokenizerFast, XLMRobertaConfig

        torch.manual_seed(11)
        root = tmp_path_factory.mktemp(family)
        small = {
            "vocab_size": 803, "hidden_size": 32, "num_hidden_layers": 2,
            "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 66,
            "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "initializer_range": 0.2,
        }  # fmt: skip
        config = {"bert": BertConfig, "xlm-roberta": XLMRobertaConfig}[family](**small)
        AutoModel.from_config(config).save_pretrained(root / "hf")
        PreTrainedTokenizerFast(
            tokenizer_object=_tokenizer(_texts(data / "parallel")),
            bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>",
            cls_token="<s>", sep_token="</s>", model_max_length=64,
        ).save_pretrained(root / "hf")  # fmt: skip
        transformer = modules.Transformer(str(root / "hf"), max_seq_length=64)
        parts = [transformer, modules.Pooling(32), modules.Dense(32, 24), modules.Normalize()]
        model = SentenceTransformer(modules=parts, prompts={"query": "q: "}, device="cpu")
        model.save(str(root / "model"))
        return root / "model"

    return make
