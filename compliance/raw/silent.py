"""Clients that read nothing of what they get."""

from __future__ import annotations

import asyncio

from compliance.raw.judge import SMALL_BUFFER_BYTES, Judge
from compliance.raw.peers import EventsPeer, Peer, WebSocketPeer
from websockets.frames import Opcode


async def read_nothing(peer: Peer, *, is_raw: bool = False) -> None:
    """Connect as one that leaves everything where it is from now on."""
    await peer.negotiate()
    if isinstance(peer, WebSocketPeer | EventsPeer):
        peer.receive_buffer_bytes = SMALL_BUFFER_BYTES
    await peer.open()
    if not is_raw:
        await peer.shake()
    if isinstance(peer, WebSocketPeer):
        peer.socket.streams.stop_reading()
    elif isinstance(peer, EventsPeer):
        peer.streams.stop_reading()


async def has_proper_end(peer: EventsPeer) -> bool:
    """Read the rest of the events, which may break off anywhere."""
    try:
        while await peer.streams.chunk():
            pass
    except (asyncio.IncompleteReadError, ConnectionError, ValueError):
        return False
    return True


async def is_cut(judge: Judge, peer: Peer) -> None:
    """The connection has ended without a Close, and nothing of it is left to ask for."""
    if isinstance(peer, WebSocketPeer):
        peer.socket.streams.go_on_reading()
        while (frame := await peer.socket.frame()) is not None:
            assert frame.opcode is not Opcode.CLOSE
    elif isinstance(peer, EventsPeer):
        peer.streams.go_on_reading()
        assert not await has_proper_end(peer)
    assert (await judge.request("GET", peer.target)).status == 404
