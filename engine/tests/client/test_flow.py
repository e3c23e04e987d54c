"""A client that is slower than its server, and handlers that need the socket which they hold up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from hubwire.client import ConnectionState, HubConnection, ReceiveBufferFull

from .conftest import TIMEOUT_SECONDS, Calls, Conformance, until
from .fake_server import FakeServer


async def test_a_slow_reader_of_a_stream_holds_the_server_back(conformance: Conformance) -> None:
    connection = HubConnection(conformance.url, receive_pause_bytes=20_000)
    async with connection, aclosing(connection.stream("Flood", 1000)) as flood:
        supervisor = connection._supervisor
        assert supervisor is not None
        for _ in range(200):
            await anext(flood)
            for _ in range(10):
                await asyncio.sleep(0)
            # One chunk from the socket may come in after the pause is due.
            assert supervisor._backlog.held_bytes < 20_000 + 512 * 1024


async def test_a_stream_can_be_read_with_a_call_for_each_item(conformance: Conformance) -> None:
    connection = HubConnection(conformance.url, receive_pause_bytes=2_000)
    async with connection:
        async for number in connection.stream("Counter", 2_000):
            if number % 20 == 0:
                assert await connection.invoke("Echo", number) == number


async def test_a_stream_that_outgrows_the_limit_fails_alone(conformance: Conformance) -> None:
    connection = HubConnection(conformance.url, receive_pause_bytes=1_000, receive_limit_bytes=1_000_000)
    async with connection:
        flood = connection.stream("Flood", 1000)
        await anext(flood)
        held = asyncio.ensure_future(connection.invoke("HoldCancellable", "for ever"))  # keeps the socket read
        with pytest.raises(ReceiveBufferFull, match=r"1000000 B.* for Flood.*receive_limit_bytes"):
            await _read_with_a_stream_for_each_item(flood, connection)
        assert not held.done()
        assert [number async for number in connection.stream("Counter", 5)] == [0, 1, 2, 3, 4]


async def _read_with_a_stream_for_each_item(items: AsyncIterator[object], connection: HubConnection) -> None:
    async for _ in items:
        assert [number async for number in connection.stream("Counter", 5)] == [0, 1, 2, 3, 4]


async def test_handlers_that_are_too_slow_hold_the_server_back(fake: FakeServer) -> None:
    connection = HubConnection(fake.url, receive_pause_bytes=50_000)
    gate, seen = asyncio.Event(), list[int]()

    @connection.on("Order")
    async def order(number: int, text: str) -> None:
        await gate.wait()
        seen.append(number)

    starting = asyncio.ensure_future(connection.start())
    socket = await fake.connected()
    await starting
    sending = asyncio.ensure_future(
        asyncio.wait_for(
            socket.send_many({"type": 1, "target": "Order", "arguments": [n, "x" * 10_000]} for n in range(2000)),
            TIMEOUT_SECONDS,
        )
    )
    supervisor = connection._supervisor
    assert supervisor is not None
    await until(lambda: not supervisor._backlog.may_read)
    for _ in range(100):
        await asyncio.sleep(0)
    assert not sending.done()
    assert supervisor._backlog.held_bytes < 1_000_000
    gate.set()
    await sending
    await until(lambda: len(seen) == 2000)
    assert seen == list(range(2000))
    await connection.stop()


async def test_handlers_that_outgrow_the_limit_end_the_connection(fake: FakeServer) -> None:
    connection = HubConnection(fake.url, receive_pause_bytes=1_000, receive_limit_bytes=5_000)
    closed = connection.on_closed(Calls())
    order_call = {"type": 1, "target": "Order", "arguments": list[object]()}

    @connection.on("Order")
    async def order() -> None:
        await connection.invoke("Never")  # needs the socket to be read, so what comes cannot be left in it

    starting = asyncio.ensure_future(connection.start())
    socket = await fake.connected()
    await starting
    await socket.send(order_call)
    assert (await socket.receive_call())["target"] == "Never"
    await socket.send(*[order_call] * 20)
    close = await socket.receive_call()
    assert "most of it for the handlers" in close["error"]
    (error,) = await closed.until()
    assert isinstance(error, ReceiveBufferFull)
    assert connection.state is ConnectionState.DISCONNECTED


async def test_a_handler_may_stop_the_connection(conformance: Conformance) -> None:
    connection = HubConnection(conformance.url)
    closed = connection.on_closed(Calls())
    after = Calls()

    @connection.on("Message")
    async def message(text: str) -> None:
        await connection.stop()
        after(connection.state)

    await connection.start()
    await connection.send("InvokeWithString", "stop")
    assert await closed.until() == [None]
    assert after.received == [ConnectionState.DISCONNECTED]


async def test_a_stop_ends_a_handler_that_would_never_end(conformance: Conformance) -> None:
    connection = HubConnection(conformance.url)
    began, ended = asyncio.Event(), Calls()

    @connection.on("Message")
    async def message(text: str) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended(text)

    async with connection:
        await connection.send("InvokeWithString", "first")
        await connection.send("InvokeWithString", "second")
        await began.wait()
    assert ended.received == ["first"]
