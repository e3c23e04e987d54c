"""A connection over the loss of its socket: against a scripted server, and against ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from hubwire.client import AutomaticReconnect, ConnectionClosed, ConnectionState, HubConnection, TransportFailed
from hubwire.client.phases import Phase
from hubwire.testing import FakeClock

from .conftest import Calls, Conformance, until
from .fake_server import FakeServer, FakeSocket


def call(number: int) -> dict[str, object]:
    return {"type": 1, "target": "Order", "arguments": [number]}


def sequence(number: int) -> dict[str, object]:
    return {"type": 9, "sequenceId": number}


@pytest.fixture
def connection(fake: FakeServer, clock: FakeClock) -> HubConnection:
    fake.offers_stateful_reconnect = True
    return HubConnection(fake.url, stateful_reconnect=True, reconnect=AutomaticReconnect(), clock=clock)


async def start(connection: HubConnection, fake: FakeServer, *glued: object) -> FakeSocket:
    starting = asyncio.ensure_future(connection.start())
    socket = await fake.socket()
    assert await socket.shake_hands(*glued) == {"protocol": "json", "version": 2}
    assert await socket.receive() == {"type": 6}
    await starting
    return socket


async def test_it_is_asked_for_and_only_a_websocket_has_it(fake: FakeServer, connection: HubConnection) -> None:
    await start(connection, fake)
    assert fake.asked("POST", "/hub/negotiate")[0].query["useStatefulReconnect"] == "true"
    await connection.stop()


async def test_without_the_servers_consent_a_loss_is_a_loss(fake: FakeServer, connection: HubConnection) -> None:
    fake.offers_stateful_reconnect = False
    starting = asyncio.ensure_future(connection.start())
    socket = await fake.socket()
    assert await socket.shake_hands() == {"protocol": "json", "version": 1}
    await starting
    reconnecting = connection.on_reconnecting(Calls())
    socket.drop()
    await reconnecting.until()
    await connection.stop()


async def test_another_transport_is_spoken_to_as_ever(fake: FakeServer) -> None:
    fake.offers_stateful_reconnect = True
    fake.gets += [web.Response(), web.Response(body=b"{}\x1e")]
    async with HubConnection(fake.url, stateful_reconnect=True, transports=["LongPolling"]):
        assert b'"version":1' in await fake.posted.get()


@pytest.mark.parametrize("loss", [FakeSocket.drop, FakeSocket.close], ids=["lost", "closed"])
async def test_a_lost_socket_is_replaced_and_nobody_notices(
    fake: FakeServer, connection: HubConnection, loss: Callable[[FakeSocket], object]
) -> None:
    reconnecting, orders = connection.on_reconnecting(Calls()), connection.on("Order", Calls())
    socket = await start(connection, fake)
    await socket.send(call(1))
    await orders.until()
    waiting = asyncio.ensure_future(connection.invoke("Work", 5))
    asked = await socket.receive_call()
    result = loss(socket)
    if result is not None:
        await result  # type: ignore[misc] # a coroutine
    again = await fake.socket()
    assert again.request.query["id"] == "token-1"
    assert await again.receive() == sequence(1)
    assert await again.receive() == asked
    await again.send(sequence(1), call(1), call(2), {"type": 3, "invocationId": "0", "result": "done"})
    assert await waiting == "done"
    assert await orders.until(2) == [1, 2]
    assert connection.state is ConnectionState.CONNECTED
    assert connection.connection_id == "id-1"
    assert reconnecting.received == []
    assert len(fake.asked("POST", "/hub/negotiate")) == 1
    await connection.stop()


async def test_what_arrived_is_acknowledged_a_second_later(
    fake: FakeServer, connection: HubConnection, clock: FakeClock
) -> None:
    orders = connection.on("Order", Calls())
    socket = await start(connection, fake, call(1))
    await socket.send(call(2))
    await orders.until(2)
    await until(lambda: clock.sleeping == 2)
    clock.advance(1)
    assert await socket.receive() == {"type": 8, "sequenceId": 2}
    await until(lambda: clock.sleeping == 1)
    await socket.send(call(3))
    await orders.until(3)
    await until(lambda: clock.sleeping == 2)
    clock.advance(1)
    assert await socket.receive() == {"type": 8, "sequenceId": 3}
    await connection.stop()


async def test_what_is_sent_without_a_socket_is_sent_on_the_next(fake: FakeServer, connection: HubConnection) -> None:
    socket = await start(connection, fake)
    socket.drop()
    again = await fake.socket()
    assert await again.receive() == sequence(1)
    for number in range(3):
        await connection.send("Order", number)
    assert [(await again.receive())["arguments"] for _ in range(3)] == [[0], [1], [2]]
    await again.send(sequence(1))
    await connection.stop()


async def test_a_send_waits_while_too_much_is_not_acknowledged(fake: FakeServer) -> None:
    fake.offers_stateful_reconnect = True
    connection = HubConnection(fake.url, stateful_reconnect=True, stateful_reconnect_buffer_bytes=100)
    socket = await start(connection, fake)
    await connection.send("Large", "x" * 200)
    first = asyncio.ensure_future(connection.send("Order", 1))
    second = asyncio.ensure_future(connection.send("Order", 2))
    assert (await socket.receive_call())["target"] == "Large"
    await socket.send({"type": 6}, {"type": 8, "sequenceId": 0})
    assert not first.done()
    await socket.send({"type": 8, "sequenceId": 1})
    await first
    await second
    assert [(await socket.receive_call())["arguments"] for _ in range(2)] == [[1], [2]]
    await connection.send("Large", "x" * 200)
    third = asyncio.ensure_future(connection.send("Order", 3))
    await asyncio.sleep(0)
    await connection.stop()
    with pytest.raises(ConnectionClosed):
        await third


async def test_a_refused_socket_leads_to_a_new_connection(fake: FakeServer, connection: HubConnection) -> None:
    reconnected = connection.on_reconnected(Calls())
    socket = await start(connection, fake)
    waiting = asyncio.ensure_future(connection.invoke("Work"))
    await socket.receive_call()
    fake.upgrades.append(web.Response(status=404))
    socket.drop()
    with pytest.raises(ConnectionClosed) as caught:
        await waiting
    assert isinstance(caught.value.__cause__, TransportFailed)
    again = await fake.socket()
    assert again.request.query["id"] == "token-2"
    assert (await again.shake_hands())["version"] == 2
    assert await reconnected.until() == ["id-2"]
    await connection.stop()


async def test_a_socket_lost_before_the_servers_sequence_is_the_last(
    fake: FakeServer, connection: HubConnection
) -> None:
    reconnecting = connection.on_reconnecting(Calls())
    (await start(connection, fake)).drop()
    again = await fake.socket()
    assert await again.receive() == sequence(1)
    again.drop()
    await reconnecting.until()
    await connection.stop()


async def test_after_a_close_message_no_other_socket_is_opened(fake: FakeServer, connection: HubConnection) -> None:
    socket = await start(connection, fake)
    closed = connection.on_closed(Calls())
    await socket.send({"type": 7})
    assert await closed.until() == [None]
    assert len(fake.asked("GET")) == 1


async def test_a_silent_socket_is_replaced(fake: FakeServer, connection: HubConnection, clock: FakeClock) -> None:
    socket = await start(connection, fake)
    for _ in range(2):
        await until(lambda: clock.sleeping == 1)
        clock.advance(15)
    assert await socket.closed() == 1006
    again = await fake.socket()
    assert await again.receive() == sequence(1)
    orders = connection.on("Order", Calls())
    await again.send(sequence(1), call(1))
    assert await orders.until() == [1]
    await until(lambda: clock.sleeping == 2)  # the keep-alive's time and the ack's
    clock.advance(1)
    assert await again.receive() == {"type": 8, "sequenceId": 1}
    for seconds in (14, 1):  # the ack was a word of ours
        await until(lambda: clock.sleeping == 1)
        clock.advance(seconds)
    assert await again.receive() == {"type": 6}
    await connection.stop()


async def test_a_new_token_is_asked_for_with_each_socket(fake: FakeServer) -> None:
    fake.offers_stateful_reconnect = True
    tokens = iter(("t1", "t2"))
    connection = HubConnection(fake.url, stateful_reconnect=True, access_token=lambda: next(tokens))
    (await start(connection, fake)).drop()
    await fake.socket()
    assert [request.headers["Authorization"] for request in fake.asked("GET")] == ["Bearer t1", "Bearer t2"]
    await connection.stop()


@pytest.mark.parametrize("protocol", ["json", "messagepack"])
async def test_our_own_server_goes_on_where_the_socket_was_lost(conformance: Conformance, protocol: str) -> None:
    connection = HubConnection(conformance.url, protocol=protocol, stateful_reconnect=True)
    closed, messages = connection.on_closed(Calls()), connection.on("Message", Calls())

    async def numbers() -> AsyncIterator[int]:
        for number in range(20):
            yield number
            if number % 7 == 3:
                await cut()

    async def cut() -> None:
        supervisor = connection._supervisor
        assert supervisor is not None
        assert supervisor.link is not None
        session = supervisor.link._session
        # A socket that is lost before the server's first word on it is not replaced again.
        await until(lambda: session.phase is not Phase.RESUMING)
        await supervisor.link._transport.abort()

    async with connection:
        connection_id = connection.connection_id
        held = asyncio.ensure_future(connection.invoke("HoldCancellable", "gate"))
        await conformance.events(connection_id, "holding")
        assert await connection.invoke("StreamingSum", numbers()) == sum(range(20))
        counted = []
        async for number in connection.stream("Counter", 50):
            counted.append(number)
            if number in (10, 30):
                await cut()
        assert counted == list(range(50))
        for number in range(10):
            await connection.send("StreamingTold", numbers())  # needs no permit, which the held call has
            await cut()
            if number == 3:
                async with HubConnection(conformance.url) as other:
                    assert await other.invoke("Release", "gate")
                assert await held == "gate"
        for number in range(10):
            await connection.send("SendToCaller", "Message", number)
            await cut()
        assert await messages.until(10) == list(range(10))
        assert connection.connection_id == connection_id
        assert await connection.invoke("GetCallerConnectionId") == connection_id
        assert closed.received == []
    assert await conformance.events(connection_id, "disconnected") == ["connected", "holding gate", "disconnected"]
