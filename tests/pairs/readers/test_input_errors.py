import errno
import gzip
import hashlib
import io
import json
import os
import re
import tarfile
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict
from reading_samples import read_all

from bt_augment.errors import InputError, LanguageError, StorageError
from bt_augment.pairs.readers import InputSettings, Tally, fingerprint, json_lines, read


def zipped():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", "question,passage\nA,B\n")
    return packed.getvalue()


def tarred():
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.csv"))
    return packed.getvalue()


ROW = {"question": "Who?", "passage": "A man."}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.jsonl", b"", "is empty"),
        ("blank.csv", b"\n \n", "is empty"),
        ("prose.txt", "Once upon a time.\nThe end.\n", "unknown format"),
        ("page.html", "<html><body>Hi</body></html>", "unknown format"),
        ("image", b"\x89PNG\r\n\x1a\n\x00\x00\x00", "unknown format"),
        ("object.json", '{\n"question": 1\n}', "JSON object.*a list of objects is wanted, or"),
        ("utf16.csv", "question,passage\n".encode("utf-16"), "is UTF-16; .*-f UTF-16 -t"),
        ("utf32.csv", "question,passage\n".encode("utf-32"), "is UTF-32; .*-f UTF-32 -t"),
        ("16le.csv", "question,passage\nQuê?,é\n".encode("utf-16-le"), "-f UTF-16LE -t"),
        ("16be.jsonl", '{"question": "谁?"}\n'.encode("utf-16-be"), "-f UTF-16BE -t"),
        ("32le.json", '[{"question": "Who?"}]'.encode("utf-32-le"), "-f UTF-32LE -t"),
        ("32be.json", '[{"question": "Who?"}]'.encode("utf-32-be"), "-f UTF-32BE -t"),
        ("a.zip", zipped(), "it is a zip archive.*unpack it"),
        ("a.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "it is a PDF"),
        ("a.tar", tarred(), "it is a tar archive: unpack it"),
        ("a.tar.gz", gzip.compress(tarred(), mtime=0), "it is a tar archive: unpack it"),
        ("two.csv", "question,passage,question\nA,B,C\n", "2 columns named 'question'.*rename"),
        ("cut.gz", b"\x1f\x8b\x08", "cannot be opened"),
        ("wrong.csv", "who,what\na,b\n", "no column for the question"),
    ],
)
def test_an_unusable_file_is_refused_at_the_call(write, name, content, said):
    path = write(name, content)
    with pytest.raises(InputError, match=said) as caught:
        read([str(path)], InputSettings(lang="en"))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("named", ["csv", "jsonl", "squad"])
def test_what_no_format_can_read_is_named_whatever_format_is_said(write, named):
    path = write("a.zip", zipped())
    with pytest.raises(InputError, match="it is a zip archive"):
        read([str(path)], InputSettings(lang="en", format=named))


def test_a_missing_file_is_refused_at_the_call(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read([str(tmp_path / "none.json")], InputSettings(lang="en"))


def test_the_message_for_a_missing_column_lists_those_there_and_a_suggestion(write):
    path = write("a.jsonl", [{"querry": "Who?", "passage": "A."}])
    with pytest.raises(InputError, match=r"'query'.*did you mean 'querry'.*querry, passage"):
        read([str(path)], InputSettings(lang="en", question="query"))


@pytest.mark.parametrize("lacking", ["question", "passage"])
def test_the_message_for_a_missing_column_of_parquet_lists_those_that_are_never_read(
    tmp_path, lacking
):
    names = {"id": "1", "question": "Who?", "passage": "A.", "body": "B."}
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({k: [v] for k, v in names.items() if k != lacking}), path)
    with pytest.raises(InputError, match=rf"no column for the {lacking}; its columns are id.*body"):
        read([str(path)], InputSettings(lang="en"))


def test_an_input_without_any_language_is_refused_at_the_call(write):
    first = write("a.jsonl", [{**ROW, "lang": "en"}])
    second = write("b.jsonl", [ROW])
    with pytest.raises(InputError, match=r"b\.jsonl.*--lang en"):
        read([str(first), str(second)])


def test_an_unknown_language_in_the_settings_is_refused_at_the_call(write):
    with pytest.raises(LanguageError, match="klingonese"):
        read([str(write("a.jsonl", [ROW]))], InputSettings(lang="klingonese"))


@pytest.mark.parametrize("name", ["parquet", "arrow", "beir", "jsnol"])
def test_a_format_that_does_not_fit_is_refused(write, name):
    with pytest.raises(InputError, match=name):
        read([str(write("a.jsonl", [ROW]))], InputSettings(lang="en", format=name))


def test_a_named_format_reads_what_detection_would_not(write):
    path = write("a.txt", "broken\n" * 60 + json.dumps(ROW))
    assert len(read_all(path, format="jsonl").records) == 1


def test_the_tally_refuses_an_input_of_which_nothing_was_read(write):
    path = write("a.jsonl", "{broken\n{again\n")
    tally = Tally()
    for item in read([str(path)], InputSettings(lang="en")):
        tally.add(item)
    assert tally.quarantined == {"broken_json": 2}
    with pytest.raises(InputError, match=r"2 broken records, the first at .*a\.jsonl, line 1"):
        tally.check([str(path)])


def test_the_tally_names_the_one_file_of_which_nothing_was_read(write):
    paths = [str(write("a.jsonl", [ROW])), str(write("b.jsonl", "{broken\n"))]
    tally = Tally()
    for item in read(paths, InputSettings(lang="en")):
        tally.add(item)
    with pytest.raises(InputError, match=r"nothing in .*b\.jsonl can be read: 1 broken record, "):
        tally.check(paths)


@pytest.mark.parametrize("known", [False, True])
def test_the_tally_names_the_folder_of_which_nothing_was_read(write, tmp_path, known):
    write("b/queries.jsonl", [{"_id": "q1", "text": "Who?"}])
    write("b/corpus.jsonl", json.dumps({"_id": "d1", "text": "A man."}) + "\n{broken\n")
    write("b/qrels/test.tsv", "q9\td9\t1\nq9\td8\t1\n" + known * "q1\td1\t1\n")
    inputs = [str(write("a.jsonl", [ROW])), str(tmp_path / "b")]
    tally = Tally()
    for item in read(inputs, InputSettings(lang="en", split="test")):
        tally.add(item)
    assert tally.quarantined == {"unknown_query": 2, "broken_json": 1}
    if known:  # a file of which nothing can be read is no input
        tally.check(inputs)
        return
    message = (
        r"nothing in .*/b can be read: 3 broken records, the first at .*/b/corpus\.jsonl, line 2"
    )
    with pytest.raises(InputError, match=message):
        tally.check(inputs)


@pytest.mark.parametrize(
    ("question_lang", "passage_lang", "counted"),
    [
        ("en", "en", {"en": 1}),
        ("en-US", "en-GB", {"en-GB": 1}),
        ("zh", "zh-TW", {"zh-TW": 1}),  # a route takes its language in any script
        ("nb", "no", {"no": 1}),
        ("en", "pt", {}),
    ],
)
def test_the_tally_counts_the_pairs_that_a_route_of_the_language_takes(
    write, question_lang, passage_lang, counted
):
    row = {**ROW, "question_lang": question_lang, "passage_lang": passage_lang}
    tally = Tally()
    for item in read([str(write("a.jsonl", [row]))]):
        tally.add(item)
    assert tally.languages == counted


def test_a_hub_data_set_that_cannot_be_had_is_a_typed_error(monkeypatch):
    import datasets

    def offline(*args, **kwargs):
        raise ConnectionError("Couldn't reach the Hub")

    monkeypatch.setattr(datasets, "get_dataset_split_names", offline)
    with pytest.raises(InputError, match=r"'someone/qa' cannot be read.*reach the Hub"):
        read(["someone/qa"], InputSettings(lang="en"))


def test_a_hub_data_set_is_streamed_by_name(monkeypatch):
    import datasets

    rows = Dataset.from_list([{"id": "a", **ROW}, ROW]).to_iterable_dataset()
    monkeypatch.setattr(datasets, "get_dataset_split_names", lambda *a, **k: ["test", "train"])
    asked = {}
    monkeypatch.setattr(datasets, "load_dataset", lambda *a, **k: asked.update(k) or rows)
    records = read_all("someone/qa", revision="v1").records
    assert [record.id for record in records] == ["a", "qa:2"]
    assert asked == {"split": "train", "revision": "v1", "streaming": True}


@pytest.mark.parametrize(
    "error", [ConnectionError("reset"), ValueError("bad split"), RuntimeError("cut off")], ids=repr
)
def test_a_stream_of_the_hub_that_breaks_off_is_not_taken_for_its_end(monkeypatch, error):
    import datasets

    class Stream:
        features = None

        def __iter__(self):
            yield ROW
            raise error

    monkeypatch.setattr(datasets, "get_dataset_split_names", lambda *a, **k: ["train"])
    monkeypatch.setattr(datasets, "load_dataset", lambda *a, **k: Stream())
    with pytest.raises(InputError, match=f"'someone/qa' broke off after 1 rows: {error}"):
        read_all("someone/qa")


@pytest.fixture
def failing(write, monkeypatch):
    """Return the items of a file of four rows that raises an error after two."""

    def items(error):
        lines = json_lines.bounded_lines

        def broken(stream):
            for number, line in enumerate(lines(stream)):
                if number == 2:
                    raise error
                yield line

        found = read([str(write("a.jsonl", [ROW] * 4))], InputSettings(lang="en"))  # looked at
        monkeypatch.setattr(json_lines, "bounded_lines", broken)
        return found

    return items


def test_a_disk_that_fails_in_the_middle_of_a_file_does_not_end_it(failing):
    items = failing(OSError(errno.EIO, "Input/output error"))
    with pytest.raises(StorageError, match=r"a\.jsonl cannot be read: .*Input/output error"):
        list(items)


def test_a_damaged_file_that_asks_for_what_cannot_be_is_broken(failing):
    *records, broken = failing(OSError(errno.EINVAL, "Invalid argument"))
    assert len(records) == 2
    assert broken.cause == "broken_file"


def test_a_hub_data_sets_class_labels_are_read_as_names(monkeypatch):
    import datasets

    features = datasets.Features(
        {
            "question": datasets.Value("string"),
            "passage": datasets.Value("string"),
            "lang": datasets.ClassLabel(names=["en", "pt"]),
        }
    )
    rows = Dataset.from_list([{**ROW, "lang": 1}], features=features)
    monkeypatch.setattr(datasets, "get_dataset_split_names", lambda *a, **k: ["train"])
    monkeypatch.setattr(datasets, "load_dataset", lambda *a, **k: rows.to_iterable_dataset())
    (record,) = read_all("someone/qa", lang=None).items
    assert record.question_lang == record.passage_lang == "pt"


def test_fingerprints_are_those_of_the_bytes(write, tmp_path):
    one = write("d/one.jsonl", b"1")
    two = write("d/two.jsonl", b"22")
    expected = [
        {"path": str(path), "bytes": size, "sha256": hashlib.sha256(data).hexdigest()}
        for path, size, data in ((one, 1, b"1"), (two, 2, b"22"))
    ]
    folder = str(tmp_path / "d")
    assert fingerprint([folder]) == [{**entry, "folder": folder} for entry in expected]
    assert fingerprint([str(two)]) == expected[1:]


@pytest.mark.parametrize("call", [read, fingerprint])
@pytest.mark.parametrize("name", ["none.json", "nowhere/deep/none.json"])
def test_a_missing_file_is_called_missing_and_not_looked_up_on_the_hub(tmp_path, call, name):
    path = tmp_path / name
    with pytest.raises(InputError, match=f"{re.escape(str(path))} does not exist"):
        call([str(path)], InputSettings(lang="en"))


@pytest.mark.parametrize("call", [read, fingerprint])
def test_a_pipe_is_refused_since_it_can_be_read_only_once(tmp_path, call):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for source in (str(pipe), "-"):
        with pytest.raises(InputError, match=f"{re.escape(source)} is not a file.*write it to a"):
            call([source], InputSettings(lang="en"))


def test_what_is_no_input_beneath_a_folder_does_not_change_its_fingerprint(write):
    folder = write("b/queries.jsonl", [{"_id": "q", "text": "Who?"}]).parent
    write("b/corpus.jsonl", [{"_id": "d", "text": "A man."}])
    judged = write("b/qrels/test.tsv", "q\td\t1\n")
    before = fingerprint([str(folder)])
    write("b/out/train/data-00000-of-00001.arrow", b"made")
    write("b/.DS_Store", b"a file manager's")
    write("b/qrels/._test.tsv", b"what macOS packs beside a file")
    assert fingerprint([str(folder)]) == before
    assert len(read_all(folder).records) == 1
    judged.write_text("q\td\t2\n")
    assert fingerprint([str(folder)]) != before


LONG = "a" * (66 << 20)


@pytest.mark.parametrize(
    ("name", "text", "cause", "kept"),
    [
        ("pairs.jsonl",
         '{"question": "Who?", "passage": "He."}\n{"question": "Q?", "passage": "' + LONG + '"}\n'
         '{"question": "Where?", "passage": "There."}\n',
         "broken_json", ["Who?", "Where?"]),
        ("pairs.csv", f"question,passage\nWho?,He.\nQ?,{LONG}\nWhere?,There.\n",
         "broken_csv", ["Who?", "Where?"]),
        ("pairs.csv", f'question,passage\nWho?,He.\n"Q?,one\n{LONG}\nWhere?,There.\n',
         "broken_csv", ["Who?", "Where?"]),
        ("pairs.tsv", f"question\tpassage\nWho?\tHe.\nQ?\t{LONG}\nWhere?\tThere.\n",
         "broken_csv", ["Who?", "Where?"]),
        ("pairs.json",
         '[{"question": "Who?", "passage": "He."}, {"question": "Q?", "passage": "' + LONG + '"}]',
         "broken_json", ["Who?"]),
    ],
    ids=["jsonl", "csv", "csv-in-quotes", "tsv", "array"],
)  # fmt: skip
def test_a_record_that_is_too_long_to_hold_is_quarantined(tmp_path, name, text, cause, kept):
    path = tmp_path / f"{name}.gz"
    path.write_bytes(gzip.compress(text.encode(), compresslevel=1, mtime=0))
    read = read_all(path, lang="en")
    assert [record.question for record in read.records] == kept
    assert {item.cause for item in read.quarantined} == {cause}
    assert re.search(r"longer than \d\d MiB", read.quarantined[-1].message)
    assert all(len(item.raw) <= 10_000 for item in read.quarantined)


@pytest.mark.parametrize("part", ["split", "config", "revision"])
def test_a_part_of_an_input_that_has_none_is_refused(write, part):
    path = write("a.jsonl", [ROW])
    with pytest.raises(
        InputError, match=rf"input\.{part} chooses nothing.*a\.jsonl has no {part}s"
    ):
        read_all(path, **{part: "test"})


def test_a_split_of_a_saved_data_set_without_splits_is_refused(tmp_path):
    data = Dataset.from_list([ROW])
    data.save_to_disk(tmp_path / "one")
    DatasetDict({"test": data}).save_to_disk(tmp_path / "dict")
    with pytest.raises(InputError, match=r"input\.split chooses nothing.*one has no splits"):
        read_all(tmp_path / "one", split="test")
    assert len(read_all(tmp_path / "one").records) == 1
    assert len(read_all(tmp_path / "dict", split="test").records) == 1


def test_a_file_that_is_compressed_twice_is_called_so(write):
    packed = gzip.compress(gzip.compress(json.dumps(ROW).encode()))
    with pytest.raises(InputError, match="compressed twice, first with gzip; unpack it once"):
        read_all(write("a.jsonl.gz", packed))
