"""Negatives: what is remembered of a run while it is exported."""

import tracemalloc

import pytest

from bt_augment.shards.exporting.negatives import Negatives
from bt_augment.temporary_database import TemporaryDatabase


def rows(count):
    for n in range(count):
        yield {
            "id": f"i{n}",
            "group_id": f"g{n}",
            "passage": f"{n} " + "text " * 200,
            "passage_lang": "en",
            "title": f"Title {n // 2}",
            "answers": [],
        }


def kept(count):
    """Return the bytes of Python that are kept of a run of ``count`` rows, and their negatives."""
    with TemporaryDatabase() as database:
        tracemalloc.start()
        negatives = Negatives(rows(count), 1, 0, database)
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size, [found["group_id"] for row in rows(6) for found in negatives.of(row)]


def test_memory_does_not_grow_with_the_number_of_titles():
    few, _ = kept(2_000)
    many, found = kept(12_000)
    assert found == ["g1", "g0", "g3", "g2", "g5", "g4"]  # the other of the title
    assert many < 1.2 * few


def test_a_title_keeps_different_passages_up_to_a_bound():
    same = [row | {"title": "T", "group_id": f"g{n}"} for n, row in enumerate(rows(50))]
    repeated = [row for row in same for _ in range(3)]
    with TemporaryDatabase() as database:
        found = Negatives(repeated, 100, 0, database).of(same[40])[:32]
    assert {row["group_id"] for row in found} == {f"g{n}" for n in range(32)}


@pytest.mark.parametrize("title", ["T", None])
def test_passages_of_all_regions_of_a_language_are_negatives_and_of_others_none_is(title):
    mixed = [
        row | {"passage_lang": tag, "title": title}
        for row, tag in zip(rows(4), ("en", "en-GB", "zh", "zh-TW"), strict=True)
    ]
    with TemporaryDatabase() as database:
        negatives = Negatives(mixed, 3, 0, database)
        found = [[other["group_id"] for other in negatives.of(row)] for row in mixed]
    assert found == [["g1"], ["g0"], [], []]  # zh-TW is in another script


def test_the_own_passage_of_a_row_in_another_group_is_no_negative():
    same = [
        {"id": name, "group_id": name, "passage": "P.", "passage_lang": "en", "title": title,
         "answers": []}
        for name, title in (("a", "T"), ("b", "T"), ("c", None))
    ]  # fmt: skip
    with TemporaryDatabase() as database:
        negatives = Negatives(same, 2, 0, database)
        assert [negatives.of(row) for row in same] == [[], [], []]
