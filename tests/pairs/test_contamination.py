import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_augment.errors import InputError
from bt_augment.pairs.contamination import BenchmarkPassage, BenchmarkText, ngram_hashes, normalize
from bt_augment.pairs.readers import InputSettings, read

WORDS = [f"word{n}" for n in range(40)]


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("  What's\tTHIS,  then? ", "what s this then"),
        ("Straße № ５", "strasse no 5"),  # NFKC: № is No; folding: ß is ss
        ("“Où”—là…", "où là"),
        ("?!", ""),
    ],
)
def test_normalize(text, normal):
    assert normalize(text) == normal


def test_a_question_matches_whatever_its_punctuation_and_capitals():
    known = BenchmarkText(["Who won Super Bowl 50?", "?"], [])
    assert known.question_matches("who won “Super Bowl” 50")
    assert not known.question_matches("who won Super Bowl 51?")
    assert not known.question_matches("!!")


def test_overlap_is_the_share_of_13_grams():
    known = BenchmarkText([], [BenchmarkPassage(" ".join(WORDS[:20]))])
    # 30 words have 18 13-grams; the first 20 words hold 8 of them
    assert known.passage_overlap(" ".join(WORDS[:30])) == pytest.approx(8 / 18)
    assert known.passage_overlap(" ".join(WORDS[:20]).upper() + "!") == 1.0
    assert known.passage_overlap(" ".join(reversed(WORDS))) == 0.0
    assert known.passage_overlap(" ".join(WORDS[3:16])) == 1.0  # one n-gram
    assert known.passage_overlap(" ".join(WORDS[:12])) == 0.0
    assert known.passage_overlap("") == 0.0


def test_a_short_passage_matches_as_a_whole():
    known = BenchmarkText([], [BenchmarkPassage("The cat sat.")])
    assert known.passage_overlap("the CAT sat") == 1.0
    assert known.passage_overlap("the cat") == 0.0


def test_a_short_passage_is_found_with_its_title_and_without(write, tmp_path):
    write("b/queries.jsonl", [{"_id": "1", "text": "Who built it?"}])
    text = "The lighthouse was built by Ana in 1901."
    write("b/corpus.jsonl", [{"_id": "1", "title": " Lighthouse ", "text": text}])
    known = BenchmarkText.from_folders({"b": tmp_path / "b"})
    assert known.passage_overlap(text) == 1.0
    assert known.passage_overlap(f"Lighthouse: {text}") == 1.0
    assert known.passage_overlap(f"Ana, {text}") == 0.0


TEXTS = st.lists(st.sampled_from(["one", "Two,", "é", "水", "です", "ไทย", "…", "ß"]), max_size=70)


@given(title=TEXTS.map(" ".join), text=TEXTS.map(" ".join))
def test_a_titled_passage_has_the_ngrams_of_both_of_its_forms(title, text):
    whole, bare = ngram_hashes(f"{title} {text}"), ngram_hashes(text)
    assert {*BenchmarkPassage(text, title).hashes().tolist()} == {*whole.tolist(), *bare.tolist()}


def test_scripts_without_spaces_are_compared_by_characters():
    text = "".join(chr(0x4E00 + n) for n in range(60))
    known = BenchmarkText([], [BenchmarkPassage(text[:30])])
    # 40 characters have 21 20-grams; the first 30 hold 11 of them
    assert known.passage_overlap(text[:40]) == pytest.approx(11 / 21)
    thai = "".join(chr(0x0E01 + n % 46) for n in range(120))
    known = BenchmarkText([], [BenchmarkPassage(thai[:70])])
    assert known.passage_overlap(thai[5:55]) == 1.0  # one of 50 characters
    assert known.passage_overlap(thai[5:54]) == 0.0
    assert known.passage_overlap(thai[:80]) == pytest.approx(21 / 31)


def test_folders_of_all_layouts_are_read(write, tmp_path):
    squad = {"data": [{"paragraphs": [{"context": "Alpha.", "qas": [{"question": "Who A?"}]}]}]}
    write("x/en.json.gz", gzip.compress(json.dumps(squad).encode()))
    write("y/queries.jsonl", [{"_id": "1", "text": "Who B?"}])
    write("y/corpus.jsonl", [{"_id": "1", "title": "T", "text": "Beta."}])
    write("z/queries.pt.jsonl", [{"_id": "1", "text": "Quem C?"}])
    write("z/corpus.pt.jsonl", [{"_id": "1", "text": "Gama."}])
    known = BenchmarkText.from_folders({name: tmp_path / name for name in "xyz"})
    assert all(known.question_matches(text) for text in ("Who A", "who b", "quem c?"))
    assert [known.passage_overlap(t) for t in ("alpha", "beta", "gama", "T")] == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"notes.txt": "nothing"}, "b holds neither <lang>.json in the SQuAD layout nor"),
        ({"en.json": '{"data": [{"paragraphs": ['}, r"en\.json.*is not JSON from here on"),
        ({"corpus.jsonl": '{"_id": "1", "text": "Beta."}\n{broken\n'}, r"corpus\.jsonl.*line 2"),
        ({"corpus.jsonl": '{"_id": "1", "text": "Beta."}\n{"_id": "2"}\n'},
         r"corpus\.jsonl.*line 2.*none of the fields text"),
    ],
)  # fmt: skip
def test_a_benchmark_that_cannot_be_read_whole_is_refused(write, tmp_path, files, said):
    if "corpus.jsonl" in files:
        write("b/queries.jsonl", [{"_id": "1", "text": "Who B?"}])
    for name, content in files.items():
        write(f"b/{name}", content)
    with pytest.raises(InputError, match=said):
        BenchmarkText.from_folders({"b": tmp_path / "b"})


def squad(context="Alpha.", question="Who A?"):
    return {"data": [{"paragraphs": [{"context": context, "qas": [{"question": question}]}]}]}


QUERIES, CORPUS = [{"_id": "1", "text": "Who B?"}], [{"_id": "1", "text": "Beta."}]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"queries.jsonl": QUERIES, "corpus.jsonl": []}, r"b.corpus\.jsonl holds no passage"),
        ({"queries.jsonl": [], "corpus.jsonl": CORPUS}, r"b.queries\.jsonl holds no question"),
        ({"queries.jsonl": QUERIES, "corpus.jsonl": [{"_id": "1", "text": " - "}]},
         r"b.corpus\.jsonl holds no passage"),
        ({"queries.jsonl": QUERIES}, r"b holds queries\*\.jsonl and no corpus\*\.jsonl"),
        ({"corpus.jsonl": CORPUS}, r"b holds corpus\*\.jsonl and no queries\*\.jsonl"),
        ({"en.json": json.dumps({"data": []})}, r"b.en\.json holds no question and no passage"),
        ({"en.json": json.dumps(squad("", "?"))}, r"b.en\.json holds no question and no passage"),
        ({"en.json": json.dumps(squad(5, []))}, r"en\.json.*: question is not text"),
        ({"en.json": json.dumps(squad(5))}, r"en\.json.*: context is not text"),
        ({"en.json": json.dumps(squad()), "pt.json": json.dumps([])}, r"b.pt\.json holds"),
    ],
)  # fmt: skip
def test_a_benchmark_that_would_keep_nothing_out_is_refused(write, tmp_path, files, said):
    for name, content in files.items():
        write(f"b/{name}", content)
    with pytest.raises(InputError, match=said):
        BenchmarkText.from_folders({"b": tmp_path / "b"})


def test_half_a_benchmark_is_taken_where_its_file_is_named(write, tmp_path, caplog):
    write("b/queries.jsonl", QUERIES)
    known = BenchmarkText.from_folders({"b": tmp_path / "b" / "queries.jsonl"})
    assert known.question_matches("who b")
    assert not caplog.messages
    write("c/en.json", json.dumps({"data": [{"question": "Who C?"}]}))
    known = BenchmarkText.from_folders({"c": tmp_path / "c"})
    assert known.question_matches("who c")
    (said,) = caplog.messages
    assert said.endswith("en.json holds questions only; nothing else is kept out")


def test_xquad_finds_itself_and_not_squadshifts(shared):
    known = BenchmarkText.from_folders({"xquad-r": shared / "xquad-r" / "zh.json.gz"})
    settings = InputSettings(lang="zh", limit=50)
    for record in read([str(shared / "xquad-r" / "zh.json.gz")], settings):
        assert known.question_matches(record.question)
        assert known.passage_overlap(record.passage) == 1.0
    other = shared / "squadshifts-new-wiki" / "new_wiki_v1.0.json.gz"
    for record in read([str(other)], settings):
        assert known.passage_overlap(record.passage) == 0.0
