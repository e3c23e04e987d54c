"""The limits: they trip, they tell when to come back, and they do not grow."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from app.tests.services.fakes import FakeClock

from meschain.auth.throttle import LoginThrottle, SlidingLimit, Throttled, network_of


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def test_the_limit_trips_and_says_when_it_ends(clock: FakeClock) -> None:
    limit = SlidingLimit(2, 60, clock.monotonic)
    limit.hit("a")
    await clock.advance(20)
    limit.hit("a")
    with pytest.raises(Throttled) as refused:
        limit.hit("a")
    assert refused.value.retry_after_seconds == 40
    limit.hit("b")
    await clock.advance(40)
    limit.hit("a")


async def test_a_refused_hit_does_not_count(clock: FakeClock) -> None:
    limit = SlidingLimit(1, 60, clock.monotonic)
    limit.hit("a")
    for _ in range(5):
        with pytest.raises(Throttled):
            limit.hit("a")
    await clock.advance(60)
    limit.hit("a")


async def test_memory_is_bounded_and_the_key_unused_for_longest_goes_first(clock: FakeClock) -> None:
    limit = SlidingLimit(2, 60, clock.monotonic, maximum_keys=3)
    for key in ("a", "b", "c", "a", "d"):
        limit.hit(key)
    assert len(limit) == 3
    with pytest.raises(Throttled):
        limit.hit("a")
    limit.hit("b")
    assert len(limit) == 3


async def test_keys_whose_hits_are_old_are_forgotten(clock: FakeClock) -> None:
    limit = SlidingLimit(2, 60, clock.monotonic)
    limit.hit("a")
    await clock.advance(61)
    limit.check("a")
    assert len(limit) == 0


async def test_what_others_tell_of_a_key_is_kept_up_to_the_limit_and_for_the_window(clock: FakeClock) -> None:
    limit = SlidingLimit(2, 60, clock.monotonic)
    for _ in range(3):
        limit.add("a")
        await clock.advance(10)
    assert list(limit._hits["a"]) == [1010.0, 1020.0]
    with pytest.raises(Throttled) as refused:
        limit.check("a")
    assert refused.value.retry_after_seconds == 40
    await clock.advance(50)
    limit.add("a")
    assert list(limit._hits["a"]) == [1080.0]


def test_retry_after_is_a_whole_second_at_least() -> None:
    assert Throttled(0.01).retry_after_seconds == 1
    assert Throttled(1.2).retry_after_seconds == 2


async def test_failures_count_by_user_whatever_the_address(clock: FakeClock) -> None:
    throttle = _throttle(clock)
    for number in range(3):
        throttle.attempt("Ada", f"203.0.113.{number}")
    with pytest.raises(Throttled):
        throttle.attempt("ÀDA ", "203.0.113.9")
    throttle.attempt("bob", "203.0.113.9")


async def test_failures_count_by_address_whatever_the_user(clock: FakeClock) -> None:
    throttle = _throttle(clock)
    for number in range(5):
        throttle.attempt(f"user{number}", "203.0.113.1")
    with pytest.raises(Throttled):
        throttle.attempt("somebody", "203.0.113.1")
    throttle.attempt("somebody", "203.0.113.2")


async def test_attempts_at_once_cannot_slip_through_before_one_has_failed(clock: FakeClock) -> None:
    throttle = _throttle(clock)
    passed = 0
    for _ in range(100):
        try:
            throttle.attempt("ada", "203.0.113.1")
        except Throttled:
            continue
        passed += 1
    assert passed == 3


async def test_success_clears_the_user_and_takes_back_one_of_the_address(clock: FakeClock) -> None:
    throttle = _throttle(clock)
    for number in range(4):
        throttle.attempt(f"user{number}", "203.0.113.1")
    throttle.attempt("ada", "203.0.113.1")
    throttle.succeeded("ada", "203.0.113.1")
    throttle.attempt("eve", "203.0.113.1")
    with pytest.raises(Throttled):
        throttle.attempt("eve", "203.0.113.1")


async def test_several_processes_count_together(clock: FakeClock) -> None:
    told: list[str] = []
    here, there = _throttle(clock, told.append), _throttle(clock)

    def pass_on() -> None:
        while told:
            there.hear(told.pop(0))

    for number in range(2):
        here.attempt("ada", f"203.0.113.{number}")
    here.undecided("ada")
    here.attempt("bob", "203.0.113.7")
    here.succeeded("bob", "203.0.113.7")
    pass_on()
    there.attempt("ada", "203.0.113.7")
    there.attempt("ada", "203.0.113.8")
    with pytest.raises(Throttled):
        there.attempt("ada", "203.0.113.9")
    for _ in range(3):
        here.attempt("bob", "203.0.113.7")
    pass_on()
    with pytest.raises(Throttled):
        there.attempt("bob", "203.0.113.5")
    assert told == []


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_one_customer_is_one_address(address: str, network: str) -> None:
    assert network_of(address) == network


def _throttle(clock: FakeClock, tell: Callable[[str], None] | None = None) -> LoginThrottle:
    return LoginThrottle(SlidingLimit(3, 60, clock.monotonic), SlidingLimit(5, 60, clock.monotonic), tell)
