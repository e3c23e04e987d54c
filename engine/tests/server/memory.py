"""A connection over a transport without a wire, and a hub whose methods a test writes as plain functions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from hubwire.errors import MethodNotFound
from hubwire.hub.ongoing import BEFORE_ASKING
from hubwire.model import Caller, ConnectRequest, Principal
from hubwire.options import HubOptions, ServerOptions
from hubwire.plane.registry import Registry
from hubwire.ports import LineRegistry
from hubwire.server.connection import Connection
from hubwire.server.hosted import Hosted, HostedHub, Opening, Served
from hubwire.server.outboxes import Outboxes
from hubwire.server.stateful import open_connection
from hubwire.server.tasks import Tasks
from hubwire.server.timer_wheel import TimerWheel
from hubwire.session.message_rates import MessageRates
from hubwire.testing import FakeClock
from hubwire.transports.memory import MemoryTransport
from hubwire.wire.messages import Invocation, StreamInvocation
from hubwire.wire.protocols import hub_protocols

from .conftest import RecordingObserver, until

TURNS = 30
"""Turns of the loop in which everything that needs no time has happened."""


class Script:
    """Implements `HubHandler`: each target is a function of the arguments and uploads."""

    def __init__(self) -> None:
        self.methods: dict[str, Callable[..., Awaitable[object]]] = {}
        self.streams: dict[str, Callable[..., AsyncGenerator[object, None]]] = {}
        self.cancellable: set[str] = set()
        self.events: list[object] = []
        self.errors: list[BaseException | None] = []
        """What `disconnected` was told."""
        self.on_connected: Callable[[], Awaitable[None]] | None = None
        self.on_disconnected: Callable[[], Awaitable[None]] | None = None

    async def connected(self, caller: Caller) -> None:
        if self.on_connected is not None:
            await self.on_connected()
        self.events.append("connected")

    async def invoke(
        self, caller: Caller, invocation: Invocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> object:
        if invocation.target not in self.methods:
            raise MethodNotFound(invocation.target)
        return await self.methods[invocation.target](*invocation.arguments, *uploads)

    async def stream(
        self, caller: Caller, invocation: StreamInvocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> AsyncGenerator[object, None]:
        if invocation.target not in self.streams:
            raise MethodNotFound(invocation.target)
        items = self.streams[invocation.target](*invocation.arguments, *uploads)
        try:
            async for item in items:
                yield item
        finally:
            await items.aclose()

    def is_cancellable(self, target: str) -> bool:
        return target in self.cancellable

    async def disconnected(self, caller: Caller, error: BaseException | None) -> None:
        if self.on_disconnected is not None:
            await self.on_disconnected()
        self.events.append("disconnected")
        self.errors.append(error)


class Peer:
    """Both ends of one connection."""

    def __init__(self, script: Script, hub: HostedHub, connection: Connection, transport: MemoryTransport) -> None:
        self.script = script
        self.hub = hub
        self.connection = connection
        self.transport = transport
        self.forgotten: list[Served] = []
        """The connection, once its token is dead."""

    @property
    def is_aborted(self) -> bool:
        return self.transport.is_aborted

    @property
    def clock(self) -> FakeClock:
        assert isinstance(self.hub.clock, FakeClock)
        return self.hub.clock

    @property
    def observer(self) -> RecordingObserver:
        assert isinstance(self.hub.observer, RecordingObserver)
        return self.hub.observer

    async def settle(self) -> None:
        """Let everything happen that needs no time."""
        for _ in range(TURNS):
            await asyncio.sleep(0)

    async def sends(self, *messages: dict[str, Any]) -> list[dict[str, Any]]:
        """Feed messages, let them take effect, and return what was answered."""
        self.connection.feed(b"".join(encode(message) for message in messages))
        await self.settle()
        return self.received()

    def received(self) -> list[dict[str, Any]]:
        """What was written since the last call, without pings."""
        return decode(self.transport.take())

    async def invoke(self, number: str, target: str, *arguments: object, **fields: Any) -> list[dict[str, Any]]:
        message = {"type": 1, "invocationId": number, "target": target, "arguments": arguments}
        return await self.sends(message | fields)

    async def stream(self, number: str, target: str, *arguments: object, **fields: Any) -> list[dict[str, Any]]:
        message = {"type": 4, "invocationId": number, "target": target, "arguments": arguments}
        return await self.sends(message | fields)

    async def cancel(self, number: str) -> list[dict[str, Any]]:
        return await self.sends({"type": 5, "invocationId": number})

    async def passes(self, seconds: float) -> None:
        """Let time pass and its timers run."""
        await self.clock.until_sleeping()
        self.clock.advance(seconds)
        await self.settle()

    async def vanish(self) -> None:
        self.connection.lost(ConnectionResetError())
        await self.settle()


def encode(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\x1e"


def decode(written: list[bytes]) -> list[dict[str, Any]]:
    messages = [json.loads(part) for data in written for part in data.split(b"\x1e") if part]
    return [message for message in messages if message and message.get("type") != 6]


@asynccontextmanager
async def opened(
    script: Script,
    options: HubOptions | None = None,
    *,
    principal: Principal | None = None,
    transport: MemoryTransport | None = None,
    is_stateful: bool = False,
    version: int = 1,
    shakes_hands: bool = True,
    outboxes: Outboxes | None = None,
    registry: LineRegistry | None = None,
) -> AsyncIterator[Peer]:
    """A connection whose handshake is done, unless it is not to be."""
    clock = FakeClock()
    options = options or HubOptions()
    hub = HostedHub(
        name="Scripted",
        options=options,
        codecs=hub_protocols(options.protocols, options.property_names),
        handler=script,
        method_name=lambda target: target if target in {**script.methods, **script.streams} else None,
        registry=Registry() if registry is None else registry,
        clock=clock,
        observer=RecordingObserver(),
        wheel=TimerWheel(clock),
        tasks=Tasks(),
        outboxes=Outboxes(ServerOptions().outbox_total_bytes) if outboxes is None else outboxes,
        rates=MessageRates(options),
        is_one_of_several=registry is not None,
    )
    forgotten: list[Served] = []
    hosted = Hosted("Scripted", options, None, lambda opening, transport, on_gone: open_(opening, transport), None)

    def open_(opening: Opening, transport: Any) -> Connection:
        return open_connection(hub, opening, transport, forgotten.append)

    request = ConnectRequest("GET", "/", {}, {}, "", "http")
    transport = transport or MemoryTransport()
    caller = Caller("one", hub.name, principal or Principal("user"), request, transport.name)
    connection = open_(Opening(hosted, caller, "token", is_stateful), transport)
    transport.receiver = connection
    peer = Peer(script, hub, connection, transport)
    peer.forgotten = forgotten
    wheel = asyncio.create_task(hub.wheel.run())
    try:
        if shakes_hands:
            connection.feed(encode({"protocol": "json", "version": version}))
            await until(lambda: script.on_connected is not None or "connected" in script.events)
            await peer.settle()
            assert decode(transport.take()) == []
        yield peer
    finally:
        connection.abort()
        await peer.settle()
        wheel.cancel()
        await hub.tasks.cancel()


async def asks(peer: Peer, target: str, *arguments: object, timeout_seconds: float | None = None) -> object:
    """What a data plane does for hub code that asks its client."""
    BEFORE_ASKING.get()()
    return await peer.connection.ask(target, arguments, timeout_seconds)
