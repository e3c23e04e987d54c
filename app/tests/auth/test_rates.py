"""The bucket of each key: takes many at once, fills with time, and remembers a bounded number of keys."""

from __future__ import annotations

import pytest
from app.tests.services.fakes import FakeClock

from meschain.auth.rates import WeightedLimit
from meschain.auth.throttle import Throttled


async def test_a_minutes_worth_may_come_at_once_and_then_at_the_rate() -> None:
    clock = FakeClock()
    limit = WeightedLimit(600, clock.monotonic)
    for _ in range(6):
        limit.take("key", 100)
    limit.take("other", 100)
    with pytest.raises(Throttled) as refused:
        limit.take("key", 100)
    assert refused.value.retry_after_seconds == 10
    await clock.advance(10)
    limit.take("key", 100)
    with pytest.raises(Throttled):
        limit.take("key", 1)


async def test_a_refusal_costs_nothing_and_a_pause_gives_no_more_than_a_minute() -> None:
    clock = FakeClock()
    limit = WeightedLimit(60, clock.monotonic)
    limit.take("key", 30)
    with pytest.raises(Throttled):
        limit.take("key", 31)
    limit.take("key", 30)
    await clock.advance(3600)
    limit.take("key", 60)
    with pytest.raises(Throttled):
        limit.take("key", 1)


def test_what_never_fits_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="send fewer"):
        WeightedLimit(60, FakeClock().monotonic).take("key", 61)


def test_keys_unused_for_longest_are_forgotten() -> None:
    limit = WeightedLimit(60, FakeClock().monotonic, maximum_keys=2)
    for key in ("a", "b", "c"):
        limit.take(key, 60)
    assert len(limit) == 2
    limit.take("a", 60)
