"""What fuzzing starts from: for each target a few sound inputs, made by the real writers."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import struct
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from targets import NEXT, RUN_FILES, TARGETS

ROOT = Path(__file__).resolve().parents[2]
FOUND = Path(__file__).parent / "found"  # inputs that once failed; kept for ever

ROWS: list[dict[str, Any]] = [
    {"id": "a", "question": "Who wrote it?", "passage": "Ana wrote it. In 1901.", "lang": "en",
     "answers": [{"text": "Ana", "answer_start": 0}]},
    {"id": "b", "question": "Quem escreveu?", "passage": "Foi a Ana.\n\nEm 1901.", "lang": "pt-BR",
     "answers": ["a Ana"]},
]  # fmt: skip


def seeds() -> dict[str, list[bytes]]:
    """Return target → inputs, those that once failed among them."""
    jsonl = _lines(ROWS)
    squad = json.dumps(_squad()).encode()
    queries = _lines({"_id": r["id"], "text": r["question"], "lang": "en"} for r in ROWS)
    corpus = _lines({"_id": r["id"], "title": "A title", "text": r["passage"]} for r in ROWS)
    qrels = b"query-id\tcorpus-id\tscore\na\ta\t1\nb\tb\t1\n"
    beir = [_joined(queries, corpus, qrels), _joined(queries, corpus, b"a 0 a 1\nb 0 b 0\n")]
    recipes = [p.read_bytes() for p in sorted((ROOT / "recipes").glob("*.yaml"))]
    plain = b"routes: [en:pt:en]\nfilters:\n  fidelity:\n    chrf: {min: 30, max: 99}\n"
    made: dict[str, list[bytes]] = {
        "squad": [squad, json.dumps(_squad()["data"]).encode()],
        "jsonl": [jsonl, json.dumps(ROWS).encode()],
        "csv": [_table(","), _table("\t"), _table(";")],
        "parquet": [_parquet()],
        "arrow": [_arrow(pa.ipc.new_stream), _arrow(pa.ipc.new_file)],
        "beir_input": beir,
        "saved_dataset": [_saved()],
        "recipe": [plain, *recipes],
        "assignment": [b"filters.fidelity.chrf.min=45", b"input.lang=pt", b"routes=[en:pt]"],
        "experiment": recipes,
        "route": [b"en:pt:en", b"pt-BR:en", b"zh-Hant:eng_Latn:fil", b"sr-Latn:x-private:no"],
        "model_names": [b"bundled:mini\nen:pt=opus-mt", b"a/b@main\npt:en=./folder"],
        "lexicon": [b"who quem\nriver\trio\n\nlong  longo\n"],
        "journal": [_journal(_run_parts()[1])],
        "scored_unit": [_scored_unit()],
        "run_folder": [_joined(*_run_parts()[0])],
        "results": [_results()],
        "lareqa": [_joined(json.dumps(_squad(breaks=True)).encode())],
        "beir": beir,
        "xtyle": beir,
        "toolret": [_joined(
            _lines([{"id": "a", "query": "Plot it", "instruction": "Find a tool",
                     "labels": [{"id": "t", "relevance": 1}]}]),
            _lines([{"id": "t", "documentation": {"name": "plot"}},
                    {"id": "u", "documentation": "x"}]),
        )],
        "training_record": [json.dumps(_training()).encode()],
        "model_folder": [_model()],
        "marian_folder": [
            _joined(b"models: [model.npz]\nvocabs: [vocab.yml, vocab.yml]\n", b"</s>: 0\n", b""),
            # Each of ten lists has ten times the one before, and a mapping is merged likewise.
            _joined(b"models: &a0 [x]\n" + b"".join(
                b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 10))
                for n in range(1, 10)
            ) + b"vocabs: [*a9, *a9]\n"),
            _joined(b"b0: &b0 {x: 1}\n" + b"".join(
                b"b%d: &b%d {<<: [%s]}\n" % (n, n, b", ".join([b"*b%d" % (n - 1)] * 8))
                for n in range(1, 13)
            )),
        ],
        "benchmark_text": [_joined(queries, corpus, squad)],
    }  # fmt: skip
    packed = [gzip.compress(jsonl), bz2.compress(jsonl), lzma.compress(squad), _zstd(_table(","))]
    whole = ("squad", "jsonl", "csv", "parquet", "arrow")
    made["any_input"] = [*(made[name][0] for name in whole), *packed]
    for name, inputs in made.items():
        inputs += [path.read_bytes() for path in sorted((FOUND / name).glob("*"))]
    if made.keys() != TARGETS.keys():
        raise KeyError(f"targets without seeds: {TARGETS.keys() ^ made.keys()}")
    return made


def words() -> list[bytes]:
    """Return pieces that mean something to a parser."""
    text = (
        b'" \\ud800 \\u0000 , : [ ] { } null true NaN -Infinity 1e999 -1 0 2024-13-45 &a *a <<: ? '
        b"--- !!int !!binary !!set !!python/name:os.system %YAML ../ /etc/passwd {[]:1} [{[1]}] "
        b"[{[]:1}] en en-x-a und i-klingon"
    )
    return [
        *text.split(), NEXT, b"\xff", b"\x00", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xff\xfe",
        b"\n", b"\r\n", b"\t", b" ", b"[" * 300, b"{" * 300, b"9" * 30, b"9" * 5000, b"<<: *a",
        b"- &a [*a]", "🙂".encode(), "é".encode() * 9, struct.pack("<i", -1),
        struct.pack("<i", 1 << 30), struct.pack("<q", 1 << 62),
    ]  # fmt: skip


def _joined(*parts: bytes) -> bytes:
    return NEXT.join(parts)


def _lines(rows: Any) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _squad(*, breaks: bool = False) -> dict[str, Any]:
    paragraphs = []
    for row in ROWS:
        qas = [{"id": row["id"], "question": row["question"],
                "answers": [{"text": row["passage"][:3], "answer_start": 0}]}]  # fmt: skip
        paragraph: dict[str, Any] = {"context": row["passage"], "qas": qas}
        if breaks:
            paragraph["sentences"] = [row["passage"]]
            paragraph["sentence_breaks"] = [[0, len(row["passage"])]]
        paragraphs.append(paragraph)
    return {"version": "v2.0", "data": [{"title": "A title", "paragraphs": paragraphs}]}


def _table(delimiter: str) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(ROWS[0])
    for row in ROWS:
        writer.writerow([*list(row.values())[:-1], json.dumps(row["answers"])])
    return out.getvalue().encode()


def _arrow_table() -> pa.Table:
    rows = [{**row, "answers": {"text": ["Ana"], "answer_start": [0]}} for row in ROWS]
    return pa.Table.from_pylist(rows)


def _arrow(opened: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with opened(sink, _arrow_table().schema) as writer:
        writer.write_table(_arrow_table())
    return bytes(sink.getvalue().to_pybytes())


def _parquet() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(_arrow_table(), sink)
    return bytes(sink.getvalue().to_pybytes())


def _saved() -> bytes:
    state = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}
    index = {"splits": ["train"]}
    return _joined(
        json.dumps(index).encode(), json.dumps(state).encode(), _arrow(pa.ipc.new_stream)
    )


def _zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue().to_pybytes())


def _scored_unit() -> bytes:
    """Return a unit of two native rows and one that was made, as a shard's job stores it."""
    import numpy as np

    from bt_augment.filtering.sketches import sketch
    from bt_augment.generation.scored_units import encode
    from bt_augment.generation.units import ScoredUnit, native_rows
    from bt_augment.pairs.schema import batch_from_rows, made_schema, native_schema

    native = {
        "group_id": "g", "question": "Who wrote it?", "passage": "Ana wrote it. In 1901.",
        "question_lang": "en", "passage_lang": "en", "answers": [{"text": "Ana", "start": 0}],
    }  # fmt: skip
    made = {
        **native, "id": "a/en:pt/0", "source_id": "a", "passage": "Ana o escreveu. Em 1901.",
        "passage_lang": "pt", "method": "translation", "route": ["en", "pt"], "models": ["m@0"],
    }  # fmt: skip
    natives = batch_from_rows([{**native, "id": i} for i in "ab"], native_schema())
    rows = batch_from_rows([made], made_schema())
    return encode(
        ScoredUnit(
            natives=native_rows(natives),
            native_scores={},
            made=rows,
            scores={"fidelity.copy": np.zeros(1, dtype=np.float32)},
            sketches=sketch(rows),
            not_applicable={"en:pt": 1},
            tokens=9,
            seconds=0.5,
        ),
        unit=0,
        run="",
    )


def _journal(entry: dict[str, Any]) -> bytes:
    """Return the journal of a run that has made its first unit."""
    from bt_augment.shards.journal import Journal
    from bt_augment.shards.manifest import UnitEntry

    with tempfile.TemporaryDirectory() as name:
        journal = Journal(Path(name, "journal.jsonl"), "")
        journal.append(UnitEntry(**entry))
        return journal.path.read_bytes()


def _run_parts() -> tuple[list[bytes], dict[str, Any]]:
    """Return the files of a small run, and the entry of its unit."""
    from bt_augment.filtering.registry import score_names
    from bt_augment.pairs.schema import batch_from_rows, row_schema
    from bt_augment.recipe import load_recipe
    from bt_augment.shards.manifest import Manifest, UnitEntry, shard_path, total, write_manifest
    from bt_augment.shards.store import SPLITS, finish, write_shard

    def made(source: str, method: str, reasons: list[str]) -> dict[str, Any]:
        native = method == "native"
        passage = {"a": "Ana wrote it.", "b": "Rui wrote it."}[source]  # each a negative
        return {
            "id": source if native else f"{source}/en:pt/0", "source_id": source,
            "group_id": source, "question": "Who wrote it?", "passage": passage,
            "question_lang": "en", "passage_lang": "en" if native else "pt", "title": None,
            "answers": [{"text": passage[:3], "start": 0}], "method": method,
            "route": ["en"] if native else ["en", "pt"], "models": [] if native else ["m@0"],
            "scores": {"fidelity.chrf": 50.0}, "reject_reasons": reasons,
        }  # fmt: skip

    reason = "text.passage_length.low"
    rows = {
        "train": [made("a", "native", []), made("b", "native", []), made("a", "translation", [])],
        "rejected": [made("b", "translation", [reason])],
    }
    schema = row_schema(score_names())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {
            split: write_shard(
                folder, shard_path(split, 0, 1), batch_from_rows(rows[split], schema)
            )
            for split in SPLITS
        }
        unit = UnitEntry(
            unit=0, rows=2, candidates=2, accepted=1, rejected=1, native_rejected=0,
            not_applicable={"en:pt": 0}, reasons={reason: 1},
            routes={"en:pt": {"accepted": 1, "rejected": 1}}, seconds=0, tokens=9, files=files,
        )  # fmt: skip
        finish(folder, schema, {split: [entry] for split, entry in files.items()})
        ingested = {
            "rows": 2, "units": 1, "languages": {"en": 2}, "quarantined": {}, "left_out": {},
            "notes": {},
        }  # fmt: skip
        totals = total([unit], quarantined=0, left_out=0)
        write_manifest(folder, Manifest(totals=totals, ingested=ingested, units=[unit]))
        about = {
            "recipe": load_recipe(None, {"routes": ["en:pt"]}).resolved(),
            "inputs": [{"path": "qa.json", "bytes": 3, "sha256": "0" * 64}],
            "models": {"en:pt": {"name": "m", "revision": "0", "fingerprint": "0"}},
            "switches": {}, "versions": {},
        }  # fmt: skip
        (folder / "run.json").write_text(json.dumps(about))
        (folder / "quarantine.jsonl").touch()
        return [(folder / path).read_bytes() for path in RUN_FILES], unit.model_dump()


def _results() -> bytes:
    numbers = {"RR@20": 0.5}
    content = {
        "model": "m", "benchmark": "xtyle", "candidate_text": "sentence",
        "counts": {"queries": {"en": 2}}, "settings": {"mono": numbers},
        "matrix": {"RR@20": {"en": {"en": 0.5}}}, "training": _summary(),
    }  # fmt: skip
    word = pa.dictionary(pa.int32(), pa.string())
    names = ("setting", "query_language", "candidate_language", "measure")
    columns = {n: pa.array(["mono", "mono"]).dictionary_encode().cast(word) for n in names}
    table = pa.table({**columns, "query": ["a", "b"], "value": [0.0, 1.0]})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return _joined(json.dumps(content).encode(), bytes(sink.getvalue().to_pybytes()))


def _summary() -> dict[str, Any]:
    return {
        "base_model": "e5", "runs": ["f"], "methods": ["native"], "rows": 3, "alpha": 0.5,
        "augmented_share": None, "steps": 1, "batch_size": 2, "seed": 0,
    }  # fmt: skip


def _training() -> dict[str, Any]:
    return {
        "base_model": "e5", "runs": [{"folder": "run", "fingerprint": "f"}], "methods": ["native"],
        "steps": 3, "counts": {"rows": 1, "methods": {"native": 1}, "pairs": 1},
        "settings": {"languages": ["en"], "alpha": 0.5, "augmented_share": None, "batch_size": 2,
                     "seed": 0},
    }  # fmt: skip


def _model() -> bytes:
    """Return the head of a CTranslate2 model with one small variable, and the files beside it."""
    name = b"encoder/embeddings_0/weight\0"
    spec = b"TransformerSpec\0"
    binary = struct.pack("<IH", 6, len(spec)) + spec + struct.pack("<II", 6, 1)
    binary += struct.pack("<H", len(name)) + name + struct.pack("<BII", 2, 3, 1)
    binary += struct.pack("<BI", 1, 3) + b"abc" + struct.pack("<I", 0)
    config = {"eos_token": "</s>", "unk_token": "<unk>"}
    family = {"family": "nllb", "max_input_tokens": 8}
    return _joined(
        binary, json.dumps(config).encode(), b'["</s>", "<unk>", "a"]', json.dumps(family).encode(),
        b'{"tokenizer_class": "NllbTokenizer"}',
    )  # fmt: skip
