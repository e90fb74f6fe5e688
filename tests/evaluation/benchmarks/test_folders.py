"""Benchmarks of queries, corpora and judgements: xtyle, BEIR, MIRACL, ToolRet."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import resource

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bt_augment.errors import InputError, StorageError
from bt_augment.evaluation.benchmarks import load, spooled
from bt_augment.evaluation.benchmarks.registry import other_texts


def relevant(collection, query_language, candidate_language):
    judged = collection.judgements(query_language, candidate_language)
    queries = collection.queries[query_language].ids
    candidates = collection.candidates[candidate_language].ids().to_pylist()
    return {
        (queries[q], candidates[c]): int(grade)
        for q, c, grade in zip(judged.queries, judged.candidates, judged.grades, strict=True)
    }


def test_xtyle_reads_parallel_queries_and_corpora(xtyle):
    collection = load("xtyle", xtyle)
    assert collection.counts() == {
        "queries": {"en": 3, "pt": 3},
        "candidates": {"en": 4, "pt": 4},
    }
    assert collection.queries["pt"].texts[1] == "pt question 1"
    assert relevant(collection, "pt", "en") == {
        ("q0", "en0"): 1,
        ("q1", "en1"): 1,
        ("q2", "en2"): 1,
    }
    # A subset of the languages is not disturbed by judgements of the others.
    assert load("xtyle", xtyle, ["pt"]).languages == ("pt",)


def test_xtyle_takes_candidate_ids_that_languages_share(xtyle, write_jsonl):
    for tag in ("en", "pt"):
        write_jsonl(
            xtyle / f"corpus.{tag}.jsonl", [{"id": "d", "text": tag}, {"id": "e", "text": "e"}]
        )
    (xtyle / "qrels.tsv").write_text("q0 0 d 2\nq1 0 e 0\n", encoding="utf-8")
    collection = load("xtyle", xtyle)
    assert relevant(collection, "en", "en") == {("q0", "en/d"): 2}
    assert relevant(collection, "en", "pt") == {("q0", "pt/d"): 2}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "qrels.tsv",
            "q0\ten0\t1\nq1\tnowhere\t1\n",
            r"qrels\.tsv, line 2: the relevant id 'nowhere'",
        ),
        ("qrels.tsv", "q0\ten0\t1\nq9\ten0\t1\n", r"qrels\.tsv, line 2: the query id 'q9'"),
        ("qrels.tsv", "q0\ten0\n", r"qrels\.tsv, line 1: 2 fields where 3 or 4 are wanted"),
        (
            "qrels.tsv",
            "q0\ten0\t1\nq0\ten1\thigh\n",
            r"line 2: the relevance 'high' is not an integer",
        ),
        ("qrels.tsv", "q0\ten0\t" + "9" * 400, r"line 1: the relevance '9+' is not an integer"),
        (
            "qrels.tsv",
            "q0\ten0\t1\nq0\ten0\t1\nq0\ten0\t2\n",
            r"line 3: 'en0' was judged for query 'q0' before, and otherwise",
        ),
        ("qrels.tsv", "", r"qrels\.tsv: holds no judgements"),
        ("qrels.tsv", None, r"has no qrels\.tsv"),
        ("corpus.pt.jsonl", None, r"has no corpus\.pt\.jsonl"),
        ("corpus.pt.jsonl", '{"_id": "x"}\n', r"corpus\.pt\.jsonl, line 1: has no field 'text'"),
        (
            "corpus.pt.jsonl",
            '{"_id": "x", "text"\n',
            r"pt\.jsonl, line 1: the line is not JSON",
        ),
        ("corpus.pt.jsonl", "", r"corpus\.pt\.jsonl: is empty"),
        (
            "queries.en.jsonl",
            '{"_id": "q0", "text": "a"}\n\n{"_id": "q1", "text": "  "}\n',
            r"queries\.en\.jsonl, line 3: the query 'q1' is empty",
        ),
        (
            "queries.en.jsonl",
            '{"_id": "q0", "text": "a"}\n{"_id": "q0", "text": "b"}\n',
            r"line 2: the query id 'q0' is there twice",
        ),
        (
            "queries.en.jsonl",
            '{"_id": "q0", "text": 7.5}\n',
            r"line 1: the field 'text' is not text",
        ),
    ],
)
def test_a_broken_folder_is_one_clear_error(xtyle, name, content, message):
    path = xtyle / name
    path.unlink()
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load("xtyle", xtyle)


def test_a_candidate_id_twice_is_refused(xtyle):
    line = {"_id": "en9", "text": "unjudged"}
    with (xtyle / "corpus.en.jsonl").open("a") as file:
        file.write(f"{json.dumps(line)}\n{json.dumps(line)}\n")
    with pytest.raises(InputError, match="'en9' is there twice"):
        load("xtyle", xtyle)


def test_a_large_corpus_waits_on_disk(xtyle, monkeypatch):
    before = load("xtyle", xtyle).candidates["en"]
    monkeypatch.setattr(spooled, "_SPOOL_ROWS", 2)
    monkeypatch.setattr(spooled, "_IN_MEMORY_ROWS", 1)
    after = load("xtyle", xtyle).candidates["en"]
    assert after.table.equals(before.table)
    assert after.positions == before.positions


def test_a_temporary_folder_that_has_no_room_is_told(xtyle, monkeypatch, write_jsonl):
    rows = [{"_id": f"en{n}", "text": "long " * 400} for n in range(20)]
    write_jsonl(xtyle / "corpus.en.jsonl", rows)
    monkeypatch.setattr(spooled, "_SPOOL_ROWS", 2)
    monkeypatch.setattr(spooled, "_IN_MEMORY_ROWS", 1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16_000, limits[1]))
    try:
        with pytest.raises(StorageError, match=r"cannot hold a large corpus.*set TMPDIR"):
            load("xtyle", xtyle)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture
def beir(tmp_path, write_jsonl):
    folder = tmp_path / "beir"
    write_jsonl(
        folder / "queries.jsonl",
        [{"_id": "q1", "text": "one"}, {"_id": "q2", "text": "of another split"}],
    )
    write_jsonl(
        folder / "corpus.jsonl",
        [{"_id": "d1", "title": "T", "text": "body"}, {"_id": "d2", "title": "", "text": "b"}],
    )
    (folder / "qrels").mkdir()
    (folder / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\n", encoding="utf-8"
    )
    return folder


def test_beir_puts_the_title_first_and_keeps_judged_queries(beir):
    collection = load("beir", beir)
    assert collection.settings == ("mono",)
    assert collection.queries["en"].ids == ["q1"]
    assert list(collection.candidates["en"].texts("sentence")) == [["T body", "b"]]
    assert relevant(collection, "en", "en") == {("q1", "d1"): 2}
    assert load("beir", beir, ["pt-BR"]).languages == ("pt-BR",)
    with pytest.raises(InputError, match="one language"):
        load("beir", beir, ["en", "pt"])


def test_beir_without_a_split_is_refused(beir):
    (beir / "qrels" / "test.tsv").rename(beir / "qrels" / "train.tsv")
    with pytest.raises(InputError, match=r"neither qrels/test\.tsv nor qrels/dev\.tsv"):
        load("beir", beir)


@pytest.fixture
def miracl(tmp_path):
    root = tmp_path / "miracl"
    for tag in ("sw", "yo"):
        topics = root / f"miracl-v1.0-{tag}" / "topics" / f"topics.miracl-v1.0-{tag}-dev.tsv"
        qrels = root / f"miracl-v1.0-{tag}" / "qrels" / f"qrels.miracl-v1.0-{tag}-dev.tsv"
        for path in (topics, qrels):
            path.parent.mkdir(parents=True)
        topics.write_text(f"1\t{tag} one\n2\t{tag} two\n", encoding="utf-8")
        qrels.write_text("1\tQ0\t7#0\t1\n1\tQ0\t7#1\t0\n2\tQ0\t8#0\t1\n", encoding="utf-8")
        corpus = root / f"miracl-corpus-v1.0-{tag}"
        corpus.mkdir()
        for shard, names in enumerate((["7#0", "7#1"], ["8#0"])):
            lines = [json.dumps({"docid": n, "title": "T", "text": f"{tag} {n}"}) for n in names]
            (corpus / f"docs-{shard}.jsonl.gz").write_bytes(
                gzip.compress("\n".join(lines).encode())
            )
    return root


def test_miracl_reads_each_language_in_its_own_corpus(miracl):
    collection = load("miracl", miracl)
    assert collection.name == "miracl"
    assert collection.settings == ("mono",)
    assert collection.counts()["candidates"] == {"sw": 3, "yo": 3}
    assert relevant(collection, "yo", "yo") == {("yo:1", "yo:7#0"): 1, ("yo:2", "yo:8#0"): 1}
    assert relevant(collection, "yo", "sw") == {}


@pytest.mark.parametrize(
    ("suffix", "packed"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_miracl_reads_compressed_files(miracl, suffix, packed):
    before = load("miracl", miracl)
    for path in list(miracl.rglob("*.*")):
        if path.is_file():
            content = path.read_bytes()
            path.unlink()
            text = gzip.decompress(content) if path.suffix == ".gz" else content
            path.with_name(f"{path.name.removesuffix('.gz')}{suffix}").write_bytes(packed(text))
    assert load("miracl", miracl).digest() == before.digest()


def test_miracl_names_the_relevant_id_its_corpus_lacks(miracl):
    (miracl / "miracl-corpus-v1.0-sw" / "docs-1.jsonl.gz").unlink()
    with pytest.raises(InputError, match=r"sw-dev\.tsv, line 3: the relevant id '8#0'"):
        load("miracl", miracl)


def test_miracl_hard_negatives_are_labelled_as_such(tmp_path):
    parts = {
        "queries": {"_id": ["1"], "text": ["one"]},
        "qrels": {"query-id": ["1"], "corpus-id": ["7"], "score": [1]},
        "corpus": {"_id": ["7", "8"], "title": ["", ""], "text": ["seven", "eight"]},
    }
    for name, columns in parts.items():
        (tmp_path / f"sw-{name}").mkdir()
        pq.write_table(pa.table(columns), tmp_path / f"sw-{name}" / "dev-00000.parquet")
    collection = load("miracl-hard-negatives", tmp_path)
    assert collection.name == "miracl-hard-negatives"
    assert relevant(collection, "sw", "sw") == {("sw:1", "sw:7"): 1}


@pytest.mark.parametrize("name", ["xtyle", "xquad-r"])
def test_the_text_of_other_languages_is_what_they_would_be_evaluated_on(name, xtyle, parallel):
    folder = {"xtyle": xtyle, "xquad-r": parallel}[name]
    whole = load(name, folder)
    first, second = whole.languages
    (other,) = other_texts(name, folder, [first])
    own = whole.texts_of(second)
    assert [*other.questions()] == [*own.questions()] != []
    assert [*other.passages()] == [*own.passages()] != []
    assert [*other.passages()] == [*own.passages()]  # read anew
    assert [*other_texts(name, folder, whole.languages)] == []


def test_languages_that_are_not_parallel_give_nothing_away(miracl):
    assert [*other_texts("miracl", miracl, ["sw"])] == []


@pytest.mark.parametrize("name", ["beir", "toolret"])
def test_a_benchmark_of_one_language_has_no_others(name, tmp_path):
    assert [*other_texts(name, tmp_path, ["en"])] == []


@pytest.fixture
def toolret(tmp_path, write_jsonl):
    labels = [{"id": "t1", "relevance": 1}, {"id": "t2", "relevance": 1}]
    write_jsonl(
        tmp_path / "queries.jsonl",
        [{"id": "a", "query": "q", "instruction": "i", "labels": json.dumps(labels)},
         {"id": "b", "query": "r", "instruction": "j", "labels": labels[:1]}],
    )  # fmt: skip
    write_jsonl(
        tmp_path / "tools" / "web.jsonl",
        [{"id": f"t{n}", "documentation": f"tool {n}"} for n in range(1, 4)],
    )
    return tmp_path


def test_toolret_reads_labels_as_list_or_text(toolret):
    collection = load("toolret", toolret)
    assert collection.queries["en"].texts == ["q", "r"]
    assert relevant(collection, "en", "en") == {("a", "t1"): 1, ("a", "t2"): 1, ("b", "t1"): 1}
    assert {"P@10", "C@10"} <= set(collection.measures)
    assert load("toolret-instructed", toolret).queries["en"].texts[0] == "Instruct: i\nQuery: q"


@pytest.mark.parametrize(
    ("suffix", "packed"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_toolret_reads_compressed_files(toolret, suffix, packed):
    before = load("toolret", toolret)
    for path in list(toolret.rglob("*.jsonl")):
        path.with_name(f"{path.name}{suffix}").write_bytes(packed(path.read_bytes()))
        path.unlink()
    assert load("toolret", toolret).digest() == before.digest()


@pytest.mark.parametrize("relevance", ["1e999", "9" * 30, '"high"'])
def test_toolret_names_the_query_whose_label_has_no_grade(toolret, relevance):
    line = f'{{"id": "a", "query": "q", "labels": [{{"id": "t1", "relevance": {relevance}}}]}}'
    (toolret / "queries.jsonl").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"queries\.jsonl, line 1: the field 'labels' is not"):
        load("toolret", toolret)


def test_toolret_names_the_query_whose_tool_is_missing(toolret, write_jsonl):
    write_jsonl(toolret / "tools" / "web.jsonl", [{"id": "t1", "documentation": "one"}])
    with pytest.raises(InputError, match=r"queries\.jsonl, line 1: the relevant id 't2'"):
        load("toolret", toolret)


def test_toolret_refuses_grades_that_are_no_integers_and_labels_that_contradict(toolret):
    def refused(labels, message):
        line = json.dumps({"id": "a", "query": "q", "labels": labels})
        (toolret / "queries.jsonl").write_text(line + "\n", encoding="utf-8")
        with pytest.raises(InputError, match=message):
            load("toolret", toolret)

    refused([{"id": "t1", "relevance": 0.9}], "the field 'labels' is not")
    refused("[" * 100_000, "the field 'labels' is not")
    refused([{"id": "t1", "relevance": 1}, {"id": "t1", "relevance": 0}], "'t1' is labelled twice")


@pytest.mark.parametrize(
    ("name", "field"), [("toolret", "query"), ("toolret-instructed", "instruction")]
)
def test_toolret_names_the_query_with_half_a_surrogate_pair(toolret, name, field):
    row = {"id": "a", "query": "q", "instruction": "i", "labels": [{"id": "t1"}], field: "\ud800"}
    (toolret / "queries.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"queries\.jsonl, line 1: U\+D800 is half a surrogate"):
        load(name, toolret)


def test_miracl_reads_all_files_of_its_split(tmp_path, write_jsonl):
    write_jsonl(tmp_path / "en-queries" / "q.jsonl", [{"_id": f"q{n}", "text": "a"} for n in "12"])
    write_jsonl(tmp_path / "en-corpus" / "c.jsonl", [{"_id": f"d{n}", "text": "b"} for n in "12"])

    def judged(name, query, document, score=1):
        row = {"query-id": query, "corpus-id": document, "score": score}
        write_jsonl(tmp_path / "en-qrels" / name, [row])

    judged("a_train-0.jsonl", "q1", "d2")
    judged("dev-00001-of-00002.jsonl", "q1", "d1")
    judged("dev-00002-of-00002.jsonl", "q2", "d2")
    collection = load("miracl-hard-negatives", tmp_path)
    assert relevant(collection, "en", "en") == {("en:q1", "en:d1"): 1, ("en:q2", "en:d2"): 1}
    judged("dev-00002-of-00002.jsonl", "q1", "d1", 0)
    with pytest.raises(InputError, match=r"dev-00002.*judged .* in another file, and otherwise"):
        load("miracl-hard-negatives", tmp_path)


@pytest.mark.parametrize("grade", ["yes", "NaN"])
def test_a_broken_grade_in_the_first_line_is_no_header(xtyle, grade):
    (xtyle / "qrels.tsv").write_text(f"q0\ten0\t{grade}\nq1\ten1\t1\n", encoding="utf-8")
    with pytest.raises(InputError, match=rf"qrels\.tsv, line 1: the relevance '{grade}'"):
        load("xtyle", xtyle)


def test_a_language_whose_file_leads_nowhere_is_not_left_out(xtyle):
    (xtyle / "queries.pt.jsonl").unlink()
    (xtyle / "queries.pt.jsonl").symlink_to(xtyle / "gone.jsonl")
    with pytest.raises(InputError, match=r"queries\.pt\.jsonl: is no file, but a link"):
        load("xtyle", xtyle)


def test_judgements_that_lead_nowhere_are_not_replaced_by_those_of_another_split(
    tmp_path, write_jsonl
):
    write_jsonl(tmp_path / "queries.jsonl", [{"_id": "q", "text": "question"}])
    write_jsonl(tmp_path / "corpus.jsonl", [{"_id": "d", "text": "text"}])
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "dev.tsv").write_text("q\td\t1\n")
    (tmp_path / "qrels" / "test.tsv").symlink_to(tmp_path / "gone.tsv")
    with pytest.raises(InputError, match=r"qrels/test\.tsv: is a link that leads nowhere"):
        load("beir", tmp_path)


def test_the_digest_does_not_depend_on_the_order_of_lines(beir):
    before = load("beir", beir)
    for name in ("corpus.jsonl", "queries.jsonl"):
        lines = (beir / name).read_text().splitlines(keepends=True)
        (beir / name).write_text("".join(reversed(lines)))
    head, *lines = (beir / "qrels" / "test.tsv").read_text().splitlines(keepends=True)
    (beir / "qrels" / "test.tsv").write_text("".join([head, *reversed(lines)]))
    after = load("beir", beir)
    assert after.candidates["en"].ids().to_pylist() != before.candidates["en"].ids().to_pylist()
    assert after.digest() == before.digest()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("queries.pt.jsonl", "question 0", "other 0"),
        ("corpus.en.jsonl", "passage 0", "other 0"),
        ("qrels.tsv", "q0\ten0\t1", "q0\ten0\t2"),
    ],
)
def test_the_digest_is_of_ids_texts_and_grades(xtyle, name, old, new):
    before = load("xtyle", xtyle)
    assert load("xtyle", xtyle, ["pt", "en"]).digest() == before.digest()
    assert load("xtyle", xtyle, ["pt"]).digest() != before.digest()
    (xtyle / name).write_text((xtyle / name).read_text().replace(old, new))
    after = load("xtyle", xtyle)
    assert after.counts() == before.counts()
    assert after.digest() != before.digest()
