import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_augment.filtering.base import MADE_METHODS
from bt_augment.filtering.cascade import Threshold, judge
from bt_augment.filtering.registry import all_scores, build_filters, score_names


def values(*numbers):
    return np.array(numbers, dtype=np.float32)


def test_every_reason_of_a_row_is_named():
    scores = {"a.x": values(1, 5, 9), "b.y": values(1, 1, 0)}
    thresholds = [
        Threshold("a.x", MADE_METHODS, min=2, max=8),
        Threshold("b.y", MADE_METHODS, min=0.5),
    ]

    reasons = judge(scores, ["round_trip"] * 3, thresholds)

    assert reasons == [["a.x.low"], [], ["a.x.high", "b.y.low"]]


def test_a_value_on_the_threshold_is_accepted():
    threshold = Threshold("a.x", MADE_METHODS, min=0.1, max=0.1)

    assert judge({"a.x": values(0.1)}, ["pivot"], [threshold]) == [[]]


@pytest.mark.parametrize(("reject", "reasons"), [(True, ["a.x.null"]), (False, [])])
def test_unknown_is_no_pass_unless_the_recipe_says_so(reject, reasons):
    threshold = Threshold("a.x", MADE_METHODS, min=0, reject_null=reject)

    assert judge({"a.x": values(np.nan)}, ["translation"], [threshold]) == [reasons]
    assert judge({}, ["translation"], [threshold]) == [reasons]


def test_a_score_judges_only_the_methods_it_applies_to():
    threshold = Threshold("a.x", frozenset({"round_trip"}), min=50)

    reasons = judge(
        {"a.x": values(10, np.nan, 10)}, ["round_trip", "translation", "pivot"], [threshold]
    )

    assert reasons == [["a.x.low"], [], []]


@given(
    st.lists(st.one_of(st.none(), st.floats(-5, 5, width=32)), max_size=30),
    st.floats(-4, 0, width=32),
    st.floats(0, 4, width=32),
)
def test_judging_agrees_with_the_definition(numbers, low, high):
    scores = {"a.x": values(*(np.nan if n is None else n for n in numbers))}
    expected = [
        ["a.x.null"] if n is None else ["a.x.low"] * (n < low) + ["a.x.high"] * (n > high)
        for n in numbers
    ]

    assert (
        judge(scores, ["pivot"] * len(numbers), [Threshold("a.x", MADE_METHODS, low, high)])
        == expected
    )


def test_names_are_unique_and_have_a_family():
    names = score_names()

    assert len(set(names)) == len(names)
    assert all(name.count(".") == 1 for name in names)


def test_every_score_is_documented_and_can_reject():
    for score in all_scores():
        assert score.unit, score.name
        assert score.description.endswith("."), score.name
        assert score.min is not None or score.max is not None or not score.enabled, score.name


def test_only_the_filters_that_are_wanted_are_built():
    built = build_filters({"text.repetition"}, {})

    assert [type(f).__name__ for f in built] == ["TextFilter"]
