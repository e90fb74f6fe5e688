"""Retrieval on the held-out split: every question against the passages of all languages."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bt_augment.sentence_encoders import Prompts
from bt_augment.training.aligned_rows import AlignedRows

if TYPE_CHECKING:
    from sentence_transformers.sentence_transformer.evaluation import (
        InformationRetrievalEvaluator,
    )

NAME = "held-out"
BEST_METRIC = f"eval_{NAME}_cosine_ndcg@10"
_REPORTED = {"cosine_ndcg@10": "nDCG@10", "cosine_mrr@10": "MRR@10", "cosine_recall@10": "R@10"}
_MAX_QUERIES = 2000  # enough for nDCG to within 0.01, quick enough to measure ten times


def held_out_retrieval(
    rows: AlignedRows, prompts: Prompts, batch_size: int
) -> InformationRetrievalEvaluator:
    """Return a measure of retrieval over held-out rows.

    A passage is relevant to the questions of its group, in any language. Equal texts count once: of
    a question that is asked of several groups, the passages of all of them are.
    Of more questions than are measured those are taken that a hash draws, as rows follow each
    other by run and by language.

    Args:
        rows: held-out rows.
        prompts: put before the texts.
        batch_size: texts encoded at once.
    """
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator
    from sentence_transformers.util import cos_sim

    corpus: dict[str, str] = {}
    groups: dict[str, set[str]] = {}  # group → its passages
    asked: dict[str, set[str]] = {}  # question → its groups
    for place, group in zip(rows.at.tolist(), rows.group.tolist(), strict=True):
        texts = rows.texts[place]
        question, passage = texts["question"].strip(), texts["passage"].strip()
        document = corpus.setdefault(passage, f"d{len(corpus)}")
        groups.setdefault(str(group), set()).add(document)
        asked.setdefault(question, set()).add(str(group))
    drawn = sorted(asked, key=_digest)[:_MAX_QUERIES]
    queries = {question: f"q{number}" for number, question in enumerate(drawn)}
    return InformationRetrievalEvaluator(
        queries={number: question for question, number in queries.items()},
        corpus={number: passage for passage, number in corpus.items()},
        relevant_docs={
            queries[question]: set().union(*(groups[group] for group in asked[question]))
            for question in drawn
        },
        mrr_at_k=[10],
        ndcg_at_k=[10],
        accuracy_at_k=[10],
        precision_recall_at_k=[10],
        map_at_k=[10],
        batch_size=batch_size,
        name=NAME,
        write_csv=False,
        query_prompt=prompts.query,
        corpus_prompt=prompts.passage,
        score_functions={"cosine": cos_sim},
    )


def _digest(question: str) -> bytes:
    return hashlib.sha256(question.encode()).digest()


def reported(measured: dict[str, float]) -> dict[str, float]:
    """Return the measures that a model card and manifest name, under their usual names."""
    return {
        usual: round(float(measured[f"{NAME}_{own}"]), 4)
        for own, usual in _REPORTED.items()
        if f"{NAME}_{own}" in measured
    }
