from __future__ import annotations

import asyncio

import pytest
from app.tests.services.conftest import Run
from app.tests.services.fakes import FakeClock, settle

from meschain.services.waiting import Pace, Wakeup, within


async def test_a_result_in_time_is_returned(clock: FakeClock) -> None:
    async def work() -> str:
        return "done"

    assert await within(clock, 5, work()) == "done"


async def test_an_error_in_time_is_raised(clock: FakeClock) -> None:
    async def work() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await within(clock, 5, work())


async def test_what_takes_too_long_is_cancelled_before_the_error_is_raised(clock: FakeClock) -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.create_task(within(clock, 5, work()))
    await clock.advance(4.9)
    assert not waiting.done()
    await clock.advance(0.1)
    with pytest.raises(TimeoutError):
        await waiting
    assert ended.is_set()


async def test_cancelling_the_waiter_cancels_the_work(clock: FakeClock) -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.create_task(within(clock, 5, work()))
    await settle()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.is_set()


async def test_a_wakeup_ends_by_time_or_by_being_set(clock: FakeClock, run: Run) -> None:
    wakeup = Wakeup(clock)
    woken: list[bool] = []

    async def loop() -> None:
        while True:
            woken.append(await wakeup.wait(5))

    await run(loop)
    await clock.advance(5)
    assert woken == [False]
    for _ in range(3):
        wakeup.set()
    await settle()
    assert woken == [False, True]


async def test_beats_are_apart_however_long_each_takes_and_late_ones_are_not_made_up_for(
    clock: FakeClock, run: Run
) -> None:
    beats: list[float] = []
    durations = [0.0, 0.5, 3.5, 0.0, 0.0]

    async def work() -> None:
        pace = Pace(clock, 1.0)
        for duration in durations:
            beats.append(clock.monotonic())
            await clock.sleep(duration)
            await pace.next()

    start = clock.monotonic()
    await run(work)
    for _ in range(20):
        await clock.advance(0.5)
    assert [beat - start for beat in beats] == [0.0, 1.0, 2.0, 5.5, 6.5]
