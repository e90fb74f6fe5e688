"""The whole evaluation against an independent one, its files, and its refusals."""

from __future__ import annotations

import json
import os
import shutil

import ir_measures
import pyarrow.parquet as pq
import pytest
import torch
from ir_measures import AP, RR, R, nDCG
from plain_evaluation import check_against_plain_evaluation, first_articles

from bt_augment.errors import BtAugmentError, InputError, ModelError
from bt_augment.evaluation import Evaluation, evaluate, evaluator, retrieval
from bt_augment.evaluation.encoders import TorchEncoder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return {"BT_AUGMENT_CACHE": str(tmp_path_factory.mktemp("cache"))}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def results(static_model, parallel, cache, out):
    return evaluate(
        Evaluation(
            str(static_model), "xquad-r", parallel, out / "results.json",
            run_files=out / "runs", run_depth=1000, device="cpu", environment=cache,
        )
    )  # fmt: skip


def test_every_pair_of_languages_equals_an_independent_evaluation(results, static_model, parallel):
    check_against_plain_evaluation(results, static_model, parallel)


def test_so_it_does_on_real_text_of_three_scripts(static_model, shared, cache, tmp_path):
    folder = first_articles(shared / "xquad-r", tmp_path, ("ar", "en", "th"), 3)
    request = Evaluation(str(static_model), "xquad-r", folder, device="cpu", environment=cache)
    check_against_plain_evaluation(evaluate(request), static_model, folder)


@pytest.mark.slow
def test_and_with_a_real_encoder(shared, cache, tmp_path):
    encoder = os.environ.get("BT_AUGMENT_ENCODER")
    if encoder is None:
        pytest.skip("BT_AUGMENT_ENCODER names no folder of a trained SentenceTransformer")
    folder = first_articles(shared / "xquad-r", tmp_path, ("ar", "en", "th"), 3)
    request = Evaluation(encoder, "xquad-r", folder, device="cpu", environment=cache)
    check_against_plain_evaluation(evaluate(request), encoder, folder)


def test_the_results_file_is_the_contract(results, out, static_model):
    written = json.loads((out / "results.json").read_bytes())
    assert written == json.loads(json.dumps(results))
    assert written["model"] == str(static_model)
    assert written["candidate_text"] == "sentence"
    assert written["counts"]["queries"].keys() == {"en", "pt"}
    matrix = written["matrix"]["RR@20"]
    settings = written["settings"]
    assert settings["mono"]["RR@20"] == pytest.approx((matrix["en"]["en"] + matrix["pt"]["pt"]) / 2)
    assert settings["cross"]["RR@20"] == pytest.approx(
        (matrix["en"]["pt"] + matrix["pt"]["en"]) / 2
    )
    by_language = written["multi_by_language"]["AP"]
    assert settings["multi"]["AP"] == pytest.approx((by_language["en"] + by_language["pt"]) / 2)
    assert written["language_bias"].keys() == {"rank_distance", "peer"}
    for values in written["language_bias"].values():
        assert values["mean"] == pytest.approx((values["en"] + values["pt"]) / 2)
    assert written["overlap"]["checked"] is False
    assert written["seconds"] > 0
    assert list(written["seconds_by_stage"]) == ["load", "overlap", "digest", "encode", "search"]
    assert "bt-augment" in written["versions"]
    assert written["prompts"] == {"query": "ask: ", "passage": "say: "}


def test_scores_per_query_average_to_the_results(results, out):
    table = pq.read_table(out / "results.per_query.parquet").to_pandas()
    for (measure, q, c), part in table[table.setting != "multi"].groupby(
        ["measure", "query_language", "candidate_language"], observed=True
    ):
        assert part.value.mean() == pytest.approx(results["matrix"][measure][q][c])
        assert part["query"].is_unique
    bias = table[table.measure == "rank_distance"].groupby("query_language", observed=True)
    assert bias.value.mean()["en"] == pytest.approx(results["language_bias"]["rank_distance"]["en"])


def test_run_files_score_the_same_elsewhere(results, out):
    measures = [RR, AP, nDCG @ 10, R @ 10]
    for name, scores in (
        ("en-pt", {str(m): results["matrix"].get(str(m), {}) for m in measures}),
        ("pt-multi", {str(m): results["multi_by_language"].get(str(m), {}) for m in measures}),
    ):
        theirs = ir_measures.calc_aggregate(
            measures,
            list(ir_measures.read_trec_qrels(str(out / "runs" / f"{name}.qrels"))),
            list(ir_measures.read_trec_run(str(out / "runs" / f"{name}.run"))),
        )
        for measure in measures[1:]:
            ours = scores[str(measure)]
            ours = ours["en"]["pt"] if name == "en-pt" else ours["pt"]
            assert theirs[measure] == pytest.approx(ours, abs=1e-6), (name, measure)


@pytest.mark.parametrize("large", [False, True])
def test_run_files_are_as_deep_as_asked_for(
    static_model, parallel, cache, tmp_path, monkeypatch, large
):
    if large:
        monkeypatch.setattr(retrieval, "FULL_DEPTH_CANDIDATES", 10)
        monkeypatch.setattr(retrieval, "SEARCH_DEPTH", 20)
    seen = []
    for depth in (5, 30):
        request = Evaluation(
            str(static_model), "xquad-r", parallel, run_files=tmp_path / "runs", run_depth=depth,
            device="cpu", environment=cache,
        )  # fmt: skip
        results = evaluate(request)
        seen.append((results["depth"], results["settings"], results["language_bias"]))
        for name in ("en-pt", "en-multi"):
            run = list(ir_measures.read_trec_run(str(tmp_path / "runs" / f"{name}.run")))
            assert len(run) == depth * len({line.query_id for line in run})
    assert seen[0] == seen[1]
    assert seen[0][0] == (20 if large else "full")


def test_an_asymmetric_model_encodes_a_query_that_is_a_candidate_too_as_both(
    router_model, write_jsonl, tmp_path
):
    from sentence_transformers import SentenceTransformer

    texts = ["what is a lighthouse for", "a red fish in the sea", "the river flows north"]
    data = tmp_path / "beir"
    write_jsonl(data / "queries.jsonl", [{"_id": "q", "text": texts[0]}])
    write_jsonl(data / "corpus.jsonl", [{"_id": f"d{n}", "text": t} for n, t in enumerate(texts)])
    (data / "qrels").mkdir()
    (data / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\td0\t1\n")
    folder = str(router_model(0))
    request = Evaluation(
        folder, "beir", data, run_files=tmp_path / "runs", device="cpu", keep_embeddings=False
    )
    assert evaluate(request)["encoded"] == 4
    model = SentenceTransformer(folder, device="cpu")
    expected = model.similarity(model.encode_query(texts[:1]), model.encode_document(texts))[0]
    run = ir_measures.read_trec_run(str(tmp_path / "runs" / "en-en.run"))
    scores = {found.doc_id: found.score for found in run}
    assert [scores[f"d{n}"] for n in range(3)] == pytest.approx(expected.tolist(), abs=1e-5)


def test_queries_that_are_documents_too_score_as_in_beir(static_model, write_jsonl, tmp_path):
    from beir.retrieval.evaluation import EvaluateRetrieval
    from sentence_transformers import SentenceTransformer

    texts = [f"argument {n} about topic {n % 7} with {n * n}" for n in range(30)]
    data = tmp_path / "arguana"
    write_jsonl(data / "queries.jsonl", [{"_id": f"d{n}", "text": texts[n]} for n in range(10)])
    write_jsonl(data / "corpus.jsonl", [{"_id": f"d{n}", "text": t} for n, t in enumerate(texts)])
    qrels = {f"d{n}": {f"d{n + 7}": 1} for n in range(10)}
    lines = [f"{query}\t{name}\t1\n" for query, judged in qrels.items() for name in judged]
    (data / "qrels").mkdir()
    (data / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines))
    results = evaluate(
        Evaluation(
            str(static_model), "beir", data, run_files=tmp_path / "runs", device="cpu",
            keep_embeddings=False,
        )
    )  # fmt: skip

    model = SentenceTransformer(str(static_model), device="cpu")
    queries = model.encode([f"ask: {text}" for text in texts[:10]], normalize_embeddings=True)
    documents = model.encode([f"say: {text}" for text in texts], normalize_embeddings=True)
    scores = (queries.astype(float) @ documents.T).tolist()
    ranked = {f"d{q}": {f"d{n}": s for n, s in enumerate(row)} for q, row in enumerate(scores)}
    ndcg, _, recall, _ = EvaluateRetrieval.evaluate(qrels, ranked, [10])
    ours = results["settings"]["mono"]
    assert ours["nDCG@10"] == pytest.approx(ndcg["NDCG@10"], abs=1e-5)
    assert ours["R@10"] == pytest.approx(recall["Recall@10"], abs=1e-5)
    run = list(ir_measures.read_trec_run(str(tmp_path / "runs" / "en-en.run")))
    assert len(run) == 10 * 29
    assert not any(line.query_id == line.doc_id for line in run)


def test_every_text_is_encoded_once_per_model(static_model, parallel, tmp_path, monkeypatch):
    seen = []
    original = TorchEncoder.encode

    def counting(self, texts, kind):
        seen.extend((kind, text) for text in texts)
        return original(self, texts, kind)

    monkeypatch.setattr(TorchEncoder, "encode", counting)
    cache = {"BT_AUGMENT_CACHE": str(tmp_path)}
    request = Evaluation(str(static_model), "xquad-r", parallel, device="cpu", environment=cache)
    first = evaluate(request)
    texts = [entry for entry in seen if entry != ("query", "a")]  # the probe
    assert len(texts) == len(set(texts)) == first["encoded"]
    assert first["encoded"] <= sum(sum(c.values()) for c in first["counts"].values())

    seen.clear()
    second = evaluate(request)
    assert second["encoded"] == 0
    assert seen == [("query", "a")]
    assert second["matrix"] == first["matrix"]

    monkeypatch.setattr(evaluator, "EmbeddingStore", evaluator.EmbeddingStore)
    third = evaluate(
        Evaluation(
            str(static_model), "xquad-r", parallel, device="cpu", environment=cache,
            keep_embeddings=False, candidate_text="sentence+context",
        )
    )  # fmt: skip
    assert third["encoded"] > 0
    assert third["settings"] != first["settings"]


def test_one_language_leaves_mono(static_model, parallel, cache):
    results = evaluate(
        Evaluation(
            str(static_model), "xquad-r", parallel, languages=("pt",), device="cpu",
            environment=cache,
        )
    )  # fmt: skip
    assert results["settings"].keys() == {"mono"}
    assert results["language_bias"] == {}


def test_only_the_wanted_settings_are_there(static_model, parallel, cache):
    results = evaluate(
        Evaluation(
            str(static_model), "xquad-r", parallel, settings=("cross",), device="cpu",
            environment=cache,
        )
    )  # fmt: skip
    assert results["settings"].keys() == {"cross"}
    assert results["matrix"]["AP"]["en"].keys() == {"pt"}
    assert results["multi_by_language"] == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": ("mono", "both")}, "unknown setting 'both'"),
        ({"settings": ("cross",), "languages": ("en",)}, "needs two languages"),
        ({"languages": ("en", "th")}, "no language th"),
        ({"languages": ("english-ish",)}, "english-ish"),
        ({"benchmark": "beir"}, r"has no queries\.jsonl"),
        ({"benchmark": "msmarco"}, "unknown benchmark"),
        ({"candidate_text": "paragraph"}, "unknown candidate text"),
        ({"run_depth": 0}, "must be 1 or more"),
        ({"settings": ()}, "no setting is named"),
        ({"languages": ()}, "no language is named"),
        ({"model": "/nowhere"}, "no such folder"),
    ],
)
def test_a_wrong_request_is_refused_before_the_model_is_loaded(
    static_model, parallel, monkeypatch, changes, message
):
    def load_encoder(*_, **__):
        pytest.fail("the model was loaded")

    monkeypatch.setattr(evaluator, "load_encoder", load_encoder)
    request = {"model": str(static_model), "benchmark": "xquad-r", "data": parallel} | changes
    with pytest.raises(BtAugmentError, match=message):
        evaluate(Evaluation(**request))


def test_candidates_without_context_refuse_it(static_model, xtyle):
    with pytest.raises(InputError, match="have no context"):
        evaluate(Evaluation(str(static_model), "xtyle", xtyle, candidate_text="sentence+context"))


def test_a_benchmark_without_one_answer_is_refused(static_model, xtyle, cache):
    (xtyle / "qrels.tsv").write_text("q0\ten0\t0\n")
    with pytest.raises(InputError, match="no query has a relevant candidate"):
        evaluate(Evaluation(str(static_model), "xtyle", xtyle, device="cpu", environment=cache))


def test_ids_that_a_run_file_cannot_hold_are_refused(static_model, xtyle, write_jsonl, tmp_path):
    write_jsonl(
        xtyle / "corpus.en.jsonl",
        [{"id": name, "text": "x"} for name in ("en0", "en1", "en2", "two words")],
    )
    with pytest.raises(InputError, match="'two words' holds white space"):
        evaluate(Evaluation(str(static_model), "xtyle", xtyle, run_files=tmp_path / "runs"))


def test_results_do_not_replace_what_is_evaluated(static_model, parallel, cache, tmp_path):
    model, bench = tmp_path / "model", tmp_path / "bench"
    shutil.copytree(static_model, model)
    shutil.copytree(parallel, bench)
    for out in (bench / "en.json", model / "modules.json"):
        with pytest.raises(InputError, match=f"{out.name}: is a file of"):
            evaluate(Evaluation(str(model), "xquad-r", bench, device="cpu", out=out))
    seen = []
    for _ in range(2):  # results may lie beside the model, and be made again
        request = Evaluation(
            str(model), "xquad-r", bench, device="cpu", out=model / "results.json",
            environment=cache,
        )  # fmt: skip
        seen.append(evaluate(request))
    assert seen[1]["encoded"] == 0  # and they are no part of it
    assert seen[1]["model_fingerprint"] == seen[0]["model_fingerprint"]
    (model / "added_tokens.json").write_text('{"model": "no results"}')
    assert evaluate(request)["model_fingerprint"] != seen[0]["model_fingerprint"]


@pytest.mark.parametrize(("first", "second"), [("a", "a.json"), ("a.json", "a")])
def test_results_do_not_take_the_scores_per_query_of_others(
    static_model, parallel, tmp_path, first, second
):
    content = {"model": "m", "benchmark": "b", "settings": {}}
    (tmp_path / first).write_text(json.dumps(content))
    request = Evaluation(str(static_model), "xquad-r", parallel, out=tmp_path / second)
    with pytest.raises(InputError, match=rf"{second}: its scores per query .* of .*{first}"):
        evaluate(request)


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")
def test_a_gpu_that_is_not_there_is_no_fault_of_the_model(static_model, parallel, monkeypatch):
    monkeypatch.setattr(evaluator, "load", lambda *_: pytest.fail("the benchmark was read"))
    with pytest.raises(ModelError, match="--device cuda: torch finds no GPU"):
        evaluate(Evaluation(str(static_model), "xquad-r", parallel, device="cuda"))
