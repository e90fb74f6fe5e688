import re

from bt_augment.shards.browsing import browse


def test_only_rows_that_fit_are_shown_each_beside_its_source(finished):
    examples = browse(finished, 5, route="en:pt")
    assert len(examples) == 5
    for example in examples:
        assert example.row["route"] == ["en", "pt"]
        assert example.row["reject_reasons"] == []
        assert example.source["id"] == example.row["source_id"]
        assert example.source["method"] == "native"


def test_a_reason_is_a_prefix_and_implies_rejected(finished, split_rows):
    prefix = "question_answering"
    expected = [
        row["id"]
        for row in split_rows(finished, "rejected")
        if any(reason.startswith(prefix) for reason in row["reject_reasons"])
    ]
    assert expected
    assert [e.row["id"] for e in browse(finished, 1000, reason=prefix)] == expected


def test_a_sample_is_drawn_by_its_seed_from_what_fits(finished):
    def sample(seed):
        return [e.row["id"] for e in browse(finished, 6, rejected=True, seed=seed)]

    everything = [e.row["id"] for e in browse(finished, 1000, rejected=True)]
    drawn = sample(1)
    assert drawn == sample(1) != sample(2)
    assert len(set(drawn)) == 6
    assert [x for x in everything if x in drawn] == drawn


def test_pages_follow_each_other_without_gap_or_overlap(finished):
    everything = [e.row["id"] for e in browse(finished, 12)]
    pages = [[e.row["id"] for e in browse(finished, 5, skip=skip)] for skip in (0, 5, 10)]
    assert [row_id for page in pages for row_id in page][:12] == everything


def test_a_pattern_is_looked_for_in_native_pivot_and_made_text(finished, split_rows):
    pattern = re.compile("faro[ls]|lighthouse", re.IGNORECASE)
    natives = {row["id"]: row for row in split_rows(finished, "train") if row["method"] == "native"}
    expected = [
        row["id"]
        for row in split_rows(finished, "train")
        if row["method"] != "native"
        and any(
            pattern.search(text or "")
            for values in (row, natives[row["source_id"]])
            for name, text in values.items()
            if name in ("question", "passage", "pivot_question", "pivot_passage")
        )
    ]
    found = [e.row["id"] for e in browse(finished, 1000, pattern=pattern)]
    assert found == expected
    assert 0 < len(found) < len(browse(finished, 1000))
