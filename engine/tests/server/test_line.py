"""A server's connection keeps the promises of `Line`, also while its transport is held up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hubwire import Hub, HubServer, ServerOptions
from hubwire.ports import Line
from hubwire.server.connection import Connection
from hubwire.server.hosted import Opening
from hubwire.testing import FakeClock, make_caller
from hubwire.testing.specs import LinePeer, LineSpec
from hubwire.transports.memory import MemoryTransport
from hubwire.wire.framing import RECORD_SEPARATOR
from hubwire.wire.json_codec import JSON
from hubwire.wire.messages import Ack, Completion, Message, Ping, Sequence
from hubwire.wire.negotiation import WEBSOCKETS

_UNSEEN = (Ping, Ack, Sequence)
"""What clients keep to themselves."""


class Quiet(Hub):
    """Does nothing."""


class WebSocket(MemoryTransport):
    """A transport without a wire that calls itself a WebSocket."""

    name = WEBSOCKETS


class TransportPeer:
    """The client at the other end of a transport without a wire."""

    def __init__(self, connection: Connection, transport: MemoryTransport, clock: FakeClock) -> None:
        self.connection = connection
        self.transport = transport
        self.clock = clock

    async def received(self, count: int) -> list[Message]:
        return self._messages()  # this transport delivers at once

    async def settle(self) -> None:
        return None

    async def vanish(self) -> None:
        self.connection.abort()

    async def answer(self, completion: Completion) -> None:
        self.connection.feed(JSON.encode(completion))

    async def pass_time(self, seconds: float) -> None:
        await self.clock.until_sleeping()
        self.clock.advance(seconds)
        await self.clock.until_sleeping()  # the timers have run

    def _messages(self) -> list[Message]:
        records = b"".join(self.transport.written).split(RECORD_SEPARATOR)[1:]  # the first answers the handshake
        messages = [JSON.decode(record) for record in records if record]
        return [message for message in messages if message is not None and not isinstance(message, _UNSEEN)]


class TestConnection(LineSpec):
    """A connection of a running server whose transport takes everything."""

    is_stateful = False

    @asynccontextmanager
    async def create(self) -> AsyncIterator[tuple[Line, LinePeer]]:
        clock = FakeClock()
        server = HubServer(options=ServerOptions(drain_seconds=0), clock=clock)
        server.add(Quiet, path="/quiet")
        (hub,) = server.endpoint.admission.hosted
        async with server.lifespan():
            transport = WebSocket()
            connection = server.endpoint.open(Opening(hub, make_caller(), "token", self.is_stateful), transport)
            assert isinstance(connection, Connection)
            transport.receiver = connection
            connection.feed(b'{"protocol":"json","version":2}' + RECORD_SEPARATOR)
            connection.feed(JSON.encode(Ping()))
            yield connection, self.peer_of(connection, transport, clock)
            connection.lost(None)

    def peer_of(self, connection: Connection, transport: MemoryTransport, clock: FakeClock) -> LinePeer:
        return TransportPeer(connection, transport, clock)


class SlowPeer(TransportPeer):
    """Reads only when it is asked what it has received."""

    async def received(self, count: int) -> list[Message]:
        self.connection.resume_writing()
        return await super().received(count)


class TestConnectionOfASlowReader(TestConnection):
    """One whose transport is held up from the start."""

    def peer_of(self, connection: Connection, transport: MemoryTransport, clock: FakeClock) -> LinePeer:
        connection.pause_writing()
        return SlowPeer(connection, transport, clock)


class TestStatefulConnection(TestConnection):
    """One that would outlive its transport."""

    is_stateful = True
