"""How much may wait, and when reading goes on."""

from __future__ import annotations

import asyncio

from hubwire.client.backlog import MESSAGE_OVERHEAD_BYTES, Backlog


async def test_reading_pauses_above_the_first_bound_and_goes_on_below() -> None:
    backlog = Backlog(1000, 10_000)
    backlog.add(100)
    await backlog.until_readable()
    backlog.add(100)
    assert backlog.held_bytes == 2 * (100 + MESSAGE_OVERHEAD_BYTES)
    assert not backlog.may_read
    waiting = asyncio.ensure_future(backlog.until_readable())
    await asyncio.sleep(0)
    assert not waiting.done()
    backlog.take(100)
    await waiting


async def test_reading_goes_on_while_an_answer_is_awaited() -> None:
    backlog = Backlog(1000, 10_000)
    backlog.add(5000)
    waiting = asyncio.ensure_future(backlog.until_readable())
    await asyncio.sleep(0)
    with backlog.awaiting():
        await waiting
        assert backlog.may_read
    assert not backlog.may_read


async def test_a_wait_that_was_over_at_once_does_not_end_the_pause() -> None:
    backlog = Backlog(1000, 10_000)
    backlog.add(5000)
    waiting = asyncio.ensure_future(backlog.until_readable())
    await asyncio.sleep(0)
    with backlog.awaiting():
        pass
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    backlog.take(5000)
    await waiting


def test_the_second_bound_is_the_end() -> None:
    backlog = Backlog(1000, 2000)
    backlog.add(2000 - MESSAGE_OVERHEAD_BYTES)
    assert not backlog.is_full
    backlog.add(0)
    assert backlog.is_full
