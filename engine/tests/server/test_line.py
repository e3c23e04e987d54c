"""A server's connection keeps the promises of `Line`, also while its transport is held up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hubwire import Hub, HubServer, ServerOptions
from hubwire.ports import Line
from hubwire.server.connection import Connection
from hubwire.server.hosted import Opening
from hubwire.testing import make_caller
from hubwire.testing.specs import LinePeer, LineSpec
from hubwire.transports.memory import MemoryTransport
from hubwire.wire.framing import RECORD_SEPARATOR
from hubwire.wire.json_codec import JSON
from hubwire.wire.messages import Message, Ping


class Quiet(Hub):
    """Does nothing."""


class TransportPeer:
    """The client at the other end of a transport without a wire."""

    def __init__(self, connection: Connection, transport: MemoryTransport) -> None:
        self.connection = connection
        self.transport = transport

    async def received(self, count: int) -> list[Message]:
        return self._messages()  # this transport delivers at once

    async def settle(self) -> None:
        return None

    async def vanish(self) -> None:
        self.connection.lost(ConnectionResetError("vanished"))

    def _messages(self) -> list[Message]:
        records = b"".join(self.transport.written).split(RECORD_SEPARATOR)[1:]  # the first answers the handshake
        messages = [JSON.decode(record) for record in records if record]
        return [message for message in messages if message is not None and not isinstance(message, Ping)]


class TestConnection(LineSpec):
    """A connection of a running server whose transport takes everything."""

    @asynccontextmanager
    async def create(self) -> AsyncIterator[tuple[Line, LinePeer]]:
        server = HubServer(options=ServerOptions(drain_seconds=0))
        server.add(Quiet, path="/quiet")
        (hub,) = server.endpoint.admission.hosted
        async with server.lifespan():
            transport = MemoryTransport()
            connection = server.endpoint.open(Opening(hub, make_caller(), "token"), transport)
            assert isinstance(connection, Connection)
            transport.receiver = connection
            connection.feed(b'{"protocol":"json","version":1}' + RECORD_SEPARATOR)
            yield connection, self.peer_of(connection, transport)
            connection.lost(None)

    def peer_of(self, connection: Connection, transport: MemoryTransport) -> LinePeer:
        return TransportPeer(connection, transport)


class SlowPeer(TransportPeer):
    """Reads only when it is asked what it has received."""

    async def received(self, count: int) -> list[Message]:
        self.connection.resume_writing()
        return await super().received(count)


class TestConnectionOfASlowReader(TestConnection):
    """One whose transport is held up from the start."""

    def peer_of(self, connection: Connection, transport: MemoryTransport) -> LinePeer:
        connection.pause_writing()
        return SlowPeer(connection, transport)
