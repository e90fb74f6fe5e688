"""XQuAD-R and MLQA-R: published counts, sentences as candidates, errors with their place."""

from __future__ import annotations

import gzip
import json

import pytest

from bt_augment.errors import InputError
from bt_augment.evaluation.benchmarks import load

# Roy et al. 2020, table 2.
XQUAD_R = {
    "ar": 1222, "de": 1276, "el": 1234, "en": 1180, "es": 1215, "hi": 1244, "ru": 1219,
    "th": 852, "tr": 1167, "vi": 1209, "zh": 1196,
}  # fmt: skip


def paragraph(**changes):
    return {
        "context": "One is red. Two is blue. ",
        "sentences": ["One is red. ", "Two is blue. "],
        "sentence_breaks": [[0, 12], [12, 25]],
        "qas": [
            {"id": "a", "question": " Which is blue? ", "answers": [{"answer_start": 12}]},
            {"id": "b", "question": "Which is red?", "answers": [{"answer_start": 0}]},
        ],
    } | changes


def question(start):
    return {"id": f"q{start}", "question": "Which?", "answers": [{"answer_start": start}]}


def write(folder, tag, *paragraphs, name="{}.json"):
    folder.mkdir(exist_ok=True)
    path = folder / name.format(tag)
    text = json.dumps({"data": [{"paragraphs": list(paragraphs)}]})
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def test_xquad_r_has_the_published_counts(shared):
    collection = load("xquad-r", shared / "xquad-r")
    counts = collection.counts()
    assert counts["candidates"] == XQUAD_R
    assert sum(counts["candidates"].values()) == 13_014
    assert counts["queries"] == dict.fromkeys(XQUAD_R, 1190)

    # Every question has one relevant sentence in every language, and it holds the answer.
    judged = collection.judgements("th", "en")
    assert judged.queries.tolist() == list(range(1190))
    files = json.loads(gzip.decompress((shared / "xquad-r" / "en.json.gz").read_bytes()))
    answers = {
        qa["id"]: qa["answers"][0]["text"]
        for article in files["data"]
        for part in article["paragraphs"]
        for qa in part["qas"]
    }
    texts = [text for block in collection.candidates["en"].texts("sentence") for text in block]
    missing = sum(
        answers[collection.queries["th"].ids[query]] not in texts[candidate]
        for query, candidate in zip(judged.queries, judged.candidates, strict=True)
    )
    assert missing < 5  # a few answers run over the end of their sentence


def test_the_projects_own_parallel_data_is_in_the_layout(parallel):
    collection = load("xquad-r", parallel)
    assert collection.languages == ("en", "pt")
    assert len(collection.judgements("en", "pt").queries) == len(collection.queries["en"])


def test_a_candidate_is_a_sentence_and_holds_the_answers_start(tmp_path):
    write(tmp_path, "en", paragraph())
    write(tmp_path, "pt", paragraph(), name="{}.json.gz")
    collection = load("mlqa-r", tmp_path)

    assert collection.queries["en"].texts == ["Which is blue?", "Which is red?"]
    candidates = collection.candidates["pt"]
    assert list(candidates.texts("sentence")) == [["One is red.", "Two is blue."]]
    assert next(candidates.texts("sentence+context"))[1] == (
        "Two is blue. One is red. Two is blue."
    )
    judged = collection.judgements("en", "pt")
    assert judged.queries.tolist() == [0, 1]
    assert judged.candidates.tolist() == [1, 0]


def test_an_answer_that_starts_with_the_space_between_sentences_is_in_the_second(tmp_path):
    breaks = [[0, 11], [12, 24]]
    write(tmp_path, "en", paragraph(sentence_breaks=breaks, qas=[question(11), question(10)]))
    judged = load("mlqa-r", tmp_path).judgements("en", "en")
    assert judged.candidates.tolist() == [1, 0]
    write(tmp_path, "en", paragraph(sentence_breaks=[[0, 10], [12, 24]], qas=[question(10)]))
    with pytest.raises(InputError, match="10 is in none"):
        load("mlqa-r", tmp_path)  # what is between them is not all white space


def test_a_question_that_one_language_lacks_is_judged_in_the_others(tmp_path):
    write(tmp_path, "en", paragraph())
    write(tmp_path, "pt", paragraph(qas=paragraph()["qas"][:1]))
    collection = load("mlqa-r", tmp_path)
    assert collection.judgements("en", "pt").queries.tolist() == [0]
    assert collection.judgements("en", "en").queries.tolist() == [0, 1]


def test_languages_are_chosen_and_a_missing_one_is_named(tmp_path):
    write(tmp_path, "en", paragraph())
    write(tmp_path, "pt", paragraph())
    assert load("xquad-r", tmp_path, ["pt"]).languages == ("pt",)
    with pytest.raises(InputError, match=r"no language th; it has en, pt"):
        load("xquad-r", tmp_path, ["en", "th"])


QUESTION = paragraph()["qas"][0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sentences": None}, r"data\[0\]\.paragraphs\[0\]: has no list 'sentences' \(plain SQuAD"),
        ({"sentence_breaks": [[0, 12]]}, "2 sentences but 1 sentence_breaks"),
        ({"sentence_breaks": [[0, 12], "x"]}, r"sentence_breaks\[1\]: is not \[start, end\]"),
        ({"qas": [{**QUESTION, "question": " "}]}, r"qas\[0\]\.question: the query 'a' is empty"),
        ({"qas": [QUESTION, QUESTION]}, r"qas\[1\]\.id: the question id 'a' is there twice"),
        ({"qas": [{**QUESTION, "answers": []}]}, r"qas\[0\]\.answers: is empty"),
        (
            {"qas": [{**QUESTION, "answers": [{"answer_start": 99}]}]},
            r"answers\[0\]\.answer_start: 99 is in none",
        ),
        ({"qas": []}, "holds no questions"),
    ],
)
def test_a_broken_file_is_named_with_the_place(tmp_path, changes, message):
    write(tmp_path, "en", paragraph(**changes))
    with pytest.raises(InputError, match=message) as error:
        load("xquad-r", tmp_path)
    assert "en.json" in str(error.value)


def test_a_cut_file_is_named(tmp_path):
    path = write(tmp_path, "en", paragraph(), name="{}.json.gz")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"en\.json\.gz: cannot be read"):
        load("xquad-r", tmp_path)


def test_a_file_that_unpacks_to_more_than_any_benchmark_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("bt_augment.evaluation.benchmarks.files._MOST_BYTES", 10_000)
    path = write(tmp_path, "en", paragraph(), name="{}.json.gz")
    assert load("xquad-r", tmp_path).languages == ("en",)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + b" " * 10_000))
    with pytest.raises(InputError, match=r"en\.json\.gz: cannot be read .it holds more"):
        load("xquad-r", tmp_path)


def test_an_unknown_benchmark_gets_a_suggestion(tmp_path):
    with pytest.raises(InputError, match="did you mean 'xquad-r'"):
        load("xquad", tmp_path)
