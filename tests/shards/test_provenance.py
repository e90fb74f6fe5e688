"""Where a run came from, as others may know it: named, pinned, and without anybody's folders."""

import hashlib
import tracemalloc

from bt_augment.pairs.readers.fingerprint import fingerprint
from bt_augment.shards.provenance import sources


def test_inputs_of_one_name_are_told_apart_by_their_folder():
    inputs = [
        {"path": "/home/me/a/train.json", "bytes": 1, "sha256": "0" * 64},
        {"path": "b/train.json", "bytes": 1, "sha256": "1" * 64},
        {"path": "/home/me/dev.json", "bytes": 1, "sha256": "2" * 64},
        {"path": "squad", "config": None, "split": "train", "revision": "f" * 40},
    ]
    found = sources({"inputs": inputs}, {"dev.json": "mit"})
    assert [s.name for s in found] == ["a/train.json", "b/train.json", "dev.json", "squad"]
    assert [s.license for s in found] == [None, None, "mit", None]
    assert found[3].version == f"train {'f' * 40}"


def test_folders_of_one_name_are_told_apart_by_those_above_them():
    paths = ["/home/me/a/x/qa.json", "/home/me/b/x/qa.json", "c/y/qa.json", "x/qa.json"]
    inputs = [{"path": path, "sha256": str(n) * 64} for n, path in enumerate(paths)]
    found = sources({"inputs": inputs}, {"a/x/qa.json": "mit"})
    assert [s.name for s in found] == ["a/x/qa.json", "b/x/qa.json", "y/qa.json", "x/qa.json"]
    assert [s.license for s in found] == ["mit", None, None, None]


def test_a_name_of_many_parts_takes_no_more_memory_than_it_is_long():
    path = "a/" * 10_000 + "qa.json"
    tracemalloc.start()
    found = sources({"inputs": [{"path": path, "sha256": "0" * 64}]})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [source.name for source in found] == ["qa.json"]
    assert peak < 4_000_000


def test_a_folder_is_one_source_that_is_named_again_as_it_was(tmp_path, monkeypatch):
    corpus = tmp_path / "corpora" / "tydi"
    (corpus / "qrels").mkdir(parents=True)
    lines = []
    for name in ("corpus.jsonl", "qrels/test.tsv", "queries.jsonl"):
        (corpus / name).write_text(name)
        lines.append(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n")
    (tmp_path / "qa.json").write_text("{}")
    found = sources({"inputs": fingerprint([str(corpus), str(tmp_path / "qa.json")])})
    assert [source.name for source in found] == ["tydi", "qa.json"]
    printed = hashlib.sha256("".join(sorted(lines, key=lambda line: line[66:])).encode())
    assert found[0].version.endswith(f" {printed.hexdigest()}")
    monkeypatch.chdir(corpus)
    assert [source.name for source in sources({"inputs": fingerprint(["."])})] == ["."]
