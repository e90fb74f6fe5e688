"""The sampler's properties, over many shapes of data."""

import logging
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bt_augment.errors import TrainingError
from bt_augment.training.decks import Deck
from bt_augment.training.hybrid_batches import BatchMix, HybridBatchSampler, hybrid_batches
from bt_augment.training.pair_index import PairIndex

LANGUAGES = ("de", "en", "es", "pt")


def index_of(groups, languages=2, questions=1, round_trips=True):
    """Return every composition of native English, its round trip, and translations."""
    rows = []
    for group in range(groups):
        for _ in range(questions):
            versions = [(1, False), *([(1, True)] if round_trips else [])]
            versions += [(code, True) for code in (0, 2, 3)[: languages - 1]]
            rows += [(group, lang, lang, made) for lang, made in versions]
            rows += [
                (group, q, p, q_made and p_made)
                for q, q_made in versions
                for p, p_made in versions
                if q != p
            ]
    columns = list(zip(*rows, strict=True))
    return PairIndex(
        *(np.array(column, dtype=np.int64) for column in columns[:3]),
        made=np.array(columns[3], dtype=np.bool_),
        languages=LANGUAGES,
    )


def mixed_index(pairs, groups=20):
    """Return native pairs of every group, and made ones of some groups, by pair of languages."""
    columns = [
        (group, *languages, made)
        for languages, made_groups in pairs.items()
        for made, of in ((False, range(groups)), (True, made_groups))
        for group in of
    ]
    *numbers, made = (np.array(column) for column in zip(*columns, strict=True))
    return PairIndex(*numbers, made=made, languages=LANGUAGES)


def sampler_of(index, batch_size=8, seed=0, steps=None, world_size=1, **mix):
    return HybridBatchSampler(
        None, batch_size, seed=seed, mix=BatchMix(**mix), pairs=index, steps=steps,
        world_size=world_size,
    )  # fmt: skip


def test_what_waits_in_a_deck_does_not_grow_with_the_passes():
    """A batch takes one pair of ten in ten of the groups; the others lose their turn."""
    groups = np.concatenate([np.repeat(np.arange(10), 10), np.arange(10, 300)])
    deck = Deck(np.arange(len(groups)), groups, key=(0,))
    waits = []
    for _ in range(60):  # fifteen passes
        deck.begin_batch()
        used: set[int] = set()
        assert None not in [deck.draw(used) for _ in range(100)]
        waits.append(len(deck._held) + len(deck._ready))
    assert max(waits) < 2 * len(groups)


shapes = st.fixed_dictionaries(
    {
        "groups": st.integers(9, 30),
        "languages": st.integers(2, 4),
        "questions": st.integers(1, 3),
        "round_trips": st.booleans(),
    }
)
mixes = st.fixed_dictionaries(
    {
        "alpha": st.sampled_from([0.0, 0.3, 0.5, 1.0]),
        "augmented_share": st.sampled_from([None, 0.25, 0.5]),
        "draw": st.sampled_from(["uniform", "size"]),
        "language_pair_per": st.sampled_from(["example", "batch"]),
        "batch_size": st.integers(1, 4),
        "world_size": st.integers(1, 2),
        "steps": st.integers(1, 25),
        "seed": st.integers(0, 2**31),
    }
)


@settings(max_examples=60, deadline=None)
@given(shapes, mixes)
def test_what_holds_for_every_batch(shape, mix):
    # Given any data and settings
    index = index_of(**shape)
    sampler = sampler_of(index, **mix)

    # When an epoch is drawn
    batches = list(sampler)

    # Then its length is exact and every batch is full
    ranks, steps = mix["world_size"], mix["steps"]
    assert len(batches) == len(sampler) == steps * ranks
    assert {len(batch) for batch in batches} == {mix["batch_size"]}
    for step, kind in enumerate(sampler.kinds):
        together = np.concatenate(batches[step * ranks : (step + 1) * ranks])
        # no group twice in a step, in any language, on any rank
        assert len(set(index.group[together].tolist())) == len(together)
        questions, passages = index.question_lang[together], index.passage_lang[together]
        if kind == "monolingual":
            # one language, on all ranks
            assert len({*questions.tolist(), *passages.tolist()}) == 1
        else:
            assert (questions != passages).all()
            if mix["language_pair_per"] == "batch":
                assert len(set(zip(questions.tolist(), passages.tolist(), strict=True))) == 1


@settings(max_examples=30, deadline=None)
@given(shapes, mixes, st.data())
def test_a_sequence_is_repeatable_and_goes_on_in_mid_epoch(shape, mix, data):
    index = index_of(**shape)
    first = sampler_of(index, **mix)
    first.set_epoch(1)
    whole = list(first)
    done = data.draw(st.integers(0, len(whole)))
    state = {"seed": mix["seed"], "epoch": 1, "batch": done}

    again = sampler_of(index, **mix)
    again.load_state_dict(state)
    again.set_epoch(1)  # as a trainer does when it resumes
    assert list(again) == whole[done:]
    assert list(again) == whole  # and then the epoch from its first batch


def test_the_state_says_how_many_batches_were_given():
    sampler = sampler_of(index_of(20), steps=9, seed=4)
    whole = list(sampler)
    running = iter(sampler)
    taken = [next(running) for _ in range(5)]
    state = sampler.state_dict()
    assert state == {"seed": 4, "epoch": 0, "batch": 5}
    resumed = sampler_of(index_of(20), steps=9, seed=4)
    resumed.load_state_dict(state)
    assert taken + list(resumed) == whole


def test_epochs_and_seeds_differ():
    sampler = sampler_of(index_of(20), steps=5, seed=1)
    first = list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first
    assert list(sampler_of(index_of(20), steps=5, seed=2)) != first


def test_a_state_of_another_seed_is_refused():
    sampler = sampler_of(index_of(20), seed=1)
    with pytest.raises(TrainingError, match="seed 2"):
        sampler.load_state_dict({"seed": 2, "epoch": 0, "batch": 0})


@pytest.mark.parametrize("alpha", [0.4, 0.5, 0.6])
@pytest.mark.parametrize("seed", [0, 1])
def test_alpha_is_the_share_of_monolingual_steps(alpha, seed):
    steps = 2000
    kinds = sampler_of(index_of(10), alpha=alpha, steps=steps, seed=seed).kinds
    deviation = (steps * alpha * (1 - alpha)) ** 0.5
    assert abs(kinds.count("monolingual") - steps * alpha) < 4 * deviation


def test_alpha_one_and_zero_are_the_two_baselines():
    index = index_of(20)
    assert set(sampler_of(index, alpha=1, steps=50).kinds) == {"monolingual"}
    assert set(sampler_of(index, alpha=0, steps=50).kinds) == {"cross-lingual"}


@pytest.mark.parametrize("share", [0.0, 0.25, 0.3, 0.5, 1.0])
def test_the_augmented_share_is_exact_in_every_batch_where_both_kinds_are(share):
    index = index_of(20, languages=1)
    batches = list(sampler_of(index, alpha=1, augmented_share=share, steps=40))
    made = [int(index.made[batch].sum()) for batch in batches]
    assert sum(made) == round(share * 40 * 8)
    assert set(made) <= {int(np.floor(share * 8)), int(np.ceil(share * 8))}


def test_a_language_that_is_all_made_is_made_up_for_by_the_others():
    index = index_of(20, languages=2)  # every German row is a translation
    sampler = sampler_of(index, alpha=0.5, augmented_share=0.5, steps=300, batch_size=10)
    drawn = np.concatenate(list(sampler))
    assert int(index.made[drawn].sum()) == 1500
    assert len(set(index.question_lang[drawn].tolist())) == 2


@settings(max_examples=40, deadline=None)
@given(shapes, mixes)
def test_the_planned_share_is_the_share_that_is_drawn(shape, mix):
    index = index_of(**shape)
    sampler = sampler_of(index, **mix)
    drawn = np.concatenate(list(sampler))
    if mix["augmented_share"] is not None:
        # Pairs of another kind stand in where a small language has no group left.
        assert abs(index.made[drawn].mean() - sampler.made_share) * len(drawn) <= len(drawn) / 4
    roomy = sampler_of(index_of(**{**shape, "groups": 60}), **mix)
    drawn = np.concatenate(list(roomy))
    if mix["augmented_share"] is not None:
        made = index_of(**{**shape, "groups": 60}).made[drawn].sum()
        assert made == round(roomy.made_share * len(drawn))


def test_the_share_is_told_where_none_is_asked_for():
    index = index_of(20)
    sampler = sampler_of(index, alpha=0.5)
    share, drawn = sampler.made_share, [pair for batch in sampler for pair in batch]
    assert share == pytest.approx(index.made[drawn].mean())
    assert 0 < share < 1


def test_a_step_that_lacks_made_pairs_is_made_up_for_by_later_ones():
    index = mixed_index({(1, 1): range(20), (3, 3): [0]})  # a Portuguese step has one at most
    batches = list(sampler_of(index, alpha=1, augmented_share=0.5, steps=50))
    made = [int(index.made[batch].sum()) for batch in batches]
    assert 1 in made
    assert sum(made) == 50 * 8 / 2


def test_where_a_batch_keeps_to_a_language_pair_what_stands_in_does_too():
    index = mixed_index({(1, 3): range(4), (3, 1): range(4, 8), (0, 1): range(8, 12)})
    batches = sampler_of(
        index, 12, alpha=0, augmented_share=0.5, language_pair_per="batch", steps=30
    )
    for batch in batches:  # six made pairs are wanted, and a language pair has four
        assert int(index.made[batch].sum()) == 4
        languages = index.question_lang[batch], index.passage_lang[batch]
        assert len(set(zip(*languages, strict=True))) == 1


def test_made_pairs_are_spread_over_the_language_pairs_of_a_batch():
    index = mixed_index(dict.fromkeys([(0, 1), (1, 3), (3, 1)], range(20)))
    drawn = np.concatenate(list(sampler_of(index, 12, alpha=0, augmented_share=0.5, steps=400)))
    for language in (0, 1, 3):
        made = index.made[drawn][index.question_lang[drawn] == language]
        assert abs(made.mean() - 0.5) < 5 * (0.25 / len(made)) ** 0.5


def test_share_zero_and_one_leave_the_other_kind_out():
    index = index_of(20, languages=2)
    native = np.concatenate(list(sampler_of(index, augmented_share=0, steps=60)))
    assert not index.made[native].any()
    made = np.concatenate(list(sampler_of(index, augmented_share=1, steps=60)))
    assert index.made[made].all()


def test_every_pair_has_its_turn_before_any_comes_again():
    index = index_of(24, languages=1, round_trips=False)
    drawn = Counter(np.concatenate(list(sampler_of(index, alpha=1, steps=9))).tolist())
    assert set(drawn.values()) == {3}  # 9 steps of 8 pairs: three passes over 24


def test_large_groups_do_not_pile_up():
    group = np.array([0] * 50 + list(range(1, 9)), dtype=np.int64)
    same = np.zeros(58, dtype=np.int64)
    index = PairIndex(group, same, same, np.zeros(58, dtype=np.bool_), ("en",))
    batches = list(sampler_of(index, alpha=1, batch_size=9, steps=100))
    assert all(sorted(group[batch].tolist()) == list(range(9)) for batch in batches)


def test_languages_are_drawn_uniformly_or_by_size():
    english, german = index_of(20, languages=1), 20
    index = PairIndex(
        np.concatenate([english.group, np.arange(german) + 100]),
        np.concatenate([english.question_lang, np.zeros(german, np.int64)]),
        np.concatenate([english.passage_lang, np.zeros(german, np.int64)]),
        np.concatenate([english.made, np.zeros(german, np.bool_)]),
        LANGUAGES,
    )  # 40 English pairs, 20 German ones
    for draw, expected in (("uniform", 1 / 2), ("size", 1 / 3)):
        batches = list(sampler_of(index, alpha=1, draw=draw, steps=900))
        share = sum(index.question_lang[batch[0]] == 0 for batch in batches) / 900
        assert abs(share - expected) < 4 * (expected * (1 - expected) / 900) ** 0.5


@pytest.mark.parametrize("per", ["example", "batch"])
def test_language_pairs_are_drawn_uniformly_or_by_size(per):
    index = mixed_index({(0, 1): range(20), (1, 3): []})  # 40 pairs, and 20
    for draw, expected in (("uniform", 1 / 2), ("size", 2 / 3)):
        mix = {"alpha": 0, "augmented_share": None, "draw": draw, "language_pair_per": per}
        batches = list(sampler_of(index, steps=900, **mix))
        share = np.mean(index.question_lang[np.concatenate(batches)] == 0)
        drawn = 900 * (1 if per == "batch" else 8)
        assert abs(share - expected) < 4 * (expected * (1 - expected) / drawn) ** 0.5


def test_cross_lingual_examples_each_draw_their_language_pair():
    index = index_of(30, languages=4)
    drawn = np.concatenate(list(sampler_of(index, alpha=0, batch_size=12, steps=400)))
    pairs = Counter(
        zip(index.question_lang[drawn].tolist(), index.passage_lang[drawn].tolist(), strict=True)
    )
    assert len(pairs) == 12
    expected = len(drawn) / 12
    assert all(abs(n - expected) < 5 * expected**0.5 for n in pairs.values())


def test_an_epoch_has_as_many_examples_as_there_are_pairs_by_default():
    index = index_of(20, languages=2)
    assert len(sampler_of(index, batch_size=7)) == len(index) // 7


def test_cross_lingual_batches_need_aligned_languages():
    with pytest.raises(TrainingError, match=r"alpha 0\.5 asks for cross-lingual.*--alpha 1"):
        sampler_of(index_of(20, languages=1))


def test_a_batch_larger_than_the_number_of_passages_is_refused():
    with pytest.raises(TrainingError, match="Lower --batch-size to 20"):
        sampler_of(index_of(20), batch_size=21, alpha=1)
    with pytest.raises(TrainingError, match="Lower --batch-size to 20"):
        sampler_of(index_of(20), batch_size=21, alpha=0)


@pytest.mark.parametrize("mix", [{"alpha": 1}, {"alpha": 0}])
def test_the_batch_size_that_is_advised_can_be_filled_on_all_ranks(mix):
    with pytest.raises(TrainingError, match="Lower --batch-size to 3 or less"):
        sampler_of(index_of(7), 8, world_size=2, **mix)
    assert sampler_of(index_of(7), 3, world_size=2, **mix)
    with pytest.raises(TrainingError, match="fewer than these 9 processes"):
        sampler_of(index_of(7), 8, world_size=9, **mix)


def test_a_language_too_small_for_a_batch_is_left_out_with_a_warning(caplog):
    index = index_of(20, languages=1)
    index = PairIndex(
        np.append(index.group, 99),
        np.append(index.question_lang, 0),
        np.append(index.passage_lang, 0),
        np.append(index.made, np.False_),
        LANGUAGES,
    )
    with caplog.at_level(logging.WARNING):
        sampler = sampler_of(index, alpha=1)
    assert sampler.languages["monolingual"] == ("en",)
    assert "de: 1" in caplog.text


@pytest.mark.parametrize("mix", [{"alpha": 1.5}, {"alpha": -0.1}, {"augmented_share": 2}])
def test_values_out_of_range_are_refused(mix):
    with pytest.raises(TrainingError, match="from 0 to 1"):
        hybrid_batches(**mix)


@pytest.mark.parametrize("mix", [{"draw": "sized"}, {"language_pair_per": "step"}])
def test_unknown_ways_to_draw_are_refused(mix):
    with pytest.raises(TrainingError, match=r"it must be \w+ or \w+"):
        hybrid_batches(**mix)


def test_the_index_is_read_from_the_columns_of_a_run(finished):
    from datasets import load_from_disk

    rows = load_from_disk(str(finished))["train"]
    index = PairIndex.of(rows)
    assert len(index) == len(rows)
    assert index.languages == ("en", "pt")
    assert index.made.tolist() == [method != "native" for method in rows["method"]]
    assert [index.languages[c] for c in index.passage_lang] == list(rows["passage_lang"])
    assert len(np.unique(index.group)) == len(set(rows["group_id"]))


def test_a_data_set_without_the_columns_is_refused():
    from datasets import Dataset

    with pytest.raises(TrainingError, match="has no group_id, question_lang"):
        PairIndex.of(Dataset.from_dict({"anchor": ["a"], "passage_lang": ["en"]}))


COLUMNS = {
    "group_id": ["a", "b"],
    "question_lang": ["en", "en"],
    "passage_lang": ["en", "pt"],
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"group_id": ["a", None]}, "group_id is empty in 1 of 2 pairs"),
        ({"passage_lang": ["en", None]}, "passage_lang is empty in 1"),
        ({"question_lang": [1, 2]}, "question_lang is of type int64; it must hold texts"),
        ({"group_id": [["a"], ["b"]]}, "group_id is of type list"),
        ({"method": ["native", None]}, "method is empty in 1"),
        ({"made": [True, None]}, "made is empty in 1"),
        ({"made": ["false", "true"]}, "made is of type string; it must hold true or false"),
    ],
)
def test_a_column_that_cannot_be_read_is_named(changes, said):
    from datasets import Dataset

    with pytest.raises(TrainingError, match=f"the column {said}"):
        PairIndex.of(Dataset.from_dict(COLUMNS | changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch_size": 0}, "batch_size is 0; it must be 1 or more"),
        ({"steps": -1}, "steps is -1; it must be 1 or more"),
        ({"world_size": -1}, "world_size is -1; it must be 1 or more"),
        ({"seed": -1}, "seed is -1; it must be 0 or more"),
        ({"steps": 1.5}, r"steps is 1\.5; it must be a whole number"),
    ],
)
def test_a_number_that_is_none_or_out_of_range_is_refused(changes, said):
    with pytest.raises(TrainingError, match=said):
        sampler_of(index_of(20), **changes)


def test_numbers_may_be_numpys():
    plain = sampler_of(index_of(20), 8, 3, 2, 1, alpha=0.5)
    given = sampler_of(index_of(20), *map(np.int64, (8, 3, 2, 1)), alpha=np.float32(0.5))
    assert list(given) == list(plain)
    assert given.state_dict() == plain.state_dict()
    assert type(given.state_dict()["seed"]) is int


def test_an_index_of_another_data_set_is_refused():
    from datasets import Dataset

    with pytest.raises(TrainingError, match=r"index is of \d+ pairs, the data set has 2"):
        HybridBatchSampler(Dataset.from_dict(COLUMNS), 1, pairs=index_of(20))


def test_a_data_set_without_pairs_is_told_as_such():
    with pytest.raises(TrainingError, match="has no pairs"):
        sampler_of(PairIndex(*([np.empty(0, np.int64)] * 3), np.empty(0, np.bool_), LANGUAGES))


def test_a_mix_that_leaves_no_pair_of_a_kind_is_told_as_such():
    index = index_of(20, languages=1, round_trips=False)
    with pytest.raises(TrainingError, match="no monolingual batch can be filled: no pair is of"):
        sampler_of(index, alpha=1, augmented_share=1)


def test_a_mix_and_its_fields_are_refused_together():
    with pytest.raises(TrainingError, match="a mix is given, and alpha as well"):
        hybrid_batches(BatchMix(alpha=1.0), alpha=0.2)
