from __future__ import annotations

import pytest
from app.tests.services.fakes import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from meschain.services.ports import OpenConnection
from meschain.services.traffic import CONNECTION_EVENTS, ServiceTraffic, SlidingWindow, summed
from meschain.state.connections import SqlConnectionStore
from meschain.state.database import Database


async def test_nothing_measured_is_all_zero(clock: FakeClock) -> None:
    figures = SlidingWindow(clock).figures()
    assert (figures.requests, figures.failures, figures.p50_seconds, figures.p95_seconds) == (0, 0, 0.0, 0.0)
    assert figures.per_second == 0.0
    assert figures.connections == 0


async def test_rate_is_over_the_window_once_the_server_is_older_than_it(clock: FakeClock) -> None:
    window = SlidingWindow(clock, window_seconds=10)
    await clock.advance(100)
    for _ in range(50):
        window.record(0.01, failed=False)
    assert window.figures().per_second == 5.0


async def test_rate_of_a_young_server_is_over_its_life(clock: FakeClock) -> None:
    window = SlidingWindow(clock, window_seconds=60)
    await clock.advance(5)
    for _ in range(10):
        window.record(0.01, failed=False)
    assert window.figures().per_second == 2.0


async def test_what_is_older_than_the_window_is_forgotten(clock: FakeClock) -> None:
    window = SlidingWindow(clock, window_seconds=10)
    window.record(0.5, failed=True)
    await clock.advance(9)
    window.record(0.01, failed=False)
    assert (window.figures().requests, window.figures().failures) == (2, 1)
    await clock.advance(1)
    assert (window.figures().requests, window.figures().failures) == (1, 0)
    await clock.advance(1000)
    assert window.figures().requests == 0
    window.record(0.01, failed=False)  # into a slot that is long out of date
    assert window.figures().requests == 1


async def test_memory_does_not_grow_with_traffic(clock: FakeClock) -> None:
    window = SlidingWindow(clock, window_seconds=5)
    for _ in range(30):
        for _ in range(100):
            window.record(0.02, failed=False)
        await clock.advance(1)
    assert len(window._seconds) == 5
    assert {len(second.buckets) for second in window._seconds} == {96}


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 59.0, 1e6])
async def test_any_duration_has_a_bucket(clock: FakeClock, seconds: float) -> None:
    window = SlidingWindow(clock)
    window.record(seconds, failed=False)
    assert window.figures().requests == 1


@given(st.lists(st.floats(min_value=0.0002, max_value=30.0), min_size=1, max_size=300))
def test_percentiles_lie_within_a_bucket_of_the_truth(durations: list[float]) -> None:
    window = SlidingWindow(FakeClock())
    for seconds in durations:
        window.record(seconds, failed=False)
    figures = window.figures()
    ordered = sorted(durations)
    for share, measured in ((0.50, figures.p50_seconds), (0.95, figures.p95_seconds)):
        true = ordered[max(0, -(-len(ordered) * round(share * 100) // 100) - 1)]
        assert true / 1.16 <= measured <= true * 1.16


async def test_connections_are_those_that_the_counter_says(clock: FakeClock) -> None:
    window = SlidingWindow(clock)
    window.count_connections_by(lambda: 42)
    assert window.figures().connections == 42


async def test_a_window_under_a_second_is_refused(clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="window_seconds"):
        SlidingWindow(clock, window_seconds=0)


async def test_several_processes_are_added_up_and_one_that_is_gone_drops_out(clock: FakeClock) -> None:
    here, there = SlidingWindow(clock, window_seconds=10), SlidingWindow(clock, window_seconds=10)
    here.count_connections_by(lambda: 3)
    there.count_connections_by(lambda: 4)
    living = [there]
    service = ServiceTraffic(here, lambda: [each.numbers() for each in living])
    await clock.advance(20)
    for _ in range(90):
        here.record(0.01, failed=False)
    for _ in range(10):
        there.record(1.0, failed=True)
    figures = await service.figures()
    assert (figures.requests, figures.failures, figures.connections) == (100, 10, 7)
    assert (figures.per_second, figures.uptime_seconds, figures.window_seconds) == (10.0, 20.0, 10.0)
    # Of the requests of all together, not the mean of each process's own.
    assert figures.p50_seconds == pytest.approx(0.01, rel=0.15)
    assert figures.p95_seconds == pytest.approx(1.0, rel=0.15)
    living.clear()
    assert await service.figures() == here.figures()


async def test_the_uptime_is_that_of_the_oldest_process(clock: FakeClock) -> None:
    old = SlidingWindow(clock)
    await clock.advance(100)
    young = SlidingWindow(clock)
    await clock.advance(1)
    figures = await ServiceTraffic(young, lambda: [old.numbers()]).figures()
    assert figures.uptime_seconds == 101.0


async def test_connections_that_a_service_holds_are_counted_where_they_are_stored(
    clock: FakeClock, database: Database
) -> None:
    stored = SqlConnectionStore(database, clock)
    await stored.opened(OpenConnection("hub", "c1", ""))
    figures = await ServiceTraffic(SlidingWindow(clock), tuple, stored).figures()
    assert (figures.connections, figures.connections_source) == (1, CONNECTION_EVENTS)


async def test_what_another_version_tells_is_taken_as_far_as_it_is_known() -> None:
    figures = summed([{"bucket.10": 1, "bucket.5000": 1, "new": 7}], 60)
    assert (figures.requests, figures.connections) == (0, 0)
    assert figures.p50_seconds > 0


async def test_the_numbers_of_a_quiet_process_are_few(clock: FakeClock) -> None:
    assert len(SlidingWindow(clock).numbers()) == 5
