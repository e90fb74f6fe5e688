"""Duplicates across a run: what counts, resuming, and the accuracy of the estimates."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bt_augment.errors import StorageError
from bt_augment.filtering import columns, duplicates
from bt_augment.filtering.bands import band_keys, similarity
from bt_augment.filtering.duplicates import NATIVE_UNIT, DuplicateIndex, sketch
from bt_augment.filtering.sketches import SIGNATURE_SIZE, normalize, shingles, signatures
from bt_augment.pairs.schema import batch_from_rows, made_schema

QUESTION = "In which year was the old stone bridge over the river finished?"
PASSAGE = (
    "The old stone bridge over the river was finished in 1912 after nine years of work. "
    "It was paid for by the merchants of the harbour, who wanted a shorter way to the market."
)
NEAR_QUESTION = QUESTION.replace("finished", "completed")
OTHER = ("Who paid for the new town hall?", "The town hall was a gift of a rich widow, it is said.")
CANDIDATES = [
    (QUESTION, PASSAGE),
    (QUESTION.upper(), f"  {PASSAGE}\n"),
    (NEAR_QUESTION, PASSAGE),
    OTHER,
    (QUESTION, OTHER[1]),
]


def rows(*pairs: tuple[str, str], tag: str = "en") -> pa.RecordBatch:
    return batch_from_rows(
        [
            {"question": q, "passage": p, "question_lang": tag, "passage_lang": tag}
            for q, p in pairs
        ],
        made_schema(),
    )


@pytest.fixture
def index(tmp_path: Path) -> Iterator[DuplicateIndex]:
    with DuplicateIndex(tmp_path / "duplicates.sqlite") as opened:
        yield opened


def scores(
    index: DuplicateIndex, unit: int, pairs: list[tuple[str, str]], sources: list[str]
) -> tuple[list[float], list[float]]:
    scored = index.score(unit, sketch(rows(*pairs)), sources)
    return scored["duplicates.exact"].tolist(), scored["duplicates.near"].tolist()


def test_a_first_row_is_no_duplicate(index: DuplicateIndex) -> None:
    assert scores(index, 0, [(QUESTION, PASSAGE), OTHER], ["a", "b"]) == ([0, 0], [0, 0])


def test_case_and_white_space_do_not_matter(index: DuplicateIndex) -> None:
    shouted = (QUESTION.upper(), "\n".join(PASSAGE.split(" ")))
    exact, near = scores(index, 0, [(QUESTION, PASSAGE), shouted], ["a", "b"])
    assert (exact, near) == ([0, 1], [0, 1])


def test_own_source_counts_as_exact_but_never_as_near(index: DuplicateIndex) -> None:
    index.add(NATIVE_UNIT, sketch(rows((QUESTION, PASSAGE))), ["a"])
    assert scores(index, 0, [(QUESTION, PASSAGE)], ["a"]) == ([1], [0])
    assert scores(index, 0, [(QUESTION, PASSAGE)], ["b"]) == ([1], [1])


def test_near_is_the_lower_of_question_and_passage(index: DuplicateIndex) -> None:
    index.add(NATIVE_UNIT, sketch(rows((QUESTION, PASSAGE))), ["a"])
    expected = jaccard(normalize(QUESTION), normalize(NEAR_QUESTION), "en")
    _, near = scores(index, 0, [(NEAR_QUESTION, PASSAGE), (QUESTION, OTHER[1])], ["b", "b"])
    assert near[0] == pytest.approx(expected, abs=4 * binomial_error(expected))
    assert near[1] < 0.2


def test_an_earlier_made_row_counts_whatever_its_source(index: DuplicateIndex) -> None:
    index.add(0, sketch(rows((QUESTION, PASSAGE))), ["a"])
    assert scores(index, 1, [(QUESTION, PASSAGE)], ["a"]) == ([1], [1])


def test_later_units_and_the_stored_unit_itself_make_no_difference(index: DuplicateIndex) -> None:
    before = scores(index, 3, CANDIDATES, list("abcde"))
    index.add(3, sketch(rows(*CANDIDATES)), list("abcde"))
    index.add(4, sketch(rows(*CANDIDATES)), list("abcde"))
    assert scores(index, 3, CANDIDATES, list("abcde")) == before


def test_adding_a_unit_again_replaces_it(index: DuplicateIndex) -> None:
    index.add(0, sketch(rows(*CANDIDATES)), list("abcde"))
    index.add(0, sketch(rows(OTHER)), ["a"])
    exact, near = scores(index, 1, [(QUESTION, PASSAGE), OTHER], ["x", "y"])
    assert (exact, near) == ([0, 1], [0, 1])


def test_adding_a_unit_twice_leaves_the_index_as_it_was(index: DuplicateIndex) -> None:
    index.add(0, sketch(rows(*CANDIDATES)), list("abcde"))
    once = list(index._db.iterdump())
    index.add(0, sketch(rows(*CANDIDATES)), list("abcde"))
    assert list(index._db.iterdump()) == once


def test_languages_are_kept_apart(index: DuplicateIndex) -> None:
    index.add(0, sketch(rows((QUESTION, PASSAGE), tag="en")), ["a"])
    scored = index.score(1, sketch(rows((QUESTION, PASSAGE), tag="pt")), ["b"])
    assert (scored["duplicates.exact"][0], scored["duplicates.near"][0]) == (0, 0)


def test_natives_can_be_added_in_parts(index: DuplicateIndex) -> None:
    index.add(-1, sketch(rows((QUESTION, PASSAGE))), ["a"])
    index.add(-2, sketch(rows(OTHER)), ["b"])
    assert scores(index, 0, [(QUESTION, PASSAGE), OTHER], ["b", "a"]) == ([1, 1], [1, 1])


def test_of_a_crowded_band_the_earliest_are_looked_at(index: DuplicateIndex, monkeypatch) -> None:
    monkeypatch.setattr(duplicates, "MAX_CANDIDATES_PER_BAND", 2)
    same = sketch(rows(*[(QUESTION, PASSAGE)] * 4))
    index.add(-1, same, ["a", "b", "c", "d"])
    keys = duplicates.band_keys(same.language_pairs, same.questions, same.passages[[0] * 4])
    found, stored = index._candidates(keys[:1], np.zeros(1, dtype=np.int64), before=0)
    ((first,),) = index._db.execute("SELECT min(id) FROM rows")
    assert stored.tolist() == [first, first + 1]
    assert found.tolist() == [0, 0]


def test_the_split_into_units_makes_no_difference(tmp_path: Path) -> None:
    pairs = [(f"{q} {i % 3}", p) for i, (q, p) in enumerate(CANDIDATES * 4)]
    sources = [str(i % 7) for i in range(len(pairs))]
    results = []
    for size in (1, 6, len(pairs)):
        exact: list[float] = []
        near: list[float] = []
        with DuplicateIndex(tmp_path / f"{size}.sqlite") as index:
            for unit, start in enumerate(range(0, len(pairs), size)):
                part = slice(start, start + size)
                found = scores(index, unit, pairs[part], sources[part])
                exact += found[0]
                near += found[1]
                index.add(unit, sketch(rows(*pairs[part])), sources[part])
        results.append((exact, near))
    assert results[0] == results[1] == results[2]


def test_the_index_survives_being_closed_and_opened(tmp_path: Path) -> None:
    path = tmp_path / "duplicates.sqlite"
    with DuplicateIndex(path) as index:
        index.add(0, sketch(rows((QUESTION, PASSAGE))), ["a"])
    with DuplicateIndex(path) as index:
        assert scores(index, 1, [(QUESTION, PASSAGE)], ["b"]) == ([1], [1])


def test_an_add_that_fails_leaves_the_unit_as_it_was(index: DuplicateIndex) -> None:
    index.add(0, sketch(rows((QUESTION, PASSAGE))), ["a"])
    with pytest.raises(ValueError, match="zip"):
        index.add(0, sketch(rows(*CANDIDATES)), ["too few"])
    assert scores(index, 1, [(QUESTION, PASSAGE)], ["b"]) == ([1], [1])


def test_a_full_disk_is_told_as_that(index: DuplicateIndex) -> None:
    ((pages,),) = index._db.execute("PRAGMA page_count").fetchall()
    index._db.execute(f"PRAGMA max_page_count = {pages}")
    many = [(f"{QUESTION} {n}", PASSAGE) for n in range(300)]
    with pytest.raises(StorageError, match="database or disk is full"):
        index.add(0, sketch(rows(*many)), [str(n) for n in range(300)])
    index._db.execute(f"PRAGMA max_page_count = {pages + 10_000}")
    assert scores(index, 1, [(QUESTION, PASSAGE)], ["b"]) == ([0], [0])


def test_a_file_that_is_no_index_is_named(tmp_path: Path) -> None:
    path = tmp_path / "duplicates.sqlite"
    path.write_text("this is not a database, it is a sentence " * 50)
    with pytest.raises(StorageError, match=r"duplicates\.sqlite"):
        DuplicateIndex(path)


def test_empty_batches_are_no_errors(index: DuplicateIndex) -> None:
    index.add(0, sketch(rows()), [])
    scored = index.score(1, sketch(rows()), [])
    assert scored["duplicates.near"].shape == (0,)


def test_sketches_are_the_same_in_another_process() -> None:
    code = (
        "from bt_augment.filtering.sketches import signatures, hash_text;"
        f"print(signatures([{QUESTION!r}], ['en']).tolist(), hash_text('a', 'b'))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for seed in ("0", "1")
    }
    assert len(outputs) == 1
    assert str(signatures([QUESTION], ["en"]).tolist()) in outputs.pop()


def jaccard(one: str, other: str, tag: str) -> float:
    a, b = shingles(one, tag), shingles(other, tag)
    return len(a & b) / len(a | b)


def binomial_error(share: float) -> float:
    return max(float(np.sqrt(share * (1 - share) / SIGNATURE_SIZE)), 1 / SIGNATURE_SIZE)


def test_shingles_are_five_letters_or_two_characters_of_chinese() -> None:
    assert shingles("abcdef", "en") == {"abcde", "bcdef"}
    assert shingles("谁来了", "zh") == {"谁来", "来了"}
    assert shingles("ab", "en") == {"ab\0\0\0"}


texts = st.text(alphabet="abcdefgh ", min_size=1, max_size=150)


@settings(max_examples=200)
@given(texts, texts, texts, st.sampled_from(["en", "zh"]))
def test_estimates_are_within_the_binomial_error(
    shared: str, one: str, other: str, tag: str
) -> None:
    pair = [shared + one, shared + other]
    exact = jaccard(pair[0], pair[1], tag)
    signed = signatures(pair, [tag, tag])
    estimate = float(similarity(signed[:1], signed[1:])[0])
    # five standard errors: one in two million draws lies outside
    assert estimate == pytest.approx(exact, abs=5 * binomial_error(exact))


def test_estimates_are_unbiased() -> None:
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(300):
        letters = "".join(rng.choice(list("abcdefghij"), 120))
        pair = [letters[:80], letters[int(rng.integers(0, 40)) :]]
        exact = jaccard(pair[0], pair[1], "en")
        signed = signatures(pair, ["en", "en"])
        errors.append((similarity(signed[:1], signed[1:])[0] - exact) / binomial_error(exact))
    # the mean of 300 draws of at most unit variance: 4 standard errors
    assert abs(np.mean(errors)) < 4 / np.sqrt(300)
    assert np.std(errors) < 1.2


def test_rows_of_similarity_nine_tenths_share_a_band() -> None:
    rng = np.random.default_rng(1)
    one = rng.integers(0, 2**16, size=(500, 2, SIGNATURE_SIZE), dtype=np.uint16)
    other = np.where(rng.random(one.shape) < 0.9, one, one + np.uint16(1))
    pairs = np.zeros(500, dtype=np.int64)
    ours = band_keys(pairs, one[:, 0], one[:, 1])
    theirs = band_keys(pairs, other[:, 0], other[:, 1])
    # 1 - (1 - 0.9**8)**16 = 0.9999
    assert (ours == theirs).any(axis=1).mean() > 0.99


def test_signatures_do_not_depend_on_how_many_are_made_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = [f"{word} in text {n}" * (n % 7) for n in range(40) for word in ("a", "人口")]
    tags = ["en", "zh"] * 40
    whole = signatures(texts, tags)
    monkeypatch.setattr(columns, "CHARACTERS_AT_ONCE", 50)
    assert (signatures(texts, tags) == whole).all()


def test_an_index_is_sound_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "duplicates.sqlite"
    pairs = [("Who sang?", "Ana sang."), ("Who ran?", "Rui ran."), ("Who sang?", "Ana sang.")]
    with DuplicateIndex(path, "mine") as index:
        assert index.is_sound()
        index.add(NATIVE_UNIT, sketch(rows(*pairs)), ["a", "b", "c"])
        index.add(NATIVE_UNIT - 1, sketch(rows()), [])
        index.add(0, sketch(rows(*pairs)), ["a", "b", "c"])  # the last again: without bands
        assert index.is_sound()
        index.add(0, sketch(rows(*pairs[:2])), ["a", "b"])
        assert index.is_sound()
    with DuplicateIndex(path, "other") as index:
        assert not index.is_sound()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE rows SET key = key + 1 WHERE id = 1",
        "UPDATE rows SET source = source - 1 WHERE id = 0",
        "UPDATE rows SET question = zeroblob(256) WHERE id = 1",
        "UPDATE passages SET signature = zeroblob(256)",
        "UPDATE bands SET key = key + 1 WHERE row = 1",
        "UPDATE bands SET key = key + 4294967296 WHERE row = 1",
        "UPDATE bands SET row = 5 WHERE row = 1",
        "DELETE FROM bands WHERE rowid_of = 1",
        "DELETE FROM rows WHERE id = 1",
        "DELETE FROM units WHERE unit = 0",
        "INSERT INTO bands VALUES (1, 3145728)",
    ],
)
def test_a_changed_index_is_not_sound(tmp_path: Path, change: str) -> None:
    path = tmp_path / "duplicates.sqlite"
    with DuplicateIndex(path, "mine") as index:
        index.add(0, sketch(rows(("Who sang?", "Ana sang."), ("Who ran?", "Rui ran."))), ["a", "b"])
        index._db.execute(change.replace("rowid_of", "row"))
        assert not index.is_sound()


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_flipped_bit_is_found_or_harmless(tmp_path_factory, data) -> None:
    path = tmp_path_factory.mktemp("index") / "duplicates.sqlite"
    pairs = [(f"Who sang song {n}?", f"Ana sang song {n} of {n % 7}.") for n in range(40)]
    sources = [str(n) for n in range(40)]
    with DuplicateIndex(path, "mine") as index:
        index.add(0, sketch(rows(*pairs)), sources)
        expected = scores(index, 1, pairs, sources)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(100, len(content) - 1))  # SQLite tells of its own header
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    try:
        with DuplicateIndex(path, "mine") as index:
            assert not index.is_sound() or scores(index, 1, pairs, sources) == expected
    except StorageError:
        pass
