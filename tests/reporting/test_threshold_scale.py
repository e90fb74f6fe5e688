"""Codes say on which side of a stop a stored score is, exactly as the filters decide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_augment.filtering.cascade import Threshold, judge
from bt_augment.reporting.threshold_scale import MAX_STOPS, UNKNOWN, codes, nearest, stops

VALUES = st.lists(
    st.floats(-1e6, 1e6, width=32) | st.integers(0, 3).map(float) | st.just(float("nan")),
    min_size=1, max_size=60,
)  # fmt: skip
THRESHOLD = st.none() | st.floats(-1e6, 1e6) | st.sampled_from([0.0, 0.1, 0.95, 1.0, 2.5])


@given(VALUES, THRESHOLD, THRESHOLD)
def test_a_threshold_at_any_stop_rejects_the_rows_that_the_filters_reject(values, low, high):
    array = np.array(values, dtype=np.float32)
    scale = stops(array, (low, high))
    coded = codes(array, scale)
    methods = ["round_trip"] * len(array)
    for i in {0, len(scale) // 2, len(scale) - 1}:
        for side, outside in (("min", coded < 2 * i + 1), ("max", coded > 2 * i + 1)):
            threshold = Threshold("a.b", frozenset(methods), reject_null=False, **{side: scale[i]})
            reasons = judge({"a.b": array}, methods, [threshold])
            assert [bool(r) for r in reasons] == (outside & (coded != UNKNOWN)).tolist()
    assert (coded == UNKNOWN).tolist() == np.isnan(array).tolist()


@given(VALUES, THRESHOLD, THRESHOLD)
def test_stops_ascend_and_hold_the_thresholds_of_the_run(values, low, high):
    scale = stops(np.array(values, dtype=np.float32), (low, high))
    stored = np.array(scale, dtype=np.float32)
    assert 1 <= len(scale) <= MAX_STOPS
    assert (np.diff(stored) > 0).all()
    assert {np.float32(t) for t in (low, high) if t is not None} <= set(stored)


@given(VALUES)
def test_each_known_value_is_in_one_bar(values):
    array = np.array(values, dtype=np.float32)
    scale = stops(array, (None, None))
    counts = nearest(array, scale)
    assert len(counts) == len(scale)
    assert counts.sum() == np.isfinite(array).sum()


def test_stops_are_round_numbers_a_person_would_write():
    values = np.random.default_rng(0).uniform(31, 98, 5000).astype(np.float32)
    scale = stops(values, (35.0, 97.0), (0.0, 100.0))
    assert 35.0 in scale
    assert 97.0 in scale
    assert all(value * 2 == round(value * 2) for value in scale)


def test_a_threshold_far_from_all_values_does_not_stretch_the_scale():
    values = np.random.default_rng(0).uniform(400, 900, 5000).astype(np.float32)
    scale = stops(values, (20.0, 20_000.0))
    assert scale[0] >= 20.0
    assert scale[-1] == 20_000.0
    assert scale[-2] < 1000


@pytest.mark.parametrize("values", [[0.0, 0.5, 1.0], [2.0], [float("nan")]])
def test_few_distinct_values_are_the_stops(values):
    array = np.array(values * 10, dtype=np.float32)
    assert stops(array, (1.0, None)) == sorted({v for v in values if v == v} | {1.0})
