"""Token buckets: the rate in the long run, the burst after a pause, and who has been short for how long."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.rates import Rate, TokenBucket


def take_all(bucket: TokenBucket, now: float) -> int:
    count = bucket.available(now)
    bucket.take(count)
    return count


def test_a_full_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(Rate.over(10, 2.0), 0.0)
    assert take_all(bucket, 0.0) == 20
    assert take_all(bucket, 0.05) == 0
    assert take_all(bucket, 1.0) == 10
    assert take_all(bucket, 100.0) == 20


@given(st.lists(st.floats(0.0, 5.0), max_size=50), st.integers(1, 100), st.floats(1.0, 5.0))
def test_whatever_the_times_no_more_than_burst_and_rate_come_out(
    pauses: list[float], per_second: int, burst_seconds: float
) -> None:
    rate = Rate.over(per_second, burst_seconds)
    bucket, now, taken = TokenBucket(rate, 0.0), 0.0, take_all(TokenBucket(rate, 0.0), 0.0)
    taken = take_all(bucket, now)
    for pause in pauses:
        now += pause
        taken += take_all(bucket, now)
    assert taken <= rate.burst + now * per_second + 1e-6


def test_a_rate_of_one_a_second_lets_a_few_through_at_once() -> None:
    assert take_all(TokenBucket(Rate.over(1, 1.0), 0.0), 0.0) == 4


def test_time_that_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(Rate.over(10, 1.0), 5.0)
    take_all(bucket, 5.0)
    assert bucket.available(1.0) == 0
    assert bucket.available(5.05) == 0


def test_how_long_to_wait_for_one_is_told() -> None:
    bucket = TokenBucket(Rate.over(2, 2.0), 0.0)
    assert bucket.wait_seconds == 0.0
    take_all(bucket, 0.0)
    assert bucket.wait_seconds == pytest.approx(0.5)
    bucket.take(10)
    assert bucket.wait_seconds == pytest.approx(5.5)


def test_it_is_short_from_when_it_was_found_empty_until_it_is_half_full_again() -> None:
    bucket = TokenBucket(Rate.over(10, 2.0), 0.0)
    take_all(bucket, 0.0)
    assert bucket.short_since == math.inf  # nobody has asked in vain
    assert take_all(bucket, 0.0) == 0
    for now in (0.5, 1.0, 1.5):
        assert take_all(bucket, now) == 5
        assert take_all(bucket, now) == 0
        assert bucket.short_since == 0.0
    bucket.available(2.6)
    assert bucket.short_since == math.inf
