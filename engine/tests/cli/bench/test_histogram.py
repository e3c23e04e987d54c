"""The histogram against the sorted list that it stands for."""

from __future__ import annotations

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.cli.bench.histogram import MAXIMUM_MICROSECONDS, SUB_BUCKETS, Histogram

DURATIONS = st.lists(st.integers(0, 10**9), min_size=1, max_size=200)
FRACTIONS = st.floats(0.001, 1.0)


def histogram_of(values: list[int]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


@given(DURATIONS, FRACTIONS)
def test_a_quantile_is_the_true_one_or_a_little_above(values: list[int], fraction: float) -> None:
    true = sorted(values)[max(math.ceil(fraction * len(values)), 1) - 1]
    quantile = histogram_of(values).quantile(fraction)
    assert quantile is not None
    assert true <= quantile <= true * (1 + 1 / SUB_BUCKETS)
    assert quantile <= max(values)


@given(st.lists(DURATIONS, min_size=1, max_size=5))
def test_merged_histograms_are_the_histogram_of_all(parts: list[list[int]]) -> None:
    merged = Histogram().merge(histogram_of(part) for part in parts)
    whole = histogram_of([value for part in parts for value in part])
    assert (merged.buckets, merged.count, merged.maximum) == (whole.buckets, whole.count, whole.maximum)


def test_without_a_duration_there_is_no_quantile() -> None:
    assert Histogram().quantile(0.5) is None


@pytest.mark.parametrize(("value", "counted"), [(-5, 0), (MAXIMUM_MICROSECONDS + 1, MAXIMUM_MICROSECONDS)])
def test_what_is_out_of_range_counts_at_its_end(value: int, counted: int) -> None:
    assert histogram_of([value]).quantile(1.0) == counted


def test_there_is_an_end_to_the_buckets() -> None:
    histogram = Histogram()
    for exponent in range(40):
        for step in range(2 * SUB_BUCKETS):
            histogram.add(2**exponent + (step << max(exponent - 7, 0)))
    assert max(histogram.buckets) < 1984


def test_what_is_taken_is_counted_no_more_and_travels_between_processes() -> None:
    histogram = histogram_of([1, 2, 3])
    taken = pickle.loads(pickle.dumps(histogram.taken()))  # noqa: S301 - our own bytes
    assert (taken.count, taken.maximum, taken.quantile(0.5)) == (3, 3, 2)
    assert (histogram.count, histogram.maximum, histogram.buckets) == (0, 0, {})
