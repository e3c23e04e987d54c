"""Time limits on a clock that moves when told."""

from __future__ import annotations

import asyncio

import pytest

from hubwire.client.timing import within
from hubwire.testing import FakeClock


async def test_what_is_done_in_time_returns_or_raises_as_it_does(clock: FakeClock) -> None:
    async def work() -> int:
        return 5

    async def fail() -> None:
        raise KeyError("x")

    assert await within(clock, 1, work()) == 5
    with pytest.raises(KeyError):
        await within(clock, 1, fail())
    assert clock.sleeping == 0


async def test_what_is_not_is_cancelled_before_the_error_is_raised(clock: FakeClock) -> None:
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    waiting = asyncio.ensure_future(within(clock, 1, work()))
    await clock.until_sleeping()
    clock.advance(1)
    with pytest.raises(TimeoutError, match="1 s"):
        await waiting
    assert cancelled.is_set()


async def test_a_cancelled_wait_cancels_the_work(clock: FakeClock) -> None:
    event = asyncio.Event()
    waiting = asyncio.ensure_future(within(clock, 1, event.wait()))
    await clock.until_sleeping()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert clock.sleeping == 0
