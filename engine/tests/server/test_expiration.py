"""What the token and the transport say about a connection's time: close on expiration, no pings where none are due."""

from __future__ import annotations

import asyncio
import json

import pytest

from hubwire.model import Principal
from hubwire.options import HubOptions
from hubwire.testing import FakeClock
from hubwire.transports.memory import MemoryTransport
from hubwire.wire.negotiation import WEBSOCKETS

from .memory import Script, opened

CLOSES = HubOptions(close_on_expiration=True)


def until(seconds: float) -> Principal:
    """Somebody whose token lives so long."""
    return Principal("user", expires_at=FakeClock().time() + seconds)


async def test_a_connection_ends_with_its_token_and_may_come_again() -> None:
    async with opened(Script(), CLOSES, principal=until(60.0)) as peer:
        await peer.passes(59.0)
        assert peer.received() == []
        await peer.passes(1.5)
        assert peer.received() == [{"type": 7, "allowReconnect": True}]
        assert peer.observer.closed == ["server"]
        assert peer.script.events == ["connected", "disconnected"]


async def test_without_the_option_a_connection_outlives_its_token() -> None:
    async with opened(Script(), principal=until(60.0)) as peer:
        await peer.passes(1000.0)
        assert peer.received() == []


async def test_a_token_without_an_end_ends_nothing() -> None:
    async with opened(Script(), CLOSES) as peer:
        await peer.passes(1000.0)
        assert peer.received() == []


@pytest.mark.parametrize(("newer", "end"), [(200.0, 200.0), (30.0, 30.0), (None, None)])
async def test_a_newer_token_counts(newer: float | None, end: float | None) -> None:
    async with opened(Script(), CLOSES, principal=until(60.0)) as peer:
        principal = Principal("user") if newer is None else until(newer)
        peer.connection.refresh(principal)
        assert peer.connection.caller.principal is principal
        await peer.passes((end or 1000.0) - 1.0)
        assert peer.received() == []
        await peer.passes(1.5)
        assert len(peer.received()) == (end is not None)


async def test_a_connection_whose_token_has_expired_meanwhile_ends_after_its_handshake() -> None:
    async with opened(Script(), CLOSES, principal=until(-5.0)) as peer:
        await peer.passes(0.5)
        assert peer.received() == [{"type": 7, "allowReconnect": True}]


async def test_a_token_that_expires_while_there_is_no_socket_ends_the_connection() -> None:
    options = HubOptions(close_on_expiration=True, stateful_reconnect=True, disconnect_timeout_seconds=15.0)
    transport = MemoryTransport()
    transport.name = WEBSOCKETS
    async with opened(
        Script(), options, principal=until(10.0), transport=transport, is_stateful=True, version=2
    ) as peer:
        await peer.passes(5.0)
        await peer.vanish()
        await peer.passes(4.0)
        assert peer.forgotten == []
        await peer.passes(1.5)
        assert not peer.connection.is_resumable
        assert peer.forgotten == [peer.connection]
        assert peer.observer.closed == ["server"]
        assert peer.script.events == ["connected", "disconnected"]


async def test_a_token_that_expires_while_connected_runs_ends_the_connection() -> None:
    hub, gate = Script(), asyncio.Event()

    async def connected() -> None:
        await gate.wait()

    hub.on_connected = connected
    async with opened(hub, CLOSES, principal=until(5.0)) as peer:
        await peer.passes(5.5)
        assert peer.received() == [{"type": 7, "allowReconnect": True}]
        gate.set()
        await peer.settle()
        assert hub.events == ["connected", "disconnected"]


@pytest.mark.parametrize(("keeps_itself_alive", "pings"), [(False, 1), (True, 0)])
async def test_a_transport_that_keeps_itself_alive_gets_no_pings(keeps_itself_alive: bool, pings: int) -> None:
    transport = MemoryTransport()
    transport.keeps_itself_alive = keeps_itself_alive
    async with opened(Script(), transport=transport) as peer:
        await peer.passes(15.5)
        assert transport.take() == [b'{"type":6}\x1e'] * pings


async def test_a_binary_protocol_is_refused_on_a_transport_for_text() -> None:
    transport = MemoryTransport()
    transport.allows_binary = False
    async with opened(Script(), transport=transport, shakes_hands=False) as peer:
        peer.connection.feed(b'{"protocol":"messagepack","version":1}\x1e')
        (answer,) = transport.take()
        assert json.loads(answer[:-1])["error"] == (
            "Cannot use the 'messagepack' protocol on the current transport. "
            "The transport does not support 'Binary' transfer format."
        )
