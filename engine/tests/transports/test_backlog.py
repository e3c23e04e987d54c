"""What waits to be sent, and when writers are told to wait."""

from __future__ import annotations

import asyncio

import pytest

from hubwire.transports.backlog import HIGH_WATER_BYTES, Backlog

from .asgi_doubles import Listener


async def done() -> None:
    return


async def test_writers_are_paused_above_the_high_water_and_resumed_at_a_quarter_of_it() -> None:
    backlog, listener = Backlog(), Listener()
    backlog.attach(listener)
    quarter = HIGH_WATER_BYTES // 4
    for _ in range(4):
        backlog.add(b"x" * quarter)
    assert listener.events == []
    backlog.add(b"x")
    backlog.add(b"x")
    assert listener.events == ["pause"]
    assert len(backlog.take()) == 6
    assert not backlog
    await backlog.deliver(done(), 3 * quarter)
    assert listener.events == ["pause"]
    await backlog.deliver(done(), 2)
    assert listener.events == ["pause", "resume"]
    assert backlog.unsent_bytes == quarter


async def test_what_could_not_be_sent_comes_first_again_and_still_counts() -> None:
    backlog = Backlog()
    backlog.add(b"1")
    backlog.add(b"2")
    taken = backlog.take()

    async def fail() -> None:
        backlog.put_back(taken)
        raise OSError

    backlog.add(b"3")
    with pytest.raises(OSError):  # noqa: PT011 - the server's own error goes back to it
        await backlog.deliver(fail(), 2)
    assert backlog.unsent_bytes == 3
    assert backlog.take() == [b"1", b"2", b"3"]


async def test_a_send_that_fails_counts_no_more() -> None:
    async def fail() -> None:
        raise OSError

    backlog, listener = Backlog(), Listener()
    backlog.attach(listener)
    backlog.add(b"x" * 10)
    with pytest.raises(OSError):  # noqa: PT011 - the server's own error goes back to it
        await backlog.deliver(fail(), 10)
    assert backlog.unsent_bytes == 0
    await asyncio.sleep(0)
    assert listener.events == []


async def test_nobody_is_told_anything_once_detached() -> None:
    backlog, listener = Backlog(), Listener()
    backlog.attach(listener)
    backlog.attach(None)
    backlog.add(b"x" * (HIGH_WATER_BYTES + 1))
    await backlog.deliver(done(), HIGH_WATER_BYTES + 1)
    assert listener.events == []


async def test_whoever_is_attached_late_is_told_that_it_has_written_too_much() -> None:
    backlog, listener = Backlog(), Listener()
    backlog.add(b"x" * (HIGH_WATER_BYTES + 1))
    backlog.attach(listener)
    assert listener.events == ["pause"]
    backlog.take()
    await backlog.deliver(done(), HIGH_WATER_BYTES + 1)
    assert listener.events == ["pause", "resume"]
