import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from reading_samples import read_all

from bt_augment.pairs.readers import InputSettings, arrow, row_groups, row_sizes
from bt_augment.pairs.readers.arrow import ParquetReader

TEXTS = ["a" * 10, None, "", "é", "b" * 7]
BYTES = [10, 0, 0, 2, 7]
LISTS = [["ab", "c"], None, [], ["é" * 3], ["x"]]
LIST_BYTES = [3 + 16, 0, 0, 6 + 8, 1 + 8]
RUNS = pa.RunEndEncodedArray.from_arrays(pa.array([2, 5], pa.int32()), pa.array(["abc", "d"]))


@pytest.mark.parametrize(
    ("array", "sizes"),
    [
        (pa.array(TEXTS), BYTES),
        (pa.array(TEXTS, pa.large_string()), BYTES),
        (pa.array(TEXTS, pa.string_view()), BYTES),
        (pa.array(TEXTS).dictionary_encode(), BYTES),
        (RUNS, [3, 3, 1, 1, 1]),
        (pa.array(LISTS, pa.list_(pa.string())), LIST_BYTES),
        (pa.array(LISTS, pa.list_view(pa.string())), LIST_BYTES),
        (pa.array([["ab", "c"]] * 5, pa.list_(pa.string(), 2)), [19] * 5),
        (pa.StructArray.from_arrays([pa.array(TEXTS)], ["x"]), [size + 8 for size in BYTES]),
        (pa.array([{"x": LISTS[0]}] * 5), [27] * 5),
        (pa.array([7] * 5), [8] * 5),
    ],
)
def test_sizes_are_those_of_the_text_and_a_place_for_each_value(array, sizes):
    for start, count in ((0, 5), (1, 3), (2, 0)):
        batch = pa.record_batch([array.slice(start, count)], ["x"])
        assert row_sizes._row_sizes(batch) == sizes[start : start + count]


def test_slices_hold_few_large_rows_or_one_and_lose_none(monkeypatch):
    monkeypatch.setattr(row_sizes, "SLICE_BYTES", 100)
    texts = [60, 40, 1, 99, 101, 300, 0, 0, 0, 0]
    column = pa.array(["x" * size for size in texts]).dictionary_encode()
    found = list(row_sizes.slices(pa.record_batch([column], ["x"]), 3, 200))
    assert [(part.num_rows, large) for part, large in found] == [
        (2, False), (2, False), (1, False), (1, True), (3, False), (1, False)
    ]  # fmt: skip
    assert pa.Table.from_batches(part for part, _ in found)["x"].to_pylist() == column.to_pylist()


def as_parquet(table, **options):
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", **options)
    return sink.getvalue()


def as_stream(table):
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def one_text(count, encode, size):
    text = "x" * size
    column = {
        "plain": lambda: pa.array([text] * count),
        "dictionary": lambda: pa.array([text] * count).dictionary_encode(),
        "runs": lambda: pa.RunEndEncodedArray.from_arrays(
            pa.array([count], pa.int32()), pa.array([text])
        ),
    }[encode]()
    return pa.table({"question": ["Who?"] * count, "passage": column})


@pytest.mark.parametrize("encode", ["dictionary", "runs"])
def test_rows_that_share_a_text_become_values_a_few_at_a_time(write, monkeypatch, encode):
    made = []
    values = arrow.values
    monkeypatch.setattr(row_sizes, "SLICE_BYTES", 1 << 20)
    monkeypatch.setattr(arrow, "values", lambda batch: made.append(batch.num_rows) or values(batch))
    path = write("a.arrow", as_stream(one_text(300, encode, 1 << 18)))
    assert len(read_all(path).records) == 300
    assert max(made) == 3


@pytest.mark.parametrize("options", [{}, {"use_dictionary": False}])
def test_a_small_parquet_file_of_large_texts_is_unpacked_a_few_rows_at_a_time(
    write, monkeypatch, options
):
    monkeypatch.setattr(row_groups, "SLICE_BYTES", 1 << 20)
    data = as_parquet(one_text(300, "plain", 1 << 18), dictionary_pagesize_limit=1 << 24, **options)
    reader = ParquetReader(str(write("a.parquet", data)), InputSettings(lang="en"))
    sizes = [batch.num_rows for batch in reader.batches()]
    assert sum(sizes) == 300
    assert max(sizes) <= 4


@pytest.mark.parametrize("write_as", [as_parquet, as_stream])
def test_a_row_that_no_pair_is_is_quarantined_unread(write, monkeypatch, write_as):
    monkeypatch.setattr(arrow, "MAX_RECORD", 1_000)
    monkeypatch.setattr(row_sizes, "SLICE_BYTES", 1_000)
    table = pa.table({"question": ["A?", "B?", "C?"], "passage": ["a.", "b" * 2_000, "c."]})
    outcome = read_all(write("a.bin", write_as(table)))
    assert [record.passage for record in outcome.records] == ["a.", "c."]
    (bad,) = outcome.quarantined
    assert (bad.cause, bad.place.value, bad.raw) == ("unreadable_value", 2, "")
    assert "longer than 64 MiB" in bad.message
