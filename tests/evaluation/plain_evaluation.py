"""XQuAD-R evaluated the plain way: sentence-transformers to encode, pytrec_eval to score."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
import pytrec_eval
from sentence_transformers import SentenceTransformer

TREC = {
    "AP": "map", "AP@20": "map_cut_20", "nDCG@10": "ndcg_cut_10", "R@1": "recall_1",
    "R@10": "recall_10", "R@100": "recall_100",
}  # fmt: skip


def independent(model, folder, tags):
    """Return sentences, questions and answers by language, and vectors by plain encode calls."""
    encoder = SentenceTransformer(str(model), device="cpu")
    query = encoder.prompts.get("query") or ""
    passage = encoder.prompts.get("passage") or encoder.prompts.get("document") or ""
    parts = {}
    for tag in tags:
        sentences, questions, answers = [], {}, {}
        for article in json.loads((folder / f"{tag}.json").read_bytes())["data"]:
            for paragraph in article["paragraphs"]:
                first = len(sentences)
                sentences += [s.strip() for s in paragraph["sentences"]]
                for qa in paragraph["qas"]:
                    start = qa["answers"][0]["answer_start"]
                    breaks = paragraph["sentence_breaks"]
                    at = next(i for i, (b, e) in enumerate(breaks) if b <= start < e)
                    questions[qa["id"]] = qa["question"].strip()
                    answers[qa["id"]] = f"{tag}{first + at:05d}"
        parts[tag] = (
            [f"{tag}{n:05d}" for n in range(len(sentences))],
            encoder.encode(
                [passage + s for s in sentences], normalize_embeddings=True, batch_size=7
            ),
            questions,
            encoder.encode([query + q for q in questions.values()], normalize_embeddings=True),
            answers,
            sentences,
        )
    return parts


def trec_eval(parts, query_tag, candidate_tags):
    """Return measures by query, by pytrec_eval on complete rankings."""
    _, _, questions, query_vectors, _, _ = parts[query_tag]
    names = [n for tag in candidate_tags for n in parts[tag][0]]
    scores = query_vectors @ np.concatenate([parts[tag][1] for tag in candidate_tags]).T
    # Equal texts have equal scores, though encoders and products round by place.
    texts = [text for tag in candidate_tags for text in parts[tag][5]]
    first = {text: column for column, text in reversed(list(enumerate(texts)))}
    scores = scores[:, [first[text] for text in texts]]
    run = {
        q: dict(zip(names, map(float, row), strict=True))
        for q, row in zip(questions, scores, strict=True)
    }
    qrels = {q: {parts[tag][4][q]: 1 for tag in candidate_tags} for q in questions}
    measures = {"map", "map_cut.20", "ndcg_cut.10", "recall.1,10,100", "recip_rank"}
    return pytrec_eval.RelevanceEvaluator(qrels, measures).evaluate(run)


def first_articles(source, folder, tags, number):
    """Write the first articles of real files to a folder and return it."""
    for tag in tags:
        document = json.loads(gzip.decompress((source / f"{tag}.json.gz").read_bytes()))
        text = json.dumps({"data": document["data"][:number]}, ensure_ascii=False)
        (folder / f"{tag}.json").write_text(text, encoding="utf-8")
    return folder


def check_against_plain_evaluation(results, model, folder):
    """Compare every measure of every pair of languages, and of the pool, to 1e-6."""
    tags = sorted(results["counts"]["queries"])
    parts = independent(model, folder, tags)
    for query_tag, candidates in [(q, (c,)) for q in tags for c in tags] + [
        (q, tuple(tags)) for q in tags
    ]:
        theirs = trec_eval(parts, query_tag, candidates).values()
        rr = [s["recip_rank"] if s["recip_rank"] >= 1 / 20 - 1e-9 else 0 for s in theirs]
        expected = {name: np.mean([s[key] for s in theirs]) for name, key in TREC.items()}
        expected["RR@20"] = np.mean(rr)
        assert results["settings"]["mono"].keys() == expected.keys()
        for name, value in expected.items():
            if len(candidates) == 1:
                ours = results["matrix"][name][query_tag][candidates[0]]
            else:
                ours = results["multi_by_language"][name][query_tag]
            assert ours == pytest.approx(value, abs=1e-6), (name, query_tag, candidates)
