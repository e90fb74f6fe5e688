"""From shards to pairs: what is aligned, what is composed, what is refused."""

import pickle

import numpy as np
import pyarrow as pa
import pytest
from training_rows import a_row

from bt_augment.errors import RunFolderError, TrainingError
from bt_augment.training.aligned_rows import held_out, read_rows
from bt_augment.training.examples import compose_pairs, training_pairs
from bt_augment.training.hard_negatives import HardNegatives
from bt_augment.training.pair_index import PairIndex


def texts(pairs):
    """Return pairs as (question, passage) without the words that all share."""
    return {
        (p["question"].removeprefix("question "), p["passage"].removeprefix("passage "))
        for p in pairs
    }


def test_every_row_gives_its_own_pair_and_languages_are_crossed(run_of):
    run = run_of(
        [a_row("1", "en"), a_row("1", "en", "round_trip"), a_row("1", "pt", "translation")]
    )
    pairs = training_pairs([run])
    assert texts(pairs) == {
        ("1.en.native", "1.en.native"),
        ("1.en.round_trip", "1.en.round_trip"),
        ("1.pt.translation", "1.pt.translation"),
        ("1.en.native", "1.pt.translation"),
        ("1.pt.translation", "1.en.native"),
        ("1.en.round_trip", "1.pt.translation"),
        ("1.pt.translation", "1.en.round_trip"),
    }
    assert len(pairs) == 7


def test_a_pair_counts_as_made_when_neither_text_is_native(run_of):
    run = run_of(
        [a_row("1", "en"), a_row("1", "en", "round_trip"), a_row("1", "pt", "translation")]
    )
    pairs = training_pairs([run])
    made = {
        (p["question"].split(".", 1)[1], p["passage"].split(".", 1)[1])
        for p, made in zip(pairs, pairs.with_format(None)["made"], strict=True)
        if made
    }
    assert made == {
        ("en.round_trip", "en.round_trip"),
        ("pt.translation", "pt.translation"),
        ("en.round_trip", "pt.translation"),
        ("pt.translation", "en.round_trip"),
    }


def test_rows_of_different_sources_are_never_crossed(run_of):
    run = run_of([a_row("1", "en"), a_row("2", "pt", "translation")])
    assert texts(training_pairs([run])) == {
        ("1.en.native", "1.en.native"),
        ("2.pt.translation", "2.pt.translation"),
    }


def test_a_native_row_in_two_languages_is_a_pair_of_its_own(run_of):
    run = run_of([a_row("1", "en", passage_lang="de")])
    pairs = training_pairs([run]).with_format(None)
    assert len(pairs) == 1
    assert (pairs[0]["question_lang"], pairs[0]["passage_lang"]) == ("en", "de")


def test_composing_over_many_blocks_gives_the_same_pairs(run_of, monkeypatch):
    run = run_of(*([a_row(str(i), "en"), a_row(str(i), "pt", "translation")] for i in range(9)))
    whole = texts(training_pairs([run]))
    monkeypatch.setattr("bt_augment.training.examples._BLOCK_ROWS", 5)
    assert texts(training_pairs([run])) == whole
    assert len(whole) == 9 * 4


def test_methods_and_languages_choose_rows(run_of):
    run = run_of(
        [a_row("1", "en"), a_row("1", "en", "round_trip"), a_row("1", "pt", "translation")]
    )
    native = training_pairs([run], methods=["native"])
    assert texts(native) == {("1.en.native", "1.en.native")}
    english = read_rows([run], languages=["en"])
    assert english.counts() == {"methods": {"native": 1, "round_trip": 1}, "languages": {"en": 2}}


def test_runs_over_one_input_are_aligned_and_their_common_rows_count_once(run_of):
    first = run_of([a_row("1", "en"), a_row("1", "en", "round_trip")], name="a")
    second = run_of([a_row("1", "en"), a_row("1", "pt", "translation")], name="b")
    rows = read_rows([first, second, first])
    assert rows.counts()["methods"] == {"native": 1, "translation": 1, "round_trip": 1}
    assert len(compose_pairs(rows)) == 7


def test_rows_of_one_id_with_other_texts_are_both_kept(run_of):
    first = run_of([a_row("1", "en", "round_trip")], name="a")
    other = a_row("1", "en", "round_trip", question="question of another model")
    second = run_of([other], name="b")
    assert len(read_rows([first, second])) == 2


def test_runs_over_other_inputs_are_not_aligned_by_a_chance_id(run_of):
    first = run_of([a_row("1", "en")], name="a", source="abc")
    second = run_of([a_row("1", "pt")], name="b", source="def")
    assert len(training_pairs([first, second])) == 2


def test_texts_are_stripped(run_of):
    run = run_of([a_row("1", "en", question="  Who?\n", passage="\tHe. ")])
    assert training_pairs([run])[0] == {"question": "Who?", "passage": "He."}


def test_no_text_is_copied_into_memory(finished):
    before = pa.total_allocated_bytes()
    pairs = training_pairs([finished])
    size = sum(path.stat().st_size for path in (finished / "train").glob("*.arrow"))
    assert len(pairs) > 1000
    assert pa.total_allocated_bytes() - before < 100 * len(pairs) < size / 3


def test_pairs_of_a_real_run_are_versions_of_one_pair(finished, split_rows):
    rows = split_rows(finished, "train")
    question_of = {r["question"].strip(): r["source_id"] for r in rows}
    passages = {}
    for r in rows:
        passages.setdefault(r["passage"].strip(), set()).add(r["source_id"])
    pairs = training_pairs([finished])
    assert all(question_of[p["question"]] in passages[p["passage"]] for p in pairs)


def test_a_damaged_shard_is_named_and_refused(copied):
    path = copied / "train" / "data-00002-of-00008.arrow"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(RunFolderError, match=r"data-00002-of-00008\.arrow: its SHA-256 differs"):
        training_pairs([copied])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"methods": ["round-trip"]}, "did you mean 'round_trip'"),
        ({"methods": ["pivot"]}, "no rows to train on: the runs hold 1 native in 1 en"),
        ({"languages": ["fr"]}, "no rows to train on"),
    ],
)
def test_a_choice_that_leaves_nothing_is_refused(run_of, options, said):
    with pytest.raises(TrainingError, match=said):
        training_pairs([run_of([a_row("1", "en")])], **options)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunFolderError, match="is not a run folder"):
        training_pairs([tmp_path])


def test_held_out_groups_are_whole_and_the_same_for_every_arm(finished):
    everything = read_rows([finished])
    native = read_rows([finished], methods=["native"])
    sides = [
        {rows.groups[g] for g in rows.group[held_out(rows, 0.2, seed=3)]}
        for rows in (everything, native)
    ]
    assert sides[0] == sides[1]
    assert 4 <= len(sides[0]) <= 20  # of 60, 0.2 expected: 12, by more than two deviations
    kept = set(everything.group[~held_out(everything, 0.2, seed=3)].tolist())
    assert kept.isdisjoint(everything.group[held_out(everything, 0.2, seed=3)].tolist())
    assert not held_out(everything, 0.0, seed=3).any()


def test_at_least_one_group_is_held_out(run_of):
    rows = read_rows([run_of([a_row("1", "en"), a_row("2", "en")])])
    assert np.count_nonzero(held_out(rows, 1e-9, seed=0)) == 1


def test_code_switched_rows_are_made_versions_like_any_other(run_of):
    run = run_of(
        [a_row("1", "en"), a_row("1", "en", "code_switch"), a_row("1", "pt", "translation")]
    )
    pairs = training_pairs([run])
    index = PairIndex.of(pairs)
    made = {
        (question.split(".", 1)[1], passage.split(".", 1)[1])
        for (question, passage), made in zip(
            ((p["question"], p["passage"]) for p in pairs), index.made, strict=True
        )
        if made
    }
    assert made == {
        ("en.code_switch", "en.code_switch"),
        ("pt.translation", "pt.translation"),
        ("en.code_switch", "pt.translation"),
        ("pt.translation", "en.code_switch"),
    }
    assert len(set(index.group.tolist())) == 1
    assert len(training_pairs([run], methods=["code_switch"])) == 1


def test_a_batch_is_what_datasets_itself_would_look_up(finished):
    pairs = training_pairs([finished])
    places = [7, 3, 3, len(pairs) - 1, 0]
    one_by_one = [pairs[place] for place in places]  # the way through Arrow
    assert pairs.__getitems__(places) == one_by_one
    assert pickle.loads(pickle.dumps(pairs)).__getitems__(places) == one_by_one


def test_a_selection_of_pairs_is_a_data_set_like_any_other(finished):
    pairs = training_pairs([finished])
    few = pairs.select([9, 4, 5])
    assert few.__getitems__([0, 2]) == [pairs[9], pairs[5]]
    shuffled = pairs.shuffle(seed=1)
    assert shuffled.__getitems__([1, 0]) == [shuffled[1], shuffled[0]]
    numbers = pairs.with_format(None).__getitems__([2, 1])
    assert [sorted(item) for item in numbers] == [sorted(pairs.column_names)] * 2


def hard_negatives_of(run, count, batches):
    """Return, for each pair of each batch, (passage, its negatives)."""
    rows = read_rows([run])
    lookup = HardNegatives(rows, count=count)
    pairs = compose_pairs(rows).with_transform(lookup, columns=["question_row", "passage_row"])
    names = [f"negative_{number + 1}" for number in range(count)]
    return [
        [(item["passage"], [item[name] for name in names]) for item in pairs.__getitems__(batch)]
        for batch in batches
    ]


def test_hard_negatives_of_a_pair_are_different_passages(run_of):
    # Given passages with three questions each, and their round trips
    run = run_of(
        [
            a_row(f"{group}{q}", "en", method, group_id=group, passage=f"{group} {method}")
            for group in "abcd"
            for q in range(3)
            for method in ("native", "round_trip")
        ]
    )
    for batch in hard_negatives_of(run, 2, [[0, 6], [12, 20], [5, 23]]):
        inside = {passage[0] for passage, _ in batch}
        for _, negatives in batch:
            groups = {negative[0] for negative in negatives}
            assert len(groups) == 2
            assert groups.isdisjoint(inside)


def test_where_a_title_has_no_other_passage_any_of_the_language_serves(run_of):
    run = run_of(
        [a_row(str(i), "en", title="Alone" if i == 0 else "Rest") for i in range(5)]
        + [a_row(str(i), "en", title=title) for i, title in ((5, None), (6, ""), (7, " "))]
    )
    (alone, rest, untitled) = (batch[0] for batch in hard_negatives_of(run, 3, [[0], [1], [5]]))
    sources = [
        {negative.removeprefix("passage ").split(".")[0] for negative in negatives}
        for _, negatives in (alone, rest, untitled)
    ]
    assert len(sources[0]) == 3
    assert sources[1] == {"2", "3", "4"}
    assert len(sources[2]) == 3
    assert "5" not in sources[2]


def test_runs_without_rows_are_told_as_such(run_of):
    with pytest.raises(TrainingError, match="the runs have no accepted row"):
        training_pairs([run_of([])])
