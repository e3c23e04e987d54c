"""The fake clock moves only when told."""

from __future__ import annotations

import asyncio

import pytest

from hubwire.testing import FakeClock


async def test_sleepers_wake_in_the_order_of_their_times() -> None:
    clock = FakeClock()
    woken: list[float] = []

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    async with asyncio.TaskGroup() as tasks:
        sleepers = [tasks.create_task(sleep(seconds)) for seconds in (3, 1, 2)]
        await clock.until_sleeping(3)
        clock.advance(2)
        await sleepers[2]
        assert woken == [1, 2]
        assert clock.sleeping == 1
        clock.advance(1)
    assert woken == [1, 2, 3]


async def test_both_times_move_together() -> None:
    clock = FakeClock(100.0)
    clock.advance(1.5)
    assert (clock.monotonic(), clock.time()) == (1.5, 101.5)


async def test_no_sleep_lasts_no_time() -> None:
    await FakeClock().sleep(0)


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = FakeClock()
    sleeper = asyncio.create_task(clock.sleep(1))
    await clock.until_sleeping()
    sleeper.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeper
    assert clock.sleeping == 0
    clock.advance(1)


def test_time_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="does not go back"):
        FakeClock().advance(-1)
