"""What happens after a connection was lost: another one if the policy says so, with time that moves when told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from aiohttp import web

from hubwire.client import (
    AutomaticReconnect,
    ConnectionClosed,
    ConnectionState,
    HubConnection,
    NotConnected,
    RetryContext,
    ServerClosed,
    ServerTimeout,
    TransportFailed,
)
from hubwire.testing import FakeClock

from .conftest import Calls, Conformance, until
from .fake_server import EventStream, FakeServer, FakeSocket, redirect


class Told:
    """A connection and what it told."""

    def __init__(self, connection: HubConnection) -> None:
        self.connection = connection
        self.events: list[tuple[str, object]] = []
        connection.on_reconnecting(lambda error: self.events.append(("reconnecting", error)))
        connection.on_reconnected(lambda connection_id: self.events.append(("reconnected", connection_id)))
        connection.on_closed(lambda error: self.events.append(("closed", error)))

    async def start(self, fake: FakeServer) -> FakeSocket:
        """Start on a WebSocket of the fake server, which is returned."""
        starting = asyncio.ensure_future(self.connection.start())
        socket = await fake.connected()
        await starting
        return socket

    async def until(self, name: str) -> object:
        await until(lambda: self.events and self.events[-1][0] == name)
        return self.events[-1][1]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]


class Policy:
    """A policy that remembers what it was told, and lets time pass."""

    def __init__(self, delays_seconds: Sequence[float], clock: FakeClock) -> None:
        self.contexts: list[RetryContext] = []
        self._decide = AutomaticReconnect(delays_seconds)
        self._clock = clock

    def __call__(self, context: RetryContext, /) -> float | None:
        self.contexts.append(context)
        return self._decide(context)

    async def waits(self, attempts: int, seconds: float) -> None:
        """Wait until so many attempts have failed, and for the next one, which must be due in so many seconds."""
        await until(lambda: len(self.contexts) == attempts + 1 and self._clock.sleeping == 1)
        self._clock.advance(seconds - 0.5)
        await asyncio.sleep(0)
        assert self._clock.sleeping == 1
        self._clock.advance(0.5)


@pytest.fixture
def told(fake: FakeServer, clock: FakeClock) -> Told:
    return Told(HubConnection(fake.url, reconnect=AutomaticReconnect(), clock=clock))


async def test_a_lost_connection_comes_back_with_another_id(fake: FakeServer, told: Told) -> None:
    socket = await told.start(fake)
    waiting = asyncio.ensure_future(told.connection.invoke("Wait"))
    await socket.receive_call()
    socket.drop()
    with pytest.raises(ConnectionClosed):
        await waiting
    assert isinstance(await told.until("reconnecting"), TransportFailed)
    await fake.connected()
    assert await told.until("reconnected") == "id-2"
    assert told.connection.connection_id == "id-2"
    assert told.connection.state is ConnectionState.CONNECTED
    await told.connection.stop()
    assert told.names == ["reconnecting", "reconnected", "closed"]


async def test_attempts_are_made_after_each_delay_and_then_no_more(fake: FakeServer, clock: FakeClock) -> None:
    policy = Policy((0, 2, 10, 30), clock)
    told = Told(HubConnection(fake.url, reconnect=policy, clock=clock))
    socket = await told.start(fake)
    fake.negotiations += [lambda _: web.Response(status=503) for _ in range(4)]
    socket.drop()
    for attempts, seconds in enumerate((2, 10, 30), start=1):
        await policy.waits(attempts, seconds)
    assert "503" in str(await told.until("closed"))
    assert told.names == ["reconnecting", "closed"]
    assert len(fake.asked("POST", "/hub/negotiate")) == 5
    assert told.connection.state is ConnectionState.DISCONNECTED
    contexts = policy.contexts
    assert [context.previous_retries for context in contexts] == [0, 1, 2, 3, 4]
    assert [context.elapsed_seconds for context in contexts] == [0, 0, 2, 12, 42]
    assert isinstance(contexts[0].reason, TransportFailed)
    assert "503" in str(contexts[1].reason)


async def test_a_policy_that_gives_up_at_once_is_no_reconnecting(fake: FakeServer) -> None:
    told = Told(HubConnection(fake.url, reconnect=lambda _: None))
    (await told.start(fake)).drop()
    assert isinstance(await told.until("closed"), TransportFailed)
    assert told.names == ["closed"]


async def test_a_policy_that_raises_ends_the_connection_with_its_error(
    fake: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    def policy(context: RetryContext) -> float | None:
        raise ZeroDivisionError

    told = Told(HubConnection(fake.url, reconnect=policy))
    (await told.start(fake)).drop()
    assert isinstance(await told.until("closed"), ZeroDivisionError)
    assert "The connection failed" in caplog.text


async def test_without_a_policy_a_loss_is_the_end(fake: FakeServer) -> None:
    told = Told(HubConnection(fake.url))
    (await told.start(fake)).drop()
    assert isinstance(await told.until("closed"), TransportFailed)
    assert told.names == ["closed"]


async def test_a_socket_closed_without_a_close_message_is_a_loss(fake: FakeServer, told: Told) -> None:
    for code in (1000, 1011):
        socket = await told.start(fake)
        await socket.close(code)
        error = await told.until("reconnecting")
        assert error is None if code == 1000 else "closed with status code: 1011" in str(error)
        await fake.connected()
        await told.until("reconnected")
        await told.connection.stop()


async def test_a_close_that_allows_it_leads_to_another_connection(fake: FakeServer, told: Told) -> None:
    socket = await told.start(fake)
    await socket.send({"type": 7, "error": "restart", "allowReconnect": True})
    error = await told.until("reconnecting")
    assert isinstance(error, ServerClosed)
    assert await socket.closed() == 1000
    await fake.connected()
    await told.until("reconnected")
    await told.connection.stop()


@pytest.mark.parametrize("error", [None, "out"])
async def test_a_close_that_does_not_is_the_end(fake: FakeServer, told: Told, error: str | None) -> None:
    socket = await told.start(fake)
    await socket.send({"type": 7} if error is None else {"type": 7, "error": error})
    assert await socket.receive() == {"type": 7}
    assert await socket.closed() == 1000
    reason = await told.until("closed")
    assert reason is None if error is None else str(reason) == "Server returned an error on close: out"
    assert told.names == ["closed"]


async def polling(fake: FakeServer, clock: FakeClock) -> tuple[Told, EventStream]:
    """A connection that receives events and POSTs what it sends."""
    stream = EventStream()
    stream.send(b"data: {}\x1e\r\n\r\n")
    fake.gets.append(stream)
    transports = ["ServerSentEvents"]
    told = Told(HubConnection(fake.url, transports=transports, reconnect=AutomaticReconnect((1,)), clock=clock))
    await told.connection.start()
    while b'{"type":6}' not in await fake.posted.get():  # the handshake may come alone or with it
        pass
    return told, stream


async def test_a_close_that_is_under_way_counts_though_nothing_can_be_sent_any_more(
    fake: FakeServer, clock: FakeClock
) -> None:
    told, stream = await polling(fake, clock)
    fake.posts.append(web.Response(status=404))
    waiting = asyncio.ensure_future(told.connection.invoke("Leave"))
    await until(lambda: not fake.posts)
    stream.send(b'data: {"type":7}\x1e\r\n\r\n')
    with pytest.raises(ConnectionClosed, match="Invocation canceled"):
        await waiting
    assert await told.until("closed") is None
    assert told.names == ["closed"]
    stream.end()


async def test_a_connection_that_cannot_be_sent_to_is_lost_after_5_seconds(fake: FakeServer, clock: FakeClock) -> None:
    told, stream = await polling(fake, clock)
    fake.posts.append(web.Response(status=401))
    sending = asyncio.ensure_future(told.connection.send("Order", 1))
    await until(lambda: any("_give_up" in repr(task) for task in asyncio.all_tasks()))
    await until(lambda: clock.sleeping == 2)
    behind = asyncio.ensure_future(told.connection.send("Order", 2))
    clock.advance(5)
    for send in (sending, behind):
        with pytest.raises(ConnectionClosed, match="sending failed with status 401"):
            await send
    assert isinstance(await told.until("reconnecting"), TransportFailed)
    assert fake.posted.empty()
    stream.end()
    await told.connection.stop()


async def test_nonsense_from_the_server_is_the_end(fake: FakeServer, told: Told) -> None:
    socket = await told.start(fake)
    await socket.send({"type": 3})
    assert (await socket.receive())["error"].startswith("The server sent what is no hub message")
    await told.until("closed")
    assert told.names == ["closed"]


async def test_a_silent_server_is_lost_after_30_seconds(fake: FakeServer, told: Told, clock: FakeClock) -> None:
    socket = await told.start(fake)
    await until(lambda: clock.sleeping == 1)
    clock.advance(15)
    assert await socket.receive() == {"type": 6}
    await until(lambda: clock.sleeping == 1)
    clock.advance(15)
    assert isinstance(await told.until("reconnecting"), ServerTimeout)
    assert await socket.closed() == 1006
    await fake.connected()
    await told.connection.stop()


async def test_pings_of_both_sides_keep_it(fake: FakeServer, told: Told, clock: FakeClock) -> None:
    socket = await told.start(fake)
    for _ in range(5):
        await until(lambda: clock.sleeping == 1)
        clock.advance(15)
        assert await socket.receive() == {"type": 6}
        await socket.send({"type": 6}, {"type": 1, "target": "Seen", "arguments": []})
        seen = told.connection.on("Seen", Calls())
        await seen.until()
        told.connection.off("Seen")
    assert told.connection.state is ConnectionState.CONNECTED
    await told.connection.stop()


async def test_each_attempt_begins_at_the_first_address(fake: FakeServer, told: Told) -> None:
    fake.negotiations.append(redirect(f"{fake.url}?r=1"))
    socket = await told.start(fake)
    fake.negotiations.append(redirect(f"{fake.url}?r=2"))
    socket.drop()
    await fake.connected()
    await told.until("reconnected")
    assert [request.query.get("r") for request in fake.asked("POST", "/hub/negotiate")] == [None, "1", None, "2"]
    await told.connection.stop()


async def test_calls_are_refused_while_another_connection_is_made(
    fake: FakeServer, told: Told, clock: FakeClock
) -> None:
    socket = await told.start(fake)
    fake.negotiations.append(web.Response(status=503))
    socket.drop()
    await until(lambda: told.connection.state is ConnectionState.RECONNECTING)
    assert told.connection.connection_id is None
    for call in (told.connection.invoke("x"), told.connection.send("x"), anext(told.connection.stream("x"))):
        with pytest.raises(NotConnected, match="not in the 'Connected' State"):
            await call
    with pytest.raises(NotConnected, match="not in the 'Disconnected' state"):
        await told.connection.start()
    await told.connection.stop()
    assert told.events[-1] == ("closed", None)


async def test_a_stop_ends_the_attempts(fake: FakeServer, told: Told, clock: FakeClock) -> None:
    socket = await told.start(fake)
    socket.drop()
    late = await fake.socket()
    await late.receive()  # its handshake is never answered
    await told.connection.stop()
    assert told.events[-1] == ("closed", None)
    assert told.connection.state is ConnectionState.DISCONNECTED
    await late.closed()
    assert clock.sleeping == 0


async def test_messages_of_the_new_connection_come_after_the_news_of_it(fake: FakeServer, told: Told) -> None:
    told.connection.on("Order", lambda number: told.events.append(("order", number)))
    socket = await told.start(fake)
    await socket.send({"type": 1, "target": "Order", "arguments": [1]})
    await told.until("order")
    socket.drop()
    await fake.connected({"type": 1, "target": "Order", "arguments": [2]})
    assert await told.until("order") == 2
    assert told.names == ["order", "reconnecting", "reconnected", "order"]
    await told.connection.stop()


async def test_groups_can_be_joined_again_when_it_is_back(conformance: Conformance) -> None:
    connection = HubConnection(conformance.url, reconnect=AutomaticReconnect())
    message = connection.on("Message", Calls())

    @connection.on_reconnected
    async def join(_: str | None) -> None:
        await connection.invoke("AddToGroup", "admins")
        await connection.invoke("SendToGroups", ["admins"], "Message", "here")

    async with connection:
        first = connection.connection_id
        supervisor = connection._supervisor
        assert supervisor is not None
        assert supervisor.link is not None
        await supervisor.link._transport.abort()
        assert await message.until() == ["here"]
        assert connection.connection_id not in (None, first)


async def test_a_closed_connection_can_be_started_again_from_its_callback(fake: FakeServer) -> None:
    connection = HubConnection(fake.url)
    closed = Calls()

    @connection.on_closed
    async def again(error: BaseException | None) -> None:
        closed(error)
        if error is not None:
            await connection.start()

    (await Told(connection).start(fake)).drop()
    await fake.connected()
    await until(lambda: connection.state is ConnectionState.CONNECTED)
    assert connection.connection_id == "id-2"
    await connection.stop()
    assert len(closed.received) == 2


async def test_a_callback_that_raises_does_no_harm(
    fake: FakeServer, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    @told.connection.on_reconnecting
    def fail(_: object) -> None:
        raise RuntimeError("in a callback")

    (await told.start(fake)).drop()
    await fake.connected()
    await told.until("reconnected")
    await told.connection.stop()
    assert told.names == ["reconnecting", "reconnected", "closed"]
    assert "A callback raised" in caplog.text
