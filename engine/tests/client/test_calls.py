"""What calls wait for."""

from __future__ import annotations

import asyncio

import pytest

from hubwire.client import ConnectionClosed, ReceiveBufferFull
from hubwire.client.backlog import Backlog
from hubwire.client.calls import Calls
from hubwire.wire.messages import Completion, StreamItem


@pytest.fixture
def backlog() -> Backlog:
    return Backlog(1000, 2000)


@pytest.fixture
def calls(backlog: Backlog) -> Calls:
    return Calls(backlog)


async def test_an_answer_reaches_its_call(calls: Calls) -> None:
    first, second = calls.begin("1"), calls.begin("2")
    calls.receive(Completion("2", "b"), 1)
    calls.receive(Completion("1", "a"), 1)
    calls.receive(Completion("1", "again"), 1)
    assert [(await first).result, (await second).result] == ["a", "b"]
    calls.forget("1")
    calls.forget("2")
    calls.receive(Completion("1", "late"), 1)
    assert len(calls) == 0


async def test_items_come_in_order_and_before_the_end(calls: Calls, backlog: Backlog) -> None:
    inbox = calls.begin_stream("1", "Count")
    calls.receive(StreamItem("1", "a"), 10)
    calls.receive(StreamItem("1", "b"), 10)
    calls.receive(Completion("1"), 10)
    assert [await inbox.next() for _ in range(3)] == [StreamItem("1", "a"), StreamItem("1", "b"), Completion("1")]
    assert inbox.has_ended
    assert backlog.held_bytes == 0


async def test_who_waits_for_an_item_keeps_the_socket_read(calls: Calls, backlog: Backlog) -> None:
    backlog.add(1500)
    inbox = calls.begin_stream("1", "Count")
    waiting = asyncio.ensure_future(inbox.next())
    await asyncio.sleep(0)
    assert backlog.may_read
    calls.receive(StreamItem("1", "a"), 10)
    assert await waiting == StreamItem("1", "a")
    assert not backlog.may_read


async def test_the_stream_that_holds_the_most_is_the_one_that_fails(calls: Calls, backlog: Backlog) -> None:
    slow, quick = calls.begin_stream("1", "Flood"), calls.begin_stream("2", "Count")
    for _ in range(3):
        calls.receive(StreamItem("1", "x"), 400)
    calls.receive(StreamItem("2", "y"), 400)
    was_full = backlog.is_full
    assert calls.fail_largest_stream() == "1"
    assert (was_full, backlog.is_full) == (True, False)
    calls.receive(StreamItem("1", "x"), 400)
    with pytest.raises(ReceiveBufferFull, match=r"2000 B.* for Flood"):
        await slow.next()
    assert not slow.has_ended
    assert await quick.next() == StreamItem("2", "y")
    assert backlog.held_bytes == 0


async def test_no_stream_fails_when_handlers_hold_more(calls: Calls, backlog: Backlog) -> None:
    assert calls.fail_largest_stream() is None
    calls.begin_stream("1", "Flood")
    calls.receive(StreamItem("1", "x"), 400)
    backlog.add(2000)
    assert calls.fail_largest_stream() is None


async def test_a_forgotten_stream_holds_nothing(calls: Calls, backlog: Backlog) -> None:
    calls.begin_stream("1", "Flood")
    calls.receive(StreamItem("1", "x"), 400)
    calls.forget("1")
    calls.receive(StreamItem("1", "x"), 400)
    assert backlog.held_bytes == 0


async def test_the_end_of_the_connection_ends_every_wait(calls: Calls) -> None:
    call, inbox = calls.begin("1"), calls.begin_stream("2", "Count")
    left = calls.begin("3")
    left.cancel()
    unread = calls.begin("4")
    calls.receive(StreamItem("2", "a"), 1)
    calls.fail(OSError("cut"))
    with pytest.raises(ConnectionClosed, match="cut"):
        await call
    assert await inbox.next() == StreamItem("2", "a")
    with pytest.raises(ConnectionClosed, match="cut"):
        await inbox.next()
    for call_id in ("1", "2", "3", "4"):
        calls.forget(call_id)
    assert unread.done()
